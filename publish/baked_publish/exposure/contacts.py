"""Contacts: e-mail addresses and telephone numbers, as a column's values or within a text."""

import re
from collections.abc import Iterator
from typing import Final

MAIL_WORDS: Final = frozenset({"email", "mail", "courriel", "correo", "epost", "sähköposti"})
PHONE_WORDS: Final = frozenset(
    {
        *("phone", "telephone", "tel", "mobile", "cell", "cellphone", "fax", "msisdn", "whatsapp"),
        *("telefon", "handy", "mobil", "téléphone", "portable", "teléfono", "telefono", "celular", "móvil"),
        *("telefone", "cellulare", "telefoon", "tlf", "puhelin", "komórka"),
    }
)
PICTURES: Final = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js"})
"""What looks like a domain in the name of a picture for two screens: ``logo@2x.png``."""
DOMAIN: Final = re.compile(r"@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,24}))(?![a-z0-9])", re.IGNORECASE)
LOCAL: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+\Z", re.IGNORECASE)
LONGEST_LOCAL: Final = 64
INTERNATIONAL: Final = re.compile(r"\+[1-9](?:[ ().\-/]{0,2}\d){6,14}(?!\d)")
NATIONAL: Final = re.compile(r"[(]?\d(?:[ ().\-/]{0,2}\d){6,14}")
NORTH_AMERICAN: Final = re.compile(r"(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}")


def mail_addresses(text: str) -> Iterator[str]:
    """Yield what looks like an address in ``text``; the search begins at each @, which is fast."""
    if "@" not in text:
        return
    for found in DOMAIN.finditer(text):
        at = found.start()
        local = LOCAL.search(text, max(0, at - LONGEST_LOCAL), at)
        if local and found[2].lower() not in PICTURES:
            yield f"{local[0]}{found[0]}".lower()


def international_numbers(text: str) -> Iterator[str]:
    """Yield each number in ``text`` that begins with + and is one that its country gives out."""
    if "+" not in text:
        return
    for found in INTERNATIONAL.finditer(text):
        if _given_out(found[0], None):
            yield re.sub(r"\D", "", found[0])


def like_a_number(value: str) -> bool:
    """Tell whether a whole value has the digits of a telephone number; its column's name must say the rest."""
    return NATIONAL.fullmatch(value.strip()) is not None or INTERNATIONAL.fullmatch(value.strip()) is not None


def north_american(value: str) -> bool:
    """Tell whether a whole value is written as in North America, and is a number that is given out there."""
    return NORTH_AMERICAN.fullmatch(value.strip()) is not None and _given_out(value, "US")


def _given_out(number: str, region: str | None) -> bool:
    import phonenumbers  # noqa: PLC0415 - 140 ms that most databases do without

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False

"""Numbers that name a person or his money: national ids, cards and accounts, with the check digits of each."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final, Self

from baked_publish.exposure.chance import NEVER, by_chance
from baked_publish.exposure.exposure import Kind
from baked_publish.exposure.words import says

SEPARATORS: Final = re.compile(r"[\s.\-/]")
DIGIT: Final = re.compile(r"\d")
SHORTEST, LONGEST, FEWEST_DIGITS = 7, 44, 4
"""Of a value that may be one: characters, and digits among them."""
HALF: Final = 0.5
"""The share of a column's values that must be such numbers where its name does not say so."""
SOME: Final = 0.2
"""The share where its name does."""


@dataclass(frozen=True, slots=True)
class Number:
    """One kind of number."""

    kind: Kind
    about: str
    module: str
    """The module of ``stdnum`` that checks it, empty for a shape without check digits."""
    shape: str
    """A regular expression that the value must have, without separators unless ``written``."""
    chance: float
    """The share of values of that shape that pass by chance."""
    words: str
    """What a column of it is called, in its country's words."""
    alone: bool = True
    """Whether values alone tell; else the column's name must, because other numbers look like it."""
    written: bool = False
    """Whether the shape is of the value as it is written, separators and all."""

    def shaped(self, value: "Value") -> bool:
        """Tell whether ``value`` has the shape."""
        return _compiled(self.shape).fullmatch(value.written if self.written else value.bare) is not None

    def passes(self, value: "Value") -> bool:
        """Tell whether ``value`` has the shape and the check digits."""
        return self.shaped(value) and (not self.module or _checker(self.module)(value.written))

    def is_told_by(self, name: str) -> bool:
        """Tell whether a column of this name is said to hold it."""
        return says(name, self.words.split())


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is written, and without separators."""

    written: str
    bare: str

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Return it; None where it is too short, too long or too poor in digits to be one."""
        written = text.strip()
        if not SHORTEST <= len(written) <= LONGEST or len(DIGIT.findall(written)) < FEWEST_DIGITS:
            return None
        return cls(written, SEPARATORS.sub("", written))


@cache
def _compiled(shape: str) -> re.Pattern[str]:
    return re.compile(shape, re.IGNORECASE)


@cache
def _checker(module: str) -> Callable[[str], bool]:
    checker: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return checker


def _person(about: str, module: str, shape: str, chance: float, words: str, **more: bool) -> Number:
    return Number("national-id", f"national ids, {about}", module, shape, chance, words, **more)


BORN: Final = r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
"""Month and day."""
NROB: Final = r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])"
"""Day and month."""
NUMBERS: Final[Sequence[Number]] = (
    Number(
        "card",
        "payment card numbers",
        "luhn",
        r"4\d{12}(\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|6(011|5\d\d|4[4-9]\d)\d{12}",
        0.1,
        "card cardnumber creditcard pan ccnumber kreditkarte karte carte tarjeta",
    ),
    Number("account", "bank accounts (IBAN)", "iban", r"[A-Z]{2}\d\d[A-Z0-9]{11,30}", 0.01, "iban"),
    # told by their values alone: a date within, letters, or several check digits
    _person("US (SSN)", "us.ssn", r"\d{3}-\d{2}-\d{4}", 0.02, "ssn socialsecurity", written=True),
    _person("British (NINO)", "", r"(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z]\d{6}[A-D]", 0.01, "nino ni insurance"),
    _person("French (NIR)", "fr.nir", r"[12378]\d{2}[0-9AB]{2}\w{8}\d{2}", 0.01, "nir insee sécu secu"),
    _person("Italian (codice fiscale)", "it.codicefiscale", r"[A-Z]{6}\w{10}", 0.01, "codicefiscale cf fiscale"),
    _person("Spanish (DNI, NIE)", "es.nif", r"(\d{8}|[XYZ]\d{7})[A-Z]", 0.05, "dni nie nif"),
    _person("Polish (PESEL)", "pl.pesel", r"\d{11}", 0.03, "pesel"),
    _person("Norwegian", "no.fodselsnummer", r"\d{11}", 0.001, "fødselsnummer fodselsnummer fnr personnummer"),
    _person("Swedish", "se.personnummer", r"(\d{2})?\d{2}" + BORN + r"[-+]\d{4}", 0.1, "personnummer", written=True),
    _person("Finnish", "fi.hetu", NROB + r"\d{2}[-+A-F]\d{3}\w", 0.05, "hetu henkilötunnus", written=True),
    _person("Danish (CPR)", "dk.cpr", NROB + r"\d{2}-\d{4}", 0.3, "cpr cprnr cprnummer personnummer", written=True),
    _person("Estonian or Lithuanian", "ee.ik", r"[1-6]\d{2}" + BORN + r"\d{4}", 0.1, "isikukood asmenskodas ik"),
    _person("Czech or Slovak", "cz.rc", r"\d{2}[0-37-8]\d{5}/?\d{3,4}", 0.1, "rodnecislo rc", alone=False),
    _person("Romanian (CNP)", "ro.cnp", r"[1-8]\d{2}" + BORN + r"\d{6}", 0.1, "cnp"),
    _person("Bulgarian (EGN)", "bg.egn", r"\d{10}", 0.05, "egn егн", alone=False),
    _person("Greek (AMKA)", "gr.amka", NROB + r"\d{7}", 0.1, "amka αμκα"),
    _person("Slovenian (EMŠO)", "si.emso", NROB + r"\d{9}", 0.1, "emso emšo jmbg"),
    _person("Swiss (AHV)", "ch.ssn", r"756\d{10}", 0.1, "ahv avs navs"),
    _person("Belgian", "be.nn", r"\d{2}" + BORN + r"\d{5}", 0.02, "rijksregister nationalnumber nn registre"),
    _person("Turkish", "tr.tckimlik", r"[1-9]\d{10}", 0.01, "tckimlik kimlik tckn"),
    _person("Chinese", "cn.ric", r"\d{6}(19|20)\d{2}" + BORN + r"\d{3}[0-9X]", 0.1, "身份证 idcard shenfenzheng"),
    _person("Korean (RRN)", "kr.rrn", r"\d{2}" + BORN + r"-[1-8]\d{6}", 0.1, "rrn 주민등록번호", written=True),
    _person("South African", "za.idnr", r"\d{2}" + BORN + r"\d{4}[01]\d{2}", 0.1, "idnumber rsaid said"),
    _person("Mexican (CURP)", "mx.curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}\w\d", 0.1, "curp"),
    _person("Brazilian (CPF)", "br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", 0.01, "cpf", written=True),
    _person("Indian (PAN)", "in_.pan", r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", 0.01, "pan"),
    # like other numbers, so that the column's name must tell
    _person("US (SSN)", "us.ssn", r"\d{9}", 0.9, "ssn socialsecurity", alone=False),
    _person("British (NHS)", "gb.nhs", r"\d{10}", 0.09, "nhs nhsnumber", alone=False),
    _person("German (Steuer-ID)", "de.idnr", r"[1-9]\d{10}", 0.05, "steuerid idnr steuernummer tin", alone=False),
    _person("Dutch (BSN)", "nl.bsn", r"\d{8,9}", 0.09, "bsn sofinummer sofi burgerservicenummer", alone=False),
    _person("Canadian (SIN)", "ca.sin", r"\d{9}", 0.1, "sin nas socialinsurance", alone=False),
    _person("Brazilian (CPF)", "br.cpf", r"\d{11}", 0.01, "cpf", alone=False),
    _person("Swedish", "se.personnummer", r"(\d{2})?\d{10}", 0.1, "personnummer", alone=False),
    _person("Danish (CPR)", "dk.cpr", r"\d{10}", 0.3, "cpr cprnr cprnummer", alone=False),
    _person("Chilean (RUT)", "cl.rut", r"\d{7,8}[0-9K]", 0.09, "rut run", alone=False),
    _person("Argentine (DNI)", "ar.dni", r"\d{7,8}", 1.0, "dni", alone=False),
    _person("Portuguese (CC)", "pt.cc", r"\d{9}[A-Z0-9]{2}\d", 0.1, "cartaocidadao cc bi", alone=False),
    _person("Indian (Aadhaar)", "in_.aadhaar", r"[2-9]\d{11}", 0.1, "aadhaar aadhar uid", alone=False),
    _person("Australian (TFN)", "au.tfn", r"\d{8,9}", 0.09, "tfn taxfile", alone=False),
    _person("Irish (PPS)", "ie.pps", r"\d{7}[A-W][A-IW]?", 0.05, "pps ppsn", alone=False),
    _person("Israeli", "il.idnr", r"\d{9}", 0.1, "teudatzehut תעודתזהות idnumber", alone=False),
    _person("Croatian (OIB)", "hr.oib", r"\d{11}", 0.1, "oib", alone=False),
    _person("Japanese (My Number)", "jp.in_", r"\d{12}", 0.1, "mynumber 個人番号", alone=False),
    _person("Icelandic (kennitala)", "is_.kennitala", r"\d{10}", 0.1, "kennitala", alone=False),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A kind of number that a column holds."""

    number: Number
    found: int


def recognise(column: str, texts: Sequence[str]) -> Iterator[Recognised]:
    """Yield the kinds of numbers that distinct ``texts`` of a column are, the likeliest of each kind only."""
    values = [value for text in texts if (value := Value.of(text)) is not None]
    if len(values) < SOME * len(texts):
        return
    best: dict[Kind, Recognised] = {}
    for number in NUMBERS:
        told = number.is_told_by(column)
        if not (told or number.alone):
            continue
        shaped = [value for value in values if number.shaped(value)]
        passed = sum(number.passes(value) for value in shaped)
        likely = passed >= len(texts) * (SOME if told else HALF) and passed > 0
        if likely and (told or by_chance(passed, len(shaped), number.chance) < NEVER):
            best.setdefault(number.kind, Recognised(number, passed))
            if passed > best[number.kind].found:
                best[number.kind] = Recognised(number, passed)
    yield from best.values()

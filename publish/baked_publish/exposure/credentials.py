"""Credentials: keys, tokens and passwords within texts, found by the rules of Kingfisher and by a few of ours."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baked_publish.cachedir import cache_home

if TYPE_CHECKING:
    from kingfisher_sdk import Scanner

RULES: Final = Path(__file__).with_name("secret_rules.yaml")
LIKELY: Final = re.compile(r"(?=[A-Za-z_+/=.$-]*\d)[A-Za-z0-9_+/=.$-]{20}|://[^\s/]*@|-----BEGIN")
"""What every secret has: twenty characters without a gap and a digit among them, or a URL with a name in it."""
PASSWORD_WORDS: Final = frozenset({"password", "passwd", "pwd", "passphrase", "passwort", "motdepasse", "contraseña"})
KEY_WORDS: Final = frozenset(
    {"apikey", "secretkey", "accesskey", "accesstoken", "authtoken", "refreshtoken", "privatekey", "clientsecret"}
)
ABOUT_ANOTHER: Final = frozenset({"date", "changed", "updated", "at", "expires", "count", "policy", "hint", "length"})
"""Words that make a column one about passwords: ``password_changed_at``."""


def is_available() -> bool:
    """Tell whether the library is there: it has no wheels for every machine."""
    return find_spec("kingfisher_sdk") is not None


@cache
def _scanner() -> "Scanner":
    from kingfisher_sdk import Rules, Scanner  # noqa: PLC0415 - 35 MB that most runs do without

    # its rules take seconds to compile, and a third of one to be read back
    return Scanner(Rules([RULES], cache_dir=cache_home() / "rules"), redact=True)


def secrets_in(texts: Sequence[str]) -> Counter[str]:
    """Count the texts with a secret in them, by the name of the rule; nothing that was found is kept."""
    likely = [text for text in texts if LIKELY.search(text)]
    if not likely or not is_available():
        return Counter()
    parts = [text.encode(errors="replace") for text in likely]
    ends = list(accumulate(len(part) + 1 for part in parts))
    found: Any = _scanner().scan(b"\n".join(parts))
    hits = {(each.rule_id, bisect_right(ends, each.location["start_offset"])) for each in found if each.visible}
    first: dict[int, str] = {}
    for rule, text in sorted(hits):
        first.setdefault(text, rule.rpartition(".")[2].rpartition("/")[2])
    return Counter(first.values())

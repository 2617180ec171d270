"""Names that tell by themselves: columns of passwords, and tables that belong to a program and not to readers."""

import re
from collections.abc import Sequence
from typing import Final

from baked_publish.exposure.credentials import ABOUT_ANOTHER, KEY_WORDS, PASSWORD_WORDS
from baked_publish.exposure.exposure import Kind
from baked_publish.exposure.words import says, words_of

PASSPORT_WORDS: Final = frozenset({"passport", "passportno", "passportnumber", "reisepass", "passeport", "pasaporte"})
USERS: Final = r"(auth_|wp_|app_)?users?|(auth_)?user_(permissions|groups)|logins?"
SESSIONS: Final = r"(django|http|user|web|login)_sessions?"
PROGRAMS: Final = (
    r"django_\w+|auth_(group|permission)\w*|alembic_version|schema_migrations|ar_internal_metadata|_?migrations"
    r"|knex_\w+|flyway_\w+|goose_db_version|_prisma_migrations|wp_options|wp_usermeta"
)
CREDENTIALS: Final = r"(\w+_)?(passwords?|credentials?|api_?keys?|(access|auth|api)_?tokens?|oauth\w*|secrets)"
LOGS: Final = r"(\w+_)?(audit_?log|access_?log|login_?attempts|error_?log|debug_?log)"
LEFT_OVER: Final = (
    r"\w+_(backup|bak|old|tmp|copy)(_?\d+)?|(backup|tmp|bak|staging)_\w+|\w+_staging|copy_of_\w+|tmp|scratch"
)
NOT_PUBLIC: Final = (
    r"(\w+_)?(internal|private|confidential)(_(notes?|comments?|data|info))?|do_not_publish\w*|embargoe?d?(_\w+)?"
)
INTERNAL: Final[Sequence[tuple[re.Pattern[str], str]]] = tuple(
    (re.compile(pattern, re.IGNORECASE), about)
    for pattern, about in (
        (USERS, "looks like accounts of users"),
        (SESSIONS, "looks like sessions of a program"),
        (PROGRAMS, "belongs to a program"),
        (CREDENTIALS, "looks like credentials"),
        (LOGS, "looks like the log of a program"),
        (LEFT_OVER, "looks like a leftover of work"),
        (NOT_PUBLIC, "says that it is not public"),
    )
)


def kind_of_column(name: str) -> tuple[Kind, str] | None:
    """Return what a column is by its name alone; None for nearly all."""
    if not words_of(name).isdisjoint(ABOUT_ANOTHER):
        return None
    if says(name, PASSWORD_WORDS):
        return "secret", "passwords, by the column's name"
    if says(name, KEY_WORDS):
        return "secret", "keys, by the column's name"
    if says(name, PASSPORT_WORDS):
        return "national-id", "passport numbers, by the column's name"
    return None


def internal(table: str) -> str | None:
    """Return why a table of this name looks internal; None if it does not."""
    return next((about for pattern, about in INTERNAL if pattern.fullmatch(table)), None)

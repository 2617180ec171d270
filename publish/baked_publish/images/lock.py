"""``publish.lock``: the base image and the packages that a project is built of, resolved once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Self

import orjson

from baked_publish.errors import ConfigError, StorageError

FILE_NAME: Final = "publish.lock"
FORMAT: Final = 1
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
LINE: Final = re.compile(r"#.*|[A-Za-z0-9][\w.-]*==\S+( ; .+)? \\|[ ]{4}--hash=sha256:[0-9a-f]{64}( \\)?")
"""A line of requirements: nothing that names an address, a file or an option of the installer."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What was resolved, and for which wishes."""

    bases: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digest (``sha256:...``) of each base image by the reference that was asked for."""
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Requirements with hashes, as pip reads them, by the words of ``--install`` they were resolved for."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the lock in ``folder``; an empty one if there is none. Raises ConfigError if it cannot be understood."""
        path = folder / FILE_NAME
        try:
            raw: Any = orjson.loads(path.read_bytes())
            if raw["format"] != FORMAT:
                raise ConfigError(
                    f"{str(path)!r} has format {raw['format']!r}, this version reads {FORMAT}: upgrade baked-data, or "
                    "remove the file to look everything up anew"
                )
            packages = {words: _text(lines) for words, lines in raw["packages"].items()}
            return cls({asked: _digest(said) for asked, said in raw["bases"].items()}, packages)
        except FileNotFoundError:
            return cls()
        except OSError as exc:
            raise ConfigError(f"{str(path)!r} cannot be read: {exc.strerror}") from exc
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ConfigError(
                f"{str(path)!r} is damaged ({exc}): restore it, or remove it to look everything up anew"
            ) from exc

    def write(self, folder: Path) -> None:
        """Write the lock into ``folder``, at once, and only if it says anything new."""
        path, data = folder / FILE_NAME, self.to_json()
        if not self.bases and not self.packages:
            return
        partial = path.with_name(f".{FILE_NAME}.{token_hex(8)}")
        try:
            if path.is_file() and path.read_bytes() == data:
                return
            try:
                partial.write_bytes(data)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as exc:
            raise StorageError(
                f"{str(path)!r} cannot be written ({exc.strerror}): run the command in a folder that you may write"
            ) from exc

    def to_json(self) -> bytes:
        """Return it as JSON for people and for version control: sorted, a line a value."""
        packages = {words: text.splitlines() for words, text in self.packages.items()}
        value = {"format": FORMAT, "bases": self.bases, "packages": packages}
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def with_base(self, asked: str, digest: str) -> Self:
        """Return it with one base image more."""
        return replace(self, bases={**self.bases, asked: digest})

    def with_packages(self, words: str, requirements: str) -> Self:
        """Return it with the packages of ``words`` resolved."""
        return replace(self, packages={**self.packages, words: requirements})


def _digest(said: str) -> str:
    if not DIGEST.fullmatch(said):
        raise ValueError(f"{said!r} is not a digest")
    return said


def _text(lines: list[str]) -> str:
    for line in lines:
        if not LINE.fullmatch(line):
            raise ValueError(f"{line!r} is not a requirement with its hash")
    return "\n".join(lines) + "\n"

"""Plugin secrets: what a plugin is told at start, and what no Bundle, layer, log or cache ever holds.

Metadata gets a reference, ``{$env: NAME}``; the value goes to the environment of the deployment.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import scrypt
from pathlib import Path
from typing import Any, Final

from baked_publish.errors import ConfigError, UsageError
from baked_publish.options import option
from baked_publish.redaction import keep_secret

PREFIX: Final = "BAKED_SECRET_"
"""The beginning of the environment names that plugin secrets get."""
COST: Final = 1 << 14
"""Of a guess at a secret by whoever sees a release: some 50 ms, 16 MB."""


@dataclass(frozen=True, slots=True)
class PluginSecrets:
    """What plugins are told in secret."""

    plugin_secret: tuple[tuple[str, str, str], ...] = option(
        (), "PLUGIN KEY VALUE, kept out of the Bundle; @FILE reads the value from a file, which no other user sees."
    )

    def references(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield plugin, key and what metadata holds in place of the value."""
        for plugin, key, _ in self.plugin_secret:
            yield plugin, key, {"$env": name_of(plugin, key)}

    def values(self) -> Mapping[str, str]:
        """Return the values by environment name; from now on none of them is told.

        Raises ConfigError for a file that cannot be read, UsageError for two secrets of one name.
        """
        found: dict[str, str] = {}
        for plugin, key, said in self.plugin_secret:
            keep_secret(value := _read(said))
            if found.setdefault(name_of(plugin, key), value) != value:
                raise UsageError(f"--plugin-secret {plugin} {key} is said twice: leave one out")
        return found


def name_of(plugin: str, key: str) -> str:
    """Return the environment name of a secret."""
    return PREFIX + re.sub(r"[^A-Z0-9]+", "_", f"{plugin}_{key}".upper())


def version_of(target: str, name: str, values: Mapping[str, str]) -> str:
    """Return hex digits that change with the values and do not tell them, for the release; empty without secrets."""
    if not values:
        return ""
    text = "\0".join(f"{key}={values[key]}" for key in sorted(values)).encode()
    return scrypt(text, salt=f"{target}/{name}".encode(), n=COST, r=8, p=1, maxmem=64 << 20, dklen=32).hex()


def _read(said: str) -> str:
    if not said.startswith("@"):
        return said
    try:
        return Path(said[1:]).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the file {said[1:]!r} of --plugin-secret cannot be read: {exc}") from exc

"""The login: who we are to Fly, as its environment names or flyctl's own file tell it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from baked_publish.errors import PreflightError
from baked_publish.redaction import keep_secret

NAMES: Final = ("FLY_ACCESS_TOKEN", "FLY_API_TOKEN")
"""In flyctl's own order."""
SCHEMES: Final = frozenset({"flyv1", "bearer"})
MACAROONS: Final = ("fm1r_", "fm1a_", "fm2_")
"""How tokens begin that stand after ``FlyV1``."""
FIX: Final = (
    "run `fly auth login`, or set FLY_API_TOKEN to a token of `fly tokens create deploy --app APP` for an app that "
    "exists, or of `fly tokens create org --org ORG` where the app is to be made"
)


@dataclass(frozen=True, slots=True)
class Login:
    """A token, one or several parted by commas; it does not show in its repr."""

    token: str = field(repr=False)
    source: str
    """The name or the file that told it."""

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ, home: Path | None = None) -> Self | None:
        """Return what the environment or flyctl's file says, None if neither says anything.

        Raises PreflightError for a file that cannot be read.
        """
        for name in NAMES:
            if token := _bare(environment.get(name, "")):
                return cls(token, name)
        folder = environment.get("FLY_CONFIG_DIR")
        file = (Path(folder) if folder else (home or Path.home()) / ".fly") / "config.yml"
        token = _bare(_stored(file))
        return cls(token, str(file)) if token else None

    def __post_init__(self) -> None:
        """See that nobody is told of it."""
        for each in (self.token, *self.tokens):
            keep_secret(each)

    @property
    def tokens(self) -> list[str]:
        """Each token by itself."""
        return [each.strip() for each in self.token.split(",") if each.strip()]

    @property
    def header(self) -> str:
        """What stands in the Authorization header of the Machines API: it takes macaroons alone where there are any."""
        macaroons = [each for each in self.tokens if each.startswith(MACAROONS)]
        return f"FlyV1 {','.join(macaroons)}" if macaroons else f"Bearer {self.token}"


def _bare(said: str) -> str:
    """Return a token without the word of its scheme."""
    first, _, rest = said.strip().partition(" ")
    return rest.strip() if first.lower() in SCHEMES else said.strip()


def _stored(file: Path) -> str:
    """Return the token in flyctl's file, empty if there is none."""
    import yaml  # noqa: PLC0415 - not needed where the environment tells

    try:
        raw: Any = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise PreflightError(f"flyctl's {str(file)!r} cannot be read ({type(exc).__name__}): {FIX}") from exc
    found = raw.get("access_token") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found if isinstance(found, str) else ""

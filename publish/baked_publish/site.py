"""The site: templates, plugins and static files that a publisher lays around the databases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Site:
    """Files of the site by their path inside the Bundle, which begins with ``site/``."""

    files: Mapping[str, Path] = field(default_factory=dict[str, Path])

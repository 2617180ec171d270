"""Config: metadata and settings, validated and merged before anything is baked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Config:
    """What goes into the Manifest beside the databases: plain JSON values only."""

    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Datasette's shape: title, license, ..., ``databases: {NAME: {tables: {NAME: {...}}, queries: {...}}}``."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Only what differs from the defaults in ``baked_core.settings``."""

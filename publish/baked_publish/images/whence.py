"""Whence a base image comes: a registry's reference, or ``oci:DIR[:TAG]`` for a layout on this disk."""

from baked_publish.errors import ConfigError
from baked_publish.images.base import Wanted, wanted_layout


def wanted_base(asked: str) -> Wanted:
    """Read what ``--base-image`` says; nothing is looked up yet."""
    if asked.startswith("oci:"):
        return wanted_layout(asked)
    raise ConfigError(asked)

"""Image options: the flags of whatever builds an Image."""

from dataclasses import dataclass
from typing import Any, Literal

from baked_publish.options import option

Builder = Literal["wheels", "docker"]


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """What an Image is built of; all of it is in the Image's digest, so none of it is in the release once more."""

    base_image: str | None = option(
        None,
        "Image to build on: a reference, or oci:DIR[:TAG] for a layout on disk; by default this Python, slim.",
        envvar="BAKED_BASE_IMAGE",
        release=False,
    )
    install: tuple[str, ...] = option((), "Package for the app's plugins, such as name==1.2.", release=False)
    builder: Builder = option("wheels", "How packages get in: wheels, or by a docker engine.", release=False)
    apt: tuple[str, ...] = option((), "Debian package to install; needs --builder docker.", release=False)
    label: tuple[tuple[str, str], ...] = option((), "KEY VALUE, a label and annotation.", release=False)
    upgrade: bool = option(False, "Look up base image and packages anew, whatever publish.lock says.", release=False)


def platforms() -> Any:
    """Declare the option that says for which machines an Image is built."""
    return option(("linux/amd64",), "Machine it is for, linux/amd64 or linux/arm64; repeatable.", release=False)


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """For which machines an Image is built."""

    platform: tuple[str, ...] = platforms()

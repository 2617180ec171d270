"""Orders: what the app tells the zygote."""

import struct
from typing import Any, Final

from msgspec import Struct

MESSAGE: Final = struct.Struct("!cI")
"""An order, and the process that it is about."""
MAKE: Final = b"M"
"""Make a runner; the socket by which it is to speak to the app comes with the message."""
FORGET: Final = b"F"
"""Let go of the number of a runner that was killed."""


class Hello(Struct):
    """What a new zygote is told first."""

    site: str = ""
    """The Bundle whose plugins it loads; empty if there are none."""
    metadata: dict[str, Any] = {}

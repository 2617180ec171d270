"""The survey before a publish: whether the port is free or ours, and who may read what is kept on this disk."""

import os
from collections.abc import Iterator

from baked_publish.cachedir import cache_home
from baked_publish.deployment import Finding
from baked_publish.errors import TargetError
from baked_publish.keeper.contact import Contact
from baked_publish.keeper.folder import Folder
from baked_publish.keeper.ledger import Address
from baked_publish.keeper.listener import listen


def port(wanted: Address, folder: Folder) -> Finding:
    """Look whether the port is free, or held by the keeper of this name."""
    bound, status = folder.ledger().bound, Contact(folder).status()
    if wanted.host == bound.host and wanted.port in {None, bound.port}:
        wanted = bound
    if wanted.port is None or (status and status["public"] and wanted == bound):
        return Finding(ok=True, what="port")
    return free(wanted, folder.name)


def free(wanted: Address, name: str) -> Finding:
    """Look whether an address is free for ``name``."""
    try:
        listen(wanted, name).close()
    except TargetError as exc:
        return Finding(ok=False, what=f"{wanted.host}:{wanted.port}", fix=str(exc))
    return Finding(ok=True, what=f"port {wanted.port}")


def private(folder: Folder) -> Iterator[Finding]:
    """Yield for each folder whether nobody else may read it."""
    for what, path in (("state", folder.path.parent), ("this name", folder.path), ("cache", cache_home())):
        if not path.exists():
            continue
        seen = path.stat()
        ours = seen.st_uid == os.getuid() and not seen.st_mode & 0o077
        fix = "" if ours else f"others may read it or it is not yours: chown it, and chmod 700 {str(path)!r}"
        yield Finding(ok=ours, what=f"only you can read the folder of {what}, {str(path)!r}", fix=fix)

"""``make clouds``: the stand-ins of all platforms, in the foreground, until Ctrl-C.

Starts a Docker engine, a registry and every stand-in, makes a base image, and writes ``clouds.env`` beside the
Makefile once all of them answer; the file is gone when they are.
"""

import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import FrameType

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

STAND_INS = ("google_cloud", "fly_cloud")
"""Modules beside this one; each has ``standing``, a ``ground.Standing``."""
ENV_FILE = CHECKOUT / "clouds.env"


def unable() -> str:
    """Return why this machine cannot run the stand-ins; empty if it can."""
    if os.getuid() != 0:
        return "only root can start a Docker engine: run `sudo make clouds`"
    needed = {
        "dockerd": "docker.io",
        "docker-registry": "docker-registry",
        "setpriv": "util-linux",
        "apt-get": "apt",
        "skopeo": "skopeo",
    }
    missing = [package for program, package in needed.items() if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}; on Debian: apt-get install {' '.join(missing)}" if missing else ""


def run(stack: ExitStack, folder: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Start everything, one after the other; yield the name of each part and its environment."""
    from base_image import layout  # noqa: PLC0415 - found once the path is set
    from engine import Daemon  # noqa: PLC0415
    from ground import Ground  # noqa: PLC0415
    from registry import serving  # noqa: PLC0415

    base = layout()
    yield "a base image", {"BAKED_BASE_IMAGE": f"oci:{base}:3.11"}
    engine = Daemon(folder / "engine")
    engine.folder.mkdir()
    stack.callback(engine.remove)
    engine.start()
    engine.keep(f"oci:{base}:one")
    yield "a Docker engine", {}
    ground = Ground(engine, stack.enter_context(serving(folder / "registry")), folder)
    yield "a registry", {}
    for name in STAND_INS:
        if (HERE / f"{name}.py").exists():
            yield name, stack.enter_context(import_module(name).standing(ground))


def write(found: Mapping[str, str]) -> None:
    """Write what a shell reads, at one moment."""
    lines = ["# Made by `make clouds`; good as long as it runs. In a shell: . ./clouds.env"]
    lines += [f"export {key}={shlex.quote(value)}" for key, value in found.items()]
    partial = ENV_FILE.with_suffix(".partial")
    partial.write_text("\n".join([*lines, ""]))
    partial.chmod(0o600)
    partial.replace(ENV_FILE)


def stop(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run until interrupted."""
    if reason := unable():
        print(f"make clouds: {reason}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, stop)
    with tempfile.TemporaryDirectory(prefix="clouds-", ignore_cleanup_errors=True) as home, ExitStack() as stack:
        try:
            found: dict[str, str] = {}
            for name, told in run(stack, Path(home)):
                print(f"{name} is ready", file=sys.stderr, flush=True)
                found.update(told)
            stack.callback(ENV_FILE.unlink, missing_ok=True)
            write(found)
            print(f"{ENV_FILE} is written: source it in another shell; Ctrl-C ends all of it", flush=True)
            while True:
                signal.pause()
        except KeyboardInterrupt:
            print("taking everything down", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Compressors of layers, in MB of database a second and in size: libdeflate by level, beside zlib and isa-l.

One thread, members of 4 MB, over 50 MB of the flights. What each writes on this machine and on three CPUs of an
emulator is compared as well: a layer's digest must not depend on where it was packed. Needs qemu-user.
"""

import subprocess
import venv
from pathlib import Path
from statistics import median

from bake import sized
from workbench import SCRATCH, ratio, record, show

from baked_publish.images.gzip import LEVEL, MEMBER, VERSION

ROUNDS = 5
PEERS = ("isal==1.9.1", f"deflate=={VERSION}")
EMULATED = tuple(("qemu-x86_64", "-cpu", cpu) for cpu in ("Nehalem", "Haswell", "max"))
SIDES = {
    **{f"libdeflate {level}": f"deflate.gzip_compress(piece, {level})" for level in (1, 3, LEVEL, 6, 9)},
    "zlib 6": "gzip.compress(piece, 6, mtime=0)",
    "isa-l 1": "igzip.compress(piece, 1, mtime=0)",
    "isa-l 2": "igzip.compress(piece, 2, mtime=0)",
    "isa-l 3": "igzip.compress(piece, 3, mtime=0)",
}
PROGRAM = """
import gzip, hashlib, sys, time
import deflate
from isal import igzip
data = open(sys.argv[1], "rb").read(int(sys.argv[2]))
pieces = [data[start : start + {member}] for start in range(0, len(data), {member})]
began, size, seen = time.perf_counter(), 0, hashlib.sha256()
for piece in pieces:
    made = {call}
    size += len(made)
    seen.update(made)
print(len(data) / 1e6 / (time.perf_counter() - began), size / len(data), seen.hexdigest())
"""


def packers() -> Path:
    """Return the Python of an environment with the compressors in it, made at first use."""
    home = SCRATCH / "packers"
    if not (home / ".done").exists():
        venv.create(home, clear=True, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, *PEERS], check=True)
        (home / ".done").touch()
    return home / "bin" / "python"


def packed(path: Path, call: str, size: int, before: tuple[str, ...] = ()) -> tuple[float, float, str]:
    """Return MB a second, the share of the size that is left, and the digest of what was written."""
    words = [*before, str(packers()), "-c", PROGRAM.format(member=MEMBER, call=call), str(path), str(size)]
    speed, share, digest = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(speed), float(share), digest


def main() -> None:
    """Measure, show and record."""
    path = sized("50 MB", 50_000_000)
    speeds: dict[str, list[float]] = {name: [] for name in SIDES}
    rows: dict[str, dict[str, float | bool]] = {}
    for _ in range(ROUNDS):
        for name, call in SIDES.items():
            speed, share, _ = packed(path, call, 50_000_000)
            speeds[name].append(speed)
            rows[name] = {"size": round(share, 3)}
    for name, call in SIDES.items():
        written = {packed(path, call, 2 * MEMBER, before)[2] for before in ((), *EMULATED)}
        rows[name] |= {
            "MB/s": round(median(speeds[name])),
            "ratio": round(ratio(speeds[name], speeds["zlib 6"]), 1),
            "same on every CPU": len(written) == 1,
        }
    heads = ("", "MB/s", "ratio to zlib 6", "size left", "same on every CPU")
    lines = [(n, *(str(r[k]) for k in ("MB/s", "ratio", "size", "same on every CPU"))) for n, r in rows.items()]
    show("compressing 50 MB", heads, lines)
    record("compress", {"peer": "zlib 6", "rows": rows})


if __name__ == "__main__":
    main()

"""Datasette 1.0a41, the reference: installed in an environment of its own, never beside the project's packages."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PEER = "datasette==1.0a41"


def install(folder: Path) -> Path:
    """Install the reference into ``folder`` and return its Python."""
    uv = [str(Path(sys.executable).with_name("uv")), "--quiet"]
    subprocess.run([*uv, "venv", folder], check=True, timeout=300)
    subprocess.run([*uv, "pip", "install", "--python", folder, PEER], check=True, timeout=300)
    return folder / "bin" / "python"


class Answering:
    """The reference in a process that answers for one file after the other, without a start for each."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("peer_answers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, file: Path, paths: list[str]) -> list[tuple[int, str]]:
        """Return status and body of each of ``paths`` for a server of ``file``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"file": str(file), "paths": paths}) + "\n")
        self._process.stdin.flush()
        answers: list[Any] = json.loads(self._process.stdout.readline())
        return [(status, body) for status, body in answers]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait(timeout=30)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

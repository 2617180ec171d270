"""Shipped templates: ours, with bytecode of the Python that jinja2 makes of them, where an image has it.

What was made is found by the version of jinja2, the way it is asked, and the template's own text, so that another of
any of them finds nothing.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from hashlib import sha256
from importlib.machinery import SourcelessFileLoader
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any, Final, NoReturn

import jinja2
from jinja2 import Environment, FileSystemLoader, Template

OPTIONS: Final[Mapping[str, Any]] = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
"""How templates are read."""
FILTERS: Final = ("number", "date", "bytes", "json", "paragraphs")
"""Ours, beside jinja2's own."""
FOLDER: Final = "compiled"
"""Where the bytecode of it lies, beside the templates."""


class Shipped(FileSystemLoader):
    """Finds our templates in one folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._compiled = folder / FOLDER

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002
    ) -> Template:
        """Return a template, compiled only if nobody did before."""
        source, _, is_fresh = self.get_source(environment, name)
        code = self._code(name, source)
        if code is None:
            return super().load(environment, name, globals)
        return environment.template_class.from_code(environment, code, {} if globals is None else globals, is_fresh)

    def _code(self, name: str, source: str) -> CodeType | None:
        path = self._compiled / file_name(name, source)
        bytecode = cache_from_source(path)
        if not Path(bytecode).is_file():
            return None
        return SourcelessFileLoader(path.stem, bytecode).get_code(path.stem)


def file_name(name: str, source: str) -> str:
    """Return what the Python of a template is called."""
    said = repr((jinja2.__version__, sorted(OPTIONS.items()), name, source))
    return f"t{sha256(said.encode()).hexdigest()[:24]}.py"


def compiled(sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and content of the file whose bytecode spares a server compiling, for each template of ``sources``."""
    environment = Environment(**OPTIONS)  # noqa: S701 - it escapes
    environment.filters.update(dict.fromkeys(FILTERS, _later))
    for name, source in sorted(sources.items()):
        yield file_name(name, source), environment.compile(source, name, raw=True)


def _later(*_: object) -> NoReturn:
    """Stand for a filter that only a server has, whose result is no part of what is compiled."""
    raise NotImplementedError

"""The project: ``publish.yaml``, the one file that is kept in git beside databases, and what it makes the defaults."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from baked_publish import plugins
from baked_publish.config import PROJECT, load
from baked_publish.document import At, Document
from baked_publish.errors import ConfigError
from baked_publish.expectations import Expectation
from baked_publish.problems import problems
from baked_publish.shapes import is_list, is_object
from baked_publish.suggest import nearest

JSON = dict[str, Any]
PATHS: Final = ("template_dir", "plugins_dir")
READERS: Final = ("check", "bake", "image", "serve")
"""Commands beside those of targets that read FILES."""
VERBS: Final = ("status", "history", "rollback", "promote", "logs", "unpublish", "doctor")
WISHES: Final = ("keep", "max_row_loss", "within")
LIMITS: Final = ("within",)


@dataclass(frozen=True, slots=True)
class Project:
    """What the file says, validated."""

    path: Path
    said: Mapping[str, Any]
    checks: tuple[Expectation, ...] = ()
    accept: tuple[str, ...] = ()
    inline: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Metadata and settings that stand in the file itself."""
    lines: Mapping[At, int] = field(default_factory=dict[At, int])

    @classmethod
    def find(cls, folder: Path) -> "Project | None":
        """Read the file in ``folder``; None if there is none. Raises ConfigError with file, line and what is wrong."""
        path = folder / PROJECT
        return cls.read(path) if path.is_file() else None

    @classmethod
    def read(cls, path: Path) -> "Project":
        """Read and validate ``path``; raise ConfigError with file, line and what is wrong."""
        return cls.of(Document.read(path, such="databases: data.db"))

    @classmethod
    def of(cls, document: Document) -> "Project":
        """Validate ``document``; raise ConfigError with file, line and what is wrong."""
        said = document.value
        _validate(document)
        metadata = said.get("metadata")
        inline = {**(metadata if is_object(metadata) else {})}
        if "settings" in said:
            inline["settings"] = said["settings"]
        load((), (), inline, lambda at: document.place(at if at[:1] == ("settings",) else ("metadata", *at)))
        checks = tuple(Expectation(**each) for each in said.get("checks", ()))
        return cls(document.path, said, checks, tuple(said.get("accept", ())), inline, document.lines)

    def line(self, at: At) -> int:
        """Return the line of a key, or of what is around it."""
        return Document(self.path, {}, self.lines).line(at)

    @property
    def target(self) -> str:
        """Where ``publish`` alone publishes to; raises ConfigError where that is not clear."""
        named = list(self.said.get("targets", {}))
        if "target" in self.said:
            return str(self.said["target"])
        if len(named) == 1:
            return str(named[0])
        raise ConfigError(
            f"{str(self.path)!r} has {len(named)} targets: say which one with `target:`, or `publish TARGET`"
        )

    def defaults(self) -> JSON:
        """Return for each command what it takes where flags and environment say nothing, as click reads it."""
        common = self._common()
        known = {each.target for each in plugins.installed()}
        found: JSON = dict.fromkeys(READERS, common)
        verbs: JSON = {each: {} for each in VERBS}
        for target in known:
            own = dict(self.said.get("targets", {}).get(target) or {})
            name = own.pop("name", self.said.get("name"))
            called = {"name": name} if name is not None else {}
            wishes = {key: self.said[key] for key in WISHES if key in self.said}
            found[target] = {**common, **wishes, **own, **called}
            for verb in VERBS:
                verbs[verb][target] = {**own, **called, **{key: self.said[key] for key in LIMITS if key in self.said}}
        return {**found, **verbs}

    def _common(self) -> JSON:
        common: JSON = {"files": lambda: [str(each) for each in self.files()], **self.said.get("bake", {})}
        if isinstance(self.said.get("metadata"), str):
            common["metadata"] = str(self.beside(self.said["metadata"]))
        common |= {key: str(self.beside(self.said[key])) for key in PATHS if key in self.said}
        if "static" in self.said:
            common["static"] = [self.mount(each) for each in self.said["static"]]
        return common

    def files(self) -> Sequence[Path]:
        """Return the databases; raise ConfigError for a glob that finds none."""
        return list(dict.fromkeys(path for _, path, _ in self._databases()))

    def named(self) -> Iterator[tuple[At, Path]]:
        """Yield each database, and where it is named; raise ConfigError for a glob that finds none."""
        yield from ((at, path) for at, path, _ in self._databases())

    def own(self) -> Mapping[Path, JSON]:
        """Return what is said of single databases, by their absolute paths; of one named twice, what is said last."""
        return {_place(path): said for _, path, said in self._databases() if said}

    def _databases(self) -> Iterator[tuple[At, Path, JSON]]:
        named = self.said["databases"]
        for number, each in enumerate(named if is_list(named) else [named]):
            at: At = ("databases", number)
            own = dict(each) if is_object(each) else {"path": str(each)}
            text = str(own.pop("path"))
            several = any(sign in text for sign in "*?[")
            matching = sorted(self.path.parent.glob(text)) if several else [self.beside(text)]
            if not matching:
                raise ConfigError(f"{self.path}:{self.line(at)}: no file is called {text!r}: check `databases:`")
            yield from ((at, path, own) for path in matching)

    def beside(self, path: str) -> Path:
        """Return a path that the file names."""
        return self.path.parent / path

    def mount(self, text: str) -> str:
        """Return ``MOUNT:DIR`` with a folder that is beside the file."""
        mount, colon, folder = text.partition(":")
        return f"{mount}:{self.beside(folder)}" if colon and folder else text


def _place(path: Path) -> Path:
    """Return the one path of a file or folder, however it was written: what is left out of it must stay left out."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def _validate(document: Document) -> None:
    from jsonschema_rs import Draft202012Validator  # noqa: PLC0415 - only a folder with a project pays for it

    from baked_publish.schema import schema  # noqa: PLC0415 - it imports the targets that the file names

    said, known = document.value, [each.target for each in plugins.installed()]
    named = said.get("targets", {})
    for target in named if is_object(named) else ():
        if target not in known:
            place = document.place(("targets", target))
            raise ConfigError(f"{place}: {target!r} is not a target{nearest(target, known)}: {', '.join(known)}")
    wanted = {*(named if is_object(named) else ()), *([said["target"]] if said.get("target") in known else ())}
    held = schema(wanted or None)
    found = Draft202012Validator(held).iter_errors(said)
    errors = sorted((document.line(at), words) for error in found for at, words in problems(error, held))
    if errors:
        raise ConfigError("\n".join(f"{document.path}:{line}: {words}" for line, words in errors))

"""A Document: a file of YAML or JSON that a person writes, as plain JSON values and the line of each key."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from baked_publish.errors import ConfigError
from baked_publish.shapes import is_object

JSON = dict[str, Any]
At = tuple[str | int, ...]
"""Where in a document: the keys and numbers that lead there."""
MERGE: Final = "tag:yaml.org,2002:merge"
DAY: Final = "tag:yaml.org,2002:timestamp"
REPEATED: Final = 1_000_000
"""Characters that aliases may say again: a few lines of them, each of the one before, say more than memory holds."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where."""

    path: Path
    value: JSON
    lines: Mapping[At, int] = field(default_factory=dict[At, int])

    @classmethod
    def read(cls, path: Path, *, such: str) -> "Document":
        """Read ``path``; raise ConfigError, with its line where there is one, for what is not keys and values.

        ``such`` is an example of what it may say.
        """
        import yaml  # noqa: PLC0415 - JSON is YAML; a publish without metadata does without

        try:
            node: Any = yaml.compose(path.read_text("utf-8-sig"), yaml.SafeLoader)
            reader = _Reader(path, yaml)
            value: Any = reader.value(node, ()) if node is not None else {}
        except (OSError, UnicodeDecodeError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is not text in UTF-8"
            raise ConfigError(f"{str(path)!r} cannot be read: {why}") from exc
        except yaml.YAMLError as exc:
            raise ConfigError(f"{path}:{_line(exc)}: this is neither YAML nor JSON: {_words(exc)}") from exc
        except RecursionError as exc:
            raise ConfigError(f"{str(path)!r} holds itself, or is nested too deeply") from exc
        if not is_object(value):
            raise ConfigError(f"{path}:1: keys and values are needed, such as `{such}`")
        return cls(path, value, reader.lines)

    def line(self, at: At) -> int:
        """Return the line of a key, or of what is around it."""
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def place(self, at: At) -> str:
        """Return file and line of a key, as editors read them."""
        return f"{self.path}:{self.line(at)}"


class _Reader:
    """Turns YAML's nodes into values, and notes the lines of keys."""

    def __init__(self, path: Path, yaml: Any) -> None:
        self._path, self._yaml = path, yaml
        self.lines: dict[At, int] = {}
        self._seen = set[int]()
        self._repeated = 0
        """Characters of nodes that an alias said again; one at least for each."""

    def value(self, node: Any, at: At) -> Any:
        """Return what a node says."""
        self._count(node)
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, self._yaml.MappingNode):
            return self._object(node, at)
        if isinstance(node, self._yaml.SequenceNode):
            return [self.value(each, (*at, number)) for number, each in enumerate(node.value)]
        return node.value if node.tag == DAY else self._scalar(node, at)  # a day stays the text that it is

    def _count(self, node: Any) -> None:
        """Note that a node is read; raise ConfigError if too many are read again."""
        if id(node) not in self._seen:  # the document holds them all: no other one gets the same
            self._seen.add(id(node))
            return
        self._repeated += 1 + (len(node.value) if isinstance(node.value, str) else 0)
        if self._repeated > REPEATED:
            line, most = node.start_mark.line + 1, f"{REPEATED:,}"
            raise ConfigError(
                f"{self._path}:{line}: aliases, such as *name, repeat this and more: {most} characters in all are too "
                f"many, so write out what is needed"
            )

    def _object(self, node: Any, at: At) -> JSON:
        found: JSON = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                continue
            key, line = self._key(key_node)
            if key in found:
                raise ConfigError(f"{self._path}:{line}: the key {key!r} stands here a second time")
            self.lines.setdefault((*at, key), line)  # a key of its own stands before one that is merged
            found[key] = self.value(value_node, (*at, key))
        for merged in self._merged(node, at):
            found = {**merged, **found}
        return found

    def _key(self, node: Any) -> tuple[str, int]:
        line = node.start_mark.line + 1
        try:
            return _joined(str(node.value)), line
        except ValueError as exc:
            raise ConfigError(f"{self._path}:{line}: {str(node.value)!r} is nothing that JSON can say") from exc

    def _merged(self, node: Any, at: At) -> Iterator[JSON]:
        """Yield what ``<<`` brings in, the strongest first."""
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                several = isinstance(value_node, self._yaml.SequenceNode)
                for each in value_node.value if several else [value_node]:
                    value = self.value(each, at)
                    if not is_object(value):
                        line = key_node.start_mark.line + 1
                        raise ConfigError(f"{self._path}:{line}: `<<` takes keys and values, not {value!r}")
                    yield value

    def _scalar(self, node: Any, at: At) -> Any:
        loader = self._yaml.SafeLoader("")
        try:
            said = loader.construct_object(node)
            said = _joined(said) if isinstance(said, str) else said
            json.dumps(said, allow_nan=False, ensure_ascii=False).encode()
        except self._yaml.YAMLError as exc:
            raise ConfigError(f"{self._path}:{self.lines[at]}: {_words(exc)}") from exc
        except (TypeError, ValueError) as exc:
            said = f"{str(node.value)!r} is nothing that JSON can say"
            raise ConfigError(f"{self._path}:{self.lines[at]}: {said}") from exc
        finally:
            loader.dispose()
        return said


def _line(exc: Any) -> int:
    """Return the line at which a parser gave up."""
    mark = getattr(exc, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _words(exc: Any) -> str:
    """Return what a parser says without its places, which count from where it began."""
    said = (getattr(exc, "problem", None), getattr(exc, "context", None))
    words = " ".join(filter(None, said)) or str(exc)
    return " ".join(words.replace("'<stream end>'", "the end of the file").split())


def _joined(text: str) -> str:
    """Join the two halves as which JSON may write a sign such as an emoji; raise ValueError for one half alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")

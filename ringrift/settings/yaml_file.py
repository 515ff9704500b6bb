"""Reading a YAML file strictly: no duplicate keys, numbers as people read them, and each key knows its line.

YAML 1.1, which PyYAML reads, takes 0256 for 174, 1:30 for 90, 2001-01-01 for a date, and 1e-3 for a
text. Here, as in YAML 1.2, the first is 256, the last is a number, and the others are texts.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ringrift.errors import BadInput, shown

#: Sections in sections that a file may hold, far more than any has.
MOST_DEPTH = 100


#: What a tag such as `!!int` promises.
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


class _Loader(yaml.SafeLoader):
    """The safe loader with YAML 1.1's traps closed, and a bound on the depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # type: ignore[no-untyped-call]
            event = self.peek_event()  # type: ignore[no-untyped-call]
            named = self.anchors.get(event.anchor)
            if named is not None and named.end_mark is None:  # not at its end yet
                raise yaml.composer.ComposerError(
                    None, None, f"*{event.anchor} stands within itself", event.start_mark
                )
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)  # type: ignore[no-untyped-call]
        self.depth -= 1
        return node  # type: ignore[no-any-return]

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)  # type: ignore[no-untyped-call]
        except (ValueError, LookupError, AttributeError):  # `!!int many`, a number of 5000 digits
            kind = str(node.tag).rpartition(":")[2]
            wrong = f"expected {_KINDS.get(kind, kind)}, not {shown(node.value)}"
            raise yaml.constructor.ConstructorError(None, None, wrong, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, f"a key cannot be {shown(key)}", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {shown(key)} appears twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    """A whole number: decimal, or with 0x, 0o or 0b before it."""
    text = str(loader.construct_scalar(node)).replace("_", "")
    return int(text, 0 if text.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else 10)


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
#: By its looks a plain word is one of these, null, or a word for yes or no; else a text.
_NUMBERS = {
    _INT: r"[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+)",
    _FLOAT: r"[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[0-9][0-9_]*[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, looks) for tag, looks in known if tag.endswith((":bool", ":null"))]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _looks in _NUMBERS.items():
    _Loader.add_implicit_resolver(  # type: ignore[no-untyped-call]
        _tag, re.compile(f"^(?:{_looks})$"), list("-+.0123456789")
    )
_Loader.add_constructor(_INT, _whole)  # type: ignore[no-untyped-call]


#: Line of each key, from 1, by its place in the file: section, …, key.
Lines = Mapping[tuple[Any, ...], int]


def read_mapping(path: Path) -> tuple[dict[str, Any], Lines]:
    """Return the top-level mapping of a file, and where its keys stand; an empty file is an empty mapping.

    Raises BadInput naming the file (and line) if it cannot be read or is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{path}: cannot be read: {reason}") from None
    try:
        value, lines = _load(text, str(path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else f"{path}"
        raise BadInput(f"{where}: {_problem(error)}") from None
    if value is None:
        return {}, {}
    if not isinstance(value, dict):
        raise BadInput(f"{path}: expected sections with keys, not {type(value).__name__}")
    return value, lines


def read_value(text: str, source: str) -> Any:
    """Return one value (a number, a text, true, a list) as the YAML file would hold it. BadInput."""
    try:
        return _load(text, source)[0]
    except yaml.MarkedYAMLError as error:
        raise BadInput(f"{source}: {_problem(error)}") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, as a sentence of its own."""
    said = error.problem or "is not YAML"
    return f"{error.context}, {said}" if said.startswith("but ") and error.context else said


def _load(text: str, source: str) -> tuple[Any, Lines]:
    """Return what a text says, and the lines of its keys. Raises BadInput, or MarkedYAMLError, which has a line."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        raise BadInput(f"{source}: is not YAML: {str(error).splitlines()[0]}") from None
    try:
        node = loader.get_single_node()  # type: ignore[no-untyped-call]
        if node is None:
            return None, {}
        value = loader.construct_document(node)  # type: ignore[no-untyped-call]
        return value, dict(_lines(loader, node, (), set()))
    except RecursionError:
        raise BadInput(f"{source}: nested too deeply") from None
    finally:
        loader.dispose()  # type: ignore[no-untyped-call]


def _lines(
    loader: _Loader, node: yaml.Node, place: tuple[Any, ...], seen: set[int]
) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield place and line of each key; what an alias repeats has its lines where it stands first."""
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
        here = (*place, key)
        yield here, key_node.start_mark.line + 1
        yield from _lines(loader, value_node, here, seen)

"""A validation error as one line for a person: where, which key, what was expected, the nearest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from ringrift.errors import BadInput, nearest, shown

#: What a value must be, by pydantic's name of the complaint; {…} are its own context words.
EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_short": "{min_length} or more in the list",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "dict_type": "a section of keys",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}

#: pydantic's names of a complaint about a key that there is not; the second: it is no text either.
UNKNOWN = ("extra_forbidden", "invalid_key")

#: Section, …, key.
Place = tuple[str | int, ...]


def bad_input(
    model: type[BaseModel], error: ValidationError, source: Callable[[Place], str]
) -> BadInput:
    """Turn the first complaint into a BadInput.

    ``source`` names the file or environment variable that a place (section, …, key) came from.
    """
    # An unknown key is the cause more often than the missing or wrong one beside it, and a list is too
    # short where an entry of it is wrong.
    first = min(
        error.errors(),
        key=lambda e: (e["type"] not in UNKNOWN, e["type"] == "too_short", len(e["loc"])),
    )
    place: Place = tuple(first["loc"])
    if first["type"] == "invalid_key":  # pydantic writes it as a text
        place = (*place[:-1], first["input"])
    *sections, key = place or ("",)
    where = f"{source(place)}: "
    entry = ""
    if isinstance(key, int) and sections and first["type"] not in UNKNOWN:
        entry, key = f"entry {key + 1}: ", sections.pop()
    if key == "[key]" and sections:  # pydantic's place of a key that is none
        sections.pop()
        entry, key = "key: ", sections.pop()
    if sections:
        where += f"section {'.'.join(map(str, sections))}: "
    if first["type"] in UNKNOWN:
        what = "key" if sections else "section"
        return BadInput(
            f"{where}unknown {what} {shown(key)}: {nearest(str(key), keys_at(model, sections))}"
        )
    if first["type"] == "missing":
        return BadInput(f"{where}{key!r} is missing")
    if first["type"] == "value_error":
        # A complaint about a whole section comes from its own check of keys against each other.
        subject = "section " * (len(place) == 1) + str(key) + ": " if place else ""
        return BadInput(f"{where}{subject}{first['ctx']['error']}")
    context: dict[str, Any] = first.get("ctx", {})
    known = EXPECTED.get(first["type"])
    expected = known.format(**context) if known else first["msg"]
    near = _nearest_choice(first)
    return BadInput(f"{where}{key}: {entry}expected {expected}, not {shown(first['input'])}{near}")


def _nearest_choice(complaint: Any) -> str:
    """Where one of a few words was expected: the one that was meant, if a near one is among them."""
    if complaint["type"] not in ("literal_error", "enum") or not isinstance(
        complaint["input"], str
    ):
        return ""
    said = nearest(complaint["input"], re.findall("'([^']*)'", complaint["ctx"]["expected"]))
    return f"; {said}" if said.startswith("did you mean") else ""


def keys_at(model: type[BaseModel], sections: list[str | int]) -> list[str]:
    """Return the keys that a section has; none for one that does not exist."""
    at: Any = model
    for name in sections:
        field = at.model_fields.get(name) if hasattr(at, "model_fields") else None
        at = field.annotation if field else None
    return list(at.model_fields) if hasattr(at, "model_fields") else []

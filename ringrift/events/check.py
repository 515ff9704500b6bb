"""Payloads held against the record of their kind: when an event is told, and when it is read."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ringrift.errors import BadInput, nearest, shown
from ringrift.events.kinds import Kind
from ringrift.events.payloads import PAYLOADS, Payload


class BadEvent(BadInput):
    """An event's kind is unknown, or its payload is not what the kind carries."""


def kind_of(name: str) -> Kind:
    """The kind of this name; BadEvent with the nearest one where there is none."""
    try:
        return Kind(name)
    except ValueError:
        raise BadEvent(
            f"unknown kind of event {shown(name)}: {nearest(name, [kind.value for kind in Kind])}"
        ) from None


def parse(kind: str, payload: Mapping[str, Any]) -> Payload:
    """The record of a payload; BadEvent naming the field that is unknown, missing or wrong."""
    known = kind_of(kind)
    try:
        text = json.dumps(dict(payload), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadEvent(f"event {known}: the payload is not plain JSON: {error}") from None
    try:
        return _adapter(known).validate_json(text)
    except ValidationError as error:
        raise BadEvent(f"event {known}: {_first(known, error)}") from None


def plain(payload: Payload) -> dict[str, Any]:
    """A record as plain JSON, without the fields that say nothing."""
    silent = {f.name for f in fields(payload) if f.default is None}
    whole = json.loads(json.dumps(asdict(payload), allow_nan=False))
    return {name: value for name, value in whole.items() if value is not None or name not in silent}


def checked(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as it is stored. BadEvent."""
    return plain(parse(kind, payload))


@functools.cache
def _adapter(kind: Kind) -> TypeAdapter[Payload]:
    return TypeAdapter(PAYLOADS[kind])


def _first(kind: Kind, error: ValidationError) -> str:
    """The first complaint in words; an unknown field is the cause more often than others."""
    unknown = ("extra_forbidden", "unexpected_keyword_argument")
    first = min(error.errors(), key=lambda one: one["type"] not in unknown)
    place = ".".join(map(str, first["loc"]))
    if first["type"] in unknown:
        if len(first["loc"]) > 1:
            return f"unknown field {shown(place)}"
        return f"unknown field {shown(place)}: {nearest(place, names(kind))}"
    if first["type"].startswith("missing"):
        return f"field {place!r} is missing"
    return f"field {place!r}: {first['msg'].lower()}, not {shown(first['input'])}"


def names(kind: Kind) -> list[str]:
    """The fields that a kind carries."""
    return [one.name for one in fields(PAYLOADS[kind])]


def needed(kind: Kind) -> list[str]:
    """The fields that an event of this kind must have."""
    return [
        one.name
        for one in fields(PAYLOADS[kind])
        if one.default is MISSING and one.default_factory is MISSING
    ]

"""Settings of events: who outside of us is told."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from ringrift.errors import BadInput, shown
from ringrift.events.check import kind_of
from ringrift.settings.base import Section

#: A Python entry point, `module:function`; anything else is a command line.
ENTRY: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class EventSettings(Section):
    """Hooks; keys in config/unified_loop.yaml."""

    #: Kind -> its hooks; one hook may stand without a list around it.
    hooks: dict[str, tuple[str, ...]]
    hook_timeout_seconds: Annotated[float, Field(ge=0.1, le=3600)]

    @field_validator("hooks", mode="before")
    @classmethod
    def _hooks_can_be_run(cls, value: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(value, Mapping):
            raise BadInput(f"expected hooks by kind of event, not {shown(value)}")
        return {kind_of(str(kind).upper()).value: _commands(kind, value[kind]) for kind in value}


def _commands(kind: str, value: Any) -> tuple[str, ...]:
    """The hooks of a kind; BadInput that does not repeat them, since they may hold secrets."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise BadInput(f"{kind}: expected a command line, module:function, or a list of these")
    for number, one in enumerate(given, start=1):
        try:
            words = shlex.split(one)
        except ValueError as error:
            raise BadInput(f"{kind}: hook {number} is no command line: {error}") from None
        if not words:
            raise BadInput(f"{kind}: hook {number} is empty")
    return tuple(given)

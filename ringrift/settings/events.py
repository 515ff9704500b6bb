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
from ringrift.settings.secrets import masked

#: A Python entry point, `module:function`; anything else is a command line.
ENTRY: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

#: What a shell that a hook starts puts in: $NAME, ${NAME}, $(command). Not a secret, but where it comes from.
_FILLED_IN: Final = re.compile(r"\$(?:\w+|\{[^}]*\}|\([^)]*\))")


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
        found: dict[str, tuple[str, ...]] = {}
        for spelt, commands in value.items():
            kind = kind_of(str(spelt).upper()).value
            if kind in found:
                raise BadInput(f"{kind} appears twice: expected its hooks in one list")
            found[kind] = _commands(spelt, commands)
        return found


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
        if "\0" in one:
            raise BadInput(f"{kind}: hook {number} holds a NUL, which no command line can")
        if masked(told := _FILLED_IN.sub("", one)) != told:
            raise BadInput(
                f"{kind}: hook {number} holds a password: expected it in the environment, which hooks "
                "inherit, or in a file that the program reads"
            )
    return tuple(given)

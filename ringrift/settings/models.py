"""Settings of models' files: which stay, and where they are taken."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from ringrift.errors import BadInput, nearest, shown
from ringrift.settings.base import Section
from ringrift.settings.home import path_of
from ringrift.settings.secrets import masked


class ModelSettings(Section):
    """Which files of models are kept, and which places get them; keys in config/unified_loop.yaml."""

    keep_candidates: Annotated[int, Field(ge=1, le=10_000)]
    keep_champions: Annotated[int, Field(ge=0, le=10_000)]
    prune_interval_seconds: Annotated[float, Field(ge=1, le=2592000)]
    distribute_to: Annotated[tuple[str, ...], Field(strict=False)]
    sync_interval_seconds: Annotated[float, Field(ge=1, le=86400)]
    distribute_timeout_seconds: Annotated[float, Field(ge=0.5, le=1800)]

    @field_validator("distribute_to")
    @classmethod
    def _places_can_be(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(checked_place(one) for one in value))


def checked_place(text: str) -> str:
    """A folder or an fsspec address as we use it: ~ filled in, without a / at its end.

    Raises BadInput for a folder that is not absolute (each node would take another one), an unknown
    scheme, one without a place, or a password, which is not repeated.
    """
    scheme, colon, place = text.partition("://")
    if masked(text) != text:
        raise BadInput(
            f"{masked(text)} holds a password: expected an address without one; stores take theirs "
            "from their own variables and files"
        )
    if colon:
        from fsspec import available_protocols

        known = available_protocols()
        for name in scheme.split("::"):
            if name not in known:
                raise BadInput(f"{shown(text)}: no scheme {name!r}: {nearest(name, known)}")
        if not place.strip("/"):
            raise BadInput(f"{shown(text)}: expected a place behind it, such as {scheme}://models")
        return text.rstrip("/")
    path = path_of(text, "place")
    if not path.is_absolute():
        raise BadInput(
            f"expected an absolute folder or an address such as s3://bucket/models, not {shown(text)}"
        )
    return str(path)

"""What differs between two settings, key by key, and which file or variable made it so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ringrift.settings.problems import Place
from ringrift.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that is not the same in both."""

    #: Section and key, with dots between.
    key: str
    #: The value of the first and of the second; None where ``per_config`` does not name the key.
    first: Any
    second: Any
    #: File or variable that had the last word in the second.
    source: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def differences(
    first: Settings, second: Settings, sources: Mapping[Place, str]
) -> list[Difference]:
    """Every key that differs, in the order of the manual; ``sources`` are those of the second."""
    one, other = (dict(_keys(settings.model_dump(mode="json"))) for settings in (first, second))
    places: list[Any] = [*one, *(place for place in other if place not in one)]
    return [
        Difference(
            ".".join(place),
            one.get(place),
            other.get(place),
            sources.get(place, "not in the second"),
        )
        for place in places
        if one.get(place) != other.get(place)
    ]


def _keys(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Place, Any]]:
    """Yield place and value of each key."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _keys(value, (*above, name))
        else:
            yield (*above, name), value

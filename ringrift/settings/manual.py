"""docs/settings.md: the comments of config/unified_loop.yaml as tables, ours beside what others published.

python -m ringrift.settings.manual            writes the page
python -m ringrift.settings.manual --check    exit 1 where it is not what the file says
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ringrift.errors import BadInput
from ringrift.settings.pages import write_page
from ringrift.settings.settings import DEFAULTS

#: The manual itself.
SOURCE: Final = DEFAULTS
#: Where the page lies in the project folder.
PAGE: Final = "docs/settings.md"

_KEY: Final = re.compile(r"^( *)([a-z0-9_]+):(?: (.*))?$")
_FACTS: Final = re.compile(r"unit: (.+) · default: (.+) · range: (.+)")
_RULE: Final = re.compile(r"^# ── (.+?) ─+$")
_INTRODUCTION: Final = """\
# Settings

Every key of [config/unified_loop.yaml](../config/unified_loop.yaml), made from that file by
`python -m ringrift.settings.manual`: edit there. A dash means that nobody we know of has published a value. Where
ours differ, [network.md](network.md) and [decisions.md](decisions.md) say why: games are few here, and simulations
dear. Published values are those of

"""

_HEAD: Final = ("key", "unit", "ours", "range", "published", "meaning")


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with what the manual says of it."""

    #: Title of the part of the file that it stands in.
    part: str
    #: Section and key, with dots between.
    key: str
    unit: str
    #: The value that is in the file, and what its comment says that it is.
    default: str
    said: str
    range: str
    #: What others use; empty where they say nothing.
    published: str
    meaning: str


def entries(text: str) -> Iterator[Entry]:
    """Every key of the manual, in its order. Raises BadInput for one that says no unit, default and range."""
    part, place, about = "", list[str](), list[str]()
    for line in text.splitlines():
        if (rule := _RULE.match(line)) is not None:
            part, about = rule[1], []
        elif line.lstrip().startswith("#"):
            about.append(line.lstrip(" #"))
        elif (found := _KEY.match(line)) is not None:
            indent, key, value = found.groups()
            place = [*place[: len(indent) // 2], key]
            if value is not None:
                yield _entry(part, ".".join(place), value, about)
            about = []
        else:
            about = []


def _entry(part: str, key: str, value: str, about: list[str]) -> Entry:
    facts = [found for line in about if (found := _FACTS.fullmatch(line)) is not None]
    if len(facts) != 1:
        raise BadInput(f"{SOURCE.name}: {key} has no line with unit, default and range")
    published = [
        line.removeprefix("published: ") for line in about if line.startswith("published: ")
    ]
    prose = [line for line in about if not line.startswith(("unit: ", "published: "))]
    unit, said, bounds = facts[0].groups()
    return Entry(part, key, unit, value, said, bounds, "".join(published), " ".join(prose))


def sources(text: str) -> list[str]:
    """What the names in the column of published values stand for, as the head of the manual lists them."""
    listed = re.search(r"their values:\n((?:#   .+\n)+)", text)
    return re.findall(r"#   (.+)", listed[1]) if listed else []


def page(text: str) -> str:
    """The page that the manual's text makes."""
    lines = _INTRODUCTION.splitlines()
    lines += [f"- {source}" for source in sources(text)]
    part = ""
    for entry in entries(text):
        if entry.part != part:
            part = entry.part
            lines += ["", f"## {part}", "", _row(_HEAD), _row(("---",) * len(_HEAD))]
        lines.append(
            _row(
                (
                    f"`{entry.key}`",
                    entry.unit,
                    f"`{entry.default}`",
                    entry.range,
                    entry.published or "—",
                    entry.meaning,
                )
            )
        )
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    return write_page(PAGE, page(SOURCE.read_text(encoding="utf-8")), SOURCE.name, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""docs/variables.md: every RINGRIFT_* variable that the code reads, and no other."""

import ast
import re
from pathlib import Path

from ringrift.settings.variables import PROGRAM, WORKSHOP, unread

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "variables.md").read_text(encoding="utf-8")
NAME = re.compile(r"RINGRIFT_[A-Z](?:_?[A-Z0-9]+)*")

#: Names that only tests of wrong names use.
WRONG = "RINGRIFT_HOEM"


def named_in_code():
    """Return every name of a variable that stands in the code as a text of its own, or in the Makefile."""
    names = set(NAME.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for room in ("ringrift", "workers", "benchmarks", "tests"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names |= {node.value} & set(NAME.findall(node.value))
    return names - {WRONG}


def test_the_page_has_a_line_for_each():
    """Each variable that the code names is in the table, and the table has no other."""
    rows = re.findall(r"^\| `(RINGRIFT_[A-Z_]+)` \|", PAGE, flags=re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == {*PROGRAM, *WORKSHOP}
    derived = {name for name in rows if name.endswith("_FILE")}  # put together where it is read
    assert set(rows) - derived == named_in_code() - derived


def test_a_variable_that_nothing_reads_is_told():
    """A misspelt variable is named with the nearest one; settings and known ones are not complained of."""
    known = dict.fromkeys((*PROGRAM, *WORKSHOP, "RINGRIFT__TRAINING__BATCH_SIZE"), "1")
    assert unread({WRONG: "/x", **known}) == [
        f"variable {WRONG}: nothing reads it: did you mean 'RINGRIFT_HOME'?"
    ]


def test_the_examples_of_the_rule_hold():
    """Every RINGRIFT__ example on the page is a setting that loads with the value it shows."""
    import shlex

    from ringrift.settings import Settings

    examples = re.findall(r"`(RINGRIFT__\w+=[^`]+)`", PAGE)
    assert len(examples) >= 8
    defaults = Settings.load("unified_loop", {})
    for example in examples:
        name, _, value = shlex.split(example)[0].partition("=")
        if name != "RINGRIFT__SECTION__KEY":
            assert Settings.load("unified_loop", {name: value}) != defaults, example

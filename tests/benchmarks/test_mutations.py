"""The mutation check: its table fits the sources, and broken rules are noticed."""

import dataclasses
import json

import pytest

from benchmarks.mutations import CONTROL, KERNELS, ROOT, Budget, check, main, mutations

TABLE = mutations()

#: As little as notices the mutations that are tried here.
FEW = ["--games", "1", "--positions", "2", "--no-traces", "--json"]


@pytest.mark.parametrize("mutation", TABLE, ids=lambda mutation: mutation.name)
def test_each_mutation_changes_one_place(mutation):
    """Its old text is found exactly once in the kernels of today, and Python reads the new one."""
    source = (ROOT / KERNELS / mutation.file).read_text(encoding="utf-8")
    assert mutation.old.strip()
    assert source.count(mutation.old) == 1
    changed = source.replace(mutation.old, mutation.new)
    assert changed != source
    compile(changed, mutation.file, "exec")


def test_the_table_covers_the_rules():
    """At least forty mutations with names of their own, and some for every section of §4 to §15."""
    assert len({mutation.name for mutation in TABLE}) == len(TABLE) >= 40
    assert {int(mutation.section.split(".")[0]) for mutation in TABLE} >= set(range(4, 16))
    for mutation in TABLE:
        assert len(mutation.what) > 10


def test_broken_rules_are_noticed(capsys):
    """Two broken rules are caught in lockstep, the engine as it is is not; exit code 0."""
    names = ["short-moves", "no-departure-marker"]
    assert main([*FEW, *(part for name in names for part in ("--only", name))]) == 0
    control, *found = json.loads(capsys.readouterr().out)
    assert (control["name"], control["caught_by"]) == (CONTROL, None)
    assert control["moves"] > 500
    assert [one["name"] for one in found] == names
    for one in found:
        assert one["caught_by"].startswith("lockstep")
        assert one["moves"] < 100


def test_an_unknown_name_is_refused(capsys):
    """With the names that there are."""
    assert main(["--only", "nothing"]) == 2
    assert "short-moves" in capsys.readouterr().err


def test_a_stale_text_is_an_error():
    """A mutation that does not fit the sources is not passed over."""
    stale = dataclasses.replace(TABLE[0], old="no such text")
    with pytest.raises(ValueError, match="occurs 0 times"):
        check(stale, Budget(1, 1, 1))

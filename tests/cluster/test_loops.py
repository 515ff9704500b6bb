"""The benchmark of the loops in its short form: real commands, kill -9 between them, and its page."""

import re

import pytest

from benchmarks.loops.__main__ import main
from tests.cluster.conftest import family

pytestmark = pytest.mark.processes


def test_the_continuous_loop_defers_takes_over_and_yields(home, tmp_path, capfd):
    """Master, deferral, kill -9, taking over, the master's return, yielding: all of it holds, and the page tells it."""
    page = tmp_path / "loops.md"
    short = ["--minutes", "0", "--config", "hex8:2", "--patience", "200"]
    code = main([*short, "--home", str(home), "--report", str(page)])
    text = page.read_text()
    assert code == 0, capfd.readouterr().out + text
    steps = re.findall(r"^### \S+ (.*)$", text, flags=re.MULTILINE)
    assert steps == [
        *("workers", "master", "deferred", "led", "killed", "taken over"),
        *("carried", "back", "led again", "end"),
    ]
    told = re.findall(r"^ *\d+:\d\d (LOOP_\w+)", text, flags=re.MULTILINE)
    assert told[:3] == ["LOOP_DEFERRED", "LOOP_RESUMED", "LOOP_DEFERRED"]
    assert str(tmp_path) not in text, "the page names no folder of this machine"
    assert not family(home)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--minutes", "-1"], "expected 0 to 10000"),
        (["--config", "hex9:2"], "hex8"),
        (["--patience", "0"], "expected more than 0"),
    ],
)
def test_wrong_arguments(arguments, says, capsys):
    """Arguments that cannot be used end with exit code 2 and one line, before anything is started."""
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1

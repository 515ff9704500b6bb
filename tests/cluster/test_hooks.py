"""Hooks beside real workers: programs of a user that hang, and the last event of a loop without a beat."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.cluster.conftest import QUICK, SmallStack, family

pytestmark = pytest.mark.processes

#: Says which process it is, and waits for ever.
HANG = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(3600)
"""

#: Notes the kind of what it is told of.
NOTE = """
import os, sys
with open(sys.argv[1], "a") as file:
    file.write(os.environ["RINGRIFT_EVENT_KIND"] + "\\n")
"""


class OneChild(SmallStack):
    """Broker and workers, of which the cpu worker does one thing at a time; no beat."""

    config = QUICK.replace("max_iterations: 1", "max_iterations: 1, profile: minimal")

    def __init__(self, home, **extra):
        super().__init__(home, **extra)
        self.parts = replace(self.parts, beat=False)


def test_a_hook_that_hangs_keeps_nothing_waiting(home, tmp_path):
    """A run comes to its end while a hook hangs that was told of its selfplay; another hears of the promotion.

    The loop that works through the queue has it told, though no beat is there and that is its last event; and what
    hangs is gone with the worker that runs it.
    """
    for name, text in (("hang", HANG), ("note", NOTE)):
        (tmp_path / f"{name}.py").write_text(text)
    hangs, heard = tmp_path / "hangs", tmp_path / "heard"
    hooks = {
        "SELFPLAY_COMPLETE": f"{sys.executable} {tmp_path}/hang.py {hangs}",
        "MODEL_PROMOTED": f"{sys.executable} {tmp_path}/note.py {heard}",
    }
    settings = {
        "RINGRIFT__EVENTS__HOOKS": json.dumps(hooks),
        "RINGRIFT__EVENTS__HOOK_TIMEOUT_SECONDS": "600",
    }
    with OneChild(home, **settings) as stack:
        program = Path(__file__).with_name("small_ringrift.py")
        loop = subprocess.Popen(
            [sys.executable, str(program), "training-loop", "--config", "hex8:2"],
            env=stack._environ,
        )
        stack.until(hangs.exists, "a hook that hangs")
        stack.until(lambda: loop.poll() is not None, "the end of the iteration")
        assert loop.returncode == 0
        stack.until(heard.exists, "the hook of the promotion")
        assert psutil.pid_exists(int(hangs.read_text()))
    assert heard.read_text() == "MODEL_PROMOTED\n"
    assert not family(home)

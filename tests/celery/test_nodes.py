"""Signs of life beside children that are forked at any moment."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

#: A worker that says ceaselessly that it is there, and forks children that use the ledger.
FORKS = """
import os, signal
from ringrift.pipeline import nodes
from ringrift.settings import Settings, home
from ringrift.store.ledger import open_ledger
from workers.nodes import Voice

often = Settings.load().cluster.model_copy(update={"heartbeat_seconds": 0.0005})
voice = Voice(nodes.Node("gpu1@here", "here:1", 1.0, ("gpu",), 1), often)
for _ in range(25):
    child = os.fork()
    if not child:
        signal.alarm(30)
        with open_ledger(home()).write() as tx:
            assert list(nodes.up(tx)) == ["gpu1@here"]
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
voice.end()
with open_ledger(home()).read() as tx:
    assert not nodes.up(tx)
"""


def test_children_that_are_forked_amid_a_sign_of_life_can_use_the_ledger(tmp_path):
    """None is forked in the middle of a call of SQLite, whose mutexes it would wait for until its end."""
    environ = {**os.environ, "RINGRIFT_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FORKS], env=environ, check=True)

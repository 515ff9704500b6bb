"""A loop without a lease is seen while it works, and seen to have ended."""

import dataclasses
import os
import socket

import pytest

from ringrift.configs import Config
from ringrift.errors import Interrupted
from ringrift.pipeline.overview import BrokerLook, overview
from ringrift.pipeline.presence import present
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.single import SingleLoop, in_this_process, run_loop
from ringrift.store import loops
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8

NONE = BrokerLook(False, False, "no broker runs here")
LOOP = SingleLoop((HEX8, Config("square8", 2)), max_iterations=1)


@pytest.fixture
def ctx(tmp_path):
    """A fresh state directory."""
    made = tiny.context(tmp_path / "home")
    yield made
    made.ledger.close()


def test_others_see_what_the_single_loop_works_on(ctx):
    """While it plays the first config, the second waits for its turn and says for whom; at the end nobody works on either."""
    seen = []

    def watch(report):
        if report.stage == "sync" and report.state == "claimed":
            seen.append(overview(ctx, NONE))

    run_loop(ctx.with_(report=watch), LOOP, in_this_process(helpers=0), lambda _: None)
    first, second = seen
    assert [(one.said.name, one.said.config, one.alive) for one in first.loops] == [
        ("training-loop", "hex8:2", True)
    ]
    assert first.configs[0].stage == "sync"
    assert first.configs[1].waits_for == "its turn: the training-loop works on hex8:2"
    assert second.loops[0].said.config == "square8:2"
    end = overview(ctx, NONE)
    assert (end.loops[0].said.state, end.loops[0].alive) == (loops.STOPPED, False)
    assert [one.stage for one in end.configs] == ["nobody", "nobody"]


def test_nothing_is_told_before_the_first_run(ctx):
    """A loop that begins does not say of itself that no loop is at work; with its first run it tells of all configs."""
    told = []

    class AtOnce:
        """Beats when it is made, and again when somebody asks."""

        def __init__(self, _name, _seconds, beat):
            beat()
            self.stop = beat

    present_now = ctx.with_(pulses=AtOnce)
    with present(
        present_now, ["hex8:2", "square8:2"], told=lambda *said: told.append(said)
    ) as works_on:
        assert told == []
        works_on(open_or_resume(ctx, HEX8))
    assert [(config, wait.stage) for config, wait in told] == [
        ("hex8:2", "selfplay"),
        ("square8:2", "turn"),
    ]


def test_an_interrupted_loop_says_so_and_a_killed_one_is_gone(ctx):
    """Ctrl-C leaves its reason; of a process that is gone nobody believes that it works."""
    with pytest.raises(Interrupted):
        run_loop(ctx.with_(stop=lambda: True), LOOP, in_this_process(helpers=0), lambda _: None)
    [loop] = overview(ctx, NONE).loops
    assert (loop.said.state, loop.said.reason) == (
        loops.STOPPED,
        "interrupted; the same command goes on",
    )
    assert str(os.getpid()) in loop.said.owner
    with ctx.ledger.write() as tx:
        dead = f"{socket.gethostname()}:{2**22 - 1}:1"
        loops.say(tx, dataclasses.replace(loop.said, owner=dead, state=loops.RUNNING))
    assert not overview(ctx, NONE).loops[0].alive

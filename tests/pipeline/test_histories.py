"""Simulated histories: the real coordination among lost messages, dying processes and two masters.

The long form is `python -m benchmarks.histories --count 1000`; it tells the seed of what it finds.
"""

import gc
import subprocess
import sys
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from benchmarks.histories import broker
from benchmarks.histories.__main__ import main
from benchmarks.histories.judge import Wrong
from benchmarks.histories.lua import LuaRedis
from benchmarks.histories.mutants import PATCHES, broken
from benchmarks.histories.plan import Plan
from benchmarks.histories.play import play, quiet
from benchmarks.histories.scheduler import Faults
from benchmarks.histories.world import World
from ringrift.pipeline import lease
from ringrift.store.stages import ORDER
from workers import flows

#: Seeds of histories.
SEEDS = range(1000, 1025)

#: For each broken part a seed whose history went wrong with it when it was last looked for.
NOTICED = {
    "fence": 0,
    "attempt": 9,
    "early": 0,
    "twice": 0,
    "evidence": 0,
    "gates": 1,
    "lost": 1,
    "silent": 5,
    "closed": 1,
    "forgotten": 0,
    "sleeper": 13,
    "outdated": 0,
    "unsent": 0,
    "stubborn": 1,
    "unfenced": 5,
    "forgetful": 1,
    "learns": 1,
    "again": 532,
    "later": 7,
    "ownerless": 1,
    "first": 151,
    "unplayed": 1,
    "two": 506,
}

#: Histories that are played at most until a broken part is noticed.
MOST_SEEDS = 100


@pytest.mark.parametrize("seed", SEEDS)
def test_no_history_goes_wrong(seed):
    """Nothing advances twice, stalls, or is promoted without evidence or with a stale fence."""
    assert play(seed).wrong is None


def test_a_seed_replays():
    """The same seed plays the same history, line by line; another seed another one."""
    assert play(7) == play(7)
    assert play(7).lines != play(8).lines


def test_a_history_is_let_go():
    """What has been played does not stay in memory: thousands are played in one process."""

    def worlds():
        gc.collect()
        return sum(type(found) is World for found in gc.get_objects())

    play(7)
    before = worlds()
    play(8)
    assert worlds() == before


@pytest.mark.parametrize("name", PATCHES)
def test_broken_coordination_is_noticed(name):
    """Each part of the coordination is needed: without it the judge finds something.

    Whatever else is changed shuffles the histories: then the seed is another one, not far away.
    """
    with broken(name):
        assert any(play(seed).wrong for seed in (NOTICED.get(name, 0), *range(MOST_SEEDS)))


def test_the_command_tells_a_wrong_history(capsys):
    """The first wrong seed is printed with its history and how to play it again; exit code 1."""
    with broken("fence"):
        assert main(["--count", "3", "--seed", "1"]) == 1
    told = capsys.readouterr().out
    assert "fence 1 to beat" in told
    assert "python -m benchmarks.histories --replay 1" in told
    assert main(["--mutant", "fense"]) == 2
    assert "fence" in capsys.readouterr().err


def test_several_processes_play():
    """As it is called: two processes share the seeds; exit code 0 where nothing is wrong."""
    command = [sys.executable, "-m", "benchmarks.histories", "--count", "3", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 histories" in done.stdout
    assert "nothing wrong" in done.stdout


def test_messages_travel_as_the_real_ones():
    """The simulated broker chains the stages as the real flows do, and knows every stage."""
    assert broker.FOLLOWING == flows.FOLLOWING
    assert broker.QUEUE.keys() == set(ORDER)


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self):
        """Tell the time."""
        return self.now


def test_the_scripts_run_as_on_redis():
    """A lease is taken once, confirmed and renewed by its owner only, and ends by itself."""
    clock = Clock()
    client = LuaRedis(clock)
    keys = ("lease", "counter")
    assert client.eval(lease._ACQUIRE, 2, *keys, "a", 30_000) == [b"a", b"0"]
    assert client.eval(lease._ACQUIRE, 2, *keys, "b", 30_000) == [b"a", b"0"]
    assert client.eval(lease._CONFIRM, 2, *keys, "b", 5) == 0
    assert client.eval(lease._CONFIRM, 2, *keys, "a", 4) == 1
    clock.now += 20
    assert client.eval(lease._RENEW, 1, "lease", "a", 30_000) == 1
    assert client.eval(lease._RENEW, 1, "lease", "b", 30_000) == 0
    clock.now += 29
    assert client.eval(lease._ACQUIRE, 2, *keys, "b", 30_000) == [b"a", b"4"]
    clock.now += 2
    assert client.eval(lease._RELEASE, 1, "lease", "a") == 0
    assert client.eval(lease._ACQUIRE, 2, *keys, "b", 30_000) == [b"b", b"4"]
    assert client.eval(lease._RELEASE, 1, "lease", "b") == 1
    client.forget()
    assert client.eval(lease._ACQUIRE, 2, *keys, "c", 30_000) == [b"c", b"0"]


@contextmanager
def judged():
    """What the judge finds, as a failure that hypothesis makes smaller."""
    try:
        yield
    except Wrong as found:
        raise AssertionError(str(found)) from found


class Cluster(RuleBasedStateMachine):
    """The cluster of the histories, with hypothesis to decide what goes wrong and when."""

    def __init__(self):
        super().__init__()
        self.quiet = quiet()
        self.quiet.__enter__()
        plan = Plan(
            configs=("hex8:2",),
            iterations=2,
            shards=1,
            min_samples=1,
            trouble=0.0,
            faults=Faults(),
            blows=1e9,
            loops=1,
            trained=True,  # a backfill run is opened beside the first iteration
        )
        self.world = World("hypothesis", plan)
        self.world.__enter__()

    def teardown(self):
        """Whatever was done to it, every run comes to its end, and the ledger is right."""
        try:
            with judged():
                self.world.finish()
        finally:
            self.world.__exit__(None, None, None)
            self.quiet.__exit__(None, None, None)

    def process(self, data):
        """Any living process."""
        alive = [p for p in self.world.sim.processes if p.alive]
        return data.draw(st.sampled_from(alive), label="process") if alive else None

    def queue(self, data):
        """Any queue with messages."""
        full = [q for q in self.world.broker.waiting.values() if q]
        return data.draw(st.sampled_from(full)) if full else []

    @rule(events=st.integers(1, 60))
    def time_passes(self, events):
        """So many things happen as they should."""
        with judged():
            for _ in range(events):
                self.world.step()

    @rule(data=st.data())
    def kill(self, data):
        """A process is killed between two of its steps."""
        found = self.process(data)
        if found is not None:
            self.world.kill(found)

    @rule(data=st.data(), after=st.integers(0, 12))
    def doom(self, data, after):
        """A process will die at its next step but so many: before, within or after a commit."""
        found = self.process(data)
        if found is not None:
            found.doomed = after

    @rule(data=st.data(), seconds=st.sampled_from([5, 45, 100, 400]))
    def freeze(self, data, seconds):
        """A process stands still, perhaps beyond its lease, and goes on."""
        found = self.process(data)
        if found is not None:
            self.world.freeze(found, seconds)

    @rule(seconds=st.sampled_from([5, 100]))
    def broker_away(self, seconds):
        """Nobody reaches the broker."""
        self.world.broker_away(seconds)

    @rule()
    def broker_forgets(self):
        """Leases and messages are lost; two masters may think that they are."""
        self.world.broker_forgets()

    @rule()
    def strange(self):
        """A stage is delivered that nobody asked for."""
        self.world.strange()

    @precondition(lambda self: any(self.world.broker.waiting.values()))
    @rule(data=st.data(), copies=st.sampled_from([0, 2, 3]))
    def lose_or_double(self, data, copies):
        """A waiting message is lost, or arrives several times, out of order."""
        queue = self.queue(data)
        if queue:
            message = queue.pop(data.draw(st.integers(0, len(queue) - 1)))
            for _ in range(copies):
                self.world.broker.put(message)

    @rule(chance=st.sampled_from([0.0, 0.5]), what=st.sampled_from(["fail", "spoil", "switch"]))
    def luck(self, chance, what):
        """Services fail, files are found broken, processes interleave at every step: from now on."""
        setattr(self.world.sim.faults, what, chance)


Cluster.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestCluster = Cluster.TestCase
TestCluster.__doc__ = "Whatever goes wrong, and when: the judge finds nothing, and every run ends."

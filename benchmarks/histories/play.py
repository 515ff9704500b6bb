"""One history from its seed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from benchmarks.histories.judge import Wrong
from benchmarks.histories.mutants import broken
from benchmarks.histories.plan import plan_of
from benchmarks.histories.scheduler import Killed
from benchmarks.histories.world import World


@dataclass(frozen=True, slots=True)
class History:
    """What became of a history."""

    seed: int | str
    #: What was wrong, None if nothing.
    wrong: str | None
    #: (simulated seconds, text).
    lines: tuple[tuple[float, str], ...]
    events: int
    commits: int
    outcomes: tuple[str, ...]
    #: Simulated.
    seconds: float
    fences: int
    deaths: int


@contextmanager
def quiet() -> Iterator[None]:
    """No log: thousands of histories full of errors are nothing to read."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def play(seed: int | str) -> History:
    """Play one; the same seed plays the same."""
    wrong: str | None = None
    with quiet(), World(seed, plan_of(seed)) as world:
        try:
            world.play()
        except Wrong as error:
            wrong = str(error)
            cause = error.__cause__
            if cause is not None and not isinstance(cause, Killed):
                wrong += f" [{type(cause).__name__}]"
        sim = world.sim
        return History(
            seed=seed,
            wrong=wrong,
            lines=tuple(sim.history),
            events=sim.steps,
            commits=world.judge.commits,
            outcomes=tuple(world.outcomes),
            seconds=sim.now - sim.start,
            fences=world.judge.fences.get("master", (0, ""))[0],
            deaths=sum(not process.alive for process in sim.processes),
        )


def brief(seed: int) -> History:
    """A history whose lines are told only if it is wrong: there are thousands."""
    history = play(seed)
    return history if history.wrong is not None else replace(history, lines=())


def noticed(seeds: Sequence[int], name: str) -> tuple[int, str] | None:
    """The first seed whose history goes wrong with a broken part, and what was wrong."""
    with broken(name):
        for seed in seeds:
            history = play(seed)
            if history.wrong is not None:
                return seed, history.wrong
    return None

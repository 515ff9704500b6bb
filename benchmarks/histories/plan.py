"""What a history is about: how large it is, and what goes wrong in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from benchmarks.histories.scheduler import Faults

#: Beats.
ALWAYS, UNTIL_THE_END, NEVER = "always", "until the end", "never"

#: What goes wrong: a little of everything; processes sleep long and often; they die, and messages with them.
MOODS = ("mixed", "sleepy", "deadly")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a history is about; all of it follows from its seed."""

    configs: tuple[str, ...]
    iterations: int
    shards: int
    min_samples: int
    #: Seconds for which things go wrong.
    trouble: float
    faults: Faults
    #: Seconds between two blows to the whole cluster.
    blows: float
    #: Whether there are beats: always; until the troubles end, when they are killed for good; never.
    beats: str = ALWAYS
    #: Processes of the continuous loop, of which one works and the others stand by; whether it works beside a master,
    #: too.
    loops: int = 0
    force: bool = False
    #: Whether a trained network plays from the beginning: then backfill runs are opened beside every iteration that
    #: another one follows, else from the second one on.
    trained: bool = False


def plan_of(seed: int | str) -> Plan:
    """A plan; that of a seed such as "sleepy/3" is of this mood."""
    rng = random.Random(f"plan {seed}")

    def often(most: float) -> float:
        """Never, or up to so often, seldom more likely."""
        return 0.0 if rng.random() < 0.25 else most * rng.random() ** 2

    shards = rng.randint(1, 3)
    loops = rng.choice((0, 0, 0, 1, 2))
    mood = rng.choices(MOODS, (6, 2, 1))[0]
    if isinstance(seed, str) and seed.partition("/")[0] in MOODS:
        mood = seed.partition("/")[0]
    if mood == "sleepy":  # whoever did something may wake up long after it
        faults = Faults(stop=0.1, switch=0.1, spoil=rng.choice((0.0, 0.5)))
    elif mood == "deadly":
        faults = Faults(kill=0.04, lose=0.1)
    else:
        faults = Faults(
            kill=often(0.02),
            stop=often(0.06),
            switch=rng.choice((0.0, 0.1, 0.3)),
            busy=often(0.01),
            lose=often(0.4),
            double=often(0.5),
            late=often(0.4),
            fail=often(0.3),
            spoil=often(0.6),
        )
    plan = Plan(
        configs=tuple(rng.sample(("hex8:2", "square8:2"), rng.choice((1, 1, 1, 2)))),
        iterations=rng.choice((1, 1, 2)),
        shards=shards,
        min_samples=rng.choice((1, 1, 1, 1, 1000)),
        trouble=rng.uniform(200, 1500),
        faults=faults,
        blows=rng.choice((60, 300, 1e9)),
        beats=rng.choice((ALWAYS, UNTIL_THE_END, UNTIL_THE_END, NEVER)) if loops else ALWAYS,
        loops=loops,
        force=loops > 0 and rng.random() < 0.15,
    )
    trained = rng.random() < 0.2
    iterations = 2 if trained else rng.choice((plan.iterations,) * 9 + (3,))
    return replace(plan, trained=trained, iterations=iterations)

"""What the continuous loop must remember, and whose turn that makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from ringrift.configs import Config
from ringrift.pipeline.breaker import Breaker
from ringrift.store import runs
from ringrift.store.loops import LoopRow
from ringrift.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class Deferral:
    """A time of stepping back: what its end is told with."""

    owner: str
    since: float
    #: Of the master.
    fence: int


@dataclass(frozen=True, slots=True)
class Mind:
    """What the loop must remember; all but `done` and `rest_until` also beyond the end of its process."""

    breaker: Breaker = field(default_factory=Breaker)
    deferral: Deferral | None = None
    #: Run whose turn it is, and its config.
    run: str | None = None
    config: str | None = None
    #: Open run whose failure the circuit breaker has counted: that it is then closed for it is no second one.
    failing: str | None = None
    #: When each config's turn ended last, seconds since 1970.
    turns: Mapping[str, float] = field(default_factory=dict)
    #: Iterations of each config that this process saw closed.
    done: Mapping[str, int] = field(default_factory=dict)
    #: Nothing is begun before, seconds since 1970.
    rest_until: float = 0.0
    #: What came of the last turn.
    outcome: str = ""

    @classmethod
    def of(cls, row: LoopRow | None) -> Self:
        """What the last process left behind."""
        if row is None:
            return cls()
        left = row.details.get("deferral")
        return cls(
            breaker=Breaker.from_dict(row.breaker),
            deferral=Deferral(**left) if left else None,
            run=row.details.get("run"),
            config=row.config,
            failing=row.details.get("failing"),
            turns=row.details.get("turns", {}),
        )

    def as_dict(self) -> dict[str, Any]:
        """What the row's details say of it."""
        left = None if self.deferral is None else asdict(self.deferral)
        return {
            "deferral": left,
            "run": self.run,
            "failing": self.failing,
            "turns": dict(self.turns),
            "done": dict(self.done),
        }


def whose_turn(
    configs: Sequence[Config], mind: Mind, last: Mapping[str, RunRow], limit: int
) -> Config | None:
    """The config to work on: the one whose turn ended longest ago; among those that had none, one with an open run.

    last: newest run of each config that has one. None when each has `limit` iterations (0: no limit).
    """
    left = [config for config in configs if not limit or mind.done.get(str(config), 0) < limit]

    def turn(config: Config) -> tuple[float, bool, float]:
        run = last.get(str(config))
        closed = run is None or run.state == runs.CLOSED
        return (mind.turns.get(str(config), 0.0), closed, run.opened_at if run else 0.0)

    return min(left, key=turn, default=None)

"""Who carries work out: the pipeline hands work over and does not know how it travels.

`workers/flows.py` registers a dispatcher that sends Celery tasks; the in-process loop registers
one that calls the stages in this process. Delivery may be late, repeated or lost: stage rows make
the first two harmless, and the reconciler issues again what was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from ringrift.errors import BadInput, RingRiftError
from ringrift.settings import Settings
from ringrift.store.runs import PRIORITY

#: A unit that was handed over this long ago and claimed by nobody is handed over again. Longer
#: than a queue is usually deep; a second delivery is only a wasted message.
REISSUE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Issue:
    """Hand units of one stage of a run over to be worked on."""

    run_id: str
    #: One of `store.stages.ORDER`.
    stage: str
    #: Units: shard ids for selfplay, match chunk ids for evaluate, ("",) for the others.
    units: tuple[str, ...]
    #: Of the run's selfplay; 0 goes first.
    priority: int = PRIORITY
    #: Whether the stage has no other units left to be handed over: then the stages after it may travel along.
    last: bool = True


class Dispatcher(Protocol):
    """Carries out what the orchestrator decided.

    One that sends to a queue also has ``filling``: the settings by which the queue is kept short
    (`pipeline.feeding`); one without it is handed all shards of a run at once. And it has
    ``take_out(config)``: has the files of a config's models taken to where they are needed, soon; and
    ``play_beside(match)``: has a match that belongs to no run played. It raises as `dispatch`.
    """

    def dispatch(self, issue: Issue) -> None:
        """Deliver each unit at least once to its stage function; may return before it is done.

        The stages after it may travel along (a chord's body, a chain): each claims its own row and
        is a no-op where it is not its turn. Raises if the work could not be handed over; the
        caller says so and the reconciler tries again.
        """
        ...


class NotHandedOver(RingRiftError):
    """The dispatcher could not hand work over (the broker is away); it is due again."""


class NoDispatcher(BadInput):
    """Nothing is there to carry out the pipeline's work."""


_registered: list[Dispatcher] = []


def register_dispatcher(dispatcher: Dispatcher) -> None:
    """Make this the process's dispatcher; the newest registration holds."""
    _registered.append(dispatcher)


@contextmanager
def registered(dispatcher: Dispatcher) -> Iterator[None]:
    """Register for the length of a block."""
    _registered.append(dispatcher)
    try:
        yield
    finally:
        _registered.remove(dispatcher)


def current_dispatcher() -> Dispatcher:
    """The dispatcher of this process, or NoDispatcher naming the cure."""
    dispatcher = _newest()
    if dispatcher is None:
        raise NoDispatcher(
            "no dispatcher is registered: call ringrift.celery.loaded() (work through the queue), "
            "or run `ringrift training-loop --in-process` (work in this process)"
        )
    return dispatcher


def _newest() -> Dispatcher | None:
    return _registered[-1] if _registered else None


def filling_of(dispatcher: Dispatcher) -> Settings | None:
    """The settings by which a dispatcher's queue is kept short, None if it has none."""
    found: Settings | None = getattr(dispatcher, "filling", None)
    return found


def call_courier(config: str) -> None:
    """Ask for the files of a config to be taken out.

    A no-op where the dispatcher takes nothing out: whoever works in this process does it itself,
    and the schedule makes up for what was missed.
    """
    take_out: Callable[[str], None] | None = getattr(_newest(), "take_out", None)
    if take_out is not None:
        take_out(config)


def call_players(match: str) -> bool:
    """Ask for a match of no run to be played; False where the dispatcher plays none. Raises as `dispatch`."""
    play_beside: Callable[[str], None] | None = getattr(_newest(), "play_beside", None)
    if play_beside is None:
        return False
    play_beside(match)
    return True

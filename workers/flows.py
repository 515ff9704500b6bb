"""How the stages of a run travel as Celery messages.

    selfplay   chord( shard, shard, … )  ─▶  sync ─▶ parity ─▶ export ─▶ train ─▶ evaluate
    evaluate   chord( match unit, … )    ─▶  promote

Shards are sent some at a time (`ringrift.pipeline.feeding`), so the chord is that of the last ones, and
the others travel alone. Messages to the gpu queue carry a priority (`ringrift.pipeline.queues`).

``evaluate`` is the task that plans the gates, which only then are known, and issues the second
chord. Every task takes its input from the ledger and claims its row there, so a chain that is sent
twice, or resumed in its middle, does nothing twice. Chords are flat, for Celery counts nested ones
badly, and issued again as a new group with the same work in it.
"""

from __future__ import annotations

import functools
from typing import Any

from celery import chain, chord, group
from celery.canvas import Signature
from celery.utils.log import get_task_logger
from kombu.exceptions import OperationalError
from redis import RedisError

from ringrift.celery import app
from ringrift.errors import RingRiftError
from ringrift.pipeline.dispatcher import Issue, register_dispatcher
from ringrift.pipeline.queues import BESIDE, URGENT
from ringrift.settings import Settings
from ringrift.store.ids import task_id
from workers import control, cpu, gpu

log = get_task_logger(__name__)

#: Headers of one chord: 1000 take 7 s to send, 100 take 0.6 s.
CHORD_LIMIT = 500

#: A request to take models out that nobody took by then is left to the schedule.
CARRY_SECONDS = 3600

#: Task of each stage.
TASKS = {
    "selfplay": gpu.selfplay_shard,
    "sync": cpu.sync,
    "parity": cpu.parity,
    "export": cpu.export,
    "train": gpu.train,
    "evaluate_plan": control.evaluate,
    "evaluate": gpu.play_match_unit,
    "promote": control.promote,
}

#: The stages that travel together after each stage.
FOLLOWING = {
    "selfplay": ("sync", "parity", "export", "train", "evaluate_plan"),
    "sync": ("parity", "export", "train", "evaluate_plan"),
    "parity": ("export", "train", "evaluate_plan"),
    "export": ("train", "evaluate_plan"),
    "train": ("evaluate_plan",),
    "evaluate_plan": (),  # issues the next chord itself
    "evaluate": ("promote",),
    "promote": (),
}


class BrokerAway(RingRiftError):
    """The broker takes nothing now; what was to be sent is issued again later."""


class CeleryDispatcher:
    """Sends what the orchestrator issues."""

    @functools.cached_property
    def filling(self) -> Settings:
        """The settings of this process: how much of a run's selfplay is sent ahead."""
        return Settings.load()

    def dispatch(self, issue: Issue) -> None:
        """Send the units and the stages that follow. Raises BrokerAway.

        With the broker down this takes about 20 s: Celery's own tries.
        """
        try:
            for flow in flows(issue):
                flow.apply_async()
        except (OperationalError, RedisError) as error:
            raise BrokerAway(f"{issue.stage} could not be sent: {error}") from error

    def play_beside(self, match: str) -> None:
        """Have a match that belongs to no run played. Raises BrokerAway."""
        try:
            gpu.play_beside.apply_async((match,), task_id=match, priority=BESIDE)
        except (OperationalError, RedisError) as error:
            raise BrokerAway(f"match {match[:12]} could not be sent: {error}") from error

    def take_out(self, config: str) -> None:
        """Have a config's models taken to where they play; where that fails, the schedule does it."""
        try:
            cpu.distribute.apply_async(kwargs={"config": config}, expires=CARRY_SECONDS)
        except (OperationalError, RedisError) as error:
            log.warning("models of %s are not taken out at once: %s", config, error)


def flows(issue: Issue) -> list[Signature]:
    """Return the messages of an issue: a chain, or a chord per CHORD_LIMIT units; a group where more units follow."""
    following = [signature(issue.run_id, stage) for stage in FOLLOWING[issue.stage]]
    if issue.units == ("",):
        return [chain(signature(issue.run_id, issue.stage), *following)]
    parts = [
        issue.units[start : start + CHORD_LIMIT]
        for start in range(0, len(issue.units), CHORD_LIMIT)
    ]
    headers = [
        [signature(issue.run_id, issue.stage, unit, issue.priority) for unit in part]
        for part in parts
    ]
    if not issue.last:
        return [group(header) for header in headers]
    # Each chord of several has the same body: the ledger lets the last one through.
    return [chord(header, chain(*following)) for header in headers]


def signature(run_id: str, stage: str, unit: str = "", priority: int = URGENT) -> Signature:
    """Return the message of one unit; immutable, since its input is in the ledger.

    priority: of selfplay; all that follows is urgent, since a whole run waits for it.
    """
    arguments = (run_id, unit) if unit else (run_id,)
    return (
        TASKS[stage]
        .si(*arguments)
        .set(
            task_id=task_id(run_id, stage, unit),
            priority=priority if stage == "selfplay" else URGENT,
        )
    )


def _register(**_: Any) -> None:
    register_dispatcher(CeleryDispatcher())


# Loaded by the app before it is finalised, or by hand after that.
if app.finalized:
    _register()
else:
    app.on_after_finalize.connect(_register, weak=False)

"""How far a run is: its stages, what it waits for, how much is there and needed, and when.

Everything is read from the ledger, so any process sees the same; `figures` of running work are as
old as its last heartbeat. An estimate is made of the pace of the work itself, and before there is
one, of how long the stage took in the config's last runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ringrift.models.promotion import need_text
from ringrift.pipeline import parity
from ringrift.pipeline.capacity import QUEUE_OF, Capacity, capacities
from ringrift.pipeline.gates import Gate, Verdict, elo_text
from ringrift.pipeline.gauntlet import summary, verdicts
from ringrift.store import games, models, runs, stages
from ringrift.store.ledger import Tx
from ringrift.store.runs import RunRow
from ringrift.store.stages import ABANDONED, DONE, ORDER, PENDING, RUNNING, SETTLED, StageRow

#: What each stage does, in words.
DOING = {
    "selfplay": "plays selfplay games",
    "sync": "checks shards and puts their games into the ledger",
    "parity": "compares games with the oracle",
    "export": "writes the dataset",
    "train": "trains the candidate",
    "evaluate_plan": "plans the gates",
    "evaluate": "plays the gates",
    "promote": "decides on the candidate",
}

#: The same in a backfill run, whose export writes no dataset.
KEEPING = "keeps its games for the next training, and closes the run"

#: Of a stage that no worker has begun.
WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of something is there, and how much is needed."""

    have: float
    #: None where nobody can know it beforehand.
    need: float | None
    #: games, shards, steps, positions, tasks.
    unit: str


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage of a run."""

    stage: str
    #: waiting, running, done or abandoned.
    state: str
    units: int
    units_done: int
    #: Claims of its units so far, and how many of them failed or went silent.
    attempts: int
    failures: int
    #: Wall seconds from the first claim to the end, or to now.
    seconds: float
    #: Figures summed over units (games, positions), or of its one unit.
    figures: dict[str, Any]
    #: How much of its work is done.
    amount: Amount
    #: Seconds until it is done, None where nothing tells or it is.
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run: where it is, what it waits for."""

    run_id: str
    config: str
    iteration: int
    #: Plays beside an iteration, and is closed without a training.
    backfill: bool
    state: str
    outcome: str | None
    reason: str | None
    opened_at: float
    closed_at: float | None
    #: The stage it is in, None once it is closed.
    stage: str | None
    #: One sentence with figures.
    waits_for: str
    #: The same without those of `have` and `need`, for a line beside them.
    brief: str
    #: How much of that is there, and how much is needed; None once it is closed.
    have: float | None
    need: float | None
    unit: str | None
    #: Seconds until the stage is done, and until the run is; None where nothing tells.
    eta_seconds: float | None
    run_eta_seconds: float | None
    #: Units of the stage that somebody works on.
    at_work: int
    stages: list[StageStatus]
    #: What each gate says by now; see `pipeline.gauntlet.summary`.
    gates: list[dict[str, Any]]
    #: What somebody should know who relies on this run.
    warnings: list[str]

    @property
    def label(self) -> str:
        """Short, beside its config: `#7`, `#8 backfill`."""
        return runs.label_of(self.iteration, self.backfill)


@dataclass(frozen=True, slots=True)
class _Known:
    """What estimates and sentences go by, besides the rows of a stage."""

    now: float
    #: Seconds of each stage in the config's last runs.
    took: Mapping[str, float]
    #: Games per second of one worker with such a network, None before the first shard.
    games_per_second: float | None
    capacities: Mapping[str, Capacity]
    #: Games of the config in the ledger.
    games: int
    said: Sequence[tuple[Gate, Verdict]]


def run_status(tx: Tx, run: RunRow, workers: Mapping[str, Capacity] | None = None) -> RunStatus:
    """Where a run is. `workers`, if somebody has just counted them, are not counted again."""
    rows = stages.stages_of(tx, run.id)
    known = _known(tx, run, rows, workers)
    gates = [summary(gate, verdict) for gate, verdict in known.said]
    by_stage = {stage: [row for row in rows if row.stage == stage] for stage in ORDER}
    found = [stage_status(stage, own, known) for stage, own in by_stage.items() if own]
    current = None
    if run.state == runs.OPEN:
        current = next((s for s in found if s.state not in (DONE, ABANDONED)), None)
    own = [] if current is None else by_stage[current.stage]
    sentence, brief = _sentence(run, current, own, gates, known)
    return RunStatus(
        run_id=run.id,
        config=run.config,
        iteration=run.iteration,
        backfill=run.backfill,
        state=run.state,
        outcome=run.outcome,
        reason=run.reason,
        opened_at=run.opened_at,
        closed_at=run.closed_at,
        stage=None if current is None else current.stage,
        waits_for=sentence,
        brief=brief,
        have=None if current is None else current.amount.have,
        need=None if current is None else current.amount.need,
        unit=None if current is None else current.amount.unit,
        eta_seconds=None if current is None else current.eta_seconds,
        run_eta_seconds=_until_the_end(run, current, known),
        at_work=sum(row.state == RUNNING for row in own),
        stages=found,
        gates=gates,
        warnings=parity.warnings(rows),
    )


def _known(
    tx: Tx, run: RunRow, rows: Sequence[StageRow], workers: Mapping[str, Capacity] | None
) -> _Known:
    is_open = run.state == runs.OPEN
    unsettled = {row.stage for row in rows if row.state not in SETTLED}
    current = next((stage for stage in ORDER if stage in unsettled), None) if is_open else None
    speed = None
    if current == "selfplay":  # the queries that look at many rows are made where they are needed
        start = models.get_model(tx, run.start_model)
        untrained = start is not None and start.kind == models.INITIAL
        speed = games.games_per_second(tx, run.config, untrained=untrained)
    planned = any(row.stage == "evaluate_plan" and row.result for row in rows)
    return _Known(
        now=tx.now,
        took=stages.stage_seconds(tx, run.config) if is_open else {},
        games_per_second=speed,
        capacities=capacities(tx) if workers is None and is_open else workers or {},
        games=games.count_games(tx, run.config) if current == "export" else 0,
        said=verdicts(tx, run) if planned else [],
    )


def stage_status(stage: str, rows: Sequence[StageRow], known: _Known) -> StageStatus:
    """A stage from its rows."""
    done = [row for row in rows if row.state in (DONE, ABANDONED)]
    running = [row for row in rows if row.state == RUNNING]
    begun = [row.claimed_at for row in rows if row.claimed_at is not None]
    ended = len(done) == len(rows)
    end = max((row.finished_at or 0.0 for row in rows), default=known.now) if ended else known.now
    seconds = max(0.0, end - min(begun)) if begun else 0.0
    state = WAITING
    if ended:
        state = ABANDONED if rows and all(r.state == ABANDONED for r in rows) else DONE
    elif running or done:
        state = RUNNING
    figures = _figures(stage, rows)
    amount = _amount(stage, rows, figures, known)
    return StageStatus(
        stage=stage,
        state=state,
        units=len(rows),
        units_done=len(done),
        attempts=sum(row.attempt for row in rows),
        failures=sum(row.failures for row in rows),
        seconds=seconds,
        figures=figures,
        amount=amount,
        eta_seconds=None if ended else _eta(stage, rows, amount, known),
    )


def _figures(stage: str, rows: Sequence[StageRow]) -> dict[str, Any]:
    """Sums over shards and chunks; of a single unit its result, else its progress."""
    if stage not in ("selfplay", "evaluate"):
        row = rows[0]
        found = row.result or row.progress or {}
        return {k: v for k, v in found.items() if isinstance(v, int | float | str | bool)}
    parts = [_told(row) for row in rows]
    total: dict[str, Any] = {
        key: sum(part.get(key, 0) for part in parts)
        for key in ("games", "positions", "plies", "wins", "evaluations")
        if any(key in part for part in parts)
    }
    if stage == "selfplay":
        total["planned_games"] = sum(int(row.spec.get("games", 0)) for row in rows)
    return total


def _told(row: StageRow) -> dict[str, Any]:
    """What a unit made, else how far its last claim came: a checkpoint keeps that."""
    return row.result or row.progress or {}


def _amount(
    stage: str, rows: Sequence[StageRow], figures: Mapping[str, Any], known: _Known
) -> Amount:
    """How much of a stage's work is there and needed."""
    settled = sum(row.state in (DONE, ABANDONED) for row in rows)
    match stage:
        case "selfplay":
            lost = sum(int(row.spec.get("games", 0)) for row in rows if row.state == ABANDONED)
            return Amount(figures.get("games", 0), figures["planned_games"] - lost, "games")
        case "evaluate":
            return Amount(*_gate_games(rows, known.said), "games")
        case _ if settled:
            return Amount(settled, len(rows), "tasks")
        case "sync" if "shards" in figures:
            return Amount(figures["shards"], figures.get("of"), "shards")
        case "parity" if "of" in figures:
            return Amount(figures["games"], figures["of"], "games")
        case "export" if "games" in figures:
            return Amount(figures["games"], max(known.games, figures["games"]), "games")
        case "train" if "of" in figures:
            return Amount(figures["step"], figures["of"], "steps")
    return Amount(settled, len(rows), "tasks")


def _gate_games(rows: Sequence[StageRow], said: Sequence[tuple[Gate, Verdict]]) -> tuple[int, int]:
    """Games of the gates that are over, in running tasks too, and how many there will be at most."""
    from ringrift.evaluation.stats import Decision

    have = need = 0
    lost = any(verdict.decision is Decision.FAILED for _, verdict in said)
    for gate, verdict in said:
        own = [row for row in rows if row.spec.get("match") == gate.match_id]
        played = sum(int(_told(row).get("games", 0)) for row in own)
        have += played
        open_yet = verdict.decision is Decision.OPEN and not lost
        need += max(played, gate.match.max_games) if open_yet else played
    return have, need


def _eta(stage: str, rows: Sequence[StageRow], amount: Amount, known: _Known) -> float | None:
    """Seconds until a stage is done: by its own pace, else as in the last runs; None if nobody is there for it."""
    running = [row for row in rows if row.state == RUNNING]
    begun = bool(running) or any(row.state in (DONE, ABANDONED) for row in rows)
    hands = known.capacities.get(QUEUE_OF[stage])
    if not running and (hands is None or not hands.slots):
        return None
    left = (amount.need or 0) - amount.have
    if stage == "selfplay":
        pace = _selfplay_pace(rows, running, hands, known)
        return None if not pace else max(0.0, left / pace)
    if stage == "evaluate" and begun:  # at most: a gate may be decided before
        seconds = known.now - min(row.claimed_at or known.now for row in rows)
        return None if not amount.have else max(0.0, seconds * left / amount.have)
    told = _told_eta(running)
    return _usual_eta(stage, running, known) if told is None else told


def _told_eta(running: Sequence[StageRow]) -> float | None:
    """What the work itself says, where it says something."""
    told = [(row.progress or {}).get("eta") for row in running]
    return None if not told or told[0] is None else max(0.0, float(told[0]))


def _usual_eta(stage: str, running: Sequence[StageRow], known: _Known) -> float | None:
    """What is left of the time that the last runs took; None where there were none, or it is over."""
    usual = known.took.get(stage)
    since = min((row.claimed_at or known.now for row in running), default=known.now)
    left = None if usual is None else usual - (known.now - since)
    return None if left is None or left < 0 else left


def _selfplay_pace(
    rows: Sequence[StageRow],
    running: Sequence[StageRow],
    hands: Capacity | None,
    known: _Known,
) -> float | None:
    """Games per second of those who play now, or of the slots that will; None where nothing tells.

    Shards that wait beside those of other runs have their part of the slots. A shard's first games take as
    long as all its games side by side: until one is there, its pace is that of the shards before it.
    """
    done = [_told(row) for row in rows if row.state == DONE]
    seconds = sum(float(part.get("seconds", 0.0)) for part in done)
    usual = sum(int(part.get("games", 0)) for part in done) / seconds if seconds else None
    usual = usual or known.games_per_second
    paces: list[float | None] = []
    for row in running:
        part = _told(row)
        took = float(part.get("seconds") or 0.0)
        paces.append(part["games"] / took if part.get("games") and took > 1.0 else usual)
    if not running and hands is not None:
        pending = sum(row.state == PENDING for row in rows)
        share = min(1.0, pending / max(1, hands.waiting))
        return None if usual is None else usual * min(hands.slots * share, pending)
    known_paces = [pace for pace in paces if pace]
    if not known_paces:
        return None
    return sum(known_paces) * len(paces) / len(known_paces)


def _until_the_end(run: RunRow, current: StageStatus | None, known: _Known) -> float | None:
    """Seconds until a run is closed, None where a stage that comes was never done before."""
    if current is None or current.eta_seconds is None:
        return None
    end = ORDER.index("export") + 1 if run.backfill else len(ORDER)
    later = ORDER[ORDER.index(current.stage) + 1 : end]
    if any(stage not in known.took for stage in later):
        return None
    return current.eta_seconds + sum(known.took[stage] for stage in later)


def _sentence(
    run: RunRow,
    stage: StageStatus | None,
    own: Sequence[StageRow],
    gates: Sequence[dict[str, Any]],
    known: _Known,
) -> tuple[str, str]:
    """What a run waits for, and the same in brief."""
    if stage is None:
        if run.state == runs.CLOSED:
            text = f"nothing: {run.name} is closed ({run.outcome}: {run.reason})"
        else:
            text = "the reconciler, to issue its next stage"
        return text, text
    if stage.state == WAITING:
        before = [row for row in own if row.error]
        again = f"; again after: {before[0].error}" if before else ""
        have, need, unit = stage.amount.have, stage.amount.need, stage.amount.unit
        there = f"; {have:.0f} of {need:.0f} {unit} are there" if have and need else ""
        queue = QUEUE_OF[stage.stage]
        hands = _hands(stage.stage, known)
        doing = KEEPING if run.backfill and stage.stage == "export" else DOING[stage.stage]
        text = f"a {queue} worker ({hands}) that {doing}"
        return f"{text}{there}{again}", f"{text}{again}"
    amount, more = _progress(stage, own, gates)
    brief = more.lstrip(" ,") or amount
    if brief.startswith("("):
        brief = brief[1:].replace(")", "", 1)
    left = any(row.state == PENDING for row in own)
    if stage.units > 1 and left and not any(row.state == RUNNING for row in own):
        queue = QUEUE_OF[stage.stage]
        nobody = f"no worker is at it (queue {queue}: {_hands(stage.stage, known)})"
        return f"{amount}{more}; {nobody}", f"{nobody}; {brief}"
    return amount + more, brief


def _hands(stage: str, known: _Known) -> str:
    """Who could do a stage: `2 of 2 slots busy`."""
    found = known.capacities.get(QUEUE_OF[stage])
    if found is None or not found.workers:
        return "none is up"
    return f"{found.busy} of {found.slots} slots busy"


def _progress(
    stage: StageStatus, own: Sequence[StageRow], gates: Sequence[dict[str, Any]]
) -> tuple[str, str]:
    """A running stage: its amount in words, and what else there is to say; together a sentence."""
    figures = stage.figures
    match stage.stage:
        case "selfplay":
            done, planned = figures.get("games", 0), figures["planned_games"]
            rate = done / stage.seconds if stage.seconds > 0 else 0.0
            more = (
                f" ({stage.units_done} of {stage.units} shards), {rate:.1f} games/s, "
                f"{figures.get('positions', 0)} positions"
            )
            if not done and figures.get("evaluations"):
                more += f", the first games are under way ({figures['evaluations']} evaluations)"
            return f"{planned} selfplay games: {done} there", more
        case "sync" if "of" in figures:
            return f"{figures['of']} shards to be taken in: {figures['shards']} there", ""
        case "parity" if "moves" in figures:
            return (
                f"the parity gate: {figures['games']} of {figures['of']} games",
                f", {figures['moves']} moves compared with the oracle",
            )
        case "export" if "games" in figures:
            read = f"{figures['games']} games of {figures['shards']} shards read"
            return f"the dataset: {read}, of {stage.amount.need:.0f} at most", ""
        case "train" if "step" in figures:
            return (
                f"training: step {figures['step']} of {figures['of']}",
                f", loss {figures['loss']:.3f}",
            )
        case "evaluate":
            each = ", ".join(
                f"{g['gate']} {g['wins']}-{g['losses']}{elo_text(g)} ({g['low']:.2f}-{g['high']:.2f}, "
                f"{need_text(g)}: {g['decision']})"
                for g in gates
            )
            under_way = sum((r.progress or {}).get("games", 0) for r in own if r.state == RUNNING)
            more = f"; {under_way} more games are over in running tasks" if under_way else ""
            return "the gates:", f" {each}{more}"
        case _:
            return (
                f"the stage that {DOING[stage.stage]}: at work for {stage.seconds:.0f} s",
                "",
            )

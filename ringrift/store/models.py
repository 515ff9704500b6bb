"""Models, what gates said of them, promotions and champions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from ringrift.errors import NegativeVerdict
from ringrift.store import ids
from ringrift.store.ledger import Fence, Tx, insert_once
from ringrift.store.runs import require_open
from ringrift.store.schema import champions, evaluations, models, promotions

#: Between the times of two rows of a config, at least: their times are their order.
ORDER_SECONDS = 1e-3

INITIAL, CANDIDATE, IMPORTED = "initial", "candidate", "imported"
PASS, FAIL = "pass", "fail"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A registered model: one sha256, one file."""

    sha256: str
    config: str
    #: initial (untrained), candidate (trained by a run) or imported.
    kind: str
    run_id: str | None
    #: The weights that its training began with.
    parent: str | None
    dataset: str | None
    #: Relative to the state directory.
    path: str
    bytes: int
    #: May play selfplay games.
    accepted: bool
    metrics: dict[str, Any]
    created_at: float
    #: When its file was given up; None while it is kept.
    pruned_at: float | None = None


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """What one gate says about one model."""

    run_id: str
    model: str
    gate: str
    #: The match that it was read from.
    match_id: str
    opponent: str
    #: The first so many games of the match decided it.
    games: int
    wins: int
    #: Confidence interval of the score.
    low: float
    high: float
    #: What `low` must reach.
    bound: float
    #: pass or fail.
    verdict: str
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PromotionRow:
    """A champion and why."""

    id: str
    run_id: str
    config: str
    model: str
    previous: str | None
    evidence: dict[str, Any]
    fence: int | None
    created_at: float


@dataclass(frozen=True, slots=True)
class SeatRow:
    """Who is champion of a config, and by which promotion."""

    model: str
    promotion_id: str
    #: Seconds since 1970: of the promotion, or of going back to it.
    since: float


_MODEL = [models.c[name] for name in ModelRow.__dataclass_fields__]
_EVALUATION = [evaluations.c[name] for name in EvaluationRow.__dataclass_fields__]
_ONE = sa.select(*_MODEL).where(models.c.sha256 == sa.bindparam("name"))
_PROMOTION = [promotions.c[name] for name in PromotionRow.__dataclass_fields__]


def register_model(
    tx: Tx,
    *,
    sha256: str,
    config: str,
    kind: str,
    path: str,
    size: int,
    run_id: str | None = None,
    parent: str | None = None,
    dataset: str | None = None,
    accepted: bool = False,
    metrics: Mapping[str, Any] | None = None,
) -> bool:
    """Register a model; False if it is there."""
    if run_id is not None:
        require_open(tx, run_id)
    row = {
        "sha256": sha256,
        "config": config,
        "kind": kind,
        "run_id": run_id,
        "parent": parent,
        "dataset": dataset,
        "path": path,
        "bytes": size,
        "accepted": accepted,
        "metrics": dict(metrics or {}),
        "created_at": _after_others(tx, models, config),
    }
    return insert_once(tx, models, [row]) == 1


def _after_others(tx: Tx, table: sa.Table, config: str) -> float:
    """The time of a new row: now, or after the newest of its config, where the clock was set back since."""
    newest = sa.select(sa.func.max(table.c.created_at)).where(table.c.config == config)
    found = tx.conn.scalar(newest)
    return tx.now if found is None else max(tx.now, float(found) + ORDER_SECONDS)


def get_model(tx: Tx, sha256: str) -> ModelRow | None:
    """One model."""
    row = tx.conn.execute(_ONE, {"name": sha256}).mappings().first()
    return None if row is None else ModelRow(**row)


def find_models(tx: Tx, prefix: str) -> list[ModelRow]:
    """Models whose sha256 begins so."""
    query = sa.select(*_MODEL).where(models.c.sha256.startswith(prefix, autoescape=True))
    return [ModelRow(**row) for row in tx.conn.execute(query).mappings()]


def models_of(tx: Tx, config: str | None = None, kind: str | None = None) -> list[ModelRow]:
    """Models, oldest first."""
    query = sa.select(*_MODEL).order_by(models.c.created_at, models.c.sha256)
    if config is not None:
        query = query.where(models.c.config == config)
    if kind is not None:
        query = query.where(models.c.kind == kind)
    return [ModelRow(**row) for row in tx.conn.execute(query).mappings()]


def initial_model(tx: Tx, config: str) -> ModelRow | None:
    """The untrained network that a config began with."""
    found = models_of(tx, config, INITIAL)
    return found[0] if found else None


def candidate_of(tx: Tx, run_id: str) -> ModelRow | None:
    """The model that a run trained."""
    row = tx.conn.execute(sa.select(*_MODEL).where(models.c.run_id == run_id)).mappings().first()
    return None if row is None else ModelRow(**row)


def newest_accepted(tx: Tx, config: str) -> ModelRow | None:
    """The network that selfplay uses.

    Its file is kept as long as it is that. One that becomes it again, as all newer ones were withdrawn,
    may have lost its file meanwhile, and is passed over.
    """
    query = (
        sa.select(*_MODEL)
        .where(models.c.config == config, models.c.accepted, models.c.pruned_at.is_(None))
        .order_by(models.c.created_at.desc(), models.c.sha256)
        .limit(1)
    )
    row = tx.conn.execute(query).mappings().first()
    return None if row is None else ModelRow(**row)


def accept_model(tx: Tx, sha256: str) -> None:
    """Let a model play selfplay games."""
    tx.conn.execute(models.update().where(models.c.sha256 == sha256).values(accepted=True))


def withdraw(tx: Tx, config: str, sha256s: Collection[str]) -> list[str]:
    """Let these models, and all that were trained from them, play selfplay no more; which did until now."""
    rows = models_of(tx, config)
    gone = set(sha256s)
    for row in rows:  # oldest first: a parent comes before its children
        if row.parent in gone:
            gone.add(row.sha256)
    found = [row.sha256 for row in rows if row.accepted and row.sha256 in gone]
    for sha256 in found:
        tx.conn.execute(models.update().where(models.c.sha256 == sha256).values(accepted=False))
    return found


def configs(tx: Tx) -> list[str]:
    """Every config that has a model."""
    return list(tx.conn.scalars(sa.select(models.c.config).distinct().order_by(models.c.config)))


def mark_pruned(tx: Tx, sha256: str) -> bool:
    """Give the file of a model up; False if that was done before. The row stays."""
    changed = tx.conn.execute(
        models.update()
        .where(models.c.sha256 == sha256, models.c.pruned_at.is_(None))
        .values(pruned_at=tx.now)
    )
    return changed.rowcount == 1


def add_evaluation(tx: Tx, row: EvaluationRow) -> bool:
    """Note what a gate says; False if it said so before."""
    require_open(tx, row.run_id)
    values = {
        "id": ids.evaluation_id(row.run_id, row.model, row.gate),
        **asdict(row),
        "created_at": tx.now,
    }
    return insert_once(tx, evaluations, [values]) == 1


def evaluations_of(
    tx: Tx, *, run_id: str | None = None, model: str | None = None
) -> list[EvaluationRow]:
    """What the gates said, in the order they said it."""
    query = sa.select(*_EVALUATION).order_by(evaluations.c.created_at, evaluations.c.gate)
    if run_id is not None:
        query = query.where(evaluations.c.run_id == run_id)
    if model is not None:
        query = query.where(evaluations.c.model == model)
    return [EvaluationRow(**row) for row in tx.conn.execute(query).mappings()]


def champion(tx: Tx, config: str) -> str | None:
    """sha256 of the champion of a config."""
    return tx.conn.scalar(sa.select(champions.c.model).where(champions.c.config == config))


def champion_since(tx: Tx, config: str) -> float | None:
    """When the champion of a config became it, seconds since 1970."""
    found = tx.conn.scalar(sa.select(champions.c.since).where(champions.c.config == config))
    return None if found is None else float(found)


def seat(tx: Tx, config: str) -> SeatRow | None:
    """The champion of a config, None before the first promotion."""
    query = sa.select(champions.c.model, champions.c.promotion_id, champions.c.since)
    row = tx.conn.execute(query.where(champions.c.config == config)).mappings().first()
    return None if row is None else SeatRow(**row)


def line(tx: Tx, config: str) -> list[PromotionRow]:
    """The promotion that the champion holds its seat by, then those before it, newest first.

    Each is of the `previous` of the one after it: a champion that was taken back is not among them.
    """
    known = {row.model: row for row in promotions_of(tx, config)}
    found: list[PromotionRow] = []
    model = champion(tx, config)
    while model is not None and model in known:
        found.append(known.pop(model))
        model = found[-1].previous
    return found


def all_champions(tx: Tx) -> dict[str, tuple[str, str]]:
    """config -> (model, promotion id)."""
    query = sa.select(champions.c.config, champions.c.model, champions.c.promotion_id)
    return {row.config: (row.model, row.promotion_id) for row in tx.conn.execute(query)}


def promote(
    tx: Tx,
    *,
    run_id: str,
    config: str,
    model: str,
    holder: str | None,
    evidence: Mapping[str, Any],
    fence: Fence | None = None,
) -> bool:
    """Make a model the champion after `holder`, with its evidence; False if this run did so before.

    NegativeVerdict, which ends the transaction, without evidence (at least one evaluation of this model in
    this run, none failed), and where `holder` has the seat no more: on PostgreSQL somebody else may have
    committed since the caller read it.
    """
    require_open(tx, run_id)
    said = evaluations_of(tx, run_id=run_id, model=model)
    if not said or any(row.verdict != PASS or row.games < 1 for row in said):
        raise NegativeVerdict(f"model {model[:12]} is not promoted without evidence: {said}")
    row = {
        "id": ids.promotion_id(run_id, model),
        "run_id": run_id,
        "config": config,
        "model": model,
        "previous": holder,
        "evidence": dict(evidence),
        "fence": None if fence is None else fence.number,
        "created_at": _after_others(tx, promotions, config),
    }
    if insert_once(tx, promotions, [row]) == 0:
        return False
    seat = {"model": model, "promotion_id": row["id"], "since": tx.now}
    if holder is None:
        taken = insert_once(tx, champions, [{"config": config, **seat}])
    else:
        held = sa.and_(champions.c.config == config, champions.c.model == holder)
        taken = tx.conn.execute(champions.update().where(held).values(**seat)).rowcount
    if taken != 1:
        raise NegativeVerdict(f"{config} has another champion than {str(holder)[:12]} by now")
    accept_model(tx, model)
    return True


def restore(tx: Tx, *, holder: str, promotion: PromotionRow) -> bool:
    """Give the seat of `holder` back to the model of an earlier promotion; False if he does not hold it."""
    changed = tx.conn.execute(
        champions.update()
        .where(champions.c.config == promotion.config, champions.c.model == holder)
        .values(model=promotion.model, promotion_id=promotion.id, since=tx.now)
    )
    return changed.rowcount == 1


def promotions_of(tx: Tx, config: str | None = None) -> list[PromotionRow]:
    """Promotions, oldest first."""
    query = sa.select(*_PROMOTION).order_by(promotions.c.created_at)
    if config is not None:
        query = query.where(promotions.c.config == config)
    return [PromotionRow(**row) for row in tx.conn.execute(query).mappings()]

"""Derived identity: an id is the sha256 of what the thing is, never a counter or a clock.

The same work described twice has the same id, so a second delivery finds the first one's row and
changes nothing. Everything that tells two things apart is in the hash; nothing else is. Games and
matches derive theirs where they are defined: `rules.records.GameRecord`, `evaluation.MatchSpec`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no blanks, ASCII, and no NaN (two NaNs are never equal)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def derived_id(kind: str, fields: Mapping[str, Any]) -> str:
    """64 hex digits for one thing of this kind."""
    return hashlib.sha256(canonical_json([kind, dict(fields)]).encode()).hexdigest()


def digest(value: Any) -> str:
    """64 hex digits for a plain JSON value, such as the settings of a run."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def run_id(
    config: str, iteration: int, start_model: str, champion: str | None, plan_digest: str
) -> str:
    """A run is one iteration of one config: from which network, against which champion, how."""
    return derived_id(
        "run",
        {
            "config": config,
            "iteration": iteration,
            "start_model": start_model,
            "champion": champion,
            "plan": plan_digest,
        },
    )


def shard_id(run: str, config: str, model: str, seed: int, index: int, games: int) -> str:
    """A shard is fixed when it is planned: its size never depends on how fast it went."""
    return derived_id(
        "shard",
        {
            "run": run,
            "config": config,
            "model": model,
            "seed": seed,
            "index": index,
            "games": games,
        },
    )


def task_id(run: str, stage: str, unit: str = "") -> str:
    """One piece of work of a run; the id of its stage row and of every task that delivers it."""
    return derived_id("task", {"run": run, "stage": stage, "unit": unit})


def dataset_id(run: str, shards: Sequence[str], plan_digest: str) -> str:
    """A dataset is the shards it was made from, in whatever order, and how it was made."""
    return derived_id("dataset", {"run": run, "shards": sorted(shards), "plan": plan_digest})


def match_game_id(match: str, index: int) -> str:
    """Game number `index` of a match."""
    return derived_id("match_game", {"match": match, "index": index})


def evaluation_id(run: str, model: str, gate: str) -> str:
    """What one gate says about one model in one run."""
    return derived_id("evaluation", {"run": run, "model": model, "gate": gate})


def promotion_id(run: str, model: str) -> str:
    """A run promotes a model at most once."""
    return derived_id("promotion", {"run": run, "model": model})


def event_id(kind: str, run: str | None, stage: str, unit: str = "") -> str:
    """An event tells that one thing happened once, however often it is told; `run` None: of no run."""
    return derived_id("event", {"kind": kind, "run": run, "stage": stage, "unit": unit})

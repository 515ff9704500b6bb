"""The settings of a history: those of quickstart, made small."""

from __future__ import annotations

from functools import cache

from ringrift.settings import Settings


@cache
def _quickstart() -> Settings:
    return Settings.load("quickstart", environ={})


@cache
def settings_of(configs: tuple[str, ...], iterations: int, shards: int, least: int) -> Settings:
    """So many iterations of so many shards; least: positions before a training."""
    changes: dict[str, dict[str, object]] = {
        "loop": {
            "configs": list(configs),
            "max_iterations": iterations,
            "queue_seconds": 15.0,  # two shards, while nobody knows how long they take
        },
        "selfplay": {
            "first_games": 2 * shards,
            "games_per_iteration": 2 * shards,
            "games_per_shard": 2,
            "archive_share": 0.0,
        },
        "training": {"min_samples_to_trigger": least, "auto_trigger": True},
        "data_ingestion": {"replayed_games_per_shard": 0},
        "evaluation": {
            "games_per_task": 10,
            "max_games": 20,
            "min_games": 10,
            "opening_decisions": 2,
        },
        "cluster": {
            "stage_stale_seconds": 60.0,
            "heartbeat_seconds": 20.0,
            "max_attempts": 5,
            "max_deliveries": 7,
            "breaker_failures": 2,
            "breaker_reset_seconds": 300.0,
        },
    }
    found = _quickstart()
    known = found.model_dump()
    return found.replace(**{name: {**known[name], **new} for name, new in changes.items()})

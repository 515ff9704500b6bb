"""Matches beside the runs: they tell how strong models are meanwhile.

shadow      the newest model of a config against its champion, each evaluation.shadow_interval_seconds;
            where that is the champion, it against the champion before it
tournament  its models against each other, each evaluation.full_tournament_interval_seconds

Each is fixed in the ledger first, then played by whoever takes its message, and read by the ratings
with all other games (`ringrift eval ratings`). They promote nothing, but a champion that they show to be
weaker than the one before it loses its seat (`pipeline.regression`). When the next one is due follows from the ledger, so
that a restart neither loses nor hurries one. None is planned while games of the last ones are missing: they take
turns with shards, and where a match takes longer than its interval the queue would fill with them until no shard
was played any more. A match whose message was lost is sent again (`pipeline.maintenance`); one that is not played all
the same stays without games, and after a while the next one makes up for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations
from typing import Any, Final

import structlog

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, NegativeVerdict
from ringrift.pipeline import model_files, regression
from ringrift.pipeline.context import Context, StageReport
from ringrift.pipeline.gates import searching
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import seed_of
from ringrift.store import matches, models
from ringrift.store.ids import digest
from ringrift.store.ledger import Tx
from ringrift.store.matches import MatchRow

log = structlog.get_logger(__name__)

SHADOW: Final = "shadow"
TOURNAMENT: Final = "tournament"

#: A match that is not played by then is given up: longer than one takes on the largest board and a slow core.
LOST_SECONDS: Final = 6 * 3600.0

#: Models of a tournament: all champions would make matches without end, for little news of old ones.
POOL: Final = 8


def plan_due(ctx: Context, purposes: Collection[str] = (SHADOW, TOURNAMENT)) -> list[str]:
    """Fix the matches of these purposes that are due; their ids. Raises StaleFence when another is master.

    None with ``training.auto_trigger`` off: then only what somebody asks for is done.
    """
    planned: list[str] = []
    for config in ctx.settings.loop.parsed():
        settings = ctx.settings.of(config)
        if not settings.training.auto_trigger:
            continue
        plan = RunPlan.of(ctx.settings, config)
        rules = settings.evaluation
        with ctx.ledger.write(ctx.fence) as tx:
            if SHADOW in purposes and _due(tx, config, SHADOW, rules.shadow_interval_seconds):
                planned += _plan(tx, config, plan, SHADOW, shadow_pair(tx, config))
            interval = rules.full_tournament_interval_seconds
            if TOURNAMENT in purposes and _due(tx, config, TOURNAMENT, interval):
                pairs = combinations(pool(tx, config), 2)
                for a, b in pairs:
                    planned += _plan(tx, config, plan, TOURNAMENT, [a, b])
    return planned


def _due(tx: Tx, config: Config, purpose: str, interval: float) -> bool:
    """Whether so long has passed since the last one, which is played; before it, since the first promotion."""
    promoted = models.promotions_of(tx, str(config))
    if not promoted:
        return False
    waiting = matches.unplayed(tx, str(config), tx.now - LOST_SECONDS)
    if any(match.purpose == purpose for match in waiting):
        return False
    last = matches.last_planned(tx, str(config), purpose)
    return (promoted[0].created_at if last is None else last) + interval <= tx.now


def newest_and_champion(tx: Tx, config: Config) -> list[str]:
    """sha256 of the newest trained model and the champion; one alone where they are the same."""
    champion = models.champion(tx, str(config))
    trained = [m for m in models.models_of(tx, str(config), models.CANDIDATE) if not m.pruned_at]
    return list(dict.fromkeys([m.sha256 for m in trained[-1:]] + [champion] if champion else []))


def shadow_pair(tx: Tx, config: Config) -> list[str]:
    """sha256 of the two of a shadow match; one alone where the first champion is the newest."""
    pair = newest_and_champion(tx, config)
    if len(pair) == 1:
        before = models.line(tx, str(config))[1:2]
        rows = [models.get_model(tx, row.model) for row in before]
        pair += [row.sha256 for row in rows if row is not None and row.pruned_at is None]
    return pair


def pool(tx: Tx, config: Config) -> list[str]:
    """sha256 of the models of a tournament, oldest first: untrained, champions, newest; those that have a file."""
    initial = models.initial_model(tx, str(config))
    there = {row.sha256 for row in models.models_of(tx, str(config)) if row.pruned_at is None}
    promoted = [row.model for row in models.promotions_of(tx, str(config)) if row.model in there]
    newest = newest_and_champion(tx, config)[:1]
    played = list(dict.fromkeys([*promoted, *newest]))[-POOL + 1 :]
    return [*([initial.sha256] if initial is not None else []), *played]


def _plan(tx: Tx, config: Config, plan: RunPlan, purpose: str, pair: list[str]) -> Iterator[str]:
    """Fix a match of two models; another one, by its seed, than all before it."""
    from ringrift.evaluation.spec import MatchSpec

    if len(pair) < 2:
        return
    a, b = (searching(plan, model) for model in pair)
    number = matches.count_matches(tx, str(config), purpose, a.identity, b.identity)
    spec = MatchSpec(
        config=config,
        a=a,
        b=b,
        games=max(plan.evaluation.games_per_task, config.players),
        seed=seed_of(digest([purpose, a.identity, b.identity, number])),
        opening_plies=plan.evaluation.opening_decisions,
    )
    row = MatchRow(
        id=spec.id,
        config=str(config),
        purpose=purpose,
        a=a.identity,
        b=b.identity,
        seed=str(spec.seed),
        games=spec.max_games,
        spec=spec.as_dict(),
        model=pair[0],
    )
    if matches.add_match(tx, row):
        yield row.id


def play(ctx: Context, match: str) -> dict[str, Any]:
    """Play what is missing of a match, and put it into the ledger; figures of the match.

    The champion of its config is taken back where its games now ask for it.

    Interrupted, when `ctx.stop` says so: what was played since it began is played again at the next start.
    """
    from ringrift.evaluation.spec import MatchSpec

    with ctx.ledger.read() as tx:
        row = matches.get_match(tx, match)
        there = matches.wins_by_number(tx, match)
    spec = MatchSpec.from_dict(row.spec)

    def progress(**figures: Any) -> None:
        ctx.report(StageReport("", row.config, row.purpose, match, "working", figures))
        if ctx.stop():
            raise Interrupted(f"stopped in a {row.purpose} match; it is played at the next start")

    def path(sha256: str) -> Any:
        with ctx.ledger.read() as tx:
            model = models.get_model(tx, sha256)
        if model is None:
            raise BadInput(f"model {sha256[:12]} is not in the ledger")
        model_files.bring(ctx, model, progress)
        return ctx.blobs.verify(ctx.blobs.path(model.path), sha256)

    size = spec.block_size
    missing = [n for n in range(spec.blocks) if any(n * size + i not in there for i in range(size))]
    if missing:
        first, last = missing[0], missing[-1]
        played = ctx.services.play_blocks(row.spec, first, last - first + 1, path, progress)
        with ctx.ledger.write() as tx:
            matches.add_games(tx, match, played)
    with ctx.ledger.read() as tx:
        wins = matches.wins_by_number(tx, match)
    _go_back(ctx, spec.config)
    return {"match": match, "purpose": row.purpose, "games": len(wins), "wins": sum(wins.values())}


def _go_back(ctx: Context, config: Config) -> None:
    """Look for a regression; where a new master came, or another look did it, the next match looks again."""
    try:
        regression.look(ctx, config)
    except NegativeVerdict as error:
        log.warning("not looked for a regression", config=str(config), reason=str(error))

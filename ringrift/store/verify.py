"""Everything that the ledger says, computed again; each disagreement is named.

==========  ==================================================================================
subject     what is compared
==========  ==================================================================================
database    the engine's own integrity and foreign keys
run         id from its parts; totals of closed runs from the rows; at most one open iteration per config
stage       id from run, stage and unit; no stage ahead of an earlier one; done with a result
shard       file there, its hash, its games one by one against the ledger, its counts
dataset     file there, its hash, id from its parts, shards known
model       file there, its hash, run and dataset known; pruned: told, and nothing plays it
match       games within the match, each number once
evaluation  games and wins from the match's games
promotion   evidence there and passed; the champion is the newest promotion, or who a rollback gave
            its seat back to, by his own promotion; who lost it plays no selfplay
node        up or down, as its last event told
event       each done stage, promotion and closed run has its event; payloads are what kinds carry
==========  ==================================================================================
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import zstandard

from ringrift.errors import BadInput
from ringrift.events.kinds import Kind
from ringrift.rules.records import RecordReader
from ringrift.store import events as outbox
from ringrift.store import games, ids, matches, models, nodes, runs, stages
from ringrift.store.blobs import BlobStore, file_sha256
from ringrift.store.engine import damage_of
from ringrift.store.ledger import Ledger, Tx
from ringrift.store.schema import evaluations, events

#: Name of what the database's own check finds.
INTEGRITY: Final = "integrity"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that is not as the ledger says."""

    #: Kind of thing, see above.
    subject: str
    #: Which one.
    name: str
    says: str
    found: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.subject} {self.name}: the ledger says {self.says}, found {self.found}"


def verify(ledger: Ledger, blobs: BlobStore) -> list[Disagreement]:
    """Compute everything again, over one snapshot of the ledger."""
    fault = damage_of(Path(str(ledger.engine.url.database))) if ledger.local else None
    if fault is not None:
        return [Disagreement("database", INTEGRITY, "ok", fault)]
    with ledger.read() as tx:
        database = list(_database(tx))
        if any(one.name == INTEGRITY for one in database):
            return database  # nothing else that it says can be relied on
        return [
            *database,
            *_runs(tx),
            *_stages(tx),
            *_shards(tx, blobs),
            *_datasets(tx, blobs),
            *_models(tx, blobs),
            *_matches(tx),
            *_evaluations(tx),
            *_promotions(tx),
            *_nodes(tx),
            *_events(tx),
        ]


def _database(tx: Tx) -> Iterator[Disagreement]:
    if tx.conn.dialect.name != "sqlite":
        return
    damage = [str(row[0]) for row in tx.conn.exec_driver_sql("PRAGMA integrity_check")]
    for fault in damage if damage != ["ok"] else ():
        yield Disagreement("database", INTEGRITY, "ok", " ".join(fault.split()))
    if damage != ["ok"]:  # the keys may not even be there to be read
        return
    for row in tx.conn.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Disagreement("database", f"{row[0]} row {row[1]}", f"a row in {row[2]}", "none")


def _runs(tx: Tx) -> Iterator[Disagreement]:
    at_work = Counter(run.config for run in runs.open_runs(tx) if not run.backfill)
    for config, count in at_work.items():
        if count > 1:
            yield Disagreement("run", config, "one open iteration", str(count))
    for run in runs.all_runs(tx):
        name = run.id[:12]
        derived = ids.run_id(
            run.config, run.iteration, run.start_model, run.champion, run.plan_digest
        )
        if derived != run.id:
            yield Disagreement("run", name, "this id", derived[:12])
        if ids.digest(run.plan) != run.plan_digest:
            yield Disagreement("run", name, f"plan {run.plan_digest[:12]}", "another plan")
        if run.state != runs.CLOSED:
            continue
        said, is_so = run.totals or {}, dict(runs.totals(tx, run.id))
        for key in sorted({*said, *is_so}):
            if said.get(key) != is_so.get(key):
                says, found = f"{key} = {said.get(key)}", str(is_so.get(key))
                yield Disagreement("run", name, says, found)


def _stages(tx: Tx) -> Iterator[Disagreement]:
    for run in runs.all_runs(tx):
        reached = 0
        rows = stages.stages_of(tx, run.id)
        for row in rows:
            name = f"{row.stage} {row.unit[:12]} of run {run.id[:12]}"
            derived = ids.task_id(run.id, row.stage, row.unit)
            if derived != row.id:
                yield Disagreement("stage", name, f"id {row.id[:12]}", derived[:12])
            if row.state == stages.DONE and row.result is None:
                yield Disagreement("stage", name, "done", "no result")
            place = stages.ORDER.index(row.stage)
            if row.state not in stages.SETTLED:
                reached = max(reached, place + 1)
            elif reached and place >= reached:
                yield Disagreement("stage", name, row.state, "an earlier stage is not settled")


def _shards(tx: Tx, blobs: BlobStore) -> Iterator[Disagreement]:
    for shard in games.all_shards(tx):
        name = f"{shard.id[:12]} ({shard.path})"
        derived = ids.shard_id(
            shard.run_id, shard.config, shard.model, shard.seed, shard.number, shard.planned_games
        )
        if derived != shard.id:
            yield Disagreement("shard", name, f"id {shard.id[:12]}", derived[:12])
        if shard.path is None or shard.state == games.QUARANTINED:
            continue
        path = blobs.path(shard.path)
        bad = _file("shard", name, path, str(shard.sha256))
        if bad is not None:
            yield bad
            continue
        try:
            found = [record.id for record in RecordReader(path, verify=False)]
        except BadInput as error:
            yield Disagreement("shard", name, f"{shard.games} games", str(error))
            continue
        if not len(found) == shard.games == shard.planned_games:
            says = f"{shard.games} of {shard.planned_games} games"
            yield Disagreement("shard", name, says, f"{len(found)} in the file")
        if shard.state == games.INGESTED:
            yield from _games(tx, shard, found)


def _games(tx: Tx, shard: games.ShardRow, found: list[str]) -> Iterator[Disagreement]:
    known = games.game_ids(tx, shard.id)
    name = f"in shard {shard.id[:12]}"
    for game in sorted(set(known) - set(found)):
        yield Disagreement("game", f"{game[:12]} {name}", "it was played", "not in the file")
    for game in sorted(set(found) - set(known)):
        if not games.has_game(tx, game):  # the same game of another shard counts there
            yield Disagreement("game", f"{game[:12]} {name}", "nothing of it", "it is in the file")


def _datasets(tx: Tx, blobs: BlobStore) -> Iterator[Disagreement]:
    known = {shard.id for shard in games.all_shards(tx)}
    for row in games.all_datasets(tx):
        bad = _file("dataset", row.sha256[:12], blobs.path(row.path), row.sha256)
        if bad is not None:
            yield bad
        for shard in sorted(set(row.shards) - known):
            yield Disagreement("dataset", row.sha256[:12], f"shard {shard[:12]}", "no such shard")


def _models(tx: Tx, blobs: BlobStore) -> Iterator[Disagreement]:
    known_runs = {run.id for run in runs.all_runs(tx)}
    known_data = {row.sha256 for row in games.all_datasets(tx)}
    played = {model for model, _ in models.all_champions(tx).values()}
    played |= {run.start_model for run in runs.open_runs(tx)}
    told = {event.payload.get("model") for event in outbox.all_of(tx, Kind.MODEL_PRUNED)}
    for row in models.models_of(tx):
        name = row.sha256[:12]
        if row.pruned_at is None:
            bad = _file("model", name, blobs.path(row.path), row.sha256)
            if bad is not None:
                yield bad
        elif row.sha256 in played:
            yield Disagreement("model", name, "pruned", "a champion, or the start of an open run")
        elif row.sha256 not in told:
            yield Disagreement("model", name, "pruned", f"no {Kind.MODEL_PRUNED}")
        if row.run_id is not None and row.run_id not in known_runs:
            yield Disagreement("model", name, f"run {row.run_id[:12]}", "no such run")
        if row.dataset is not None and row.dataset not in known_data:
            yield Disagreement("model", name, f"dataset {row.dataset[:12]}", "no such dataset")


def _file(subject: str, name: str, path: Path, sha256: str) -> Disagreement | None:
    try:
        found = file_sha256(path)
    except OSError as error:
        return Disagreement(subject, name, f"file {path.name}", error.strerror or str(error))
    if found != sha256:
        return Disagreement(subject, name, f"sha256 {sha256[:12]}", f"{found[:12]} in {path}")
    return None


def _matches(tx: Tx) -> Iterator[Disagreement]:
    for match in matches.all_matches(tx):
        numbers = sorted(matches.wins_by_number(tx, match.id))
        if numbers and numbers[-1] >= match.games:
            says = f"at most {match.games} games"
            yield Disagreement("match", match.id[:12], says, f"game number {numbers[-1]}")


def _evaluations(tx: Tx) -> Iterator[Disagreement]:
    query = sa.select(
        evaluations.c.id, evaluations.c.match_id, evaluations.c.games, evaluations.c.wins
    )
    for row in tx.conn.execute(query):
        scores = matches.wins_by_number(tx, row.match_id)
        first = [scores[n] for n in range(row.games) if n in scores]
        if len(first) != row.games or round(sum(first)) != row.wins:
            says = f"{row.wins} wins of {row.games} games"
            found = f"{sum(first):g} of {len(first)} in the match"
            yield Disagreement("evaluation", row.id[:12], says, found)


def _promotions(tx: Tx) -> Iterator[Disagreement]:
    newest: dict[str, models.PromotionRow] = {}
    by_id: dict[str, models.PromotionRow] = {}
    for row in models.promotions_of(tx):
        newest[row.config] = by_id[row.id] = row
        said = models.evaluations_of(tx, run_id=row.run_id, model=row.model)
        passed = [e for e in said if e.verdict == models.PASS and e.low >= 0.0 and e.games]
        if not said or len(passed) != len(said):
            found = f"{len(passed)} of {len(said)} gates passed"
            yield Disagreement("promotion", row.id[:12], "all gates passed", found)
    champions = models.all_champions(tx)
    back = _rolled_back(tx)
    for config in sorted({*newest, *champions}):
        says, by = champions.get(config, ("none", "none"))
        found = newest[config].model if config in newest else "no promotion"
        left: set[str] = set()
        while (config, found) in back and found not in left:
            left.add(found)
            found = back[config, found]
        if says != found:
            yield Disagreement("promotion", config, f"champion {says[:12]}", found[:12])
        elif by in by_id and by_id[by].model != says:
            of = f"one of {by_id[by].model[:12]}"
            yield Disagreement("promotion", config, f"champion {says[:12]} by {by[:12]}", of)
    for config, model in back:
        lost = models.get_model(tx, model)
        if lost is not None and lost.accepted:
            yield Disagreement("promotion", config, f"{model[:12]} was taken back", "accepted")


def _rolled_back(tx: Tx) -> dict[tuple[str, str], str]:
    """(config, model that lost its seat) -> who has it since then."""
    told = outbox.all_of(tx, Kind.MODEL_ROLLED_BACK)
    about = [event.payload for event in told if event.fault is None]
    return {(one["config"], one["model"]): one["restored"] for one in about}


def _nodes(tx: Tx) -> Iterator[Disagreement]:
    told = [*outbox.all_of(tx, Kind.NODE_UP), *outbox.all_of(tx, Kind.NODE_DOWN)]
    last = {
        event.payload["node"]: event.kind
        for event in sorted(told, key=lambda event: event.seq)
        if event.fault is None
    }
    for row in nodes.all_nodes(tx):
        says = Kind.NODE_UP if row.down is None else Kind.NODE_DOWN
        if last.get(row.name) != says:
            found = f"last told {last.get(row.name, 'nothing')}"
            yield Disagreement("node", row.name, row.down or "up", found)


#: Stage -> the event that its last done unit must have told, or one of these.
_TOLD = {
    "selfplay": ("SELFPLAY_COMPLETE",),
    "sync": ("DATA_SYNC_COMPLETED",),
    "parity": ("PARITY_CHECKED", "PARITY_SKIPPED"),
    "train": ("TRAINING_COMPLETED",),
    "evaluate": ("EVALUATION_COMPLETED",),
}

#: Outcome of a closed run -> the event that its closing must have told.
_ENDED = {
    runs.PROMOTED: "MODEL_PROMOTED",
    runs.REJECTED: "MODEL_REJECTED",
    runs.COLLECTED: "DATA_COLLECTED",
    runs.FAILED: "RUN_FAILED",
}


def _events(tx: Tx) -> Iterator[Disagreement]:
    for fault in outbox.faults(tx):
        yield Disagreement("event", "payload", "what its kind carries", fault)
    query = sa.select(events.c.run_id, events.c.kind)
    told = {(row.run_id, row.kind) for row in tx.conn.execute(query)}
    for run in runs.all_runs(tx):
        rows = stages.stages_of(tx, run.id)
        for stage, kinds in _TOLD.items():
            own = [row.state for row in rows if row.stage == stage]
            if own and set(own) == {stages.DONE} and not any((run.id, k) in told for k in kinds):
                found = f"no {' or '.join(kinds)}"
                yield Disagreement("event", f"run {run.id[:12]}", f"{stage} is done", found)
        ended = _ENDED.get(run.outcome or "")
        if ended is not None and (run.id, ended) not in told:
            yield Disagreement("event", f"run {run.id[:12]}", str(run.outcome), f"no {ended}")


def count_records(path: Path) -> int | None:
    """Games of a shard file, counted line by line; None if it cannot be read to its end."""
    count = 0
    try:
        with (
            path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as stream,
        ):
            for line in io.BufferedReader(stream, 1 << 18):  # type: ignore[type-var]
                count += line.startswith(b'{"t":"game"')
    except (OSError, zstandard.ZstdError):
        return None
    return count

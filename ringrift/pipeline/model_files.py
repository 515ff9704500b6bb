"""Files of models: given up when nothing needs them, and taken to where they play.

What stays is decided in `ringrift.models.pruning`, what a place looks like in
`ringrift.models.distribution`; here both are done, and told. Each may be done by several at once,
and may die at any line: the row says that a file is given up before the file goes, and a manifest is
written when all that it names is there, so the next pass makes up for what is missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from ringrift.errors import RingRiftError
from ringrift.events.payloads import DistributionFailed, ModelDistributed, ModelPruned
from ringrift.models import distribution, pruning
from ringrift.models.distribution import Fetch, Listed, Manifest, PlaceAway, Pruned
from ringrift.models.pruning import Rule, Verdict
from ringrift.nets.files import SUFFIX
from ringrift.pipeline import events
from ringrift.pipeline.context import Context
from ringrift.settings.secrets import masked
from ringrift.store import events as outbox
from ringrift.store import models, runs
from ringrift.store.blobs import BadBlob, Blob, BlobStore, note_quarantine
from ringrift.store.events import NewEvent
from ringrift.store.ledger import StaleFence, Tx
from ringrift.store.models import ModelRow

log = structlog.get_logger(__name__)

#: Nobody goes on with a training whose run was closed, once its folder was quiet for so long.
QUIET_SECONDS: Final = 3600.0

#: A file that is nowhere yet is waited for through so many of models.sync_interval_seconds.
PATIENCE: Final = 3.0

#: Between two looks for it.
LOOK_SECONDS: Final = 1.0

#: While a place is waited for, whoever watches this work hears that it lives so often.
ALIVE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Removed:
    """What a pass of `prune` did, or would do."""

    #: Every model that still had its file, with why it stays or that it goes.
    verdicts: tuple[Verdict, ...]
    #: Files of models that were removed; with those that an earlier pass gave up and did not reach.
    files: int
    #: Size of these.
    bytes: int
    #: Files with the state of a training whose run is closed.
    trainings: int
    #: Size of these.
    training_bytes: int

    @property
    def gone(self) -> tuple[ModelRow, ...]:
        """The models whose files are given up now."""
        return tuple(one.model for one in self.verdicts if one.goes)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a pass of `distribute` did for one config at one place, or would do."""

    config: str
    place: str
    #: The manifest, which names champion and newest.
    manifest: Manifest
    #: sha256 of the models that were copied, and their size.
    copied: tuple[str, ...]
    bytes: int
    #: sha256 of pruned models whose files were removed there.
    withdrawn: tuple[str, ...]
    #: What went wrong; the next pass tries again.
    error: str | None = None


def training_folder(home: Path, run_id: str) -> Path:
    """Checkpoints and logs of a run's training."""
    return home / "runs" / run_id[:16]


def rule(ctx: Context) -> Rule:
    """How much is kept, by the settings."""
    kept = ctx.settings.models
    return Rule(kept.keep_candidates, kept.keep_champions)


def prune(ctx: Context, configs: Sequence[str] | None = None, *, dry_run: bool = False) -> Removed:
    """Give up the files of models that nothing needs, of these configs or all. StaleFence.

    A model is given up in the transaction that finds it unneeded, so no run can begin with it
    meanwhile; its file goes afterwards.
    """
    verdicts: list[Verdict] = []
    files = size = 0
    for config in _known(ctx, configs):
        with ctx.ledger.read() if dry_run else ctx.ledger.write(ctx.fence) as tx:
            judged = pruning.judge(tx, config, rule(ctx))
            for one in judged:
                if one.goes and not dry_run:
                    _give_up(tx, one.model, rule(ctx))
        verdicts += [one for one in judged if one.model.pruned_at is None]
        gone = [one.model for one in judged if one.goes or one.model.pruned_at is not None]
        counted, freed = _remove([ctx.blobs.path(row.path) for row in gone], dry_run)
        files, size = files + counted, size + freed
    states, freed = _remove(_quiet_states(ctx), dry_run)
    return Removed(tuple(verdicts), files, size, states, freed)


def tidy(ctx: Context, configs: Sequence[str] | None = None) -> None:
    """Do as `prune`, for somebody who reads logs."""
    done = prune(ctx, configs)
    if done.files or done.trainings:
        log.info(
            "files of models pruned",
            files=done.files,
            bytes=done.bytes,
            trainings=done.trainings,
            training_bytes=done.training_bytes,
        )


def _give_up(tx: Tx, row: ModelRow, kept: Rule) -> None:
    if models.mark_pruned(tx, row.sha256):
        about = ModelPruned(
            config=row.config,
            model=row.sha256,
            file=row.path,
            bytes=row.bytes,
            reason="nothing plays it; neither among the newest candidates "
            f"(models.keep_candidates: {kept.candidates}) nor the last champions "
            f"(models.keep_champions: {kept.champions})",
        )
        events.model_pruned(tx, about)


def _remove(paths: Sequence[Path], dry_run: bool) -> tuple[int, int]:
    """Remove the files among these that are there; how many, and their bytes."""
    files = size = 0
    for path in paths:
        try:
            found = path.stat().st_size
            if not dry_run:
                path.unlink()
        except FileNotFoundError:  # never here, or another pass was quicker
            continue
        files, size = files + 1, size + found
    return files, size


def _quiet_states(ctx: Context) -> list[Path]:
    """Weights and optimizers of trainings that are over; their figures stay."""
    with ctx.ledger.read() as tx:
        at_work = {training_folder(ctx.home, run.id) for run in runs.open_runs(tx)}
    before = time.time() - QUIET_SECONDS
    found = [
        path
        for path in sorted((ctx.home / "runs").glob("*/*"))
        if path.suffix in (SUFFIX, ".broken") and path.parent not in at_work
    ]
    return [path for path in found if _written(path) < before]


def _written(path: Path) -> float:
    """When a file was written, seconds since 1970; never, if it is gone by now."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _known(ctx: Context, configs: Sequence[str] | None) -> list[str]:
    """These configs; else every one that has a model."""
    if configs is not None:
        return list(configs)
    with ctx.ledger.read() as tx:
        return models.configs(tx)


def distribute(
    ctx: Context,
    configs: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
    *,
    again: bool = False,
    dry_run: bool = False,
) -> list[Sent]:
    """Take the models that play to these places (`models.distribute_to`); what was done. StaleFence.

    Those are the champion and the newest accepted one, which the manifest names, and whatever else an
    open run or a planned match plays. A place that cannot be reached is said and told, and tried again
    by the next pass. `again` hashes the files that are there, and replaces bad ones.
    """
    done: list[Sent] = []
    away: dict[str, str] = {}
    for config in _known(ctx, configs):
        with ctx.ledger.read() as tx:
            manifest = manifest_of(tx, config)
            wanted = pruning.needed(tx, config)
            rows = {row.sha256: row for row in models.models_of(tx, config)}
        if manifest is None:
            continue
        for place in ctx.settings.models.distribute_to if places is None else places:
            at = _Place(ctx, place, manifest, again=again, dry_run=dry_run)
            sent = _supplied(at, rows, wanted, away)
            done.append(sent)
            if sent.error is not None and not dry_run:
                tell_failed(ctx, place, sent.error, [config])
    return done


def _supplied(
    at: _Place, rows: dict[str, ModelRow], wanted: Iterable[str], away: dict[str, str]
) -> Sent:
    """Supply a place with the models of a config. StaleFence.

    away: places that cannot be reached, with the reason; the other configs need not find out for themselves.
    """
    if at.place not in away:
        try:
            return at.supply(rows, wanted)
        except StaleFence:
            raise
        except distribution.PlaceAway as error:
            away[at.place] = str(error)
        except RingRiftError as error:
            _note_broken(at.ctx, error)
            return at.nothing(str(error))
    return at.nothing(away[at.place])


def tell_failed(ctx: Context, place: str, error: str, configs: Sequence[str] | None = None) -> None:
    """Tell that models of these configs, or of all, could not be taken to a place; of each manifest once. StaleFence."""
    for config in _known(ctx, configs):
        with ctx.ledger.read() as tx:
            manifest = manifest_of(tx, config)
        if manifest is not None:
            about = DistributionFailed(
                config=config, target=masked(place), manifest=manifest.name, error=error
            )
            _tell_once(ctx, events.distribution_failed(about, manifest.digest))


def _tell_once(ctx: Context, event: NewEvent) -> None:
    """Tell what most passes have told before; only the first of them writes."""
    with ctx.ledger.read() as tx:
        told = outbox.is_told(tx, event)
    if not told:
        with ctx.ledger.write(ctx.fence) as tx:
            outbox.append(tx, event)


def _note_broken(ctx: Context, error: RingRiftError) -> None:
    """Write down that a file of ours was moved to quarantine; the next pass may find a good copy elsewhere."""
    if isinstance(error, BadBlob) and error.moved_to is not None:
        path, moved_to = ctx.blobs.relative(error.path), ctx.blobs.relative(error.moved_to)
        with ctx.ledger.write(ctx.fence) as tx:
            note_quarantine(tx, path, moved_to, str(error), None)


def manifest_of(tx: Tx, config: str) -> Manifest | None:
    """Who is champion and who is newest now; None before the first model."""
    newest = models.newest_accepted(tx, config)
    if newest is None:
        return None
    champion = models.champion(tx, config)
    row = None if champion is None else models.get_model(tx, champion)
    return Manifest(
        config=config,
        newest=Listed.of(newest),
        champion=None if row is None else Listed.of(row),
        since=None if row is None else models.champion_since(tx, config),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """One place that is to get what one config plays."""

    ctx: Context
    place: str
    manifest: Manifest
    again: bool
    dry_run: bool

    def supply(self, rows: dict[str, ModelRow], wanted: Iterable[str]) -> Sent:
        """Copy what is missing, write the manifest, remove what is pruned, tell it."""
        there = distribution.listing(self.place)
        here = [rows[one] for one in wanted if one in rows and rows[one].pruned_at is None]
        copied = [row for row in here if self._lacks(there, row)]
        if not self.dry_run:
            copied = [row for row in copied if self._copy(row)]
            distribution.write_manifest(self.manifest, self.place)
        withdrawn = [
            row.sha256
            for row in rows.values()
            if row.pruned_at is not None and distribution.file_name(row.sha256) in there
        ]
        if not self.dry_run:
            withdrawn = [one for one in withdrawn if distribution.withdraw(self.place, one)]
            self._tell(copied)
        return Sent(
            self.manifest.config,
            masked(self.place),
            self.manifest,
            tuple(row.sha256 for row in copied),
            sum(row.bytes for row in copied),
            tuple(withdrawn),
        )

    def nothing(self, error: str) -> Sent:
        """What is said where that failed."""
        return Sent(self.manifest.config, masked(self.place), self.manifest, (), 0, (), error)

    def _lacks(self, there: dict[str, int], row: ModelRow) -> bool:
        return (self.again and not self.dry_run) or there.get(
            distribution.file_name(row.sha256)
        ) != row.bytes

    def _copy(self, row: ModelRow) -> bool:
        path = distribution.ensure(self.ctx.blobs, row, self.ctx.settings.models.distribute_to)
        return distribution.publish(self.ctx.blobs, path, self.place, again=self.again)

    def _tell(self, copied: Sequence[ModelRow]) -> None:
        champion = self.manifest.champion
        about = ModelDistributed(
            config=self.manifest.config,
            target=masked(self.place),
            manifest=self.manifest.name,
            newest=self.manifest.newest.sha256,
            copied=len(copied),
            bytes=sum(row.bytes for row in copied),
            champion=None if champion is None else champion.sha256,
        )
        _tell_once(self.ctx, events.model_distributed(about, self.manifest.digest))


def bring(ctx: Context, row: ModelRow, progress: Callable[[], object]) -> None:
    """Take the file of a model that is not here from `models.distribute_to`.

    It may be on its way there, and is waited for, with `progress` called meanwhile, which may raise. A
    place that does not answer within `models.distribute_timeout_seconds` is passed over.
    Pruned where it is given up; without a place to look in, what lacks is left to who opens the file.
    """
    places = ctx.settings.models.distribute_to
    if ctx.blobs.path(row.path).exists() or (not places and row.pruned_at is None):
        return
    until = ctx.clock() + PATIENCE * ctx.settings.models.sync_interval_seconds
    while True:
        try:
            path = distribution.ensure(ctx.blobs, row, places, _in_time(ctx, progress))
        except Pruned:
            raise
        except BadBlob as error:
            if ctx.clock() >= until:
                raise
            log.debug("model not there yet", model=row.sha256[:12], error=str(error))
        else:
            log.info("model fetched", model=row.sha256[:12], config=row.config, file=path.name)
            _remove([ctx.blobs.path(one.path) for one in _given_up(ctx, row.config)], dry_run=False)
            return
        progress()
        time.sleep(LOOK_SECONDS)


#: Place -> the thread that still waits for its answer.
_hanging: dict[str, threading.Thread] = {}


def _in_time(ctx: Context, progress: Callable[[], object]) -> Fetch:
    """Fetching on a thread of its own, which is left behind where the place does not answer.

    It can do no harm there: a file gets its name only when all of it has arrived and is what it should be.
    """
    seconds = ctx.settings.models.distribute_timeout_seconds

    def fetch(blobs: BlobStore, sha256: str, place: str) -> Blob:
        late = PlaceAway(
            f"{masked(place)}: no answer within {seconds:g} s (models.distribute_timeout_seconds)"
        )
        before = _hanging.get(place)
        if before is not None and before.is_alive():
            raise late
        came: list[Blob | Exception] = []

        def wait() -> None:
            try:
                came.append(distribution.fetch(blobs, sha256, place))
            except Exception as error:  # noqa: BLE001 - raised below, where somebody hears it
                came.append(error)

        thread = threading.Thread(target=wait, name="fetch", daemon=True)
        thread.start()
        until = time.monotonic() + seconds
        while thread.is_alive() and (left := until - time.monotonic()) > 0:
            thread.join(min(left, ALIVE_SECONDS))
            if thread.is_alive():
                progress()
        if not came:
            _hanging[place] = thread
            log.warning("model not fetched", model=sha256[:12], error=str(late))
            raise late
        if isinstance(came[0], Exception):
            raise came[0]
        return came[0]

    return fetch


def _given_up(ctx: Context, config: str) -> Iterator[ModelRow]:
    """Models whose file is given up: a node with a state directory of its own may still have it."""
    with ctx.ledger.read() as tx:
        rows = models.models_of(tx, config)
    yield from (row for row in rows if row.pruned_at is not None)

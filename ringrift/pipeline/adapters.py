"""The real services, bound to the pipeline's signatures: each a few lines over its package."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.services import (
    BadShard,
    CheckedGame,
    DatasetFile,
    ExportWork,
    FailedGame,
    ParityReport,
    ParityWork,
    Progress,
    ShardFile,
    ShardWork,
    TrainedModel,
    TrainWork,
)

if TYPE_CHECKING:
    from ringrift.data.parity import Kept
    from ringrift.rules.records import GameRecord
    from ringrift.selfplay.shard import ShardSpec
    from ringrift.training.result import TrainProgress, TrainResult
    from ringrift.training.spec import TrainSpec

log = structlog.get_logger(__name__)

#: Between two tries whether a folder of a training is free; each may start an interpreter.
IN_USE_SECONDS: Final = 10.0

#: Between two looks, meanwhile, whether somebody asks for an end.
ASK_SECONDS: Final = 0.5

#: Agents of the latest match of each thread: its next chunk needs the same ones.
_agents = threading.local()


def init_model(config: Config, plan: RunPlan, folder: Path) -> Path:
    """Write the untrained network of a config; the same file on every machine."""
    from ringrift.nets.arch import Arch
    from ringrift.nets.checkpoint import init_model as make
    from ringrift.nets.checkpoint import save_model
    from ringrift.pipeline.runs import initial_seed

    seed = initial_seed(config, plan)
    net = make(config, Arch(channels=plan.network.channels, blocks=plan.network.blocks), seed)
    path, _ = save_model(net, folder, {"kind": "initial", "seed": seed})
    return path


def check_shard(path: Path, home: Path, config: Config, sample: int) -> Sequence[CheckedGame]:
    """Read, judge and replay a shard; BadShard when it was moved away."""
    from ringrift.data.sync import Quarantined, sync_shard
    from ringrift.store.blobs import BlobStore

    if not path.exists():
        raise BadShard(f"{path}: the file is gone", path, path)
    found = sync_shard(path, BlobStore(home), config, sample)
    if isinstance(found, Quarantined):
        raise BadShard(found.reason, found.path, found.moved_to)
    return [
        CheckedGame(
            id=game.id,
            number=game.number,
            seed=game.seed,
            winner=game.winner,
            victory=game.victory,
            plies=game.plies,
            turns=game.turns,
            positions=game.positions,
        )
        for game in found.games
    ]


def check_parity(work: ParityWork, progress: Progress) -> ParityReport:
    """Replay games through the oracle; what differs is kept in quarantine."""
    from ringrift.data.parity import compare_games, keep

    of = sum(len(ids) for _, ids in work.games)
    games = moves = 0
    failed: list[FailedGame] = []
    started = time.monotonic()

    def told() -> None:
        nonlocal moves
        moves += 1
        seconds = time.monotonic() - started
        eta = seconds * (of - games) / games if games else None
        progress(games=games, of=of, moves=moves, eta=eta)

    for path, ids in work.games:
        for record, difference in compare_games(path, ids, told):
            games += 1
            if difference is not None:
                kept = keep(record, difference, path, work.quarantine)
                failed.append(_failed(record, path, kept))
    return ParityReport(games, moves, time.monotonic() - started, failed)


def _failed(record: GameRecord, shard: Path, kept: Kept) -> FailedGame:
    lost = sum(decision.full for decision in record.decisions)
    return FailedGame(record.id, shard, kept.reason, lost, kept.record, kept.reproduction)


def export(work: ExportWork, folder: Path, progress: Progress) -> DatasetFile:
    """Write the dataset of the replay window; a game that is not what it says is kept in quarantine."""
    from ringrift.data.export import export_dataset
    from ringrift.data.gates import keep_unplayable
    from ringrift.data.window import WindowRule, newest

    rules = work.plan.training
    rule = WindowRule(rules.window_rows, rules.window_exponent, rules.window_growth)
    chosen = newest(work.shards, rule)

    failed: list[FailedGame] = []

    def told(games: int) -> None:
        progress(games=games, shards=len(chosen))

    def bad(shard: Path, record: GameRecord, error: BadInput) -> None:
        kept = keep_unplayable(record, error, shard, work.quarantine, progress)
        failed.append(_failed(record, shard, kept))

    made = export_dataset(
        chosen,
        work.config,
        folder,
        rules.heldout_fraction,
        work.seed,
        told,
        without=work.without,
        bad=bad,
    )
    return DatasetFile(
        made.path, made.sha256, made.rows, made.games, made.heldout_rows, chosen, failed
    )


def play_blocks(
    spec: Mapping[str, Any],
    first_block: int,
    blocks: int,
    model_path: Callable[[str], Path],
    progress: Progress,
) -> Sequence[Mapping[str, Any]]:
    """Play a piece of a match."""
    from ringrift.evaluation.match import make_agents, play_block_range
    from ringrift.evaluation.spec import MatchSpec

    match = MatchSpec.from_dict(spec)
    latest, agents = getattr(_agents, "latest", (None, None))
    if latest != (match.a, match.b, match.config) or agents is None:
        _agents.latest = (None, None)  # the old ones may go before the new ones come
        agents = make_agents(match, model_path)
        _agents.latest = ((match.a, match.b, match.config), agents)
    started = time.monotonic()

    def told(games: int, wins: float) -> None:
        seconds = time.monotonic() - started
        progress(games=games, of=blocks * match.block_size, wins=wins, seconds=seconds)

    played = play_block_range(match, agents, first_block, blocks, told)
    return [game.as_dict() for game in played]


def play_shard(work: ShardWork, model: Path, folder: Path, progress: Progress) -> ShardFile:
    """Play a shard with the network in `model`."""
    from ringrift.selfplay.shard import ShardProgress, produce_shard

    rules = work.plan.selfplay

    def told(at: ShardProgress) -> None:
        progress(
            games=at.games,
            of=at.games_total,
            positions=at.positions,
            plies=at.plies,
            seconds=at.seconds,
            evaluations=at.evaluations,
            **({"decided": at.decided.decided} if at.decided.decided else {}),
        )

    made = produce_shard(
        _shard_spec(work),
        model,
        folder,
        told,
        checkpoint_seconds=rules.checkpoint_seconds,
        quarantine=folder.parent / "quarantine",
        lanes=rules.lanes,
        backend=rules.backend,
        archive=work.archive,
    )
    return ShardFile(
        made.path,
        made.sha256,
        made.games,
        made.positions,
        made.plies,
        made.seconds,
        made.victories,
        made.decided.as_dict() if made.decided.decided else {},
    )


def _shard_spec(work: ShardWork) -> ShardSpec:
    """All that decides the games of a shard."""
    from ringrift.pipeline.engine import engines_of
    from ringrift.selfplay.parameters import parameters_of
    from ringrift.selfplay.shard import ShardSpec

    search = parameters_of(
        work.plan.selfplay,
        work.plan.search,
        games=work.games,
        archive=bool(work.plan.archive),
        elo=work.plan.elo,
        progress=work.plan.progress,
    )
    who, network = engines_of(work.plan.engine, work.config, work.model, search)
    return ShardSpec(
        run_id=work.run_id,
        config=work.config,
        model_sha256=work.model if network else None,
        seed=work.seed,
        index=work.number,
        games=work.games,
        search=who.search,
        engines=who.seats,
        rotate=who.rotate,
        archive=work.plan.archive,
    )


def train(work: TrainWork, progress: Progress, in_child: bool = False) -> TrainedModel:
    """Train on a dataset, in this process or in a child of it.

    More than one compute thread are always in a child: only there do they wait for each other without spinning,
    which on cores that others use as well took twenty times as long.

    When `progress` raises, the training ends between two steps with its state written, and what it
    raised is raised here. Where another trainer is at work in the folder its end is waited for, and gone on from.
    """
    run: Callable[..., TrainResult]
    in_child = in_child or work.threads > 1
    if in_child:
        from ringrift.training.process import train_in_child

        run = partial(train_in_child, deadline_seconds=work.plan.training.deadline_seconds)
    else:
        from ringrift.training.trainer import train as run
    spec, teller = _train_spec(work), _Teller(progress)
    stopped = teller.ask if in_child else teller.refused
    work.folder.mkdir(parents=True, exist_ok=True)
    try:
        made = _once_free(
            lambda: run(spec, work.dataset, work.start, work.folder, teller.told, stopped=stopped),
            teller.ask,
        )
    except Interrupted:
        if teller.raised is not None:
            raise teller.raised from None
        raise
    return TrainedModel(
        made.path,
        made.sha256,
        {
            "steps": made.steps,
            "threads": work.threads,
            "samples": made.samples,
            "loss_before": made.loss_before,
            "loss_after": made.loss_after,
            "heldout_before": made.heldout_before,
            "heldout_after": made.heldout_after,
            "seconds": made.seconds,
        },
    )


def _train_spec(work: TrainWork) -> TrainSpec:
    """All that decides a training."""
    from ringrift.training.spec import TrainSpec

    rules = work.plan.training
    return TrainSpec(
        config=str(work.config),
        seed=work.seed,
        batch_size=rules.batch_size,
        sample_reuse=rules.sample_reuse,
        learning_rate=rules.learning_rate,
        warmup_fraction=rules.warmup_fraction,
        weight_decay=rules.weight_decay,
        gradient_clip=rules.gradient_clip,
        ema_decay=rules.ema_decay,
        value_weight=rules.value_weight,
        territory_weight=rules.territory_weight,
        threads=work.threads,
        checkpoint_seconds=rules.checkpoint_seconds,
    )


@dataclass(slots=True)
class _Teller:
    """Tells how far a training is, and keeps what that raised until its state is written."""

    progress: Progress
    figures: dict[str, Any] = field(default_factory=dict)
    #: What `progress` raised first.
    raised: BaseException | None = None

    def told(self, at: TrainProgress) -> None:
        """Take the trainer's report, and hand it on."""
        self.figures.update(
            step=at.step,
            of=at.steps,
            loss=at.losses["total"],
            losses=at.losses,
            samples_per_second=at.samples_per_second,
            eta=at.eta_seconds,
        )
        self.ask()

    def ask(self) -> bool:
        """Whether it must stop; asked between two reports too, since a child is silent at first."""
        try:
            self.progress(**self.figures)
        except BaseException as error:  # noqa: BLE001 - raised again by `train`, after the state is kept
            if self.raised is None:
                self.raised = error
        return self.refused()

    def refused(self) -> bool:
        """Whether `progress` has raised."""
        return self.raised is not None


def _once_free(train: Callable[[], TrainResult], stopped: Callable[[], bool]) -> TrainResult:
    """Train once nobody else does so in the same folder. Interrupted when `stopped` says so before.

    Its other trainer is the child of a worker that was taken for dead: it ends with it, and leaves its state
    behind. To fail meanwhile would count as failures of the training, and a few of these end the run.
    """
    from ringrift.training.result import FolderInUse

    while True:
        try:
            return train()
        except FolderInUse as error:
            log.info("waits for another trainer", reason=str(error))
            until = time.monotonic() + IN_USE_SECONDS
            while not stopped():
                if time.monotonic() >= until:
                    break
                time.sleep(ASK_SECONDS)
            else:
                raise Interrupted(str(error)) from None

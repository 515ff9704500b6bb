"""What ``ringrift doctor`` says of the programs that can compute the network: how fast each is here, or what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.pipeline.cores import usable_cores
from ringrift.settings import Settings
from ringrift.settings.selfplay import SelfplaySettings

if TYPE_CHECKING:
    from ringrift.nets.choice import Timing

#: Rows of a call that are tried, beside the slots of selfplay.
BATCHES: Final = (16, 64, 128)

#: Seconds of timing for each backend and batch; making it ready takes longer.
SECONDS: Final = 0.3


def named(settings: Settings) -> Iterator[tuple[str, bool]]:
    """(text, good) of each backend; good is False for one that the settings name and that cannot run."""
    from ringrift.nets.backend import KINDS
    from ringrift.nets.presence import lacking

    for kind in KINDS:
        yield f"{kind}: {lacking(kind) or 'can run'}", True
    config = Config.parse(settings.loop.configs[0])
    yield _of_selfplay(settings.of(config).selfplay, "as timed at the first start")


def measured(settings: Settings) -> Iterator[tuple[str, bool]]:
    """As `named`, with the speed of each now, for a network of the settings' size."""
    from ringrift.nets.arch import Arch
    from ringrift.nets.checkpoint import init_model
    from ringrift.nets.choice import choice_of, choose_backend, time_backend
    from ringrift.rules.game import opening

    config = Config.parse(settings.loop.configs[0])
    own = settings.of(config)
    tower, play = own.network.tower(config.board), own.selfplay
    net = init_model(config, Arch(channels=tower.channels, blocks=tower.blocks), 1)
    states, slots, cores = opening(config), play.slots, usable_cores()
    found = choose_backend(net, states, sorted({*BATCHES, slots}), seconds=SECONDS)
    rates = list(found.timings)
    if cores > 1 and found.backend.kind != "torch-cuda":
        kinds = dict.fromkeys(timing.backend for timing in rates if timing.backend.batch == slots)
        rates += [time_backend(net, replace(one, threads=cores), states, SECONDS) for one in kinds]
    network = f"{config} {tower.channels} x {tower.blocks}"
    for kind in dict.fromkeys(timing.backend.kind for timing in found.timings):
        timings = [timing for timing in rates if timing.backend.kind == kind]
        yield f"{kind} {timings[0].backend.dtype}, {network}: {_table(timings)}", True
    for kind, reason in found.missing:
        yield f"{kind}: {reason}", True
    chosen = choice_of(t for t in found.timings if t.backend.batch == slots)
    yield _of_selfplay(play, f"now {chosen.backend}")


def _of_selfplay(play: SelfplaySettings, by_timing: str) -> tuple[str, bool]:
    """What selfplay takes by the settings."""
    from ringrift.nets.choice import named_backend

    if play.backend == "auto":
        return f"selfplay.backend auto: {by_timing}", True
    try:
        return f"selfplay.backend {play.backend}: {named_backend(play.backend, play.slots)}", True
    except BadInput as error:
        return f"selfplay.backend: {error}", False


def _table(timings: Sequence[Timing]) -> str:
    """Rates by batch, for each number of threads."""
    rows = []
    for threads in sorted({timing.backend.threads for timing in timings}):
        rates = sorted(
            (t.backend.batch, t.evaluations_per_second)
            for t in timings
            if t.backend.threads == threads
        )
        cells = ", ".join(f"{rate:,.0f} (batch {batch})" for batch, rate in rates)
        rows.append(f"{cells} evaluations/s with {threads} thread{'s' * (threads > 1)}")
    return "; ".join(rows)

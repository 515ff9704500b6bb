"""Live progress of a run: read from the ledger, drawn in a terminal or told in plain lines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ringrift.errors import RingRiftError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ringrift.pipeline.context import Context
    from ringrift.pipeline.status import RunStatus, StageStatus
    from ringrift.pipeline.waits import Wait

#: Between two looks at the ledger.
DRAW_SECONDS = 0.5
#: Between two plain lines about the same stage.
LINE_SECONDS = 10.0

#: How each stage is called on the screen.
TITLES = {
    "selfplay": "selfplay",
    "sync": "sync",
    "parity": "parity gate",
    "export": "export",
    "train": "train",
    "evaluate_plan": "plan gates",
    "evaluate": "gauntlet",
    "promote": "promote",
}


class Watcher:
    """Shows how runs go while a block works: a table in a terminal, else a line now and then.

    `show(run_id)` names the run to be shown. Every finished stage leaves one line behind.
    """

    def __init__(self, ctx: Context, say: Callable[[str], None] = print) -> None:
        """Nothing starts before the block is entered."""
        self.ctx = ctx
        self.say = say
        self._run_id: str | None = None
        self._told: set[tuple[str, str]] = set()
        self._line = (0.0, "")
        self._live: Any = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)

    def show(self, run_id: str | None) -> None:
        """Show this run from now on; None: nothing."""
        self._run_id = run_id

    def waits(self, config: str, wait: Wait) -> None:
        """Tell what a config between two runs waits for; a run tells it of itself."""
        if wait.stage not in TITLES:
            self._print(f"{config} waits for {wait.waits_for}{_eta(wait.eta_seconds)}")

    def __enter__(self) -> Self:
        """Start showing."""
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(refresh_per_second=4, transient=True)
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show the end, and stop."""
        self._ended.set()
        self._thread.join()
        with suppress(RingRiftError):
            self._look()
        if self._live is not None:
            self._live.stop()

    def _loop(self) -> None:
        while not self._ended.wait(DRAW_SECONDS):
            with suppress(RingRiftError):  # the ledger is busy: the next look will do
                self._look()

    def _look(self) -> None:
        from ringrift.pipeline.status import run_status
        from ringrift.store import runs

        if self._run_id is None:
            if self._live is not None:
                self._live.update("")
            return
        with self.ctx.ledger.read() as tx:
            run = run_status(tx, runs.get_run(tx, self._run_id))
        for stage in run.stages:
            if stage.state == "done" and (run.run_id, stage.stage) not in self._told:
                self._told.add((run.run_id, stage.stage))
                self._print(f"{run.config} {run.label} {stage_line(stage, run.gates)}")
        if self._live is not None:
            self._live.update(table(run))
            return
        now = time.monotonic()
        text = f"{run.config} {run.label} waits for {run.waits_for}{_eta(run.eta_seconds)}"
        if run.stage is not None and now - self._line[0] >= LINE_SECONDS and text != self._line[1]:
            self._line = (now, text)
            self._print(text)

    def _print(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, highlight=False, markup=False)
        else:
            self.say(text)


def table(run: RunStatus) -> RenderableType:
    """The stages of a run and what it waits for."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    what = "backfill run" if run.backfill else "iteration"
    grid = Table(title=f"{run.config}, {what} {run.iteration}", title_justify="left")
    grid.add_column("stage")
    grid.add_column("state")
    grid.add_column("units", justify="right")
    grid.add_column("time", justify="right")
    grid.add_column("figures")
    for stage in run.stages:
        mark = {"done": "green", "running": "yellow", "abandoned": "red"}.get(stage.state, "dim")
        grid.add_row(
            TITLES[stage.stage],
            Text(stage.state, style=mark),
            f"{stage.units_done}/{stage.units}",
            clock(stage.seconds) if stage.seconds else "",
            figures_text(stage, run.gates),
        )
    waits = Text(f"waits for {run.waits_for}{_eta(run.eta_seconds)}")
    return Group(grid, waits)


def stage_line(stage: StageStatus, gates: Iterable[Mapping[str, Any]]) -> str:
    """One line about a finished stage."""
    figures = figures_text(stage, gates)
    done = f"{TITLES[stage.stage]} done in {clock(stage.seconds)}"
    return f"{done}: {figures}" if figures else done


def figures_text(stage: StageStatus, gates: Iterable[Mapping[str, Any]]) -> str:
    """The figures of a stage as a person wants them."""
    f = stage.figures
    match stage.stage:
        case "selfplay" if f.get("games"):
            rate = f["games"] / stage.seconds if stage.seconds else 0.0
            return (
                f"{f['games']} of {f['planned_games']} games, {rate:.2f} games/s, "
                f"{f.get('positions', 0)} positions"
            )
        case "sync" if "games" in f:
            return f"{f['games']} games of {f['shards']} shards in the ledger"
        case "parity" if f.get("skipped"):
            return f"SKIPPED: {f['skipped']}"
        case "parity" if "moves" in f:
            kept = f", {f['quarantined']} games in quarantine" if f.get("quarantined") else ""
            return (
                f"{f['games']} of {f.get('run_games', f.get('of'))} games, {f['moves']} moves compared "
                f"with the oracle, {f.get('differences', 0)} differences{kept}"
            )
        case "export" if "rows" in f:
            return f"{f['rows']} rows of {f['games']} games, {f['heldout_rows']} held out"
        case "train" if "loss_after" in f:
            return f"{f['steps']} steps, loss {f['loss_before']:.3f} → {f['loss_after']:.3f}"
        case "train" if "step" in f:
            return f"step {f['step']} of {f['of']}, loss {f['loss']:.3f}"
        case "evaluate":
            return "; ".join(gate_text(gate) for gate in gates)
        case "promote" if "outcome" in f:
            return f"{str(f['model'])[:12]} {f['outcome']}"
        case _:
            return ""


def gate_text(gate: Mapping[str, Any]) -> str:
    """`random 43-1, +653 Elo (0.88-1.00 needs 0.80: passed)`."""
    from ringrift.models.promotion import need_text
    from ringrift.pipeline.gates import elo_text

    return (
        f"{gate['gate']} {gate['wins']}-{gate['losses']}{elo_text(gate)} "
        f"({gate['low']:.2f}-{gate['high']:.2f} {need_text(gate)}: {gate['decision']})"
    )


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _eta(seconds: float | None) -> str:
    return "" if seconds is None else f", about {clock(seconds)} to go"

"""What a loop says at the beginning and the end of its runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ringrift.cli.watch import clock, figures_text, gate_text

if TYPE_CHECKING:
    from ringrift.pipeline.context import Context
    from ringrift.pipeline.status import RunStatus
    from ringrift.store.runs import RunRow


def say_opened(run: RunRow) -> None:
    """One line about a run that begins or goes on."""
    champion = "no champion yet" if run.champion is None else f"champion {run.champion[:12]}"
    what = "backfill run" if run.backfill else "run"
    print(
        f"{run.config} #{run.iteration}: {what} {run.id[:12]}, {run.plan['games']} selfplay games "
        f"with {run.start_model[:12]}, {champion}"
    )


def say_summary(ctx: Context, closed: Sequence[RunRow], again: str, *also: str) -> None:
    """One screen about the runs that were closed, and the command that goes on as this one did.

    also: more words of it, empty ones left out.
    """
    from ringrift.pipeline.status import run_status

    for row in closed:
        with ctx.ledger.read() as tx:
            run = run_status(tx, row)
        print()
        print("\n".join(summary_lines(ctx, run, row)))
    if closed:
        command = " ".join(filter(None, (again, *also)))
        print(f"\nto go on: {command}   to look: ringrift status")


def said_settings(file: Path | None) -> str:
    """The option that named the settings, as it was typed; empty where none did."""
    return "" if file is None else f"--settings {shlex.quote(str(file))}"


def summary_lines(ctx: Context, run: RunStatus, row: RunRow) -> list[str]:
    """A closed run: games, losses, gauntlet with intervals, the model's file."""
    totals = row.totals or {}
    lines = [
        f"{run.config} {run.label} {run.outcome}",
        (
            f"  games       {totals.get('games', 0)} of selfplay, "
            f"{totals.get('evaluation_games', 0)} of evaluation"
        ),
        f"  positions   {totals.get('positions', 0)} with a policy target",
    ]
    by_name = {stage.stage: stage for stage in run.stages}
    compared = figures_text(by_name["parity"], []) if "parity" in by_name else ""
    if compared:
        lines.append(f"  parity      {compared}")
    train = by_name["train"]
    if "loss_after" in train.figures:
        lines.append(f"  training    {figures_text(train, [])}")
    lines += [f"  gauntlet    {gate_text(gate)}" for gate in run.gates]
    promote = by_name["promote"].figures
    if "file" in promote:
        lines.append(f"  model       {ctx.blobs.path(str(promote['file']))}")
    if run.outcome not in ("promoted", "rejected"):
        lines.append(f"  reason      {run.reason}")
    times = [f"{s.stage} {clock(s.seconds)}" for s in run.stages if s.state == "done"]
    lines.append(f"  times       {', '.join(times)}")
    return lines

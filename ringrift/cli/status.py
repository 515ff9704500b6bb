"""`ringrift status`: what each config has reached, and what it waits for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Json, SettingsFile

if TYPE_CHECKING:
    from ringrift.pipeline.status import ConfigStatus

app = typer.Typer(help="What each config has reached, and what it waits for.")


@app.command()
def status(
    config: Annotated[
        list[str] | None, typer.Option("--config", help="only these, BOARD:PLAYERS")
    ] = None,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> int:
    """Print one screen. Games in shards are counted by reading the files.

    Exit 1 if the games in the ledger and those in the shards differ, or if a model's file is gone or
    damaged.
    """
    from ringrift.configs import Config
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.status import config_status, known_configs
    from ringrift.settings import Settings

    ctx = open_context(Settings.load(settings_file))
    names = [str(Config.parse(text)) for text in config] if config else known_configs(ctx)
    found = [config_status(ctx, name) for name in names]
    differ = any(c.games_in_ledger != c.games_in_shards or c.unreadable for c in found)
    if as_json:
        about = {
            "home": str(ctx.home),
            "configs": {
                c.config: {**c.as_dict(), "files": _files(c, str(ctx.home))} for c in found
            },
        }
        typer.echo(json.dumps(about, indent=1))
        return int(differ)
    typer.echo(f"state directory {ctx.home}")
    for one in found:
        typer.echo("\n".join(["", *lines(one, str(ctx.home))]))
    return int(differ)


def _files(status: ConfigStatus, home: str) -> dict[str, str]:
    """Absolute paths of the models."""
    known = {"champion": status.champion, "newest": status.newest}
    return {name: f"{home}/{model['file']}" for name, model in known.items() if model}


def lines(status: ConfigStatus, home: str) -> list[str]:
    """A config as text."""
    from ringrift.cli.watch import clock, gate_text

    text = [status.config]
    champion = status.champion
    if champion is None:
        text.append("  champion   none yet")
    else:
        text.append(f"  champion   {champion['sha256']}")
        text.append(f"             {home}/{champion['file']}")
        text += [f"  gauntlet   {gate_text(gate)}" for gate in champion["gates"]]
    if status.newest is not None and (
        champion is None or status.newest["sha256"] != champion["sha256"]
    ):
        text.append(f"  selfplay   {status.newest['sha256']} ({status.newest['kind']})")
    agree = "the same" if status.games_in_ledger == status.games_in_shards else "DIFFERENT"
    text.append(
        f"  games      {status.games_in_ledger} in the ledger, {status.games_in_shards} in the "
        f"shards ({agree}), {status.positions} positions"
    )
    if status.quarantined:
        text.append(
            f"  quarantine {status.quarantined} of the games differ from the oracle or from what "
            f"they say, and are left out of datasets: {home}/quarantine"
        )
    text += [f"  BROKEN     {name}: gone or damaged" for name in status.unreadable]
    run = status.run
    if run is None:
        text.append(f"  waits for  ringrift training-loop --config {status.config}")
        return text
    where = run.stage or f"closed, {run.outcome}"
    text.append(f"  run        #{run.iteration} {run.run_id[:12]}: {where}")
    text += [f"  WARNING    {warning}" for warning in run.warnings]
    if run.state == "open":
        eta = "" if run.eta_seconds is None else f", about {clock(run.eta_seconds)} to go"
        text.append(f"  waits for  {run.waits_for}{eta}")
    else:
        text.append(f"  outcome    {run.reason}")
        text.append("  waits for  the next iteration to be asked for, by a loop or by hand")
    return text

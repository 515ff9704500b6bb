"""`ringrift ledger`: compute again what the ledger says."""

from __future__ import annotations

import json

import typer

from ringrift.cli.options import Json
from ringrift.errors import NegativeVerdict

#: Faults of a damaged database file that are printed.
SHOWN = 10

app = typer.Typer(help="Compute again what the ledger says.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Compute again what the ledger says."""


@app.command()
def verify(as_json: Json = False) -> None:
    """Hash every file, read every shard, recompute every count; name each disagreement.

    Exit 0 if all agrees, 1 if something does not.
    """
    from ringrift.cli.looking import as_it_is
    from ringrift.store import blobs, games, models, runs
    from ringrift.store.engine import CURE
    from ringrift.store.verify import INTEGRITY
    from ringrift.store.verify import verify as compare

    with as_it_is() as ctx:
        found = compare(ctx.ledger, ctx.blobs)
        if any(one.name == INTEGRITY for one in found):
            for one in found[:SHOWN]:
                typer.echo(str(one))
            raise NegativeVerdict(f"the ledger cannot be relied on: {CURE}")
        with ctx.ledger.read() as tx:
            counts = {
                "runs": len(runs.all_runs(tx)),
                "shards": len(games.all_shards(tx)),
                "games": games.count_games(tx),
                "models": len(models.models_of(tx)),
                "quarantined": len(blobs.quarantined(tx)),
            }
    if as_json:
        said = [
            {"subject": d.subject, "name": d.name, "says": d.says, "found": d.found} for d in found
        ]
        typer.echo(json.dumps({**counts, "disagreements": said}, indent=1))
    else:
        for disagreement in found:
            typer.echo(str(disagreement))
        typer.echo(", ".join(f"{number} {name}" for name, number in counts.items()))
    if found:
        number = "1 disagreement" if len(found) == 1 else f"{len(found)} disagreements"
        raise NegativeVerdict(f"{number} between the ledger and what is there")
    if not as_json:
        typer.echo("the ledger agrees with all of it")

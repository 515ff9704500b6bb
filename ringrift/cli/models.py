"""``ringrift models``: which networks there are, which files stay, and where else they lie."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.models_fetch import SHORT, say_fetched
from ringrift.cli.options import Json, SettingsFile
from ringrift.errors import BadInput, NegativeVerdict

if TYPE_CHECKING:
    from ringrift.models.pruning import Verdict
    from ringrift.pipeline.context import Context
    from ringrift.pipeline.model_files import Removed, Sent
    from ringrift.store.events import EventRow
    from ringrift.store.models import ModelRow
    from ringrift.store.runs import RunRow

app = typer.Typer(
    help="Networks: which there are, which files stay, where else they lie.", no_args_is_help=True
)

MIB = 2**20

Configs = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="BOARD:PLAYERS", help="only these; default: all"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be done, and do nothing")]


@app.callback()
def _group() -> None:
    """Networks: which there are, which files stay, where else they lie."""


@app.command("list")
def list_(
    config: Configs = None,
    pruned: Annotated[bool, typer.Option("--all", help="those without a file, too")] = False,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> None:
    """Print every model that has its file, oldest first, with what it stays as."""
    ctx = _context(settings_file)
    found = [
        about
        for name in _configs(ctx, config)
        for about in _models(ctx, name)
        if pruned or about["pruned_at"] is None
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    line = "{:<12}  {:<12}  {:<9}  {:<16}  {:>5}  {:<11}  {:>6}  {:<8}  {}"
    heads = ("model", "config", "kind", "made (UTC)", "run", "outcome", "MiB", "file", "stays as")
    typer.echo(line.format(*heads))
    for one in found:
        cells = (
            one["sha256"][:SHORT],
            one["config"],
            one["kind"],
            _at(one["created_at"]),
            "" if one["iteration"] is None else f"#{one['iteration']}",
            ROLLED_BACK if one["rolled_back_at"] else one["outcome"] or "",
            f"{one['bytes'] / MIB:.1f}",
            one["file_state"],
            ", ".join(one["reasons"])
            or ("" if one["pruned_at"] else "nothing: the next prune takes it"),
        )
        typer.echo(line.format(*cells).rstrip())
    size = sum(one["bytes"] for one in found if one["file_state"] == HERE) / MIB
    files = sum(one["file_state"] == HERE for one in found)
    said = f"{_count(len(found), 'model')}, {_count(files, 'file')} here ({size:.1f} MiB)"
    typer.echo(said)


@app.command()
def show(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="champion, initial, newest or a sha256")
    ],
    config: Annotated[
        str | None, typer.Option("--config", metavar="BOARD:PLAYERS", help="owed with a name")
    ] = None,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> int:
    """Print all that is known of one model; exit 1 if its file should be here and is gone or damaged."""
    from ringrift.configs import Config
    from ringrift.models.registry import find

    ctx = _context(settings_file)
    with ctx.ledger.read() as tx:
        row = find(tx, None if config is None else Config.parse(config), model)
    about = next(one for one in _models(ctx, row.config) if one["sha256"] == row.sha256)
    about |= _details(ctx, row)
    if as_json:
        typer.echo(json.dumps(about, indent=1))
    else:
        typer.echo("\n".join(_described(about)))
    return int(about["file_state"] in (GONE, DAMAGED))


@app.command()
def prune(
    config: Configs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> None:
    """Remove the files of models that nothing needs; their rows and evidence stay.

    models.keep_candidates and models.keep_champions say how many stay that nothing needs now. The
    weights and optimizers of trainings of closed runs go, too.
    """
    from ringrift.pipeline.model_files import prune as do

    ctx = _context(settings_file)
    done = do(ctx, _configs(ctx, config), dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(_removed(done, dry_run), indent=1))
        return
    for one in done.gone:
        typer.echo(
            f"{one.config:<12}  {one.sha256[:SHORT]}  {one.bytes / MIB:8.1f} MiB  {one.path}"
        )
    stay = len(done.verdicts) - len(done.gone)
    typer.echo(
        f"{'would remove' if dry_run else 'removed'} {_count(done.files, 'file')} of models "
        f"({done.bytes / MIB:.1f} MiB) and {_count(done.trainings, 'file')} of trainings that are over "
        f"({done.training_bytes / MIB:.1f} MiB); {_count(stay, 'model')} "
        f"{'keeps its file' if stay == 1 else 'keep their files'}"
    )


@app.command()
def sync(
    config: Configs = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="PLACE", help="instead of models.distribute_to"),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="fetch champions and newest models from there"
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="hash the files that are there, replace bad ones")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> None:
    """Take the models that play to other places, or fetch them from one; each is verified by its sha256.

    A PLACE is a folder or an fsspec address. Exit 1 if one of them did not get everything.
    """
    if origin is not None:
        if to or check:
            raise BadInput(
                "--from fetches, --to and --check are about sending: expected one of them"
            )
        say_fetched(origin, config, settings_file, dry_run=dry_run, as_json=as_json)
        return
    from ringrift.pipeline.model_files import distribute
    from ringrift.settings.models import checked_place

    ctx = _context(settings_file)
    places = [checked_place(one) for one in to] if to else list(ctx.settings.models.distribute_to)
    if not places:
        raise BadInput("no place to take models to: set models.distribute_to, or give --to PLACE")
    done = distribute(ctx, _configs(ctx, config), places, again=check, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps([_sent(one) for one in done], indent=1))
    else:
        typer.echo("\n".join(_sent_line(one, dry_run) for one in done) or "no models yet")
    failed = [one for one in done if one.error is not None]
    if failed:
        raise NegativeVerdict(f"{len(failed)} of {len(done)} not done: {failed[0].error}")


@app.command()
def rollback(
    config: Annotated[
        str, typer.Option("--config", metavar="BOARD:PLAYERS", help="whose champion goes")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="why; stays in the event log")
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="SHA", help="an earlier champion; default: the one before"),
    ] = None,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> None:
    """Take the champion back: the one before it, or an earlier one, is champion again.

    What was trained from those in between plays selfplay no more; nothing is removed. The master loop
    does the same where games show it (evaluation.rollback_min_games).
    """
    from ringrift.configs import Config
    from ringrift.models.distribution import ensure
    from ringrift.models.registry import find
    from ringrift.pipeline.regression import go_back
    from ringrift.store import models
    from ringrift.store.ledger import MASTER, standing_fence

    of, why = Config.parse(config), " ".join(reason.split())
    if not why:
        raise BadInput("--reason is empty: expected why the champion is taken back")
    ctx = _context(settings_file)
    with ctx.ledger.read() as tx:
        fence = standing_fence(tx, MASTER)
        before = models.line(tx, str(of))
        wanted = None if to is None else find(tx, of, to)
        target = wanted
        if target is None and len(before) > 1:
            target = models.get_model(tx, before[1].model)
    if wanted is not None and before and wanted.sha256 == before[0].model:
        done: dict[str, Any] = {"config": str(of), "champion": wanted.sha256, "was": None}
    else:
        if target is not None and target.pruned_at is None:
            ensure(ctx.blobs, target, ctx.settings.models.distribute_to)  # its file can be read
        with ctx.ledger.write(fence) as tx:
            name = None if wanted is None else wanted.sha256
            back = go_back(tx, of, f"by hand: {why}", name)
        done = {
            "config": back.config,
            "champion": back.restored,
            "was": back.model,
            "withdrawn": list(back.withdrawn),
            "reason": back.reason,
        }
    if as_json:
        typer.echo(json.dumps(done, indent=1))
    elif done["was"] is None:
        typer.echo(f"{of}: {done['champion'][:SHORT]} is the champion already")
    else:
        typer.echo(
            f"{of}: {done['champion'][:SHORT]} is champion again, {done['was'][:SHORT]} no more; "
            f"{_count(len(done['withdrawn']), 'model')} withdrawn from selfplay"
        )


# -- looking up ------------------------------------------------------------------------------

#: State of a model's file in this state directory.
HERE, GONE, DAMAGED, PRUNED = "here", "GONE", "DAMAGED", "pruned"

#: Outcome of a promoted model that is champion no more because it was taken back.
ROLLED_BACK = "rolled back"

#: A file that is not here, where there are places to take it from when it is needed.
AWAY = "not here"


def _context(settings_file: Path | None) -> Context:
    """The state directory, which must be there."""
    from ringrift.cli.lookup import open_existing_ledger
    from ringrift.pipeline.context import open_context
    from ringrift.settings import Settings

    settings = Settings.load(settings_file)
    open_existing_ledger().close()
    return open_context(settings)


def _configs(ctx: Context, asked: Sequence[str] | None) -> list[str]:
    """The configs that were asked for, else all that have a model."""
    from ringrift.configs import Config
    from ringrift.store import models

    if asked:
        return [str(Config.parse(text)) for text in asked]
    with ctx.ledger.read() as tx:
        return models.configs(tx)


def _models(ctx: Context, config: str) -> list[dict[str, Any]]:
    """Every model of a config, oldest first, as plain JSON."""
    from ringrift.events.kinds import Kind
    from ringrift.models.pruning import judge
    from ringrift.pipeline.model_files import rule
    from ringrift.store import events, runs

    with ctx.ledger.read() as tx:
        judged = judge(tx, config, rule(ctx))
        of = {run.id: run for run in runs.all_runs(tx) if run.config == config}
        told = events.all_of(tx, Kind.MODEL_ROLLED_BACK)
    back = {one.payload.get("model"): one for one in told if one.config == config}
    return [
        _about(ctx, one, of.get(one.model.run_id or ""), back.get(one.model.sha256))
        for one in judged
    ]


def _about(
    ctx: Context, verdict: Verdict, run: RunRow | None, back: EventRow | None
) -> dict[str, Any]:
    row = verdict.model
    path = ctx.blobs.path(row.path)
    lacking = AWAY if ctx.settings.models.distribute_to else GONE
    state = PRUNED if row.pruned_at is not None else HERE if path.is_file() else lacking
    return {
        **asdict(row),
        "iteration": None if run is None else run.iteration,
        "outcome": None if run is None else run.outcome or run.state,
        "rolled_back_at": None if back is None else back.created_at,
        "rolled_back_reason": None if back is None else back.payload.get("reason"),
        "reasons": list(verdict.reasons),
        "file": str(path),
        "file_state": state,
    }


def _details(ctx: Context, row: ModelRow) -> dict[str, Any]:
    """What takes longer, or is long: the file's hash, gates, promotions, places."""
    from ringrift.events.kinds import Kind
    from ringrift.store import events, models
    from ringrift.store.blobs import file_sha256

    with ctx.ledger.read() as tx:
        said = models.evaluations_of(tx, model=row.sha256)
        promoted = [one for one in models.promotions_of(tx, row.config) if one.model == row.sha256]
        sent = events.all_of(tx, Kind.MODEL_DISTRIBUTED)
    path = ctx.blobs.path(row.path)
    places = {
        one.payload["target"]: one.created_at
        for one in sent
        if row.sha256 in (one.payload.get("champion"), one.payload.get("newest"))
    }
    about: dict[str, Any] = {
        "gates": [one.evidence for one in said],
        "promoted_at": [one.created_at for one in promoted],
        "places": places,
    }
    if row.pruned_at is None and path.is_file() and file_sha256(path) != row.sha256:
        about["file_state"] = DAMAGED
    return about


# -- showing ---------------------------------------------------------------------------------


def _described(about: dict[str, Any]) -> list[str]:
    """One model as text."""
    from ringrift.models.promotion import gate_line

    metrics = about["metrics"]
    run = (
        "" if about["iteration"] is None else f" of run #{about['iteration']} ({about['outcome']})"
    )
    size = f"{about['bytes'] / MIB:.1f} MiB"
    file = {
        HERE: f"{about['file']}, {size}, whole",
        GONE: f"{about['file']}: GONE",
        AWAY: f"not here; fetched from models.distribute_to when it is needed ({size})",
        DAMAGED: f"{about['file']}: DAMAGED, its bytes are others",
        PRUNED: f"pruned {_at(about['pruned_at'] or 0.0)} UTC ({size})",
    }[about["file_state"]]
    lines = [
        f"model      {about['sha256']}",
        f"config     {about['config']}",
        f"kind       {about['kind']}{run}",
        f"made       {_at(about['created_at'])} UTC",
        f"file       {file}",
    ]
    if about["pruned_at"] is None:
        lines.append(
            f"stays as   {', '.join(about['reasons']) or 'nothing: the next prune takes it'}"
        )
    lines.append(f"selfplay   {'accepted' if about['accepted'] else 'not accepted'}")
    if about["parent"]:
        lines.append(f"start      {about['parent']}")
    if about["dataset"]:
        lines.append(f"dataset    {about['dataset']}")
    if "steps" in metrics:
        lines.append(
            f"training   {metrics['steps']} steps, loss {metrics['loss_before']:.3f} → "
            f"{metrics['loss_after']:.3f}"
        )
    lines += [f"gate       {gate_line(gate)}" for gate in about["gates"]]
    lines += [f"promoted   {_at(at)} UTC" for at in about["promoted_at"]]
    if about["rolled_back_at"]:
        at = _at(about["rolled_back_at"])
        lines.append(f"taken back {at} UTC: {about['rolled_back_reason']}")
    lines += [f"taken to   {place}, {_at(at)} UTC" for place, at in about["places"].items()]
    return lines


def _removed(done: Removed, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "gone": [
            {"config": m.config, "sha256": m.sha256, "file": m.path, "bytes": m.bytes}
            for m in done.gone
        ],
        "kept": [
            {"config": v.model.config, "sha256": v.model.sha256, "reasons": list(v.reasons)}
            for v in done.verdicts
            if not v.goes
        ],
        "files": done.files,
        "bytes": done.bytes,
        "trainings": done.trainings,
        "training_bytes": done.training_bytes,
    }


def _sent(one: Sent) -> dict[str, Any]:
    champion = one.manifest.champion
    return {
        "config": one.config,
        "place": one.place,
        "manifest": one.manifest.name,
        "champion": None if champion is None else champion.sha256,
        "newest": one.manifest.newest.sha256,
        "copied": list(one.copied),
        "bytes": one.bytes,
        "withdrawn": list(one.withdrawn),
        "error": one.error,
    }


def _sent_line(one: Sent, dry_run: bool) -> str:
    champion = "none" if one.manifest.champion is None else one.manifest.champion.sha256[:SHORT]
    head = f"{one.config:<12}  {one.place}: champion {champion}, newest {one.manifest.newest.sha256[:SHORT]}"
    if one.error is not None:
        return f"{head}; NOT DONE: {one.error}"
    would = "would be " if dry_run else ""
    said = f"{head}; {_count(len(one.copied), 'file')} {would}copied ({one.bytes / MIB:.1f} MiB)"
    if one.withdrawn:
        said += f", {_count(len(one.withdrawn), 'pruned file')} {would}removed"
    return said


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")

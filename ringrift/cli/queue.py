"""`ringrift queue`: what waits in the queues, what is wrong there, and dealing with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.options import Json

if TYPE_CHECKING:
    from ringrift.pipeline.context import Context
    from ringrift.pipeline.letters import Letter, Look, Queues
    from ringrift.pipeline.maintenance import Finding, Report
    from ringrift.store.dead_letters import DeadLetter
    from ringrift.store.upkeep import Unit

app = typer.Typer(help="What waits in the queues, and what is wrong there.", no_args_is_help=True)

#: Lines of findings that a person is shown.
LINES_SHOWN = 20


@app.callback()
def _group() -> None:
    """What waits in the queues, and what is wrong there."""


@app.command("list")
def list_(
    dead: Annotated[bool, typer.Option("--dead", help="the dead letters, newest first")] = False,
    as_json: Json = False,
) -> None:
    """Print how much waits in each queue, by priority, and of which tasks; changes nothing."""
    from ringrift.cli.looking import as_it_is
    from ringrift.store import dead_letters

    with as_it_is() as ctx, ctx.ledger.read() as tx:
        number, newest = dead_letters.count(tx), dead_letters.newest(tx)
    if dead:  # these are in the ledger: no broker is asked
        if as_json:
            typer.echo(json.dumps([_dead_dict(letter) for letter in newest], indent=1))
            return
        typer.echo(f"{number} dead {'letter' if number == 1 else 'letters'}")
        for letter in newest[:LINES_SHOWN]:
            typer.echo(_dead_line(letter))
        return
    with _queues() as queues:
        look = queues.look()
    if as_json:
        about = {**_look_dict(look), "dead_letters": number}
        typer.echo(json.dumps({**about, "messages": [_letter_dict(m) for m in look.letters]}))
        return
    typer.echo("\n".join(_tables(look, number)))


@app.command()
def explain(
    what: Annotated[
        str | None,
        typer.Argument(
            help="a run, unit, task, message or dead letter, by the beginning of its id"
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Say what is wrong in the queues and why; changes nothing.

    Exit code 1 if something is to be dealt with. With an id: where the thing is and what it waits
    for; exit code 2 if there is no such thing.
    """
    from ringrift.cli.looking import as_it_is
    from ringrift.pipeline.maintenance import maintain

    with as_it_is() as ctx:
        with _queues() as queues:
            report = maintain(ctx, queues, dry_run=True)
        if what is not None:
            _where(ctx, what, report, as_json)
            return 0
    _print(report, as_json, dry_run=True)
    return 1 if report.left else 0


@app.command("maintain")
def maintain_(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be done, and do nothing")
    ] = False,
    as_json: Json = False,
) -> None:
    """Deal with stuck, orphaned, lost, expired and poison tasks now, as the master loop does."""
    from ringrift.cli.looking import as_it_is
    from ringrift.cli.training_loop import quiet_logs
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.maintenance import maintain

    quiet_logs()  # what is done is printed below
    opened = as_it_is() if dry_run else nullcontext(open_context())
    with opened as ctx, _queues() as queues:
        report = maintain(ctx, queues, dry_run=dry_run)
    _print(report, as_json, dry_run=dry_run)


@contextmanager
def _queues() -> Iterator[Queues]:
    """The broker's queues. Raises BadInput where there is no broker."""
    from ringrift.broker.address import broker_address, check_reachable
    from ringrift.celery import loaded
    from ringrift.celery_queues import broker_queues
    from ringrift.settings import home

    check_reachable(broker_address(home()))
    with broker_queues(loaded()) as queues:
        yield queues


def _print(report: Report, as_json: bool, *, dry_run: bool) -> None:
    """What was found, why, and what was or would be done."""
    if as_json:
        about = {
            **_look_dict(report.look),
            "dry_run": dry_run,
            "findings": [one.as_dict() for one in report.findings],
            "done": dict(report.done),
            "left": report.left,
        }
        typer.echo(json.dumps(about))
        return
    if not report.findings:
        typer.echo("nothing stuck, orphaned, lost, expired or poisonous")
    for lines in _grouped(report.findings):
        typer.echo("\n".join(lines))
    if dry_run:
        if report.left:
            typer.echo(
                f"{report.left} to be dealt with: `ringrift queue maintain`, or the master loop"
            )
    elif report.findings:
        said = ", ".join(f"{name} {number}" for name, number in report.done.items())
        typer.echo(f"done: {said or 'nothing was to be done'}")
        if report.left:
            typer.echo(f"{report.left} left for the next pass")
    if not report.look.whole:
        typer.echo("there are more messages than a pass looks at: those that go next were seen")


def _grouped(findings: Sequence[Finding]) -> Iterator[list[str]]:
    """Findings by kind and action, with at most LINES_SHOWN lines each."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.kind, one.action), []).append(one)
    for (kind, action), group in groups.items():
        lines = [f"{kind}: {len(group)} to {action}"]
        lines += [f"  {one.what}: {one.reason}" for one in group[:LINES_SHOWN]]
        if len(group) > LINES_SHOWN:
            lines.append(f"  and {len(group) - LINES_SHOWN} more")
        yield lines


def _tables(look: Look, dead: int) -> list[str]:
    """How much there is, for a person."""
    from ringrift.pipeline.letters import HELD, WAITING

    steps = sorted({priority for _, priority in look.lengths})
    lines = [f"{'queue':<9}{'waiting':>8}  {'by priority':<22}{'with workers':>13}  tasks"]
    for queue in dict.fromkeys(queue for queue, _ in look.lengths):
        own = [letter for letter in look.letters if letter.queue == queue]
        waiting = [letter for letter in own if letter.place == WAITING]
        each = " ".join(
            f"{step}:{look.lengths[queue, step]}" for step in steps if look.lengths[queue, step]
        )
        number = sum(look.lengths[queue, step] for step in steps)
        held = sum(letter.place == HELD for letter in own)
        tasks = Counter(letter.task or "unreadable" for letter in waiting).most_common(3)
        names = ", ".join(f"{name} ×{count}" for name, count in tasks)
        lines.append(f"{queue:<9}{number:>8}  {each:<22}{held:>13}  {names}".rstrip())
    lines.append(f"put aside: {look.aside} on the way, {dead} dead letters in the ledger")
    if not look.whole:
        lines.append("tasks are those of the messages that go next")
    return lines


def _where(ctx: Context, what: str, report: Report, as_json: bool) -> None:
    """Where a thing is, and what is wrong with it."""
    from ringrift.errors import BadInput, nearest_id
    from ringrift.store import dead_letters, runs, upkeep

    with ctx.ledger.read() as tx:
        units, dead = upkeep.units_like(tx, what), dead_letters.about(tx, what)
        now = tx.now
    letters = [
        letter
        for letter in report.look.letters
        if any(
            str(name).startswith(what)
            for name in (letter.id, letter.task_id, letter.run_id, letter.unit)
            if name
        )
    ]
    if not (units or dead or letters):
        with ctx.ledger.read() as tx:
            known = [run.id for run in runs.find_runs(tx, "")]
        raise BadInput(
            f"{what!r}: no run, unit, task, message or dead letter begins so; of runs {nearest_id(what, known)}"
        )
    wrong = [
        one
        for one in report.findings
        if (one.letter is not None and one.letter in letters)
        or (one.unit is not None and any(one.unit.row.id == unit.row.id for unit in units))
    ]
    if as_json:
        about = {
            "units": [_unit_dict(unit) for unit in units],
            "messages": [_letter_dict(letter) for letter in letters],
            "dead_letters": [_dead_dict(letter) for letter in dead],
            "findings": [one.as_dict() for one in wrong],
        }
        typer.echo(json.dumps(about))
        return
    there = {letter.task_id for letter in letters}
    for unit in units[:LINES_SHOWN]:
        typer.echo(_unit_line(unit, unit.row.id in there, now))
    if len(units) > LINES_SHOWN:
        typer.echo(f"and more than {LINES_SHOWN} more units")
    for letter in letters[:LINES_SHOWN]:
        place = {"waiting": f"waits in queue {letter.queue}", "held": "with a worker"}
        typer.echo(
            f"message {letter.id[:12]} {letter.task or 'without task'}: "
            f"{place.get(letter.place, 'put aside')}, priority {letter.priority}"
            + (f", came back {letter.deliveries} times" if letter.deliveries else "")
        )
    for kept in dead[:LINES_SHOWN]:
        typer.echo(_dead_line(kept))
    for lines in _grouped(wrong):
        typer.echo("\n".join(lines))


def _unit_line(unit: Unit, message: bool, now: float) -> str:
    row = unit.row
    said = f"{row.stage} {row.unit[:12]}".rstrip() + f" of {unit.of}: {row.state}"
    if row.state == "running":
        said += (
            f" by {row.owner} since {now - (row.claimed_at or now):.0f} s, attempt {row.attempt}"
        )
    elif row.state == "pending":
        issued = row.issued_at
        said += ", not handed over" if issued is None else f", handed over {now - issued:.0f} s ago"
        said += ", its message is in the broker" if message else ""
    if not unit.open:
        said += " (its run is closed)"
    if row.failures:
        said += f"; {row.failures} of {row.max_failures} failures, the last: {row.error}"
    return said


def _dead_line(letter: DeadLetter) -> str:
    at = datetime.fromtimestamp(letter.created_at or 0.0, UTC).strftime("%Y-%m-%d %H:%M:%S")
    name = letter.task or "without task"
    return f"{letter.id[:12]} {at} {letter.queue or '-':<8} {name}: {letter.reason}"


def _dead_dict(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "task": letter.task,
        "run": letter.run_id,
        "unit": letter.unit,
        "reason": letter.reason,
        "message": letter.message,
        "at": letter.created_at,
    }


def _look_dict(look: Look) -> dict[str, Any]:
    queues: dict[str, dict[str, int]] = {}
    for (queue, priority), length in look.lengths.items():
        queues.setdefault(queue, {})[str(priority)] = length
    return {"queues": queues, "held": look.held, "aside": look.aside, "whole": look.whole}


def _letter_dict(letter: Letter) -> dict[str, Any]:
    return {
        "message": letter.id,
        "queue": letter.queue,
        "place": letter.place,
        "priority": letter.priority,
        "task": letter.task,
        "id": letter.task_id,
        "run": letter.run_id,
        "unit": letter.unit,
        "expires": letter.expires,
        "deliveries": letter.deliveries,
        "fault": letter.fault,
    }


def _unit_dict(unit: Unit) -> dict[str, Any]:
    row = unit.row
    return {
        "id": row.id,
        "config": unit.config,
        "run": row.run_id,
        "stage": row.stage,
        "unit": row.unit,
        "state": row.state,
        "attempt": row.attempt,
        "failures": row.failures,
        "owner": row.owner,
        "issued_at": row.issued_at,
        "claimed_at": row.claimed_at,
        "heartbeat_at": row.heartbeat_at,
        "progress": row.progress,
        "error": row.error,
    }

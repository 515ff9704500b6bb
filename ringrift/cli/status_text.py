"""An overview as a person reads it: one screen for a handful of configs, a line each for many.

    print("\\n".join(screen(overview(ctx, look(ctx.home)), width=100)))

The words are told again by nobody else: `ringrift status`, `ringrift master-loop --status` and its
console print these lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringrift.cli.watch import TITLES, clock, figures_text, gate_text

if TYPE_CHECKING:
    from ringrift.pipeline.overview import LoopStatus, Overview
    from ringrift.pipeline.status import ConfigStatus, RunStatus

#: With more configs than this each has one line, unless it is known that the screen is high enough.
ROOMY = 5

#: From so long on an estimate is told in hours or days.
LONG_SECONDS = 36_000.0

#: Columns in which something can be said of what a config waits for; the champion takes none of them.
SAYING = 24

#: A loop that ended is told for so long.
PAST_SECONDS = 3600.0

#: Stages of a config that has no open run, as the table calls them.
BETWEEN = {
    "turn": "its turn",
    "rest": "a rest",
    "deferred": "deferred",
    "breaker": "breaker open",
    "finished": "finished",
    "nobody": "nobody",
    "reconcile": "reconciler",
}


def screen(
    found: Overview, width: int | None = None, height: int | None = None, *, details: bool = False
) -> list[str]:
    """The whole overview, cut to so many columns; `details` tells all of each config.

    With so many lines (None: nobody knows) configs have two of them each where all of it fits.
    """
    text = [*head_lines(found), ""]
    if details:
        for one in found.configs:
            text += [*detail_lines(one, found.home, found.at), ""]
        text.pop()
    else:
        text += config_lines(found, width, None if height is None else height - len(text))
    return [line if width is None else cut(line, width) for line in text]


def cut(line: str, width: int) -> str:
    """A line of at most so many columns; what is cut off is shown to be."""
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"


def head_lines(found: Overview) -> list[str]:
    """Who steers, who works, what is queued, what failed."""
    text = [f"state      {found.home}", f"master     {master_text(found)}"]
    if not found.broker.answers:
        text.append(f"broker     {found.broker.said}")
    text += [
        f"{one.said.name:<10} {loop_text(one, found.at)}"
        for one in found.loops
        if one.alive or found.at - one.said.updated_at < PAST_SECONDS
    ]
    text.append(f"workers    {_workers(found)}")
    if found.broker.answers or found.nodes:
        text.append(f"queues     {_queues(found)}")
    if found.failures:
        last = found.failures[-1]
        of = f"{last.config}: " if last.config else ""
        text.append(
            f"failures   {found.failures_last_hour} in the last hour; {clock(found.at - last.at)} ago "
            f"{last.kind} {of}{_one_line(last.text)}"
        )
    if found.files_unread:
        text.append(
            f"files      {found.files_unread} not read yet; `ringrift status --check` reads all"
        )
    return text


def master_text(found: Overview) -> str:
    """Who holds the master lease."""
    master = found.master
    who = "" if master.owner is None else _process(master.owner)
    since = "" if master.since is None else f" for {clock(max(0.0, found.at - master.since))}"
    if master.state == "held":
        left = master.seconds_left or 0.0
        gone = f"; its process is gone, the lease ends in {left:.0f} s" if master.gone else ""
        return f"at work: {who}, fence {master.fence},{since or ' just now'}{gone}"
    if master.state == "unknown":
        gone = "; its process is gone" if master.gone else ""
        last = f"; the last was {who}, fence {master.fence}{gone}" if who else ""
        return f"not known, the broker does not answer{last}"
    return "none" + (f"; the last was {who}, fence {master.fence}" if who else "")


def loop_text(one: LoopStatus, at: float) -> str:
    """A loop beside the master: its state, since when, why, until when."""
    said = one.said
    if said.state == "stopped":
        why = f": {said.reason}" if said.reason else ""
        return f"stopped {clock(max(0.0, at - said.since))} ago{why}"
    if not one.alive:
        return (
            f"gone: {_process(said.owner)} was {said.state} and has said nothing for "
            f"{clock(one.silent_seconds)}"
        )
    word = {"deferred": "DEFERRED", "open": "circuit open", "cooldown": "rests"}.get(
        said.state, said.state
    )
    text = f"{word} for {clock(max(0.0, at - said.since))}"
    if said.state == "running" and said.config:
        text += f", on {said.config}"
    if said.reason:
        text += f": {_one_line(said.reason)}"
    if said.details.get("force"):
        text += "; beside a master too (--force)"
    if said.until is not None and said.until > at:
        text += f"; looks again in {clock(said.until - at)}"
    breaker = said.breaker or {}
    if said.state != "open" and breaker.get("state") not in (None, "closed"):
        text += f"; circuit breaker {breaker['state']} after {breaker.get('failures', 0)} failures in a row"
    return text


def _process(owner: str) -> str:
    """`host:123:ab12` as `process 123 on host`."""
    host, _, rest = owner.partition(":")
    return f"process {rest.partition(':')[0]} on {host}"


def _workers(found: Overview) -> str:
    names = [node.name for node in found.nodes]
    hosts = {name.partition("@")[2] for name in names}
    if len(hosts) == 1:
        names = [name.partition("@")[0] for name in names]
    return " ".join(names) if names else "none is up"


def _queues(found: Overview) -> str:
    parts = []
    for one in found.queues:
        waiting = "?" if one.waiting is None else str(one.waiting)
        parts.append(f"{one.queue} {waiting} waiting, {one.busy} of {one.slots} slots busy")
    return " · ".join(parts)


def config_lines(found: Overview, width: int | None = None, height: int | None = None) -> list[str]:
    """A table of the configs, each with what it waits for below it; or beside it, where lines are few."""
    if not found.configs:
        return ["no config: `ringrift training-loop --config hex8:2` begins one"]
    lines = _two_each(found)
    if height is not None and len(lines) > height:  # what is played beside a run goes first
        lines = _two_each(found, beside=False)
    high = len(found.configs) <= ROOMY or (height is not None and len(lines) <= height)
    return lines if high else _one_each(found, width)


def _two_each(found: Overview, *, beside: bool = True) -> list[str]:
    """A line of figures for each config, and a sentence below it; a third about its backfill runs, or a mark."""
    text, *rows = _table([_row(one, mark=not beside) for one in found.configs])
    lines = [text]
    for one, row in zip(found.configs, rows, strict=True):
        lines += [row, f"  waits for {_one_line(one.waits_for)}"]
        if beside and one.beside:
            lines.append(f"  {beside_text(one)}")
        lines += [f"  {mark}" for mark in marks(one, found.home)]
    return lines


def beside_text(one: ConfigStatus) -> str:
    """`backfill #8: selfplay, 40 of 120 games, ~1:10; #9: sync`, or nothing."""
    parts = []
    for run in one.beside:
        said = [TITLES.get(run.stage or "", "reconciler")]
        if run.need and run.unit != "tasks":
            said.append(f"{run.have or 0:.0f} of {run.need:.0f} {run.unit}")
        said += [when(run.eta_seconds)] if run.eta_seconds is not None else []
        parts.append(f"#{run.iteration}: {', '.join(said)}")
    return f"backfill {'; '.join(parts)}" if parts else ""


def _one_each(found: Overview, width: int | None) -> list[str]:
    """A line for each config: its figures, and as much of the sentence as fits beside them."""
    rows = [_short_row(one) for one in found.configs]
    table = _table(rows)
    if width is not None and max(map(len, table)) + 2 + SAYING > width:
        table = _table([row[:-1] for row in rows])
    wide = max(map(len, table))
    text = [f"{table[0].ljust(wide)}  waits for"]
    for one, row in zip(found.configs, table[1:], strict=True):
        text.append(f"{row.ljust(wide)}  {_one_line(one.brief)}")
        text += [f"  {mark}" for mark in marks(one, found.home)]
    return text


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows in columns, under their heads."""
    head = ("config", "run", "stage", "there", "needed", "when", "champion")[: len(rows[0])]
    wide = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    right = (3, 5)
    return [
        "  ".join(
            cell.rjust(wide[n]) if n in right else cell.ljust(wide[n]) for n, cell in enumerate(row)
        ).rstrip()
        for row in [head, *rows]
    ]


def _row(one: ConfigStatus, *, mark: bool) -> tuple[str, ...]:
    """config, run, stage, there, needed, when, champion; mark: of backfill runs, for they have no line."""
    config, _, *figures, champion = _short_row(one)
    run = _number(one)
    if one.run is not None and one.run.state != "open":
        run += f" {one.run.outcome}"
    run += _plus(one) if mark else ""
    if one.champion is not None:
        back = ", rolled back" if one.champion["rolled_back"] is not None else ""
        more = f" ({one.promotions} promotions{back})" if one.promotions > 1 else ""
        champion = f"{one.champion['sha256'][:12]}{more}"
    return (config, run, *figures, champion)


def _short_row(one: ConfigStatus) -> tuple[str, ...]:
    """The same for a narrow table."""
    have = "" if one.have is None else f"{one.have:.0f}"
    need = one.unit or "" if one.need is None else f"of {one.need:.0f} {one.unit}"
    champion = "-"
    if one.champion is not None:
        more = f" ×{one.promotions}" if one.promotions > 1 else ""
        back = ", back" if one.champion["rolled_back"] is not None else ""
        champion = f"{one.champion['sha256'][:12]}{more}{back}"
    stage = BETWEEN.get(one.stage) or TITLES.get(one.stage, one.stage)
    run = _number(one) + _plus(one)
    return (one.config, run, stage, have, need, when(one.eta_seconds), champion)


def _number(one: ConfigStatus) -> str:
    """Its newest iteration: `#7`."""
    return "-" if one.run is None else one.run.label


def _plus(one: ConfigStatus) -> str:
    """Its backfill runs: ` +#8`; of several their number: ` +2`."""
    if len(one.beside) > 1:
        return f" +{len(one.beside)}"
    return "".join(f" +#{run.iteration}" for run in one.beside)


def when(seconds: float | None) -> str:
    """`~2:10`, `~3 days`, or nothing where nobody knows."""
    if seconds is None:
        return ""
    if seconds >= LONG_SECONDS:
        hours = seconds / 3600
        return f"~{hours:.0f} h" if hours < 48 else f"~{hours / 24:.0f} days"
    return f"~{clock(seconds)}"


def marks(one: ConfigStatus, home: str) -> list[str]:
    """What somebody should look at before anything else."""
    text = []
    if one.games_in_ledger != one.games_in_shards:
        text.append(f"games      {games_text(one)}")
    text += [f"BROKEN     {name}: gone or damaged" for name in one.unreadable]
    if one.quarantined:
        text.append(
            f"quarantine {one.quarantined} of the games differ from the oracle or from what "
            f"they say, and are left out of datasets: {home}/quarantine"
        )
    if one.run is not None:
        text += [f"WARNING    {warning}" for warning in one.run.warnings]
    for run in one.beside:
        text += [f"WARNING    {run.label}: {warning}" for warning in run.warnings]
    return text


def games_text(one: ConfigStatus) -> str:
    """Games in the ledger and in the shards, and whether they agree."""
    agree = "the same" if one.games_in_ledger == one.games_in_shards else "DIFFERENT"
    return (
        f"{one.games_in_ledger} in the ledger, {one.games_in_shards} in the "
        f"shards ({agree}), {one.positions} positions"
    )


def detail_lines(one: ConfigStatus, home: str, at: float) -> list[str]:
    """All of a config: champion with its evidence, games, the stages of its run, what it waits for."""
    text = [one.config]
    champion = one.champion
    if champion is None:
        text.append("  champion   none yet")
    else:
        since = clock(max(0.0, at - champion["since"]))
        text.append(f"  champion   {champion['sha256']}")
        text.append(f"             {home}/{champion['file']}, for {since}")
        back = champion["rolled_back"]
        if back is not None:
            text.append(f"  again      since {back['model'][:12]} was taken back: {back['reason']}")
        text += [f"  gauntlet   {gate_text(gate)}" for gate in champion["gates"]]
    if one.newest is not None and (champion is None or one.newest["sha256"] != champion["sha256"]):
        text.append(f"  selfplay   {one.newest['sha256']} ({one.newest['kind']})")
    text.append(f"  games      {games_text(one)}")
    due = "due" if one.training.due else "not due"
    text.append(f"  training   {due}: {one.training.reason}")
    text += [f"  {mark}" for mark in marks(one, home) if not mark.startswith("games ")]
    run = one.run
    if run is not None:
        where = run.stage or f"closed, {run.outcome}"
        text.append(f"  run        {run.label} {run.run_id[:12]}: {where}")
        text += _stage_lines(run) if run.state == "open" else [f"  outcome    {run.reason}"]
    text.append(f"  waits for  {one.waits_for}")
    amount = _amount_text(one)
    if amount:
        text.append(f"  there      {amount}")
    for run in one.beside:
        where = run.stage or "reconciler"
        nobody = "" if run.at_work else f"; waits for {_one_line(run.waits_for)}"
        text += [f"  backfill   #{run.iteration} {run.run_id[:12]}: {where}{nobody}"]
        text += _stage_lines(run)
    return text


def _stage_lines(run: RunStatus) -> list[str]:
    """The stages of an open run that have begun."""
    text = []
    for stage in run.stages:
        if stage.state == "waiting" and stage.stage != run.stage:
            continue
        units = f"{stage.units_done}/{stage.units}"
        took = clock(stage.seconds) if stage.seconds else ""
        figures = figures_text(stage, run.gates)
        if stage.failures:
            figures += f"; {stage.failures} of {stage.attempts} attempts failed"
        text.append(
            f"    {TITLES[stage.stage]:<11} {stage.state:<8} {units:>7} {took:>8}  {figures}".rstrip()
        )
    return text


def _amount_text(one: ConfigStatus) -> str:
    """`412 of 1000 games, about 2:10 to go, the run about 12:00`."""
    parts = []
    if one.have is not None:
        of = "" if one.need is None else f" of {one.need:.0f}"
        parts.append(f"{one.have:.0f}{of} {one.unit}")
    if one.eta_seconds is not None:
        parts.append(f"about {clock(one.eta_seconds)} to go")
    whole = None if one.run is None else one.run.run_eta_seconds
    if whole is not None:
        parts.append(f"about {clock(whole)} until the run is closed")
    return ", ".join(parts)


def _one_line(text: str) -> str:
    return " ".join(text.split())

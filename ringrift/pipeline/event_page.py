"""docs/events.md: the kinds of events, made of their records and of the wiring.

python -m ringrift.pipeline.event_page            writes the page
python -m ringrift.pipeline.event_page --check    exit 1 where it is not what the code says
"""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Annotated, Final, get_origin, get_type_hints

from ringrift.events.check import needed
from ringrift.events.kinds import FAMILIES, Kind
from ringrift.events.payloads import PAYLOADS, GateFigures, Record
from ringrift.pipeline.event_router import WIRING, warn
from ringrift.settings.pages import write_page

#: Where the page lies in the project folder.
PAGE: Final = "docs/events.md"

_INTRODUCTION: Final = """\
# Events

What happened, as rows in SQL. An event is committed in the transaction of the change that it tells of
([store/events.py](../ringrift/store/events.py)), so there is neither a change without its event nor an event
without its change. Its id follows from what happened (kind, run, stage and unit; or node and start, lease and
fence, breaker and opening), so telling it twice is telling it once. This page is made by
`python -m ringrift.pipeline.event_page` of the records in [events/payloads.py](../ringrift/events/payloads.py)
and of the wiring in [pipeline/event_router.py](../ringrift/pipeline/event_router.py).

```
ringrift events list [--kind KIND] [--run RUN] [--config CONFIG] [-n 50] [--json]
ringrift events tail [--kind KIND] [--json]      the newest, then each as it happens, until Ctrl-C (130)
ringrift events replay --from SEQ [--to SEQ] [--kind KIND] [--to-subscriber NAME] [--dry-run] [--json]
```

As JSON an event is one object: `seq` (its number), `id`, `kind`, `at` (seconds since 1970), `run`, `config`,
and the fields of its kind. A payload is held against its kind when it is told and when it is read: an
unknown kind or field, a missing one or one of the wrong type is refused by name. A stored row that is not
what its kind says is passed over by the relay, named by `events list` (exit code 1) and by
`ringrift ledger verify`.

## Who listens

The relay (task `control.relay`, or the loop itself with `--in-process`) hands each event at least once, in
order, to the subscribers of its kind:

- **log**: a line, or a warning where somebody should look;
- **pipeline**: looks what the run needs now and issues it, with
  `wire_pipeline_events(auto_trigger=True)`, and has models that were trained or judged taken to
  `models.distribute_to`; that an event comes twice changes nothing;
- **hooks**: programs of yours, from `events.hooks` of the settings.

## Hooks

```yaml
events:
  hooks:
    MODEL_PROMOTED: "notify-send promoted"            # a command line, started without a shell
    RUN_FAILED: [mail-me, "mymodule:on_failure"]      # or a Python function, called with the event as a dict
  hook_timeout_seconds: 30.0
```

A hook is started with the event as JSON on its stdin, and `RINGRIFT_EVENT_KIND` and `RINGRIFT_EVENT_SEQ` in
its environment. It hears each event of its kind that is told after it was first seen, in order and at least
once: one whose worker is killed is started again. Exit code 0 within `events.hook_timeout_seconds` is
success; else it is ended with all that it started, `HOOK_FAILED` is told (once for each hook and event), and
the next event follows. The cpu worker runs hooks, each in a thread beside its tasks, so a slow one holds up
neither work nor another hook; with `--in-process` the loop itself runs them, each for its part of a pass. A
hook ends with the process that runs it. A hook's name is its kind and program, such as `RUN_FAILED/mail-me`;
its arguments and its output are neither logged nor told. Secrets belong into the environment, which it
inherits; a hook that shows a password is refused.

## Replay

`ringrift events replay` hands persisted events again to `log`, `pipeline`, `hooks` (all) or one hook by name;
to all of them unless told otherwise, and says what each did. `pipeline` does nothing that is done already, and
needs a broker; hooks are run again, and print to your terminal. Exit code 1 if one failed.

After `HOOK_FAILED`: `ringrift events replay --from NUMBER --to NUMBER --to-subscriber HOOK`, with `number`
and `hook` of the event.

## Kinds

"warning" means that the log says it as one. Fields in brackets may be absent. With `RINGRIFT_TRACE_DEBUG`
each event that a task tells has `trace`, too: run, stage, shard, task and attempt that were at work.
"""


def page() -> str:
    """The page that the code makes."""
    wiring = {kind: (said, auto) for kind, said, auto in WIRING}
    lines = _INTRODUCTION.splitlines()
    for family, kinds in FAMILIES.items():
        lines += ["", f"### {family}", "", "| kind | told when | listeners | payload |"]
        lines.append("| --- | --- | --- | --- |")
        for kind in kinds:
            said, auto = wiring[kind]
            listeners = "log (warning)" if said is warn else "log"
            if auto is not None:
                listeners += ", pipeline"
            cells = (f"`{kind}`", _when(kind), listeners + ", hooks", _payload(kind))
            lines.append(f"| {' | '.join(cells)} |")
    gate = "; ".join(f"`{name}` {about}" for name, about in _meanings(GateFigures))
    lines += ["", f"Each of `gates` is: {gate}."]
    return "\n".join(lines) + "\n"


def _when(kind: Kind) -> str:
    return " ".join((PAYLOADS[kind].__doc__ or "").split())


def _payload(kind: Kind) -> str:
    must = needed(kind)
    return "; ".join(
        f"`{name}` {about}" if name in must else f"[`{name}` {about}]"
        for name, about in _meanings(PAYLOADS[kind])
        if name != "trace"
    )


def _meanings(record: type[Record]) -> list[tuple[str, str]]:
    """(field, what it is) of each field of a record."""
    hints = get_type_hints(record, include_extras=True)
    found = []
    for one in fields(record):
        hint = hints[one.name]
        assert get_origin(hint) is Annotated, (
            f"{record.__name__}.{one.name} does not say what it is"
        )
        found.append((one.name, str(hint.__metadata__[0])))
    return found


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    return write_page(PAGE, page(), "the code", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

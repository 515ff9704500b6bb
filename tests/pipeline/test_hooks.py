"""Hooks and replay: real programs over a real ledger."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest
import sqlalchemy as sa

from ringrift.cli.main import run
from ringrift.pipeline import events as tell
from ringrift.pipeline import hooks
from ringrift.pipeline.event_router import Router, relay, wire_pipeline_events
from ringrift.pipeline.events import Kind
from ringrift.settings import home
from ringrift.store import events, subscriptions
from ringrift.store.ledger import Fence, take_fence
from ringrift.store.schema import events as table
from ringrift.store.verify import verify
from tests.pipeline import tiny

WRITE = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    event = json.load(sys.stdin)
    file.write(f"{event['seq']} {event['fence']} {os.environ['RINGRIFT_EVENT_KIND']}\\n")
sys.exit(int(sys.argv[2]))
"""


def command(tmp_path, code=0):
    """A hook that writes what it heard into a file, and the file."""
    script, heard = tmp_path / f"hook{code}.py", tmp_path / f"heard{code}"
    script.write_text(WRITE)
    return f"{sys.executable} {script} {heard} {code} --token secret", heard


@pytest.fixture
def hooked():
    """A context with these hooks, closed in the end."""
    made = []

    def make(timeout=30.0, **by_kind):
        changes = {"events__hooks": by_kind, "events__hook_timeout_seconds": timeout}
        made.append(tiny.context(home(), changes=changes))
        return made[-1]

    yield make
    for ctx in made:
        ctx.ledger.close()


def take(ctx, number):
    """Tell LEASE_TAKEN with this fence."""
    with ctx.ledger.write() as tx:
        return tell.lease_taken(tx, Fence("master", number), "me")


def kinds(ctx):
    """Kinds of all events."""
    with ctx.ledger.read() as tx:
        return [event.kind for event in events.list_events(tx, limit=1000)]


def test_a_hook_hears_each_event_of_its_kind_once_and_in_order(hooked, tmp_path):
    """What was relayed before it was known it does not hear; what comes, once."""
    line, heard = command(tmp_path)
    ctx = hooked(LEASE_TAKEN=line)
    take(ctx, 1)
    relay(ctx.ledger, wire_pipeline_events(auto_trigger=False))
    assert hooks.hand_over(ctx) == 0
    for number in (2, 3):
        take(ctx, number)
    assert hooks.due(ctx)
    assert hooks.hand_over(ctx) == 2
    assert not hooks.due(ctx)
    assert hooks.hand_over(ctx) == 0
    assert heard.read_text() == "2 2 LEASE_TAKEN\n3 3 LEASE_TAKEN\n"


def test_a_hook_that_dies_with_its_worker_hears_the_event_again(hooked, tmp_path):
    """Whoever was killed between running a hook and noting it leaves the event to the next one."""
    line, heard = command(tmp_path)
    ctx = hooked(LEASE_TAKEN=line)
    hooks.register(ctx)
    take(ctx, 1)
    [hook] = hooks.hooks_of(ctx.settings.events)
    with ctx.ledger.write() as tx:
        held = subscriptions.hold(tx, hook.name, "a worker that is killed", seconds=-1.0)
        assert subscriptions.waiting(tx, held.seq, [hook.kind])
    assert hooks.hand_over(ctx) == 1
    with pytest.raises(subscriptions.NotHeld), ctx.ledger.write() as tx:
        subscriptions.heard(tx, held, 1, 1.0)
    assert heard.read_text() == "1 1 LEASE_TAKEN\n"


def test_nobody_runs_a_hook_that_another_process_runs(hooked, tmp_path):
    """Two workers do not hand over the same events side by side."""
    line, heard = command(tmp_path)
    ctx = hooked(LEASE_TAKEN=line)
    hooks.register(ctx)
    take(ctx, 1)
    [hook] = hooks.hooks_of(ctx.settings.events)
    with ctx.ledger.write() as tx:
        assert subscriptions.hold(tx, hook.name, "another worker", seconds=60.0)
    assert hooks.hand_over(ctx) == 0
    assert not heard.exists()


@pytest.mark.parametrize(
    ("line", "timeout", "said"),
    [
        ("no-such-program --token secret", 30.0, "cannot be started"),
        (f"{sys.executable} -c 'import time; time.sleep(600)' secret", 2.0, "ended after 2 s"),
        (f"{sys.executable} -c 'raise SystemExit(3)' secret", 30.0, "exit code 3"),
        ("no_such_module:function", 30.0, "exit code 1"),
    ],
)
def test_a_hook_that_fails_is_told_and_stops_nothing(hooked, capsys, line, timeout, said):
    """HOOK_FAILED once, without the hook's arguments; the other hook hears the event all the same."""
    ctx = hooked(timeout, LEASE_TAKEN=[line, f"{sys.executable} -c ''"])
    hooks.register(ctx)
    take(ctx, 1)
    assert hooks.hand_over(ctx) == 2
    with ctx.ledger.read() as tx:
        [failed] = events.list_events(tx, kind=Kind.HOOK_FAILED)
    assert said in failed.payload["error"]
    assert (failed.payload["about"], failed.payload["number"]) == ("LEASE_TAKEN", 1)
    assert hooks.hand_over(ctx) == 0
    assert "secret" not in json.dumps(failed.as_dict()) + capsys.readouterr().out


def test_a_python_hook_is_called_with_the_event(hooked, tmp_path, monkeypatch):
    """module:function gets the event as a dict."""
    (tmp_path / "own_hooks.py").write_text(
        "import pathlib\n"
        "def on(event):\n"
        f"    pathlib.Path({str(tmp_path / 'called')!r}).write_text(event['owner'])\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    ctx = hooked(LEASE_TAKEN="own_hooks:on")
    hooks.register(ctx)
    take(ctx, 1)
    assert hooks.hand_over(ctx) == 1
    assert (tmp_path / "called").read_text() == "me"


def test_replay_hands_over_again_and_says_what_it_did(hooked, tmp_path, capsys, monkeypatch):
    """By number, kind and subscriber; --dry-run tells nobody; a failure is exit code 1."""
    line, heard = command(tmp_path)
    bad, bad_heard = command(tmp_path, code=4)
    monkeypatch.setenv("RINGRIFT__EVENTS__HOOKS", json.dumps({"LEASE_TAKEN": [line, bad]}))
    ctx = hooked()
    for number in (1, 2, 3):
        take(ctx, number)
    replay = ["events", "replay", "--from", "2"]
    names = [hook.name for hook in hooks.hooks_of(hooked(LEASE_TAKEN=[line, bad]).settings.events)]
    assert run([*replay, "--dry-run", "--to-subscriber", "hooks"]) == 0
    assert "4 would be handed over" in capsys.readouterr().out
    assert not heard.exists()
    assert run([*replay, "--to-subscriber", names[0], "--to", "2"]) == 0
    assert "1 handed over, 0 failed" in capsys.readouterr().out
    assert heard.read_text() == "2 2 LEASE_TAKEN\n"
    for _ in range(2):
        assert run([*replay, "--to-subscriber", names[1]]) == 1
        assert "failed: exit code 4" in capsys.readouterr().out
    assert bad_heard.read_text().count("\n") == 4
    assert kinds(ctx).count(Kind.HOOK_FAILED) == 2
    assert run([*replay, "--to", "3", "--to-subscriber", "log", "--json"]) == 0
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [(one["seq"], one["subscriber"], one["done"]) for one in lines] == [
        (2, "log", True),
        (3, "log", True),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "3", "--to", "2"], "--to 2: expected at least --from (3)"),
        (["--from", "1", "--kind", "LEASE_TAKE"], "did you mean 'LEASE_TAKEN'?"),
        (["--from", "1", "--to-subscriber", "logg"], "did you mean 'log'?"),
        (["--from", "1", "--to-subscriber", "pipeline"], "no broker"),
    ],
)
def test_a_wrong_replay_is_refused_in_one_line(hooked, capsys, arguments, said):
    """Ranges, kinds and subscribers that are not there, and a pipeline that nothing carries out."""
    take(hooked(), 1)
    assert run(["events", "replay", *arguments]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1


def test_an_event_that_is_not_what_its_kind_says_holds_nothing_up(hooked, capsys):
    """The relay passes it over; `events list` and the ledger's check name it."""
    ctx = hooked()
    take(ctx, 1)
    with ctx.ledger.write() as tx:
        tx.conn.execute(sa.update(table).values(payload={"lease": "master", "fenze": 1}))
    take(ctx, 2)
    heard = []
    router = Router()
    router.subscribe(Kind.LEASE_TAKEN, lambda _ledger, event: heard.append(event.seq), "test")
    assert relay(ctx.ledger, router) == 2
    assert heard == [2]
    assert run(["events", "list"]) == 1
    assert "unknown field 'fenze': did you mean 'fence'?" in capsys.readouterr().err
    [found] = verify(ctx.ledger, ctx.blobs)
    assert "event number 1" in found.found


def test_a_fence_and_its_event_are_one_transaction(hooked):
    """Where the one cannot be written, the other is not."""
    ctx = hooked()

    def fail():
        with ctx.ledger.write() as tx:
            tell.lease_taken(tx, take_fence(tx, "master", "me"), "me")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert kinds(ctx) == []


def test_a_hook_ends_with_the_process_that_runs_it(hooked, tmp_path):
    """kill -9 of whoever runs it leaves nothing of it behind."""
    script, begun = tmp_path / "hang.py", tmp_path / "begun"
    script.write_text(
        "import os, pathlib, sys, time\n"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    line = f"{sys.executable} {script} {begun}"
    ctx = hooked(LEASE_TAKEN=line)
    hooks.register(ctx)
    take(ctx, 1)
    runner = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "from ringrift.pipeline import context, hooks; hooks.hand_over(context.open_context())",
        ],
        env={**os.environ, "RINGRIFT__EVENTS__HOOKS": json.dumps({"LEASE_TAKEN": line})},
    )
    while not (begun.exists() and begun.read_text()):
        assert runner.poll() is None
        time.sleep(0.02)
    hook = psutil.Process(int(begun.read_text()))
    runner.kill()
    runner.wait()
    psutil.wait_procs([hook], timeout=30)
    assert not hook.is_running()

"""`ringrift queue` as a person types it, over a real broker."""

import json
import os
import subprocess
import sys

import pytest

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.cli.main import run
from ringrift.pipeline.queues import BESIDE
from ringrift.settings import home
from ringrift.store import stages
from ringrift.store.ledger import open_ledger
from ringrift.store.matches import MatchRow, add_match
from ringrift.store.schema import matches
from tests.store.builders import make_run, units

#: Runs commands in a process of its own: Celery reads its broker once in a process.
PROGRAM = """
import contextlib, io, json, sys
from ringrift.cli.main import run
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["queue", *words])
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def typed(*commands):
    """Run the commands one after the other; (exit code, stdout, stderr) of each."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        env={**os.environ, "RINGRIFT_HOME": str(home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.processes
def test_rubbish_is_listed_explained_and_dealt_with(capsys):
    """list shows what waits, explain says what is wrong with it, maintain puts it aside, once."""
    home().mkdir(parents=True, exist_ok=True)
    ledger = open_ledger(home())
    found = make_run(ledger)
    with ledger.write() as tx:
        stages.mark_issued(tx, found.id, "selfplay", units(ledger, found)[:1])
    with EmbeddedBroker(home()) as broker:
        client = client_of(broker.url)
        client.lpush("gpu", b"rubbish")
        client.lpush("cpu\x06\x163", b"{}")
        listed, explained, where, unknown, done, again = typed(
            ["list"],
            ["explain"],
            ["explain", found.id[:12]],
            ["explain", "f" * 12],
            ["maintain", "--json"],
            ["maintain"],
        )
    rows = {line.split()[0]: line.split() for line in listed[1].splitlines()}
    assert rows["gpu"][1:3] == ["1", "0:1"]
    assert rows["cpu"][1:3] == ["1", "3:1"]
    assert rows["control"][1] == "0"
    assert explained[0] == 1
    assert "poison: 2 to set aside" in explained[1]
    assert "it is no JSON" in explained[1]
    first = where[1].splitlines()[0]
    assert first.startswith("selfplay ")
    assert "of hex8:2 run 1: pending, handed over" in first
    assert unknown[:2] == [2, ""]
    assert "no run, unit, task, message or dead letter begins so" in unknown[2]
    assert (done[0], json.loads(done[1])["done"]) == (0, {"set aside": 2})
    assert again[:2] == [0, "nothing stuck, orphaned, lost, expired or poisonous\n"]
    assert run(["queue", "list", "--dead", "--json"]) == 0  # asks no broker
    kept = json.loads(capsys.readouterr().out)
    assert sorted(letter["message"] for letter in kept) == ["rubbish", "{}"]


def test_without_a_broker_it_says_so(capsys):
    """Exit code 2 and one line with both ways to have one."""
    assert run(["queue", "list"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("no broker: set CELERY_BROKER_URL")
    assert len(said.err.splitlines()) == 1


@pytest.mark.processes
def test_looking_into_the_queues_makes_nothing(tmp_path, monkeypatch):
    """With a broker from elsewhere and no state directory here there is something to see, and still none after it."""
    with EmbeddedBroker(tmp_path / "other") as broker:
        monkeypatch.setenv("CELERY_BROKER_URL", broker.url)
        listed, explained, tried = typed(["list"], ["explain"], ["maintain", "--dry-run"])
    assert [code for code, _, _ in (listed, explained, tried)] == [0, 0, 0]
    assert listed[1].splitlines()[1].split()[:2] == ["gpu", "0"]
    assert not home().exists()


@pytest.mark.processes
def test_a_lost_match_is_told_of_and_sent_as_the_master_sends_it():
    """A shadow match of an hour ago without a message: explained, sent with its priority, then all is well."""
    home().mkdir(parents=True, exist_ok=True)
    match = MatchRow("e" * 64, "hex8:2", "shadow", "a", "b", "7", 2, {})
    with open_ledger(home()).write() as tx:
        add_match(tx, match)
        tx.conn.execute(matches.update().values(created_at=tx.now - 3000))
    with EmbeddedBroker(home()):
        explained, done, listed, again, where = typed(
            ["explain"], ["maintain"], ["list", "--json"], ["explain"], ["explain", "eeee"]
        )
    assert explained[0] == 1
    assert "lost: 1 to issue again\n  shadow match eeeeeeeeeeee of hex8:2: planned" in explained[1]
    assert done[1].endswith("done: issue again 1\n")
    [message] = json.loads(listed[1])["messages"]
    sent = [message[name] for name in ("task", "id", "unit", "priority")]
    assert sent == ["gpu.play_beside", match.id, match.id, BESIDE]
    assert again[:2] == [0, "nothing stuck, orphaned, lost, expired or poisonous\n"]
    assert where[1].endswith("gpu.play_beside: waits in queue gpu, priority 6\n")

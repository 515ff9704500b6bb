"""`ringrift status` as a person reads it and as a program does."""

import json

import pytest

from ringrift.cli.console import sentences
from ringrift.cli.main import run
from ringrift.cli.status_text import screen
from ringrift.configs import ALL_CONFIGS
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.overview import BrokerLook, overview
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.settings import home
from ringrift.store import loops, runs
from ringrift.store.loops import LoopRow
from tests.models import history
from tests.pipeline import tiny

#: All configs, hex8:2 first.
NAMES = sorted(map(str, ALL_CONFIGS), key=lambda name: (name != "hex8:2", name))

NONE = BrokerLook(False, False, "no broker runs here; `ringrift up` starts one")


def begun(names, closed=()):
    """A state directory with an open run of each config, and one that was closed before for some."""
    ctx = tiny.context(home(), changes={"loop__configs": list(names)})
    for config in ctx.settings.loop.parsed():
        if str(config) in closed:
            work_off(ctx, open_or_resume(ctx, config).id)
        open_or_resume(ctx, config)
    with ctx.ledger.write() as tx:
        row = dict.fromkeys(LoopRow.__dataclass_fields__)
        row |= {"name": "continuous", "owner": "far:1:a", "state": loops.DEFERRED}
        row |= {"since": tx.now - 130, "updated_at": tx.now, "until": tx.now + 40}
        row |= {"reason": "a master loop is at work", "details": {"configs": list(names)}}
        loops.say(tx, LoopRow(**row))
    return ctx


def test_three_configs_fit_one_screen():
    """24 lines of 100 columns hold who steers, the loops, workers, failures, and each config's wait, uncut."""
    ctx = begun(["hex8:2", "square8:2", "square8:3"], closed=["hex8:2"])
    text = screen(overview(ctx, NONE), 100)
    print("\n".join(text))
    assert len(text) <= 24
    assert max(len(line) for line in text) <= 100
    whole = "\n".join(text)
    assert "continuous DEFERRED for 2:10: a master loop is at work; looks again in 0:40" in whole
    for config in ("hex8:2     #2 ", "square8:2  #1 ", "square8:3  #1 "):
        assert config in whole
    assert whole.count("waits for a gpu worker (none is up) that plays selfplay games") == 3
    assert "of 20 games" in whole
    ctx.ledger.close()


def test_twelve_configs_are_a_line_each():
    """All of them fit the screen, with figures in columns and the sentence cut at its edge."""
    ctx = begun([str(config) for config in ALL_CONFIGS])
    text = screen(overview(ctx, NONE), 100)
    print("\n".join(text))
    assert len(text) <= 24
    rows = [line for line in text if "of 20 games" in line]
    assert len(rows) == 12
    assert len({line.index("of 20 games") for line in rows}) == 1
    assert all("a gpu worker (none is up)" in line for line in rows)
    ctx.ledger.close()


@pytest.mark.parametrize("width", [80, 120])
def test_twelve_configs_say_what_they_wait_for_on_a_small_screen(width):
    """24 lines of 80 columns have the figures of each, uncut, and how its wait begins, whatever its champions are."""
    names = [str(config) for config in ALL_CONFIGS]
    begun(names, closed=["hex8:2", "hexagonal:2"]).ledger.close()
    ctx = begun(names, closed=["hex8:2"])
    text = screen(overview(ctx, NONE), width, 24)
    print("\n".join(text))
    assert len(text) <= 24
    assert max(len(line) for line in text) <= width
    [head] = [line for line in text if line.startswith("config ")]
    rows = [line for line in text if line.partition(" ")[0] in names]
    assert len(rows) == 12
    assert all("of 20 games" in row for row in rows)
    assert {row[head.index("waits for") :][:12] for row in rows} == {"a gpu worker"}
    ctx.ledger.close()


def test_twelve_configs_have_two_lines_each_on_a_high_screen():
    """Where there is room for it, every sentence begins at the left edge."""
    ctx = begun([str(config) for config in ALL_CONFIGS])
    text = screen(overview(ctx, NONE), 100, 36)
    assert len(text) <= 36
    assert sum(line.startswith("  waits for a gpu worker (none is up) that") for line in text) == 12
    assert len(screen(overview(ctx, NONE), 100, 24)) <= 24
    ctx.ledger.close()


@pytest.fixture
def beside():
    """A config that trains, with two backfill runs, and all configs in the settings."""
    ctx = history.context(home(), loop__configs=NAMES)
    history.play(ctx)
    history.at_training(ctx)
    for number in (3, 4):
        open_backfill(ctx, tiny.HEX8, 2, number)
    yield ctx
    ctx.ledger.close()


def test_backfill_runs_have_a_line_below_their_config(beside):
    """Each with its stage and how much is there; a mark where a line is too much, and the others' lines are as they were."""
    found = overview(beside, NONE, ["hex8:2", "square8:2"])
    text = screen(found, 100, 24)
    print("\n".join(text))
    [row] = [number for number, line in enumerate(text) if line.startswith("hex8:2")]
    assert text[row].split()[1:3] == ["#2", "train"]
    assert text[row + 1] == "  waits for training: step 50 of 92, loss 4.000"
    assert text[row + 2] == "  backfill #3: selfplay, 0 of 40 games; #4: selfplay, 0 of 40 games"
    assert text[row + 3].startswith("square8:2")
    small = screen(found, 100, len(text) - 1)
    assert len(small) == len(text) - 1
    assert small[row].split()[1:4] == ["#2", "+2", "train"]
    with beside.ledger.write() as tx:
        runs.close_run(tx, runs.open_backfills(tx, "hex8:2")[0].id, runs.FAILED, "test")
    many = screen(overview(beside, NONE), 80, 24)
    assert len(many) <= 24
    [row] = [line for line in many if line.startswith("hex8:2")]
    assert row.split()[1:4] == ["#2", "+#4", "train"]


def test_details_tell_the_stages_of_backfill_runs(beside, capsys):
    """Below what the config waits for, by their numbers and ids."""
    assert run(["status", "--config", "hex8:2"]) == 0
    said = capsys.readouterr().out
    with beside.ledger.read() as tx:
        found = runs.open_backfills(tx, "hex8:2")
    for one in found:
        line = (
            f"  backfill   #{one.iteration} {one.id[:12]}: selfplay; waits for a gpu worker (none"
        )
        assert line in said
    assert said.count("    selfplay    waiting      0/2\n") == 2


def test_the_console_tells_of_backfill_runs_without_a_line_of_their_own(beside):
    """They are in the sentence of their config, and do not make it another one."""
    both = overview(beside, NONE, ["hex8:2"])
    [(_, stage, sentence)] = sentences(both)
    assert stage == "#2 open train"
    assert sentence.endswith(
        "loss 4.000, about 1:09 to go; "
        "backfill #3: selfplay, 0 of 40 games; #4: selfplay, 0 of 40 games"
    )
    with beside.ledger.write() as tx:
        runs.close_run(tx, runs.open_backfills(tx, "hex8:2")[0].id, runs.FAILED, "test")
    [(_, later, _)] = sentences(overview(beside, NONE, ["hex8:2"]))
    assert later == stage


def test_the_json_says_for_each_config_what_a_program_wants(capsys):
    """stage, waits_for, have, need, unit, eta_seconds; without a broker, and said so."""
    begun(["hex8:2"]).ledger.close()
    capsys.readouterr()
    assert run(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    about = found["configs"]["hex8:2"]
    assert {key: about[key] for key in ("stage", "have", "need", "unit", "eta_seconds")} == {
        "stage": "selfplay",
        "have": 0,
        "need": tiny.GAMES,
        "unit": "games",
        "eta_seconds": None,
    }
    assert about["training"]["due"] is False
    assert found["broker"]["answers"] is False
    assert found["master"]["state"] == "free"
    assert found["loops"][0]["state"] == "deferred"


def test_a_broker_that_is_away_is_said_and_nothing_fails(monkeypatch, capsys):
    """Exit 0, the rest of the screen, and why nobody knows whether a master is at work."""
    begun(["hex8:2"]).ledger.close()
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    assert run(["status"]) == 0
    said = capsys.readouterr().out
    assert "master     not known, the broker does not answer" in said
    assert "Connection refused" in said
    assert "a gpu worker (none is up) that plays selfplay games" in said


def test_details_of_one_config(capsys):
    """Its champion with the evidence, its stages, the trigger of its training."""
    begun(["hex8:2", "square8:2"], closed=["hex8:2"]).ledger.close()
    assert run(["status", "--config", "hex8:2"]) == 0
    said = capsys.readouterr().out
    assert "  gauntlet   random" in said
    assert "  training   " in said
    assert "    selfplay    waiting" in said
    assert "square8:2\n" not in said


@pytest.mark.parametrize(("name", "hint"), [("hex9:2", "hex8"), ("hex8:7", "2, 3 or 4")])
def test_a_wrong_config_is_one_line(name, hint, capsys):
    """Exit 2, with the nearest valid choice."""
    assert run(["status", "--config", name]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1


def test_a_broken_shard_is_seen_once_and_by_check_always(capsys):
    """What was read stays known; bytes that rot in their place are found by --check."""
    begun(["hex8:2"], closed=["hex8:2"]).ledger.close()
    assert run(["status"]) == 0
    shard = next((home() / "shards").iterdir())
    told, data = shard.stat(), bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(bytes(data))
    import os

    os.utime(shard, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert run(["status"]) == 0
    assert run(["status", "--check"]) == 1
    assert shard.name in capsys.readouterr().out


LOOKS = (
    ["status"],
    ["master-loop", "--status"],
    ["continuous", "--status"],
    ["ledger", "verify"],
    ["queue", "list", "--dead"],
)
#: They say only on stderr that there is none.
LISTS = (["events", "list"],)


@pytest.mark.parametrize("command", [*LOOKS, *LISTS], ids=" ".join)
def test_looking_makes_nothing(command):
    """A state directory that is not there yet is told of, and not made."""
    assert run(command) == 0
    assert not home().exists()


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_full_disk_can_be_looked_at(command, monkeypatch, capsys):
    """What nobody may write to now is when a status is wanted most."""
    tiny.context(home()).ledger.close()
    monkeypatch.setenv("RINGRIFT__STORAGE__MIN_FREE_MIB", "1000000")
    assert run(command) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", [*LOOKS, *LISTS, ["events", "tail"]], ids=" ".join)
def test_a_lost_ledger_is_no_empty_one(command, capsys):
    """Models without the ledger that knows them: exit 2, and what to do."""
    begun(["hex8:2"]).ledger.close()
    for file in home().glob("ringrift.db*"):
        file.unlink()
    assert run(command) == 2
    assert "put it back" in capsys.readouterr().err
    assert not list(home().glob("ringrift.db*"))

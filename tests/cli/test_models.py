"""`ringrift models` as a person types it."""

import json

import pytest

from ringrift.cli.main import run
from ringrift.settings import home
from ringrift.store import models
from tests.models.history import context, copied


@pytest.fixture
def ctx(monkeypatch):
    """The state directory of the test, after seven runs; one champion and one candidate stay."""
    made = context(copied(home()))
    monkeypatch.setenv("RINGRIFT__MODELS__KEEP_CANDIDATES", "1")
    monkeypatch.setenv("RINGRIFT__MODELS__KEEP_CHAMPIONS", "0")
    yield made
    made.ledger.close()


def said(capsys, *arguments):
    """What a command prints, which must end well."""
    assert run(["models", *arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_list_says_what_each_model_stays_as(ctx, capsys, monkeypatch):
    """A line for each that has a file, and with --all for the pruned ones too, which no setting brings back."""
    lines = said(capsys, "list").splitlines()
    assert [line.split()[2] for line in lines[1:-1]] == ["initial", *["candidate"] * 7]
    assert "nothing: the next prune takes it" in lines[2]
    assert lines[7].endswith("champion")
    assert lines[8].endswith("plays selfplay, newest candidate")
    assert lines[-1].startswith("8 models, 8 files here")
    said(capsys, "prune")
    assert len(said(capsys, "list").splitlines()) == len(lines) - 5
    everything = json.loads(said(capsys, "list", "--all", "--json"))
    assert [one["file_state"] for one in everything] == ["here", *["pruned"] * 5, "here", "here"]
    monkeypatch.setenv("RINGRIFT__MODELS__KEEP_CANDIDATES", "100")
    later = json.loads(said(capsys, "list", "--all", "--json"))
    assert [bool(one["reasons"]) for one in later] == [True, *[False] * 5, True, True]
    assert [one["outcome"] for one in everything][:3] == [None, "promoted", "rejected"]


def test_prune_says_what_goes_and_does_it(ctx, capsys):
    """--dry-run leaves all as it is; afterwards the ledger agrees."""
    would = said(capsys, "prune", "--dry-run")
    assert "would remove 5 files of models" in would
    assert "3 models keep their files" in would
    assert len(list((home() / "models").iterdir())) == 8
    done = json.loads(said(capsys, "prune", "--json"))
    assert (done["files"], len(done["gone"]), len(done["kept"])) == (5, 5, 3)
    assert done["gone"][0]["sha256"][:12] in would
    assert not (home() / done["gone"][0]["file"]).exists()
    assert run(["ledger", "verify"]) == 0


def test_show_tells_all_of_one_model(ctx, capsys, monkeypatch):
    """By name or by the beginning of its hash; a damaged file is exit 1, so is a lost one that is at no place."""
    text = said(capsys, "show", "champion", "--config", "hex8:2")
    assert "stays as   champion" in text
    assert "candidate of run #6 (promoted)" in text
    assert "gate       passed vs champion" in text
    about = json.loads(said(capsys, "show", "champion", "--config", "hex8:2", "--json"))
    assert json.loads(said(capsys, "show", about["sha256"][:8], "--json")) == about
    (home() / about["path"]).write_bytes(b"x")
    assert run(["models", "show", about["sha256"]]) == 1
    assert "DAMAGED" in capsys.readouterr().out
    (home() / about["path"]).unlink()
    assert run(["models", "show", about["sha256"]]) == 1
    assert "GONE" in capsys.readouterr().out
    monkeypatch.setenv("RINGRIFT__MODELS__DISTRIBUTE_TO", "[/some/place]")
    assert "file       not here; fetched from" in said(capsys, "show", about["sha256"])


def test_a_pruned_model_is_shown_as_such(ctx, capsys):
    """Its evidence stays; who wants to play it learns why that cannot be."""
    said(capsys, "prune")
    with ctx.ledger.read() as tx:
        first = models.promotions_of(tx, "hex8:2")[0].model
    text = said(capsys, "show", first)
    assert "file       pruned 20" in text
    assert "gate       passed vs random" in text
    assert "promoted" in text
    assert run(["eval", "match", "--a", first, "--b", "random", "--config", "hex8:2"]) == 2
    assert "was pruned on" in capsys.readouterr().err


def test_models_go_to_a_place_and_come_from_it(ctx, capsys, tmp_path, monkeypatch):
    """sync takes champion and newest there, and on another machine sync --from fetches them."""
    place = tmp_path / "place"
    assert "3 files would be copied" in said(capsys, "sync", "--to", str(place), "--dry-run")
    assert not place.exists()
    assert "3 files copied" in said(capsys, "sync", "--to", str(place))
    monkeypatch.setenv("RINGRIFT__MODELS__DISTRIBUTE_TO", f"[{place}]")
    (again,) = json.loads(said(capsys, "sync", "--json"))
    assert (again["copied"], again["error"]) == ([], None)
    assert f"taken to   {place}" in said(capsys, "show", "newest", "--config", "hex8:2")
    (place / f"{again['champion']}.safetensors").write_bytes(b"\0" * 9)
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path / "other"))
    assert run(["models", "sync", "--from", str(place)]) == 2
    assert "expected sha256" in capsys.readouterr().err
    monkeypatch.setenv("RINGRIFT_HOME", str(ctx.home))
    assert "1 file copied" in said(capsys, "sync", "--check")
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path / "other"))
    lines = said(capsys, "sync", "--from", str(place)).splitlines()
    assert [line.split()[1] for line in lines] == ["champion", "newest"]
    assert f"{again['champion']}.safetensors" in lines[0]
    assert (tmp_path / "other" / "models" / f"{again['champion']}.safetensors").is_file()


def test_rollback_gives_the_seat_back(ctx, capsys, monkeypatch):
    """To the champion before or to an earlier one, with the reason in list, show and status; the ledger agrees."""
    with ctx.ledger.read() as tx:
        newest, before, first, *_ = [row.model for row in models.line(tx, "hex8:2")]
    back = ["rollback", "--config", "hex8:2", "--reason", "opens  badly"]
    line = said(capsys, *back)
    assert (
        line == f"hex8:2: {before[:12]} is champion again, {newest[:12]} no more; "
        "2 models withdrawn from selfplay\n"
    )
    listed = {one.split()[0]: one for one in said(capsys, "list").splitlines()}
    assert "rolled back" in listed[newest[:12]]
    assert listed[before[:12]].endswith("champion, plays selfplay")
    shown = said(capsys, "show", newest)
    assert "UTC: by hand: opens badly" in shown
    assert "selfplay   not accepted" in shown
    monkeypatch.setenv("RINGRIFT__LOOP__CONFIGS", "[hex8:2, square8:2]")
    assert run(["status"]) == 0
    assert f"{before[:12]} (4 promotions, rolled back)" in capsys.readouterr().out
    assert run(["status", "--config", "hex8:2"]) == 0
    assert f"again      since {newest[:12]} was taken back: by hand" in capsys.readouterr().out
    assert "is the champion already" in said(capsys, *back, "--to", before)
    done = json.loads(said(capsys, *back, "--to", first[:10], "--json"))
    assert (done["champion"], done["was"]) == (first, before)
    assert run(["ledger", "verify"]) == 0


def test_rollback_says_what_it_cannot_do(ctx, capsys):
    """One line, exit 2, and the champion stays: nobody before it, no champion before it, pruned, or no reason."""
    with ctx.ledger.read() as tx:
        newest, before, *_ = line = [row.model for row in models.line(tx, "hex8:2")]
        initial = models.initial_model(tx, "hex8:2").sha256
    said(capsys, "prune")
    for config, to, reason, words in (
        ("hex8:3", (), "x", "hex8:3 has no champion yet"),
        ("hex8:2", ("--to", initial), "x", f"expected one of {before[:12]}, {line[2][:12]}"),
        ("hex8:2", (), "x", "its file was pruned (models.keep_champions)"),
        ("hex8:2", (), " ", "--reason is empty"),
        ("hex8:2", ("--to", "f" * 12), "x", "no model begins with"),
    ):
        assert run(["models", "rollback", "--config", config, "--reason", reason, *to]) == 2
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1
    with ctx.ledger.read() as tx:
        assert models.champion(tx, "hex8:2") == newest


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sync"], 2, "no place to take models to: set models.distribute_to, or give --to"),
        (["sync", "--to", "relative"], 2, "expected an absolute folder or an address"),
        (["sync", "--to", "sftp://me:secret@h/x"], 2, "holds a password"),
        (["sync", "--from", "/nowhere/at/all"], 2, "no manifest of models"),
        (["sync", "--from", "/x", "--to", "/y"], 2, "expected one of them"),
        (["sync", "--to", "/dev/null"], 1, "1 of 1 not done: /dev/null"),
        (["show", "champion"], 2, "of which config"),
        (["show", "champoin", "--config", "hex8:2"], 2, "did you mean 'champion'"),
        (["show", "0" * 12], 2, "no model begins"),
        (["prune", "--config", "hex9:2"], 2, "did you mean 'hex8'"),
    ],
)
def test_what_is_wrong_is_one_line(ctx, capsys, arguments, code, words):
    """With the exit code that scripts read, and no password in it."""
    assert run(["models", *arguments]) == code
    said = capsys.readouterr().err
    assert words in said
    assert "secret" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", ["list", "prune", "sync"])
def test_nothing_is_made_where_nothing_is(capsys, command):
    """Without a ledger there are no models: exit 2, and no state directory."""
    assert run(["models", command]) == 2
    assert "ringrift training-loop makes one" in capsys.readouterr().err
    assert not home().exists()

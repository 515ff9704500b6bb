"""Bad games of a run, in the parity gate and in export: real games, oracle and files; small services."""

import dataclasses
import functools
import random

import pytest
from structlog.testing import capture_logs

from ringrift.cli.main import run as command
from ringrift.cli.status_text import marks
from ringrift.data.npz import read_npz
from ringrift.parity import lockstep
from ringrift.pipeline import adapters
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.parity import sample, why_skipped
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.services import ShardFile
from ringrift.pipeline.stages import run_stage
from ringrift.pipeline.status import config_status
from ringrift.reference import ReferenceGame
from ringrift.rules.records import RecordReader, write_records
from ringrift.settings.switches import SKIP_SHADOW_CONTRACTS
from ringrift.store import blobs, events, games, runs, stages
from ringrift.store.games import GameRow
from ringrift.store.verify import verify
from ringrift.store.work import Supply, supplies, supply
from tests.data_room.conftest import random_record
from tests.pipeline import tiny
from tests.pipeline.tiny import GAMES, HEX8

#: Every game is compared, and one bad game of twenty does not end the run.
ALL = {
    "data_ingestion__parity_games": 1000,
    "data_ingestion__parity_moves": 10**6,
    "data_ingestion__parity_max_failing": 0.05,
}


@functools.cache
def played(seed):
    """A random game, short."""
    return random_record(HEX8, seed, rings=6)


def as_played(_number, game):
    """Spoil nothing."""
    return game


def play_shard(work, model, folder, progress, spoil=as_played):
    """Play real games, the same for equal numbers; `spoil` may change one."""
    first = work.number * tiny.SHARD
    numbers = range(first, first + work.games)
    records = [spoil(n, played(work.seed % 1000 + n)) for n in numbers]
    made = write_records(folder, records, {"shard": work.id})
    positions = sum(d.full for game in records for d in game.decisions)
    plies = sum(len(game.moves) for game in records)
    return ShardFile(made.path, made.sha256, made.games, positions, plies, 0.1, {"any": made.games})


def lie(number, game):
    """The twelfth game says that the other seat has won; all its moves are legal."""
    if number != 11:
        return game
    result = dataclasses.replace(game.result, winner=3 - game.result.winner)
    return dataclasses.replace(game, result=result)


def services(spoil=None, **others):
    """Real games, oracle and export; networks of a few bytes."""
    return tiny.tiny(
        play_shard=functools.partial(play_shard, spoil=spoil or as_played),
        **{"check_parity": adapters.check_parity, "export": adapters.export, **others},
    )


def open_context(home, spoil=None, changes=None, **others):
    """A fresh state directory."""
    return tiny.context(home, services(spoil, **others), {**ALL, **(changes or {})})


def iterate(ctx):
    """Run one iteration to its end."""
    return work_off(ctx, open_or_resume(ctx, HEX8).id)


def parity_row(ctx, run):
    """The stage row of the gate."""
    with ctx.ledger.read() as tx:
        return stages.stage_row(tx, run.id, "parity")


def told(ctx, kind):
    """Payloads of the events of a kind."""
    with ctx.ledger.read() as tx:
        return [event.payload for event in events.list_events(tx, kind=kind, limit=1000)]


def dataset(ctx, run):
    """The dataset of a run: its row and its arrays."""
    with ctx.ledger.read() as tx:
        row = games.dataset_of(tx, run.id)
    return row, read_npz(ctx.blobs.path(row.path))


def quarantine(ctx):
    """What lies in quarantine: name -> bytes."""
    return {p.name: p.read_bytes() for p in (ctx.home / "quarantine").glob("*")}


def test_sound_games_pass(tmp_path):
    """Every move of every game is compared, and the figures are in ledger, event and status."""
    ctx = open_context(tmp_path)
    run = iterate(ctx)
    assert run.outcome == runs.PROMOTED
    row = parity_row(ctx, run)
    result = row.result
    assert (result["games"], result["run_games"], result["differences"]) == (GAMES, GAMES, 0)
    assert result["moves"] == run.totals["plies"]
    assert result["seconds"] > 0
    [event] = told(ctx, "PARITY_CHECKED")
    assert {key: event[key] for key in result} == result
    status = config_status(ctx, "hex8:2")
    assert (status.quarantined, status.run.warnings) == (0, [])
    assert quarantine(ctx) == {}
    made, _ = dataset(ctx, run)
    assert made.games == GAMES
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_game_with_a_wrong_result_is_kept_out(tmp_path, capsys):
    """It lies in quarantine with reason and reproduction, no dataset has it, the run goes on."""
    ctx = open_context(tmp_path, lie)
    run = iterate(ctx)
    assert run.outcome == runs.PROMOTED
    result = parity_row(ctx, run).result
    assert (result["games"], result["quarantined"]) == (GAMES, 1)
    [bad] = result["failed"]
    [event] = told(ctx, "GAME_QUARANTINED")
    assert event["game"] == bad
    assert "the record says winner" in event["reason"]
    # The bytes are kept, alone and where they were.
    [copy] = RecordReader(ctx.blobs.path(event["copy"]))
    [same] = [g for g in RecordReader(ctx.blobs.path(event["path"])) if g.id == bad]
    assert copy == same
    assert "winner" in ctx.blobs.path(event["copy"] + ".reason.txt").read_text()
    # The reproduction shows it again.
    assert command(["parity", "gate", str(ctx.blobs.path(event["reproduction"]))]) == 1
    said = capsys.readouterr()
    assert "end of the game" in said.out
    assert "1 of 1 games differ" in said.err
    # No dataset has it: not that of its run, nor the next one's.
    row, arrays = dataset(ctx, run)
    assert row.games == GAMES - 1
    with ctx.ledger.read() as tx:
        everything = {game.id: game.positions for game in games.games_of(tx, run.id)}
        [noted] = blobs.quarantined(tx)
        assert games.count_games(tx) == GAMES
        assert supply(tx, "hex8:2").positions == sum(everything.values()) - everything[bad]
        assert supplies(tx)["hex8:2"].quarantined == supply(tx, "hex8:2").quarantined == 1
    assert int(arrays["full"].sum()) == sum(everything.values()) - everything[bad]
    assert noted["reason"] == event["reason"]
    second = iterate(ctx.with_(services=services()))
    assert dataset(ctx, second)[0].games == 2 * GAMES - 1
    assert parity_row(ctx, second).result["quarantined"] == 0
    assert verify(ctx.ledger, ctx.blobs) == []


def decides_twice(number, game):
    """The twelfth game has a decision twice, for a move that is no slide; all else is sound."""
    if number != 11:
        return game
    first, *others = game.decisions
    return dataclasses.replace(game, decisions=(first, first, *others))


@pytest.mark.parametrize(
    ("spoil", "said", "shown_by"),
    [
        (lie, "the record says winner", "gate"),
        (decides_twice, "is no paid recovery slide", "validate"),
    ],
    ids=["result", "decisions"],
)
def test_export_keeps_a_bad_game_out(tmp_path, capsys, spoil, said, shown_by):
    """What sync and the gate did not look at: export goes on without it, and so do later exports."""
    ctx = open_context(tmp_path, spoil, {"data_ingestion__parity_games": 0})
    run = iterate(ctx)
    assert run.outcome == runs.PROMOTED
    [event] = told(ctx, "GAME_QUARANTINED")
    assert said in event["reason"]
    bad = event["game"]
    [copy] = RecordReader(ctx.blobs.path(event["copy"]))
    assert copy.id == bad
    assert said in ctx.blobs.path(event["copy"] + ".reason.txt").read_text()
    if shown_by == "gate":
        assert command(["parity", "gate", str(ctx.blobs.path(event["reproduction"]))]) == 1
    else:
        assert event["reproduction"] is None
        assert command(["record", "validate", str(ctx.blobs.path(event["copy"]))]) == 1
    capsys.readouterr()
    row, arrays = dataset(ctx, run)
    assert row.games == GAMES - 1
    with ctx.ledger.read() as tx:
        positions = {game.id: game.positions for game in games.games_of(tx, run.id)}
        [noted] = blobs.quarantined(tx)
        [faulty] = games.faulty_games(tx, "hex8:2")
        assert supplies(tx)["hex8:2"].quarantined == supply(tx, "hex8:2").quarantined == 1
        result = stages.stage_row(tx, run.id, "export").result
    assert (noted["reason"], faulty.id, faulty.fault) == (event["reason"], bad, event["reason"])
    left = sum(positions.values()) - positions[bad]
    assert int(arrays["full"].sum()) == result["new_positions"] == left
    assert result["quarantined"] == 1
    assert "1 games could not be made into rows" in config_status(ctx, "hex8:2").run.warnings[1]
    second = iterate(ctx.with_(services=services()))
    assert dataset(ctx, second)[0].games == 2 * GAMES - 1
    assert len(told(ctx, "GAME_QUARANTINED")) == 1
    assert verify(ctx.ledger, ctx.blobs) == []


def test_the_status_names_games_in_quarantine(tmp_path):
    """In words and in figures, and the counts of games agree."""
    ctx = open_context(tmp_path, lie)
    iterate(ctx)
    status = config_status(ctx, "hex8:2")
    assert status.quarantined == 1
    assert status.games_in_ledger == status.games_in_shards == GAMES
    text = "\n".join(marks(status, str(ctx.home)))
    assert "quarantine 1 of the games differ" in text
    assert "WARNING    1 of 20 games compared differ from the oracle" in text


class Forgetful(ReferenceGame):
    """An oracle with one rule broken in memory: it knows of no captures."""

    def legal(self):
        """All but captures."""
        return [move for move in super().legal() if not move.startswith("CA")]


def test_engines_that_part_end_the_run(tmp_path, monkeypatch):
    """Too many games differ: the run fails, says why, and none of its games is ever learned from."""
    ctx = open_context(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(lockstep, "ReferenceGame", Forgetful)
        run = iterate(ctx)
    assert run.outcome == runs.FAILED
    assert "of 20 games differ from the oracle, at most 5% may" in run.reason
    assert "legal moves" in run.reason
    [failed] = told(ctx, "RUN_FAILED")
    assert failed["reason"] == run.reason
    reproduction = run.reason.split("`")[1].removeprefix("ringrift ").split(" ")
    assert command(reproduction) == 1
    with ctx.ledger.read() as tx:
        assert {s.state for s in games.shards_of(tx, run.id)} == {games.QUARANTINED}
        assert games.dataset_of(tx, run.id) is None
        assert supplies(tx)["hex8:2"] == supply(tx, "hex8:2") == Supply()
    status = config_status(ctx, "hex8:2")
    assert status.games_in_ledger == status.games_in_shards == 0
    second = iterate(ctx)
    assert second.outcome == runs.PROMOTED
    assert dataset(ctx, second)[0].games == GAMES
    assert verify(ctx.ledger, ctx.blobs) == []


@pytest.mark.parametrize("how", ["variable", "setting"])
def test_a_skipped_gate_leaves_a_warning(tmp_path, monkeypatch, capsys, how):
    """In the stage's result, the events, the log, and `ringrift status`; the run goes on."""
    changes = {"data_ingestion__parity_games": 0} if how == "setting" else {}
    if how == "variable":
        monkeypatch.setenv(SKIP_SHADOW_CONTRACTS, "1")
    reason = {"variable": "RINGRIFT_SKIP_SHADOW_CONTRACTS=1"}.get(
        how, "data_ingestion.parity_games is 0"
    )
    ctx = open_context(tmp_path, lie, changes, export=tiny.export)
    with capture_logs() as log:
        run = iterate(ctx)
    assert run.outcome == runs.PROMOTED
    result = parity_row(ctx, run).result
    assert (result["skipped"], result["games"], result["run_games"]) == (reason, 0, GAMES)
    [event] = told(ctx, "PARITY_SKIPPED")
    assert event["reason"] == reason
    assert told(ctx, "PARITY_CHECKED") == []
    [line] = [e for e in log if e["log_level"] == "warning" and "gate skipped" in e["event"]]
    assert line["reason"] == reason
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path))
    assert command(["status"]) == 0
    shown = capsys.readouterr().out
    assert f"WARNING    the parity gate was skipped ({reason}" in shown
    assert f"none of {GAMES} games was compared" in shown
    assert verify(ctx.ledger, ctx.blobs) == []


@pytest.mark.parametrize(
    ("value", "skips"), [("1", True), ("yes", True), ("0", False), ("", False)]
)
def test_the_variable_is_a_switch(value, skips):
    """Set to anything but a word for no it is on."""
    rules = tiny.settings().data_ingestion
    assert (why_skipped(rules, {SKIP_SHADOW_CONTRACTS: value}) is not None) == skips
    assert why_skipped(rules, {}) is None


def prepared(ctx):
    """A run that stands before the gate."""
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        rows = [r for r in stages.stages_of(tx, run.id) if r.stage in ("selfplay", "sync")]
    for row in rows:
        assert run_stage(ctx, run.id, row.stage, row.unit).state == "done"
    return run


def test_delivered_again_it_does_nothing(tmp_path):
    """A second delivery finds the work done."""
    ctx = open_context(tmp_path, lie)
    run = prepared(ctx)
    assert run_stage(ctx, run.id, "parity").state == "done"
    before = parity_row(ctx, run), quarantine(ctx), told(ctx, "GAME_QUARANTINED")
    assert run_stage(ctx, run.id, "parity").state == "skipped"
    assert (parity_row(ctx, run), quarantine(ctx), told(ctx, "GAME_QUARANTINED")) == before


def test_killed_at_its_end_and_done_again_it_is_done_once(tmp_path):
    """Files that a lost attempt left are the same files; game, event and rows are there once."""
    left = []

    def dies_once(work, progress):
        report = adapters.check_parity(work, progress)
        if not left:
            left.append(quarantine(ctx))
            raise MemoryError("killed")
        return report

    ctx = open_context(tmp_path, lie, check_parity=dies_once)
    run = prepared(ctx)
    assert run_stage(ctx, run.id, "parity").state == "failed"
    assert told(ctx, "GAME_QUARANTINED") == []
    assert run_stage(ctx, run.id, "parity").state == "done"
    assert quarantine(ctx) == left[0]
    assert len(left[0]) == 3
    assert len(told(ctx, "GAME_QUARANTINED")) == len(told(ctx, "PARITY_CHECKED")) == 1
    with ctx.ledger.read() as tx:
        assert len(blobs.quarantined(tx)) == len(games.faulty_games(tx, "hex8:2")) == 1
    assert work_off(ctx, run.id).outcome == runs.PROMOTED
    assert verify(ctx.ledger, ctx.blobs) == []


def rows(count):
    """Made-up games of some length."""
    return [
        GameRow(f"{n:064x}", "s", "r", "hex8:2", n, "1", 1, "lps_rounds", 100 + n, 50, 5)
        for n in range(count)
    ]


def test_the_sample_follows_from_the_run():
    """The same games at every delivery, in whatever order they are listed; others for another run."""
    played = rows(50)
    shuffled = random.Random(1).sample(played, 50)
    chosen = sample("a" * 64, played, 10, 10**9)
    assert len(chosen) == 10
    assert sample("a" * 64, shuffled, 10, 10**9) == chosen
    assert sample("b" * 64, played, 10, 10**9) != chosen


def test_the_sample_keeps_to_its_budget():
    """No game is begun once the moves are spent; at least one is compared; never more than there are."""
    played = rows(50)
    chosen = sample("a" * 64, played, 100, 1000)
    assert sum(game.plies for game in chosen[:-1]) < 1000 <= sum(game.plies for game in chosen)
    assert len(sample("a" * 64, played, 100, 1)) == 1
    assert len(sample("a" * 64, played, 100, 10**9)) == 50
    assert sample("a" * 64, [], 100, 10**9) == []

"""Whole runs in this process: real ledger, files and gates, small services."""

import functools
import json
import multiprocessing
import os
import signal
import time

import pytest

from ringrift.errors import BadInput, Interrupted, NotReached
from ringrift.pipeline.events import PIPELINE, Kind
from ringrift.pipeline.in_process import InProcess, work_off
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.owner import is_dead, owner
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.single import SingleLoop, in_this_process, run_loop
from ringrift.pipeline.stages import run_stage
from ringrift.pipeline.status import config_status
from ringrift.store import blobs, events, games, models, runs, stages
from ringrift.store.verify import verify
from tests.pipeline import tiny
from tests.pipeline.tiny import GAMES, HEX8


@pytest.fixture
def ctx(tmp_path):
    """A fresh state directory with the small services."""
    made = tiny.context(tmp_path / "home")
    yield made
    made.ledger.close()


def iterate(ctx, count=1):
    """Run iterations to their end."""
    return [work_off(ctx, open_or_resume(ctx, HEX8).id) for _ in range(count)]


def kinds(ctx):
    """Kinds of all events in order."""
    with ctx.ledger.read() as tx:
        return [event.kind for event in events.list_events(tx, limit=1000)]


def test_a_run_goes_from_nothing_to_a_promoted_model(ctx):
    """All six events in order, every game once, the champion's file is what its name says."""
    [run] = iterate(ctx)
    assert (run.outcome, run.iteration) == (runs.PROMOTED, 1)
    assert [kind for kind in kinds(ctx) if kind != Kind.PARITY_CHECKED] == list(PIPELINE)
    assert kinds(ctx).index(Kind.PARITY_CHECKED) == 2  # before the dataset
    assert run.totals["games"] == GAMES
    assert run.totals["shards"] == 3
    status = config_status(ctx, "hex8:2")
    assert status.games_in_ledger == status.games_in_shards == GAMES
    champion = status.champion
    assert blobs.file_sha256(ctx.blobs.path(champion["file"])) == champion["sha256"]
    assert [gate["gate"] for gate in champion["gates"]] == ["policy", "random", "initial"]
    assert all(gate["low"] >= gate["bound"] for gate in champion["gates"])
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_decided_gate_plays_no_more_games(ctx):
    """Chunks after the deciding look are done without a game."""
    [run] = iterate(ctx)
    with ctx.ledger.read() as tx:
        units = [r for r in stages.stages_of(tx, run.id) if r.stage == "evaluate"]
    assert len(units) == 12
    skipped = [r for r in units if "skipped" in r.result]
    assert len(skipped) >= 2
    assert run.totals["evaluation_games"] == sum(r.result["games"] for r in units) < 240


def test_the_second_run_meets_the_champion(ctx):
    """It starts from the accepted network, and an equal candidate does not replace the champion."""
    first, second = iterate(ctx, 2)
    assert (second.iteration, second.champion) == (2, first_model(ctx, first))
    assert second.start_model == second.champion
    assert second.outcome == runs.PROMOTED  # 9 of 10 became 10 of 10, against whomever
    with ctx.ledger.read() as tx:
        promotions = models.promotions_of(tx)
    assert [p.previous for p in promotions] == [None, promotions[0].model]


def first_model(ctx, run):
    """The candidate of a run."""
    with ctx.ledger.read() as tx:
        return models.candidate_of(tx, run.id).sha256


def test_a_candidate_that_fails_is_rejected_with_its_evidence(tmp_path):
    """No promotion; the run is closed with what each gate said; learning goes on from it."""
    ctx = tiny.context(tmp_path, tiny.tiny(train=functools.partial(tiny.train, gain=1)))
    [run] = iterate(ctx)
    assert run.outcome == runs.REJECTED
    assert "failed vs random" in run.reason
    with ctx.ledger.read() as tx:
        said = {row.gate: row.verdict for row in models.evaluations_of(tx, run_id=run.id)}
        newest = models.newest_accepted(tx, "hex8:2")
        assert models.champion(tx, "hex8:2") is None
    assert said["random"] == models.FAIL
    assert newest.sha256 == first_model(ctx, run)
    assert kinds(ctx)[-1] == "MODEL_REJECTED"
    assert iterate(ctx)[0].start_model == newest.sha256
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_candidate_that_got_weaker_is_not_played_with(tmp_path):
    """The next run starts from the network before it."""
    ctx = tiny.context(tmp_path, tiny.tiny(train=functools.partial(tiny.train, gain=-4)))
    first, second = iterate(ctx, 2)
    assert first.outcome == runs.REJECTED
    with ctx.ledger.read() as tx:
        played = matches_played(tx, first.id)
    # Lost against random first: then no game shows it to be weaker than its start.
    assert second.start_model in {first.start_model, first_model(ctx, first)}
    assert (second.start_model == first.start_model) == ("initial" in played)


def matches_played(tx, run_id):
    """Gates of a run with at least one game."""
    rows = [r for r in stages.stages_of(tx, run_id) if r.stage == "evaluate"]
    return {r.result["gate"] for r in rows if r.result["games"]}


def test_the_initial_model_is_the_same_everywhere(tmp_path):
    """Two fresh state directories begin with the same file, and so with the same run."""
    one, two = (tiny.context(tmp_path / name) for name in "ab")
    assert open_or_resume(one, HEX8).id == open_or_resume(two, HEX8).id


def test_too_few_positions_end_a_run_without_training(tmp_path):
    """The games stay; the next run has them too and trains."""
    ctx = tiny.context(tmp_path, changes={"training__min_samples_to_trigger": 50})
    first, second = iterate(ctx, 2)
    assert (first.outcome, first.reason.split(" (")[0]) == (
        runs.COLLECTED,
        "40 of 50 positions to begin training",
    )
    assert second.outcome == runs.PROMOTED
    with ctx.ledger.read() as tx:
        assert games.dataset_of(tx, second.id).games == 2 * GAMES
    assert "DATA_COLLECTED" in kinds(ctx)
    assert verify(ctx.ledger, ctx.blobs) == []


def test_every_stage_is_a_no_op_when_it_is_delivered_again(ctx):
    """In any order, before its turn and after its end."""
    run = open_or_resume(ctx, HEX8)
    for stage in stages.ORDER[1:6]:
        assert run_stage(ctx, run.id, stage).state == "skipped"
    closed = work_off(ctx, run.id)
    before = everything(ctx)
    with ctx.ledger.read() as tx:
        rows = stages.stages_of(tx, run.id)
    for row in rows[::-1]:
        assert run_stage(ctx, run.id, row.stage, row.unit).state == "skipped"
    assert advance(ctx.ledger, run.id, InProcess(ctx)) == []
    assert everything(ctx) == before
    assert closed.state == runs.CLOSED


def everything(ctx):
    """Counts of all that could have been done twice."""
    with ctx.ledger.read() as tx:
        return (
            games.count_games(tx),
            len(models.models_of(tx)),
            len(models.promotions_of(tx)),
            len(events.list_events(tx, limit=1000)),
        )


@pytest.mark.parametrize("stage", ["selfplay", "train", "evaluate"])
def test_an_interrupted_run_goes_on(tmp_path, stage):
    """Stopping in the middle of any stage gives its unit back unharmed; the next call resumes."""
    calls = []

    def stop():
        return len(calls) >= 2

    def watch(report):
        if report.stage == stage and report.state == "working":
            calls.append(report)

    ctx = tiny.context(tmp_path, stop=stop, report=watch)
    run = open_or_resume(ctx, HEX8)
    with pytest.raises(Interrupted):
        work_off(ctx, run.id)
    with ctx.ledger.read() as tx:
        rows = stages.stages_of(tx, run.id)
    assert not [r for r in rows if r.state == stages.RUNNING]
    assert {r.failures for r in rows} == {0}
    resumed = ctx.with_(stop=lambda: False, report=lambda _: None)
    assert open_or_resume(resumed, HEX8).id == run.id
    assert work_off(resumed, run.id).outcome == runs.PROMOTED
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_resumed_run_keeps_its_plan(tmp_path):
    """Other settings by then do not change what was begun."""
    ctx = tiny.context(tmp_path)
    run = open_or_resume(ctx, HEX8)
    other = tiny.context(tmp_path, changes={"selfplay__games_per_iteration": 500})
    again = open_or_resume(other, HEX8, 900)
    assert (again.id, again.plan["games"]) == (run.id, GAMES)


def test_a_failing_service_is_tried_again_then_given_up(tmp_path):
    """A service that raises is an outcome; too many of them close the run with its reason."""
    tries = []

    def train(work, progress):
        tries.append(work)
        raise FloatingPointError("loss is not a number")

    ctx = tiny.context(tmp_path, tiny.tiny(train=train))
    [run] = iterate(ctx)
    assert len(tries) == ctx.settings.cluster.max_attempts
    assert run.outcome == runs.FAILED
    assert "FloatingPointError: loss is not a number" in run.reason
    assert kinds(ctx)[-2:] == ["STAGE_ABANDONED", "RUN_FAILED"]
    assert verify(ctx.ledger, ctx.blobs) == []


def test_bad_surroundings_are_told_at_once(tmp_path):
    """A full disk is for a person to cure: one clear line; afterwards the run goes on."""

    def full(work, folder, progress):
        raise BadInput(f"cannot write to {folder}: No space left on device")

    ctx = tiny.context(tmp_path, tiny.tiny(export=full))
    run = open_or_resume(ctx, HEX8)
    with pytest.raises(BadInput, match="No space left"):
        work_off(ctx, run.id)
    assert work_off(ctx.with_(services=tiny.tiny()), run.id).outcome == runs.PROMOTED


def test_a_shard_that_broke_is_played_again(ctx):
    """Its file is quarantined with the reason, the same games are made anew, each counts once."""
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        units = [r.unit for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
    for unit in units:
        assert run_stage(ctx, run.id, "selfplay", unit).state == "done"
    with ctx.ledger.read() as tx:
        before = games.get_shard(tx, units[1])
    path = ctx.blobs.path(before.path)
    path.write_bytes(path.read_bytes()[:-7])
    assert work_off(ctx, run.id).outcome == runs.PROMOTED
    with ctx.ledger.read() as tx:
        assert games.get_shard(tx, units[1]).sha256 == before.sha256
        assert len(blobs.quarantined(tx)) == 1
        assert games.count_games(tx) == GAMES
    assert "BLOB_QUARANTINED" in kinds(ctx)
    assert list((ctx.home / "quarantine").glob("*.reason.txt"))
    assert verify(ctx.ledger, ctx.blobs) == []


def test_however_many_shards_break_it_is_one_failure(ctx):
    """All of them are played again after one look, and the run goes on; a failure for each would end it."""
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        units = [r.unit for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
    for unit in units:
        run_stage(ctx, run.id, "selfplay", unit)
    with ctx.ledger.read() as tx:
        paths = [ctx.blobs.path(shard.path) for shard in games.shards_of(tx, run.id)]
    assert len(paths) > 2
    for path in paths:
        path.write_bytes(b"broken")
    failed = run_stage(ctx, run.id, "sync")
    assert failed.state == "failed"
    assert failed.error.count("is played again") == min(len(paths), 3)
    assert work_off(ctx, run.id).outcome == runs.PROMOTED
    with ctx.ledger.read() as tx:
        assert stages.stage_row(tx, run.id, "sync").failures == 1
        assert len(blobs.quarantined(tx)) == len(paths)
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_broken_start_model_is_one_clear_line(ctx):
    """It is quarantined, nothing is played with it."""
    run = open_or_resume(ctx, HEX8)
    (ctx.home / "models" / f"{run.start_model}.safetensors").write_text("broken")
    with pytest.raises(BadInput, match="expected sha256"):
        work_off(ctx, run.id)
    with ctx.ledger.read() as tx:
        assert len(blobs.quarantined(tx)) == 1


def test_the_loop_ends_at_its_limits(ctx):
    """So many iterations; the first promotion; the time."""
    drive = in_this_process(helpers=0)
    opened = []
    closed = run_loop(ctx, SingleLoop([HEX8], max_iterations=2), drive, opened.append)
    assert [run.iteration for run in closed] == [1, 2]
    assert len(opened) == 2
    until = SingleLoop([HEX8], until_promotion=True)
    assert run_loop(ctx, until, drive, opened.append)[-1].outcome == runs.PROMOTED
    with pytest.raises(NotReached, match="goes on from there"):
        run_loop(ctx, SingleLoop([HEX8], seconds=0.0), drive, opened.append)


def test_owners_are_known_dead_only_on_this_machine():
    """A process of another host may live."""
    assert not is_dead(owner())
    gone = multiprocessing.get_context("spawn").Process(target=int)
    gone.start()
    gone.join()
    host = owner().split(":")[0]
    assert is_dead(f"{host}:{gone.pid}:1")
    assert not is_dead(f"elsewhere:{gone.pid}:1")


def slow_run(home, together=None):
    """A run in a process of its own that can be killed at any moment; begun together with others at a barrier."""
    services = tiny.tiny(
        play_shard=functools.partial(tiny.play_shard, pause=0.05),
        check_parity=slow_parity,
        train=slow_train,
    )
    ctx = tiny.context(home, services)
    run = open_or_resume(ctx, HEX8)
    if together is not None:
        together.wait()
    work_off(ctx, run.id)


def slow_parity(work, progress):
    """A comparison that takes a while."""
    for game in range(20):
        progress(games=game, moves=game, of=20)
        time.sleep(0.05)
    return tiny.check_parity(work, progress)


def slow_train(work, progress):
    """Training that takes a while."""
    for step in range(20):
        progress(step=step, of=20, loss=1.0)
        time.sleep(0.05)
    return tiny.train(work, progress)


@pytest.mark.processes
def test_kill_9_in_any_stage_loses_nothing(tmp_path):
    """Killed in selfplay, in the parity gate and in training, a run ends with every game once."""
    ctx = tiny.context(tmp_path)
    start = multiprocessing.get_context("spawn")
    for stage in ("selfplay", "parity", "train"):
        child = start.Process(target=slow_run, args=(tmp_path,))
        child.start()
        while not at_work(ctx, stage):
            assert child.is_alive()
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    [run] = iterate(ctx)
    assert (run.outcome, run.totals["games"]) == (runs.PROMOTED, GAMES)
    with ctx.ledger.read() as tx:
        rows = stages.stages_of(tx, run.id)
    assert sum(r.failures for r in rows) == 3
    assert verify(ctx.ledger, ctx.blobs) == []
    status = config_status(ctx, "hex8:2")
    assert status.games_in_ledger == status.games_in_shards == GAMES


def at_work(ctx, stage):
    """Whether some unit of a stage is claimed."""
    with ctx.ledger.read() as tx:
        found = runs.open_runs(tx)
        rows = stages.stages_of(tx, found[0].id) if found else []
    return any(r.stage == stage and r.state == stages.RUNNING for r in rows)


@pytest.mark.processes
def test_two_processes_share_a_run(tmp_path):
    """Two consoles on one run take units in turn, and it is done once."""
    start = multiprocessing.get_context("spawn")
    together = start.Barrier(2)
    children = [start.Process(target=slow_run, args=(tmp_path, together)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    ctx = tiny.context(tmp_path)
    with ctx.ledger.read() as tx:
        [run] = runs.all_runs(tx)
        rows = [r for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
    assert run.totals["games"] == GAMES
    assert len({r.owner for r in rows}) == 2
    assert verify(ctx.ledger, ctx.blobs) == []


def test_the_status_says_what_is_waited_for(ctx):
    """At every point: the stage, figures, and nothing after the end."""
    seen = {}

    def watch(report):
        with ctx.ledger.read() as tx:
            run = runs.open_runs(tx)
        if run and report.stage not in seen:
            seen[report.stage] = config_status(ctx, "hex8:2").run.waits_for

    watched = ctx.with_(report=watch)
    [run] = iterate(watched)
    assert set(seen) == set(stages.ORDER)
    assert f"{GAMES} selfplay games: " in seen["selfplay"]
    assert "random 0-0" in seen["evaluate"]
    status = config_status(ctx, "hex8:2")
    assert "is closed (promoted" in status.run.waits_for
    json.dumps(status.as_dict())
    assert run.outcome == runs.PROMOTED


def test_shards_grow_with_the_measured_speed(tmp_path):
    """With games_per_shard 0 a run's shards are sized by those before it with such a network; no game is lost."""
    changes = {"games_per_shard": 0, "slots": 1, "shard_seconds": 1.0, "games_per_iteration": 40}
    ctx = tiny.context(
        tmp_path / "home", changes={f"selfplay__{key}": value for key, value in changes.items()}
    )
    iterate(ctx, 3)
    with ctx.ledger.read() as tx:
        sizes = [
            [shard.planned_games for shard in games.shards_of(tx, run.id)]
            for run in sorted(runs.all_runs(tx), key=lambda run: run.iteration)
        ]
        speed = games.games_per_second(tx, "hex8:2", untrained=False)
    assert sizes[:2] == [[10, 10], [8] * 5]  # nothing measured yet: first untrained, then trained
    assert speed is not None
    assert speed > 20
    assert sizes[2] == [40]
    assert verify(ctx.ledger, ctx.blobs) == []
    ctx.ledger.close()

"""What devices play that would idle though every config has its run: decided on figures, then in a real ledger."""

from dataclasses import replace

import pytest

from ringrift.configs import Config
from ringrift.pipeline import master, nodes
from ringrift.pipeline.backfill import shards_wanted, wants_more
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.queues import BACKFILL
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.pipeline.schedule_view import Pause, look
from ringrift.pipeline.scheduling import allot, decide, decide_now
from ringrift.pipeline.stages import run_stage
from ringrift.store import games, models, runs, stages, work
from ringrift.store.verify import verify
from tests.models.history import context, play
from tests.pipeline.test_feeding import Queue
from tests.pipeline.test_scheduling import actions, config, load, view
from tests.pipeline.tiny import HEX8

TRAINS = load(stage="train", units=1, running=1)


def numbers(found, key="backfill"):
    """A figure of each config."""
    return {one.config: one.figures[key] for one in found}


def test_the_config_that_trains_plays_where_nobody_else_has_games():
    """With the reason and the shards: a third of what the queue holds of iterations, at least one for each slot."""
    [found] = decide(view(config(run=TRAINS, number=3), slots=2, queue_seconds=180.0))
    assert found.action == "backfill"
    assert (found.figures["backfill"], found.figures["number"]) == (6, 4)
    assert "idle devices: 0 units are left for 2 slots" in found.reason


def test_a_config_that_has_no_run_goes_first():
    """Its iteration is opened, and the next look finds games enough."""
    found = decide(view(config(run=TRAINS), config("square8:2", served=9e9)))
    assert actions(found) == {"hex8:2": "work", "square8:2": "open"}


def test_nothing_is_played_beside_while_somebody_has_games():
    """Shards of another config that are not sent yet, or wait in the queue, are enough."""
    busy = config("square8:2", run=load("square8:2", fresh=6))
    assert numbers(decide(view(config(run=TRAINS), busy))) == {"hex8:2": None, "square8:2": None}
    busy = config("square8:2", run=load("square8:2", sent=6))
    assert shards_wanted(view(config(run=TRAINS), busy)) == {}
    gates = config("square8:2", run=load("square8:2", stage="evaluate", sent=6))
    assert shards_wanted(view(config(run=TRAINS), gates)) == {}


def test_few_runs_not_one_for_each_shard():
    """Another is opened only when half of what is enough is gone, and fills that up."""

    def wanted(sent, seconds=20.0, slots=4):
        beside = load(backfill=True, sent=sent, seconds=seconds)
        one = config(run=TRAINS, backfill_seconds=seconds)
        one = replace(one, beside=tuple(run_views(beside)))
        return shards_wanted(view(one, slots=slots, queue_seconds=180.0)).get("hex8:2", 0)

    assert wanted(12) == wanted(7) == wanted(6) == 0
    assert wanted(5) == 7
    assert wanted(2, seconds=900.0) == 0
    assert wanted(1, seconds=900.0) == 3


def run_views(*found):
    """Runs as scheduling sees them."""
    return config(run=found[0]).open


def test_several_share_by_their_turns():
    """Who had the least device time by weight plays most of it."""
    had = config("square8:2", run=load("square8:2", "evaluate", running=1), served=100.0)
    found = shards_wanted(view(config(run=TRAINS, served=40.0), had, slots=4, queue_seconds=180.0))
    assert found == {"hex8:2": 8, "square8:2": 4}


@pytest.mark.parametrize(
    "changes",
    [
        {"run": None},
        {"listed": False},
        {"auto": False},
        {"trained": False},
        {"iterations": 2},
        {"pause": Pause("its last runs failed", 5.0)},
        {"backfill_pause": Pause("its last runs failed", 5.0)},
    ],
)
def test_who_wants_no_more_games(changes):
    """Unlisted, off, paused, untrained, or in its last iteration (of 3)."""
    one = config(run=TRAINS)
    assert wants_more(view(one, max_iterations=3), replace(one, iterations=1))
    assert not wants_more(view(one, max_iterations=3), replace(one, **changes))


def test_a_run_with_shards_to_be_sent_is_no_time_for_others():
    """Its own come first; once all are on their way, its last ones need not keep the devices busy."""
    for fresh, wants in ((1, False), (0, True)):
        run = load(settled=5, running=2, fresh=fresh)
        [one] = [config(run=run)]
        assert wants_more(view(one), one) == wants


def test_no_device_is_no_idle_device():
    """Without any slot nothing is opened: who comes plays iterations."""
    assert shards_wanted(view(config(run=TRAINS), slots=0)) == {}


def test_shards_of_iterations_are_sent_first():
    """Whatever their turn, and whatever of backfill runs waits; of these a shard for each slot, when nothing else is left."""

    def sent(fresh, slots=2, waiting=0):
        beside = load(backfill=True, fresh=9, sent=waiting, seconds=20.0)
        beside = replace(beside, run_id="beside")
        other = config("square8:2", run=load("square8:2", fresh=fresh), served=9e9)
        one = replace(config(run=TRAINS), beside=tuple(run_views(beside)))
        found = allot(view(one, other, slots=slots, queue_seconds=60.0))
        return found.get("run of square8:2", 0), found.get("beside", 0)

    assert sent(9) == sent(9, waiting=6) == (6, 0)
    assert sent(6) == (6, 0)
    assert sent(2) == (2, 0)
    assert sent(2, slots=3) == (2, 1)
    assert sent(0) == (0, 2)
    assert sent(0, waiting=1) == (0, 1)
    assert sent(0, waiting=2) == (0, 0)


# -- in a real ledger ------------------------------------------------------------------------------


@pytest.fixture
def ctx(tmp_path):
    """A state directory with a promoted network, the second iteration past its selfplay, and two idle slots."""
    ctx = context(tmp_path)
    play(ctx)
    with ctx.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1", "elsewhere:1", 1.0, ("gpu",), 2), 600.0)
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        shards = games.shards_of(tx, run.id)
    for shard in shards:
        run_stage(ctx, run.id, "selfplay", shard.id)
    return ctx


def opened(ctx):
    """Runs of the config that are open: (number, backfill)."""
    with ctx.ledger.read() as tx:
        return [(run.iteration, run.backfill) for run in runs.open_runs(tx, "hex8:2")]


def test_a_tick_opens_it_and_sends_its_shards(ctx):
    """By the promoted network, with the lower priority; the same tick once more changes nothing."""
    queue = Queue(ctx.settings)
    [decision] = decide_now(ctx)
    assert decision.action == "backfill"
    master.tick(ctx, queue)
    assert opened(ctx) == [(2, False), (3, True)]
    with ctx.ledger.read() as tx:
        [beside] = runs.open_backfills(tx, "hex8:2")
        assert beside.start_model == models.champion(tx, "hex8:2")
        shards = games.shards_of(tx, beside.id)
    assert len(shards) == decision.figures["backfill"]
    sent = [unit for issue in queue.sent for unit in issue.units if unit]
    assert sent == [shard.id for shard in shards[:2]]
    assert {issue.priority for issue in queue.sent if any(issue.units)} == {BACKFILL}
    master.tick(ctx, queue)
    assert opened(ctx) == [(2, False), (3, True)]
    run_stage(ctx, beside.id, "selfplay", sent[0])
    feed(ctx.ledger, queue)
    assert queue.sent[-1].units == (shards[2].id,)


def test_two_that_decide_at_once_open_one(ctx):
    """The run has a number when it is decided on: who comes second finds it taken."""
    [decision] = decide_now(ctx)
    asked = (decision.figures["backfill"], decision.figures["number"])
    assert open_backfill(ctx, HEX8, *asked) is not None
    assert open_backfill(ctx, HEX8, *asked) is None
    assert opened(ctx) == [(2, False), (3, True)]


def test_it_ends_with_its_games_and_trains_nothing(ctx):
    """Closed as collected by its export; the run beside it learns without its games, the next one with them."""
    beside = work_off(ctx, open_backfill(ctx, HEX8, 2, 3).id)
    assert beside.outcome == runs.COLLECTED
    assert "for the next training" in beside.reason
    second = play(ctx)
    third = play(ctx)
    assert (second.iteration, third.iteration) == (2, 4)
    with ctx.ledger.read() as tx:
        assert games.dataset_of(tx, beside.id) is None
        assert models.candidate_of(tx, beside.id) is None
        own = {shard.id for shard in games.shards_of(tx, beside.id)}
        assert len(own) == 2
        assert not own & set(games.dataset_of(tx, second.id).shards)
        assert own <= set(games.dataset_of(tx, third.id).shards)
        rows = [row for row in stages.stages_of(tx, beside.id) if row.stage == "train"]
        assert [row.state for row in rows] == [stages.PENDING]
        assert runs.closed_iterations(tx, "hex8:2") == 3
        assert runs.last_run(tx, "hex8:2").id == third.id
    assert verify(ctx.ledger, ctx.blobs) == []


def test_its_games_are_new_to_the_next_training(ctx):
    """Whenever they are taken in: the training of the run beside it had none of them."""
    beside = open_backfill(ctx, HEX8, 2, 3)
    second = play(ctx)
    with ctx.ledger.read() as tx:
        [before] = look(tx, ctx.settings).configs
    work_off(ctx, beside.id)
    with ctx.ledger.read() as tx:
        [after] = look(tx, ctx.settings).configs
    assert second.iteration == 2
    assert (before.training.new, before.training.due) == (0, False)
    assert after.training.new > 0


def test_games_that_come_after_the_next_training_are_new_to_the_one_after_it(ctx):
    """A slow device may give them when the iteration with the larger number has made its dataset."""
    beside = open_backfill(ctx, HEX8, 2, 3)
    play(ctx)
    fourth = play(ctx)

    def new():
        with ctx.ledger.read() as tx:
            [one] = look(tx, ctx.settings).configs
            assert work.supply(tx, "hex8:2") == work.supplies(tx)["hex8:2"]
        return one.training.new

    assert (fourth.iteration, new()) == (4, 0)
    work_off(ctx, beside.id)
    assert new() == 2 * 2 * 20
    with ctx.ledger.read() as tx:
        own = {shard.id for shard in games.shards_of(tx, beside.id)}
    fifth = play(ctx)
    with ctx.ledger.read() as tx:
        assert own <= set(games.dataset_of(tx, fifth.id).shards)
    assert new() == 0


def test_the_next_iteration_does_not_wait_for_it(ctx):
    """It is opened though games beside the last one are still played; both come to their ends."""
    beside = open_backfill(ctx, HEX8, 2, 3)
    play(ctx)
    following = open_or_resume(ctx, HEX8)
    assert opened(ctx) == [(3, True), (4, False)]
    queue = Queue(ctx.settings)
    feed(ctx.ledger, queue)
    assert [issue.run_id for issue in queue.sent] == [following.id, beside.id]
    assert work_off(ctx, following.id).state == runs.CLOSED
    assert work_off(ctx, beside.id).outcome == runs.COLLECTED


def test_failing_ones_pause_by_themselves(ctx):
    """After so many that failed none is opened for a while, and iterations go on; they do not count as those."""
    for number in range(ctx.settings.cluster.breaker_failures):
        run = open_backfill(ctx, HEX8, 1, 3 + number)
        with ctx.ledger.write() as tx:
            runs.close_run(tx, run.id, runs.FAILED, "the disk is full")
    with ctx.ledger.read() as tx:
        [one] = look(tx, ctx.settings).configs
    assert one.pause is None
    assert "the disk is full" in one.backfill_pause.reason
    [decision] = decide_now(ctx)
    assert decision.action == "work"


def test_not_by_an_untrained_network(tmp_path):
    """Nobody wants more of its games than an iteration has."""
    ctx = context(tmp_path)
    run = open_or_resume(ctx, HEX8)
    assert open_backfill(ctx, HEX8, 2, run.iteration + 1) is None
    with ctx.ledger.read() as tx:
        [one] = look(tx, ctx.settings).configs
    assert not one.trained


def test_another_config_is_not_concerned(ctx):
    """Runs of a config are counted by themselves."""
    assert open_or_resume(ctx, Config("square8", 3)).iteration == 1

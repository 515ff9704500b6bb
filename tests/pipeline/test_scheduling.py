"""Who plays next: decisions with reasons, and what becomes of them on devices that are played."""

import math
from collections import Counter
from dataclasses import dataclass, replace

import pytest

from ringrift.configs import ALL_CONFIGS
from ringrift.pipeline import nodes
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.schedule_view import ConfigView, Pause, RunView, View, look
from ringrift.pipeline.scheduling import allot, decide, decide_now, priority_of
from ringrift.pipeline.triggers import training_due
from ringrift.store import runs
from ringrift.store.work import Load, Supply
from tests.pipeline import tiny

RULES = tiny.settings(loop__configs=["hex8:2", "square8:2", "square8:3"]).loop
TRAINING = tiny.settings(training__min_samples_to_trigger=100).training

#: Enough to train on.
FULL = Supply(positions=100)


def load(config="hex8:2", stage="selfplay", *, backfill=False, **counts):
    """An open run at a stage."""
    known = {"units": 10, "settled": 0, "running": 0, "sent": 0, "fresh": 0, "seconds": 20.0}
    return Load(f"run of {config}", config, 1, backfill, 6, stage=stage, **{**known, **counts})


def config(name="hex8:2", *, served=0.0, supply=FULL, run=None, weight=1.0, **changes):
    """A config."""
    trigger = training_due(supply, TRAINING, 0.0)
    made = ConfigView(
        config=name,
        listed=True,
        auto=True,
        weight=weight,
        served=served,
        training=trigger,
        lack=0.0 if trigger.due else 1.0 - trigger.have / trigger.need,
        iterations=0,
        run=None if run is None else RunView(run, run.seconds),
    )
    return replace(made, **changes)


def view(*configs, slots=2, **changes):
    """What there is."""
    return View(configs, slots, RULES.model_copy(update=changes))


def actions(found):
    """Action of each config."""
    return {one.config: one.action for one in found}


def test_every_config_begins_when_nobody_plays():
    """And each decision says why, in words and figures that are plain JSON."""
    found = decide(view(config("hex8:2"), config("square8:2")))
    assert actions(found) == {"hex8:2": "open", "square8:2": "open"}
    for one in found:
        assert "100 of 100 positions" in one.reason
        assert one.as_dict()["figures"]["training_due"] is True


def test_who_had_most_waits_for_its_turn():
    """While another has games left and the devices have enough to do; the reason names both figures."""
    busy = config("square8:2", served=100.0, run=load("square8:2", running=2, fresh=8))
    [_, waits] = decide(view(busy, config("hex8:2", served=500.0)))
    assert waits.action == "wait"
    assert "square8:2 goes first: it had 100 device-seconds by weight, hex8:2 500" in waits.reason


def test_a_long_run_of_another_keeps_nobody_back():
    """Who had less than the one that plays gets its run, however much that one has left."""
    busy = config("square8:2", served=500.0, run=load("square8:2", units=999, running=2, fresh=900))
    found = decide(view(busy, config("hex8:2", served=100.0)))
    assert actions(found)["hex8:2"] == "open"
    assert "its turn" in found[0].reason


def test_idle_devices_open_a_run_whosever_turn_it_is():
    """When what is left would not keep them busy; of several that wait only the first."""
    ending = config("square8:2", served=100.0, run=load("square8:2", running=2, settled=8))
    found = decide(view(ending, config("hex8:2", served=500.0), config("square8:3", served=400.0)))
    assert actions(found) == {"square8:2": "work", "square8:3": "open", "hex8:2": "wait"}
    assert "idle devices" in found[1].reason


def test_a_run_that_trains_does_not_hold_others_back():
    """It has no games left to play, so nobody waits for its turn."""
    trains = config("square8:2", run=load("square8:2", "train", units=1, running=1))
    assert actions(decide(view(trains, config(served=9e9))))["hex8:2"] == "open"


def test_weights_and_need_make_turns_shorter():
    """Three times the weight, a third of the turn; with nothing to train on half of it."""
    assert config(served=60.0).turn == 60.0
    assert config(served=60.0, weight=3.0).turn == 20.0
    assert config(served=60.0, supply=Supply()).turn == 30.0
    assert config(served=60.0, supply=Supply(positions=50)).turn == 40.0


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({"auto": False}, "off"),
        ({"listed": False}, "aside"),
        ({"iterations": 3}, "done"),
        ({"iterations": 2}, "open"),
    ],
)
def test_what_is_not_opened(changes, action):
    """Neither without training.auto_trigger, nor unlisted, nor after loop.max_iterations."""
    [found] = decide(view(config(**changes), max_iterations=3))
    assert found.action == action


def test_the_reason_tells_of_runs_beside_an_iteration():
    """Each is named with its number, and how many shards of each run are sent; a new one by the number it gets."""
    beside = replace(load(backfill=True, units=6, settled=2, fresh=3), run_id="beside", iteration=4)
    one = config(run=load(stage="train", units=1, running=1), number=4)
    one = replace(one, beside=(RunView(beside, 20.0),))
    [found] = decide(view(one, slots=2, queue_seconds=40.0))
    assert found.action == "work"
    assert found.reason == (
        "run 1 is at train: 0 of 1 units done, 1 at work; "
        "backfill run 4 is at selfplay: 2 of 6 units done, 2 sent now"
    )
    one = replace(one, run=RunView(load(units=2, settled=1, fresh=1), 20.0))
    [found] = decide(view(one, slots=2, queue_seconds=80.0))
    assert (found.action, found.figures["send"]) == ("send", 2)
    assert "1 to be sent: 1 of them now" in found.reason
    assert found.reason.endswith("2 of 6 units done, 1 sent now")
    one = config(run=load(stage="train", units=1, running=1), number=4)
    [found] = decide(view(one, slots=1, queue_seconds=10.0))
    assert found.action == "backfill"
    assert found.reason.endswith("0 s of work; backfill run 5 plays 1 shard beside it")
    one = replace(one, backfill_pause=Pause("its last 3 backfill runs failed", 5.0))
    [found] = decide(view(one, slots=1, queue_seconds=10.0))
    assert found.action == "work"
    assert found.reason.endswith("1 at work; its last 3 backfill runs failed")


def test_the_queue_is_kept_short():
    """Shards are sent until it holds queue_seconds for each slot; a long shard for each slot at least."""

    def sent(seconds, fresh=100, waiting=0, slots=2):
        run = load(fresh=fresh, sent=waiting, seconds=seconds)
        found = allot(view(config(run=run), slots=slots, queue_seconds=60.0))
        return found.get("run of hex8:2", 0)

    assert sent(20.0) == 6
    assert sent(20.0, waiting=4) == 2
    assert sent(20.0, waiting=6) == 0
    assert sent(20.0, fresh=3) == 3
    assert sent(900.0) == 2
    assert sent(900.0, waiting=2) == 0
    assert sent(20.0, slots=0) == 3  # somebody will come
    assert sent(0.0) == 100


def test_trainings_and_gates_that_wait_fill_the_queue_too():
    """They go first, and shards behind them would only wait."""
    gates = config("square8:2", run=load("square8:2", "evaluate", sent=6))
    assert allot(view(config(run=load(fresh=9)), gates, queue_seconds=60.0)) == {}


def test_heavy_configs_have_the_earlier_priority():
    """Above the mean of the weights 3, else 6; all the same where all weigh the same."""
    assert {priority_of(RULES, name) for name in RULES.configs} == {6}
    heavy = RULES.model_copy(update={"weights": {"square8:2": 2.0}})
    assert [priority_of(heavy, name) for name in heavy.configs] == [6, 3, 6]


@dataclass
class Devices:
    """Slots that play shards of all configs for ever; each config's run is long, or it waits for its next."""

    weights: dict[str, float]
    #: Seconds of a shard, and shards of a run.
    seconds: dict[str, float]
    shards: dict[str, int]
    slots: int

    def play(self, until):
        """Seconds of device time of each config, and seconds in which a slot had nothing to do."""
        now, idle = 0.0, 0.0
        served, runs_left, queue = Counter(), {}, []
        busy = []  # (end, config)
        while now < until:
            counts = {
                name: (sum(c == name for _, c in busy), queue.count(name)) for name in self.weights
            }
            views = []
            for name, weight in self.weights.items():
                run = None
                if name in runs_left:
                    running, sent = counts[name]
                    run = load(
                        name,
                        units=self.shards[name],
                        running=running,
                        sent=sent,
                        fresh=runs_left[name],
                        seconds=self.seconds[name],
                    )
                views.append(config(name, served=served[name], weight=weight, run=run))
            found = view(*views, slots=self.slots, queue_seconds=60.0)
            for decision in decide(found):
                if decision.action == "open":
                    runs_left[decision.config] = self.shards[decision.config]
            for run_id, number in allot(found).items():
                name = run_id.removeprefix("run of ")
                queue += [name] * number
                runs_left[name] -= number
            while queue and len(busy) < self.slots:
                name = queue.pop(0)
                busy.append((now + self.seconds[name], name))
                served[name] += self.seconds[name]
            # The master looks each 5 s; between the ends of shards there is nothing to see.
            step = 5.0 * max(1, math.ceil((min(busy)[0] - now) / 5.0)) if busy else 5.0
            idle += step * (self.slots - len(busy))
            now += step
            for end, name in [one for one in busy if one[0] <= now]:
                busy.remove((end, name))
                at_work = name in queue or any(other == name for _, other in busy)
                if not at_work and runs_left.get(name) == 0:
                    del runs_left[name]
        return served, idle


def test_device_time_follows_the_weights_and_no_device_idles():
    """Twelve configs with shards of 1 to 15 minutes and runs of 3 to 400 of them, on three devices for two days."""
    names = [str(one) for one in ALL_CONFIGS]
    weights = {name: 1.0 + number % 3 for number, name in enumerate(names)}
    seconds = {name: (60.0, 300.0, 900.0)[number // 4] for number, name in enumerate(names)}
    shards = {name: (400, 40, 3)[number % 3] for number, name in enumerate(names)}
    served, idle = Devices(weights, seconds, shards, 3).play(2 * 86400.0)
    share = {name: served[name] / weights[name] for name in names}
    assert max(share.values()) < 1.15 * min(share.values()), share
    assert idle < 0.001 * 3 * 2 * 86400.0


def test_what_the_ledger_says_is_decided_on(tmp_path):
    """Device time, positions, the open run, slots of workers: all in the figures; looking writes nothing."""
    ctx = tiny.context(tmp_path, changes={"loop__configs": ["hex8:2", "square8:3"]})
    open_or_resume(ctx, tiny.HEX8)
    with ctx.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1", "elsewhere:1", 1.0, ("gpu",), 2), 60.0)
    [hexagons, squares] = sorted(decide_now(ctx), key=lambda one: one.config)
    assert (hexagons.action, hexagons.figures["send"]) == ("send", 3)
    assert hexagons.figures["slots"] == 2
    assert hexagons.figures["need"] == 10
    assert squares.action == "open"
    with ctx.ledger.read() as tx:
        assert len(runs.all_runs(tx)) == 1
        assert look(tx, ctx.settings).slots == 2

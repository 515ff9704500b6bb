"""Lanes: the games of a shard in several pools, in turn beside a device or in threads."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.background import Background
from ringrift.configs import Config
from ringrift.data.gates import parity_of, quality_of
from ringrift.errors import BadInput, Interrupted
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import load_model
from ringrift.nets.choice import dtype_of
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.presence import present
from ringrift.rules.game import opening
from ringrift.rules.legal import legal_of
from ringrift.rules.records import RecordReader
from ringrift.search.evaluator import Evaluator, UniformEvaluator
from ringrift.search.kernels.lockstep import IDLE
from ringrift.selfplay import lanes as lanes_module
from ringrift.selfplay import shard
from ringrift.selfplay.checkpoint import checkpoint_path
from ringrift.selfplay.lanes import make_pool, number_of_lanes
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.shard import ShardSpec, produce_shard

HEX = Config("hex8", 2)
FAST = SelfplayParameters(simulations=4, fast_simulations=2, full_search_fraction=0.3, slots=8)
SEEDS = np.arange(100, 113, dtype=np.uint64)
TURNS, THREADS = False, True


@pytest.fixture(scope="module")
def device():
    """One thread, as a GPU is to selfplay."""
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture(scope="module")
def evaluators_of(model_of, device):
    """(lanes, threads, width) -> evaluators over a small network; in turn they compute in the background."""
    net = load_model(model_of(HEX)[0], HEX).net

    def made(lanes, threads, width=4):
        backend = Backend("torch-cpu", "float32", width)
        found = [make_evaluator(net, backend) for _ in range(lanes)]
        return found if threads else [Background(one, device) for one in found]

    return made


@pytest.fixture
def pool_of(evaluators_of):
    """(lanes, threads) -> a pool."""

    def made(lanes, threads, evaluators=None, parameters=FAST):
        evaluators = evaluators or evaluators_of(lanes, threads)
        return make_pool(evaluators, opening(HEX), parameters, threads=threads)

    return made


def told(game):
    """All that a finished game holds, to be compared."""
    return [np.asarray(getattr(game, f.name)).tolist() for f in dataclasses.fields(game)]


def play(pool, seeds=SEEDS):
    """Finished games in the order in which they were handed out."""
    return [told(game) for game in pool.run(seeds) if game is not None]


def lane_threads():
    """Threads of lanes that are alive."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("lane ")]


@pytest.fixture(scope="module")
def expected(evaluators_of):
    """Lanes -> the games of `SEEDS`, played in turn."""
    return {
        lanes: play(make_pool(evaluators_of(lanes, TURNS), opening(HEX), FAST, threads=TURNS))
        for lanes in (1, 2, 3)
    }


@pytest.mark.parametrize("lanes", [2, 3])
def test_same_games_in_the_same_order(pool_of, expected, lanes):
    """The same seeds and number of lanes give the same games in the same order: in turn, and in threads every time."""
    assert [game[0] for game in expected[lanes]] != sorted(game[0] for game in expected[lanes])
    for _ in range(2):
        assert play(pool_of(lanes, THREADS)) == expected[lanes]
    assert play(pool_of(lanes, TURNS)) == expected[lanes]


@pytest.mark.parametrize("lanes", [2, 3])
def test_lanes_play_the_games_of_one_pool(expected, lanes):
    """A game does not depend on the lane that it is in: with rows of the same width, all are those of one pool."""
    assert sorted(expected[lanes]) == sorted(expected[1])
    assert len(expected[lanes]) == len(SEEDS)


@pytest.mark.parametrize("threads", [TURNS, THREADS])
def test_counts(pool_of, expected, threads):
    """Evaluations and batches are those of all lanes, and a pool that has played can play again."""
    lone, pool = pool_of(1, threads), pool_of(2, threads)
    few = [play(lone, SEEDS[:5]), play(pool, SEEDS[:5])]
    assert sorted(few[0]) == sorted(few[1])
    assert pool.evaluations == lone.evaluations
    assert pool.evaluations / 4 <= pool.batches <= pool.evaluations
    assert play(pool) == expected[2]


def test_fewer_games_than_slots(pool_of):
    """Lanes whose slots are never all filled, or that have no game at all, end as well."""
    for threads in (TURNS, THREADS):
        assert sorted(game[0] for game in play(pool_of(3, threads), SEEDS[:4])) == [0, 1, 2, 3]
        assert [game[0] for game in play(pool_of(3, threads), SEEDS[:1])] == [0]
        assert play(pool_of(2, threads), SEEDS[:0]) == []


def test_lanes_overlap_in_turn(pool_of, evaluators_of):
    """In turn, a lane is waited for only when the other one's batch is with the device too, until one has played all."""
    under_way, alone = set(), []

    class Watched(Background):
        """Notes which batches are under way."""

        def submit(self, states, legal):
            super().submit(states, legal)
            under_way.add(self)

        def wait(self):
            alone.append(len(under_way) == 1)
            under_way.remove(self)
            return super().wait()

    with ThreadPoolExecutor(1) as device:
        watched = [Watched(one, device) for one in evaluators_of(2, THREADS)]
        play(pool_of(2, TURNS, watched))
    both = alone.index(True)
    assert all(alone[both:]), "only the tail has a single lane"
    assert both > 0.5 * len(alone)


def test_lanes_overlap_in_threads(pool_of, evaluators_of):
    """In threads, two lanes are in the network at the same time: each waits there for the other, and it comes."""
    meeting = threading.Barrier(2)

    class Meets(Background):
        """Computes in the lane's thread, where it meets the other lane ten times."""

        calls = 0

        def submit(self, states, legal):
            self.calls += 1
            if self.calls <= 10:
                meeting.wait(timeout=60)
            super().submit(states, legal)

    with ThreadPoolExecutor(2) as device:
        evaluators = [Meets(one, device) for one in evaluators_of(2, THREADS)]
        assert len(play(pool_of(2, THREADS, evaluators))) == len(SEEDS)
    assert not meeting.broken


@pytest.mark.parametrize("first", [TURNS, THREADS])
@pytest.mark.parametrize("second", [TURNS, THREADS])
@pytest.mark.parametrize("at", [2, 25])
def test_a_snapshot_goes_on(pool_of, expected, monkeypatch, first, second, at):
    """From wherever None was yielded another pool goes on to the same games; taking the snapshot changes nothing."""
    monkeypatch.setattr(lanes_module, "HALT_EVERY", 0.0)
    pool, before, after, arrays, halts = pool_of(2, first), [], [], {}, 0
    for game in pool.run(SEEDS):
        if game is not None:
            (after if arrays else before).append(told(game))
        elif (halts := halts + 1) == at:
            arrays = {name: array.copy() for name, array in pool.snapshot().items()}
    assert arrays, "there was such a halt"
    assert after
    assert before + after == expected[2]
    other = pool_of(2, second)
    other.restore(arrays)
    assert play(other) == after
    assert other.evaluations == pool.evaluations


@pytest.mark.parametrize("threads", [TURNS, THREADS])
def test_at_a_halt_all_is_handed_out(pool_of, monkeypatch, threads):
    """Where None is yielded, each game that was begun is in a slot or was handed out: a snapshot loses none."""
    monkeypatch.setattr(lanes_module, "HALT_EVERY", 0.0)
    pool, handed_out, halts = pool_of(2, threads), 0, 0
    for game in pool.run(SEEDS):
        handed_out += game is not None
        if game is None:
            halts += 1
            pool.snapshot()
            begun = sum(len(range(i, int(p._next[0]), 2)) for i, p in enumerate(pool.pools))
            in_slots = sum(int((p.search.slots.status != IDLE).sum()) for p in pool.pools)
            assert begun == handed_out + in_slots
    assert halts > 20


def test_other_lanes_do_not_fit(pool_of):
    """A snapshot of another number of lanes is refused, and nothing is changed by it."""
    three = pool_of(3, THREADS).snapshot()
    pool = pool_of(2, THREADS)
    with pytest.raises(BadInput, match="not those of these lanes"):
        pool.restore(three)
    with pytest.raises(BadInput, match="not those of this pool"):
        pool_of(1, THREADS).restore(three)


class Fails(UniformEvaluator):
    """Breaks at the third batch."""

    calls = 0

    def evaluate(self, states, legal):
        """As the uniform one, twice."""
        self.calls += 1
        if self.calls == 3:
            raise ZeroDivisionError("the device is gone")
        return super().evaluate(states, legal)


@pytest.mark.parametrize("threads", [TURNS, THREADS])
@pytest.mark.parametrize("lane", [0, 1])
def test_what_goes_wrong_in_a_lane_is_raised(pool_of, threads, lane):
    """An error in any lane ends the run with that very error, and no thread is left."""
    evaluators = [UniformEvaluator(HEX, 4), UniformEvaluator(HEX, 4)]
    evaluators[lane] = Fails(HEX, 4)
    with pytest.raises(ZeroDivisionError, match="the device is gone"):
        play(pool_of(2, threads, evaluators))
    assert lane_threads() == []


@pytest.mark.parametrize("games", [0, 3])
def test_a_run_that_is_left_leaves_no_thread(pool_of, games):
    """Closed at a halt or at a game, a run ends its threads; what runs until then does not disturb the next run."""
    run = pool_of(2, THREADS).run(SEEDS)
    for found in run:
        games -= found is not None
        if games < 0 or (games == 0 and found is None):
            break
    assert len(lane_threads()) == 2
    run.close()
    assert lane_threads() == []


def test_ctrl_c_ends_the_threads(pool_of):
    """Ctrl-C in the middle, wherever the caller's thread is, is a KeyboardInterrupt there, and no thread is left."""

    class Interrupts(UniformEvaluator):
        """Has the key pressed at the third batch, in the thread of its lane."""

        calls = 0

        def evaluate(self, states, legal):
            self.calls += 1
            if self.calls == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().evaluate(states, legal)

    with pytest.raises(KeyboardInterrupt):
        play(pool_of(2, THREADS, [UniformEvaluator(HEX, 4), Interrupts(HEX, 4)]), SEEDS)
    assert lane_threads() == []


@pytest.mark.parametrize(
    ("wanted", "kind", "slots", "games", "lanes"),
    [
        (0, "torch-cpu", 64, 500, 1),
        (0, "torch-cuda", 64, 500, 2),
        (0, "torch-cuda", 1, 500, 1),
        (0, "torch-cuda", 64, 1, 1),
        (1, "torch-cuda", 64, 500, 1),
        (3, "torch-cpu", 64, 500, 3),
        (0, "openvino", 64, 500, 1),
        (3, "onnx", 2, 500, 2),
    ],
)
def test_number_of_lanes(wanted, kind, slots, games, lanes):
    """By itself one lane on a processor and two on a GPU; never more than slots or games."""
    assert number_of_lanes(wanted, kind, slots, games) == lanes


def test_evaluators_can_be_waited_for(evaluators_of):
    """An evaluation in two steps says what one in one step says, for evaluators of every kind."""
    states = np.concatenate([opening(HEX)] * 2)
    legal = legal_of(HEX, states)
    for evaluator in (*evaluators_of(1, TURNS), *evaluators_of(1, THREADS), UniformEvaluator(HEX)):
        assert isinstance(evaluator, Evaluator)
        once = [array.copy() for array in evaluator.evaluate(states, legal)]
        evaluator.submit(states, legal)
        for found, said in zip(evaluator.wait(), once, strict=True):
            assert (found == said).all()


# ── Shards ──────────────────────────────────────────────────────────────────────────────────────────

#: Plays a shard in two lanes with many checkpoints, and dies by SIGKILL when so many games are over.
CHILD = """
import json, os, signal, sys
from pathlib import Path
from ringrift.selfplay import lanes
from ringrift.selfplay.shard import ShardSpec, produce_shard
lanes.HALT_EVERY = 0.0
spec, model, folder, last = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
played = []
def each(_number, record):
    played.append(record)
    if len(played) == last:
        os.kill(os.getpid(), signal.SIGKILL)
produce_shard(ShardSpec.from_dict(spec), Path(model), Path(folder), each=each, checkpoint_seconds=0.05, lanes=2)
"""


@pytest.fixture(scope="module")
def spec(model_of):
    """A shard with three fillings of its slots."""
    few = dataclasses.replace(FAST, slots=4)
    return ShardSpec("r" * 8, HEX, model_of(HEX)[1], seed=3, index=0, games=12, search=few)


@pytest.fixture(scope="module")
def whole(model_of, spec, tmp_path_factory):
    """The same shard in two lanes, played without a pause."""
    return produce_shard(spec, model_of(HEX)[0], tmp_path_factory.mktemp("whole"), lanes=2)


def test_a_shard_names_its_lanes(model_of, spec, whole, tmp_path):
    """The header has the number of lanes and the rows of each; from these the shard is made again, bit for bit."""
    header = RecordReader(whole.path).spec
    assert header is not None
    assert (whole.lanes, header["lanes"], header["backend"]["batch"]) == (2, 2, 2)
    backend = Backend.from_dict(header["backend"])
    again = produce_shard(spec, model_of(HEX)[0], tmp_path, backend=backend, lanes=header["lanes"])
    assert again.path.read_bytes() == whole.path.read_bytes()
    found = shard.found_shards(tmp_path, [spec])[spec.id]
    assert (found.lanes, found.backend) == (2, backend)
    lone = produce_shard(spec, model_of(HEX)[0], tmp_path / "lone")
    assert lone.lanes == 1
    assert "lanes" not in (RecordReader(lone.path).spec or {})


def test_games_in_lanes_pass_both_gates(whole, spec):
    """Every game of a shard in lanes is played to its end, legal, and the same to the oracle."""
    records = list(RecordReader(whole.path))
    assert sorted(r.seed for r in records) == sorted(spec.game_seeds().tolist())
    for record in records:
        assert quality_of(record) is None
        assert parity_of(record) is None


@pytest.mark.processes
def test_killed_and_still_the_same_file(model_of, spec, whole, tmp_path):
    """A shard in two lanes that was killed by SIGKILL goes on to the file of an undisturbed one."""
    model = model_of(HEX)[0]
    for last in (4, 3):
        arguments = [json.dumps(spec.as_dict()), str(model), str(tmp_path), str(last)]
        child = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)
        assert child.returncode == -signal.SIGKILL
    assert checkpoint_path(tmp_path, spec.id).is_file()
    made = produce_shard(spec, model, tmp_path, lanes=2)
    assert made.resumed >= 1
    assert made.evaluations == whole.evaluations
    assert made.path.read_bytes() == whole.path.read_bytes()


def test_a_request_leaves_a_checkpoint(model_of, spec, whole, tmp_path, monkeypatch):
    """Asked to stop, a shard in lanes ends its threads, leaves a checkpoint, and goes on to the same file."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(lanes_module, "HALT_EVERY", 0.0)
    model = model_of(HEX)[0]

    def stop(at):
        if at.games >= 5:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        produce_shard(spec, model, tmp_path, stop, lanes=2)
    assert lane_threads() == []
    assert [path.suffix for path in tmp_path.iterdir()] == [".checkpoint"]
    made = produce_shard(spec, model, tmp_path, lanes=2)
    assert made.resumed >= 5
    assert made.path.read_bytes() == whole.path.read_bytes()


def test_a_checkpoint_goes_on_in_its_own_lanes(model_of, spec, whole, tmp_path, monkeypatch):
    """Stopped in two lanes and started with another number, a shard goes on in two, to the same file."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)

    def stop(at):
        raise Interrupted("stop")

    with pytest.raises(Interrupted):
        produce_shard(spec, model_of(HEX)[0], tmp_path, stop, lanes=2)
    made = produce_shard(spec, model_of(HEX)[0], tmp_path, lanes=3)
    assert (made.lanes, made.sha256) == (2, whole.sha256)
    assert not (tmp_path / "quarantine").exists()


@pytest.mark.parametrize("kind", [kind for kind in present() if kind != "torch-cuda"])
def test_every_backend_serves_threads(model_of, device, pool_of, kind):
    """With each backend of this machine two lanes in threads play the very games that they play in turn."""
    net = load_model(model_of(HEX)[0], HEX).net
    backend = Backend(kind, dtype_of(kind), 4)
    games = []
    for threads in (THREADS, TURNS):
        evaluators = [make_evaluator(net, backend) for _ in range(2)]
        found = evaluators if threads else [Background(one, device) for one in evaluators]
        games.append(play(pool_of(2, threads, found), SEEDS[:6]))
    assert games[0] == games[1]
    assert len(games[0]) == 6

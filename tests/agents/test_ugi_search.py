"""Searching under the line protocol: limits, interruption and what is told meanwhile."""

import json
import re

import numpy as np
import pytest

from ringrift.agents import AgentSpec, make_agent
from ringrift.agents.clock import Clock, Limits
from ringrift.agents.searching import FIRST_NODES, most_nodes
from ringrift.agents.thinking import whole_move
from ringrift.agents.thought import Info
from ringrift.agents.ugi import Ugi, answers
from ringrift.agents.ugi_go import read_limits
from ringrift.agents.ugi_loop import serve
from ringrift.agents.ugi_options import Settings
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from tests.agents.test_simple import recovery
from tests.nets.models import speaking_model
from tests.nets.positions import actions_of

HEX = Config("hex8", 2)
SQUARE = Config("square8", 2)
SMALL = Arch(8, 1, 1, 8, 8, 8)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Files of a network that says something for hex8, and of untrained ones for both boards."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "speaking": save_model(speaking_model(HEX, SMALL, 3), folder),
        "untrained": save_model(init_model(HEX, SMALL, 3), folder),
        "square": save_model(init_model(SQUARE, SMALL, 3), folder),
    }


def engine(model, now=None, agent="gumbel-mcts", **options):
    """An engine with a network."""
    clock = {} if now is None else {"now": now}
    return Ugi(Settings(agent=agent, model=str(model[0]), **options), **clock)


class Ticking:
    """A clock that goes on by a fixed step whenever it is read."""

    def __init__(self, step):
        self.time, self.step = 0.0, step

    def __call__(self):
        """Tell the time."""
        self.time += self.step
        return self.time


def field(info, name):
    """Number behind a word of an info line."""
    return int(re.search(rf" {name} (\d+)", info)[1])


def test_nodes_are_the_agents_search(models):
    """`go nodes N` is the search of the gumbel-mcts agent with that budget, whatever was searched before."""
    ugi = engine(models["untrained"], seed=3)
    agent = make_agent(
        AgentSpec("gumbel-mcts", models["untrained"][1], 24), HEX, models["untrained"][0]
    )
    moves = []
    for _ in range(12):
        game = ugi.position.game
        codes = game.legal_codes()
        expected = int(codes[0])
        if len(codes) > 1:
            expected = int(agent.choose(game.states, np.zeros(1, np.uint64))[0])
        answers(ugi, ["go nodes 40"])
        *infos, best = answers(ugi, ["go nodes 24"])
        assert best == "bestmove " + game.text(expected).replace(" ", ":")
        if infos:
            assert field(infos[-1], "nodes") == 24
        moves.append(best.split(" ")[1])
        answers(ugi, ["position startpos moves " + " ".join(moves)])


@pytest.mark.parametrize("agent", ["gumbel-mcts", "policy-only"])
def test_same_nodes_same_answer(models, agent):
    """A network's move, value and variation depend on position, options and nodes alone."""

    def told():
        ugi = engine(models["speaking"], agent=agent)
        said = answers(
            ugi, ["position startpos moves PL:0,0,0:2 MV:0,0,0:0,2,-2", "isready", "go nodes 20"]
        )
        said += answers(ugi, ["position startpos", "go nodes 20"])
        return [re.sub(r"time \d+ nps \d+", "", line) for line in said]

    first = told()
    assert told() == first
    values = re.search(r"value (\S+) (\S+) pv", first[-2])
    assert float(values[1]) + float(values[2]) == pytest.approx(1, abs=2e-4)


def test_variation_can_be_played(models):
    """The principal variation is a sequence of legal moves, forced ones included, and begins with the best move."""
    ugi = engine(models["speaking"])
    *_, info, best = answers(ugi, ["go nodes 200"])
    line = info.partition(" pv ")[2].split(" ")
    assert line[0] == best.split(" ")[1]
    assert len(line) > 2
    assert answers(ugi, ["position startpos moves " + " ".join(line)]) == []


def test_simulations_without_a_limit(models):
    """Plain `go` searches as many simulations as the option says."""
    ugi = engine(models["untrained"], simulations=30)
    assert field(answers(ugi, ["go"])[-2], "nodes") == 30


def test_movetime(models):
    """With a time for the move, ever longer searches follow each other until it is over, and no longer."""
    ugi = engine(models["untrained"], now=Ticking(0.001))
    *infos, best = answers(ugi, ["go movetime 500"])
    assert best.startswith("bestmove PL:")
    nodes = [field(info, "nodes") for info in infos]
    assert nodes[:3] == [FIRST_NODES, 3 * FIRST_NODES, 7 * FIRST_NODES]
    assert nodes == sorted(nodes)
    assert all(field(info, "time") <= 510 for info in infos)
    assert field(infos[-1], "time") >= 500


def test_a_search_cut_short(models):
    """A search that has seen less than the complete one before it does not decide."""
    ugi = engine(models["speaking"])
    ugi.handle("go infinite")
    infos = []
    while len(infos) < 2:
        infos += ugi.think()
    ugi.think()
    *_, last, best = ugi.handle("stop")
    line = infos[-1].partition(" pv ")[2]
    assert last.partition(" pv ")[2] == line
    assert best == "bestmove " + line.split(" ")[0]


class Slider:
    """Plays the first slide whose stack is still open, then the last stack; notes its shares of the time."""

    def __init__(self):
        self.shares = []

    def decide(self, states, _clock, share):
        """Choose at once."""
        self.shares.append(share)
        yield Info(1, 10, (0,))
        actions = actions_of(SQUARE, states, 0).tolist()
        if len(self.shares) > 1:
            return actions[-1]
        for action in actions:
            after = states.copy()
            apply_move(after, 0, tables("square8"), action)
            if after[0, k.F_SCALAR, k.S_SLIDE]:
                return action
        raise AssertionError


def test_second_decision_has_time_left():
    """Where a slide leaves its stack open, part of the time is kept for that decision, and nodes are added up."""
    slider, game = Slider(), recovery()
    thought, nodes = whole_move(slider, game, Clock(Limits(seconds=1))), []
    with pytest.raises(StopIteration) as end:
        while True:
            nodes.append(next(thought).nodes)
    assert slider.shares == [0.6, 1.0]
    assert nodes == [10, 20]
    assert int(end.value.value) in game.legal_codes()


@pytest.mark.parametrize("limits", ["movetime 0", "nodes 5000 movetime 1", "p1time 20 p2time 5"])
def test_hardly_any_time(models, limits):
    """Where there is no time for a search, a legal move is played all the same."""
    ugi = engine(models["speaking"], now=Ticking(0.01))
    infos_and_best = answers(ugi, [f"go {limits}"])
    best = infos_and_best[-1].removeprefix("bestmove ")
    assert answers(ugi, [f"query islegal {best}"]) == ["response true"]


def test_depth(models):
    """`go depth N` searches until its variation is N decisions long."""
    infos = answers(engine(models["untrained"]), ["go depth 3"])[:-1]
    depths = [field(info, "depth") for info in infos]
    assert depths[-1] >= 3
    assert all(depth < 3 for depth in depths[:-1])


def test_stop_while_searching(models):
    """A search is answered while it runs: isready and queries at once, stop by its best move, new positions by an error."""
    ugi = engine(models["speaking"])
    assert ugi.handle("isready") == ["readyok"]
    assert ugi.handle("go infinite") == []
    for _ in range(40):
        ugi.think()
    assert ugi.thinking
    assert ugi.handle("isready") == ["readyok"]
    assert ugi.handle("query seat") == ["response 1"]
    assert ugi.handle("ugi")[-1] == "ugiok"
    for line in ("position startpos", "go nodes 3", "uginewgame", "setoption name seed value 3"):
        word = line.split(" ")[0]
        assert ugi.handle(line) == [f"error {word}: a search is running, expected stop before it"]
    *infos, best = ugi.handle("stop")
    assert best.startswith("bestmove PL:")
    assert field(infos[-1], "nodes") >= 16
    assert not ugi.thinking
    assert ugi.handle("stop") == []


def test_infinite_waits_for_stop(models):
    """An infinite search that has reached its largest tree says nothing more until it is stopped."""
    ugi = engine(models["square"], board="square8", rings=1)
    ugi.handle("go infinite")
    thinker = ugi._thinker
    thinker._budgets = lambda _clock: (16, 32)
    ugi.handle("stop")
    ugi.handle("go infinite")
    said = []
    while not ugi.waiting:
        said += ugi.think()
    assert [line.split(" ")[0] for line in said] == ["info", "info"]
    assert ugi.think() == []
    assert ugi.thinking
    assert ugi.handle("stop")[-1].startswith("bestmove ")


@pytest.mark.parametrize("agent", ["random", "heuristic"])
def test_infinite_without_a_search(agent):
    """Agents that decide at once keep their move until they are stopped, a forced one too."""
    ugi = Ugi(Settings(board="square8", agent=agent))
    for moves in ("", " moves PL:0,0:1 MV:0,0:0,1"):
        assert answers(ugi, [f"position startpos{moves}"]) == []
        said = answers(ugi, ["go infinite"])
        assert ugi.thinking
        assert ugi.waiting
        assert all(line.startswith("info ") for line in said)
        (best,) = ugi.handle("stop")
        assert best.startswith("bestmove ")


def test_quit_while_searching(models):
    """`quit` ends a search with its best move so far, and the engine."""
    ugi = engine(models["untrained"])
    ugi.handle("go infinite")
    assert ugi.handle("quit")[-1].startswith("bestmove ")
    assert ugi.over


def test_a_script_need_not_wait(models):
    """Lines sent all at once are answered in order; what follows a search waits for its end, that of the stream too."""
    lines = [
        "go nodes 300",
        "position startpos moves PL:0,0,0:2",
        "query moves",
        "go nodes 2",
        "isready",
        "go nodes 20",
    ]
    said = []
    content = iter(["\n".join(lines).encode(), b""])
    serve(engine(models["untrained"]), lambda _: next(content), said.append)
    kinds = [line.split(" ")[0] for line in said if not line.startswith("info")]
    assert kinds == ["bestmove", "response", "bestmove", "readyok", "bestmove"]
    assert "error" not in " ".join(said)


def test_infinite_search_at_the_end_of_the_stream(models):
    """Where the lines end during a search without an end, it is stopped and its move told."""
    said = []
    content = iter([b"go infinite\n", b""])
    serve(engine(models["untrained"]), lambda _: next(content), said.append)
    assert said[-1].startswith("bestmove ")


def test_recovery_is_searched_whole(models):
    """Search sends a slide together with its stack, and its variation can be played."""
    state = json.dumps(recovery().state_plus())
    ugi = engine(models["square"], board="square8")
    for limits in ("nodes 40", "movetime 20"):
        *infos, best = answers(ugi, [f"position state {state}", f"go {limits}"])
        line = infos[-1].partition(" pv ")[2]
        assert answers(ugi, [f"position state {state} moves {line}"]) == []
        assert line.split(" ")[0] == best.split(" ")[1]


def test_most_nodes_are_those_of_the_agent():
    """`go nodes` takes as many as the agent has room for; more are one error line, and the engine lives on."""
    ugi = Ugi(Settings(agent="minimax"))
    assert answers(ugi, ["go nodes 150000 depth 1"])[-1].startswith("bestmove ")
    answers(ugi, ["setoption name agent value mcts"])
    assert answers(ugi, ["go nodes 150000"]) == ["error nodes is 150000: expected at most 100000"]
    assert answers(ugi, ["go nodes 20"])[-1].startswith("bestmove ")


def test_what_a_network_cannot_do(models):
    """A network of another config, a search beyond all memory: one error line, and the engine lives on."""
    ugi = engine(models["square"])
    (said,) = answers(ugi, ["go"])
    assert "a network for square8:2, expected one for hex8:2" in said
    for config in ALL_CONFIGS:
        assert 20_000 < most_nodes(config) <= 100_000
    answers(ugi, ["setoption name board value square8"])
    ugi._thinker = None
    assert answers(ugi, ["isready", "go nodes 3"])[-1].startswith("bestmove")


def test_limits_of_go():
    """Clocks of the seats become a time for the move: that of the seat to move counts."""
    assert read_limits(["nodes", "5", "infinite"], 2, 1) == Limits(nodes=5, infinite=True)
    assert read_limits(["movetime", "1500", "depth", "3"], 2, 1) == Limits(seconds=1.5, depth=3)
    clocks = ["p1time", "1", "p2time", "2", "p3time", "40000", "p3inc", "500"]
    assert read_limits(clocks, 3, 3) == Limits(seconds=1.5)
    assert read_limits(["p2time", "100", "p2inc", "900"], 2, 2).seconds == 0.05, "never all of it"
    with pytest.raises(BadInput, match="seat 1 is to move, expected p1time"):
        read_limits(["p2inc", "100"], 2, 1)


def test_clock():
    """A clock has expired when it is stopped, or when its share of the time is over."""
    clock = Clock(Limits(seconds=10), now=Ticking(1.0))
    assert not clock.expired()
    assert clock.expired(0.2)
    clock.stopped = True
    assert clock.expired()
    assert not Clock(Limits(nodes=1)).expired()

"""The line protocol, line by line and without a process."""

import json

import pytest

from ringrift.agents.spec import AGENT_KINDS
from ringrift.agents.ugi import Ugi, answers
from ringrift.agents.ugi_options import OPTIONS, Settings
from ringrift.configs import ALL_CONFIGS, BOARD_NAMES, Config
from ringrift.rules.game import Game, GameOptions
from tests.agents.test_simple import recovery

#: A whole game of seats with one ring each (square8, two seats, no pie).
SHORT = (
    "PL:6,1:1 MV:6,1:6,0 NL NT PL:6,6:1 MV:6,6:6,7 NL NT NP MV:6,0:6,1 NL NT".split(" ")  # noqa: SIM905 - as it is sent
)


def engine(**options):
    """An engine with these options."""
    return Ugi(Settings(**options))


def say(ugi, *lines):
    """All answers to some lines."""
    return answers(ugi, lines)


def wire(move):
    """A move as the protocol writes it."""
    return move.replace(" ", ":")


def test_ugi_lists_every_option():
    """`ugi` names the engine, lists each option with type, default and choices, and ends with ugiok."""
    lines = say(engine(board="square8", pie=False), "ugi")
    assert lines[0].startswith("id name RingRift ")
    assert lines[1].startswith("id author ")
    assert lines[-1] == "ugiok"
    listed = lines[2:-1]
    assert [line.split(" ")[2] for line in listed] == [option.name for option in OPTIONS]
    boards = " ".join(f"var {name}" for name in BOARD_NAMES)
    assert f"option name board type combo default square8 {boards}" in listed
    kinds = " ".join(f"var {kind}" for kind in AGENT_KINDS)
    assert f"option name agent type combo default heuristic {kinds}" in listed
    assert "option name pie type check default false" in listed
    assert "option name seats type spin default 2 min 2 max 4" in listed
    assert "option name model type string default <empty>" in listed


def test_isready():
    """`isready` is answered by readyok; where the agent cannot be made, by the reason and readyok."""
    ugi = engine()
    assert say(ugi, "isready") == ["readyok"]
    say(ugi, "setoption name agent value gumbel-mcts")
    reason, ready = say(ugi, "isready")
    assert reason.startswith("error agent gumbel-mcts needs a model: setoption name model")
    assert ready == "readyok"
    say(ugi, "setoption name model value no such file")
    reason, ready = say(ugi, "isready")
    assert "no such file" in reason
    assert say(ugi, "go") == [reason], "and the engine lives on"


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_options_choose_the_game(config):
    """Board, seats and rule options set by `setoption` make the game that the rules make of them."""
    ugi = Ugi()
    options = GameOptions(pie=False, lps_rounds=2, rings=5)
    said = say(
        ugi,
        f"setoption name board value {config.board}",
        f"setoption name Seats value {config.players}",
        "setoption name pie value false",
        "setoption name lps_rounds value 2",
        "setoption name rings value 5",
        "uginewgame",
        "position startpos",
        "query state",
        "query legalmoves",
    )
    game = Game.new(config, options)
    assert json.loads(said[0].removeprefix("response ")) == game.state_plus()
    assert said[1].removeprefix("response ").split(" ") == [wire(move) for move in game.legal()]


def test_line_detect_reaches_the_rules():
    """`line_detect` is passed on, and 0 means what the config has (rules §1.2)."""
    ugi = engine(board="hex8", seats=3)
    state = json.loads(say(ugi, "query state")[0].removeprefix("response "))
    assert state["options"]["line_detect"] == 3
    state = json.loads(
        say(ugi, "setoption name line_detect value 4", "query state")[0].removeprefix("response ")
    )
    assert state["options"]["line_detect"] == 4


def test_position_and_queries_follow_the_rules():
    """Through a random game, every query says what the rules say, at each move."""
    game = Game.new(Config("hex8", 3))
    ugi = engine(board="hex8", seats=3, agent="random", seed=5)
    moves = []
    while game.result is None:
        said = say(ugi, "position startpos moves " + " ".join(moves) if moves else "uginewgame")
        assert said == []
        assert say(ugi, "query seat", "query phase", "query gameover", "query result") == [
            f"response {game.player}",
            f"response {game.phase}",
            "response false",
            "response none",
        ]
        turns = [f"response {str(game.player == seat).lower()}" for seat in (1, 2, 3)]
        assert say(ugi, "query p1turn", "query p2turn", "query p3turn") == turns
        if len(moves) % 10 == 0:
            legal = say(ugi, "query legalmoves")[0].split(" ")[1:]
            assert legal == [wire(move) for move in game.legal()]
            assert say(ugi, f"query islegal {legal[-1]}") == ["response true"]
        *infos, best = say(ugi, "go")
        assert bool(infos) == (len(game.legal()) > 1), "a forced move needs no thought"
        assert best.startswith("bestmove ")
        moves.append(best.split(" ")[1])
        assert all(f" pv {moves[-1]}" in info for info in infos)
        game.apply(moves[-1].replace(":", " "))
    say(ugi, "position startpos moves " + " ".join(moves))
    end = game.result
    ranks = " ".join(map(str, end.ranks))
    assert say(
        ugi, "query gameover", "query seat", "query result", "query winner", "query ranks"
    ) == [
        "response true",
        "response 0",
        f"response p{end.winner}win ranks {ranks}",
        f"response {end.winner}",
        f"response {ranks}",
    ]
    assert say(ugi, "query victory", "query legalmoves", "query moves") == [
        f"response {end.victory}",
        "response none",
        "response " + " ".join(moves),
    ]
    assert say(ugi, "query p1turn", "query islegal NL", "query phase") == [
        "response false",
        "response false",
        "response game_over",
    ]
    state = json.loads(say(ugi, "query state")[0].removeprefix("response "))
    assert state == game.state_plus()


def test_result_of_two_seats_is_the_word_of_the_protocol():
    """With two seats the result is p1win or p2win and nothing more, as other programs compare it."""
    ugi = engine(board="square8", rings=1, pie=False)
    say(ugi, "position startpos moves " + " ".join(SHORT))
    assert say(ugi, "query result", "query ranks") == ["response p1win", "response 1 2"]
    assert say(ugi, "go") == ["error go: the game is over"]


def test_one_move_more_is_not_a_replay():
    """A position that goes on from the last one is that one with a move more; any other is made anew."""
    ugi = engine(board="square8", rings=1, pie=False)
    for count in [*range(len(SHORT) + 1), 3, 7, 0]:
        say(ugi, "position startpos moves " + " ".join(SHORT[:count]) if count else "uginewgame")
        fresh = engine(board="square8", rings=1, pie=False)
        say(fresh, "position startpos moves " + " ".join(SHORT[:count]))
        assert say(ugi, "query state", "query moves") == say(fresh, "query state", "query moves")
    other = ["PL:0,0:1", *SHORT[1:]]
    assert say(ugi, "position startpos moves " + " ".join(other))[0].startswith("error ")


def test_state_as_position():
    """A state+ with or without blanks, and moves after it, give the same position; `fen` is `state`."""
    game = Game.new(Config("square8", 2))
    for move in ("PL 3,3 2", "MV 3,3 3,6", "NL", "NT"):
        game.apply(move)
    compact = json.dumps(game.state_plus(), separators=(",", ":"))
    ugi = engine(board="square8")
    for text in (f"state {compact}", f"state {json.dumps(game.state_plus())}", f"fen {compact}"):
        assert say(ugi, "uginewgame", f"position {text} moves SW PL:0,0:1") == []
        assert say(ugi, "query swapped", "query moves", "query seat") == [
            "response true",
            "response SW PL:0,0:1",
            "response 2",
        ]
    assert json.loads(say(ugi, "query fen")[0].removeprefix("response "))["swapped"] is True


def test_a_bare_state_takes_the_options():
    """A canonical state without options of its own is played by those of `setoption`."""
    state = json.dumps(recovery().canonical())
    ugi = engine(board="square8", lps_rounds=2)
    assert say(ugi, f"position state {state}") == []
    plus = json.loads(say(ugi, "query state")[0].removeprefix("response "))
    assert plus["options"]["lps_rounds"] == 2


def test_recovery_slides_are_whole_moves():
    """A slide is sent with its stack, whatever an agent decides first (rules §20.2)."""
    state = json.dumps(recovery().state_plus())
    seen = set()
    for seed in range(40):
        ugi = engine(board="square8", agent="random", seed=seed)
        say(ugi, f"position state {state}")
        best = say(ugi, "go")[-1].split(" ")[1]
        seen.add(best[:2])
        assert say(ugi, f"position state {state} moves {best}") == []
    assert seen & {"RL", "RF", "RS"}


def test_forced_moves_are_sent():
    """By default a forced move is asked for like any other, and answered without thinking."""
    ugi = engine(board="square8", rings=1, pie=False)
    say(ugi, "position startpos moves " + " ".join(SHORT[:2]))
    assert say(ugi, "query legalmoves", "go") == ["response NL", "bestmove NL"]


def test_forced_moves_played_unasked():
    """With `play_forced` only decisions are sent; the forced moves are told, and `query moves` has all."""
    ugi = engine(board="square8", rings=1, pie=False, play_forced=True)
    decisions = ["PL:6,1:1", "MV:6,1:6,0", "PL:6,6:1", "MV:6,6:6,7", "MV:6,0:6,1"]
    told = [[], ["NL", "NT"], [], ["NL", "NT", "NP"], ["NL", "NT"]]
    for count, forced in enumerate(told, start=1):
        line = "position startpos moves " + " ".join(decisions[:count])
        assert say(ugi, line) == (["info forced " + " ".join(forced)] if forced else [])
    assert say(ugi, "query moves", "query result") == [
        "response " + " ".join(SHORT),
        "response p1win",
    ]
    assert say(ugi, "position startpos moves PL:6,1:1 MV:6,1:6,0 NL")[0].startswith(
        "error position: move 3: 'NL' is not legal for seat 2"
    )


def test_same_seed_same_moves():
    """Position, options and seed decide the move; another seed gives other games."""

    def game(seed):
        ugi = engine(board="square8", rings=3, agent="random", seed=seed)
        moves = []
        while say(ugi, "query gameover") == ["response false"]:
            moves.append(say(ugi, "go")[-1].split(" ")[1])
            say(ugi, "position startpos moves " + " ".join(moves))
        return moves

    assert game(1) == game(1)
    assert game(1) != game(2)
    ugi = engine(board="square8", agent="random", seed=1)
    assert say(ugi, "go")[-1] == say(ugi, "go")[-1], "whatever was asked before"


def test_options_change_what_they_say():
    """The listed default is the value in force; the game begins anew only where its rules change."""
    ugi = engine(board="square8")
    say(ugi, "position startpos moves PL:0,0:1", "setoption name agent value RANDOM")
    assert "option name agent type combo default random" in "\n".join(say(ugi, "ugi"))
    assert say(ugi, "query moves") == ["response PL:0,0:1"]
    say(ugi, "setoption name seats value 4")
    assert say(ugi, "query moves", "query p4turn") == ["response none", "response false"]
    say(ugi, "setoption name model value some file with blanks.safetensors")
    assert "default some file with blanks.safetensors" in "\n".join(say(ugi, "ugi"))
    say(ugi, "setoption name model value <empty>")
    assert "option name model type string default <empty>" in "\n".join(say(ugi, "ugi"))


def test_quit():
    """After `quit` the engine is over, and says nothing."""
    ugi = engine()
    assert not ugi.over
    assert say(ugi, "quit") == []
    assert ugi.over

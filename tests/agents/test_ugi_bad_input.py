"""Whatever arrives, the line protocol answers with an error line and goes on."""

import io
import json
import random
import threading

import pytest

from ringrift.agents.ugi import Ugi, answers
from ringrift.agents.ugi_loop import lines_of, serve
from ringrift.agents.ugi_options import Settings
from ringrift.configs import Config
from ringrift.rules.game import Game

STATE = '{"cur":1'

WRONG = [
    ("uci", "unknown command 'uci': did you mean 'ugi'?"),
    ("hello engine", "unknown command 'hello': valid: ugi, isready,"),
    ("UGI", "unknown command 'UGI': did you mean 'ugi'?"),
    ("setoption", "setoption: expected name OPTION value VALUE"),
    ("setoption board hex8", "setoption: expected name OPTION value VALUE"),
    ("setoption name bord value hex8", "no option 'bord': did you mean 'board'?"),
    ("setoption name board value hex9", "board is 'hex9': did you mean 'hex8'?"),
    ("setoption name board", "board is '': valid: square8, square19, hex8, hexagonal"),
    ("setoption name seats value 5", "seats is 5: expected 2 to 4"),
    ("setoption name seats value two", "seats is 'two': expected a whole number"),
    ("setoption name seats value ٣", "seats is '٣': expected a whole number"),
    ("setoption name seed value -1", "seed is '-1': expected a whole number"),
    (f"setoption name seed value {'9' * 5000}", "seed is '9999"),
    ("setoption name pie value maybe", "pie is 'maybe': expected true or false"),
    (
        "setoption name agent value gumbel_mcts",
        "agent is 'gumbel_mcts': did you mean 'gumbel-mcts'?",
    ),
    ("setoption name line_detect value 3", "line_detect is 3: expected 4 or 5"),
    ("position", "position '': expected startpos or state"),
    ("position start", "position 'start': expected startpos or state"),
    ("position startpos PL:0,0:1", "position: expected 'moves' after the start, found 'PL:0,0:1'"),
    ("position startpos moves XX", "position: move 1: 'XX' is no move: unknown word 'XX'"),
    ("position startpos moves PL:0,0", "position: move 1: 'PL:0,0' is no move: PL takes 2 fields"),
    ("position startpos moves PL:0,0:1 PL:0,0:1", "position: move 2: 'PL:0,0:1' is not legal for"),
    ("position startpos moves PL:8,8:1", "position: move 1: "),
    ("position startpos moves LO:0,0:x:0,0", "position: move 1: "),
    ("position startpos moves RL:0,0:0,1:2:0,0;0,1", "position: move 1: "),
    ("position startpos moves RL:0,0:0,1:9:0,0", "position: move 1: "),
    ("position startpos moves TO:0,0;0,1", "position: move 1: "),
    ("position startpos moves ER:lime:0,0", "position: move 1: 'ER:lime:0,0' is no move"),
    ("position state", "position state: not JSON"),
    (f"position state {STATE}", "position state: not JSON"),
    ("position state {}", "position: the state lacks the key 'acted'"),
    ("position state 7", "position: state: expected a JSON object, found '7'"),
    ("position state null moves PL:0,0:1", "position: state: expected a JSON object"),
    ('position state {"a":1} PL:0,0:1', "position: expected 'moves' after the start"),
    ("position state " + "[" * 100_000, "position state: "),
    ("position state " + "1" * 5000, "position state: "),
    ("go nodes", "go nodes: expected a number after it"),
    ("go nodes many", "go nodes is 'many': expected a whole number"),
    ("go nodes 0", "go nodes is 0: expected 1 to 1000000000"),
    ("go node 5", "go: unknown word 'node', did you mean 'nodes'?"),
    ("go p3time 100", "go: unknown word 'p3time', did you mean"),
    ("go p2time 1000", "go: seat 1 is to move, expected p1time"),
    ("query", "query: expected a question, gameover, result,"),
    ("query legalmove", "unknown question 'legalmove': did you mean 'legalmoves'?"),
    ("query p3turn", "query p3turn: there are 2 seats"),
    ("query seat 2", "query seat: expected nothing after it"),
    ("query islegal", "query islegal: expected one move"),
    ("\0", "unknown command"),
    ("\x1b[31m go", "unknown command"),
]


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line[:30] for line, _ in WRONG])
def test_bad_input_is_one_error_line(line, message):
    """A wrong line is answered by one printable line that says what was expected; nothing has changed."""
    ugi = Ugi(Settings(board="square8", agent="random"))
    before = answers(ugi, ["position startpos moves PL:3,3:2", "ugi", "query state", "query moves"])
    answers(ugi, ["uginewgame"]) if line.startswith("go p") else None
    (said,) = answers(ugi, [line])
    assert said.startswith(f"error {message}")
    assert said.isprintable()
    assert len(said) < 1100
    assert "internal" not in said
    answers(ugi, ["position startpos moves PL:3,3:2"])
    assert answers(ugi, ["ugi", "query state", "query moves"]) == before
    assert answers(ugi, ["isready", "go"])[-1].startswith("bestmove ")


def test_a_refused_move_leaves_the_position():
    """Where one move of a list is wrong, none of them is played, and the nearest legal move is named."""
    ugi = Ugi(Settings(board="square8"))
    answers(ugi, ["position startpos moves PL:3,3:2"])
    (said,) = answers(ugi, ["position startpos moves PL:3,3:2 MV:3,3:3,6 NT"])
    assert said == (
        "error position: move 3: 'NT' is not legal for seat 1 in line_processing: valid: NL"
    )
    assert answers(ugi, ["query moves"]) == ["response PL:3,3:2"]


@pytest.mark.parametrize("line", ["", "   ", "\t", "\r", "stop", "uginewgame"])
def test_lines_without_an_answer(line):
    """Blank lines, `uginewgame`, and `stop` where nothing runs are answered by nothing."""
    assert answers(Ugi(), [line]) == []


def test_carriage_returns_and_blanks_do_no_harm():
    """Lines may end as on other systems and have blanks around them."""
    ugi = Ugi(Settings(board="square8"))
    assert answers(ugi, ["  position   startpos  moves   PL:3,3:2 \r", "query moves\r"]) == [
        "response PL:3,3:2"
    ]


def _reader(content, chunk):
    """read(n) over bytes, at most ``chunk`` at a time."""
    stream = io.BytesIO(content)
    return lambda n: stream.read(min(n, chunk))


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_lines_of_any_bytes(chunk):
    """Lines are cut the same however the bytes arrive; wrong or endless ones are errors, and the next is read."""
    content = b"a\nb\r\n\xff\xfe\n" + b"x" * 100 + b"\n\nlast"
    items = list(lines_of(_reader(content, chunk), most=50))
    assert items[:2] == ["a", "b\r"]
    assert isinstance(items[2], UnicodeDecodeError)
    assert str(items[3]) == "line of 100 bytes: expected at most 50"
    assert items[4:] == ["", "last"]
    assert list(lines_of(_reader(b"", chunk))) == []
    assert list(lines_of(_reader(b"one\n", chunk))) == ["one"]


def _served(content, **options):
    """All that an engine says to a stream."""
    said = []
    serve(Ugi(Settings(**options)), _reader(content, 4096), said.append)
    return said


def test_a_stream_of_rubbish():
    """Random bytes are answered line by line, and the command after them is obeyed."""
    rng = random.Random(7)
    rubbish = bytes(rng.randrange(256) for _ in range(20_000))
    said = _served(rubbish + b"\nisready\n", agent="random")
    assert said[-1] == "readyok"
    assert all(line.startswith("error ") and line.isprintable() for line in said[:-1])
    assert len(said) > 20


def test_a_search_without_end_behind_another_can_be_stopped():
    """Lines that wait behind a search, and among them one that begins an endless search, are all answered."""
    content = [b"go depth 1\ngo infinite\nsetoption name seed value 3\nstop\nisready\n"]
    answered = threading.Event()
    said = []

    def read(_):
        # The stream stays open: its end would stop the search by itself.
        if content:
            return content.pop()
        answered.wait(30)
        return b""

    def write(line):
        said.append(line)
        if line == "readyok":
            answered.set()

    serve(Ugi(Settings(agent="random")), read, write)
    assert said[-1] == "readyok"
    assert answered.wait(0)
    assert sum(line.startswith("bestmove ") for line in said) == 2
    assert "error setoption: a search is running, expected stop before it" in said


WORDS = """
ugi isready setoption name value board seats rings position startpos state moves go nodes movetime depth query
legalmoves state seat islegal stop 2 3 0 1 true hex8 MV:3,3:3,4 CA:0,0:1,1:2,2 RL:0,0:0,1:1:3,3
RL:0,0:0,1:2:0,1;0,2 LO:0,0;0,1:>:* NL TO:0,0 ER:line:0,0 FE:0,0 SW LN:0,0;1,1;2,2;3,3 RS:0,0:0,0:0,0 :: , ; {} []
" \\ é {"cur":1,"phase":"movement"}
"""


def test_fuzzed_dialogue():
    """Lines that are nearly right, thousands of them, never meet a defect, and the engine plays on."""
    rng = random.Random(11)
    game = Game.new(Config("square8", 2))
    words = [*WORDS.split(), *(move.replace(" ", ":") for move in rng.sample(game.legal(), 10))]
    ugi = Ugi(Settings(board="square8", agent="random"))
    for _ in range(3000):
        line = " ".join(rng.choices(words, k=rng.randrange(1, 7)))
        if rng.random() < 0.3:
            at = rng.randrange(len(line))
            line = (
                line[:at]
                + chr(rng.choice([0, 9, 32, 58, 233, 0x202E, rng.randrange(32, 127)]))
                + line[at + 1 :]
            )
        for said in answers(ugi, [line]):
            assert "internal error" not in said, line
            assert "\n" not in said
    settings = ["setoption name board value square8", "setoption name seats value 2"]
    assert answers(ugi, [*settings, "uginewgame", "go"])[-1].startswith("bestmove ")


def test_mutated_states():
    """A state with one value replaced is taken or refused in a line, never met by a defect."""
    game = Game.new(Config("square8", 2))
    for move in ("PL 3,3 2", "MV 3,3 3,6"):
        game.apply(move)
    state = game.state_plus()
    odd = [None, True, -1, 0, 7, 10**30, 1.5, "x", "3,3", [], {}, [1, 1], {"3,3": "12"}, {"9,9": 1}]
    refused = 0
    for key in state:
        for value in odd:
            ugi = Ugi(Settings(board="square8", agent="random"))
            said = answers(ugi, ["position state " + json.dumps({**state, key: value})])
            assert "internal error" not in "".join(said), (key, value)
            refused += bool(said)
            assert "internal error" not in "".join(answers(ugi, ["go", "query legalmoves"]))
    assert refused > 200

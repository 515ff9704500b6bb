"""`ringrift engine` as other programs see it: processes, pipes, exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engine_match import BOARDS, Engine, EngineError, play
from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import save_model
from ringrift.rules.game import Game, GameOptions
from tests.nets.models import speaking_model

COMMAND = [sys.executable, "-c", "from ringrift.cli.main import main; main()", "engine"]

pytestmark = pytest.mark.processes


def start(**options):
    """One engine process with these options."""
    return Engine(COMMAND, {name: str(value) for name, value in options.items()})


def restart(engine, **options):
    """Another game in the same process."""
    for name, value in options.items():
        engine.send(f"setoption name {name} value {value}")
    engine.ask("isready", "readyok")
    engine.send("uginewgame")


def replay(config, game, rings=None):
    """The end of a game by the rules themselves."""
    ours = Game.new(config, GameOptions(rings=rings))
    for move in game.moves:
        ours.apply(move.replace(":", " "))
    return ours


@pytest.mark.parametrize(
    ("board", "seats"), [*((board, 2) for board in BOARDS), ("square8", 3), ("hexagonal", 4)]
)
def test_engines_play_each_other(pair, board, seats):
    """Engines in processes of their own play a whole game; they, and the rules, agree on its end and state."""
    engines = pair(seats)
    for number, engine in enumerate(engines):
        agent = ("heuristic", "random")[number % 2]
        restart(engine, board=board, seats=seats, agent=agent, seed=number)
    game = play(engines)
    ours = replay(Config(board, seats), game)
    assert ours.result is not None
    assert game.result.startswith(f"p{ours.result.winner}win")
    assert tuple(game.ranks) == ours.result.ranks
    assert game.victory == ours.result.victory
    theirs = Game.from_canonical(Config(board, seats), _state(game))
    assert theirs.state_plus() == ours.state_plus() == _state(game)
    assert theirs.hash() == ours.hash()


def _state(game):
    return json.loads(game.state)


@pytest.fixture(scope="module")
def pair():
    """Engines that live for all games of this module; they end with exit code 0."""
    engines: list[Engine] = []

    def give(count):
        while len(engines) < count:
            engines.append(start())
        return engines[:count]

    yield give
    assert [engine.close() for engine in engines] == [0] * len(engines)


def test_engines_with_a_network(tmp_path):
    """A searching engine and one that only looks play a whole game from the same model file."""
    config = Config("hex8", 2)
    model, _ = save_model(speaking_model(config, Arch(8, 1, 1, 8, 8, 8), 3), tmp_path)
    engines = [start(agent=agent, model=model, rings=6) for agent in ("gumbel-mcts", "policy-only")]
    try:
        game = play(engines, "go nodes 8")
    finally:
        assert [engine.close() for engine in engines] == [0, 0]
    assert replay(config, game, rings=6).result.winner == game.ranks.index(1) + 1


def test_disagreeing_engines_are_noticed():
    """The outside script would see a difference: engines with other rules do not agree."""
    engines = [start(agent="random", rings=3), start(agent="random", rings=4)]
    try:
        with pytest.raises(EngineError, match="the engines disagree"):
            play(engines)
    finally:
        assert [engine.close() for engine in engines] == [0, 0]


def ended(content, *options):
    """A process that was given bytes and then the end of its input."""
    return subprocess.run([*COMMAND, *options], input=content, capture_output=True, check=False)


def test_any_input_ends_well():
    """Rubbish, invalid UTF-8, a very long line and the end of the input: error lines, exit code 0, nothing on stderr."""
    rubbish = os.urandom(100_000).replace(b"quit", b"quid")
    content = b"ugi\n" + rubbish + b"\n\xff\n" + b"x" * (17 << 20) + b"\nquery moves\ngo"
    done = ended(content, "--agent", "random", "--board", "square8")
    assert done.returncode == 0
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert "ugiok" in lines
    assert "response none" in lines
    assert lines[-1].startswith("bestmove PL:")
    assert sum(line.startswith("error line of 17825792 bytes: expected") for line in lines) == 1
    assert sum(line.startswith("error line is not UTF-8") for line in lines) > 100
    wanted = ("error ", "id ", "option ", "ugiok", "info ", "bestmove ", "response ")
    assert all(line.startswith(wanted) for line in lines)


@pytest.mark.parametrize("content", [b"", b"quit\n", b"quit"])
def test_ends_at_once(content):
    """`quit` and the end of the input end the process with exit code 0."""
    done = ended(content)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_stop_and_quit_interrupt_a_search(tmp_path):
    """A search without an end answers isready, ends at stop with its best move, and at quit with the process."""
    config = Config("hex8", 2)
    model, _ = save_model(speaking_model(config, Arch(8, 1, 1, 8, 8, 8), 3), tmp_path)
    engine = start(agent="gumbel-mcts", model=model)
    engine.send("go infinite")
    assert "pv PL:" in engine.ask("isready", "info"), "it searches"
    engine.ask("isready", "readyok")
    assert engine.ask("stop", "bestmove").startswith("PL:")
    engine.send("go infinite")
    assert engine.close() == 0


def test_reader_that_goes_away():
    """An engine whose answers nobody reads any more ends quietly."""
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(b"isready\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"readyok\n"
    process.stdout.close()
    process.stdin.write(b"ugi\n" * 100)
    process.stdin.flush()
    assert process.wait() == 0
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


def test_terminated():
    """SIGTERM ends an engine that waits for a line, with the code of an interruption and one line."""
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(b"isready\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"terminated\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--board", "hex9"], "--board: board is 'hex9': did you mean 'hex8'?"),
        (["--seats", "7"], "--seats: seats is 7: expected 2 to 4"),
        (["--agent", "randon"], "--agent: agent is 'randon': did you mean 'random'?"),
        (["--rings", "-3"], "--rings: rings is '-3': expected a whole number"),
    ],
)
def test_wrong_command_line(capsys, options, message):
    """A wrong option of the command is one line and exit code 2."""
    assert run(["engine", *options]) == 2
    assert capsys.readouterr().err.strip() == message


def test_outside_script(tmp_path):
    """The example for other programs runs alone, without anything of RingRift on its path."""
    script = tmp_path / "engine_match.py"
    shutil.copy(Path(__file__).parents[2] / "benchmarks" / "engine_match.py", script)
    command = f"{sys.executable} -c 'from ringrift.cli.main import main; main()' engine"
    options = ["--board", "square8", "--seats", "3", "--rings", "2", "--agents", "random"]
    done = subprocess.run(
        [sys.executable, "-P", str(script), "--engine", command, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("square8:3 game 1: ")
    assert "all engines agree" in done.stdout
    assert "ringrift" not in [
        line.split(" ")[1].partition(".")[0]
        for line in script.read_text().splitlines()
        if line.startswith(("import ", "from "))
    ]

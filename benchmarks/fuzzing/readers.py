"""What is fuzzed: for each reader, how an input is made, and what must hold when it is read.

`make(rng)` gives the bytes of one input. `read(data)` reads them: it returns whether they were
accepted, and raises `Broken`, or anything else, where the reader did anything but accept what is
right or refuse with a BadInput of one line. What was accepted must round trip.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.fuzzing.spoil import dump, odd_value, pack, spoil_bytes, spoil_lines, spoil_value
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.data.convert import to_record, to_trace
from ringrift.data.game_files import kind_of
from ringrift.data.validate import Good, check_game, check_record, validate
from ringrift.errors import BadInput
from ringrift.parity.record import play, record
from ringrift.parity.trace import TraceGame, read_trace, scan_trace, write_trace
from ringrift.rules import notation
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels.constants import ACTION_MASK, MAX_MOVES
from ringrift.rules.lines import Fault, Lines
from ringrift.rules.records import (
    Decision,
    GameRecord,
    RecordReader,
    Result,
    SeatAgent,
    scan_records,
)
from ringrift.settings import Settings

#: Games of these options are over after about 60 moves, so that much can be read in a second.
SHORT = GameOptions(rings=4)


class Broken(Exception):
    """A reader that did what it must not."""


def hold(truth: bool, what: str) -> None:
    """Say what did not hold."""
    if not truth:
        raise Broken(what)


def refused(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or the BadInput it raised, whose message must be one short line."""
    try:
        return call(*arguments)
    except BadInput as error:
        text = str(error)
        hold("\n" not in text and "\r" not in text, f"a message of several lines: {text[:200]!r}")
        hold(len(text) < 20_000, f"a message of {len(text)} characters: {text[:200]!r}")
        text.encode()
        return error


class Reader(Protocol):
    """One reader under test."""

    name: str

    def make(self, rng: random.Random) -> bytes:
        """One input."""

    def read(self, data: bytes) -> bool:
        """Read it; whether it was accepted."""


# -- games -----------------------------------------------------------------------------------


def a_game(config: Config, seed: int, begin: int = 0) -> GameRecord:
    """A short random game, with decisions, from its start or from the middle."""
    game = Game.new(config, SHORT)
    start, moves, decisions = None, list[str](), list[Decision]()
    for number, (_, move) in enumerate(play(game, "bytype", seed)):
        if number == begin and begin:
            start = game.state_plus()
        if number < begin:
            continue
        actions = sorted(set((game.legal_codes() & ACTION_MASK).tolist()))[:4]
        if len(actions) > 1 and number % 3 == 0:
            share = (1 / len(actions),) * len(actions)
            value = (1 / config.players,) * config.players
            decisions.append(Decision(len(moves), tuple(actions), share, value, 64, full=True))
        moves.append(move)
    found = game.result
    assert found is not None
    made = GameRecord(
        config=config,
        options=game.state_plus()["options"],
        seats=tuple(SeatAgent("gumbel-mcts", "ab" * 32, 64) for _ in range(config.players)),
        seed=seed,
        moves=tuple(moves),
        start=start,
        decisions=tuple(decisions),
        result=Result(found.winner, found.victory, found.ranks, found.turns, found.plies),
    )
    return GameRecord.parse(json.loads(made.line()))  # numbers with six digits


def id_of(data: Any) -> str:
    """The id that belongs to the object of a game, however wrong it is."""
    parts = [
        f"{data['board']}:{data['players']}",
        data["options"],
        [[seat["kind"], seat["model"], seat["budget"]] for seat in data["seats"]],
        data["seed"],
        data["start"],
        data["moves"],
    ]
    text = json.dumps(parts, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def command_line(*arguments: str) -> None:
    """A command in this process: it must end in one of our exit codes."""
    from ringrift.cli.main import run

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    hold(code in (0, 1, 2), f"{' '.join(arguments[:2])}: exit code {code}: {err.getvalue()[:300]}")


class _Files(ABC):
    """What records and traces have in common: files of games, packed or not."""

    suffix = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs = list(self._inputs())

    @abstractmethod
    def _inputs(self) -> Iterator[list[bytes]]:
        """Lines of each file that is spoilt."""

    def _spoil_object(self, rng: random.Random, line: bytes) -> bytes:
        data = json.loads(line)
        for _ in range(rng.choice((1, 1, 2))):
            spoil_value(rng, data)
        return dump(data)

    def make(self, rng: random.Random) -> bytes:
        """Lines of a file, changed as text, as JSON, or as bytes of its packing."""
        lines = list(rng.choice(self.inputs))
        kind = rng.randrange(10)
        if kind < 6:
            at = rng.randrange(len(lines))
            lines[at] = self._spoil_object(rng, lines[at])
        elif kind < 8:
            lines = spoil_lines(rng, lines)
        text = b"\n".join([*lines, b""])
        if kind == 8:
            text = spoil_bytes(rng, text)
        return pack(rng, text)

    def _write(self, data: bytes) -> Path:
        path = self.folder / f"input{self.suffix}"
        path.write_bytes(data)
        return path

    def _commands(self, path: Path, data: bytes) -> None:
        """The commands over the same file, for one input of 32."""
        if data and data[len(data) // 2] % 32 == 0:
            command_line("record", "show", str(path))
            command_line("record", "show", str(path), "--game", "1")
            command_line("record", "validate", str(path))


class Records(_Files):
    """Files of game records."""

    name = "records"
    suffix = ".jsonl.zst"

    def _inputs(self) -> Iterator[list[bytes]]:
        for number, (config, begin) in enumerate(
            [("hex8:2", 0), ("square8:3", 0), ("hex8:4", 17), ("square8:2", 23)]
        ):
            games = [a_game(Config.parse(config), seed, begin) for seed in (number, number + 9)]
            header = {"t": "shard", "v": 1, "spec": {"seed": 1, "search": {"n": [1, 2.5, None]}}}
            end = {"t": "end", "games": len(games)}
            yield [dump(header), *(game.line().encode() for game in games), dump(end)]

    def _spoil_object(self, rng: random.Random, line: bytes) -> bytes:
        data = json.loads(line)
        if "moves" not in data:
            return super()._spoil_object(rng, line)
        inner = [data, data["result"], data["options"], *data["seats"], *data["decisions"]]
        inner += [data["start"], data["start"]] if data["start"] else []
        for _ in range(rng.choice((1, 1, 2))):
            spoil_value(rng, rng.choice(inner))
        if rng.random() < 0.9:
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                data["id"] = id_of(data)
        return dump(data)

    def read(self, data: bytes) -> bool:
        """Strictly, then line by line; what is accepted is written and read again."""
        path = self._write(data)
        strict = refused(lambda: list(RecordReader(path, verify=False)))
        found = list(scan_records(Lines(path)))
        faults = [x for _, x in found if isinstance(x, Fault)]
        games = [x for _, x in found if isinstance(x, GameRecord)]
        if isinstance(strict, BadInput):
            hold(bool(faults), f"refused as a whole, but no line is bad: {strict}")
        else:
            hold(not faults and strict == games, "accepted as a whole, but not line by line")
        for game in games:
            again = GameRecord.parse(json.loads(game.line()))
            hold(again.line() == game.line(), "a game does not come back from its line")
            if isinstance(refused(check_record, game), BadInput):
                continue
            lines = [json.loads(json.dumps(line)) for line in to_trace(game)]
            trace_path = self.folder / "trace.jsonl"
            write_trace(trace_path, lines)
            (trace,) = read_trace(trace_path)
            hold(isinstance(check_game(path, 1, trace), Good), "its trace is not good")
            hold(to_record(trace).id == game.id, "its trace is that of another game")
        self._commands(path, data)
        return not faults


class Traces(_Files):
    """Files of traces."""

    name = "traces"
    suffix = ".jsonl.gz"

    def _inputs(self) -> Iterator[list[bytes]]:
        for number, name in enumerate(("hex8:2", "square8:3", "square8:2")):
            options = replace(SHORT, pie=number == 0)
            lines: list[dict[str, Any]] = []
            for seed in (number, number + 5):
                game = Game.new(Config.parse(name), options)
                text = f"{name}-{seed}"
                lines += record(game, options, text, "bytype", seed, crafted=False, note="fuzz")
            yield [dump(line) for line in lines]
        yield [dump(line) for line in to_trace(a_game(Config("hex8", 3), 1, begin=20))]

    def _spoil_object(self, rng: random.Random, line: bytes) -> bytes:
        data = json.loads(line)
        inner = [data, data, *(x for x in data.values() if isinstance(x, dict))]
        for _ in range(rng.choice((1, 1, 2))):
            spoil_value(rng, rng.choice(inner))
        return dump(data)

    def read(self, data: bytes) -> bool:
        """Strictly, then line by line; what is accepted is compared as by the gate."""
        path = self._write(data)
        strict = refused(lambda: list(read_trace(path)))
        found = list(scan_trace(Lines(path)))
        faults = [x for _, x in found if isinstance(x, Fault)]
        games = [x for _, x in found if isinstance(x, TraceGame)]
        if isinstance(strict, BadInput):
            hold(bool(faults), f"refused as a whole, but no line is bad: {strict}")
        else:
            hold(not faults and strict == games, "accepted as a whole, but not line by line")
        for game in games:
            checked = check_game(path, game.line, game)
            if not isinstance(checked, Good):
                hold(len(str(checked)) < 20_000 and "\n" not in str(checked), "a long message")
                continue
            made = refused(to_record, game)
            if not isinstance(made, BadInput):
                check_record(made)
        if not isinstance(refused(kind_of, path), BadInput):
            refused(lambda: list(validate(Lines(path))))
        self._commands(path, data)
        return not faults


# -- positions and moves ---------------------------------------------------------------------


def positions(every: int) -> Iterator[Game]:
    """Positions of random games of all configs, one in so many moves."""
    for number, config in enumerate(ALL_CONFIGS):
        game = Game.new(config, SHORT)
        for move, _ in enumerate(play(game, "bytype", number)):
            if move % every == number % every:
                yield game.copy()
        yield game.copy()


class Canonical:
    """Canonical states and state+."""

    name = "canonical"

    def __init__(self, _folder: Path) -> None:
        self.inputs = []
        for game in positions(6):
            self.inputs.append((str(game.config), game.state_plus()))
            self.inputs.append((str(game.config), game.canonical()))

    def make(self, rng: random.Random) -> bytes:
        """A config and a state, a few things in it changed."""
        config, state = rng.choice(self.inputs)
        state = json.loads(json.dumps(state))
        for _ in range(rng.choice((1, 1, 2, 3))):
            inner = [state, state, *(x for x in state.values() if isinstance(x, dict | list))]
            spoil_value(rng, rng.choice(inner))
        if rng.random() < 0.5:
            self._balance(state, config)
        if rng.random() < 0.02:
            state = odd_value(rng)
        return dump([config, state])

    def _balance(self, state: Any, config: str) -> None:
        """Make the sums right again, so that the rest of a state is looked at too."""
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, IndexError):
            players = int(config[-1])
            owners = list(state["collapsed"].values())
            state["terr"] = [owners.count(seat + 1) for seat in range(players)]
            rings = state.get("options", {"rings": 4})["rings"]
            there = "".join(state["stacks"].values())
            gone = rings * players - len(there) - sum(state["hand"])
            state["elim"] = [gone if seat == 0 else 0 for seat in range(players)]

    def read(self, data: bytes) -> bool:
        """Set up; an accepted state reads back, is drawn, and can be played to its end."""
        name, state = json.loads(data)
        config = Config.parse(name)
        made = refused(Game.from_canonical, config, state, replace(SHORT, pie=False))
        if isinstance(made, BadInput):
            return False
        game: Game = made
        bare = game.canonical()
        for key in bare:
            hold(
                bare[key] == state[key], f"{key} is {state[key]!r}, and reads back as {bare[key]!r}"
            )
        plus = game.state_plus()
        again = Game.from_canonical(config, plus)
        hold(again.state_plus() == plus, "its state+ reads back as another")
        hold(bool(np.array_equal(again.states, game.states)), "its state+ makes another state")
        game.draw(colour=True)
        hold(
            (game.result is None) == bool(game.legal()), "goes on without a move, or after its end"
        )
        for count, (legal, _) in enumerate(play(game, "bytype", len(data))):
            hold(len(set(legal)) == len(legal) < MAX_MOVES, "a move is listed twice")
            hold(count < 20_000, "the game does not end")
        end = game.state_plus()
        hold(Game.from_canonical(config, end).state_plus() == end, "its end does not read back")
        return True


class Notation:
    """Texts of moves."""

    name = "notation"

    def __init__(self, _folder: Path) -> None:
        self.games = list(positions(9))
        self.legal = [game.legal() for game in self.games]
        self.texts = sorted({move for legal in self.legal for move in legal[:50]})

    def make(self, rng: random.Random) -> bytes:
        """The number of a position, and a move of it or of another, changed."""
        at = rng.randrange(len(self.games))
        move = rng.choice((self.legal[at] if rng.random() < 0.6 else None) or self.texts)
        text = move.encode()
        if rng.random() < 0.9:
            text = spoil_bytes(rng, text)
        if rng.random() < 0.3:
            fields = text.split(b" ")
            rng.shuffle(fields)
            text = b" ".join(fields)
        return b"%d %s" % (at, text)

    def read(self, data: bytes) -> bool:
        """A text is a legal move exactly if it stands in the legal list; then it is played."""
        number, _, text = data.partition(b" ")
        at = int(number)
        game, legal = self.games[at].copy(), self.legal[at]
        move = text.decode("utf-8", "surrogateescape")
        code = refused(notation.read_move, game.states, 0, game.board, move)
        if not isinstance(code, BadInput):
            actions = game.board.num_actions(game.config.players)
            hold(0 <= code & ACTION_MASK < actions, f"read as the code {code}")
        played = refused(game.apply, move)
        hold(isinstance(played, BadInput) != (move in legal), f"{move!r} legal or not: {played}")
        return not isinstance(played, BadInput)


# -- settings --------------------------------------------------------------------------------


class SettingsFiles:
    """Settings files, variables that change one key, and names of configs."""

    name = "config"

    def __init__(self, folder: Path) -> None:
        from ringrift.settings.settings import PACKAGED

        self.path = folder / "settings.yaml"
        self.inputs = [path.read_bytes() for path in sorted(PACKAGED.glob("*.yaml"))]
        self.inputs += [
            b"hex8:2",
            b"square19:4",
            b"loop:\n  configs: [hex8:2]\n",
            b"[1, 2, {a: b}]",
        ]

    def make(self, rng: random.Random) -> bytes:
        """A settings file, changed."""
        data = rng.choice(self.inputs)
        if rng.random() < 0.5:
            return b"\n".join(spoil_lines(rng, data.split(b"\n")))
        return spoil_bytes(rng, data)

    def read(self, data: bytes) -> bool:
        """Load as a file; its first words as a variable and as the name of a config."""
        self.path.write_bytes(data)
        loaded = refused(Settings.load, self.path, {})
        word = data[:200].decode("utf-8", "surrogateescape").partition("\n")[0].replace("\0", "")
        refused(Config.parse, word)
        refused(Settings.load, None, {"RINGRIFT__TRAINING__BATCH_SIZE": word})
        refused(Settings.load, None, {f"RINGRIFT__{word.partition(':')[0]}": word})
        if isinstance(loaded, BadInput):
            return False
        hold(Settings.model_validate(loaded.model_dump()) == loaded, "does not come back")
        return True

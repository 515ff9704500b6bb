"""Perft: the published counts are counted again, and a wrong one is noticed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.parity.perft import (
    check,
    counts,
    deepest,
    depth_within,
    divide,
    kinds,
    read_tables,
    tree,
    write_tables,
)
from ringrift.parity.record import play
from ringrift.rules import notation
from ringrift.rules.game import Game

FOLDER = Path(__file__).parents[1] / "data" / "perft"
FILES = sorted(FOLDER.glob("*.jsonl"))
TABLES = {path.name.removesuffix(".jsonl"): read_tables(path) for path in FILES}


@pytest.mark.parametrize("name", TABLES)
def test_published_counts_by_the_compiled_rules(name):
    """The compiled rules count what is published, to a few thousand sequences per position."""
    for table in TABLES[name]:
        found = check(table, "compiled", depth_within(table, 4000))
        assert found is None, found.report()


@pytest.mark.parametrize("name", TABLES)
def test_published_counts_by_the_reference(name):
    """The reference counts what is published, to some hundred sequences per position."""
    for table in TABLES[name]:
        found = check(table, "reference", depth_within(table, 120))
        assert found is None, found.report()


def test_what_is_published():
    """All configurations have an opening with 10^5 sequences agreed on, and all kinds of moves."""
    configs, words = set(), set()
    for tables in TABLES.values():
        assert len({table.name for table in tables}) == len(tables) > 5
        for table in tables:
            words |= table.kinds.keys()
            if table.name == "opening":
                configs.add(Config.parse(table.config))
                assert table.counts[table.agreed - 1] >= 10**5
                assert table.state == Game.new(Config.parse(table.config)).state_plus()
    assert configs == set(ALL_CONFIGS)
    assert words == set(notation.FIELDS) - {"SW"}  # the swap comes after four moves


@pytest.mark.parametrize("config", ["square8:2", "hex8:4"])
def test_positions_follow_from_their_recipe(config):
    """A position is the one that its recipe, policy, seed and number of moves, leads to."""
    for table in TABLES[config.replace(":", "_") + "p"]:
        if table.name == "opening":
            continue
        policy, seed, moves = table.recipe.replace(",", "").split(" ")[0:5:2]
        game = Game.new(Config.parse(config))
        for ply, _ in enumerate(play(game, policy, int(seed))):
            if ply == int(moves):
                assert game.state_plus() == table.state
                break


@pytest.fixture
def end():
    """A position in which all games end soon."""
    return next(table for table in TABLES["square8_2p"] if table.name == "forced")


def test_engines_agree_by_first_move(end):
    """The sequences by first move add up to all, and each is what the reference counts after it."""
    config = Config.parse(end.config)
    split = divide(config, end.state, 6)
    assert sum(split.values()) == end.counts[5]
    for move, number in split.items():
        game = Game.from_canonical(config, end.state)
        game.apply(move)
        state = game.state_plus()
        assert counts(tree(config, state, 5, "reference"), 5)[-1] == number
    assert set(divide(config, end.state, 1).values()) == {1}


def test_finished_games_have_no_continuation():
    """Counts fall to nothing where every game has ended."""
    config = Config("square8", 2)
    game = Game.new(config)
    *_, last = enumerate(play(game.copy(), "bytype", 1))
    for ply, (_, move) in enumerate(play(game, "bytype", 1)):
        if ply == last[0]:
            state = game.state_plus()
            found = counts(tree(config, state, 3, "compiled"), 3)
            assert found == counts(tree(config, state, 3, "reference"), 3)
            assert found[0] >= 1
            assert move
    assert counts(tree(config, game.state_plus(), 2, "compiled"), 2) == (0, 0)
    assert deepest(config, game.state_plus(), 100) == ()


def test_counting_stops_at_a_bound():
    """With a bound only the lengths below it are given, by either engine."""
    config = Config("square8", 2)
    state = Game.new(config).state_plus()
    for engine in ("compiled", "reference"):
        assert counts(tree(config, state, 3, engine), 3, 193) == (192,)
        assert counts(tree(config, state, 3, engine), 3, 192) == ()
        assert deepest(config, state, 3192, engine) == (192,)


def test_kinds_count_the_moves_met(end):
    """The moves met to a length, by word, are as many as the sequences of all lengths to it."""
    found = kinds(Config.parse(end.config), end.state, 4)
    assert sum(found.values()) == sum(end.counts[:4])
    assert "FE" in found


# -- files and the command -------------------------------------------------------------------


@pytest.fixture
def changed(end, tmp_path):
    """A file with one count too many."""
    wrong = (*end.counts[:2], end.counts[2] + 1, *end.counts[3:])
    path = tmp_path / "changed.jsonl"
    write_tables(path, [replace(end, counts=wrong)])
    return path


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_wrong_count_is_noticed(changed, engine):
    """A count that is not so is told with its length, by either engine."""
    (table,) = read_tables(changed)
    found = check(table, engine, 4)
    assert (found.depth, found.expected) == (3, found.found + 1)
    assert check(table, engine, 2) is None


def test_command_checks(changed, end, tmp_path, capsys):
    """`--check` exits 0 where all counts are so, and 1 with a line where one is not."""
    assert run(["parity", "perft", "--check", str(changed), "--depth", "2"]) == 0
    assert "1 tables, 0 differences" in capsys.readouterr().out
    words = ["--depth", "4", "--leaves", "1000", "--reference"]
    assert run(["parity", "perft", "--check", str(changed.parent), *words]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("sequences of length 3, published are") == 2
    assert "2 counts differ" in captured.err


def test_command_counts(capsys):
    """`--config` prints length, count and time, and with `--divide` the first moves."""
    words = ["parity", "perft", "--config", "hex8:2", "--depth", "2", "--divide"]
    assert run(words) == 0
    out = capsys.readouterr().out
    assert "2          2,430" in out
    assert "PL 0,0,0 1: 24" in out
    assert run([*words[:6], "--engine", "reference"]) == 0
    assert "2          2,430" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--config"),
        (["--config", "hex8:2", "--check", "x"], "not both"),
        (["--config", "hex9:2"], "did you mean 'hex8'"),
        (["--config", "hex8:2", "--engine", "compile"], "did you mean 'compiled'"),
        (["--check", "nothing.jsonl"], "cannot read nothing.jsonl"),
    ],
)
def test_command_on_bad_arguments(words, message, capsys):
    """Bad arguments are one line, and exit 2."""
    assert run(["parity", "perft", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("counts"),
        lambda data: data.update(more=1),
        lambda data: data.update(counts=[1.5]),
        lambda data: data.update(counts=[]),
        lambda data: data["state"].update(hand=[1]),
        lambda data: data.update(kinds=3),
        lambda data: data.update(config=3),
    ],
)
def test_damaged_files_are_told(changed, change):
    """A file that is no file of tables is a BadInput with file and line."""
    data = json.loads(changed.read_text())
    change(data)
    changed.write_text(json.dumps(data))
    with pytest.raises(BadInput, match=r"changed\.jsonl:1: "):
        read_tables(changed)


def test_files_that_are_no_tables(tmp_path):
    """Neither text that is no JSON nor bytes that are no text nor an empty folder passes."""
    path = tmp_path / "bad.jsonl"
    path.write_text("{")
    with pytest.raises(BadInput, match="bad.jsonl:1"):
        read_tables(path)
    path.write_bytes(b"\xff")
    with pytest.raises(BadInput, match="not a text file"):
        read_tables(path)

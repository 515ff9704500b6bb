"""Matches: seats, openings, swaps, chunks and early stops, with real agents on real boards."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ringrift.agents import AgentSpec, make_agent
from ringrift.agents.seeds import decision_seeds
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.evaluation.match import (
    MatchProgress,
    make_agents,
    openings,
    play_agents,
    play_block_range,
)
from ringrift.evaluation.result import MatchGame
from ringrift.evaluation.spec import MatchSpec
from ringrift.evaluation.stats import Decision, decided, look_schedule
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.rules.boards import board, tables
from ringrift.rules.game import GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_moves
from ringrift.rules.kernels.play import choose_uniform
from ringrift.rules.kernels.state import hash_state

RANDOM = AgentSpec("random")
HEURISTIC = AgentSpec("heuristic")
HEX = Config("hex8", 2)


def spec_of(config: Config = HEX, **changes: Any) -> MatchSpec:
    """A small match."""
    spec = MatchSpec(config, HEURISTIC, RANDOM, games=24, seed=5)
    return dataclasses.replace(spec, **changes)


def agents_of(spec: MatchSpec):
    """Its two agents."""
    return make_agent(spec.a, spec.config), make_agent(spec.b, spec.config)


class Swapper:
    """Plays at random and takes every swap that is offered."""

    def __init__(self, config: Config, *, swaps: bool) -> None:
        self.spec, self.config, self.swaps = RANDOM, config, swaps

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """A random move, or the swap."""
        codes = np.empty(len(states), np.int32)
        t = tables(self.config.board)
        choose_uniform(states, np.arange(len(states)), t, seeds, codes)
        swap = board(self.config.board).num_actions(2) - 1
        out = np.empty(k.MAX_MOVES, np.int32)
        for i in range(len(states)):
            legal = out[: legal_moves(states, i, t, out)].tolist()
            if self.swaps and swap in legal:
                codes[i] = swap
            elif codes[i] == swap:
                codes[i] = next(code for code in legal if code != swap)
        return codes


def joined(chunks: Sequence[Sequence[MatchGame]]) -> tuple[MatchGame, ...]:
    """Games of chunks that arrived in any order, some twice, by number, as the ledger has them."""
    by_number = {game.number: game for chunk in chunks for game in chunk}
    return tuple(by_number[number] for number in sorted(by_number))


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_every_config(config: Config) -> None:
    """In each config all games end with one winner, and A sits in each seat equally often."""
    spec = spec_of(config, games=2 * config.players, a=RANDOM)
    result = play_agents(spec, agents_of(spec))
    assert len(result.games) == 2 * config.players
    assert [g.seat for g in result.games] == list(range(1, config.players + 1)) * 2
    for game in result.games:
        assert 1 <= game.winner <= config.players
        assert game.ranks[game.winner - 1] == 1
        assert sorted(game.seats) == sorted("a" + "b" * (config.players - 1))
        assert game.victory in k.VICTORY_NAMES[1:]


def test_chunks_are_the_match() -> None:
    """Blocks played in pieces, in any order, some twice, are the games of the whole match."""
    spec = spec_of()
    whole = play_agents(spec, agents_of(spec)).games
    pieces = [play_block_range(spec, agents_of(spec), first, 4) for first in (8, 0, 4, 0)]
    assert joined(pieces) == whole


def test_deterministic() -> None:
    """The same spec gives the same games; another seed gives none of them."""
    spec = spec_of()
    games = play_agents(spec, agents_of(spec)).games
    assert play_agents(spec, agents_of(spec)).games == games
    other = play_agents(spec_of(seed=6), agents_of(spec)).games
    assert not {g.id for g in games} & {g.id for g in other}


def test_openings_are_shared_by_a_block_and_differ_between_blocks() -> None:
    """All seatings of a block start from its opening; no opening occurs twice."""
    spec = spec_of(opening_plies=2)
    states, moves = openings(spec, range(200))
    assert len({int(hash_state(states, i)) for i in range(200)}) == 200
    again, _ = openings(spec, [7, 150])
    assert np.array_equal(again, states[[7, 150]])
    assert all(moves)


def test_openings_leave_the_swap_to_the_agents() -> None:
    """With the default opening, seat 2 still has its choice in most blocks."""
    spec = spec_of()
    states, _ = openings(spec, range(50))
    assert np.count_nonzero(states[:, k.F_SCALAR, k.S_SWAP_OPEN]) > 25
    assert not states[:, k.F_SCALAR, k.S_SWAPPED].any()


def test_swap_moves_the_agents() -> None:
    """After a swap the agents change seats: a swapped game is the other seating without the swap.

    Both agents play the same random moves, so the colours' game is the same; only who wins it
    differs.
    """
    spec = spec_of(a=RANDOM, games=40)
    games = play_agents(spec, (Swapper(HEX, swaps=True), Swapper(HEX, swaps=True))).games
    swapped = [g for g in games if g.swapped]
    assert len(swapped) > 20
    for game in swapped:
        # A began in seat g.seat and holds the other one at the end.
        assert game.seats[game.seat - 1] == "b"
        assert game.score == float(game.winner == 3 - game.seat)
    for game in games:
        if not game.swapped:
            assert game.seats[game.seat - 1] == "a"


def test_only_the_swapping_agent_swaps() -> None:
    """The agent that is asked after a swap is the one that now holds the seat."""
    spec = spec_of(a=RANDOM, games=40)
    a, b = Swapper(HEX, swaps=True), Swapper(HEX, swaps=False)
    for game in play_agents(spec, (a, b)).games:
        assert not (game.swapped and game.seat == 1)


def test_no_pie_no_swap() -> None:
    """The pie rule is an option of the match, and part of its id."""
    spec = spec_of(a=RANDOM, options=GameOptions(pie=False))
    games = play_agents(spec, (Swapper(HEX, swaps=True), Swapper(HEX, swaps=True))).games
    assert not any(g.swapped for g in games)
    assert spec.id != spec_of(a=RANDOM).id


def test_early_stop() -> None:
    """A clear match ends at the first look that decides it, with the games of the longer match."""
    spec = spec_of(games=200)
    result = play_agents(spec, agents_of(spec), bound=0.3)
    looks = look_schedule(200, 2)
    assert len(result.games) in looks[:-1]
    assert decided(result.wins, len(result.games), 0.3, 200) is Decision.PASSED
    assert result.interval.low >= 0.3
    longer = play_agents(spec, agents_of(spec), bound=0.3, min_games=190)
    assert len(longer.games) == 200
    assert longer.games[: len(result.games)] == result.games


def test_progress_counts_up() -> None:
    """Progress tells finished games and A's score, and ends with all of them."""
    spec = spec_of()
    seen: list[MatchProgress] = []
    result = play_agents(spec, agents_of(spec), seen.append)
    counts = [p.games for p in seen]
    assert counts == sorted(counts)
    assert counts[-1] == len(result.games) == seen[-1].planned
    assert seen[-1].wins == result.wins


def test_result_figures() -> None:
    """Tables, block counts and ratings all count the same games."""
    spec = spec_of(games=60)
    result = play_agents(spec, agents_of(spec))
    assert sum(result.block_counts()) == 30
    assert sum(i * c for i, c in enumerate(result.block_counts())) == result.wins
    assert sum(wins for wins, _ in result.by_seat().values()) == result.wins
    assert sum(result.victories().values()) == 60
    assert {game.seats for game in result.games} == {("a", "b"), ("b", "a")}
    for game in result.games:
        assert MatchGame.from_dict(game.as_dict()) == game


def test_spec_round_trip() -> None:
    """A spec survives JSON, and its id names everything that decides the games."""
    import json

    spec = spec_of(opening_plies=3)
    again = MatchSpec.from_dict(json.loads(json.dumps(spec.as_dict())))
    assert again == spec
    assert again.id == spec.id
    assert spec.id != spec_of(opening_plies=4).id
    with pytest.raises(BadInput, match="at least 2 games"):
        spec_of(games=1)


def test_decision_seeds() -> None:
    """Seeds differ between games and between decisions."""
    base = np.arange(1000, dtype=np.uint64)
    number = np.ones(1000, dtype=np.uint64)
    seeds = np.concatenate([decision_seeds(base, number * np.uint64(d)) for d in range(50)])
    assert np.unique(seeds).size == seeds.size


def test_networks_in_chunks(tmp_path: Path) -> None:
    """With networks, too, a piece of a match is what the whole match has there."""
    config = HEX
    files = {}
    for seed in (1, 2):
        net = init_model(config, Arch(channels=8, blocks=1), seed)
        path, sha256 = save_model(net, tmp_path)
        files[sha256] = path
    first, second = files
    a = AgentSpec("gumbel-mcts", first, simulations=4)
    spec = MatchSpec(config, a, AgentSpec("policy-only", second), games=20, seed=1)
    agents = make_agents(spec, files.__getitem__)
    whole = play_agents(spec, agents).games
    pieces = [play_block_range(spec, agents, first, 5) for first in (5, 0)]
    assert joined(pieces) == whole
    assert len({game.id for game in whole}) == 20

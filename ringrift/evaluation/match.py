"""Playing a match: many games in lock-step, every agent choosing for all its games at once.

    open_blocks       one random opening per block, copied to all its seatings
    while games run   the agent that most games wait for chooses in all of these; moves are applied
    finish            winner, ranks and derived id of each game

A range of blocks gives the same games whether it is played alone or with others, here or on
another machine: every random choice comes from a seed derived from the match and the game.

Legend: B blocks of the range, P players, G = B * P games, N cells, F = 6 rows of a state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ringrift.agents import Agent, AgentSpec, make_agent
from ringrift.agents.seeds import decision_seeds
from ringrift.evaluation.result import MatchGame, MatchResult
from ringrift.evaluation.spec import MatchSpec
from ringrift.evaluation.stats import Decision, decided, look_schedule
from ringrift.rules.boards import board, tables
from ringrift.rules.game import opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.play import choose_uniform, play_all
from ringrift.rules.kernels.state import hash_state
from ringrift.rules.outcome import outcome
from ringrift.store.ids import derived_id

#: Games that run side by side at most; more only cost memory once batches are full.
MAX_LOCKSTEP = 512

#: Openings drawn before a repeated one is accepted (a board has only so many first turns).
OPENING_ATTEMPTS = 64

States = NDArray[np.uint16]  # [G, F, N]


@dataclass(frozen=True, slots=True)
class MatchProgress:
    """How far a match is."""

    #: Finished games.
    games: int
    #: Games to be played at most.
    planned: int
    #: Score of A in the finished games.
    wins: float
    #: Seconds since the match began.
    seconds: float


Report = Callable[[MatchProgress], None]


def play_match(
    spec: MatchSpec,
    model_path: Callable[[str], Path],
    progress: Report | None = None,
    bound: float | None = None,
    min_games: int = 0,
) -> MatchResult:
    """Play a match to its end or, with a `bound` on A's win rate, until that is decided.

    `model_path` finds the file of a model by its sha256. See `stats.decided` for what early
    stopping does to the error of the verdict; it does not happen before `min_games`.
    """
    return play_agents(spec, make_agents(spec, model_path), progress, bound, min_games)


def make_agents(spec: MatchSpec, model_path: Callable[[str], Path]) -> tuple[Agent, Agent]:
    """Agents A and B of a match."""

    def make(agent: AgentSpec) -> Agent:
        path = model_path(agent.model_sha256) if agent.model_sha256 is not None else None
        return make_agent(agent, spec.config, path)

    return make(spec.a), make(spec.b)


def play_agents(
    spec: MatchSpec,
    agents: tuple[Agent, Agent],
    progress: Report | None = None,
    bound: float | None = None,
    min_games: int = 0,
) -> MatchResult:
    """`play_match` with agents that exist already."""
    start = time.monotonic()
    looks: tuple[int, ...] = ()
    if bound is not None:
        looks = look_schedule(spec.max_games, spec.block_size, min_games=min_games)
    games: list[MatchGame] = []

    def report(finished: int, wins: float) -> None:
        if progress is not None:
            before = sum(g.score for g in games)
            elapsed = time.monotonic() - start
            progress(MatchProgress(len(games) + finished, spec.max_games, before + wins, elapsed))

    for look in looks or (spec.max_games,):
        first = len(games) // spec.block_size
        games += play_block_range(spec, agents, first, look // spec.block_size - first, report)
        if bound is not None:
            score = sum(g.score for g in games)
            if decided(score, len(games), bound, spec.max_games) is not Decision.OPEN:
                break
    return MatchResult(spec, tuple(games), time.monotonic() - start)


def play_block_range(
    spec: MatchSpec,
    agents: tuple[Agent, Agent],
    first_block: int,
    blocks: int,
    report: Callable[[int, float], None] | None = None,
) -> list[MatchGame]:
    """The games of blocks first_block .. first_block + blocks - 1, in order of their number.

    `report(finished, wins of A)` is called as games end.
    """
    games: list[MatchGame] = []
    width = max(1, MAX_LOCKSTEP // spec.block_size)
    for start in range(first_block, first_block + blocks, width):
        size = min(width, first_block + blocks - start)
        played, wins = len(games), sum(g.score for g in games)
        table = _Lockstep(spec, start, size)
        while table.running.size:
            if table.step(agents) and report is not None:
                report(played + table.finished, wins + table.wins)
        games += table.games()
    return games


def openings(spec: MatchSpec, blocks: Sequence[int]) -> tuple[States, list[list[int]]]:
    """States [len(blocks), F, N] after the random opening of each block, and its move codes.

    Openings of one match differ from each other as long as the board has enough of them: an
    opening that an earlier block has is drawn again. The first decision the agents make may
    still be the pie swap when `opening_plies` covers no more than the first turn of seat 1.
    """
    last = max(blocks, default=-1)
    states, logs = _draw(spec, [(block, 0) for block in range(last + 1)])
    seen: set[int] = set()
    for block in range(last + 1):
        attempt = 0
        while int(hash_state(states, block)) in seen and attempt + 1 < OPENING_ATTEMPTS:
            attempt += 1
            again, log = _draw(spec, [(block, attempt)])
            states[block], logs[block] = again[0], log[0]
        seen.add(int(hash_state(states, block)))
    return states[list(blocks)], [logs[block] for block in blocks]


def _draw(spec: MatchSpec, draws: Sequence[tuple[int, int]]) -> tuple[States, list[list[int]]]:
    """Random openings for (block, attempt) pairs; blocks whose game ends within it are impossible."""
    states = new_states(spec, len(draws))
    t = tables(spec.config.board)
    games = np.arange(len(draws), dtype=np.int64)
    logs = np.zeros((len(draws), log_length(spec)), dtype=np.int32)
    lengths = np.zeros(len(draws), dtype=np.int64)
    count = np.zeros(len(draws), dtype=np.int32)
    codes = np.zeros(len(draws), dtype=np.int32)
    base = np.array([spec.opening_seed(b) for b, _ in draws], dtype=np.uint64)
    attempts = np.array([a for _, a in draws], dtype=np.uint64)
    play_all(states, games, t, np.full(len(draws), -1, np.int32), logs, lengths, count)
    for decision in range(spec.opening_plies):
        live = games[count > 0]
        number = attempts[live] * np.uint64(spec.opening_plies) + np.uint64(decision)
        seeds = decision_seeds(base[live], number)
        choose_uniform(states, live, t, seeds, codes[: live.size])
        play_all(states, live, t, codes[: live.size], logs, lengths, count)
    return states, [logs[g, : lengths[g]].tolist() for g in games]


def new_states(spec: MatchSpec, games: int) -> States:
    """Opening positions [games, F, N] with the options of the match."""
    return np.repeat(opening(spec.config, spec.options), games, axis=0)


def log_length(spec: MatchSpec) -> int:
    """Moves that no game exceeds: 20 times the bound N + P * R of rules §17."""
    b = board(spec.config.board)
    rings = spec.options.rings or b.rings
    return 20 * (b.n + spec.config.players * rings)


class _Lockstep:
    """The games of some blocks, side by side."""

    def __init__(self, spec: MatchSpec, first_block: int, blocks: int) -> None:
        self.spec = spec
        P = spec.block_size
        self.first = first_block * P  # number of the first game
        G = blocks * P
        opened, moves = openings(spec, range(first_block, first_block + blocks))
        self.states: States = np.repeat(opened, P, axis=0)  # [G, F, N]
        self.logs = np.zeros((G, log_length(spec)), dtype=np.int32)  # [G, L] move codes
        self.lengths = np.repeat([len(m) for m in moves], P).astype(np.int64)  # [G]
        for g in range(G):
            self.logs[g, : self.lengths[g]] = moves[g // P]
        numbers = range(self.first, self.first + G)
        # Agent of each seat, 0 for A and 1 for B; a pie swap exchanges seats 1 and 2.
        self.holder = np.array([spec.seating(n) for n in numbers], dtype=np.int8)  # [G, P]
        self.swapped = self.scalar(k.S_SWAPPED) != 0  # [G]
        self.holder[self.swapped, :2] = self.holder[self.swapped, 1::-1]
        self.seeds = np.array([spec.game_seed(n) for n in numbers], dtype=np.uint64)  # [G]
        self.count = np.ones(G, dtype=np.int32)  # [G] legal actions, 0 when over
        self.decisions = np.zeros(G, dtype=np.uint64)  # [G] choices made since the opening
        self.running = np.flatnonzero(self.scalar(k.S_PHASE) != k.GAME_OVER)  # int64[live]
        self.finished = G - self.running.size
        self.wins = 0.0

    def scalar(self, index: int) -> NDArray[np.uint16]:
        """One scalar of all games, [G]."""
        return self.states[:, k.F_SCALAR, index]

    def step(self, agents: tuple[Agent, Agent]) -> bool:
        """Let the agent that most games wait for choose in all of them; whether a game ended.

        The games of the other agent wait: after a few steps nearly all games wait for the same
        one, so a network sees batches of all games and not of half of them. Which games are
        asked together changes no move: an agent depends on states and seeds alone.
        """
        live = self.running
        mover = self.scalar(k.S_PLAYER)[live].astype(np.int64) - 1
        to_move = self.holder[live, mover]  # [live] 0 for A, 1 for B
        number = int(2 * np.count_nonzero(to_move) > live.size)
        asked = live[to_move == number]  # [asked]
        seeds = decision_seeds(self.seeds[asked], self.decisions[asked])
        codes = agents[number].choose(self.states[asked], seeds)
        t = tables(self.spec.config.board)
        play_all(self.states, asked, t, codes, self.logs, self.lengths, self.count)
        assert (self.lengths[asked] > 0).all(), "a game outgrew its log, see rules §17"
        self._exchange_agents()
        self.decisions[asked] += np.uint64(1)
        ended = asked[self.count[asked] == 0]
        self.running = live[self.count[live] > 0]
        self.finished += ended.size
        self.wins += float(sum(self._winner_is_a(int(g)) for g in ended))
        return bool(ended.size)

    def _exchange_agents(self) -> None:
        """After a swap (rules §12) the agents of seats 1 and 2 change places; the seats do not."""
        now = self.scalar(k.S_SWAPPED) != 0
        fresh = now & ~self.swapped
        self.holder[fresh, :2] = self.holder[fresh, 1::-1]
        self.swapped = now

    def _winner_is_a(self, g: int) -> bool:
        winner = int(self.states[g, k.F_SCALAR, k.S_WINNER])
        return winner > 0 and self.holder[g, winner - 1] == 0

    def games(self) -> list[MatchGame]:
        """Records of all games, once none is running."""
        return [self._record(g) for g in range(self.holder.shape[0])]

    def _record(self, g: int) -> MatchGame:
        spec, number = self.spec, self.first + g
        result = outcome(self.states[g])
        assert result is not None
        seating = spec.seating(number)
        agents = [(spec.a, spec.b)[agent].as_dict() for agent in seating]
        identity = {
            "config": str(spec.config),
            "options": spec.as_dict()["options"],
            "agents": agents,  # by seat at the start: weights and budgets
            "seed": int(self.seeds[g]),
            "moves": self.logs[g, : self.lengths[g]].tolist(),
        }
        return MatchGame(
            id=derived_id("game", identity),
            number=number,
            block=number // spec.block_size,
            seat=number % spec.block_size + 1,
            seats=tuple("ab"[agent] for agent in self.holder[g].tolist()),
            winner=result.winner,
            victory=result.victory,
            ranks=result.ranks,
            plies=int(self.lengths[g]),
            turns=result.turns,
            swapped=bool(self.swapped[g]),
        )

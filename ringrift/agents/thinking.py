"""Thinking about one move in slices, so that a program can listen in between.

A `Thinker` makes a generator of a position: each step does a little work, says what is new or nothing, and the
generator's return value is the decision. `whole_move` joins the two decisions of a recovery slide (rules §20.2)
to the one move that it is in records.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.base import Agent
from ringrift.agents.clock import Clock
from ringrift.agents.factory import make_agent
from ringrift.agents.lookahead import MctsThinker, MinimaxThinker
from ringrift.agents.spec import WITH_MODEL, AgentSpec
from ringrift.agents.thought import Info, Thought, Waiting, seed_of
from ringrift.configs import Config
from ringrift.rules.boards import tables
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.play import play_all

#: Moves of a principal variation that are written down; forced ones count.
PV_MOVES: Final = 24


class Thinker(Protocol):
    """Decides in slices."""

    def decide(self, states: NDArray[np.uint16], clock: Clock, share: float) -> Thought:
        """Choose an action or move in the state uint16[1, 6, N]; stop at that share of the clock's time.

        Takes at least one look, even if the time was over from the start.
        """
        ...


class WholeAgent:
    """An `Agent` as a thinker of one slice."""

    def __init__(self, agent: Agent, seed: int) -> None:
        """Let an agent decide; with the seed and the position its random numbers are fixed."""
        self.agent = agent
        self.seed = seed

    def decide(self, states: NDArray[np.uint16], _clock: Clock, _share: float) -> Thought:
        """Ask the agent once; see `Thinker.decide`."""
        yield None
        seeds = np.array([seed_of(self.agent.config, states, self.seed)], np.uint64)
        code = int(self.agent.choose(states.copy(), seeds)[0])
        yield Info(1, 1, (code,))
        return code


def make_thinker(
    spec: AgentSpec, config: Config, model_path: Path | None, simulations: int, seed: int
) -> Thinker:
    """The thinker of an agent; raises BadInput as `make_agent` does.

    simulations: the budget of a decision for which no limit is named.
    """
    if spec.kind in WITH_MODEL and model_path is not None:
        from ringrift.agents.searching import NetworkThinker  # loads torch

        return NetworkThinker(spec, config, model_path, simulations)
    if spec.kind == "mcts":
        return MctsThinker(spec, config, seed)
    if spec.kind == "minimax":
        return MinimaxThinker(spec, config, seed)
    return WholeAgent(make_agent(spec, config, model_path), seed)


def best_move(thinker: Thinker, game: Game, clock: Clock) -> Thought:
    """As `whole_move`, but where the clock has no end its answer waits for a stop."""
    code = yield from whole_move(thinker, game, clock)
    while clock.limits.infinite and not clock.stopped:
        yield Waiting.FOR_STOP
    return code


def whole_move(thinker: Thinker, game: Game, clock: Clock) -> Thought:
    """Think about the next move of a game that is not over; the return value is a legal move code.

    A forced move is returned without thinking. Where a recovery slide leaves its stack open, that is a second
    decision, with the same limits and the rest of the time.
    """
    codes = game.legal_codes()
    if len(codes) == 1:
        return int(codes[0])
    # A slide with several stacks needs time for its second decision.
    open_stack = len({code & k.ACTION_MASK for code in codes.tolist()}) < len(codes)
    share = 0.6 if open_stack else 1.0
    states = game.states.copy()
    nodes = 0
    earlier: tuple[int, ...] = ()
    while True:
        thought, found = thinker.decide(states, clock, share), 0
        while True:
            try:
                step = next(thought)
            except StopIteration as end:
                code = int(end.value)
                break
            if isinstance(step, Info):
                found = step.nodes
                step = replace(step, nodes=nodes + found, actions=(*earlier, *step.actions))
            yield step
        moves = play(states, game.config, code)
        if moves:
            return moves[0]
        share, nodes, earlier = 1.0, nodes + found, (*earlier, code)


def play(states: NDArray[np.uint16], config: Config, code: int, most: int = PV_MOVES) -> list[int]:
    """Apply an action or move to the state uint16[1, 6, N] and play what is forced after it; -1: only that.

    Returns the moves as records hold them, the first ``most``; none while a recovery slide waits for its stack.
    """
    log, length = np.empty((1, most), np.int32), np.zeros(1, np.int64)
    codes, count = np.array([code], np.int32), np.zeros(1, np.int32)
    play_all(states, np.zeros(1, np.int64), tables(config.board), codes, log, length, count)
    written = int(length[0]) if length[0] >= 0 else most
    return log[0, :written].tolist()  # type: ignore[no-any-return]


def variation(game: Game, actions: tuple[int, ...]) -> list[str]:
    """Actions from a position on as moves in notation, forced ones included, at most PV_MOVES."""
    ahead, shown = game.states.copy(), game.copy()
    texts: list[str] = []
    for action in actions:
        for code in play(ahead, game.config, action):
            if len(texts) == PV_MOVES:
                return texts
            texts.append(shown.text(code))
            apply_move(shown.states, 0, tables(game.config.board), code)
    return texts

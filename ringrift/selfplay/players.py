"""The agents as players of selfplay: they vary their play where that is theirs to vary, and say what they found.

============= ================================================== =============================================
player        its move                                           what the record keeps of it
============= ================================================== =============================================
random        uniform over the legal moves                       nothing
heuristic     the best by the heuristic, equals at random        nothing
policy-only   drawn from the prior, p^(1/T)                      nothing
gumbel-mcts   as in selfplay of its own kind: playout-cap        values of all seats, simulations; of full
              randomisation, Gumbel noise of scale T             searches the improved policy
gumbel-mcts   the best of what its time was enough for,          values of all seats, simulations
with a time   Gumbel noise of scale T
mcts          drawn from the visits, N^(1/T)                     values of all seats, rollouts, shares of visits
minimax       the best, equals at random                         values of all seats, positions
============= ================================================== =============================================

T is the temperature of the schedule after so many decisions of the game. A player's answer follows from states, seeds
and numbers of decisions alone, unless it has a time.

Legend: n games, P players, F = 6 rows of a state, N cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ringrift.agents import Agent, AgentSpec, make_agent
from ringrift.agents.evaluators import pool_of
from ringrift.agents.lookahead import MctsAgent, MinimaxAgent
from ringrift.agents.seeds import decision_seeds, uniform_numbers
from ringrift.configs import Config
from ringrift.nets.backend import Backend
from ringrift.search.evaluator import Evaluator
from ringrift.search.kernels import lockstep
from ringrift.search.kernels.heuristic import WIN
from ringrift.search.uct import UctParameters
from ringrift.selfplay.kernels.games import FAST, FULL, LEAST_SHARE, MOST_SHARES
from ringrift.selfplay.pool import LONGEST, SelfplayParameters

States = NDArray[np.uint16]  # [n, F, N]
Seeds = NDArray[np.uint64]  # [n]
Shares = tuple[NDArray[np.int32], NDArray[np.float32]]  # actions and their shares, sum 1

#: Games that a player which searches one after the other is asked at a time: a stop waits for one decision.
ONE: Final = 1
#: The same where a decision is a matter of milliseconds, and asking one by one would cost a sixth of the time.
FEW: Final = 8
#: Rollouts, positions and decisions ahead of such a player at most.
QUICK: Final = {"rollouts": 256, "nodes": 4096, "depth": 2}
#: Strength that multiplies the odds by e, for minimax as for mcts.
SCALE: Final = UctParameters().scale
#: Number of the draw that chooses between full and fast search; decisions have smaller ones.
_BUDGET_DRAW: Final = np.uint64(1 << 62)
_MOVE_DRAW: Final = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Found:
    """What one decision found, as a record keeps it."""

    #: Chance of each seat, float32[P].
    values: NDArray[np.float32]
    #: Simulations, rollouts or positions.
    visits: int
    #: Actions and shares of the policy target; None where there is none.
    target: Shares | None = None


class Player(Protocol):
    """Decides in many games."""

    #: Games that it is best asked at a time.
    width: int
    #: Positions that a network has seen for it.
    evaluations: int

    def play(
        self, states: States, seeds: Seeds, decisions: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Sequence[Found]]:
        """Choose one action or move per game, and say what was found: for all games, or for none.

        decisions: uint64[n], decisions made so far in each game. Returns int32[n] and n or no `Found`.
        """
        ...


class Plain:
    """An agent that plays as it always does and keeps nothing."""

    evaluations = 0

    def __init__(self, agent: Agent) -> None:
        """Let the agent choose for all games in one call."""
        self.agent = agent
        self.width = 1 << 30

    def play(
        self, states: States, seeds: Seeds, _decisions: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Sequence[Found]]:
        """Choose; see `Player.play`."""
        return self.agent.choose(states, seeds), ()


class Temperatures:
    """The temperature of the schedule by decision, or by decision and entropy."""

    def __init__(self, parameters: SelfplayParameters) -> None:
        """Take the schedule, the rating and the progress of the parameters."""
        p = parameters
        self._scheduler = p.scheduler
        self._table = p.scheduler.table(LONGEST, elo=p.elo, progress=p.progress)

    def at(self, decisions: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Temperature after so many decisions, float64[n]; where it is adaptive, for equal chances."""
        found: NDArray[np.float64] = self._table[
            np.minimum(decisions, np.uint64(LONGEST - 1)).astype(np.int64)
        ]
        return found

    def of(self, decision: int, shares: NDArray[np.float64]) -> float:
        """Temperature of a decision whose actions have these shares."""
        if not self._scheduler.adaptive or shares.size < 2:
            return float(self._table[min(decision, LONGEST - 1)])
        tried = shares[shares > 0]
        entropy = float(-(tried * np.log(tried)).sum() / np.log(shares.size))
        return self._scheduler.temperature(decision, entropy=entropy)

    @property
    def clarity(self) -> tuple[float, float]:
        """Factors on `at` where one move is all the prior, and where all are equal; see `Slots.clarity`."""
        high = self._scheduler.temperature(0, entropy=1.0)
        if not self._scheduler.adaptive or high == 0.0:
            return 1.0, 1.0
        return self._scheduler.temperature(0, entropy=0.0) / high, 1.0


class Networked:
    """`gumbel-mcts` under a number of simulations, and `policy-only`, which is a search of none.

    Without simulations the choice of a Gumbel search is the largest of logit + T · Gumbel: a draw from p^(1/T).
    """

    def __init__(
        self, spec: AgentSpec, evaluator: Evaluator, parameters: SelfplayParameters
    ) -> None:
        """Search over an evaluator, whose batch is the number of trees."""
        p = parameters
        self.searches = spec.simulations is not None
        full = spec.simulations or 1
        self.full_fraction = p.full_search_fraction
        self.temperatures = Temperatures(p)
        self.pool = pool_of(spec, evaluator, [full, min(p.fast_simulations, full)])
        if not self.searches:
            self.pool.slots.budgets[:] = 0
        self.pool.slots.clarity[:] = self.temperatures.clarity
        self.width = evaluator.batch_size
        self.evaluations = 0
        self._actions = np.empty(self.pool.scratch.policy.size, np.int32)
        self._visits = np.empty(self.pool.scratch.policy.size, np.int32)
        self._policy = np.empty(self.pool.scratch.policy.size, np.float32)

    def play(
        self, states: States, seeds: Seeds, decisions: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Sequence[Found]]:
        """Search all positions at once; see `Player.play`. n is at most `width`."""
        pool, n = self.pool, len(states)
        trees, slots, scratch = pool.trees, pool.slots, pool.scratch
        draw = uniform_numbers(decision_seeds(seeds, np.full(n, _BUDGET_DRAW)))
        budget = np.where(draw < self.full_fraction, FULL, FAST).astype(np.int32)
        lockstep.begin_all(trees, slots, np.ascontiguousarray(states), 0, n, 0, 0.0, seeds)
        slots.budget[:n] = budget
        slots.noise[:n] = self.temperatures.at(decisions)
        while leaves := lockstep.collect(trees, slots, scratch, pool.tables, pool.batch):
            pool.evaluate_batch(leaves)
            self.evaluations += leaves
        actions, values = np.empty(n, np.int32), np.empty((n, 4), np.float32)
        lockstep.read_results(trees, slots, scratch, n, actions, values)
        if not self.searches:
            return actions, ()
        players = pool.evaluator.config.players
        found = [
            Found(
                values[g, :players].copy(),
                int(slots.simulations[g]),
                self._target(g) if budget[g] == FULL else None,
            )
            for g in range(n)
        ]
        return actions, found

    def _target(self, g: int) -> Shares | None:
        pool = self.pool
        n = lockstep.read_policy(
            pool.trees, pool.slots, pool.scratch, g, self._actions, self._policy, self._visits
        )
        return largest(self._actions[:n], self._policy[:n])


class Thinking:
    """`gumbel-mcts` with a time: one position after the other, searches of 16, 32, 64, … simulations.

    The policy target of a search that was cut short is none to learn from: only values are kept.
    """

    def __init__(
        self,
        spec: AgentSpec,
        config: Config,
        path: Path,
        parameters: SelfplayParameters,
        backend: Backend | None,
    ) -> None:
        """Load the weights; raises BadInput when they are broken or not those of the spec."""
        from ringrift.agents.timed import TimedAgent  # loads torch

        self.agent = TimedAgent(spec, config, path, backend)
        self.temperatures = Temperatures(parameters)
        self.width = ONE
        self.evaluations = 0

    def play(
        self, states: States, seeds: Seeds, decisions: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Sequence[Found]]:
        """Think about each position; see `Player.play`."""
        from ringrift.agents.searching import Noise

        clarity, scales = self.temperatures.clarity, self.temperatures.at(decisions)
        noises = [
            Noise(scale, seed, clarity)
            for scale, seed in zip(scales.tolist(), seeds.tolist(), strict=True)
        ]
        actions, found = np.empty(len(states), np.int32), []
        for g, (action, info) in enumerate(self.agent.thoughts(states, noises)):
            assert info.value is not None, "a search knows its value"
            actions[g] = action
            visits = max(info.nodes, 1)  # the shortest time is enough for a look at the root
            found.append(Found(np.array(info.value, np.float32), visits))
            self.evaluations += info.nodes
        return actions, found


class Rollouts:
    """`mcts`: draws its move from the visits, which are its policy target too."""

    evaluations = 0

    def __init__(self, agent: MctsAgent, parameters: SelfplayParameters) -> None:
        """Play at the temperatures of the parameters."""
        self.agent = agent
        self.temperatures = Temperatures(parameters)
        self.width = width_of(agent.spec)

    def play(
        self, states: States, seeds: Seeds, decisions: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Sequence[Found]]:
        """Search each position; see `Player.play`."""
        picked, found = np.empty(len(states), np.int32), []
        draws = uniform_numbers(decision_seeds(seeds, np.full(len(states), _MOVE_DRAW)))
        for g, search in enumerate(self.agent.searched(states, seeds)):
            actions, visits = search.visits()
            shares = visits / visits.sum()
            temperature = self.temperatures.of(int(decisions[g]), shares)
            if temperature > 0.0:
                weights = np.cumsum((visits / visits.max()) ** (1.0 / temperature))
                place = int(np.searchsorted(weights, draws[g] * weights[-1], side="right"))
                picked[g] = actions[place]
            else:
                picked[g] = search.action()
            target = largest(actions, shares.astype(np.float32))
            found.append(Found(search.values().astype(np.float32), int(visits.sum()), target))
        return picked, found


class AlphaBeta:
    """`minimax`: its value, no policy target."""

    evaluations = 0

    def __init__(self, agent: MinimaxAgent) -> None:
        """Play as the agent does."""
        self.agent = agent
        self.width = width_of(agent.spec)

    def play(
        self, states: States, seeds: Seeds, _decisions: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Sequence[Found]]:
        """Search each position; see `Player.play`."""
        picked, found = np.empty(len(states), np.int32), []
        players = self.agent.config.players
        for g, search in enumerate(self.agent.searched(states, seeds)):
            picked[g] = search.action
            values = odds(search.value, search.seat, players)
            found.append(Found(values, search.positions))
        return picked, found


def width_of(spec: AgentSpec) -> int:
    """Games that an agent which searches one after the other is asked at a time; it decides nothing of them."""
    budgets = {name: getattr(spec, name) for name in QUICK}
    quick = any(of is not None and of <= QUICK[name] for name, of in budgets.items())
    return FEW if quick else ONE


def odds(value: float, seat: int, players: int) -> NDArray[np.float32]:
    """Chances float32[players] from the value of a seat against its strongest rival.

    softmax(value / SCALE, 0, …, 0): all rivals are taken to be as strong as the strongest, the assumption of the
    search; 1 and 0 where the end is known.

    >>> odds(0.0, 1, 2).tolist()
    [0.5, 0.5]
    """
    if abs(value) >= WIN:
        own = float(value > 0)
    else:
        own = 1.0 / (1.0 + (players - 1) * float(np.exp(-value / SCALE)))
    found = np.full(players, (1.0 - own) / (players - 1), np.float32)
    found[seat - 1] = own
    return found


def largest(actions: NDArray[np.int32], shares: NDArray[np.float32]) -> Shares | None:
    """The policy target of a record: the largest shares only, summing to 1, as selfplay keeps them."""
    order = np.argsort(-shares, kind="stable")[:MOST_SHARES]
    order = order[shares[order] > LEAST_SHARE]
    if order.size == 0:
        return None
    kept = shares[order]
    return actions[order].copy(), kept / kept.sum()


def make_player(
    spec: AgentSpec,
    config: Config,
    model_path: Path | None,
    evaluator: Evaluator | None,
    parameters: SelfplayParameters,
    backend: Backend | None = None,
) -> Player:
    """The player of a spec; evaluator: of the weights in ``model_path``, for the agents that need them.

    backend: what computes the weights where an agent has an evaluator of its own; None: the default one.
    """
    if spec.kind == "gumbel-mcts" and spec.milliseconds is not None:
        assert model_path is not None
        return Thinking(spec, config, model_path, parameters, backend)
    if spec.kind in ("gumbel-mcts", "policy-only"):
        assert evaluator is not None
        return Networked(spec, evaluator, parameters)
    agent = make_agent(spec, config)
    if isinstance(agent, MctsAgent):
        return Rollouts(agent, parameters)
    if isinstance(agent, MinimaxAgent):
        return AlphaBeta(agent)
    return Plain(agent)

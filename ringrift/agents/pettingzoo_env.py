"""The game as a PettingZoo environment, for other people's learners (docs/pettingzoo.md).

    >>> from ringrift.agents import pettingzoo_env
    >>> env = pettingzoo_env.env("hex8:2")
    >>> env.reset(seed=1)
    >>> for agent in env.agent_iter():
    ...     observation, reward, termination, truncation, info = env.last()
    ...     over = termination or truncation
    ...     mask = observation["action_mask"]
    ...     env.step(None if over else env.action_space(agent).sample(mask))

Legend of shapes: S side of the square grid that holds the board, C planes and K scalars of the network's input
(ringrift/nets/features.py), A actions (rules §20.3), N cells, P players.

The agents are the players, `player_1` to `player_P`: `player_i` begins in seat i. Under the pie rule the agents change
places and the seats do not (rules §12), so after a swap `player_1` acts for seat 2 and is rewarded for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.thinking import play
from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
from ringrift.nets.features import num_planes, num_scalars
from ringrift.nets.kernels.features import write_features
from ringrift.rules.boards import board, tables
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_actions
from ringrift.rules.outcome import Outcome

try:
    from gymnasium import spaces
    from pettingzoo import AECEnv
    from pettingzoo.utils import wrappers
except ImportError as error:  # the extra is not installed
    raise ImportError(
        "the PettingZoo environment needs: pip install 'ringrift[pettingzoo]'"
    ) from error

Observation = dict[str, NDArray[Any]]

RENDER_MODES: Final = ("human", "ansi", "rgb_array")
#: No plane or scalar of a played game is larger: 24 buried rings count a quarter each, and no share exceeds 4.
MOST: Final = 8.0
#: Longest possible game, in moves (rules §17).
LONGEST: Final = 20 * 853


def _zero_sum(outcome: Outcome) -> list[float]:
    """1 for the winner, -1 shared among the others: the sum is 0."""
    others = len(outcome.ranks) - 1
    return [1.0 if rank == 1 else -1.0 / others for rank in outcome.ranks]


def _win_loss(outcome: Outcome) -> list[float]:
    """1 for the winner, -1 for every other seat."""
    return [1.0 if rank == 1 else -1.0 for rank in outcome.ranks]


def _ranks(outcome: Outcome) -> list[float]:
    """From 1 for the first rank to -1 for the last in equal steps; equal seats get their mean: the sum is 0."""
    ranks = np.array(outcome.ranks)
    means = np.array([r + (np.count_nonzero(ranks == r) - 1) / 2 for r in ranks])
    return (1 - 2 * (means - 1) / (len(ranks) - 1)).tolist()  # type: ignore[no-any-return]


#: Rewards of the seats at the end of a game; before it all are 0.
REWARDS: Final[dict[str, Callable[[Outcome], list[float]]]] = {
    "zero_sum": _zero_sum,
    "win_loss": _win_loss,
    "ranks": _ranks,
}


def env(config: str | Config = "hex8:2", render_mode: str | None = None, **options: Any) -> Any:
    """The environment in PettingZoo's usual wrappers; options as in `RawEnv`.

    An illegal action ends the game with a reward of -1 for who chose it, and a warning.
    """
    raw = RawEnv(config, render_mode, **options)
    bounded = wrappers.AssertOutOfBoundsWrapper(
        wrappers.TerminateIllegalWrapper(raw, illegal_reward=-1)
    )
    return wrappers.OrderEnforcingWrapper(bounded)


class RawEnv(AECEnv[str, Observation, int]):
    """One game at a time; each step is a decision of the agent to move.

    Observations: ``observation`` float32[S, S, C + K], everything seen from the agent's own seat, scalars as constant
    planes; ``action_mask`` int8[A], all 0 for an agent that is not to move. A recovery slide is two decisions, the
    slide and then the stack that pays (rules §20.2).
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo has it
        "name": "ringrift_v0",
        "render_modes": list(RENDER_MODES),
        "is_parallelizable": False,
        "render_fps": 2,
    }

    def __init__(
        self,
        config: str | Config = "hex8:2",
        render_mode: str | None = None,
        *,
        rewards: str = "zero_sum",
        play_forced: bool = True,
        max_cycles: int | None = None,
        pie: bool | None = None,
        rings: int | None = None,
        line_detect: int | None = None,
        lps_rounds: int = 3,
    ) -> None:
        """Make the environment of a config.

        rewards: one of REWARDS. play_forced: play moves without a choice unasked. max_cycles: decisions after which a
        game is truncated. The rest are rule options as in `GameOptions`. Raises BadInput for values that make no sense.
        """
        super().__init__()
        self.config = config if isinstance(config, Config) else Config.parse(config)
        self.rules = GameOptions(pie, line_detect, lps_rounds, rings)
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise BadInput(f"render_mode is {render_mode!r}: {nearest(render_mode, RENDER_MODES)}")
        if rewards not in REWARDS:
            raise BadInput(f"rewards is {rewards!r}: {nearest(rewards, REWARDS)}")
        if max_cycles is not None and max_cycles < 1:
            raise BadInput(f"max_cycles is {max_cycles}: expected 1 or more")
        self.render_mode = render_mode
        self.rewards_of = REWARDS[rewards]
        self.play_forced = play_forced
        self.max_cycles = max_cycles
        self.game = Game.new(self.config, self.rules)
        players, geometry = self.config.players, board(self.config.board)
        self.possible_agents = [f"player_{i}" for i in range(1, players + 1)]
        self.agents: list[str] = []
        channels = num_planes(players) + num_scalars(players)
        actions = geometry.num_actions(players)
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": spaces.Box(
                        0.0, MOST, (geometry.side, geometry.side, channels), np.float32
                    ),
                    "action_mask": spaces.Box(0, 1, (actions,), np.int8),
                }
            )
            for agent in self.possible_agents
        }
        self.action_spaces = {agent: spaces.Discrete(actions) for agent in self.possible_agents}
        self.state_space = spaces.Box(0, 65535, self.game.states[0].shape, np.uint16)

    def observation_space(self, agent: str) -> Any:
        """Space of the agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Space of the agent's actions, Discrete(A)."""
        return self.action_spaces[agent]

    # -- the game --------------------------------------------------------------------------

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin a game; ``options["state"]`` is a canonical state or state+ to begin from.

        There is no chance in the game: the seed changes nothing. Raises BadInput for a state that no game could hold,
        or in which it is over.
        """
        del seed
        state = (options or {}).get("state")
        if state is None:
            self.game = Game.new(self.config, self.rules)
        else:
            self.game = Game.from_canonical(self.config, state, self.rules)
            if self.game.result is not None:
                raise BadInput("options['state']: the game is over there")
        # The position as records know it: without the first half of a recovery slide.
        self._whole = self.game.copy()
        self.agents = self.possible_agents[:]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._decisions = 0
        self._advance(-1)
        if self.game.result is not None:  # a given state may play itself to the end
            self._finish(self.game.result)

    def step(self, action: int | None) -> None:
        """Take one action of ``agent_selection``; raises BadInput when it is not legal."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)  # type: ignore[arg-type]
            return
        if action is None or int(action) not in self._legal():
            raise BadInput(f"action {action} is not legal for {agent}: see its action_mask")
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        self._decisions += 1
        self._advance(int(action))
        if self.game.result is not None:
            self._finish(self.game.result)
        elif self._decisions == self.max_cycles:
            self.truncations = dict.fromkeys(self.agents, True)
        self._accumulate_rewards()
        if self.render_mode == "human":
            self.render()

    def _advance(self, action: int) -> None:
        """Play an action (-1: none) and what is forced after it; say whose turn it is and what was played."""
        if self.play_forced:
            moves = play(self.game.states, self.config, action, LONGEST)
        elif action >= 0:
            moves = self._play_one(action)
        else:
            moves = []
        texts = []
        for code in moves:
            texts.append(self._whole.text(code))
            apply_move(self._whole.states, 0, tables(self.config.board), code)
        if self.game.result is None:
            self.agent_selection = self._agent_in(self.game.player)
        outcome = self.game.result
        self.infos = {
            agent: {
                "seat": self.seat_of(agent),
                "to_move": self.game.player,
                "legal": len(self._legal()) if self.game.player == self.seat_of(agent) else 0,
                "moves": texts,
                "winner": 0 if outcome is None else outcome.winner,
                "ranks": [] if outcome is None else list(outcome.ranks),
                "victory": "" if outcome is None else outcome.victory,
            }
            for agent in self.agents
        }

    def _play_one(self, action: int) -> list[int]:
        """Play an action and nothing else; its move as records hold it, none while a slide waits for its stack."""
        ahead = self.game.states.copy()
        moves = play(ahead, self.config, action, 1)
        apply_move(self.game.states, 0, tables(self.config.board), action)
        half = bool(self.game.states[0, k.F_SCALAR, k.S_SLIDE])
        return [] if half else moves

    def _finish(self, outcome: Outcome) -> None:
        """Reward the agents for the seats they sit in at the end."""
        rewards = self.rewards_of(outcome)
        for agent in self.agents:
            self.rewards[agent] = rewards[self.seat_of(agent) - 1]
        self.terminations = dict.fromkeys(self.agents, True)

    def seat_of(self, agent: str) -> int:
        """Seat in which an agent sits now."""
        number = self.possible_agents.index(agent) + 1
        swapped = bool(self.game.states[0, k.F_SCALAR, k.S_SWAPPED])
        return 3 - number if swapped else number

    def _agent_in(self, seat: int) -> str:
        return next(agent for agent in self.possible_agents if self.seat_of(agent) == seat)

    def _legal(self) -> NDArray[np.int32]:
        """Legal actions, int32[n]; none after the end."""
        out = np.empty(k.MAX_MOVES, np.int32)
        return out[: legal_actions(self.game.states, 0, tables(self.config.board), out)]

    # -- what is seen ----------------------------------------------------------------------

    def observe(self, agent: str) -> Observation:
        """The position from the agent's own seat, whoever is to move; see the class."""
        seat, players = self.seat_of(agent), self.config.players
        seen = self.game.states.copy()
        seen[0, k.F_SCALAR, k.S_PLAYER] = seat
        side = board(self.config.board).side
        planes = np.zeros((1, side, side, num_planes(players)), np.float32)
        scalars = np.zeros((1, num_scalars(players)), np.float32)
        write_features(seen, 1, tables(self.config.board), players, planes, scalars)
        wide = np.broadcast_to(np.minimum(scalars[0], MOST), (side, side, scalars.shape[1]))
        mask = np.zeros(int(self.action_spaces[agent].n), np.int8)
        if self.game.player == seat and not self.truncations.get(agent, False):
            mask[self._legal()] = 1
        return {"observation": np.concatenate([planes[0], wide], axis=2), "action_mask": mask}

    def state(self) -> NDArray[np.uint16]:
        """The whole state as the engine has it: uint16[6, N] (ringrift/rules/kernels/constants.py)."""
        return self.game.states[0].copy()

    def render(self) -> Any:
        """Draw the position: printed (human), as a text (ansi) or as a picture uint8[H, W, 3] (rgb_array)."""
        if self.render_mode == "human":
            print(self._whole.draw(colour=sys.stdout.isatty()), flush=True)  # noqa: T201 - that is what was asked for
            return None
        if self.render_mode == "ansi":
            return self._whole.draw()
        if self.render_mode == "rgb_array":
            from ringrift.agents.picture import picture

            return picture(self._whole)
        return None

    def close(self) -> None:
        """There is nothing to put away."""

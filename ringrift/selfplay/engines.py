"""Which agents play a shard, from what a person types.

One agent takes all seats; or there is one for each, separated by commas, seat 1 first::

    random                          uniformly random moves
    heuristic                       one ply over a readable evaluation
    policy-only                     the prior of the model
    gumbel-mcts, gumbel-mcts:s64    search over the model, with the simulations of the settings or with so many
    mcts, mcts:r500                 rollouts: 2,000, or so many
    minimax, minimax:n50000,        alpha-beta: 20,000 positions for each decision, or as many positions and decisions
    minimax:d4, minimax:d4:n50000   ahead as are named
    mcts:t50ms                      with 50 ms for each decision; minimax and gumbel-mcts take a time too
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ringrift.agents.spec import WITH_MODEL, AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.records import SeatAgent
from ringrift.selfplay.pool import SelfplayParameters

#: The engine that plays where none is named.
DEFAULT: Final = "gumbel-mcts"


@dataclass(frozen=True, slots=True)
class Engines:
    """Who plays, and with what search."""

    #: Per seat; empty: gumbel-mcts in all of them, with the simulations of the search.
    seats: tuple[AgentSpec, ...]
    search: SelfplayParameters
    #: Whether the agents move on by a seat from game to game.
    rotate: bool


def needs_model(text: str) -> bool:
    """Whether one of the engines that were typed has a network; BadInput for one that does not exist."""
    names = text.split(",")
    for name in names:
        AgentSpec.parse(name, "0" * 64, 2)
    return any(name.partition(":")[0] in WITH_MODEL for name in names)


def read_engines(
    text: str,
    config: Config,
    model_sha256: str | None,
    search: SelfplayParameters,
    *,
    rotate: bool = False,
) -> Engines:
    """The engines of a config as they were typed; BadInput in one line for what is none.

    gumbel-mcts without a number of simulations has that of ``search``. The same one in all seats is the selfplay of
    one network with itself: no engine is named for it then, so that its shards are what they always were.
    """
    names = text.split(",")
    if len(names) == 1:
        names *= config.players
    if len(names) != config.players:
        raise BadInput(
            f"engine {text!r} names {len(names)} seats, {config} has {config.players}: expected one engine for all "
            "seats, or one for each"
        )
    seats = tuple(
        _with_search(AgentSpec.parse(name, model_sha256, search.simulations), search)
        for name in names
    )
    rotate = rotate and len(set(seats)) > 1
    first = seats[0]
    if len(set(seats)) > 1 or first.kind != "gumbel-mcts" or first.simulations is None:
        # of these games all begin at the opening, and none is called decided
        plain = replace(
            search, archive_share=0.0, opening_random_fraction=0.0, decided_threshold=0.0
        )
        return Engines(seats, plain, rotate)
    fast = min(search.fast_simulations, first.simulations)
    search = replace(search, simulations=first.simulations, fast_simulations=fast)
    return Engines((), search, rotate=False)


def _with_search(spec: AgentSpec, search: SelfplayParameters) -> AgentSpec:
    """The agent with the constants of the search, where it has one."""
    if spec.kind != "gumbel-mcts":
        return spec
    return replace(
        spec,
        max_considered=search.max_considered,
        c_visit=search.c_visit,
        c_scale=search.c_scale,
        rule=search.rule,
    )


def seatings(seats: Sequence[AgentSpec], *, rotate: bool) -> list[tuple[AgentSpec, ...]]:
    """Who begins in which seat: game i has row i modulo their number.

    >>> a, b = AgentSpec("random"), AgentSpec("heuristic")
    >>> [[agent.kind for agent in row] for row in seatings([a, b], rotate=True)]
    [['random', 'heuristic'], ['heuristic', 'random']]
    """
    turns = len(seats) if rotate else 1
    return [tuple(seats[turn:]) + tuple(seats[:turn]) for turn in range(turns)]


def seat_agent(spec: AgentSpec) -> SeatAgent:
    """What a record says of an agent: kind, weights, and the work of a decision.

    Whatever else limits it stands behind its kind: minimax:d4, mcts:t50ms.
    """
    work = {
        "gumbel-mcts": spec.simulations,
        "mcts": spec.rollouts,
        "minimax": spec.nodes,
    }.get(spec.kind)
    kind = spec.kind
    if spec.depth is not None:
        kind += f":d{spec.depth}"
    if spec.milliseconds is not None:
        kind += f":t{spec.milliseconds}ms"
    return SeatAgent(kind, spec.model_sha256, work)

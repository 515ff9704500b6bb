"""Which agents play the games of a run: `selfplay.engines`, and whether there is anything to learn from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ringrift.configs import Config
from ringrift.errors import BadInput

if TYPE_CHECKING:
    from ringrift.selfplay.engines import Engines
    from ringrift.selfplay.pool import SelfplayParameters

#: Plays where nothing else is said; the one that is made for it.
USUAL: Final = "gumbel-mcts"

#: Agents whose searches leave a policy target, the others only values (`selfplay.players`).
TEACHERS: Final = ("gumbel-mcts", "mcts")


def check_engine(engine: str, config: Config) -> None:
    """Raise BadInput, saying why, unless runs of this config can be played by this engine and learn from it."""
    if engine == USUAL:
        return
    from ringrift.selfplay.engines import read_engines
    from ringrift.selfplay.pool import SelfplayParameters

    found = read_engines(engine, config, "0" * 64, SelfplayParameters())
    if any(seat.milliseconds is not None for seat in found.seats):
        raise BadInput(
            f"engine {engine!r} has a time: the games of a run must be the same when a shard is "
            "played again after a kill; give simulations or rollouts, such as gumbel-mcts:s64"
        )
    if found.seats and not any(seat.kind in TEACHERS for seat in found.seats):
        raise BadInput(
            f"engine {engine!r} leaves no policy to learn from: expected {' or '.join(TEACHERS)} in a "
            "seat at least, such as gumbel-mcts:s64; `ringrift selfplay run` plays any engine"
        )


def engines_of(
    engine: str, config: Config, model: str, search: SelfplayParameters
) -> tuple[Engines, bool]:
    """Who plays a shard with what search, and whether the network is needed for it.

    Different agents move on by a seat from game to game, so that none learns its seat.
    """
    from ringrift.selfplay.engines import needs_model, read_engines

    return read_engines(engine, config, model, search, rotate=True), needs_model(engine)

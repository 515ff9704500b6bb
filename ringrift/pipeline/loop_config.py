"""What a continuous loop is asked to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.pipeline.engine import USUAL, check_engine


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """What a continuous loop does.

    ============================ =========================================================== =========
    field                        meaning                                                     default
    ============================ =========================================================== =========
    configs                      boards and players; they take turns                         two boards
    selfplay_games_per_iteration games of a new run; None: as the settings say               1000
    selfplay_engine              who plays them (`selfplay.engines`)                         gumbel-mcts
    max_iterations               of each config, in one start; 0: no end                     0
    iteration_cooldown_seconds   rest after an iteration                                     60 s
    force                        work beside a master, too                                   no
    ============================ =========================================================== =========

    Raises BadInput for a config or an engine that there is not, or that nothing could be learned from.
    """

    configs: Sequence[tuple[str, int]] = (("hex8", 2), ("square8", 2))
    selfplay_games_per_iteration: int | None = 1000
    selfplay_engine: str = USUAL
    max_iterations: int = 0
    iteration_cooldown_seconds: float = 60.0
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not self.configs:
            raise BadInput("configs: expected at least one, such as ('hex8', 2)")
        for one in self.configs:
            if isinstance(one, str) or not isinstance(one, Sequence) or len(one) != 2:
                raise BadInput(f"configs: expected pairs such as ('hex8', 2), not {one!r}")
        pairs = tuple((board, players) for board, players in self.configs)
        object.__setattr__(self, "configs", pairs)  # a list is as good, and equal
        for config in self.parsed():
            check_engine(self.selfplay_engine, config)
        games = self.selfplay_games_per_iteration
        if games is not None and games < 1:
            raise BadInput(f"selfplay_games_per_iteration: expected at least 1, not {games}")
        for name in ("max_iterations", "iteration_cooldown_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise BadInput(f"{name}: expected at least 0, not {getattr(self, name)}")

    def parsed(self) -> tuple[Config, ...]:
        """The configs as records, each once."""
        return tuple(dict.fromkeys(Config(board, players) for board, players in self.configs))

    def as_dict(self) -> dict[str, Any]:
        """What the loop's row says of it."""
        return {**asdict(self), "configs": [str(config) for config in self.parsed()]}

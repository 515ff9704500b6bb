"""Which agent: kind, weights and budget, the identity under which games are rated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from ringrift.errors import BadInput, nearest

#: Kinds of agents.
AGENT_KINDS: Final = ("random", "heuristic", "minimax", "mcts", "policy-only", "gumbel-mcts")
#: Those of them that need the file of a network.
WITH_MODEL: Final = ("policy-only", "gumbel-mcts")

#: Budgets of agents that name none.
DEFAULT_ROLLOUTS: Final = 2000
DEFAULT_NODES: Final = 20_000
#: Budget field -> kind that has it, letter in its identity, smallest and largest value.
BUDGETS: Final = {
    "simulations": ("gumbel-mcts", "s", 2, 100_000),
    "rollouts": ("mcts", "r", 1, 100_000),
    "depth": ("minimax", "d", 1, 32),
    "nodes": ("minimax", "n", 1, 1_000_000_000),
}


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent by what decides its play: never by a name that somebody gave it.

    ================ ============================================== ======== =========================
    field            meaning                                        default  published
    ================ ============================================== ======== =========================
    simulations      search budget of each decision                 --       16-200 (Danihelka 2022)
    max_considered   root actions that enter sequential halving     16       16 (same)
    c_visit          σ(q) = (c_visit + max N) · c_scale · q         50       50 (same, §3.4)
    c_scale          the same                                       1.0      1.0 board games, 0.1 mctx
    rule             of the search, "gumbel" or "puct"              gumbel   --
    rollouts         budget of each decision of mcts                2000     --
    depth            decisions that minimax looks ahead at most     --       --
    nodes            positions that it makes for that at most       20000    --
    ================ ============================================== ======== =========================

    Minimax needs no more than one of its two budgets; with none it has that number of nodes.
    """

    kind: str
    #: sha256 of the weights; None for agents without a network.
    model_sha256: str | None = None
    #: Simulations per decision; None for agents that do not search.
    simulations: int | None = None
    max_considered: int = 16
    c_visit: float = 50.0
    c_scale: float = 1.0
    rule: str = "gumbel"
    rollouts: int | None = None
    depth: int | None = None
    nodes: int | None = None

    def __post_init__(self) -> None:
        """Refuse kinds that do not exist and budgets that make no sense."""
        if self.kind not in AGENT_KINDS:
            raise BadInput(f"unknown agent {self.kind!r}: {nearest(self.kind, AGENT_KINDS)}")
        if (self.model_sha256 is not None) != (self.kind in WITH_MODEL):
            need = "needs a model" if self.kind in WITH_MODEL else "takes no model"
            raise BadInput(f"agent {self.kind} {need}")
        if self.simulations is None and self.kind == "gumbel-mcts":
            raise BadInput(f"agent {self.kind} needs number of simulations")
        if self.rollouts is None and self.kind == "mcts":
            object.__setattr__(self, "rollouts", DEFAULT_ROLLOUTS)
        if self.depth is None and self.nodes is None and self.kind == "minimax":
            object.__setattr__(self, "nodes", DEFAULT_NODES)
        for name, (kind, _, low, high) in BUDGETS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if kind != self.kind:
                raise BadInput(f"agent {self.kind} takes no number of {name}")
            if not low <= value <= high:
                raise BadInput(f"{name} is {value}: expected {low} to {high}")

    @property
    def identity(self) -> str:
        """What a rating belongs to: kind, first 12 digits of the weights' sha256, and the budget."""
        parts = [self.kind]
        if self.model_sha256 is not None:
            parts.append(self.model_sha256[:12])
        for name, (_, letter, _, _) in BUDGETS.items():
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{letter}{value}")
        if self.rule != "gumbel":
            parts.append(self.rule)
        return ":".join(parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Agent without a network from its identity, such as mcts:r500 or minimax:d4:n50000.

        A kind alone has the budget of its kind. Raises BadInput where there is no such agent.
        """
        kind, *budgets = text.split(":")
        if kind in WITH_MODEL:
            raise BadInput(f"agent {kind} needs a model")
        letters = {letter: name for name, (owner, letter, _, _) in BUDGETS.items() if owner == kind}
        found: dict[str, int] = {}
        for budget in budgets:
            name = letters.get(budget[:1])
            if name is None or not budget[1:].isdecimal():
                known = " or ".join(f"{letter}NUMBER ({of})" for letter, of in letters.items())
                raise BadInput(
                    f"agent {text!r}: {budget!r} is no budget, expected {known or 'none'}"
                )
            found[name] = int(budget[1:])
        return cls(kind, **found)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, part of the ids of matches: what came later is left out where it says nothing."""
        silent = {"rule": "gumbel", "rollouts": None, "depth": None, "nodes": None}
        found = asdict(self).items()
        return {name: value for name, value in found if name not in silent or value != silent[name]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the spec that `as_dict` wrote."""
        return cls(**data)

"""Which agent: kind, weights and budget, the identity under which games are rated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from ringrift.errors import BadInput, nearest

#: Kinds of agents.
AGENT_KINDS: Final = ("random", "heuristic", "policy-only", "gumbel-mcts")
#: Those of them that need the file of a network.
WITH_MODEL: Final = ("policy-only", "gumbel-mcts")


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
    ================ ============================================== ======== =========================
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

    def __post_init__(self) -> None:
        """Refuse kinds that do not exist and budgets that make no sense."""
        if self.kind not in AGENT_KINDS:
            raise BadInput(f"unknown agent {self.kind!r}: {nearest(self.kind, AGENT_KINDS)}")
        if (self.model_sha256 is not None) != (self.kind in WITH_MODEL):
            need = "needs a model" if self.kind in WITH_MODEL else "takes no model"
            raise BadInput(f"agent {self.kind} {need}")
        if (self.simulations is not None) != (self.kind == "gumbel-mcts"):
            need = "needs" if self.kind == "gumbel-mcts" else "takes no"
            raise BadInput(f"agent {self.kind} {need} number of simulations")
        if self.simulations is not None and not 2 <= self.simulations <= 100_000:
            raise BadInput(f"simulations is {self.simulations}: expected 2 to 100000")

    @property
    def identity(self) -> str:
        """What a rating belongs to: kind, first 12 digits of the weights' sha256, and the budget."""
        parts = [self.kind]
        if self.model_sha256 is not None:
            parts.append(self.model_sha256[:12])
        if self.simulations is not None:
            parts.append(f"s{self.simulations}")
        if self.rule != "gumbel":
            parts.append(self.rule)
        return ":".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, part of the ids of matches: a rule that came later is left out where it says nothing."""
        found = asdict(self)
        if self.rule == "gumbel":
            del found["rule"]
        return found

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the spec that `as_dict` wrote."""
        return cls(**data)

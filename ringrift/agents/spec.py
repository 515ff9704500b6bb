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
#: Kinds that may have a time for each decision, in ms, and its bounds; it stands as t50ms in an identity.
TIMED: Final = ("mcts", "minimax", "gumbel-mcts")
MILLISECONDS: Final = (1, 3_600_000)


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
    milliseconds     time of each decision                          --       --
    ================ ============================================== ======== =========================

    Minimax needs no more than one of its two budgets; with none it has that number of nodes, with a depth alone at most
    a hundred million of them (`lookahead.DEPTH_NODES`). An agent with a time
    needs no other budget; with one, whatever is used up first ends its search, but gumbel-mcts takes only one of the
    two. What it plays within a time depends on the machine and its load: it cannot be played again.
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
    milliseconds: int | None = None

    def __post_init__(self) -> None:
        """Refuse kinds that do not exist and budgets that make no sense."""
        if self.kind not in AGENT_KINDS:
            raise BadInput(f"unknown agent {self.kind!r}: {nearest(self.kind, AGENT_KINDS)}")
        if (self.model_sha256 is not None) != (self.kind in WITH_MODEL):
            need = "needs a model" if self.kind in WITH_MODEL else "takes no model"
            raise BadInput(f"agent {self.kind} {need}")
        if self.milliseconds is None:
            self._take_defaults()
        elif self.kind not in TIMED:
            raise BadInput(f"agent {self.kind} takes no time")
        elif not MILLISECONDS[0] <= self.milliseconds <= MILLISECONDS[1]:
            low, high = MILLISECONDS
            raise BadInput(f"time is {self.milliseconds} ms: expected {low} to {high}")
        elif self.simulations is not None:
            raise BadInput(f"agent {self.kind} takes a number of simulations or a time, not both")
        for name, (kind, _, low, high) in BUDGETS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if kind != self.kind:
                raise BadInput(f"agent {self.kind} takes no number of {name}")
            if not low <= value <= high:
                raise BadInput(f"{name} is {value}: expected {low} to {high}")

    def _take_defaults(self) -> None:
        """Give an agent that names no budget that of its kind."""
        if self.simulations is None and self.kind == "gumbel-mcts":
            raise BadInput(f"agent {self.kind} needs a number of simulations")
        if self.rollouts is None and self.kind == "mcts":
            object.__setattr__(self, "rollouts", DEFAULT_ROLLOUTS)
        if self.depth is None and self.nodes is None and self.kind == "minimax":
            object.__setattr__(self, "nodes", DEFAULT_NODES)

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
        if self.milliseconds is not None:
            parts.append(f"t{self.milliseconds}ms")
        if self.rule != "gumbel":
            parts.append(self.rule)
        return ":".join(parts)

    @classmethod
    def parse(
        cls, text: str, model_sha256: str | None = None, simulations: int | None = None
    ) -> Self:
        """Agent from its identity without the weights, such as mcts:r500, minimax:d4:n50000 or mcts:t50ms.

        A kind alone has the budget of its kind; gumbel-mcts that of ``simulations``. ``model_sha256``: the weights of
        agents that need some. Raises BadInput where there is no such agent.
        """
        kind, *budgets = text.split(":")
        if kind not in AGENT_KINDS:
            raise BadInput(f"unknown agent {kind!r}: {nearest(kind, AGENT_KINDS)}")
        if kind in WITH_MODEL and model_sha256 is None:
            raise BadInput(f"agent {kind} needs a model")
        letters = {letter: name for name, (owner, letter, _, _) in BUDGETS.items() if owner == kind}
        found: dict[str, int] = {}
        for budget in budgets:
            name, number = letters.get(budget[:1]), budget[1:]
            if kind in TIMED and budget[:1] == "t" and budget.endswith("ms"):
                name, number = "milliseconds", budget[1:-2]
            if name is None or not (number.isascii() and number.isdecimal() and len(number) < 19):
                known = [f"{letter}NUMBER ({of})" for letter, of in letters.items()]
                known += ["tNUMBERms (time)"] if kind in TIMED else []
                hint = " or ".join(known) or "none"
                raise BadInput(f"agent {text!r}: {budget!r} is no budget, expected {hint}")
            if name in found:
                raise BadInput(f"agent {text!r}: {name} is named twice")
            found[name] = int(number)
        if kind == "gumbel-mcts" and not found and simulations is not None:
            found["simulations"] = simulations
        model = model_sha256 if kind in WITH_MODEL else None
        return cls(kind, model, **found)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, part of the ids of matches: what came later is left out where it says nothing."""
        silent = {
            "rule": "gumbel",
            "rollouts": None,
            "depth": None,
            "nodes": None,
            "milliseconds": None,
        }
        found = asdict(self).items()
        return {name: value for name, value in found if name not in silent or value != silent[name]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the spec that `as_dict` wrote."""
        return cls(**data)

"""What a person types for an agent, and the agent behind it.

====================  ==========================================================
typed                 agent
====================  ==========================================================
random                uniformly random moves
heuristic             one ply over a readable evaluation
mcts, mcts:r500       rollouts with that heuristic, 2000 or as many as named
minimax,              alpha-beta over it: 20000 positions for each decision, or
minimax:d4:n50000     the decisions ahead and positions that are named
MODEL                 Gumbel search over the model, with the given budget
policy-only:MODEL     the model's first choice, without search
====================  ==========================================================

MODEL is champion, initial, newest, a sha256 or the beginning of one, or a file. Only the first
five kinds are looked up, in the ledger of the state directory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ringrift.agents import AGENT_KINDS, AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
from ringrift.models.registry import NAMES, PREFIX
from ringrift.settings.search import SearchSettings
from ringrift.store.blobs import file_sha256

#: Kinds that a name may carry in front of its model.
_PREFIXES = ("policy-only", "gumbel-mcts")

#: Finds (sha256, file) of a name such as "champion".
Lookup = Callable[[str], tuple[str, Path]]


@dataclass(slots=True)
class AgentNames:
    """Turns what was typed into agents, and remembers where their weights are."""

    config: Config
    #: Budget of agents that search.
    simulations: int
    #: Parameters of their search.
    search: SearchSettings
    #: For models that are not given as a file.
    lookup: Lookup
    #: sha256 -> file of the models seen so far.
    paths: dict[str, Path] = field(default_factory=dict)

    def agent(self, text: str) -> AgentSpec:
        """The agent of a name; BadInput in one line if there is none."""
        if text.partition(":")[0] in AGENT_KINDS and not text.startswith(_PREFIXES):
            return AgentSpec.parse(text)
        kind, colon, name = text.partition(":")
        if not colon or kind not in _PREFIXES:
            kind, name = "gumbel-mcts", text
        if not name or name in _PREFIXES:
            raise BadInput(f"agent {text!r} needs a model, such as {kind}:champion")
        sha256 = self._model(name)
        if kind == "policy-only":
            return AgentSpec(kind, sha256)
        return AgentSpec(
            kind,
            sha256,
            simulations=self.simulations,
            max_considered=self.search.max_considered,
            c_visit=self.search.c_visit,
            c_scale=self.search.c_scale,
            rule=self.search.rule,
        )

    def path(self, sha256: str) -> Path:
        """File of a model that `agent` has found."""
        return self.paths[sha256]

    def _model(self, name: str) -> str:
        path = Path(name).expanduser()
        if path.is_file():
            sha256, found = file_sha256(path), path
        elif name in NAMES or path.suffix or "/" in name or _is_hash_start(name):
            sha256, found = self.lookup(name)
        else:
            known = [kind for kind in AGENT_KINDS if kind not in _PREFIXES]
            raise BadInput(f"unknown agent {name!r}: {nearest(name, [*known, *NAMES])}")
        self.paths[sha256] = found
        return sha256


def _is_hash_start(name: str) -> bool:
    return len(name) >= PREFIX and all(c in "0123456789abcdef" for c in name)

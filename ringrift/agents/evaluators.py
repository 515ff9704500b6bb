"""What agents with a network are made of: its evaluator (torch, or none at all where it says nothing), and its search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import load_model
from ringrift.nets.choice import default_backend
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.network import Network, knows_nothing
from ringrift.search.evaluator import Evaluator, UniformEvaluator
from ringrift.search.gumbel import SearchPool


def evaluator_of(net: Network, backend: Backend) -> Evaluator:
    """Evaluator of a network on a backend.

    An untrained network gives equal logits and equal chances in every position. Computing them over and over would
    give the same games a hundred times slower, so `UniformEvaluator` answers in its place, bit for bit the same.
    """
    if knows_nothing(net):
        return UniformEvaluator(net.config, backend.batch)
    return make_evaluator(net, backend)


def load_evaluator(
    spec: AgentSpec, config: Config, path: Path, batch: int, backend: Backend | None = None
) -> Evaluator:
    """Evaluator of so many positions over the weights of a spec; BadInput when they are broken or other ones.

    backend: what computes it, in whatever batches elsewhere; None: the default one.
    """
    model = load_model(path, config)
    if model.sha256 != spec.model_sha256:
        raise BadInput(f"{path} holds model {model.sha256[:12]}, the agent is {spec.identity}")
    kind = default_backend(batch) if backend is None else replace(backend, batch=batch)
    return evaluator_of(model.net, kind)


def pool_of(spec: AgentSpec, evaluator: Evaluator, budgets: Sequence[int]) -> SearchPool:
    """Trees for the search of a spec, under any of these numbers of simulations."""
    return SearchPool(
        evaluator,
        list(budgets),
        spec.max_considered,
        spec.c_visit,
        spec.c_scale,
        rule=spec.rule,
    )

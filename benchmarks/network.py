"""Evaluations per second of freshly made networks by the default backend, with one thread."""

from __future__ import annotations

from benchmarks.machine import Timing, repeat
from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.evaluation.match import openings
from ringrift.evaluation.spec import MatchSpec
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model
from ringrift.nets.choice import default_backend
from ringrift.nets.evaluators import make_evaluator
from ringrift.rules.legal import legal_of
from ringrift.settings import Settings

BATCH = 64
CALLS = 20
CONFIGS = ("hex8:2", "square8:2", "square19:2", "hexagonal:2")


def evaluate(name: str, repeats: int) -> Timing:
    """Evaluations per second in full batches, features included, at the size of the settings."""
    config = Config.parse(name)
    size = getattr(Settings.load().network, config.board)
    net = init_model(config, Arch(channels=size.channels, blocks=size.blocks), 1)
    evaluator = make_evaluator(net, default_backend(BATCH))
    random = AgentSpec("random")
    spec = MatchSpec(config, random, random, games=BATCH * 2, seed=1, opening_plies=20)
    states, _ = openings(spec, range(BATCH))
    legal = legal_of(config, states)

    def work() -> None:
        for _ in range(CALLS):
            evaluator.evaluate(states, legal)

    return repeat(work, items=BATCH * CALLS, repeats=repeats)


def prepare() -> None:
    """Compile."""
    evaluate("hex8:2", 1)


def timings(quick: bool) -> dict[str, Timing]:
    """Evaluations per second by config."""
    configs = CONFIGS[:2] if quick else CONFIGS
    return {f"evaluations {name}": evaluate(name, 3 if quick else 5) for name in configs}

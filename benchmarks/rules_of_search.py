"""Gumbel against plain PUCT: the same network, the same simulations, games from random openings in all seatings.

    python -m benchmarks.rules_of_search --model FILE --config hex8:2 [--games 400] [--seeds 1 2 3] [--simulations 8 16 32 64]

Prints Gumbel's score with its Wilson interval at 95%, per seed and over all seeds. Without --model both search over
equal priors and equal chances, which tells little about play with a network. With three or four seats Gumbel sits in
one seat and PUCT in the others; then the fair share is 1/3 or 1/4, and the table says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.evaluators import evaluator_of, pool_of
from ringrift.agents.network import BATCH
from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.evaluation.match import play_agents
from ringrift.evaluation.spec import MatchSpec
from ringrift.evaluation.stats import wilson_interval
from ringrift.nets.checkpoint import load_model
from ringrift.nets.choice import default_backend
from ringrift.search.evaluator import Evaluator, UniformEvaluator

#: Stands for the model where there is none.
NO_MODEL = "0" * 64


class SearchAgent:
    """An agent of one rule over a given evaluator."""

    def __init__(self, evaluator: Evaluator, spec: AgentSpec) -> None:
        """Make room for its trees."""
        assert spec.simulations is not None
        self.spec = spec
        self.config = evaluator.config
        self.pool = pool_of(spec, evaluator, [spec.simulations])

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return one action per game, without noise; see `Agent.choose`."""
        return self.pool.search(np.ascontiguousarray(states), seeds)[0]


@dataclass(frozen=True, slots=True)
class Score:
    """Gumbel's score against PUCT."""

    simulations: int
    #: None: all seeds together.
    seed: int | None
    wins: float
    games: int

    def line(self) -> str:
        """Row of the table."""
        interval = wilson_interval(self.wins, self.games)
        seed = "all" if self.seed is None else str(self.seed)
        return (
            f"| {self.simulations} | {seed} | {self.games} | {self.wins / self.games:.3f} "
            f"| {interval.low:.3f} .. {interval.high:.3f} |"
        )


def compare(
    evaluator: Evaluator,
    model_sha256: str,
    simulations: int,
    games: int,
    seeds: list[int],
    c_scale: float,
) -> Iterator[Score]:
    """Play the matches of one budget, a seed at a time, then sum them up."""
    agents = [
        SearchAgent(
            evaluator,
            AgentSpec("gumbel-mcts", model_sha256, simulations, c_scale=c_scale, rule=rule),
        )
        for rule in ("gumbel", "puct")
    ]
    total, count = 0.0, 0
    for seed in seeds:
        spec = MatchSpec(evaluator.config, agents[0].spec, agents[1].spec, games, seed)
        result = play_agents(spec, (agents[0], agents[1]))
        yield Score(simulations, seed, result.wins, len(result.games))
        total, count = total + result.wins, count + len(result.games)
    yield Score(simulations, None, total, count)


def main() -> None:
    """Parse the command line, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--config", type=Config.parse, default=Config("hex8", 2))
    parser.add_argument("--games", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--simulations", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--c-scale", type=float, default=1.0, help="of Gumbel; 0.1 in mctx")
    args = parser.parse_args()
    evaluator: Evaluator = UniformEvaluator(args.config, BATCH)
    sha256 = NO_MODEL
    if args.model is not None:
        model = load_model(args.model, args.config)
        sha256 = model.sha256
        evaluator = evaluator_of(model.net, default_backend(BATCH))
    print(f"gumbel against puct on {args.config}, model {sha256[:12]}, c_scale {args.c_scale}")
    print("| simulations | seed | games | score of gumbel | 95% |")
    print("|---|---|---|---|---|")
    for simulations in args.simulations:
        for score in compare(evaluator, sha256, simulations, args.games, args.seeds, args.c_scale):
            print(score.line(), flush=True)


if __name__ == "__main__":
    main()

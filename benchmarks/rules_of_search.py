"""Gumbel against plain PUCT, and tree reuse against none: one network, equal simulations, random openings, all seatings.

    python -m benchmarks.rules_of_search rules --model FILE [--config hex8:2] [--out FILE.jsonl] [--markdown]
    python -m benchmarks.rules_of_search reuse --model FILE --simulations 16 64

Plays 400 games for each of three seeds at 8, 16, 32 and 64 simulations, on all cores, and prints the first agent's
score with its Wilson interval at 95%, per seed and over all seeds. With --out every finished part of a match is kept,
and the next start goes on from there. Nobody plays with root noise; games differ by their openings. With three or four
seats the first agent sits in one seat and the other one in the rest; the fair share is then 1/3 or 1/4. Without
--model both search over equal priors and equal chances, which tells little about play with a network.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.search_agents import Cost, ReusingAgent, SearchAgent
from ringrift.agents.evaluators import evaluator_of
from ringrift.agents.network import BATCH
from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.evaluation.match import play_block_range
from ringrift.evaluation.spec import MatchSpec
from ringrift.evaluation.stats import Interval, wilson_interval
from ringrift.nets.checkpoint import load_model
from ringrift.nets.choice import default_backend
from ringrift.search.evaluator import Evaluator, UniformEvaluator

#: Stands for the model where there is none.
NO_MODEL: Final = "0" * 64
#: Question -> games that are played side by side and kept as one part; a reusing agent needs a slot for each.
PART: Final = {"rules": 200, "reuse": BATCH}
TITLES: Final = {"rules": "Gumbel against plain PUCT", "reuse": "tree reuse against none"}


@dataclass(frozen=True, slots=True)
class Part:
    """Some blocks of one match: all that decides their games."""

    question: str
    config: str
    model_sha256: str
    simulations: int
    seed: int
    c_scale: float
    first_block: int
    blocks: int

    def match(self) -> MatchSpec:
        """The match that it is a part of, as far as it goes."""
        config = Config.parse(self.config)

        def agent(rule: str) -> AgentSpec:
            return AgentSpec(
                "gumbel-mcts", self.model_sha256, self.simulations, c_scale=self.c_scale, rule=rule
            )

        other = "puct" if self.question == "rules" else "gumbel"
        games = (self.first_block + self.blocks) * config.players
        return MatchSpec(config, agent("gumbel"), agent(other), games, self.seed)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a part."""

    part: Part
    wins: float
    games: int
    #: What the decisions of the first agent took, and those of the other one.
    costs: tuple[Cost, Cost]

    def as_dict(self) -> dict[str, Any]:
        """One line of the file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Played:
        """Inverse of `as_dict`."""
        one, other = (Cost(**c) for c in d["costs"])
        return cls(Part(**d["part"]), d["wins"], d["games"], (one, other))


@dataclass(frozen=True, slots=True)
class Score:
    """The first agent's score over parts."""

    simulations: int
    #: None: all seeds together.
    seed: int | None
    wins: float
    games: int

    @property
    def interval(self) -> Interval:
        """Wilson interval at 95%."""
        return wilson_interval(self.wins, self.games)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"score": self.interval.as_dict()}


@cache
def evaluator_for(path: Path | None, config: Config) -> Evaluator:
    """The network of this process."""
    if path is None:
        return UniformEvaluator(config, BATCH)
    return evaluator_of(load_model(path, config).net, default_backend(BATCH))


def play(part: Part, path: Path | None) -> Played:
    """Play a part."""
    spec = part.match()
    evaluator = evaluator_for(path, spec.config)
    first = part.first_block * spec.block_size
    numbers = range(first, first + part.blocks * spec.block_size)
    one = (
        ReusingAgent(evaluator, spec.a, spec, numbers)
        if part.question == "reuse"
        else SearchAgent(evaluator, spec.a)
    )
    other = SearchAgent(evaluator, spec.b)
    games = play_block_range(spec, (one, other), part.first_block, part.blocks)
    return Played(part, sum(g.score for g in games), len(games), (one.cost, other.cost))


def parts_of(
    question: str,
    config: Config,
    sha256: str,
    simulations: Sequence[int],
    seeds: Sequence[int],
    games: int,
    c_scale: float,
) -> list[Part]:
    """All parts of a comparison, the longest first."""
    blocks, step = games // config.players, PART[question] // config.players
    return [
        Part(question, str(config), sha256, n, seed, c_scale, first, min(step, blocks - first))
        for n in sorted(simulations, reverse=True)
        for seed in seeds
        for first in range(0, blocks, step)
    ]


def scores(played: Sequence[Played]) -> list[Score]:
    """Scores by simulations: each seed, then all of them."""
    found = []
    for n in sorted({p.part.simulations for p in played}):
        rows = [p for p in played if p.part.simulations == n]
        for seed in [*sorted({p.part.seed for p in rows}), None]:
            some = [p for p in rows if seed is None or p.part.seed == seed]
            found.append(Score(n, seed, sum(p.wins for p in some), sum(p.games for p in some)))
    return found


def markdown(played: Sequence[Played]) -> str:
    """The tables: one per question, board and network."""
    lines = []
    kinds = sorted(
        {(p.part.question, p.part.config, p.part.model_sha256, p.part.c_scale) for p in played}
    )
    for question, config, sha256, c_scale in kinds:
        some = [
            p
            for p in played
            if (p.part.question, p.part.config, p.part.model_sha256, p.part.c_scale)
            == (question, config, sha256, c_scale)
        ]
        model = "no network" if sha256 == NO_MODEL else f"model {sha256[:12]}"
        lines += [f"{TITLES[question]} on {config}, {model}, c_scale {c_scale:g}:", ""]
        seeds = sorted({p.part.seed for p in some})
        heads = ["simulations", *(f"seed {s}" for s in seeds), "all", "95%", "games"]
        if question == "reuse":
            heads += ["taken over", "visits found", "evaluations a decision", "evaluations/s"]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---:|" * len(heads)]
        table = scores(some)
        for n in sorted({s.simulations for s in table}):
            by_seed = {s.seed: s for s in table if s.simulations == n}
            total = by_seed[None]
            each = [f"{by_seed[s].interval.estimate:.3f}" if s in by_seed else "-" for s in seeds]
            i = total.interval
            row = [str(n), *each, f"{i.estimate:.3f}", f"{i.low:.3f} to {i.high:.3f}"]
            row.append(f"{total.games:,}")
            if question == "reuse":
                row += costs([p for p in some if p.part.simulations == n])
            lines.append("| " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines)


def costs(played: Sequence[Played]) -> list[str]:
    """Columns of tree reuse: share of decisions that took a tree over, its visits, and the costs with and without."""

    def total(agent: int, field: str) -> float:
        return float(sum(getattr(p.costs[agent], field) for p in played))

    def ratio(agent: int, above: str, below: str) -> float:
        return total(agent, above) / max(1e-9, total(agent, below))

    return [
        f"{100 * ratio(0, 'taken_over', 'decisions'):.0f}%",
        f"{ratio(0, 'visits_found', 'taken_over'):.1f}",
        " against ".join(f"{ratio(a, 'evaluations', 'decisions'):.1f}" for a in (0, 1)),
        " against ".join(f"{ratio(a, 'evaluations', 'seconds'):,.0f}" for a in (0, 1)),
    ]


def kept(path: Path | None) -> dict[Part, Played]:
    """What a file holds already; a last line that was cut short is played again."""
    found: dict[Part, Played] = {}
    if path is not None and path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                one = Played.from_dict(json.loads(line))
            except ValueError:
                continue
            found[one.part] = one
    return found


def run(
    parts: Sequence[Part], model: Path | None, processes: int, out: Path | None
) -> Iterator[Played]:
    """Play what is not kept yet, in processes of their own; yields every part as it is done."""
    known = kept(out)
    yield from (known[part] for part in parts if part in known)
    todo = [part for part in parts if part not in known]
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    with ProcessPoolExecutor(min(processes, max(1, len(todo))), mp_context=context) as pool:
        for future in as_completed([pool.submit(play, part, model) for part in todo]):
            one = future.result()
            if out is not None:
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one.as_dict()) + "\n")
            yield one


def main() -> int:
    """Parse the command line, play, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", nargs="?", choices=tuple(PART), default="rules")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--config", type=Config.parse, default=Config("hex8", 2))
    parser.add_argument("--games", type=int, default=400, help="for each seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--simulations", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--c-scale", type=float, default=1.0, help="of Gumbel; 0.1 in mctx")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="keeps what is played, one part a line")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    if args.games < args.config.players or args.processes < 1:
        parser.error("--games and --processes: expected at least one for each seat, and at least 1")
    try:
        sha256 = load_model(args.model, args.config).sha256 if args.model else NO_MODEL
        parts = parts_of(
            args.question,
            args.config,
            sha256,
            args.simulations,
            args.seeds,
            args.games,
            args.c_scale,
        )
        for part in parts:
            part.match()
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    played = []
    for one in run(parts, args.model, args.processes, args.out):
        played.append(one)
        p = one.part
        print(
            f"{len(played)}/{len(parts)}: {p.simulations} simulations, seed {p.seed}, "
            f"{one.wins:g} of {one.games}",
            file=sys.stderr,
            flush=True,
        )
    if args.json:
        rows = [score.as_dict() for score in scores(played)]
        print(json.dumps({"scores": rows, "parts": [p.as_dict() for p in played]}, indent=1))
    else:
        print(markdown(played))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

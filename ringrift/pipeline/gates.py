"""What a candidate must show before it is promoted: its gates, and the matches that ask them.

=========  ===============================  ==================================================
gate       opponent                         passed when
=========  ===============================  ==================================================
policy     uniformly random moves; the      lower bound of the win rate ≥ policy_lower_bound
           candidate plays without search
random     uniformly random moves           lower bound of the win rate ≥ random_lower_bound
initial    its own untrained weights, same  lower bound of the win rate ≥ start_lower_bound:
           search budget                    search alone must not pass for learning
champion   the champion, same budget        the pentanomial SPRT accepts sprt_elo1
=========  ===============================  ==================================================

A gate is one match, fixed before it starts and played in chunks of whole blocks by any number of
workers. Its verdict is read from the ledger in block order, at looks that were fixed beforehand
(`evaluation.stats.decided`): how many chunks came in by then, and in which order, changes nothing.
Chunks after the deciding look are not played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from ringrift.configs import Config
from ringrift.pipeline.plan import RunPlan
from ringrift.store.ids import derived_id

if TYPE_CHECKING:
    from ringrift.agents.spec import AgentSpec
    from ringrift.evaluation.spec import MatchSpec
    from ringrift.evaluation.stats import Decision

POLICY, RANDOM, INITIAL, CHAMPION = "policy", "random", "initial", "champion"


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of one candidate: a match and what it must show."""

    #: policy, random, initial or champion.
    name: str
    #: `MatchSpec.as_dict`.
    spec: dict[str, Any]
    #: `MatchSpec.id`.
    match_id: str
    #: Lower bound that the win rate must reach; for the SPRT, the score of its null hypothesis.
    bound: float
    #: Null and alternative score of the SPRT with its errors, None for a bound.
    sprt: dict[str, float] | None = None

    @property
    def match(self) -> MatchSpec:
        """The match."""
        from ringrift.evaluation.spec import MatchSpec

        return MatchSpec.from_dict(self.spec)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a gate's match: the unit of the evaluate stage."""

    gate: str
    first_block: int
    blocks: int

    def unit(self, match_id: str) -> str:
        """Derived id of the piece."""
        return derived_id("chunk", {"match": match_id, **asdict(self)})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the games of a gate say by now."""

    #: passed, failed or open.
    decision: Decision
    #: The first so many games, in block order, decided it (or are there by now).
    games: int
    #: Games of these that the candidate won.
    wins: int
    #: Wilson interval of the win rate at 95%.
    low: float
    high: float
    #: Log-likelihood ratio of an SPRT.
    llr: float | None = None


def for_players(bound: float, players: int) -> float:
    """A bound on the win rate between two, as a bound on winning against several of the opponent.

    The odds of a Plackett–Luce model with the same ratio of strengths: s / (s + P - 1).
    """
    odds = bound / (1.0 - bound)
    return odds / (odds + players - 1)


def searching(plan: RunPlan, model: str) -> AgentSpec:
    """A network with the search of the gates: the identity that its rating belongs to."""
    from ringrift.agents.spec import AgentSpec

    return AgentSpec(
        "gumbel-mcts",
        model,
        simulations=plan.evaluation.simulations,
        max_considered=plan.search.max_considered,
        c_visit=plan.search.c_visit,
        c_scale=plan.search.c_scale,
        rule=plan.search.rule,
    )


def plan_gates(
    config: Config,
    plan: RunPlan,
    candidate: str,
    initial: str,
    champion: str | None,
    seed: int,
) -> list[Gate]:
    """The gates of a candidate. All agents with a network search with the same budget."""
    from ringrift.agents.spec import AgentSpec
    from ringrift.evaluation.spec import MatchSpec
    from ringrift.evaluation.stats import score_of_elo

    rules = plan.evaluation

    def gate(
        name: str,
        opponent: AgentSpec,
        bound: float,
        sprt: dict[str, float] | None = None,
        own: AgentSpec | None = None,
    ) -> Gate:
        spec = MatchSpec(
            config=config,
            a=own or searching(plan, candidate),
            b=opponent,
            games=rules.max_games,
            seed=seed,
            opening_plies=rules.opening_decisions,
        )
        return Gate(name, spec.as_dict(), spec.id, bound, sprt)

    policy = AgentSpec("policy-only", candidate)
    policy_bound = for_players(rules.policy_lower_bound, config.players)
    gates = [
        gate(POLICY, AgentSpec("random"), policy_bound, own=policy),
        gate(RANDOM, AgentSpec("random"), for_players(rules.random_lower_bound, config.players)),
        gate(
            INITIAL, searching(plan, initial), for_players(rules.start_lower_bound, config.players)
        ),
    ]
    if champion is not None:
        score0 = for_players(score_of_elo(rules.sprt_elo0), config.players)
        score1 = for_players(score_of_elo(rules.sprt_elo1), config.players)
        test = {
            "score0": score0,
            "score1": score1,
            "alpha": rules.sprt_alpha,
            "beta": rules.sprt_beta,
        }
        gates.append(gate(CHAMPION, searching(plan, champion), score0, test))
    return gates


def chunks(gate: Gate, games_per_chunk: int) -> list[Chunk]:
    """The pieces of a gate's match, in order."""
    match = gate.match
    step = max(1, games_per_chunk // match.block_size)
    return [
        Chunk(gate.name, first, min(step, match.blocks - first))
        for first in range(0, match.blocks, step)
    ]


def judge(gate: Gate, scores: Mapping[int, float], min_games: int) -> Verdict:
    """The verdict on the games that are there: number of the game -> score of the candidate.

    Only the unbroken prefix of whole blocks counts, and of it the first look that decides.
    """
    from ringrift.evaluation.stats import Decision, decided, look_schedule, wilson_interval

    match = gate.match
    prefix = 0
    while prefix in scores:
        prefix += 1
    prefix -= prefix % match.block_size
    wins = [0.0]
    for number in range(prefix):
        wins.append(wins[-1] + scores[number])

    def verdict(decision: Decision, games: int, llr: float | None = None) -> Verdict:
        interval = wilson_interval(wins[games], games)
        return Verdict(decision, games, round(wins[games]), interval.low, interval.high, llr)

    if gate.sprt is not None:
        return _judge_sprt(gate, scores, prefix, min_games, verdict)
    for games in look_schedule(match.max_games, match.block_size):
        if games > prefix:
            break
        if games < min_games and games < match.max_games:
            continue
        decision = decided(wins[games], games, gate.bound, match.max_games)
        if decision is not Decision.OPEN:
            return verdict(decision, games)
    return verdict(Decision.OPEN, prefix)


def _judge_sprt(
    gate: Gate, scores: Mapping[int, float], prefix: int, min_games: int, verdict: Any
) -> Verdict:
    from ringrift.evaluation.sprt import Sprt
    from ringrift.evaluation.stats import Decision

    match = gate.match
    test = Sprt(**(gate.sprt or {}))
    size = match.block_size
    counts = [0] * (size + 1)
    llr = 0.0
    for block in range(prefix // size):
        counts[round(sum(scores[block * size + i] for i in range(size)))] += 1
        games = (block + 1) * size
        if games < min_games:
            continue
        llr = test.llr(counts)
        decision = test.decide(counts)
        if decision is not Decision.OPEN:
            found: Verdict = verdict(decision, games, llr)
            return found
    # Undecided after all games is no evidence of strength: the champion stays.
    end = Decision.FAILED if prefix >= match.max_games else Decision.OPEN
    last: Verdict = verdict(end, prefix, llr)
    return last


def elo_difference(gate: Gate, verdict: Verdict) -> int | None:
    """Elo that the candidate is ahead of its opponent; None for more than two seats and at 0% or 100%."""
    from ringrift.evaluation.stats import elo_of_score

    if gate.match.config.players != 2 or not 0 < verdict.wins < verdict.games:
        return None
    return round(elo_of_score(verdict.wins / verdict.games))


def elo_text(figures: Mapping[str, Any]) -> str:
    """Return `, +178 Elo` of a gate's figures, or nothing."""
    elo = figures.get("elo")
    return "" if elo is None else f", {elo:+d} Elo"


def shown_weaker(said: Sequence[tuple[Gate, Verdict]]) -> bool:
    """Whether a match shows the candidate to be weaker than an equal network would be.

    A candidate that is not promoted may still play selfplay games and be trained on, as long as
    nothing shows that learning went backwards: the upper bound against its initial weights, and
    against the champion, reaches the score of equals.
    """
    for gate, verdict in said:
        equal = 1.0 / gate.match.config.players
        if gate.name in (INITIAL, CHAMPION) and verdict.games and verdict.high < equal:
            return True
    return False


def all_passed(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing speaks against a promotion."""
    from ringrift.evaluation.stats import Decision

    return bool(verdicts) and all(v.decision is Decision.PASSED for v in verdicts)

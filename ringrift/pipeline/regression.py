"""Going back: a champion that is shown to be weaker than the one before it loses its seat.

Asked after each match beside the runs (`pipeline.beside`), of all games that the two played against
each other with the same search budget: those of its own gate, of shadow matches, of tournaments and
those that somebody played by hand. Its gate counts, though it was stopped when it looked good: so
many looks, each at 99.9%, that follow do not take back whom a long gate has shown to be stronger.

With more than two seats only matches count in which the champion has one seat and the other all
others, as in its gate and in shadow matches: the score of equals is another the other way round.

The seat, what may play selfplay and the events are one transaction. The run that is open meanwhile goes
on, and ends rejected: its evidence is about a champion that is none any more (`pipeline.gauntlet`).
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from ringrift.configs import Config
from ringrift.errors import BadInput, NegativeVerdict
from ringrift.events.payloads import RegressionDetected
from ringrift.pipeline.context import Context
from ringrift.pipeline.events import model_rolled_back, regression_detected
from ringrift.store import matches, models
from ringrift.store.ledger import MASTER, Tx, standing_fence
from ringrift.store.matches import MatchRow
from ringrift.store.models import PromotionRow

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all games of two networks say of the first of them."""

    model: str
    against: str
    #: The newest of the matches that have games.
    match: str
    games: int
    #: Games that `model` won.
    wins: float
    #: Wilson interval of its score at `evaluation.stats.INTERIM_CONFIDENCE`.
    low: float
    high: float
    #: Score of equals.
    equal: float

    @property
    def weaker(self) -> bool:
        """Whether `model` is shown to be the weaker one."""
        return self.games > 0 and self.high < self.equal

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"won {self.wins:g} of {self.games} games against {self.against[:12]}, the champion "
            f"before it ({self.wins / self.games:.3f}, 99.9% {self.low:.3f}-{self.high:.3f}, "
            f"equals {self.equal:.3f})"
        )


@dataclass(frozen=True, slots=True)
class Back:
    """What going back did."""

    config: str
    #: sha256 of the model that was champion, and of the one that is.
    model: str
    restored: str
    #: Models that play selfplay no more: the one, and what was trained from it.
    withdrawn: tuple[str, ...]
    reason: str


def evidence(tx: Tx, config: Config, model: str, against: str) -> Evidence | None:
    """All games of two networks with the same search budget; None without any."""
    from ringrift.evaluation.stats import INTERIM_CONFIDENCE, wilson_interval

    games, wins, newest = 0, 0.0, ""
    for match in matches.between(tx, str(config), model, against):
        side = _side(match, config, model, against)
        scores = matches.wins_by_number(tx, match.id) if side is not None else {}
        if scores:
            games, newest = games + len(scores), match.id
            won = sum(scores.values())
            wins += won if side == "a" else len(scores) - won
    if not games:
        return None
    found = wilson_interval(wins, games, INTERIM_CONFIDENCE)
    return Evidence(
        model, against, newest, games, wins, found.low, found.high, 1.0 / config.players
    )


def _side(match: MatchRow, config: Config, model: str, against: str) -> str | None:
    """Which side `model` has in a match that counts, else None."""
    a, b = dict(match.spec["a"]), dict(match.spec["b"])
    pair = (a.pop("model_sha256", None), b.pop("model_sha256", None))
    if a != b:  # kind, budget and constants of the search
        return None
    if pair == (model, against):
        return "a"
    return "b" if pair == (against, model) and config.players == 2 else None


def look(ctx: Context, config: Config) -> Back | None:
    """Go back where the games in the ledger ask for it; what was done. StaleFence.

    On behalf of the master that stands now, as a promotion is made. Whoever looks again finds another
    champion, and so does the second of two who look at once.
    """
    least = ctx.settings.of(config).evaluation.rollback_min_games
    with ctx.ledger.read() as tx:
        if _regressed(tx, config, least) is None:
            return None
        fence = ctx.fence or standing_fence(tx, MASTER)
    with ctx.ledger.write(fence) as tx:
        found = _regressed(tx, config, least)
        if found is None:
            return None
        regression_detected(
            tx,
            RegressionDetected(
                config=str(config),
                model=found.model,
                against=found.against,
                match=found.match,
                games=found.games,
                low=found.low,
                high=found.high,
            ),
        )
        row = models.get_model(tx, found.against)
        kept = row is not None and row.pruned_at is None
        done = go_back(tx, config, str(found)) if kept else None
    if done is None:
        log.error(
            "the champion is weaker than the one before it, whose file was pruned: "
            "models.keep_champions keeps it",
            config=str(config),
            model=found.model[:12],
        )
    else:
        log.warning(
            "champion taken back",
            config=str(config),
            model=done.model[:12],
            restored=done.restored[:12],
            reason=done.reason,
        )
    return done


def _regressed(tx: Tx, config: Config, least: int) -> Evidence | None:
    """What shows that the champion is weaker than the one before it; None if so many games do not."""
    line = models.line(tx, str(config))
    if not least or len(line) < 2:
        return None
    found = evidence(tx, config, line[0].model, line[1].model)
    return found if found is not None and found.games >= least and found.weaker else None


def go_back(tx: Tx, config: Config, reason: str, to: str | None = None) -> Back:
    """Make the champion before the present one champion again, or the one named `to`, and tell it.

    Those in between, and all that was trained from them, play selfplay no more. BadInput where there
    is none to go back to, NegativeVerdict where somebody else changed the champion meanwhile.
    """
    line = models.line(tx, str(config))
    target = _target(config, line, to)
    row = models.get_model(tx, target.model)
    if row is None or row.pruned_at is not None:
        raise BadInput(
            f"{target.model[:12]} cannot be champion of {config} again: its file was pruned "
            "(models.keep_champions)"
        )
    holder = line[0]
    if not models.restore(tx, holder=holder.model, promotion=target):
        raise NegativeVerdict(f"{config} has another champion than {holder.model[:12]} by now")
    over = [row.model for row in line[: line.index(target)]]
    gone = models.withdraw(tx, str(config), over)
    model_rolled_back(tx, holder.run_id, str(config), holder.model, target.model, reason)
    return Back(str(config), holder.model, target.model, tuple(gone), reason)


def _target(config: Config, line: list[PromotionRow], to: str | None) -> PromotionRow:
    """The promotion to go back to."""
    if not line:
        raise BadInput(f"{config} has no champion yet: there is nothing to go back from")
    if len(line) == 1:
        raise BadInput(f"{config} had no champion before {line[0].model[:12]}")
    found = [row for row in line[1:] if to is None or row.model == to]
    if not found:
        known = ", ".join(row.model[:12] for row in line[1:])
        raise BadInput(
            f"{str(to)[:12]} was no champion of {config} before {line[0].model[:12]}: "
            f"expected one of {known}"
        )
    return found[0]

"""Which models keep their files.

==============================================  ================================================
its file stays, as it                           since
==============================================  ================================================
is the champion                                 it plays, and is what candidates are held against
plays selfplay                                  the next run begins with it
is untrained                                    gates and ratings go back to it
is the start, champion or candidate of an open  that run needs it
run, or played a game that it goes on from
is to play a match that is planned              that match needs it
was champion (the last `champions` before the   a regression goes back to it; tournaments
present one; none that was taken back)
is a newest candidate (the last `candidates`)   so do people who look
was brought here by hand                        nobody can make it again
==============================================  ================================================

Any other file goes. Its row, its games and its evidence stay: ratings and promotions remain what they
were. Nothing is decided by the age of a file, and nothing here removes one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ringrift.store import games, matches, models, runs
from ringrift.store.ledger import Tx
from ringrift.store.matches import MatchRow
from ringrift.store.models import ModelRow

#: A planned match that is not played by then was lost; another one has made up for it since.
PLANNED_SECONDS: Final = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Rule:
    """How much is kept beyond what is needed."""

    #: Newest trained models of a config.
    candidates: int
    #: Champions before the present one.
    champions: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the file of one model."""

    model: ModelRow
    #: Why it stays, what matters most first; empty where it goes or is gone.
    reasons: tuple[str, ...]

    @property
    def goes(self) -> bool:
        """Whether the file is to be given up now."""
        return not self.reasons and self.model.pruned_at is None


def judge(tx: Tx, config: str, rule: Rule) -> list[Verdict]:
    """What becomes of each model of a config, oldest first."""
    rows = models.models_of(tx, config)
    kept = needed(tx, config)
    earlier = [row.model for row in models.line(tx, config)[1:]]
    for number, sha256 in enumerate(earlier[: rule.champions], start=1):
        kept[sha256].append(f"champion {number} before the present one")
    trained = [row.sha256 for row in rows if row.kind == models.CANDIDATE]
    for number, sha256 in enumerate(reversed(trained[-rule.candidates :]), start=1):
        among = f"one of the {rule.candidates} newest candidates"
        kept[sha256].append("newest candidate" if number == 1 else among)
    for row in rows:
        if row.kind == models.IMPORTED:
            kept[row.sha256].append("brought here by hand")
    return [
        Verdict(row, tuple(kept.get(row.sha256, ())) if row.pruned_at is None else ())
        for row in rows
    ]


def needed(tx: Tx, config: str) -> dict[str, list[str]]:
    """sha256 of each model of a config that something plays or is about to play -> why."""
    why: dict[str, list[str]] = defaultdict(list)
    for sha256, reason in _uses(tx, config):
        why[sha256].append(reason)
    return why


def _uses(tx: Tx, config: str) -> Iterator[tuple[str, str]]:
    champion = models.champion(tx, config)
    if champion is not None:
        yield champion, "champion"
    newest = models.newest_accepted(tx, config)
    if newest is not None:
        yield newest.sha256, "plays selfplay"
    for row in models.models_of(tx, config, models.INITIAL):
        yield row.sha256, "untrained"
    for run in runs.open_runs(tx, config):
        yield run.start_model, f"start of {run.name}"
        if run.champion is not None and not run.backfill:  # which has no gates
            yield run.champion, f"champion when {run.name} was opened"
        candidate = models.candidate_of(tx, run.id)
        if candidate is not None:
            yield candidate.sha256, f"candidate of {run.name}"
        for sha256 in games.players_of(tx, run.plan.get("archive", ())):
            yield sha256, f"played games that {run.name} goes on from"
    for match in matches.unplayed(tx, config, tx.now - PLANNED_SECONDS):
        for sha256 in players(match):
            yield sha256, f"is to play a {match.purpose} match"


def players(match: MatchRow) -> list[str]:
    """sha256 of the models of a match."""
    sides: list[dict[str, Any]] = [match.spec.get(side) or {} for side in ("a", "b")]
    return [side["model_sha256"] for side in sides if side.get("model_sha256")]

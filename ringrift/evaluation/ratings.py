"""Elo ratings from whole games, whatever their order: a Plackett–Luce fit with fixed anchors.

One model serves 2 to 4 seats. The order of finish is drawn place by place, each place with
probability proportional to the strength exp(theta) of the seats still without a place
(Luce 1959; Plackett 1975). With two seats this is Bradley–Terry, which is Elo's logistic curve.
Seats are permuted inside blocks, so the advantage of a seat is not part of the model.

The fit is the maximum of a concave function of all games at once: the order in which games were
played or delivered cannot matter, and playing the same ledger twice gives the same ratings.

Legend: `k` agents, `theta` strength in nats, Elo = theta * ELO_PER_NAT.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput
from ringrift.evaluation.stats import CONFIDENCE, ELO_PER_NAT, normal_quantile

#: Standard deviation of the prior, in Elo. It keeps the rating of an agent that never lost (or
#: never won) finite: 400 wins out of 400 against one anchor give about +1,150. With a few dozen
#: games on both sides of the result it moves a rating by less than a point in ten.
PRIOR_SD = 600.0

#: Newton steps; the fit needs about ten, the bound is for lopsided ledgers.
MAX_STEPS = 200

#: A step shorter than this, in nats (about 2e-7 Elo), ends the fit.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class RatedGame:
    """One game of the ledger: who sat where and how it ended. Seats already follow a pie swap."""

    #: Rated identity of the agent of each seat (weights' sha256 and budget, never a name).
    agents: tuple[str, ...]
    #: Final rank of each seat, 1 for the winner; equal ranks are ties (1, 2, 2, 4).
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """The rating of one agent, in Elo points."""

    #: Rated identity.
    agent: str
    #: Estimate.
    elo: float
    #: Lower bound, equal to the estimate for an anchor.
    low: float
    #: Upper bound.
    high: float
    #: Games with this agent in at least one seat.
    games: int
    #: Whether the rating is fixed by definition.
    anchored: bool
    #: Whether games link the agent to an anchor; without, only the prior places it.
    connected: bool

    def as_dict(self) -> dict[str, object]:
        """The fields, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


#: One distinct order of finish: groups of agent numbers, best group first, ties in one group.
_Finish = tuple[tuple[int, ...], ...]


def fit_ratings(
    games: Iterable[RatedGame],
    anchors: Mapping[str, float],
    confidence: float = CONFIDENCE,
) -> dict[str, Rating]:
    """Rate every agent of `games` and of `anchors`, the anchors held at the given Elo.

    Maximises sum log P(order of finish) - sum (theta - prior mean)^2 / (2 PRIOR_SD^2) by Newton's
    method (Hunter 2004 shows that the likelihood is concave in theta). The prior mean is the mean of the
    anchors, 0 without any. Ties use Breslow's approximation (1974); a tie for the last
    places says nothing about the order among them and adds nothing. Bounds are the normal
    approximation at the maximum, from the inverse of the full Hessian (Laplace).
    """
    finishes: Counter[_Finish] = Counter()
    number: dict[str, int] = {name: i for i, name in enumerate(sorted(anchors))}
    played: Counter[str] = Counter()
    links = _Links()
    for game in games:
        _check(game)
        for name in game.agents:
            number.setdefault(name, len(number))
        played.update(set(game.agents))
        links.join(game.agents)
        finishes[_finish(game, number)] += 1

    names = list(number)
    fixed = np.array([name in anchors for name in names], dtype=bool)  # [k]
    mean = float(np.mean(list(anchors.values()))) / ELO_PER_NAT if anchors else 0.0
    theta = np.array([anchors.get(name, mean * ELO_PER_NAT) / ELO_PER_NAT for name in names])  # [k]
    theta, covariance = _maximise(finishes, theta, fixed, mean)

    z = normal_quantile(confidence)
    reached = links.component_of(anchors)
    ratings = {}
    for i, name in enumerate(names):
        half = 0.0 if fixed[i] else z * float(np.sqrt(covariance[i, i])) * ELO_PER_NAT
        elo = float(anchors[name]) if fixed[i] else float(theta[i]) * ELO_PER_NAT
        ratings[name] = Rating(
            agent=name,
            elo=elo,
            low=elo - half,
            high=elo + half,
            games=played[name],
            anchored=bool(fixed[i]),
            connected=name in reached,
        )
    return ratings


def _check(game: RatedGame) -> None:
    seats = len(game.agents)
    if seats < 2 or len(game.ranks) != seats or not all(1 <= r <= seats for r in game.ranks):
        raise BadInput(f"a rated game needs an agent and a rank per seat, not {game}")


def _finish(game: RatedGame, number: Mapping[str, int]) -> _Finish:
    """The order of finish, equal for games that say the same."""
    by_rank: dict[int, list[int]] = {}
    for name, rank in zip(game.agents, game.ranks, strict=True):
        by_rank.setdefault(rank, []).append(number[name])
    return tuple(tuple(sorted(by_rank[rank])) for rank in sorted(by_rank))


def _maximise(
    finishes: Mapping[_Finish, int],
    theta: NDArray[np.float64],  # [k]
    fixed: NDArray[np.bool_],  # [k]
    mean: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """theta[k] at the maximum, and its covariance[k, k] (zero rows for fixed agents)."""
    free = np.flatnonzero(~fixed)
    covariance = np.zeros((theta.size, theta.size))
    if free.size == 0:
        return theta, covariance
    value, gradient, hessian = _objective(finishes, theta, free, mean)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(-hessian, gradient)  # [free], uphill since -hessian > 0
        # Halve the step until it does not go down: far from the maximum Newton may overshoot.
        while True:
            trial = theta.copy()
            trial[free] += step
            new = _objective(finishes, trial, free, mean)
            if new[0] >= value or float(np.max(np.abs(step))) < TOLERANCE:
                break
            step = step / 2.0
        theta, (value, gradient, hessian) = trial, new
        if float(np.max(np.abs(step))) < TOLERANCE:
            break
    covariance[np.ix_(free, free)] = np.linalg.inv(-hessian)
    return theta, covariance


def _objective(
    finishes: Mapping[_Finish, int],
    theta: NDArray[np.float64],  # [k]
    free: NDArray[np.intp],  # [f]
    mean: float,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Log posterior, its gradient[f] and Hessian[f, f] over the free agents."""
    k = theta.size
    sd = PRIOR_SD / ELO_PER_NAT
    value = 0.0
    gradient = np.zeros(k)
    hessian = np.zeros((k, k))
    for groups, count in finishes.items():
        left = [a for group in groups for a in group]  # seats still without a place
        for group in groups[:-1]:
            seats = np.array(left)  # an agent in two seats appears twice
            top = theta[seats].max()
            weight = np.exp(theta[seats] - top)
            share = np.zeros(k)  # probability that the next place goes to each agent
            np.add.at(share, seats, weight / weight.sum())
            size = len(group)
            picked = np.array(group)
            logsum = top + np.log(weight.sum())
            value += count * float(theta[picked].sum() - size * logsum)
            np.add.at(gradient, picked, count)
            gradient -= count * size * share
            hessian -= count * size * (np.diag(share) - np.outer(share, share))
            left = left[size:]
    off = theta[free] - mean
    value -= float(np.sum(off * off)) / (2.0 * sd * sd)
    gradient = gradient[free] - off / (sd * sd)
    hessian = hessian[np.ix_(free, free)] - np.eye(free.size) / (sd * sd)
    return value, gradient, hessian


class _Links:
    """Which agents are linked by games, directly or through others (union–find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def _root(self, name: str) -> str:
        self._parent.setdefault(name, name)
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, names: Sequence[str]) -> None:
        """Put all `names` into one component."""
        first = self._root(names[0])
        for name in names[1:]:
            self._parent[self._root(name)] = first

    def component_of(self, anchors: Iterable[str]) -> set[str]:
        """Every agent linked to one of `anchors`, the anchors included."""
        roots = {self._root(a) for a in anchors}
        return {name for name in list(self._parent) if self._root(name) in roots}

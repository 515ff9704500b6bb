"""The losses: a list of small objects, each a name, a weight and a formula.

Legend of shapes: B rows, K widest legal list, P seats, Q policy planes, S side of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ringrift.nets.network import Outputs
from ringrift.training.dataset import Batch
from ringrift.training.spec import TrainSpec


class Loss(Protocol):
    """One term of the total."""

    @property
    def name(self) -> str:
        """Key in reports."""

    @property
    def weight(self) -> float:
        """Factor in the total."""

    def rows(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return float32[B], the loss of each row."""


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Cross entropy of the search's policy and the network's, over the legal actions.

    Rows without a policy target count 0; dividing by the part of rows that have one makes the weight of a row with
    a target independent of how many have none.
    """

    #: Part of the dataset's rows that have a target.
    full_share: float
    weight: float = 1.0
    name: str = "policy"

    def rows(self, outputs: Outputs, batch: Batch) -> Tensor:
        """float32[B]."""
        logits = torch.cat((outputs.policy.flatten(1), outputs.tail), dim=1)  # [B, Q*S*S + 2]
        chosen = logits.gather(1, batch.legal)  # [B, K]
        beyond = torch.arange(chosen.shape[1], device=chosen.device)[None, :] >= batch.count[
            :, None
        ].clamp(min=1)
        chosen = chosen.masked_fill(beyond, -1e9)
        entropy = torch.logsumexp(chosen, 1) - (batch.target * chosen).sum(1)
        return entropy * (batch.count > 0) / max(self.full_share, 1e-6)


@dataclass(frozen=True, slots=True)
class ValueLoss:
    """Cross entropy of who won and the network's shares of seats."""

    weight: float
    name: str = "value"

    def rows(self, outputs: Outputs, batch: Batch) -> Tensor:
        """float32[B]."""
        return -(batch.value * functional.log_softmax(outputs.value, 1)).sum(1)


@dataclass(frozen=True, slots=True)
class TerritoryLoss:
    """Cross entropy of each cell's final owner, mean over the cells of the board."""

    weight: float
    name: str = "territory"

    def rows(self, outputs: Outputs, batch: Batch) -> Tensor:
        """float32[B]."""
        cells = functional.cross_entropy(
            outputs.territory, batch.territory, ignore_index=-100, reduction="none"
        )  # [B, S, S], 0 off board
        return cells.sum((1, 2)) / (batch.territory >= 0).sum((1, 2))


@dataclass(frozen=True, slots=True)
class EliminatedLoss:
    """Squared error of the final eliminated rings, in units of VT, mean over seats."""

    weight: float
    name: str = "eliminated"

    def rows(self, outputs: Outputs, batch: Batch) -> Tensor:
        """float32[B]."""
        return ((outputs.eliminated - batch.eliminated) ** 2).mean(1)


def losses_of(spec: TrainSpec, full_share: float) -> tuple[Loss, ...]:
    """All terms that have a weight."""
    terms: tuple[Loss, ...] = (
        PolicyLoss(full_share),
        ValueLoss(spec.value_weight),
        TerritoryLoss(spec.territory_weight),
        EliminatedLoss(spec.eliminated_weight),
    )
    return tuple(term for term in terms if term.weight > 0)


def total_loss(
    terms: tuple[Loss, ...], outputs: Outputs, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum, and each term by name: means over the rows by their weights."""
    share = batch.weight / batch.weight.sum().clamp(min=1e-9)
    parts = {term.name: (term.rows(outputs, batch) * share).sum() for term in terms}
    total = torch.stack([term.weight * parts[term.name] for term in terms]).sum()
    return total, parts

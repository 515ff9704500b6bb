"""Losses on games that training never sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ringrift.nets.network import Network
from ringrift.training.dataset import Batcher, Dataset
from ringrift.training.losses import Loss, PolicyLoss


@dataclass(frozen=True, slots=True)
class HeldoutReport:
    """How a network does on held-out rows."""

    #: name -> mean loss, and ``value_accuracy``: how often the likeliest seat won. Empty without rows.
    losses: dict[str, float]
    #: float32[n, P] value logits, mover first.
    value_logits: Tensor
    #: float32[n, P] who won.
    value_target: Tensor


@torch.no_grad()
def measure_heldout(
    net: Network, dataset: Dataset, batcher: Batcher, terms: tuple[Loss, ...], rows: int, size: int
) -> HeldoutReport:
    """Mean losses over at most `rows` held-out rows, evenly spaced, in batches of `size`, no symmetry."""
    chosen = dataset.heldout_rows
    if len(chosen) > rows:
        chosen = chosen[np.linspace(0, len(chosen) - 1, rows).astype(np.int64)]
    players = dataset.config.players
    empty = torch.zeros(0, players)
    if not len(chosen):
        return HeldoutReport({}, empty, empty)
    was_training = net.training
    net.eval()
    sums = dict.fromkeys([term.name for term in terms], 0.0)
    hits = total = full = 0.0
    logits, targets = [], []
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        batch = batcher.make(part, np.zeros(len(part), np.int64)).to(net.mask.device)
        outputs = net(batch.planes, batch.scalars)
        for term in terms:
            # Here the policy's mean is over the rows that have a target, whatever their share.
            scale = term.full_share if isinstance(term, PolicyLoss) else 1.0
            sums[term.name] += float((term.rows(outputs, batch) * batch.weight).sum()) * scale
        right = outputs.value.argmax(1) == batch.value.argmax(1)
        hits += float((right * batch.weight).sum())
        full += float(((batch.count > 0) * batch.weight).sum())
        total += float(batch.weight.sum())
        logits.append(outputs.value.float().cpu())
        targets.append(batch.value.cpu().clone())
    net.train(was_training)
    losses = {
        name: value / max(full if name == "policy" else total, 1e-9) for name, value in sums.items()
    }
    losses["total"] = sum(term.weight * losses[term.name] for term in terms)
    losses["value_accuracy"] = hits / max(total, 1e-9)
    return HeldoutReport(losses, torch.cat(logits), torch.cat(targets))

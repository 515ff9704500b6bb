"""How far an evaluator is from its network in float32."""

import dataclasses

import numpy as np
import torch

from ringrift.nets.backend import Bounds
from ringrift.nets.kernels.features import write_features
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from tests.nets.positions import actions_of


def by_hand(net, states):
    """Logits and values straight from the network in evaluation mode, read out by other means than the evaluators'."""
    t, players = tables(net.config.board), net.config.players
    planes = np.zeros((len(states), net.side, net.side, net.inputs), np.float32)
    scalars = np.zeros((len(states), net.scalars), np.float32)
    write_features(states, len(states), t, players, planes, scalars)
    with torch.no_grad():
        out = net(torch.from_numpy(planes).permute(0, 3, 1, 2), torch.from_numpy(scalars))
    policy = out.policy.numpy()[:, :, t.row, t.bit].reshape(len(states), -1)
    logits = np.concatenate([policy, out.tail.numpy()], 1)
    shares = torch.softmax(out.value, 1).numpy()
    movers = states[:, k.F_SCALAR, k.S_PLAYER].astype(int)
    values = np.stack([np.roll(row, m - 1) for row, m in zip(shares, movers, strict=True)])
    return logits, values


def _log_shares(logits):
    """float64 logarithms of the softmax."""
    logits = logits.astype(np.float64) - logits.max()
    return logits - np.log(np.exp(logits).sum())


def distance(exact, found, states, config):
    """The largest differences between two answers (logits, values) on the same states, as Bounds."""
    log_policy = divergence = 0.0
    for i in range(len(states)):
        legal = actions_of(config, states, i)
        p, q = _log_shares(exact[0][i, legal]), _log_shares(found[0][i, legal])
        log_policy = max(log_policy, np.abs(p - q).max())
        divergence = max(divergence, (np.exp(p) * (p - q)).sum())
    return Bounds(float(np.abs(exact[1] - found[1]).max()), log_policy, divergence)


def within(found, bounds):
    """Whether each of the differences is at most its bound."""
    pairs = zip(dataclasses.astuple(found), dataclasses.astuple(bounds), strict=True)
    return all(difference <= bound for difference, bound in pairs)

"""Evaluators that need no network: what they say follows from the state alone."""

import hashlib

import numpy as np

from ringrift.rules.boards import board
from ringrift.rules.kernels import constants as k
from ringrift.search.evaluator import AtOnce


class HashEvaluator(AtOnce):
    """Logits and values drawn from a hash of the state: arbitrary, but always the same ones."""

    def __init__(self, config, batch_size=64, spread=1.0):
        """Spread: standard deviation of the logits."""
        self.config = config
        self.batch_size = batch_size
        self.calls = 0
        actions = board(config.board).num_actions(config.players)
        #: A state's logits are a stretch of this table, from a place that its hash picks.
        self.table = np.random.default_rng(7).normal(0, spread, 2 * actions).astype(np.float32)
        self.actions = actions

    def evaluate(self, states, legal):
        """Logits float32[L] of the legal actions and values float32[B, P] of states uint16[B, 6, N]."""
        assert len(states) <= self.batch_size
        self.calls += 1
        logits = np.empty(len(legal.actions), np.float32)
        values = np.empty((len(states), self.config.players), np.float32)
        for row, state in enumerate(states):
            seed = int.from_bytes(hashlib.sha256(state.tobytes()).digest()[:8], "little")
            start = seed % self.actions
            part = slice(legal.start[row], legal.start[row + 1])
            logits[part] = self.table[start + legal.actions[part]]
            values[row] = np.random.default_rng(seed).dirichlet(np.ones(self.config.players))
        return logits, values


class SeatEvaluator(AtOnce):
    """Equal priors, and values that a function of the scalars gives."""

    def __init__(self, config, value, batch_size=16):
        """Value: scalars uint16[N] of a state -> win probability per seat."""
        self.config = config
        self.batch_size = batch_size
        self.value = value
        self.actions = board(config.board).num_actions(config.players)

    def evaluate(self, states, legal):
        """Logits float32[L], all 0, and values float32[B, P]."""
        values = [self.value(state[k.F_SCALAR]) for state in states]
        return np.zeros(len(legal.actions), np.float32), np.array(values, np.float32)

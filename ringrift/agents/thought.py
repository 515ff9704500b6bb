"""What a thought says while it goes on, and what decides its random numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.canonical import canonical_text
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k


@dataclass(frozen=True, slots=True)
class Info:
    """What a search has found so far."""

    #: Decisions of the principal variation.
    depth: int
    #: Simulations, of all decisions of this move together.
    nodes: int
    #: What is expected to be played, from the position on: codes of decisions.
    actions: tuple[int, ...]
    #: Chance of each seat to win, seat 1 first; None where the agent does not know.
    value: tuple[float, ...] | None = None


class Waiting(Enum):
    """The step of a thought that has done all it can and goes on only because nobody has stopped it."""

    FOR_STOP = True


#: What one slice of thinking yields: news, nothing new, or that it waits; at the end a code.
Thought = Generator[Info | Waiting | None, None, int]


def seed_of(config: Config, states: NDArray[np.uint16], seed: int) -> int:
    """Random seed of a decision: of the position and the seed alone, whatever was asked before."""
    game = Game(config, states)
    half = int(states[0, k.F_SCALAR, k.S_SLIDE])
    text = f"{seed} {half} {canonical_text(game.state_plus())}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")

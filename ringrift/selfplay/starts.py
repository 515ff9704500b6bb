"""Where games begin: at the opening, after some moves drawn from the policy, or inside a stored game.

All games of a shard are dealt their starts before the first is played, each by its own seed and by streams of its own,
so that a game that begins as usual is the same with and without them:

    archive    a part of the games goes on from the middle of a stored game: any of the archive, any of the middle
               half of its searched decisions. The record repeats the moves up to there and names the stored game.
    opening    a part of the others draws its first decisions from the network's policy; how many follows an
               exponential distribution (Wu 2019, appendix D; KataGo does it in every game).
    opening position, searched: all others
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.data.replay import replay_record
from ringrift.errors import BadInput
from ringrift.rules.boards import board
from ringrift.rules.game_record import Origin
from ringrift.rules.records import GameRecord, RecordReader

if TYPE_CHECKING:
    from ringrift.selfplay.pool import SelfplayParameters

#: Part of the searched decisions of a stored game that lies before, and after, the places where one may begin: what is
#: near the opening is played often enough, and near the end there is little left to be decided.
MARGIN: Final = 0.25


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a game that does not begin as all others do."""

    #: uint16[1, F, N]; None: the opening position.
    state: NDArray[np.uint16] | None = None
    #: Moves that led to it.
    moves: tuple[str, ...] = ()
    #: Decisions among them.
    decisions: int = 0
    #: The stored game that it is taken from.
    origin: Origin | None = None
    #: Decisions to be drawn from the policy.
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored game in which others may begin."""

    record: GameRecord
    #: Moves before each place, and decisions of the game before it.
    places: tuple[tuple[int, int], ...]

    def start(self, place: int) -> Start:
        """The start at one of the places; BadInput where the stored game cannot be replayed."""
        move, decisions = self.places[place]
        record = self.record
        state = replay_record(record).states[move][None].copy()
        return Start(state, record.moves[:move], decisions, Origin(record.id, move))


def deal(
    seeds: NDArray[np.uint64],
    parameters: SelfplayParameters,
    config: Config,
    archive: Sequence[Candidate] = (),
) -> dict[int, Start]:
    """The starts of a shard's games by their number, without those that begin as usual; seeds: uint64[games]."""
    mean = parameters.opening_random_area * board(config.board).n
    found = {}
    for number, seed in enumerate(seeds.tolist()):
        chance, game, place, _ = _uniforms(seed, "archive")
        if archive and chance < parameters.archive_share:
            candidate = archive[int(game * len(archive))]
            found[number] = candidate.start(int(place * len(candidate.places)))
            continue
        chance, length, _, _ = _uniforms(seed, "opening")
        if chance < parameters.opening_random_fraction:
            drawn = int(-mean * math.log(1.0 - length))
            if drawn:
                found[number] = Start(drawn=drawn)
    return found


def read_archive(
    files: Mapping[str, Path], wanted: Sequence[str], config: Config, options: Mapping[str, Any]
) -> list[Candidate]:
    """The games of the archive in which others may begin, in the order of the files.

    files: sha256 of content -> file; wanted: those to be read. A game that began in an archive itself is left out, or one
    line of play would breed ever more of its kind; so is one with other rules. BadInput for a file that is missing,
    damaged, of another config, or where no game is left.
    """
    found = []
    for sha256 in wanted:
        if sha256 not in files:
            raise BadInput(f"archive: no file with sha256 {sha256[:12]}... was given")
        for record in RecordReader(files[sha256]):
            if record.config != config:
                raise BadInput(
                    f"archive {files[sha256]}: game {record.id[:12]} is {record.config}, expected {config}"
                )
            if record.options != options or record.origin is not None or record.start is not None:
                continue
            if places := _places(record):
                found.append(Candidate(record, places))
    if wanted and not found:
        raise BadInput("archive: its files hold no game that another could go on from")
    return found


def _places(record: GameRecord) -> tuple[tuple[int, int], ...]:
    """Moves and decisions before each of the searched decisions in the middle of a game, decided ones left out."""
    # the choice of the stack that pays for a slide is no place of its own
    searched = [
        (decision.i, record.drawn + number)
        for number, decision in enumerate(record.decisions[: _undecided(record)])
        if decision.i > 0 and (number == 0 or record.decisions[number - 1].i != decision.i)
    ]
    cut = int(MARGIN * len(searched))
    return tuple(searched[cut : len(searched) - cut])


def _undecided(record: GameRecord) -> int:
    """Decisions before the game was decided, audited or not."""
    return len(record.decisions) if record.decided is None else record.decided.decision


def _uniforms(seed: int, stream: str) -> tuple[float, ...]:
    """Four numbers in [0, 1) that follow from a game's seed."""
    digest = hashlib.sha256(f"{stream}:{seed}".encode()).digest()
    words = np.frombuffer(digest, "<u8") >> np.uint64(11)
    return tuple((words * 2.0**-53).tolist())

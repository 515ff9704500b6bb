"""Positions set up for `parity check`: starts of turns and mid-turn ones, near the rare cases.

A builder draws a position for a configuration from a generator, as a state+ that both engines
load. The positions are ones that `ringrift.rules.canonical.load` accepts; most of them no game
has reached.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.parity.sketch import Sketch
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k

#: Draws of a builder; a chain of captures without a next one is what comes out in vain.
TRIES: Final = 500


Builder = Callable[[Sketch], dict[str, Any]]


def mixed(s: Sketch) -> dict[str, Any]:
    """Anything anywhere, in any phase (rules §3.3)."""
    rng = s.rng
    s.scatter(rng.uniform(0, 0.35), rng.uniform(0, 0.4), rng.uniform(0, 0.4))
    phases = [name for name in k.PHASE_NAMES if name != "game_over"]
    phase = rng.choice(phases)
    own = [cell for cell, rings in s.stacks.items() if rings[-1] == str(s.mover)]
    if phase in ("capture", "chain_capture"):
        if not own:
            phase = "movement"
        else:
            s.turn["chain"] = rng.choice(own)
    if phase == "movement" and own and rng.random() < 0.6:
        s.turn |= {"must": rng.choice(own), "acted": True}
    if phase == "line_processing" and own and rng.random() < 0.4:
        s.turn["pend"] = "line"
    if phase == "territory_processing":
        buried = any(str(s.mover) in rings[:-1] for rings in s.stacks.values())
        if buried and rng.random() < 0.4:
            s.turn |= {"recov": True, "pend": rng.choice(("", "recovery"))}
        elif own and rng.random() < 0.4:
            s.turn["pend"] = "territory"
    late = phase in ("line_processing", "territory_processing")
    if late and not s.turn and rng.random() < 0.2:
        s.turn["acted"] = False
    return s.state(phase)


def chains(s: Sketch) -> dict[str, Any]:
    """A thick cap among single rings: long chains (rules §7.3)."""
    rng = s.rng
    hunter = rng.choice(s.board.cells)
    thick = rng.choice((1, 1, 2, 3))
    s.stack(hunter, s.rings(s.mover, 1) + str(s.mover) * (thick - 1))
    share = rng.uniform(0.1, 0.3)
    for cell in s.free():
        if rng.random() < share:
            s.stack(cell, s.rings(rng.choice(s.seats), rng.choice((1, 1, 1, 2, 3))))
    s.scatter(0, rng.choice((0, 0, 0.1)), rng.choice((0, 0.05)))
    phase = rng.choice(("movement", "capture", "chain_capture"))
    s.turn["acted"] = True
    s.turn["must" if phase == "movement" else "chain"] = hunter
    return s.state(phase)


def _rows(s: Sketch, through: str, longest: int) -> None:
    """Runs of the mover's markers through a cell, on one to three axes."""
    rng = s.rng
    axes = list(s.board.axes[through])
    for back, ahead in rng.sample(axes, rng.randint(1, 3)):
        length = rng.randint(s.limits.line, longest)
        behind = min(rng.randint(0, length - 1), len(back))
        for cell in (*back[:behind], *ahead[: length - 1 - behind]):
            s.mark(cell, s.mover)


def lines(s: Sketch) -> dict[str, Any]:
    """Lines in the line phase: crossing, overlength, with and without a fee due (rules §8)."""
    rng = s.rng
    for _ in range(rng.randint(1, 3)):
        through = rng.choice(s.board.cells)
        s.mark(through, s.mover)
        _rows(s, through, s.limits.line + 4)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        s.stack(rng.choice(s.board.cells), s.rings(s.mover, rng.choice((1, 2, 3))))
    for seat in s.others:
        for _ in range(rng.randint(0, 3)):
            s.stack(rng.choice(s.board.cells), s.rings(seat, rng.choice((1, 2, 3))))
    s.scatter(0, 0.08, 0.08)
    if any(rings[-1] == str(s.mover) for rings in s.stacks.values()) and rng.random() < 0.3:
        s.turn["pend"] = "line"
    return s.state("line_processing")


def line_moves(s: Sketch) -> dict[str, Any]:
    """A stack where several rows of markers meet: to leave the cell completes them (rules §8)."""
    rng = s.rng
    cell = rng.choice(s.board.cells)
    s.stack(cell, s.rings(s.mover, rng.choice((1, 1, 2))))
    _rows(s, cell, s.limits.line + 3)
    s.scatter(0.1, 0.1, 0.03)
    if rng.random() < 0.7:
        s.turn |= {"must": cell, "acted": True}
    return s.state("movement")


def regions(s: Sketch) -> dict[str, Any]:
    """Cells fenced by markers or collapsed cells, with anything inside (rules §9)."""
    rng = s.rng
    large = len(s.board.cells) > 100
    for _ in range(rng.randint(1, 3)):
        inside = s.blob(rng.randint(1, 9 if large else 5))
        fence = rng.choice(("marker", "collapsed", "both"))
        colour = rng.choice(s.seats)
        for cell in s.around(inside):
            if fence == "marker" or (fence == "both" and rng.random() < 0.5):
                s.mark(cell, colour)
            else:
                s.collapse(cell, rng.choice(s.seats))
        owner = rng.choice(s.seats)
        for cell in sorted(inside):
            x = rng.random()
            if x < 0.25:
                s.stack(cell, s.rings(owner, rng.choice((1, 2, 3))))
            elif x < 0.35:
                s.mark(cell, rng.choice(s.seats))
    s.scatter(rng.choice((0.05, 0.12)), rng.choice((0, 0.08, 0.2)), rng.choice((0, 0.05)))
    own = any(rings[-1] == str(s.mover) for rings in s.stacks.values())
    buried = any(str(s.mover) in rings[:-1] for rings in s.stacks.values())
    if buried and rng.random() < 0.25:
        s.turn |= {"recov": True, "pend": rng.choice(("", "", "recovery"))}
    elif own and rng.random() < 0.2:
        s.turn["pend"] = "territory"
    elif rng.random() < 0.15:
        s.turn["acted"] = False
    phase = (
        "territory_processing"
        if s.turn.get("pend")
        else rng.choice(
            ("territory_processing", "territory_processing", "line_processing", "ring_placement")
        )
    )
    if phase == "ring_placement":
        s.turn.clear()
    return s.state(phase)


def cascades(s: Sketch) -> dict[str, Any]:
    """A region, and beside it cells that only its collapse or its payment cuts off (rules §9.8)."""
    rng = s.rng
    first = s.blob(rng.randint(1, 3))
    colour = rng.choice(s.seats)
    for cell in s.around(first):
        s.mark(cell, colour)
    second = s.blob(rng.randint(1, 4), rng.choice(s.around(first) or [rng.choice(s.board.cells)]))
    second -= first | set(s.markers)
    if rng.random() < 0.5:
        # Fenced by two colours: nobody's region until the first claim's border has collapsed.
        for cell in s.around(second):
            s.mark(cell, rng.choice(s.seats))
    else:
        # All colours inside, the mover's only payer among them.
        for cell in s.around(second):
            s.mark(cell, colour)
        for cell, seat in zip(sorted(second), s.seats, strict=False):
            s.stack(cell, str(seat))
    for seat in s.seats:
        s.stack(rng.choice(s.board.cells), s.rings(seat, rng.choice((1, 2))))
    s.scatter(0.03, 0.03, 0.03)
    return s.state("territory_processing")


def colourless(s: Sketch) -> dict[str, Any]:
    """A region walled by collapsed cells that holds markers of every colour (rules §9.2, §9.3)."""
    rng = s.rng
    inside = s.blob(rng.randint(s.players + 1, s.players + 4))
    for cell in s.around(inside):
        s.collapse(cell, rng.choice(s.seats))
    cells = sorted(inside)
    rng.shuffle(cells)
    for cell, seat in zip(cells, s.seats, strict=False):
        s.mark(cell, seat)
    owner = rng.choice(s.seats)
    for cell in cells[s.players :]:
        if rng.random() < 0.7:
            s.stack(cell, s.rings(owner, rng.choice((1, 2))))
    for seat in s.seats:
        s.stack(rng.choice(s.board.cells), s.rings(seat, rng.choice((1, 2))))
    s.scatter(0.03, rng.choice((0, 0.05)), 0)
    return s.state("territory_processing")


def _recovering(s: Sketch) -> dict[str, Any]:
    """Rings of the mover under other seats' rings, and what is still free filled thinly."""
    rng = s.rng
    for _ in range(rng.randint(1, 4)):
        rings = s.rings(s.mover, rng.choice((1, 1, 2)), s.others) + str(rng.choice(s.others))
        if rng.random() < 0.3:
            rings += str(rng.choice(s.others))
        s.stack(rng.choice(s.free()), rings)
    for cell in s.free():
        x = rng.random()
        if x < 0.06:
            s.stack(cell, str(rng.choice(s.others)))
        elif x < 0.12:
            s.mark(cell, rng.choice(s.others))
        elif x < 0.2:
            s.collapse(cell, rng.choice(s.seats))
    own = rng.choice((0, 0, 1, 3))
    hand = [own if seat == s.mover else rng.randint(0, 3) for seat in s.seats]
    return s.state(rng.choice(("movement", "movement", "ring_placement")), hand=hand)


def recoveries(s: Sketch) -> dict[str, Any]:
    """A seat with markers and buried rings only: fallback slides and strikes (rules §11)."""
    rng = s.rng
    if rng.random() < 0.5:
        inside = s.blob(rng.randint(1, 3))
        for cell in s.around(inside):
            s.mark(cell, s.mover)
        s.mark(min(inside), rng.choice(s.others))
    for _ in range(rng.randint(1, 4)):
        s.mark(rng.choice(s.board.cells), s.mover)
    return _recovering(s)


def recovery_lines(s: Sketch) -> dict[str, Any]:
    """A hole in one to three rows, and markers beside it that may slide in (rules §11.2)."""
    rng = s.rng
    hole = rng.choice(s.board.cells)
    s.mark(hole, s.mover)
    _rows(s, hole, s.limits.line + 3)
    del s.markers[hole]
    for cell in rng.sample(list(s.board.near[hole]), 2):
        s.mark(cell, s.mover)
    return _recovering(s)


def recovery_crossings(s: Sketch) -> dict[str, Any]:
    """A hole in two rows, of which the reference engine would take the shorter (rules §11.4)."""
    hole = s.rng.choice(s.board.cells)
    _crossing(s, hole)
    return _recovering(s)


def _crossing(s: Sketch, hole: str) -> None:
    """Rows on two axes through a cell: a short one on the earlier axis (rules §11.4)."""
    rng = s.rng
    axes = sorted(rng.sample(range(len(s.board.axes[hole])), 2))
    long = s.limits.line - 1 + rng.choice((0, 1, 1, 2))
    for axis, length in zip(axes, (rng.choice((2, 3)), long), strict=True):
        back, ahead = s.board.axes[hole][axis]
        behind = rng.randint(0, length)
        for cell in (*back[:behind], *ahead[: length - behind]):
            s.mark(cell, s.mover)
    beside = [cell for cell in s.board.near[hole] if s.empty(cell)]
    s.mark(rng.choice(beside or s.board.cells), s.mover)


def strikes(s: Sketch) -> dict[str, Any]:
    """After a strike: a recovery turn in which the mover holds a stack again (rules §9.6, §11.5)."""
    rng = s.rng
    at = rng.choice(s.board.cells)
    s.stack(at, f"{s.mover}{rng.choice(s.others)}")
    s.mark(rng.choice(s.board.near[at]), s.mover)
    for seat in s.others:
        s.stack(rng.choice(s.board.cells), s.rings(s.mover, 2, s.others) + str(seat))
    inside = s.blob(rng.randint(1, 2))
    colour = rng.choice(s.seats)
    for cell in s.around(inside):
        s.mark(cell, colour)
    s.scatter(0, 0.05, 0.05)
    hand = [0 if seat == s.mover else rng.randint(0, 3) for seat in s.seats]
    return s.state("movement", hand=hand)


def blocked(s: Sketch) -> dict[str, Any]:
    """Stacks shut in by collapsed cells: forced eliminations, one after the other (rules §10.2)."""
    rng = s.rng
    for seat in s.seats:
        for _ in range(rng.randint(1, 3)):
            s.stack(rng.choice(s.board.cells), s.rings(seat, rng.choice((1, 1, 2, 3))))
    for cell in s.free():
        x = rng.random()
        if x < 0.9:
            s.collapse(cell, rng.choice(s.seats))
        elif x < 0.93:
            s.mark(cell, rng.choice(s.seats))
    some = rng.random() < 0.5
    hand = [rng.randint(0, 2) if some else 0 for _ in s.seats]
    if rng.random() < 0.3 and str(s.mover) in {rings[-1] for rings in s.stacks.values()}:
        return s.state("forced_elimination", hand=hand)
    return s.state("ring_placement", hand=hand)


def rounds(s: Sketch) -> dict[str, Any]:
    """One seat alone can act, and the tracker has counted some rounds (rules §15)."""
    rng = s.rng
    free = rng.choice(s.seats)
    corner = rng.choice(s.board.cells)
    room = s.blob(max(8, len(s.board.cells) // 4), corner)
    s.stack(corner, str(free))
    for seat in s.seats:
        if seat != free:
            s.stack(rng.choice(s.board.cells), f"{seat}" * rng.randint(0, 1) + f"{free}")
            cell = rng.choice(s.board.cells)
            if cell not in room:
                s.stack(cell, s.rings(seat, rng.choice((1, 2))))
    for cell in s.free():
        if cell not in room:
            s.collapse(cell, s.seats[s.board.order[cell] % s.players])
    alive = [seat for seat in s.seats if any(str(seat) in rings for rings in s.stacks.values())]
    leader = rng.choice(alive)
    s.turn["lps"] = {
        "leader": leader,
        "seen": alive,
        "real": [seat for seat in alive if seat == free or rng.random() < 0.2],
        "seat": rng.choice((free, free, rng.choice(alive))),
        "count": rng.randint(1, 3),
    }
    some = rng.random() < 0.3
    hand = [rng.randint(1, 2) if some and seat == free else 0 for seat in s.seats]
    s.mover = rng.choice(alive)
    return s.state("ring_placement", hand=hand)


def bare(s: Sketch) -> dict[str, Any]:
    """No stack on the board at the end of a turn: every rung of the ladder (rules §14)."""
    rng = s.rng
    rung = rng.choice(("territory", "rings", "hands", "markers", "last", "goes on"))
    lucky = rng.choice(s.seats)
    # What the seats cannot share equally stays empty, walled in so that nobody can place there.
    holes: list[str] = []
    while len(holes) < len(s.board.cells) % s.players:
        hole = rng.choice(s.board.cells)
        if not any(hole == cell or hole in s.board.near[cell] for cell in holes):
            holes.append(hole)
    walls = sorted({cell for hole in holes for cell in s.board.near[hole]})
    rest = [cell for cell in s.board.cells if cell not in walls and cell not in holes]
    rng.shuffle(rest)
    cells = rest + walls
    low = -(-len(walls) // s.players)
    for _ in range(rng.randint(max(low, 1), len(cells) // s.players - 1)):
        for seat in s.seats:
            s.collapse(cells.pop(), seat)
    if rung == "territory":
        s.collapse(cells.pop(), lucky)
    for number, cell in enumerate(cells):
        if rung != "goes on" or number < s.players:
            s.mark(cell, s.seats[number % s.players])
    if rung == "markers":
        s.markers[cells[lucky % s.players]] = lucky
    # Nobody has crossed the threshold of rings; equal credit unless the rung says otherwise.
    rings = s.limits.rings
    gone = max(min(rings, s.limits.victory - 1), 2)
    elim, hand = [gone] * s.players, [rings - gone] * s.players
    if rung == "rings":
        elim = [gone - 1 + (seat == lucky) for seat in s.seats]
    elif rung == "hands":
        # The least credit of all, and the most with the hand.
        elim = [gone - 1 - (seat == lucky) for seat in s.seats]
        hand = [0] * s.players
    # The rest to that seat's hand; what it cannot hold, to the others'.
    for seat in (lucky, *s.seats):
        spare = rings * s.players - sum(elim) - sum(hand)
        hand[seat - 1] += min(spare, rings - hand[seat - 1])
    state = s.state("territory_processing", hand=hand)
    # Losers may be equal in everything.
    return state | {"elim": elim, "hand": hand, "out": [int(not own) for own in hand]}


def lone(s: Sketch) -> dict[str, Any]:
    """One seat has rings left, in hand, on a board of markers: turn after turn (rules §13.2)."""
    rng = s.rng
    s.scatter(0, rng.uniform(0.2, 0.7), rng.uniform(0, 0.2))
    hand = [0] * s.players
    hand[s.mover - 1] = min(rng.randint(2, 6), s.limits.rings)
    if s.players > 2 and rng.random() < 0.4:
        hand[rng.choice(s.others) - 1] = 1
    return s.state("ring_placement", hand=hand)


def vanishing(s: Sketch) -> dict[str, Any]:
    """Seats with a single ring, about to be lost: skipped seats and small games (rules §13.2)."""
    rng = s.rng
    inside = s.blob(rng.randint(2, 4))
    colour = rng.choice(s.seats)
    for cell in s.around(inside):
        s.mark(cell, colour)
    victims = rng.sample(s.others, rng.randint(1, len(s.others)))
    for cell, seat in zip(sorted(inside), victims, strict=False):
        s.stack(cell, str(seat))
    for seat in s.seats:
        if seat not in victims:
            for _ in range(rng.randint(1, 3)):
                s.stack(rng.choice(s.board.cells), s.rings(seat, rng.choice((1, 2)), [seat]))
    s.scatter(0, 0.1, 0.1)
    hand = [0 if seat in victims else rng.randint(0, 4) for seat in s.seats]
    return s.state(rng.choice(("territory_processing", "movement")), hand=hand)


def brinks(s: Sketch) -> dict[str, Any]:
    """Just below a threshold of rings or territory (rules §14)."""
    rng = s.rng
    s.scatter(0.08, 0.12, 0)
    cells = s.free()
    rng.shuffle(cells)
    leader = rng.choice(s.seats)
    wanted = s.limits.territory - rng.randint(0, 3)
    for number, cell in enumerate(cells):
        if number < wanted:
            s.collapse(cell, leader)
        elif rng.random() < 0.6:
            s.collapse(cell, rng.choice(s.others) if s.mover == leader else s.mover)
    state = s.state("ring_placement", hand=[rng.randint(0, 2) for _ in s.seats])
    top = max(range(s.players), key=lambda q: state["elim"][q])
    for q in range(s.players):
        # Most of the credit to one seat, up to two below the threshold.
        take = min(state["elim"][q], s.limits.victory - rng.randint(1, 2) - state["elim"][top])
        if q != top and take > 0:
            state["elim"][q] -= take
            state["elim"][top] += take
    return state


def crowded(s: Sketch) -> dict[str, Any]:
    """Thick caps packed together: cells where one ring is dead, and blocked hands (rules §5.2)."""
    rng = s.rng
    thick = rng.choice((2, 2, 3))
    for cell in sorted(s.blob(max(6, len(s.board.cells) // 8))):
        if rng.random() < 0.6:
            s.stack(cell, str(rng.choice(s.others)) * thick)
    if rng.random() < 0.5:
        for cell in s.free():
            if rng.random() < 0.85:
                s.collapse(cell, rng.choice(s.seats))
    s.scatter(0, 0.1, 0)
    hand = [rng.randint(1, 4) for _ in s.seats]
    return s.state("ring_placement", hand=hand)


@dataclass(frozen=True, slots=True)
class SetUp:
    """A kind of position."""

    build: Builder
    policies: tuple[str, ...]  #: that lead from it to what it is meant for; one is drawn
    moves: int  #: played at most


_ANY = ("uniform", "bytype", "bytype")

POSITIONS: Final[Mapping[str, SetUp]] = {
    "mixed": SetUp(mixed, ("uniform", "bytype", "chains", "regions", "recover", "spend"), 25),
    "chains": SetUp(chains, ("chains", "chains", "bytype"), 20),
    "lines": SetUp(lines, _ANY, 20),
    "line-moves": SetUp(line_moves, ("lines", "bytype", "uniform"), 20),
    "regions": SetUp(regions, ("regions", "regions", "bytype", "stay"), 25),
    "cascades": SetUp(cascades, ("regions", "bytype"), 16),
    "colourless": SetUp(colourless, ("regions", "regions", "bytype"), 12),
    "recoveries": SetUp(recoveries, ("recover", "recover", "bytype"), 14),
    "recovery-lines": SetUp(recovery_lines, ("recover", "recover", "bytype"), 14),
    "recovery-crossings": SetUp(recovery_crossings, ("recover", "bytype"), 14),
    "strikes": SetUp(strikes, ("recover", "regions"), 14),
    "blocked": SetUp(blocked, ("stay", "bytype", "spend"), 60),
    "rounds": SetUp(rounds, ("stay", "uniform", "bytype"), 80),
    "bare": SetUp(bare, _ANY, 20),
    "lone": SetUp(lone, ("spend", "spend", "bytype"), 40),
    "vanishing": SetUp(vanishing, ("regions", "starve", "bytype"), 30),
    "brinks": SetUp(brinks, ("spend", "regions", "bytype"), 40),
    "crowded": SetUp(crowded, ("bytype", "hoard"), 20),
}


def position(name: str, config: Config, options: GameOptions, rng: random.Random) -> dict[str, Any]:
    """A position of a kind, as a state+ in which a move is legal."""
    for _ in range(TRIES):
        state = POSITIONS[name].build(Sketch(config, options, rng))
        if can_move(config, state):
            return state
    raise AssertionError(f"no position of kind {name!r} with a legal move in {TRIES} draws")


def can_move(config: Config, state: Mapping[str, Any]) -> bool:
    """Whether a move is legal; without one, in a capture to go on with, a state is refused."""
    try:
        return len(Game.from_canonical(config, state).legal_codes()) > 0
    except BadInput as error:
        if "no move is possible" in str(error):
            return False
        raise  # a builder that makes impossible positions

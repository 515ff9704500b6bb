"""Positions that no builder made: whatever may be loaded is played alike by both engines."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ringrift.configs import ALL_CONFIGS
from ringrift.errors import BadInput
from ringrift.parity.lockstep import Differs, Lockstep, Start
from ringrift.rules import canonical
from ringrift.rules.boards import board, constants
from ringrift.rules.game import GameOptions
from ringrift.rules.kernels import constants as k

#: Moves played from a position.
MOVES = 6


@st.composite
def options_of(draw, config):
    """Rule options of a configuration."""
    limits = constants(config)
    return GameOptions(
        pie=draw(st.booleans()) and config.players == 2,
        line_detect=draw(st.sampled_from((None, limits.line, limits.line + 1))),
        lps_rounds=draw(st.integers(1, 4)),
        rings=draw(st.sampled_from((None, None, 3, 8))),
    )


@st.composite
def cells_of(draw, config, rings):
    """What lies where: (stacks, markers, collapsed), within the supply of rings."""
    b = board(config.board)
    seats = st.integers(1, config.players)
    pile = st.lists(seats, min_size=1, max_size=min(5, b.M + 1))
    content = st.one_of(
        st.tuples(st.just("stack"), pile),
        st.tuples(st.just("marker"), seats),
        st.tuples(st.just("collapsed"), seats),
    )
    # Most things in one corner, where they meet; the rest anywhere.
    near = st.sampled_from(sorted(range(b.n), key=lambda c: abs(b.coords[c]).sum())[:30])
    where = st.one_of(near, near, st.integers(0, b.n - 1))
    stacks, markers, collapsed = {}, {}, {}
    left = [rings] * config.players
    for cell, (kind, value) in draw(st.dictionaries(where, content, max_size=36)).items():
        at = b.texts[cell]
        if kind == "marker":
            markers[at] = value
        elif kind == "collapsed":
            collapsed[at] = value
        else:
            pile = [
                seat for n, seat in enumerate(value) if value[: n + 1].count(seat) <= left[seat - 1]
            ]
            if pile:
                stacks[at] = "".join(map(str, pile))
                for seat in pile:
                    left[seat - 1] -= 1
    # A share of the rest of the board, or all of it, collapsed: seats that cannot move.
    if draw(st.booleans()):
        step = draw(st.integers(1, 3))
        for cell in range(0, b.n, step):
            at = b.texts[cell]
            if at not in stacks and at not in markers:
                collapsed.setdefault(at, cell % config.players + 1)
    return stacks, markers, collapsed, left


@st.composite
def starts(draw, config):
    """A state+ that `canonical.load` accepts, in any phase, with its configuration and options."""
    options = draw(options_of(config))
    players, limits = config.players, constants(config, options)
    stacks, markers, collapsed, left = draw(cells_of(config, limits.rings))
    hand = [draw(st.integers(0, min(own, 4))) for own in left]
    gone = sum(left) - sum(hand)
    elim = [0] * players
    for seat in range(players):
        elim[seat] = draw(st.integers(0, gone)) if seat < players - 1 else gone
        gone -= elim[seat]
    player = draw(st.integers(1, players))
    own = [at for at, rings in stacks.items() if rings[-1] == str(player)]
    phase = draw(st.sampled_from(k.PHASE_NAMES))
    over = phase == "game_over"
    turns = draw(st.integers(1, 40))
    seats = st.integers(1, players)
    seen = sorted(draw(st.sets(seats)))
    acted = draw(st.booleans()) and not over
    recov = acted and draw(st.booleans())
    pends = {"line_processing": ("", "line")}
    pends["territory_processing"] = ("", "recovery" if recov else "territory")
    return config, {
        "acted": acted,
        "chain": draw(st.sampled_from(own)) if phase[-7:] == "capture" and own else None,
        "collapsed": collapsed,
        "cur": 0 if over else player,
        "elim": elim,
        "hand": hand,
        "last": draw(st.integers(0, players)),
        "lps": {
            "leader": draw(st.integers(0, players)),
            "seen": seen,
            "real": [seat for seat in seen if draw(st.booleans())],
            "seat": draw(st.integers(0, players)),
            "count": draw(st.integers(0, 4)),
        },
        "markers": markers,
        "must": draw(st.sampled_from([None, *own])) if phase == "movement" else None,
        "options": {
            "pie": options.pie,
            "line_detect": limits.detect,
            "lps_rounds": options.lps_rounds,
            "rings": limits.rings,
        },
        "out": [draw(st.integers(0, turns)) for _ in range(players)],
        "pend": draw(st.sampled_from(pends.get(phase, ("",)))),
        "phase": phase,
        "plies": draw(st.integers(0, 200)),
        "recov": recov,
        "stacks": stacks,
        # In every game in which the right stands, seat 2 can place: it has not moved yet.
        "swap_open": options.pie and hand[1] > 0 and not collapsed and draw(st.booleans()),
        "swapped": players == 2 and draw(st.booleans()),
        "terr": [list(collapsed.values()).count(seat + 1) for seat in range(players)],
        "turns": turns,
        "victory": draw(st.sampled_from(k.VICTORY_NAMES[1:])) if over else "",
        "winner": player if over else 0,
    }


def check(config, state, choose):
    """Play a few moves from a position in lockstep; fail with what differs."""
    try:
        canonical.load(config, state)
    except BadInput:
        assume(False)
    try:
        step = Lockstep(Start(config, GameOptions(), state))
        for _ in range(MOVES):
            legal = step.legal()
            if not legal:
                break
            step.play(legal[choose(len(legal))])
    except Differs as found:
        pytest.fail(found.difference.report())


SETTINGS = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


@pytest.mark.parametrize("config", [c for c in ALL_CONFIGS if c.board[-1] == "8"], ids=str)
@settings(SETTINGS, max_examples=60)
@given(data=st.data())
def test_small_boards(config, data):
    """Any position of a small board that may be loaded is played alike, mid-turn ones included."""
    _, state = data.draw(starts(config))
    check(config, state, lambda n: data.draw(st.integers(0, n - 1)))


@pytest.mark.parametrize("config", [c for c in ALL_CONFIGS if c.board[-1] != "8"], ids=str)
@settings(SETTINGS, max_examples=12)
@given(data=st.data())
def test_large_boards(config, data):
    """The same on the large boards."""
    _, state = data.draw(starts(config))
    check(config, state, lambda n: data.draw(st.integers(0, n - 1)))

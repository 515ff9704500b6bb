"""Symmetries of the boards: group laws, and rules that commute with every symmetry that is used."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.rules.boards import board, tables
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_actions, legal_moves
from ringrift.rules.kernels.symmetry import transform_codes, transform_states
from ringrift.rules.outcome import outcome
from ringrift.rules.symmetry import (
    group,
    move_codes,
    move_policy,
    move_states,
    plane_permutations,
    runs_tied,
    shape_symmetries,
    symmetries,
    tables_of,
)
from tests.rules.play import SMALL, random_game
from tests.rules.positions import position

ORDERS = {"square8": 8, "square19": 8, "hex8": 4, "hexagonal": 12}

seeds = st.integers(0, 2**32 - 1)


@dataclass
class Compared:
    """What was compared, and what was set aside."""

    positions: int = 0
    moves: int = 0
    slides: int = 0
    tied: int = 0

    def __str__(self):
        return (
            f"{self.positions} positions, {self.moves} moves, {self.slides} recovery slides, "
            f"{self.tied} of them with tied runs set aside"
        )


def legal(states, t, lister=legal_moves):
    """The legal list of state 0."""
    out = np.empty(k.MAX_MOVES, np.int32)
    return out[: lister(states, 0, t, out)].copy()


def is_slide(t, state, code):
    """Whether a legal move is a recovery slide: a ray that begins at a marker."""
    action = int(code) & k.ACTION_MASK
    ray = action // t.n - k.PLANE_RAY
    kind = int(state[k.F_CELL, action % t.n]) >> k.KIND_SHIFT & k.KIND_MASK
    return 0 <= ray < t.D * t.max_ray and kind == k.MARKER


def compare(config, states, played, compared, lister=legal_moves):
    """Legal lists and the effects of `played` in state 0 under every symmetry of the board."""
    t, sym = tables(config.board), symmetries(config)
    codes = legal(states, t, lister)
    slides = {int(c) for c in codes if is_slide(t, states[0], c)}
    tied = {c for c in slides if runs_tied(config, states[0], c)}
    compared.positions += 1
    compared.moves += len(codes)
    compared.slides += len(slides)
    compared.tied += len(tied)
    kept = np.array([c for c in codes if int(c) not in tied], np.int32)
    played = np.array([c for c in played if int(c) not in tied], np.int32)
    after = np.repeat(states, len(played), axis=0)
    for i, code in enumerate(played):
        apply_move(after, i, t, np.int64(code))
    for which in range(1, len(sym.cell)):
        image = move_states(config, states, which)
        expected = legal(image, t, lister)
        if tied:
            expected = np.array([c for c in expected if not runs_tied(config, image[0], c)])
        found = move_codes(config, states, kept, which)
        assert sorted(found) == sorted(expected), (str(config), which)
        both = np.repeat(image, len(played), axis=0)
        for i, code in enumerate(move_codes(config, states, played, which)):
            apply_move(both, i, t, np.int64(code))
        different = (both != move_states(config, after, which)).any(axis=(1, 2))
        assert not different.any(), (str(config), which, played[different])


def crowded(config, seed):
    """A made-up position in which seat 1 may recover: many markers, buried rings of seat 1, no stack of its own."""
    rng, b = np.random.default_rng((seed, config.players)), board(config.board)
    own, other = rng.uniform(0.05, 0.6), rng.uniform(0.0, 0.2)
    markers, collapsed, stacks = {}, {}, {}
    for text, draw in zip(b.texts, rng.uniform(size=b.n), strict=True):
        if draw < own:
            markers[text] = 1
        elif draw < own + other:
            markers[text] = int(rng.integers(2, config.players + 1))
        elif draw > 0.92:
            collapsed[text] = int(rng.integers(1, config.players + 1))
    for cell in rng.permutation(b.n)[: rng.integers(1, 4)]:
        markers.pop(b.texts[cell], None)
        collapsed.pop(b.texts[cell], None)
        stacks[b.texts[cell]] = (2, 1)  # seat 2 on top of seat 1
    hands = (0, *(5,) * (config.players - 1))
    return position(
        config, "movement", 1, markers=markers, collapsed=collapsed, stacks=stacks, hand=hands
    ).states


@pytest.mark.parametrize("name", ORDERS)
def test_group_laws(name):
    """Products and inverses of the numbers are those of the permutations, and form a group of the right order."""
    g, sym = group(name), symmetries(Config(name, 2))
    order = np.arange(len(g))
    assert len(g) == ORDERS[name] == len(sym.cell)
    assert g.names[0] == "identity"
    assert len(set(g.names)) == len(g)
    assert (g.product[0] == order).all()
    assert (g.product[:, 0] == order).all()
    assert (g.product[order, g.inverse] == 0).all()
    assert (g.product[g.inverse, order] == 0).all()
    for i in order:
        assert sorted(g.product[i]) == list(order)
        for j in order:
            assert (g.product[g.product[i, j]] == g.product[i][g.product[j]]).all()
            both = g.product[i, j]
            assert (sym.cell[both] == sym.cell[i][sym.cell[j]]).all()
            assert (sym.direction[both] == sym.direction[i][sym.direction[j]]).all()
            assert (sym.axis[both] == sym.axis[i][sym.axis[j]]).all()
            assert (sym.flip[both] == sym.flip[j] ^ sym.flip[i][sym.axis[j]]).all()
        assert g.number(g.names[i]) == i


def test_names():
    """A symmetry is found by its name, and a misspelt one is answered with the nearest."""
    assert group("hex8").names == ("identity", "mirror (y, x)", "turn 180", "mirror (-y, -x)")
    assert group("square8").number("turn 270") == group("square8").inverse[1]
    with pytest.raises(BadInput, match="turn 90"):
        group("square8").number("turn 99")


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_tables(config):
    """Each symmetry is a permutation of cells that carries rays to rays, axes to axes and planes to planes."""
    t, sym = tables(config.board), symmetries(config)
    assert len({row.tobytes() for row in sym.cell}) == len(sym.cell)
    assert (sym.cell[0] == np.arange(t.n)).all()
    planes = plane_permutations(config)
    assert planes.shape == (len(sym.cell), board(config.board).planes(config.players))
    for i in range(len(sym.cell)):
        assert sorted(sym.cell[i]) == list(range(t.n))
        assert sorted(planes[i]) == list(range(planes.shape[1]))
        there = np.append(sym.cell[i], -1)  # -1, off board, stays off board
        for d in range(t.D):
            assert (t.ray[sym.cell[i], sym.direction[i, d]] == there[t.ray[:, d]]).all()
        for a in range(t.A):
            step = t.axis_prev if sym.flip[i, a] else t.axis_next
            assert (step[sym.cell[i], sym.axis[i, a]] == there[t.axis_next[:, a]]).all()
        for table in (t.terr_nbr, t.grow_nbr):
            assert (np.sort(there[table], 1) == np.sort(table[sym.cell[i]], 1)).all()


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_games_commute(config):
    """At every move of random games, under every symmetry: legal(T(s)) = T(legal(s)), apply(T(s), T(m)) = T(apply(s, m))."""
    compared = Compared()
    games = ((1, None), (2, None), (3, GameOptions(rings=4)), (4, GameOptions(rings=5)))
    for seed, options in games if config.board in SMALL else games[2:]:
        for game, codes, code in random_game(config, seed, options):
            if codes:
                compare(config, game.states, [code], compared)
    print(f"{config}: {compared}")
    assert compared.moves > 1000
    # what is set aside is a small part
    assert compared.tied <= 0.01 * compared.moves


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_recovery_commutes(config):
    """In crowded positions all slides commute, as moves and as decisions, but for ties, which are counted and few."""
    compared, t = Compared(), tables(config.board)
    for seed in range(60 if config.board in SMALL else 6):
        states = crowded(config, seed)
        codes = legal(states, t)
        random = np.random.default_rng(seed)
        compare(config, states, random.permutation(codes)[:40], compared)
        for action in random.permutation(legal(states, t, legal_actions))[:3]:
            half = states.copy()
            apply_move(half, 0, t, np.int64(action))
            if half[0, k.F_SCALAR, k.S_SLIDE] and not runs_tied(config, states[0], action):
                compare(config, half, legal(half, t, legal_actions), compared, legal_actions)
    print(f"{config}: {compared}")
    assert compared.slides > 200
    assert 0 < compared.tied <= 0.25 * compared.slides


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([c for c in ALL_CONFIGS if c.board in SMALL]), seeds, st.data())
def test_composition(config, seed, data):
    """Two symmetries one after the other are their product; states, moves and policies come back by the inverse."""
    g, t = group(config.board), tables(config.board)
    states = crowded(config, seed)
    if data.draw(st.booleans()):
        plies = data.draw(st.integers(0, 60))
        for number, (game, codes, _) in enumerate(random_game(config, seed)):
            if codes:
                states = game.states.copy()
            if number == plies:
                break
    i, j = (data.draw(st.integers(0, len(g) - 1)) for _ in range(2))
    first = move_states(config, states, j)
    assert (move_states(config, first, i) == move_states(config, states, g.product[i, j])).all()
    assert (move_states(config, first, int(g.inverse[j])) == states).all()
    codes = np.array([c for c in legal(states, t) if not runs_tied(config, states[0], c)], np.int32)
    there = move_codes(config, states, codes, j)
    assert (move_codes(config, first, there, int(g.inverse[j])) == codes).all()
    actions = legal(states, t, legal_actions)
    if any(runs_tied(config, states[0], a) for a in actions):
        return
    policy = np.zeros(board(config.board).num_actions(config.players), np.float32)
    policy[actions] = np.random.default_rng(seed).uniform(0.1, 1.0, len(actions))
    moved = move_policy(config, states, policy, j)
    assert sorted(moved[moved > 0]) == sorted(policy[policy > 0])
    assert set(np.flatnonzero(moved)) == set(legal(first, t, legal_actions))
    assert (move_policy(config, first, moved, int(g.inverse[j])) == policy).all()


def test_ends_commute():
    """A game moved from its first move on ends with the same winner, ranks and number of turns."""
    for config in (Config("square8", 3), Config("hex8", 4)):
        t, played, states = tables(config.board), [], opening(config)
        for _game, _, code in random_game(config, 5):
            played.append(code)
        for which in range(1, len(group(config.board))):
            one, other = states.copy(), move_states(config, states, which)
            for code in played[:-1]:
                moved = move_codes(config, one, np.array([code], np.int32), which)[0]
                apply_move(one, 0, t, np.int64(code))
                apply_move(other, 0, t, np.int64(moved))
            assert outcome(one[0]) is not None
            assert outcome(one[0]) == outcome(other[0])


def test_other_hexagon_symmetries_break_hex8():
    """The eight symmetries of the hexagon that hex8 does not have change what claiming a region takes there."""
    config, b, t = Config("hex8", 2), board("hex8"), tables("hex8")
    matrices = tuple(shape_symmetries(b))
    sym = tables_of(b, matrices, config.players)
    exact = [m in group("hex8").matrices for m in matrices]
    assert exact.count(False) == 8
    broken, claims = np.zeros(len(matrices), int), 0
    region_plane = k.PLANE_RAY + t.D * t.max_ray + 2 * t.A + 1
    for seed in range(3):
        for game, codes, _ in random_game(config, seed):
            for code in codes:
                if not region_plane <= (code & k.ACTION_MASK) // t.n < region_plane + 3:
                    continue
                claims += 1
                for which in range(len(matrices)):
                    one, other = game.states.copy(), np.zeros_like(game.states)
                    moved, back = np.zeros(1, np.int32), np.zeros_like(one)
                    number = np.array([which])
                    transform_states(one, 1, t, sym, number, other)
                    transform_codes(one, 0, t, sym, which, np.array([code], np.int32), moved)
                    assert moved[0] in legal(other, t)  # finding regions keeps all twelve
                    apply_move(one, 0, t, np.int64(code))
                    apply_move(other, 0, t, np.int64(moved[0]))
                    transform_states(one, 1, t, sym, number, back)
                    broken[which] += bool((other != back).any())
    assert claims > 20
    assert ((broken == 0) == exact).all(), broken


def test_ties_break():
    """A slide between two runs of four collapses another run after an exchange of the axes: why ties are set aside."""
    config = Config.parse("square8:2")
    game = position(
        config,
        "movement",
        1,
        # "3,3" is the corner of a run of four to the right and one downwards, once "2,2" has slid there
        markers={"2,2": 1} | {f"{x},3": 1 for x in (4, 5, 6)} | {f"3,{y}": 1 for y in (4, 5, 6)},
        stacks={"7,0": (2, 1)},
        hand=(0, 5),
    )
    t, swap = tables("square8"), group("square8").number("mirror (y, x)")
    (slide,) = (c for c in game.legal_codes() if runs_tied(config, game.states[0], c))
    image = move_states(config, game.states, swap)
    (moved,) = move_codes(config, game.states, np.array([slide], np.int32), swap)
    assert moved in legal(image, t)
    apply_move(game.states, 0, t, np.int64(slide))
    apply_move(image, 0, t, np.int64(moved))
    assert (move_states(config, game.states, swap) != image).any()


@pytest.mark.parametrize("which", range(8))
def test_free_slides_keep_their_stretch(which):
    """A free recovery slide moved by a symmetry collapses the moved cells (rules §20.5: o becomes L-1-o)."""
    config = Config.parse("square8:2")
    t = tables("square8")
    game = position(
        config,
        "movement",
        1,
        # a run of six on row y = 3 once (2, 4) has slid to (3, 3)
        markers={f"{x},3": 1 for x in (1, 2, 4, 5, 6)} | {"2,4": 1},
        stacks={"7,7": (2, 1)},
        hand=(0, 5),
    )
    actions = legal(game.states, t, legal_actions)
    free = [a for a in actions if (a // t.n - k.PLANE_RAY) % t.max_ray > 0 and a // t.n < 60]
    assert len(free) == 3
    image = move_states(config, game.states, which)
    for action in free:
        (moved,) = move_codes(config, game.states, np.array([action], np.int32), which)
        assert moved in legal(image, t, legal_actions)
        one, other = game.states.copy(), image.copy()
        apply_move(one, 0, t, np.int64(action))
        apply_move(other, 0, t, np.int64(moved))
        assert (move_states(config, one, which) == other).all()

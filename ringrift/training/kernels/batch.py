"""Makes one training batch from rows of a dataset: symmetry, features, legal actions, targets.

Legend of shapes: B rows of the batch, n rows of the dataset, N cells, P seats, S side of the grid, Q policy planes,
K widest legal list.

Targets are in the mover's view and in the network's own order of outputs: an action is
``plane * S * S + row * S + bit``, then pass and swap. Only legal actions take part in the policy loss, so no
capacity is spent on learning what the rules forbid.
"""

import numpy as np

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import scalar
from ringrift.rules.kernels.constants import MAX_MOVES, S_PLAYER, S_VT
from ringrift.rules.kernels.moves import list_all, num_planes
from ringrift.rules.kernels.state import recount
from ringrift.rules.kernels.symmetry import move_action, move_state


@kernel
def _output_index(t, action, planes):
    """Place of an action among the network's flattened policy outputs."""
    plane = action // t.n
    if plane >= planes:
        return planes * t.side * t.side + (action - planes * t.n)
    cell = action % t.n
    return (plane * t.side + t.row[cell]) * t.side + t.bit[cell]


@kernel
def _policy_row(moved, b, t, planes, actions, probs, legal, place, out_index, out_target):
    """Legal actions and targets of one row; returns how many. ``place`` is int32[A], all -1, and is left so.

    ``actions`` are already moved. What is not legal (a free recovery slide among equal runs, see
    ringrift.rules.symmetry) is left out, and the rest scaled to sum 1.
    """
    count = min(list_all(moved, b, t, np.bool_(0), legal), out_index.size)
    for i in range(count):
        place[legal[i]] = i
        out_index[i] = _output_index(t, np.int64(legal[i]), planes)
        out_target[i] = 0.0
    total = 0.0
    for i in range(actions.size):
        at = place[actions[i]]
        if at >= 0:
            out_target[at] += probs[i]
            total += probs[i]
    for i in range(count):
        place[legal[i]] = -1
        if total > 0.0:
            out_target[i] = np.float32(out_target[i] / total)
    if total <= 0.0:
        return 0
    return count


@entry
def policy_rows(
    states, t, sym, rows, which, index, action, prob, full, moved, out_index, out_target, out_count
):
    """States under their symmetries, and the policy targets of a batch.

    states: uint16[n, F, N]; rows, which: int64[B]; index, action, prob: the sparse targets of the dataset;
    full: bool[n]; moved: uint16[B, F, N]; out_index: int64[B, X], out_target: float32[B, X], out_count: int64[B],
    the number of legal actions, 0 for rows without a target. Returns K: entries up to column K are written.
    """
    legal = np.empty(MAX_MOVES, np.int32)
    planes = num_planes(t, sym.players)
    place = np.full(planes * t.n + 2, -1, np.int32)
    actions = np.empty(planes * t.n + 2, np.int64)
    widest = 1
    for b in range(rows.size):
        row = rows[b]
        move_state(states, row, t, sym, which[b], moved, b)
        recount(moved, b, t)  # a dataset may be older than what states know of themselves
        out_count[b] = 0
        if full[row]:
            begin = index[row]
            size = min(index[row + 1] - begin, actions.size)
            for i in range(size):
                actions[i] = move_action(states, row, t, sym, which[b], np.int64(action[begin + i]))
            out_count[b] = _policy_row(
                moved,
                b,
                t,
                planes,
                actions[:size],
                prob[begin : begin + size],
                legal,
                place,
                out_index[b],
                out_target[b],
            )
        widest = max(widest, out_count[b])
    for b in range(rows.size):
        for i in range(out_count[b], widest):
            out_index[b, i] = 0
            out_target[b, i] = 0.0
    return widest


@entry
def value_rows(
    states, t, sym, rows, which, value, root_value, root_share, territory, eliminated,
    out_value, out_eliminated, out_territory,
):  # fmt: skip
    """Targets of value, eliminated rings and territory of a batch, relative to the mover.

    value, root_value: float32[n, P]; root_share: how much of the value target is the search's value; territory:
    uint8[n, N] absolute seats; eliminated: uint16[n, P]. out_value: float32[B, P]; out_eliminated: float32[B, P],
    in units of VT; out_territory: int64[B, S, S], 0 nobody, 1 mover, 2 next seat ..., -100 off board.
    """
    players = sym.players
    for b in range(rows.size):
        row = rows[b]
        mover = max(scalar(states, row, S_PLAYER), 1)
        goal = max(scalar(states, row, S_VT), 1)
        known = 0.0
        for seat in range(players):
            known += root_value[row, seat]
        share = root_share if known > 0.5 else 0.0
        for i in range(players):
            seat = (mover - 1 + i) % players
            mixed = (1.0 - share) * value[row, seat]
            if share > 0.0:
                mixed += share * root_value[row, seat] / known
            out_value[b, i] = np.float32(mixed)
            out_eliminated[b, i] = np.float32(np.float64(eliminated[row, seat]) / goal)
        out_territory[b] = -100
        for cell in range(t.n):
            owner = np.int64(territory[row, cell])
            there = sym.cell[which[b], cell]
            relative = 0 if owner == 0 else 1 + (owner - mover + players) % players
            out_territory[b, t.row[there], t.bit[there]] = relative

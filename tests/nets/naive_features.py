"""The features once more in plain Python, by name and by coordinates: slow and obvious."""

import numpy as np

from ringrift.nets.features import plane_names, scalar_names
from ringrift.rules.boards import HEX_DIRECTIONS, SQUARE_DIRECTIONS, board
from ringrift.rules.kernels import constants as k

PHASES = (
    "ring_placement",
    "movement",
    "capture",
    "chain_capture",
    "line_processing",
    "territory_processing",
    "forced_elimination",
)


class Cell:
    """What stands on a cell."""

    def __init__(self, state, cell):
        word = int(state[k.F_CELL, cell])
        self.owner, self.kind = word & 7, (word >> 3) & 3
        self.rings = []  # owners, bottom first
        for i in range((word >> 5) & 31):
            self.rings.append(((int(state[k.F_RINGS + i // 8, cell]) >> (2 * (i % 8))) & 3) + 1)
        self.height = len(self.rings)
        self.cap = 0
        while self.cap < self.height and self.rings[-1 - self.cap] == self.rings[-1]:
            self.cap += 1


def reach(b, cells, here):
    """(can move, can capture, cells of the stacks it can take), rules §5.3 and §7.1."""
    at = {tuple(int(v) for v in p[:2]): cell for cell, p in enumerate(b.coords)}
    x, y = (int(v) for v in b.coords[here][:2])
    moves, targets = False, set()
    for dx, dy in HEX_DIRECTIONS if b.hexa else SQUARE_DIRECTIONS:
        victim = None
        for distance in range(1, b.M + 1):
            there = at.get((x + distance * dx, y + distance * dy))
            if there is None or cells[there].kind == k.COLLAPSED:
                break
            if cells[there].kind == k.STACK:
                if victim is not None or cells[there].cap > cells[here].cap:
                    break
                victim = there
            elif distance >= cells[here].height:
                if victim is None:
                    moves = True
                else:
                    targets.add(victim)
    return moves or bool(targets), bool(targets), targets


def naive_planes(config, state):
    """{plane name: {cell: value}}; what is left out is 0."""
    b, players = board(config.board), config.players
    row = state[k.F_SCALAR]
    mover = int(row[k.S_PLAYER])
    out = {name: {} for name in plane_names(players)}
    cells = [Cell(state, c) for c in range(b.n)]

    def seat(name, owner):
        return f"{name}+{(owner - mover) % players}"

    for c, cell in enumerate(cells):
        out["board"][c] = 1
        if cell.kind == k.MARKER:
            out[seat("marker", cell.owner)][c] = 1
        if cell.kind == k.COLLAPSED:
            out[seat("collapsed", cell.owner)][c] = 1
        if cell.kind != k.STACK:
            continue
        out[seat("stack", cell.owner)][c] = 1
        out["height/8"][c] = cell.height / 8
        out["cap/8"][c] = cell.cap / 8
        out["height>=5" if cell.height >= 5 else f"height={cell.height}"][c] = 1
        out["cap>=4" if cell.cap >= 4 else f"cap={cell.cap}"][c] = 1
        for owner in cell.rings[:-1]:
            name = seat("buried/4", owner)
            out[name][c] = out[name].get(c, 0) + 0.25
        if cell.height >= 2:
            out[seat("second_ring", cell.rings[-2])][c] = 1
        if cell.height >= 3:
            out[seat("third_ring", cell.rings[-3])][c] = 1
        moves, captures, targets = reach(b, cells, c)
        if moves:
            out["mobile"][c] = 1
        if captures:
            out["captures"][c] = 1
        for victim in targets:
            name = "target_of_mover" if cell.owner == mover else "target_of_others"
            out[name][victim] = 1
    for name, index in (("must_move", k.S_MUST), ("may_capture", k.S_FROM)):
        if row[index]:
            out[name][int(row[index]) - 1] = 1
    if row[k.S_SLIDE]:
        start, d = divmod(int(row[k.S_SLIDE]) - 1, b.D)
        out["slide_from"][start] = 1
        dx, dy = (HEX_DIRECTIONS if b.hexa else SQUARE_DIRECTIONS)[d]
        points = [tuple(int(v) for v in p[:2]) for p in b.coords]
        out["slide_to"][points.index((points[start][0] + dx, points[start][1] + dy))] = 1
    return out


def naive_scalars(config, state):
    """float array in the order of scalar_names."""
    row, players = [int(v) for v in state[k.F_SCALAR]], config.players
    mover = row[k.S_PLAYER]
    values = dict.fromkeys(scalar_names(players), 0.0)
    values[PHASES[row[k.S_PHASE]]] = 1
    for name, index in (
        ("line_debt", k.S_DEBT),
        ("region_debt", k.S_PEND),
        ("acted", k.S_ACTED),
        ("recovered", k.S_RECOVERED),
        ("slide", k.S_SLIDE),
        ("swap_open", k.S_SWAP_OPEN),
    ):
        values[name] = float(row[index] != 0)
    values["lps_count"] = row[k.S_LPS_COUNT] / row[k.S_LPS_ROUNDS]
    values["line_length_3"] = float(row[k.S_LINE] == 3)
    values["detects_more"] = float(row[k.S_DETECT] > row[k.S_LINE])
    for seat in range(players):
        i = (seat + 1 - mover) % players
        values[f"hand+{i}"] = row[k.S_HAND + seat] / row[k.S_RINGS]
        values[f"hand_empty+{i}"] = float(row[k.S_HAND + seat] == 0)
        values[f"eliminated+{i}"] = row[k.S_ELIM + seat] / row[k.S_VT]
        values[f"territory+{i}"] = row[k.S_TERR + seat] / row[k.S_TM]
        values[f"out+{i}"] = float(row[k.S_OUT + seat] > 0)
        values[f"lps_leader+{i}"] = float(row[k.S_LPS_LEADER] == seat + 1)
        values[f"lps_seen+{i}"] = float(row[k.S_LPS_SEEN] >> seat & 1)
        values[f"lps_real+{i}"] = float(row[k.S_LPS_REAL] >> seat & 1)
        values[f"lps_seat+{i}"] = float(row[k.S_LPS_SEAT] == seat + 1)
        values[f"last_actor+{i}"] = float(row[k.S_LAST] == seat + 1)
    return np.array(list(values.values()))

"""The search once more, slow and plain: dicts, floats and the `Game` façade.

Written from Danihelka et al. (2022) and the rules, not from the kernels. Numbers are rounded to float32 where the
kernels store them so, since a decision between two almost equal actions must fall the same way.
"""

from dataclasses import dataclass, field
from math import ceil, exp, log, log2

import numpy as np

from ringrift.rules.boards import board
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k

MASK64 = (1 << 64) - 1


class Position:
    """A game in which a paid recovery slide may be half played (rules §20.2)."""

    def __init__(self, config, state):
        """State: uint16[6, N]."""
        self.game = Game(config, state[None].copy())
        scalars = self.game.states[0, k.F_SCALAR]
        #: Action of the slide whose stack is still to be chosen, or None.
        self.slide = None
        if scalars[k.S_SLIDE]:
            source, direction = divmod(int(scalars[k.S_SLIDE]) - 1, self.game.board.D)
            self.slide = self._ray(source, direction)
            scalars[k.S_SLIDE] = 0

    def _ray(self, source, direction):
        return (k.PLANE_RAY + direction * self.game.board.M) * self.game.board.n + source

    def array(self):
        """uint16[6, N] as the kernels keep it."""
        state = self.game.states[0].copy()
        if self.slide is not None:
            plane, source = divmod(self.slide, self.game.board.n)
            direction = (plane - k.PLANE_RAY) // self.game.board.M
            state[k.F_SCALAR, k.S_SLIDE] = 1 + source * self.game.board.D + direction
        return state

    def actions(self):
        """Legal actions of the fixed action space, a paid slide once, in the order of the legal list."""
        codes = self.game.legal_codes().tolist()
        if self.slide is None:
            return list(dict.fromkeys(code & k.ACTION_MASK for code in codes))
        b = self.game.board
        elimination = k.PLANE_RAY + b.D * b.M + 2 * b.A
        stacks = [
            (code >> k.STACK_SHIFT) - 1 for code in codes if code & k.ACTION_MASK == self.slide
        ]
        return [elimination * b.n + stack for stack in stacks]

    def play(self, action):
        """The position after an action and all that is forced then."""
        b = self.game.board
        after = Position(self.game.config, self.array())
        if after.slide is not None:
            code = after.slide | (action % b.n + 1) << k.STACK_SHIFT
            after.slide = None
            after.game.apply(code)
        elif action in after.game.legal_codes():
            after.game.apply(action)
        else:
            after.slide = action
        actions = after.actions()
        return after.play(actions[0]) if len(actions) == 1 else after


@dataclass(eq=False)
class Node:
    """A position with what the search knows of it; lists run over its legal actions."""

    position: Position
    seat: int
    value: list
    actions: list = field(default_factory=list)
    logits: list = field(default_factory=list)
    children: list = field(default_factory=list)
    visits: list = field(default_factory=list)
    totals: list = field(default_factory=list)

    def priors(self):
        """π."""
        return [exp(x) for x in self.logits]

    def q(self, i):
        """Mean value of an action that was tried, for the seat that decides here."""
        return float(self.totals[i]) / self.visits[i]

    def mixed_value(self):
        """v_mix (eq. 33): the network's value and the prior-weighted mean of the tried actions."""
        v = float(self.value[self.seat - 1])
        tried = [i for i, n in enumerate(self.visits) if n]
        if not tried:
            return v
        pi = self.priors()
        mean = sum(pi[i] * self.q(i) for i in tried) / sum(pi[i] for i in tried)
        n = sum(self.visits)
        return (v + n * mean) / (1 + n)

    def completed_q(self):
        """Eq. 10."""
        mixed = self.mixed_value()
        return [self.q(i) if n else mixed for i, n in enumerate(self.visits)]

    def sigma(self, c_visit, c_scale):
        """σ(completed q) of every action (eq. 8)."""
        scale = (c_visit + max(self.visits)) * c_scale
        return [scale * q for q in self.completed_q()]

    def improved_policy(self, c_visit, c_scale):
        """π' (eq. 11)."""
        x = [a + b for a, b in zip(self.logits, self.sigma(c_visit, c_scale), strict=True)]
        top = max(x)
        weights = [exp(a - top) for a in x]
        return [w / sum(weights) for w in weights]


@dataclass(frozen=True)
class Result:
    """What a search found; lists run over the legal actions of the root."""

    action: int
    value: list
    actions: list
    visits: list
    policy: list


class Search:
    """Gumbel search of one position."""

    def __init__(self, evaluator, max_considered, c_visit, c_scale):
        """Evaluator: see `ringrift.search.evaluator.Evaluator`."""
        self.evaluator = evaluator
        self.max_considered = max_considered
        self.c = (c_visit, c_scale)
        config = evaluator.config
        self.swap = board(config.board).num_actions(config.players) - 1

    def run(self, state, simulations, seed, noise):
        """Search state uint16[6, N] and return the `Result`."""
        root = self.node(Position(self.evaluator.config, state))
        gumbel = [noise * g for g in gumbels(seed, len(root.actions))]
        for in_race in halving(min(len(root.actions), self.max_considered), simulations):
            wanted = max(root.visits)  # what every action still in the race has
            for _ in range(in_race):
                self.simulate(root, self.best(root, gumbel, wanted))
        most = max(root.visits)
        best = self.best(root, gumbel, most)
        return Result(
            action=root.actions[best],
            value=self.root_value(root),
            actions=root.actions,
            visits=root.visits,
            policy=root.improved_policy(*self.c),
        )

    def best(self, root, gumbel, wanted):
        """Argmax of g + log π + σ(q) among the actions with so many visits (fig. 1)."""
        scores = [
            g + x + s for g, x, s in zip(gumbel, root.logits, root.sigma(*self.c), strict=True)
        ]
        return max(
            (i for i, n in enumerate(root.visits) if n == wanted), key=lambda i: (scores[i], -i)
        )

    def root_value(self, root):
        """v_mix for the seat that decides; the others share the rest as the network says."""
        mixed = root.mixed_value()
        others = sum(float(v) for q, v in enumerate(root.value) if q + 1 != root.seat)
        return [
            mixed if q + 1 == root.seat else float(v) / others * (1 - mixed)
            for q, v in enumerate(root.value)
        ]

    def simulate(self, root, i):
        """One simulation that begins with action ``i`` of the root."""
        node, path = root, []
        while True:
            path.append((node, i))
            if node.children[i] is None:
                node.children[i] = self.node(node.position.play(node.actions[i]))
                node = node.children[i]
                break
            node = node.children[i]
            if not node.actions:
                break
            policy = node.improved_policy(*self.c)
            total = sum(node.visits)
            scores = [p - n / (1 + total) for p, n in zip(policy, node.visits, strict=True)]
            i = scores.index(max(scores))  # eq. 14
        value = list(node.value)
        for node, i in reversed(path):
            if node.actions[i] == self.swap:  # the agents of the seats change places (rules §12)
                value[0], value[1] = value[1], value[0]
            node.visits[i] += 1
            node.totals[i] = np.float32(node.totals[i] + np.float32(value[node.seat - 1]))

    def node(self, position):
        """A new node: evaluated by the network, or by the end of the game."""
        result = position.game.result
        if result is not None:
            players = range(1, self.evaluator.config.players + 1)
            return Node(position, 0, [float(q == result.winner) for q in players])
        logits, values = self.evaluator.evaluate(position.array()[None])
        actions = position.actions()
        x = [float(logits[0][a]) for a in actions]
        top = max(x)
        norm = top + log(sum(exp(a - top) for a in x))
        size = len(actions)
        return Node(
            position,
            position.game.player,
            values[0].tolist(),
            actions,
            [float(np.float32(a - norm)) for a in x],
            [None] * size,
            [0] * size,
            [np.float32(0)] * size,
        )


def halving(considered, simulations):
    """Sequential halving as rounds: numbers of actions that are visited once each, until the budget ends.

    Phases share the budget equally; after a phase half of the actions leave the race, never all but one.
    """
    phases = ceil(log2(considered))
    in_race, left = considered, simulations
    while left > 0:
        for _ in range(max(1, simulations // (phases * in_race))):
            yield min(in_race, left)
            left = max(0, left - in_race)
        in_race = max(2, in_race // 2)


def gumbels(seed, count):
    """Gumbel variables by splitmix64 (Steele et al. 2014)."""
    x = int(seed)
    for _ in range(count):
        x = (x + 0x9E3779B97F4A7C15) & MASK64
        z = x
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        z ^= z >> 31
        yield -log(-log(((z >> 11) + 0.5) / (1 << 53)))

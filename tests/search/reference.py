"""The search once more, slow and plain: dicts, floats and the `Game` façade.

Written from Danihelka et al. (2022) and the rules, not from the kernels. Numbers are rounded to float32 where the
kernels store them so, since a decision between two almost equal actions must fall the same way.
"""

from dataclasses import dataclass, field
from math import ceil, e, exp, log, log2, sqrt

import numpy as np

from ringrift.rules.boards import board
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k
from ringrift.rules.legal import Legal

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
    """Search of one position, by Gumbel or by plain PUCT."""

    def __init__(self, evaluator, max_considered, c_visit, c_scale, puct=None, room=0):
        """Evaluator: see `ringrift.search.evaluator.Evaluator`; puct: `Puct`, None for Gumbel.

        room: nodes that a tree may have when it is searched on with `next`.
        """
        self.evaluator = evaluator
        self.max_considered = max_considered
        self.c = (c_visit, c_scale)
        self.puct = puct
        self.room = room
        self.root = None
        config = evaluator.config
        self.swap = board(config.board).num_actions(config.players) - 1

    def run(self, state, simulations, seed, noise):
        """Search state uint16[6, N] and return the `Result`."""
        root = self.node(Position(self.evaluator.config, state))
        return self.search(root, simulations, seed, noise)

    def next(self, action, simulations, seed, noise):
        """Play an action and search on from its node, if it is known and its tree leaves room; None at the end."""
        root = self.root.children[self.root.actions.index(action)]
        if root is None or size(root) + simulations > self.room:
            position = self.root.position.play(action)
            root = None if position.game.result is not None else self.node(position)
        if root is None or not root.actions:
            return None
        return self.search(root, simulations, seed, noise)

    def search(self, root, simulations, seed, noise):
        """Search from a node with or without visits; only new ones count for the budget and the halving."""
        self.root = root
        numbers = uniforms(seed)
        gumbel = [np.float32(np.float32(noise) * -log(-log(next(numbers)))) for _ in root.actions]
        before = list(root.visits)
        if self.puct and noise:
            self.disturb(root, numbers)
        if self.puct:
            for _ in range(simulations):
                self.simulate(root, self.puct_choice(root))
            best = max(
                (i for i, n in enumerate(root.visits) if n),
                key=lambda i: (log(root.visits[i]) + float(gumbel[i]), -i),
            )
            policy = [n / sum(root.visits) for n in root.visits]
        else:
            for in_race in halving(min(len(root.actions), self.max_considered), simulations):
                wanted = max(new_visits(root, before))  # what every action still in the race has
                for _ in range(in_race):
                    self.simulate(root, self.best(root, gumbel, before, wanted))
            best = self.best(root, gumbel, before, max(new_visits(root, before)))
            policy = root.improved_policy(*self.c)
        return Result(
            action=root.actions[best],
            value=self.root_value(root),
            actions=root.actions,
            visits=list(root.visits),
            policy=policy,
        )

    def best(self, root, gumbel, before, wanted):
        """Argmax of g + log π + σ(q) among the actions with so many visits of this search (fig. 1)."""
        scores = [
            float(g) + x + s
            for g, x, s in zip(gumbel, root.logits, root.sigma(*self.c), strict=True)
        ]
        new = new_visits(root, before)
        return max((i for i, n in enumerate(new) if n == wanted), key=lambda i: (scores[i], -i))

    def puct_choice(self, node):
        """Argmax of 2 q + c π √ΣN / (1 + N), an untried action a little worse than its position."""
        total, pi = sum(node.visits), node.priors()
        tried = sum(p for p, n in zip(pi, node.visits, strict=True) if n)
        first = max(0.0, 2 * float(node.value[node.seat - 1]) - self.puct.fpu * sqrt(tried))
        c = log((1 + total + self.puct.c_base) / self.puct.c_base) + self.puct.c_init
        scores = [
            (2 * node.q(i) if n else first) + c * sqrt(total) * pi[i] / (1 + n)
            for i, n in enumerate(node.visits)
        ]
        return scores.index(max(scores))

    def disturb(self, root, numbers):
        """Dirichlet noise in the root's priors."""
        alpha = min(1.0, self.puct.noise_alpha / len(root.actions))
        draws = [small_gamma(alpha, numbers) for _ in root.actions]
        share = self.puct.noise_share
        root.logits = [
            float(np.float32(log((1 - share) * p + share * float(np.float32(x)) / sum(draws))))
            for p, x in zip(root.priors(), draws, strict=True)
        ]

    def root_value(self, root):
        """For the seat that decides what its new policy is worth; the others share the rest as the network says."""
        policy = root.improved_policy(*self.c)
        own = sum(p * q for p, q in zip(policy, root.completed_q(), strict=True))
        if self.puct:  # the mean of the visits and the network's own word
            own = float(root.value[root.seat - 1])
            own = (own + sum(float(t) for t in root.totals)) / (1 + sum(root.visits))
        others = [float(v) for q, v in enumerate(root.value) if q + 1 != root.seat]
        shares = [v / sum(others) if sum(others) else 1 / len(others) for v in others]
        value = [share * (1 - own) for share in shares]
        return [*value[: root.seat - 1], own, *value[root.seat - 1 :]]

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
            if self.puct:
                i = self.puct_choice(node)
                continue
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
        actions = position.actions()
        legal = Legal(np.array([0, len(actions)], np.int32), np.array(actions, np.int32))
        logits, values = self.evaluator.evaluate(position.array()[None], legal)
        x = logits.tolist()
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
    phases = max(1, ceil(log2(considered)))  # a race of one is run all the same
    in_race, left = considered, simulations
    while left > 0:
        for _ in range(max(1, simulations // (phases * in_race))):
            yield min(in_race, left)
            left = max(0, left - in_race)
        in_race = max(2, in_race // 2)


def new_visits(root, before):
    """Visits of each action since the search began."""
    return [n - b for n, b in zip(root.visits, before, strict=True)]


def size(node):
    """Nodes at and below a node."""
    return 1 + sum(size(child) for child in node.children if child is not None)


def small_gamma(alpha, numbers):
    """A Gamma variable of shape alpha <= 1 (Ahrens and Dieter 1974, algorithm GS)."""
    while True:
        p, u = (1 + alpha / e) * next(numbers), next(numbers)
        if p <= 1:
            x = p ** (1 / alpha)
            if u <= exp(-x):
                return x
        else:
            x = -log((1 + alpha / e - p) / alpha)
            if u <= x ** (alpha - 1):
                return x


def uniforms(seed):
    """Numbers in (0, 1) by splitmix64 (Steele et al. 2014)."""
    x = int(seed)
    while True:
        x = (x + 0x9E3779B97F4A7C15) & MASK64
        z = x
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        z ^= z >> 31
        yield ((z >> 11) + 0.5) / (1 << 53)

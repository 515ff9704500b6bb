"""Turns as people see them: all decisions of one seat until another is to move."""

from ringrift.agents.thinking import play
from ringrift.rules.kernels import constants as k
from tests.nets.positions import actions_of


def mover(states):
    """Seat to move, 0 at the end."""
    return int(states[0, k.F_SCALAR, k.S_PLAYER])


def winner(states):
    """Seat that has won, 0 where nobody has."""
    return int(states[0, k.F_SCALAR, k.S_WINNER])


def after(config, states, action):
    """The position behind an action and what is forced then: uint16[1, 6, N]."""
    ahead = states.copy()
    play(ahead, config, int(action))
    return ahead


def quickest_win(config, states, most=400):
    """Decisions of the mover's shortest win within this turn; None where there is none among ``most`` positions."""
    seat, turn = mover(states), int(states[0, k.F_SCALAR, k.S_TURNS])
    layer, length = [states], 0
    while layer and most > 0:
        length += 1
        following = []
        for position in layer:
            for action in actions_of(config, position, 0):
                most -= 1
                ahead = after(config, position, action)
                if winner(ahead) == seat:
                    return length
                if mover(ahead) == seat and ahead[0, k.F_SCALAR, k.S_TURNS] == turn:
                    following.append(ahead)
                if most <= 0:
                    return None
        layer = following
    return None

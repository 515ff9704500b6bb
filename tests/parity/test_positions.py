"""Set-up positions: both engines load the same state+, and every kind of mid-turn is among them."""

import random
from collections import Counter

import pytest

from ringrift.configs import ALL_CONFIGS
from ringrift.parity.lockstep import Lockstep, Start
from ringrift.parity.positions import POSITIONS, position
from ringrift.rules.game import GameOptions


def kind_of(state):
    """Phase of a position, with what makes it a mid-turn one."""
    marks = [state["phase"]]
    if state["must"]:
        marks.append("must")
    if state["pend"]:
        marks.append(state["pend"])
    if state["recov"]:
        marks.append("recov")
    return " ".join(marks)


#: Every situation of rules §4.1 that a position may stand in.
KINDS = {
    "ring_placement",
    "movement",
    "movement must",
    "capture",
    "chain_capture",
    "line_processing",
    "line_processing line",
    "territory_processing",
    "territory_processing territory",
    "territory_processing recov",
    "territory_processing recovery recov",
    "forced_elimination",
}


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_positions_load_in_both_engines(config):
    """Each builder's positions load in both engines as the same state+, with the same moves."""
    kinds = Counter()
    small = config.board in ("square8", "hex8")
    rounds = 30 if small else 3
    for name in POSITIONS:
        for number in range(rounds):
            rng = random.Random(f"{config}:{name}:{number}")
            state = position(name, config, GameOptions(), rng)
            step = Lockstep(Start(config, GameOptions(), state))
            assert step.state == state
            assert step.legal()
            kinds[kind_of(state)] += 1
    assert len(kinds) >= 7
    if small:
        assert kinds.keys() >= KINDS


def test_positions_keep_to_the_options():
    """With few rings and other options the positions hold no more rings than there are."""
    options = GameOptions(rings=4, line_detect=4, lps_rounds=2)
    for config in (ALL_CONFIGS[7], ALL_CONFIGS[8]):
        assert config.board == "hex8"
        for name in POSITIONS:
            state = position(name, config, options, random.Random(3))
            assert state["options"] == {
                "pie": False, "line_detect": 4, "lps_rounds": 2, "rings": 4,
            }  # fmt: skip
            for seat in range(1, config.players + 1):
                on_board = sum(rings.count(str(seat)) for rings in state["stacks"].values())
                assert on_board + state["hand"][seat - 1] <= 4
            Lockstep(Start(config, options, state)).legal()

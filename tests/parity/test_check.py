"""Both engines in lockstep over games and set-up positions, with every rare case among them."""

from collections import Counter

import pytest

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.parity import occurrences
from ringrift.parity.check import Plan, Tally, compare, play
from ringrift.parity.policies import POLICIES
from ringrift.parity.positions import POSITIONS
from ringrift.parity.workers import compare_all
from ringrift.rules.game import GameOptions

#: (config, options, whole games, set-up positions): what is played for the table of occurrences.
#: The cases of the smaller boards are rarer on the large ones, where a game takes seconds.
RUNS = (
    ("square8:2", GameOptions(), 12, 216),
    ("square8:3", GameOptions(), 12, 216),
    ("square8:4", GameOptions(), 10, 108),
    ("hex8:2", GameOptions(), 10, 162),
    ("hex8:3", GameOptions(), 10, 126),
    ("hex8:4", GameOptions(), 10, 108),
    ("hex8:3", GameOptions(line_detect=4), 6, 162),
    ("hex8:4", GameOptions(line_detect=4, lps_rounds=1), 6, 90),
    ("square8:2", GameOptions(rings=5, pie=False), 6, 90),
    ("square8:4", GameOptions(rings=3, lps_rounds=2), 6, 54),
    ("square19:2", GameOptions(), 0, 36),
    ("square19:3", GameOptions(rings=7), 1, 18),
    ("square19:4", GameOptions(), 0, 18),
    ("hexagonal:2", GameOptions(), 0, 36),
    ("hexagonal:3", GameOptions(), 0, 18),
    ("hexagonal:4", GameOptions(rings=7), 1, 18),
)  # fmt: skip

SEED = 2


def plan_of(config, options, games, positions, **more):
    """A plan with the seed of these tests."""
    return Plan(Config.parse(config), options, SEED, games, positions, **more)


@pytest.fixture(scope="module")
def table():
    """Cases that occurred in the runs, filled by the test of each run."""
    return Counter()


@pytest.mark.parametrize(
    "run", RUNS, ids=lambda run: f"{run[0]}-{run[1].line_detect}-{run[1].rings}"
)
def test_engines_agree(run, table):
    """The compiled rules and the reference agree at every move, under every option."""
    plan, total = plan_of(*run), Tally()
    found = compare(plan, plan.names(), total.add)
    assert found is None, f"{found.name}: {found.difference.report()}"
    assert (total.games, total.positions) == (plan.games, plan.positions)
    assert total.moves > 5 * plan.positions + 20 * plan.games
    assert total.cases.keys() <= occurrences.NAMES
    table.update(total.cases)


def test_every_case_occurs(table):
    """The runs above reach every case of the table."""
    if not table:  # this test alone
        for run in RUNS:
            test_engines_agree(run, table)
    assert not occurrences.never(table, occurrences.CASES)


def test_impossible_cases_do_not_occur():
    """What the table calls impossible under a configuration or option does not occur there."""
    for config, options in (("square8:2", GameOptions(pie=False)), ("hexagonal:3", GameOptions())):
        plan, total = plan_of(config, options, 0, 54), Tally()
        assert compare(plan, plan.names(), total.add) is None
        possible = {case.name for case in occurrences.possible(plan.config, options)}
        assert total.cases.keys() <= possible


def test_a_seed_decides_everything():
    """The same plan gives the same moves and cases in this process and over three others."""
    plan = plan_of("square8:3", GameOptions(), 4, 36)
    here, there = Tally(), Tally()
    assert compare(plan, plan.names(), here.add) is None
    assert compare_all(plan, 3, there.add) is None
    assert (there.games, there.positions, there.moves) == (4, 36, here.moves)
    assert there.cases == here.cases
    other = Tally()
    again = Plan(plan.config, plan.options, SEED + 1, 4, 36)
    assert compare(again, again.names(), other.add) is None
    assert other.cases != here.cases


def test_one_game_alone_is_the_same_game():
    """A game played alone by its name has the cases it has among the others."""
    plan = plan_of("hex8:2", GameOptions(), 6, 18)
    whole, alone = Tally(), Tally()
    assert compare(plan, plan.names(), whole.add) is None
    case, where = next(iter(sorted(whole.first.items())))
    name = where.partition(",")[0]
    only = plan_of("hex8:2", GameOptions(), 6, 18, only=name)
    assert compare(only, only.names(), alone.add) is None
    assert alone.first[case] == where


def test_every_policy_and_position_is_used():
    """As many games as there are policies, and positions as there are kinds, use each once."""
    plan = plan_of("square8:2", GameOptions(), len(POLICIES), len(POSITIONS))
    assert len(plan.names()) == len(set(plan.names())) == len(POLICIES) + len(POSITIONS)
    starts = set()
    for number in range(len(POSITIONS)):
        name = f"position-{number}"
        starts.add(tuple(map(tuple, play(plan, name))))
    assert len(starts) == len(POSITIONS)


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_play_whole_games(policy):
    """Each policy plays a game to its end on its own, in every phase it meets."""
    plan = plan_of("hex8:3", GameOptions(), 1, 0, policy=policy)
    total = Tally()
    assert compare(plan, plan.names(), total.add) is None
    assert total.games == 1
    assert total.moves > 20


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_possible_cases_are_named_once(config):
    """Every configuration has a table of its own, without a name twice."""
    names = [case.name for case in occurrences.possible(config, GameOptions())]
    assert len(names) == len(set(names)) > 100


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"policy": "chain"}, "did you mean 'chains'"),
        ({"only": "game"}, "game-3 or position-12"),
        ({"options": GameOptions(line_detect=9)}, "expected 3 or 4"),
        ({"options": GameOptions(pie=True)}, "for 2 players"),
    ],
)
def test_wrong_plans_are_refused(changed, said):
    """A name or an option that does not exist is refused with what is valid."""
    values = {"options": GameOptions(), "games": 1, "positions": 0, **changed}
    with pytest.raises(BadInput, match=said):
        plan_of("square8:3", **values)

import pytest

from ringrift.store import ids


def test_an_id_follows_from_what_the_thing_is():
    """The order of keys and the type of sequence do not matter; every value does."""
    one = ids.derived_id("x", {"a": 1, "b": [1, 2]})
    assert one == ids.derived_id("x", {"b": (1, 2), "a": 1})
    assert one != ids.derived_id("y", {"a": 1, "b": [1, 2]})
    assert one != ids.derived_id("x", {"a": 1, "b": [2, 1]})
    assert len(one) == 64


def test_ids_are_the_same_on_every_machine():
    """A golden value: an id that changed would make every ledger disagree with itself."""
    assert ids.shard_id("r", "hex8:2", "m", 7, 0, 64) == (
        "9d8c0511d0a28d2c8cd3f1472d302bf8969344ca9bbe1c7d4b148ddd99a94890"
    )


def test_nothing_without_one_meaning_is_hashed():
    """NaN is unequal to itself, so it has no id."""
    with pytest.raises(ValueError, match="Out of range"):
        ids.derived_id("x", {"a": float("nan")})


def test_each_part_of_a_shard_is_in_its_id():
    """Run, config, model, seed, index and number of games: the same shard or another one."""
    parts = ("run", "hex8:2", "model", 1, 2, 64)
    other = ("ruN", "hex8:3", "modeL", 2, 3, 65)
    known = {ids.shard_id(*parts)}
    for place, value in enumerate(other):
        changed = list(parts)
        changed[place] = value
        known.add(ids.shard_id(*changed))
    assert len(known) == 1 + len(parts)

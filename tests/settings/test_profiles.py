"""Profiles: minimal, standard, full, each with all of the one before."""

import pytest

from ringrift.errors import BadInput
from ringrift.settings import Settings
from ringrift.settings.profiles import PROFILES, covers, profile_of


def test_each_profile_covers_those_before_it():
    """And none after it."""
    table = [[covers(profile, least) for least in PROFILES] for profile in PROFILES]
    assert table == [[True, False, False], [True, True, False], [True, True, True]]


def test_a_wrong_name_is_answered_with_the_nearest():
    """By the option and by the setting."""
    assert [profile_of(name) for name in PROFILES] == list(PROFILES)
    with pytest.raises(BadInput, match="unknown profile 'minimum': did you mean 'minimal'"):
        profile_of("minimum")
    with pytest.raises(BadInput, match=r"RINGRIFT__LOOP__PROFILE.*profile: expected 'minimal'"):
        Settings.load("unified_loop", {"RINGRIFT__LOOP__PROFILE": "all"})

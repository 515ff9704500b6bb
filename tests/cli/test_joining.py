"""Who joins another's workers must have their settings: they decide by their own."""

import pytest

from ringrift.cli.joining import NOTE, await_broker, check_settings, note_settings
from ringrift.errors import BadInput
from ringrift.settings import Settings


def settings(**variables):
    """The packaged settings with some keys changed."""
    return Settings.load("unified_loop", {f"RINGRIFT__{k}": v for k, v in variables.items()})


def test_the_same_settings_may_join(tmp_path):
    """Also with another profile, another port of Flower, and where nothing was noted."""
    check_settings(tmp_path, 7, settings())
    note_settings(tmp_path, settings())
    assert not list(tmp_path.glob(".tmp-*"))
    check_settings(tmp_path, 7, settings())
    check_settings(tmp_path, 7, settings(LOOP__PROFILE="minimal", CLUSTER__FLOWER_PORT="5556"))
    (tmp_path / NOTE).write_text("half a fi")
    check_settings(tmp_path, 7, settings())


def test_other_settings_are_refused_by_name(tmp_path):
    """The line names the process, the keys, and both values; never more than three keys."""
    note_settings(tmp_path, settings())
    with pytest.raises(BadInput) as refused:
        check_settings(tmp_path, 7, settings(LOOP__CONFIGS="[hex8:2, square8:3]"))
    said = str(refused.value)
    assert "process 7" in said
    assert "loop.configs is ['hex8:2'] there and ['hex8:2', 'square8:3'] here" in said
    many = settings(
        TRAINING__BATCH_SIZE="512",
        SELFPLAY__SLOTS="8",
        SELFPLAY__SIMULATIONS="8",
        SELFPLAY__FAST_SIMULATIONS="4",
        LOOP__MAX_ITERATIONS="3",
    )
    with pytest.raises(BadInput, match="and 2 more"):
        check_settings(tmp_path, 7, many)


def test_a_config_of_its_own_is_compared_too(tmp_path):
    """Keys of per_config count as any others."""
    note_settings(tmp_path, settings())
    other = settings(PER_CONFIG='{"hex8:2": {selfplay: {slots: 8}}}')
    with pytest.raises(BadInput, match=r"per_config.*hex8:2"):
        check_settings(tmp_path, 7, other)


def test_hooks_are_compared_without_telling_them(tmp_path):
    """They may hold secrets: neither the file, which only its owner reads, nor the refusal has them."""
    hooked = settings(EVENTS__HOOKS="{MODEL_PROMOTED: [tell --token s3cret]}")
    note_settings(tmp_path, hooked)
    note = tmp_path / NOTE
    assert note.stat().st_mode & 0o077 == 0
    assert "s3cret" not in note.read_text()
    check_settings(tmp_path, 7, hooked)
    with pytest.raises(BadInput, match=r"events\.hooks\.MODEL_PROMOTED") as refused:
        check_settings(tmp_path, 7, settings())
    assert "s3cret" not in str(refused.value)


def test_waiting_ends_when_nobody_starts_a_broker(tmp_path):
    """As long as somebody may, one line says so; then the refusal names both ways to a broker."""
    said, lives = [], iter([True, True, False])
    with pytest.raises(BadInput, match="no broker: set CELERY_BROKER_URL"):
        await_broker(tmp_path, {}, lambda: next(lives), said.append)
    assert len(said) == 1
    assert "waiting for the broker" in said[0]

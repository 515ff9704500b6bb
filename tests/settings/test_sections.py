"""What sections refuse beyond type and range: passwords, the same thing twice, places that cannot be."""

import pytest

from ringrift.cli.main import run
from ringrift.errors import BadInput
from ringrift.settings import Settings
from ringrift.settings.models import checked_place

DEFAULTS = Settings.load("unified_loop", {})
PASSWORD = "geheim"


def events(**hooks):
    """The section of events with these hooks."""
    return DEFAULTS.events.replace(hooks=hooks)


@pytest.mark.parametrize(
    "hook",
    [
        f"curl https://me:{PASSWORD}@host/told",
        f"tell --password={PASSWORD} promoted",
        f"curl https://host/told?access_token={PASSWORD}",
        f"curl -H 'Authorization: Bearer {PASSWORD}' https://host/told",
        f"sh -c 'curl https://host/told?name=$USER\\&api_key={PASSWORD}'",
    ],
)
def test_a_password_in_a_hook_is_refused(hook, tmp_path, capsys):
    """Settings may be shown to anybody: a hook that holds a password is refused, and not repeated."""
    with pytest.raises(BadInput, match="MODEL_PROMOTED: hook 2 holds a password") as caught:
        events(MODEL_PROMOTED=["true", hook])
    assert PASSWORD not in str(caught.value)
    file = tmp_path / "mine.yaml"
    file.write_text(f"events:\n  hooks:\n    MODEL_PROMOTED: |-\n      {hook}\n")
    assert run(["config", "show", str(file)]) == 2
    said = capsys.readouterr()
    assert "holds a password" in said.err
    assert PASSWORD not in said.out + said.err


@pytest.mark.parametrize(
    "hook",
    [
        "sh -c 'curl https://me:$PASSWORD@host/told'",
        "sh -c 'curl https://host/told?token=${TOKEN}'",
        "sh -c 'curl -H \"Authorization: Bearer $(cat /run/secrets/told)\" https://host/told'",
        "mail -s secret:promoted me@home",
        "mymodule:token",
    ],
)
def test_a_hook_may_say_where_its_password_is(hook):
    """A variable, a file, and words that are no password stay as they are."""
    assert events(MODEL_PROMOTED=hook).hooks == {"MODEL_PROMOTED": (hook,)}


def test_a_hook_is_a_command_line():
    """What no program can be started with is refused before an event waits for it."""
    with pytest.raises(BadInput, match="MODEL_PROMOTED: hook 1 holds a NUL"):
        events(MODEL_PROMOTED="tell a\0b")


def test_nothing_is_lost_by_being_said_twice():
    """Two spellings of a kind or a config are refused: one of them would be forgotten without a word."""
    with pytest.raises(BadInput, match="MODEL_PROMOTED appears twice"):
        events(MODEL_PROMOTED="one", model_promoted="two")
    for change in ({"configs": ["hex8:2", " hex8:02"]}, {"weights": {"hex8:2": 1, "hex8:02": 2}}):
        with pytest.raises(BadInput, match="hex8:2 appears twice"):
            DEFAULTS.loop.replace(**change)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s3://", "expected a place behind it, such as s3://models"),
        ("file:///", "expected a place behind it"),
        ("~no-such-user/models", "there is no such user here"),
    ],
)
def test_a_place_of_models_can_be(place, said):
    """What names no folder, or nobody's, is told when settings are read, not when a model is trained."""
    with pytest.raises(BadInput, match=said):
        checked_place(place)


def test_work_is_given_up_before_its_message_is():
    """A message is set aside later than the work that it carries is given up, with the reason of that."""
    with pytest.raises(BadInput, match=r"max_deliveries: expected more than max_attempts \(5\)"):
        DEFAULTS.cluster.replace(max_attempts=5)
    assert DEFAULTS.cluster.replace(max_attempts=5, max_deliveries=6).max_attempts == 5


def test_a_place_is_taken_once():
    """A place that is named twice gets its models once."""
    models = DEFAULTS.models.replace(distribute_to=("/mnt/models", "/mnt/models/"))
    assert models.distribute_to == ("/mnt/models",)

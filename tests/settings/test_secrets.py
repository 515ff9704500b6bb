"""Secrets: from a variable or a file, and never shown."""

import pytest

from ringrift.broker.address import broker_address
from ringrift.cli.main import run
from ringrift.errors import BadInput
from ringrift.settings.secrets import BROKER_URL, DATABASE_URL, masked, secret
from ringrift.store.ledger import open_ledger

PASSWORD = "s3cr3t@word"
URL = f"redis://:{PASSWORD}@127.0.0.1:1/0"


def test_a_file_is_as_good_as_a_variable(tmp_path):
    """NAME_FILE names a file whose one line is the secret; without either there is none."""
    file = tmp_path / "secret"
    file.write_text(f"{URL}\n")
    assert secret(BROKER_URL, {}) == ""
    assert secret(BROKER_URL, {BROKER_URL: f" {URL} "}) == URL
    assert secret(BROKER_URL, {f"{BROKER_URL}_FILE": str(file)}) == URL
    assert broker_address(tmp_path, {f"{BROKER_URL}_FILE": str(file)}).url == URL


def test_a_ledger_by_file(tmp_path, monkeypatch):
    """The ledger's URL may lie in a file."""
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/elsewhere.db")
    monkeypatch.setenv(f"{DATABASE_URL}_FILE", str(tmp_path / "url"))
    open_ledger(tmp_path / "home").close()
    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "expected one line"),
        (b"a\nb\n", "expected one line"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_bad_file_is_named_and_not_quoted(tmp_path, content, said):
    """What is wrong with a file of a secret is told by its name alone."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadInput, match=said) as caught:
        secret(BROKER_URL, {f"{BROKER_URL}_FILE": str(file)})
    assert str(caught.value).startswith(f"{BROKER_URL}_FILE={file}: ")


def test_both_are_refused_without_telling_either(tmp_path):
    """A variable and a file at once are a mistake; neither value is told."""
    with pytest.raises(BadInput, match="both set") as caught:
        secret(BROKER_URL, {BROKER_URL: URL, f"{BROKER_URL}_FILE": str(tmp_path)})
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:geheim@host/0", "redis://:***@host/0"),
        (
            "at postgresql+psycopg://me:ge@heim@host/n now",
            "at postgresql+psycopg://me:***@host/n now",
        ),
        ("postgresql://host/n?password=geheim&x=1", "postgresql://host/n?password=***&x=1"),
        ("redis://host:6379/0 and a@b", "redis://host:6379/0 and a@b"),
        ("hex8:2: mail me@home", "hex8:2: mail me@home"),
    ],
)
def test_what_is_masked(text, shown):
    """Passwords of URLs are ***; what is none stays as it is."""
    assert masked(text) == shown


@pytest.mark.parametrize(
    "command",
    [
        ["config", "show"],
        ["config", "show", "--json"],
        ["config", "diff", "--environment"],
        ["config", "check"],
        ["doctor", "--no-timing"],
        ["doctor", "--no-timing", "--json"],
        ["training-loop", "--config", "hex8:2"],
        ["up", "--no-flower"],
        ["status"],
    ],
    ids=" ".join,
)
def test_no_command_tells_a_password(command, monkeypatch, capfd):
    """Neither output nor error of a command that knows a broker's and a ledger's password holds it."""
    monkeypatch.setenv(BROKER_URL, URL)
    monkeypatch.setenv(DATABASE_URL, f"mysql://me:{PASSWORD}@127.0.0.1:1/ledger")
    monkeypatch.setenv("RINGRIFT_TRACE_DEBUG", "1")
    monkeypatch.setattr("ringrift.cli.up.warm_up", lambda: None)
    run(command)
    said = "".join(capfd.readouterr())
    assert said
    assert PASSWORD not in said
    assert PASSWORD.partition("@")[0] not in said

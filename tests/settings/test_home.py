"""The state directory: where it is, and what is said when it cannot be used."""

import os
import shutil

import pytest

from ringrift.errors import BadInput
from ringrift.settings import FOLDERS, home, prepare_home


def test_where_it_is(tmp_path, monkeypatch):
    """RINGRIFT_HOME, else .ringrift of the project folder around us, else the user's data folder."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "unified_loop.yaml").touch()
    monkeypatch.chdir(tmp_path / "config")
    assert home({"RINGRIFT_HOME": str(tmp_path / "x")}) == tmp_path / "x"
    assert home({}) == tmp_path / ".ringrift"
    monkeypatch.chdir("/")
    assert home({}).name == "ringrift"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("~no-such-user/state", "there is no such user here"),
        ("x" * 300, "File name too long"),
        ("/" + "x" * 300 + "/state", "File name too long"),
        (os.fsdecode(b"/state-\xff"), "expected a name in UTF-8"),
    ],
)
def test_a_name_that_no_folder_can_have_is_told(named, said):
    """RINGRIFT_HOME is named with what is wrong with it, before anything looks for a file in it."""
    with pytest.raises(BadInput, match=f"^RINGRIFT_HOME: .*: {said}"):
        home({"RINGRIFT_HOME": named})


def test_a_folder_that_was_removed_under_us(tmp_path, monkeypatch):
    """Where nobody can say where we are, no state directory is guessed: not that of the user either."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for environ in ({}, {"RINGRIFT_HOME": "state"}):
        with pytest.raises(BadInput, match="the folder that this runs in is gone"):
            home(environ)
    assert home({"RINGRIFT_HOME": str(tmp_path)}) == tmp_path


def test_it_is_made_with_its_folders(tmp_path):
    """All folders exist afterwards, and a second time changes nothing."""
    for _ in range(2):
        assert prepare_home(0, tmp_path / "state") == tmp_path / "state"
    assert sorted(p.name for p in (tmp_path / "state").iterdir()) == sorted(FOLDERS)


def test_one_that_cannot_be_made_is_named(tmp_path):
    """A file in its place, and a folder without the right to write, end in one line."""
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="file cannot be written to: .*; set RINGRIFT_HOME"):
        prepare_home(0, tmp_path / "file")
    if os.geteuid():  # root may write anywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(BadInput, match="cannot be written to: Permission denied"):
            prepare_home(0, tmp_path / "closed")


def test_a_disk_without_room_is_named(tmp_path):
    """Too little free room names the room, the need and the key that sets it."""
    need = shutil.disk_usage(tmp_path).total // 2**20 + 1
    with pytest.raises(
        BadInput, match=rf"MiB free, expected at least {need} \(storage.min_free_mib\)"
    ):
        prepare_home(need, tmp_path)

"""A database file whose owner does with it what he likes."""

import shutil

import pytest

from ringrift.errors import BadInput
from ringrift.store.ledger import Fence, newest_fence, open_ledger, take_fence


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_nothing_is_written_into_a_file_that_is_gone(tmp_path, how):
    """What has a ledger open whose file was removed or replaced is told so, instead of writing it for nobody."""
    ledger = open_ledger(tmp_path)
    with ledger.write() as tx:
        take_fence(tx, "master", "a")
    aside = tmp_path / "aside"
    (tmp_path / "ringrift.db").rename(aside)
    if how == "replaced":
        shutil.copy(aside, tmp_path / "ringrift.db")
    for begin in (ledger.read, ledger.write):
        with pytest.raises(BadInput, match="was removed or replaced while it was in use"), begin():
            pytest.fail("a transaction began")
    aside.rename(tmp_path / "ringrift.db")
    with ledger.write() as tx:
        assert take_fence(tx, "master", "b") == Fence("master", 2)
    ledger.close()


@pytest.mark.parametrize("left", ["models/a.safetensors", "shards/a.jsonl.zst"])
def test_no_new_ledger_beside_the_files_of_an_old_one(tmp_path, left):
    """Where runs have left files, a ledger that is not there was lost, and nobody begins another one over it."""
    file = tmp_path / left
    file.parent.mkdir()
    file.touch()
    with pytest.raises(
        BadInput, match=rf"ringrift.db is gone, and {file.parent.name}/ holds files"
    ):
        open_ledger(tmp_path)
    assert not (tmp_path / "ringrift.db").exists()
    file.unlink()
    open_ledger(tmp_path).close()
    file.touch()
    ledger = open_ledger(tmp_path)
    with ledger.read() as tx:
        assert newest_fence(tx, "master") == 0
    ledger.close()

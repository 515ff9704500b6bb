"""A database file whose owner does with it what he likes."""

import shutil

import pytest
import sqlalchemy as sa

from ringrift.errors import BadInput
from ringrift.store.blobs import BlobStore
from ringrift.store.engine import check_whole, with_patience
from ringrift.store.ledger import Fence, newest_fence, open_ledger, take_fence
from ringrift.store.verify import verify


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


def test_a_damaged_file_is_said_to_be_one(tmp_path):
    """Whoever starts with it is refused, and `verify` names what is wrong with it instead of failing on it."""
    path = tmp_path / "ringrift.db"
    check_whole(path)
    ledger = open_ledger(tmp_path)
    with ledger.read() as tx:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'games'"
        page = tx.conn.exec_driver_sql(query).scalar_one()
        size = tx.conn.exec_driver_sql("PRAGMA page_size").scalar_one()
    ledger.close()
    check_whole(path)
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 600)
    with pytest.raises(
        BadInput, match=r"ringrift.db cannot be used: .*file is damaged: put a copy"
    ):
        check_whole(path)
    ledger = open_ledger(tmp_path)
    found = verify(ledger, BlobStore(tmp_path))
    assert found
    assert {(one.subject, one.name) for one in found} == {("database", "integrity")}
    ledger.close()


def test_connecting_to_postgresql_ends():
    """A server that is silent is given up after some seconds, or after as many as the URL says."""
    plain, own = (
        with_patience(sa.make_url("postgresql://me@there/ledger" + more))
        for more in ("", "?connect_timeout=3&sslmode=require")
    )
    assert (plain.drivername, dict(plain.query)) == (
        "postgresql+psycopg",
        {"connect_timeout": "10"},
    )
    assert dict(own.query) == {"connect_timeout": "3", "sslmode": "require"}

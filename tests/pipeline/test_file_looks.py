"""Files are read once, and noticed when they change."""

import pytest

from ringrift.pipeline import file_looks
from ringrift.pipeline.file_looks import Files
from ringrift.store.blobs import file_sha256
from tests.pipeline import tiny


@pytest.fixture
def shard(tmp_path):
    """A shard of four games."""
    records = [tiny.record(tiny_work(), number) for number in range(4)]
    return tiny.write_records(tmp_path / "shards", records, {"shard": "s"}).path


def tiny_work():
    """What a shard is made of."""
    from types import SimpleNamespace

    return SimpleNamespace(id="s", config=tiny.HEX8, model="m" * 64)


@pytest.fixture
def reads(monkeypatch):
    """Files that were read."""
    seen = []
    real = file_looks.count_records
    monkeypatch.setattr(file_looks, "count_records", lambda p: seen.append(p) or real(p))
    return seen


def test_a_file_is_read_once_and_again_when_it_changed(tmp_path, shard, reads):
    """The next process trusts the look; a file that was cut short is read anew and counted anew."""
    files = Files(tmp_path)
    assert files.games(shard, 0) == 4
    files.keep()
    assert Files(tmp_path).games(shard, 0) == 4
    assert len(reads) == 1
    assert Files(tmp_path, afresh=True).games(shard, 0) == 4
    assert len(reads) == 2
    shard.write_bytes(shard.read_bytes()[:40])
    assert Files(tmp_path).games(shard, 4) != 4
    shard.unlink()
    assert Files(tmp_path).games(shard, 0) is None


def test_without_time_the_ledger_is_believed_and_it_is_said(tmp_path, shard, reads):
    """A file that is gone is noticed even then."""
    files = Files(tmp_path, seconds=0.0)
    assert (files.games(shard, 7), files.unread, reads) == (7, 1, [])
    assert files.whole(shard, "0" * 64)
    shard.unlink()
    assert files.games(shard, 7) is None
    assert not files.whole(shard, "0" * 64)
    assert files.unread == 2


def test_a_model_is_what_its_name_says(tmp_path):
    """Whole, then overwritten."""
    model = tmp_path / "model"
    model.write_bytes(b"weights")
    sha256 = file_sha256(model)
    files = Files(tmp_path)
    assert files.whole(model, sha256)
    files.keep()
    model.write_bytes(b"other weights")
    assert not Files(tmp_path).whole(model, sha256)


def test_a_spoilt_memory_costs_only_time(tmp_path, shard, reads):
    """What is no JSON is forgotten."""
    (tmp_path / file_looks.CACHE).write_text("{")
    assert Files(tmp_path).games(shard, 0) == 4

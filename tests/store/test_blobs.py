import hashlib
import os
import subprocess
import sys

import pytest

from ringrift.store.blobs import ASIDE, BadBlob, BlobStore, note_quarantine, quarantined

TEXT = b"some games"
SHA256 = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return BlobStore(tmp_path / "home")


def test_a_file_is_named_by_its_content(store, tmp_path):
    """Adopting it twice gives one file, whole, readable by others; the source stays."""
    source = tmp_path / "made.jsonl.zst"
    source.write_bytes(TEXT)
    blob = store.adopt(source, "shards")
    again = store.adopt(source, "shards")
    assert blob == again
    assert blob.path == store.home / "shards" / f"{SHA256}.jsonl.zst"
    assert (blob.path.read_bytes(), blob.bytes) == (TEXT, len(TEXT))
    assert [path.name for path in (store.home / "shards").iterdir()] == [blob.path.name]
    assert source.exists()
    assert store.path(store.relative(blob.path)) == blob.path


def test_adopting_a_named_file_keeps_its_suffix_once(store):
    """A file of the store that is adopted again is itself."""
    folder = store.home / "models"
    folder.mkdir(parents=True)
    made = folder / f"{SHA256}.safetensors"
    made.write_bytes(TEXT)
    assert store.adopt(made, "models").path == made


def test_a_broken_file_is_moved_away_with_its_reason(store):
    """It is never read: the caller learns where it is now, and what was wrong."""
    folder = store.home / "shards"
    folder.mkdir(parents=True)
    path = folder / f"{SHA256}.jsonl.zst"
    path.write_bytes(b"other")
    with pytest.raises(BadBlob, match="expected sha256") as caught:
        store.verify(path, SHA256)
    moved = caught.value.moved_to
    assert not path.exists()
    assert moved.read_bytes() == b"other"
    assert SHA256 in moved.with_name(moved.name + ".reason.txt").read_text()
    with pytest.raises(BadBlob, match="it was broken and is now"):
        store.verify(path, SHA256)
    path.write_bytes(b"again")
    with pytest.raises(BadBlob) as caught:
        store.verify(path, SHA256)
    assert caught.value.moved_to != moved


def test_a_folder_in_the_place_of_a_file_is_moved_away(store):
    """Nothing could be written there again."""
    path = store.home / "models" / SHA256
    (path / "inner").mkdir(parents=True)
    with pytest.raises(BadBlob, match="found a folder; moved to") as caught:
        store.verify(path, SHA256)
    assert not path.exists()
    assert (caught.value.moved_to / "inner").is_dir()


def test_folders_and_files_may_be_links(store, tmp_path):
    """A room of the state directory may lie on another disk; the ledger knows it by its name here."""
    (tmp_path / "disk").mkdir()
    store.home.mkdir()
    (store.home / "shards").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / SHA256).symlink_to(tmp_path / "far")
    assert store.relative(store.home / "shards" / SHA256) == f"shards/{SHA256}"
    (tmp_path / "second").symlink_to(store.home)
    assert store.relative(tmp_path / "second" / "models" / SHA256) == f"models/{SHA256}"


def test_a_missing_file_is_said_to_be_missing(store):
    """One line with its path, and nothing is moved."""
    with pytest.raises(BadBlob, match="No such file") as caught:
        store.verify(store.home / "nothing", SHA256)
    assert caught.value.moved_to is None


def test_nothing_half_written_is_left(store, tmp_path):
    """When writing fails, neither the file nor a part of it is there."""
    with pytest.raises(FileNotFoundError):
        store.adopt(tmp_path / "missing", "shards")
    folder = store.home / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (folder / f"{ASIDE}{gone.pid}-left-by-a-killed-writer").write_bytes(b"x")
    mine = folder / f"{ASIDE}{os.getpid()}-being-written"
    mine.write_bytes(b"x")
    assert store.sweep() == 1
    assert list(folder.iterdir()) == [mine]


def test_copies_to_and_from_another_store_are_verified(store, tmp_path):
    """A file goes to an fsspec address and comes back as itself, or not at all."""
    source = tmp_path / "net.safetensors"
    source.write_bytes(TEXT)
    blob = store.adopt(source, "models")
    url = f"file://{tmp_path}/shared"
    store.push(blob.path, url)
    store.push(blob.path, url)
    other = BlobStore(tmp_path / "other")
    fetched = other.fetch(f"{url}/{blob.path.name}", "models", SHA256)
    assert fetched.path.read_bytes() == TEXT
    (tmp_path / "shared" / blob.path.name).write_bytes(b"changed on the way")
    third = BlobStore(tmp_path / "third")
    with pytest.raises(BadBlob, match="expected sha256"):
        third.fetch(f"{url}/{blob.path.name}", "models", SHA256)
    assert list((third.home / "models").iterdir()) == []


def test_the_ledger_knows_what_was_moved_away(ledger):
    """Noted once, however often it is told."""
    with ledger.write() as tx:
        for _ in range(2):
            note_quarantine(tx, "shards/x", "quarantine/x", "cut short", SHA256)
        [row] = quarantined(tx)
    assert (row["path"], row["reason"], row["expected"]) == ("shards/x", "cut short", SHA256)

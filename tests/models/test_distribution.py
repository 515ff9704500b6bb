"""Places that models are taken to: what they hold is whole, and said by a manifest."""

import json

import pytest

from ringrift.errors import BadInput
from ringrift.models import distribution
from ringrift.models.distribution import Listed, Manifest, NotThere, PlaceAway
from ringrift.store.blobs import BadBlob, BlobStore

CONTENT = b"weights"


def listed(letter="a"):
    """A model of a manifest."""
    return Listed(letter * 64, f"{letter * 64}.safetensors", 7, "candidate", 12.5)


def manifest(champion=None, config="hex8:2"):
    """What a place has."""
    return Manifest(config, listed(), champion, None if champion is None else 3.0)


@pytest.fixture
def model(tmp_path):
    """A store with one model: store and file."""
    source = tmp_path / "net.safetensors"
    source.write_bytes(CONTENT)
    blobs = BlobStore(tmp_path / "home")
    return blobs, blobs.adopt(source, "models")


@pytest.mark.parametrize("champion", [None, listed("b")])
def test_a_manifest_comes_back_as_itself(tmp_path, champion):
    """Written, read by config, and written again only when it says something else."""
    place = str(tmp_path / "place")
    assert distribution.write_manifest(manifest(champion), place)
    assert not distribution.write_manifest(manifest(champion), place)
    assert distribution.write_manifest(manifest(config="square8:3"), place)
    assert distribution.manifests(place) == [manifest(champion), manifest(config="square8:3")]
    assert not [path for path in (tmp_path / "place").iterdir() if path.suffix != ".json"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:40],
        lambda _: "[]",
        lambda text: text.replace("ringrift-models/1", "ringrift-models/2"),
        lambda text: text.replace("hex8:2", "hex9:2"),
        lambda text: json.dumps({**json.loads(text), "newest": {"sha256": "a"}}),
        lambda text: text.replace(".safetensors", "/../../x"),
        lambda text: json.dumps({**json.loads(text), "more": 1}),
    ],
)
def test_what_is_no_manifest_is_refused_by_name(tmp_path, spoil):
    """One line that names the file; a file name never leads out of the place."""
    distribution.write_manifest(manifest(), str(tmp_path))
    path = tmp_path / "hex8_2.json"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(BadInput, match=r"hex8_2\.json") as caught:
        distribution.manifests(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_places_that_hold_nothing_or_are_none_are_said(tmp_path, model):
    """An empty folder, one that is not there, and one that is a file."""
    blobs, blob = model
    with pytest.raises(NotThere, match="no manifest"):
        distribution.manifests(str(tmp_path / "none"))
    file = tmp_path / "file"
    file.write_bytes(b"")
    for reach in (
        lambda: distribution.publish(blobs, blob.path, str(file)),
        lambda: distribution.write_manifest(manifest(), f"{file}/below"),
        lambda: distribution.publish(blobs, blob.path, "nosuch://x/y"),
        lambda: distribution.publish(blobs, blob.path, "/proc/none/below"),  # cannot be made
        lambda: distribution.write_manifest(manifest(), "/proc/none/below"),
    ):
        with pytest.raises(PlaceAway) as caught:
            reach()
        assert "\n" not in str(caught.value)


def test_a_copy_is_known_by_its_size_and_hashed_when_asked(tmp_path, model):
    """One that was cut short is replaced, one with other bytes once it is hashed."""
    blobs, blob = model
    place = str(tmp_path / "place")
    copy = tmp_path / "place" / blob.path.name
    assert distribution.publish(blobs, blob.path, place)
    assert not distribution.publish(blobs, blob.path, place)
    copy.write_bytes(CONTENT[:3])
    assert distribution.publish(blobs, blob.path, place)
    copy.write_bytes(CONTENT[::-1])
    assert not distribution.publish(blobs, blob.path, place)
    assert distribution.publish(blobs, blob.path, place, again=True)
    assert copy.read_bytes() == CONTENT
    assert [path.name for path in copy.parent.iterdir()] == [blob.path.name]


def test_what_arrives_broken_is_not_taken(tmp_path, model):
    """It goes to quarantine, and the models folder has nothing of it."""
    blobs, blob = model
    place = tmp_path / "place"
    distribution.publish(blobs, blob.path, str(place))
    (place / blob.path.name).write_bytes(CONTENT[::-1])
    other = BlobStore(tmp_path / "other")
    with pytest.raises(BadBlob, match="expected sha256"):
        distribution.fetch(other, blob.sha256, str(place))
    assert list((tmp_path / "other" / "models").iterdir()) == []
    with pytest.raises(NotThere, match="has no"):
        distribution.fetch(other, "b" * 64, str(place))


def test_a_model_in_memory_of_another_kind_of_store(model):
    """Any fsspec address will do, not only a folder."""
    blobs, blob = model
    place = "memory://models-of-a-test/here"
    assert distribution.publish(blobs, blob.path, place)
    assert distribution.write_manifest(manifest(), place)
    assert distribution.listing(place)[blob.path.name] == len(CONTENT)
    assert distribution.manifests(place) == [manifest()]
    assert distribution.withdraw(place, blob.sha256)
    assert not distribution.withdraw(place, blob.sha256)
    assert list(distribution.listing(place)) == ["hex8_2.json"]

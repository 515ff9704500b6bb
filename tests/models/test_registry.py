import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.models import distribution, registry
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.store.blobs import BadBlob, BlobStore
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8


@pytest.fixture(scope="module")
def ctx(tmp_path_factory):
    """A state directory with a champion."""
    made = tiny.context(tmp_path_factory.mktemp("models"))
    work_off(made, open_or_resume(made, HEX8).id)
    yield made
    made.ledger.close()


def find(ctx, name, config=HEX8):
    """Resolve a name."""
    return registry.resolve(ctx.ledger, ctx.blobs, config, name)


def test_names_prefixes_and_paths_lead_to_verified_files(ctx):
    """All ways to say the champion are the same file."""
    champion = find(ctx, "champion")
    assert champion.path.name == f"{champion.sha256}.safetensors"
    assert find(ctx, champion.sha256) == champion
    assert find(ctx, champion.sha256[:8]) == champion
    assert find(ctx, str(champion.path)) == champion
    assert find(ctx, "newest") == champion
    assert find(ctx, "initial") != champion


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("champoin", "did you mean 'champion'"),
        ("0" * 12, "no model begins"),
        ("abc", "neither a sha256 nor a name"),
        ("/nowhere/x.safetensors", "no such file"),
    ],
)
def test_wrong_names_are_one_clear_line(ctx, name, said):
    """With the nearest valid name."""
    with pytest.raises(BadInput, match=said):
        find(ctx, name)


def test_a_config_without_models_says_how_to_get_one(ctx):
    """And a model of another config is refused."""
    other = Config("square8", 2)
    with pytest.raises(BadInput, match="training-loop makes one"):
        find(ctx, "champion", other)
    with pytest.raises(BadInput, match="plays hex8:2, not square8:2"):
        find(ctx, find(ctx, "champion").sha256, other)


def test_models_travel_verified(ctx, tmp_path):
    """Published, fetched by another machine, and refused when something else arrives."""
    champion = find(ctx, "champion")
    url = f"file://{tmp_path}/shared"
    distribution.publish(ctx.blobs, champion.path, url)
    other = BlobStore(tmp_path / "other")
    blob = distribution.fetch(other, champion.sha256, url)
    assert blob.path.read_bytes() == champion.path.read_bytes()
    assert distribution.fetch(other, champion.sha256, "file:///nowhere") == blob
    (tmp_path / "shared" / champion.path.name).write_bytes(b"x")
    with pytest.raises(BadBlob, match="expected sha256"):
        distribution.fetch(BlobStore(tmp_path / "third"), champion.sha256, url)

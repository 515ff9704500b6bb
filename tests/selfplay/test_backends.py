"""What computes the network of a shard: named, timed, or taken over from its beginning."""

import pytest
from structlog.testing import capture_logs

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted
from ringrift.nets.arch import Arch
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.nets.choice import default_backend
from ringrift.nets.presence import lacking, present
from ringrift.rules.records import RecordReader
from ringrift.selfplay import backends, checkpoint, shard
from ringrift.selfplay.checkpoint import checkpoint_path
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.shard import ShardSpec, produce_shard
from ringrift.settings import home

HEX = Config("hex8", 2)
FAST = SelfplayParameters(simulations=4, fast_simulations=2, full_search_fraction=0.3, slots=4)
OTHERS = [
    pytest.param(kind, marks=pytest.mark.skipif(bool(lacking(kind)), reason=str(lacking(kind))))
    for kind in ("openvino", "onnx")
]


@pytest.fixture
def spec(model_of):
    """A shard with two fillings of its slots."""
    return ShardSpec("r" * 8, HEX, model_of(HEX)[1], seed=3, index=0, games=8, search=FAST)


def stop(_):
    """Ask for an end."""
    raise Interrupted("stop")


def test_timed_once(model_of, spec, tmp_path, monkeypatch):
    """The first process of a state directory times all that is here and says what it tried; all others keep to it."""
    monkeypatch.setattr(backends, "_chosen", {})
    with capture_logs() as said:
        first = produce_shard(spec, model_of(HEX)[0], tmp_path / "a", backend="auto")
        second = produce_shard(spec, model_of(HEX)[0], tmp_path / "b", backend="auto")
        monkeypatch.setattr(backends, "_chosen", {})  # as another process has it
        monkeypatch.setattr(backends, "choose_backend", None)
        third = produce_shard(spec, model_of(HEX)[0], tmp_path / "c", backend="auto")
    [entry, later] = [line for line in said if line["event"].startswith("backend")]
    assert (entry["event"], later["event"]) == ("backend chosen", "backend as timed before")
    assert all(entry[key] == later[key] for key in ("backend", "tried", "evaluations_per_second"))
    assert Backend(entry["backend"], entry["dtype"], entry["batch"], entry["threads"]) == (
        first.backend
    )
    assert first.backend.batch == spec.search.slots
    for kind in set(present()) - {"torch-cuda"}:
        assert "torch-cuda" in present() or any(kind in text for text in entry["tried"])
    assert first.sha256 == second.sha256 == third.sha256
    assert RecordReader(first.path).spec["backend"] == first.backend.to_dict()


def test_what_needs_no_computing_is_not_timed(tmp_path, monkeypatch):
    """An untrained network is never computed: nothing is timed for it."""
    monkeypatch.setattr(backends, "choose_backend", None)
    path, sha256 = save_model(init_model(HEX, Arch(8, 1, 1, 8, 8, 8), 1), tmp_path)
    spec = ShardSpec("r" * 8, HEX, sha256, seed=3, index=0, games=4, search=FAST)
    made = produce_shard(spec, path, tmp_path / "out", backend="auto")
    assert made.backend == default_backend(4)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_shard_goes_on_with_its_own_backend(model_of, spec, tmp_path, monkeypatch, kind):
    """What one backend began it ends, whatever the next start asks for: the file is that of an undisturbed shard."""
    model = model_of(HEX)[0]
    whole = produce_shard(spec, model, tmp_path / "whole", backend=kind)
    assert whole.backend.kind == kind
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        produce_shard(spec, model, out, stop, backend=kind)
    assert checkpoint.begun_with(checkpoint_path(out, spec.id))["backend"]["kind"] == kind
    with pytest.raises(Interrupted):
        produce_shard(spec, model, out, stop, backend="torch")
    made = produce_shard(spec, model, out, backend="torch")
    assert (made.backend, made.sha256) == (whole.backend, whole.sha256)
    assert [path.name for path in out.iterdir()] == [whole.path.name]


@pytest.mark.parametrize("kind", OTHERS)
def test_played_again_from_its_header(model_of, spec, tmp_path, kind):
    """The backend in a shard's header gives the same file, bit for bit."""
    first = produce_shard(spec, model_of(HEX)[0], tmp_path / "a", backend=kind)
    named = Backend.from_dict(RecordReader(first.path).spec["backend"])
    assert produce_shard(spec, model_of(HEX)[0], tmp_path / "b", backend=named).sha256 == (
        first.sha256
    )


def test_a_beginning_that_cannot_go_on_here(model_of, spec, tmp_path, monkeypatch):
    """A checkpoint of a backend that this machine lacks goes to quarantine, and the shard begins again."""
    model, out = model_of(HEX)[0], tmp_path / "out"
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    with pytest.raises(Interrupted):
        produce_shard(spec, model, out, stop, Backend("torch-cpu", "bfloat16", 4))

    def refuse(kind):
        raise BadInput(f"backend {kind}: gone")

    monkeypatch.setattr(backends, "require", refuse)
    other = Backend("torch-cpu", "float32", 4)
    monkeypatch.setattr(backends, "named_backend", lambda *_: other)
    made = produce_shard(spec, model, out)
    assert (made.resumed, made.backend) == (0, other)
    [text] = (out / "quarantine").glob("*.reason.txt")
    assert "checkpoint of another shard: backend differ" in text.read_text()


def test_a_wrong_name(model_of, spec, tmp_path):
    """A backend that does not exist is refused with the nearest that does."""
    with pytest.raises(BadInput, match="unknown backend 'onix': did you mean 'onnx'"):
        produce_shard(spec, model_of(HEX)[0], tmp_path, backend="onix")


def test_what_was_kept_and_cannot_be_read_is_timed_again(model_of, spec, tmp_path, monkeypatch):
    """A damaged file of the state directory costs another timing, no more."""
    for _ in range(2):
        monkeypatch.setattr(backends, "_chosen", {})
        with capture_logs() as said:
            produce_shard(spec, model_of(HEX)[0], tmp_path / "out", backend="auto")
        assert "backend chosen" in {line["event"] for line in said}
        [kept] = (home() / backends.FOLDER).glob("*.json")
        kept.write_text("{")

"""Training in a child process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, NotReached
from ringrift.nets.arch import Arch
from ringrift.training.process import train_in_child
from ringrift.training.result import FolderInUse
from ringrift.training.run_folder import locked
from ringrift.training.spec import TrainSpec
from ringrift.training.trainer import train
from tests.training.synthetic import synthetic_dataset

pytestmark = pytest.mark.processes

HEX = Config("hex8", 2)
SMALL = Arch(channels=16, blocks=2, policy_width=16, value_width=8, value_hidden=16)
SPEC = TrainSpec("hex8:2", batch_size=64, max_steps=12, heldout_rows=100)
ENDLESS = TrainSpec("hex8:2", batch_size=64, sample_reuse=64, heldout_rows=0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset of 8 random games."""
    return synthetic_dataset(tmp_path_factory.mktemp("data"), HEX, 8)


def test_the_child_trains_the_same_network(dataset, tmp_path):
    """A training in a child gives the file of one in this process, and reports its progress."""
    seen = []
    child = train_in_child(SPEC, dataset, None, tmp_path / "a", seen.append, arch=SMALL.to_dict())
    here = train(SPEC, dataset, None, tmp_path / "b", arch=SMALL)
    assert child.sha256 == here.sha256
    assert child.path.exists()
    assert seen[-1].step == 12
    assert not list((tmp_path / "a").glob("job-*"))


def test_errors_come_back_as_they_are(dataset, tmp_path):
    """What the trainer refuses in the child is the same error here."""
    with pytest.raises(BadInput, match="none.safetensors"):
        train_in_child(SPEC, dataset, tmp_path / "none.safetensors", tmp_path / "a")
    with locked(tmp_path / "b"), pytest.raises(FolderInUse, match="another trainer"):
        train_in_child(SPEC, dataset, None, tmp_path / "b", arch=SMALL.to_dict())


def test_a_stopped_child_can_go_on(dataset, tmp_path):
    """Asked to stop, the child writes its state; the next one goes on from there."""
    seen = []
    with pytest.raises(Interrupted, match="goes on from there"):
        train_in_child(
            ENDLESS, dataset, None, tmp_path, seen.append,
            arch=SMALL.to_dict(), stopped=lambda: bool(seen),
        )  # fmt: skip
    assert (tmp_path / "state.safetensors").exists()
    later = []
    with pytest.raises(Interrupted):
        train_in_child(
            ENDLESS, dataset, None, tmp_path, later.append,
            arch=SMALL.to_dict(), stopped=lambda: bool(later),
        )  # fmt: skip
    assert later[0].step > seen[0].step


def test_a_child_stopped_before_it_began_is_no_failure(dataset, tmp_path):
    """Asked to stop while the child still starts, it is an interruption: nothing failed, nothing is left behind."""
    with pytest.raises(Interrupted, match="before it began"):
        train_in_child(ENDLESS, dataset, None, tmp_path, stopped=lambda: True)
    assert not list(tmp_path.glob("job-*"))


def test_a_deadline_ends_the_child(dataset, tmp_path):
    """A training that takes too long is ended and said to have."""
    with pytest.raises(NotReached, match="not done within"):
        train_in_child(
            ENDLESS, dataset, None, tmp_path, arch=SMALL.to_dict(), deadline_seconds=0.01
        )


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return text.rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_dies_with_its_parent(dataset, tmp_path):
    """When the parent is killed with -9, its trainer ends too and gives the folder back."""
    script = (
        "import sys, json, pathlib\n"
        "from ringrift.training.process import train_in_child\n"
        "from ringrift.training.spec import TrainSpec\n"
        "spec, dataset, run, arch = json.loads(sys.argv[1])\n"
        "train_in_child(TrainSpec.from_dict(spec), pathlib.Path(dataset), None, pathlib.Path(run),\n"
        "               lambda p: print(p.step, flush=True), arch=arch)\n"
    )
    job = json.dumps([ENDLESS.to_dict(), str(dataset), str(tmp_path), SMALL.to_dict()])
    parent = subprocess.Popen([sys.executable, "-c", script, job], stdout=subprocess.PIPE)
    assert parent.stdout.readline().strip() == b"1"  # the child is in its loop
    tasks = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    children = [int(pid) for pid in tasks.read_text(encoding="utf-8").split()]
    assert len(children) == 1
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 60
    while alive(children[0]):
        assert time.monotonic() < end, "the trainer outlived its parent"
        time.sleep(0.05)
    with locked(tmp_path):
        assert (tmp_path / "state.safetensors").exists()


def test_the_parent_needs_no_torch():
    """Who only starts trainings does not load torch."""
    code = (
        "import sys, ringrift.training.process, ringrift.nets.arch\n"
        "assert 'torch' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_that_hangs_does_not_outlive_its_parent():
    """One that does not hear that it shall end is gone soon after its parent: it would hold the folder for ever."""
    hanging = (
        "import os, signal, time\n"
        "from ringrift.training import child\n"
        "child.GRACE_SECONDS = child.LOOK_SECONDS = 0.1\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child.die_with_parent(os.getppid())\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n"
    )
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    parent = subprocess.Popen([sys.executable, "-c", script, hanging], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""Training: it learns, it goes on, it says what is wrong."""

import threading

import numpy as np
import pytest
import torch

from ringrift.configs import Config
from ringrift.data.npz import write_npz
from ringrift.errors import BadInput, Interrupted, NotReached
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, load_model, save_model
from ringrift.training.result import LossDiverged
from ringrift.training.run_folder import RESULT, STATE, locked
from ringrift.training.spec import TrainSpec
from ringrift.training.trainer import train
from tests.training.synthetic import synthetic_arrays, synthetic_dataset

HEX = Config("hex8", 2)
SMALL = Arch(channels=16, blocks=2, policy_width=16, value_width=8, value_hidden=16)
SPEC = TrainSpec("hex8:2", batch_size=64, max_steps=12, heldout_rows=300)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset of 12 random games, 3 of them held out."""
    return synthetic_dataset(tmp_path_factory.mktemp("data"), HEX, 12, heldout_games=3)


def test_it_learns(dataset, tmp_path):
    """On held-out games the policy and the eliminated rings are predicted better after training than before."""
    spec = TrainSpec("hex8:2", batch_size=64, max_steps=80, sample_reuse=64, ema_decay=0.9)
    seen = []
    result = train(spec, dataset, None, tmp_path, seen.append, arch=SMALL)
    before, after = result.heldout_before, result.heldout_after
    assert after["policy"] < before["policy"] - 0.2
    assert after["eliminated"] < before["eliminated"] - 0.1
    assert result.loss_after < result.loss_before
    assert [p.step for p in seen] == sorted({p.step for p in seen})
    assert (seen[0].step, seen[-1].step, seen[-1].steps) == (1, 80, 80)
    assert set(seen[-1].losses) == {"total", "policy", "value", "territory", "eliminated"}
    loaded = load_model(result.path, HEX)
    assert (loaded.sha256, loaded.info.arch) == (result.sha256, SMALL)
    assert loaded.info.training["steps"] == 80


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupted_training_goes_on_bit_for_bit(dataset, tmp_path, optimizer, precision):
    """Stopped twice and started again, a training ends with the very file of an undisturbed one."""
    spec = TrainSpec.from_dict(SPEC.to_dict() | {"optimizer": optimizer, "precision": precision})
    whole = train(spec, dataset, None, tmp_path / "whole", arch=SMALL)
    for stop in (5, 9):
        steps = []

        def stopped(steps=steps, stop=stop):
            steps.append(1)
            return len(steps) >= stop - (5 if stop > 5 else 0)

        with pytest.raises(Interrupted, match=f"after step {stop} of 12"):
            train(spec, dataset, None, tmp_path / "parts", arch=SMALL, stopped=stopped)
    parts = train(spec, dataset, None, tmp_path / "parts", arch=SMALL)
    assert parts.sha256 == whole.sha256
    assert (parts.loss_before, parts.loss_after) == (whole.loss_before, whole.loss_after)
    assert parts.heldout_before == whole.heldout_before


def test_a_finished_training_is_not_run_again(dataset, tmp_path):
    """Asked once more, a finished training returns its result without a step."""
    first = train(SPEC, dataset, None, tmp_path, arch=SMALL)
    again = train(SPEC, dataset, None, tmp_path, pytest.fail, arch=SMALL)
    assert again == first


def test_another_training_does_not_take_over(dataset, tmp_path):
    """A state of other settings is refused, naming the setting."""
    with pytest.raises(Interrupted):
        train(SPEC, dataset, None, tmp_path, arch=SMALL, stopped=lambda: True)
    other = TrainSpec.from_dict(SPEC.to_dict() | {"learning_rate": 0.01})
    with pytest.raises(BadInput, match="learning_rate was 0.002, now 0.01"):
        train(other, dataset, None, tmp_path, arch=SMALL)


def test_a_broken_state_costs_only_time(dataset, tmp_path):
    """An unreadable state is set aside and the training begins anew, with the same result."""
    with pytest.raises(Interrupted):
        train(SPEC, dataset, None, tmp_path / "broken", arch=SMALL, stopped=lambda: True)
    state = tmp_path / "broken" / STATE
    written = state.read_bytes()
    one_bit = bytearray(written)
    one_bit[-1] ^= 1
    older = written.replace(b'\\"version\\": 2', b'\\"version\\": 1')
    result = train(SPEC, dataset, None, tmp_path / "whole", arch=SMALL)
    for content, reason in (
        (b"half a file", ""),
        (bytes(one_bit), "does not have the sha256"),
        (older, "does not have the sha256"),
    ):
        assert content != written
        (tmp_path / "broken" / RESULT).unlink(missing_ok=True)
        state.write_bytes(content)
        again = train(SPEC, dataset, None, tmp_path / "broken", arch=SMALL)
        assert again.sha256 == result.sha256
        broken = state.with_suffix(".broken")
        assert broken.read_bytes() == content
        assert reason in broken.with_name("state.broken.reason.txt").read_text()


def test_the_seed_decides(dataset, tmp_path):
    """Another seed is another network; the start weights being given."""
    start, _ = save_model(init_model(HEX, SMALL, 3), tmp_path)
    results = [
        train(TrainSpec.from_dict(SPEC.to_dict() | {"seed": seed}), dataset, start, tmp_path / name)
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    ]
    assert results[0].sha256 == results[1].sha256
    assert results[0].sha256 != results[2].sha256


def test_one_trainer_at_a_time(dataset, tmp_path):
    """A second trainer in the same folder is turned away."""
    with locked(tmp_path), pytest.raises(NotReached, match="another trainer"):
        train(SPEC, dataset, None, tmp_path, arch=SMALL)


def test_it_works_in_a_thread(dataset, tmp_path):
    """Outside the main thread, where no signal handler can be set, it trains as well."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(train(SPEC, dataset, None, tmp_path, arch=SMALL))
    )
    thread.start()
    thread.join()
    assert results[0].steps == 12


def test_a_loss_that_is_no_number_is_named(tmp_path):
    """Weights or targets that make the loss infinite end the training with the number of the step."""
    arrays = synthetic_arrays(HEX, 3, heldout_games=0)
    arrays["weight"][:] = np.float32("inf")
    path = write_npz(tmp_path, arrays, {})
    with pytest.raises(LossDiverged, match="step 1 of "):
        train(SPEC, path, None, tmp_path / "run", arch=SMALL)


def test_a_start_for_another_game_is_refused(dataset, tmp_path):
    """A model of another config is refused before training."""
    start, _ = save_model(init_model(Config("square8", 2), SMALL, 1), tmp_path)
    with pytest.raises(BadInput, match=r"square8:2.*hex8:2"):
        train(SPEC, dataset, start, tmp_path / "run")


def test_threads_are_given_back(dataset, tmp_path):
    """The process has as many compute threads after a training as before."""
    before = torch.get_num_threads()
    train(SPEC, dataset, None, tmp_path, arch=SMALL)
    assert torch.get_num_threads() == before

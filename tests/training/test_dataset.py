"""Datasets in memory, and the batches made of them."""

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.data.npz import write_npz
from ringrift.errors import BadInput
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.symmetry import symmetries
from ringrift.training.dataset import Batcher, Dataset, Sampler
from tests.nets.positions import actions_of
from tests.training.synthetic import preferred, synthetic_arrays, synthetic_dataset

HEX = Config("hex8", 2)


def place_of(config, action):
    """Where an action stands among the flattened outputs [planes, S, S] + [pass, swap]."""
    t, planes = tables(config.board), board(config.board).planes(config.players)
    plane, cell = divmod(int(action), t.n)
    if plane >= planes:
        return planes * t.side**2 + cell
    return plane * t.side**2 + int(t.row[cell]) * t.side + int(t.bit[cell])


@pytest.mark.parametrize("config", [HEX, Config("square8", 3), Config("hex8", 4)], ids=str)
def test_rows_without_symmetry(tmp_path, config):
    """Without a symmetry a batch holds exactly the targets of its rows, seen from the mover."""
    dataset = Dataset(synthetic_dataset(tmp_path, config, 4), config)
    rows = np.random.default_rng(0).permutation(dataset.training_rows)[:40]
    batch = Batcher(dataset, 64, 0.25).make(rows, np.zeros(len(rows), np.int64))
    t, a = tables(config.board), dataset.arrays
    for i, row in enumerate(rows):
        state = a["states"][row]
        mover = int(state[k.F_SCALAR, k.S_PLAYER])
        order = [(mover - 1 + j) % config.players for j in range(config.players)]
        mixed = 0.75 * a["value"][row] + 0.25 * a["root_value"][row]
        assert np.allclose(batch.value[i], mixed[order])
        share = a["final_elim"][row][order] / int(state[k.F_SCALAR, k.S_VT])
        assert np.allclose(batch.eliminated[i], share)
        owners = a["final_territory"][row].astype(int)
        relative = np.where(owners == 0, 0, 1 + (owners - mover) % config.players)
        grid = batch.territory[i].numpy()
        assert (grid[t.row, t.bit] == relative).all()
        assert (grid == -100).sum() == t.side**2 - t.n
        count = int(batch.count[i])
        if not a["full"][row]:
            assert count == 0
            continue
        legal = actions_of(config, state[None], 0)
        assert sorted(batch.legal[i, :count].tolist()) == sorted(place_of(config, x) for x in legal)
        found = dict(zip(batch.legal[i, :count].tolist(), batch.target[i].tolist(), strict=False))
        for action, share in zip(legal, preferred(config, legal), strict=True):
            assert found[place_of(config, action)] == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize("config", [HEX, Config("square8", 2)], ids=str)
def test_rows_under_symmetries(tmp_path, config):
    """Under a symmetry the policy target is what the moved position's own target would be."""
    dataset = Dataset(synthetic_dataset(tmp_path, config, 6), config)
    count = len(symmetries(config).cell)
    rows = dataset.training_rows[dataset.arrays["full"][dataset.training_rows]][:200]
    batcher = Batcher(dataset, len(rows), 0.0)
    batch = batcher.make(rows, np.arange(len(rows)) % count)
    b, t = board(config.board), tables(config.board)
    for i in range(len(rows)):
        legal = actions_of(config, batcher._moved, i)
        expected = np.zeros(b.planes(config.players) * t.side**2 + 2)
        expected[[place_of(config, x) for x in legal]] = preferred(config, legal)
        got = np.zeros_like(expected)
        n = int(batch.count[i])
        got[batch.legal[i, :n].numpy()] = batch.target[i, :n].numpy()
        assert np.allclose(got, expected, atol=1e-5), i


def test_sampler_repeats_itself():
    """Rows and symmetries of a step depend on seed and step alone, in whatever order steps are asked for."""
    rows = np.arange(100, 137)
    one, other = Sampler(rows, 8, 12, 3), Sampler(rows, 8, 12, 3)
    forward = [one.step(s) for s in range(20)]
    backward = [other.step(s) for s in reversed(range(20))][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert (a[0] == b[0]).all()
        assert (a[1] == b[1]).all()
    assert not (Sampler(rows, 8, 12, 4).step(0)[0] == forward[0][0]).all()


def test_sampler_uses_all_rows_equally():
    """Every row is used once before any is used again."""
    rows = np.arange(50)
    sampler = Sampler(rows, 16, 4, 1)
    drawn = np.concatenate([sampler.step(s)[0] for s in range(25)])
    for epoch in range(8):
        assert sorted(drawn[epoch * 50 : epoch * 50 + 50]) == list(rows)


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("states", lambda x: x[:, :, :60], "states is"),
        ("value", lambda x: x[:-1], "value is"),
        ("policy_action", lambda x: x + 100_000, "outside"),
        ("policy_index", lambda x: x[::-1].copy(), "policy_index"),
        ("value", lambda x: x * np.float32("nan"), "not a number"),
        ("heldout", np.ones_like, "no row to train on"),
    ],
)
def test_unfitting_arrays(tmp_path, name, change, expected):
    """Arrays that do not belong together are one line that names the file and the array."""
    arrays = synthetic_arrays(HEX, 3)
    arrays[name] = change(arrays[name])
    path = write_npz(tmp_path, arrays, {})
    with pytest.raises(BadInput, match=expected) as caught:
        Dataset(path, HEX)
    assert str(path) in str(caught.value)


def test_broken_file(tmp_path):
    """A damaged dataset is refused before anything is learned from it."""
    path = synthetic_dataset(tmp_path, HEX, 3)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged"):
        Dataset(path, HEX)

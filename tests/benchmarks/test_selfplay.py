"""The benchmark of selfplay, in its short form: what it counts, and what it says of wrong arguments."""

import pytest

from benchmarks.machine import Watch
from benchmarks.selfplay import command, main, memory, tables
from benchmarks.selfplay.fresh import measure_afresh
from benchmarks.selfplay.games import decisions_per_game
from benchmarks.selfplay.setup import Setup
from benchmarks.selfplay.shard import whole_shard
from benchmarks.selfplay.steady import Steady
from ringrift.configs import Config
from ringrift.nets import presence
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import save_model
from ringrift.nets.presence import lacking
from tests.nets.models import SMALL, speaking_model

HEX = Config("hex8", 2)

#: What is found about a config, as far as the text needs it.
FOUND = {
    "setup": Setup("hex8:2").as_dict(), "backend": "b", "bar": 0.88, "ratio": 0.9,
    "spread": 0.01, "entered": 1.0, "network": 2.0, "reference": 1.0, "repeated": 0.0,
    "simulations": 3.0, "occupancy": 1.0, "shares": {"network": 1.0},
    "games_per_hour": {"64": 5.0}, "decisions_per_game": 60.0, "memory_mib": 300.0,
}  # fmt: skip


class Calm(Watch):
    """A watch for which nobody else is there: tests run beside each other."""

    void = False


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """Eight games side by side, four simulations, a small network."""
    path, _ = save_model(speaking_model(HEX, SMALL, 1), tmp_path_factory.mktemp("model"))
    return Setup(str(HEX), simulations=4, slots=8, model=str(path))


@pytest.fixture(scope="module")
def steady(setup):
    """A pool that is kept full."""
    return Steady(setup)


def test_a_window_adds_up(steady):
    """Slots are filled (one is left out of the batch in which its game ends), and the parts of the time make the whole.

    What counts is never more than what was played.
    """
    before = steady.pool.evaluations
    window = steady.window(0.2)
    assert 0.97 < window.occupancy <= 1.0
    assert sum(window.shares.values()) == pytest.approx(1.0)
    assert all(share > 0 for share in window.shares.values())
    assert set(window.shares) == {"features", "network", "reading", "search", "python"}
    assert 0 <= window.repeated < 1
    assert window.ratio == window.entered / max(window.network, window.reference)
    assert window.entered * 0.2 <= steady.pool.evaluations - before
    # a decision is four simulations, each of them a leaf or the end of a game
    assert window.simulations == pytest.approx(4 * window.decisions)


def test_repeated_positions_are_counted(setup):
    """Eight games that begin at once ask for the same opening eight times, and seven of these do not count."""
    fresh = Steady.__new__(Steady)
    fresh.setup = setup
    fresh.pool, fresh.evaluators = setup.pool(setup.network())
    fresh._run = fresh._play()
    assert fresh._repeated(1) == pytest.approx(7 / 8)


def test_a_shard_has_a_tail(setup):
    """Played to its last game a shard does not fill all rows of its batches."""
    whole = whole_shard(setup, 12)
    assert whole.games == 12
    assert 0 < whole.occupancy < 1


def test_decisions_of_a_game():
    """Games of hex8 have some dozens of decisions; more seats, more decisions."""
    assert 30 < decisions_per_game(HEX) < 150


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "onyx"], "unknown backend 'onyx': did you mean 'onnx'?"),
        (["--config", "hex9:2"], "hex9"),
        (["--model", "x", "--config", "hex8:2", "--config", "square8:2"], "--model needs"),
        (["--model", "nothing.safetensors", "--config", "hex8:2"], "no such file"),
        (["--model", __file__, "--config", "hex8:2"], "model file"),
        (["--slots", "0"], "--slots is 0"),
        (["--soak", "0"], "--soak is 0.0"),
        (["--device", "cuda", "--backend", "onnx"], "--device cuda is for --backend torch"),
    ],
)
def test_wrong_arguments(arguments, said, capsys):
    """One line that names what is wrong, exit code 2."""
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


@pytest.mark.skipif(not lacking("torch-cuda"), reason="there is a CUDA device")
def test_no_device(capsys):
    """Where there is no GPU, asking for one is told in one line."""
    assert main(["--device", "cuda"]) == 2
    assert capsys.readouterr().err == "backend torch-cuda: torch sees no CUDA device here\n"


def test_the_device_is_the_one_that_was_asked_for(monkeypatch):
    """Where there is a GPU the processor is measured all the same, unless the GPU is asked for."""
    monkeypatch.setattr(presence.torch.cuda, "is_available", lambda: True)
    assert Setup("hex8:2").backend_of(32).kind == "torch-cpu"
    assert Setup("hex8:2", device="cuda").backend_of(32) == Backend("torch-cuda", "float16", 32)


def test_a_model_of_another_config(setup, capsys):
    """A network for another config is refused in one line before anything is measured."""
    assert main(["--model", str(setup.model), "--config", "square8:2"]) == 2
    said = capsys.readouterr()
    assert "a network for hex8:2, expected one for square8:2" in said.err
    assert (len(said.err.splitlines()), said.out) == (1, "")


def test_what_is_below_its_bar_is_said(capsys):
    """A ratio under its bar is marked in the text."""
    found = FOUND | {"ratio": 0.87}
    tables.print_config(found)
    assert "BELOW THE BAR" in capsys.readouterr().out
    assert tables.missed(found) == ["hex8:2, 0.870 of the network alone, wanted 0.88"]
    good = found | {"ratio": 0.89}
    tables.print_config(good)
    assert "BELOW" not in capsys.readouterr().out
    assert tables.missed(good) == []
    slow = good | {"processes": {"one": 1.0, "two": 1.5, "times": 1.5, "bar": 1.9}}
    assert tables.missed(slow) == ["hex8:2, two processes 1.50 times one, wanted 1.9"]
    leaking = {"setup": FOUND["setup"], "growth": 0.03}
    assert tables.missed(leaking) == ["hex8:2, memory grew by 3.0%, wanted at most 2%"]
    assert tables.missed(leaking | {"growth": 0.01}) == []


def test_windows_come_from_processes_of_their_own(setup):
    """Each process adds its windows, and one that dies is no answer."""
    windows, size = measure_afresh(setup, 0.1, 2, processes=2)
    assert len(windows) == 4
    assert all(window.entered > 0 for window in windows)
    assert size > 100
    with pytest.raises(RuntimeError, match="hex8:2: the measuring process ended with 1"):
        measure_afresh(Setup(str(HEX), model="nowhere"), 0.1, 1, processes=1)


def test_memory_is_flat_or_grows():
    """Readings that come and go are flat; a leak shows in the last quarter beside the second."""
    waves = [100.0, 104.0, 100.0, 103.0, 104.0] * 16
    assert memory.figures(waves)["growth"] == 0.0
    leak = memory.figures([100 + n / 4 for n in range(80)])
    assert leak["growth"] == pytest.approx(10 / 107.375)
    assert (leak["start"], leak["largest"]) == (100.0, 119.75)


@pytest.mark.parametrize(("ratio", "code"), [(0.5, 1), (0.9, 0)])
def test_a_figure_below_its_bar_is_a_negative_verdict(monkeypatch, capsys, ratio, code):
    """A run that is valid and below its bar ends with 1, and its last line says what and by how much."""
    monkeypatch.setattr(command, "Watch", Calm)
    monkeypatch.setattr(command, "measure_config", lambda *_, **__: FOUND | {"ratio": ratio})
    assert main(["--config", "hex8:2", "--quick"]) == code
    assert ("misses its bar: hex8:2, 0.500" in capsys.readouterr().out) == bool(code)

"""The cache of compiled kernels: keyed by everything that decides them, wherever it can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ringrift import compile as compiling

PACKAGE = Path(compiling.__file__).parent

#: A leaf kernel, its caller in another file, and the entry that Python calls.
LEAF = """
from ringrift.compile import kernel


@kernel
def leaf(x):
    return x + 1
"""
CALLER = '''
from ringrift.compile import entry
from ringrift.one.kernels.leaf import leaf


@entry
def call_leaf(x):
    """Add what the leaf adds."""
    return leaf(x)
'''


@pytest.fixture
def copied(tmp_path):
    """A package named ringrift with the real compile.py and two kernels of its own."""
    package = tmp_path / "copy" / "ringrift"
    (package / "one" / "kernels").mkdir(parents=True)
    for folder in (package, package / "one", package / "one" / "kernels"):
        (folder / "__init__.py").write_text("")
    shutil.copy(PACKAGE / "compile.py", package)
    (package / "one" / "kernels" / "leaf.py").write_text(LEAF)
    (package / "one" / "kernels" / "caller.py").write_text(CALLER)
    return package


def run(package, cache, code, **environment):
    """Run code in an interpreter that sees only the copied package; its output."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    known |= {"RINGRIFT_KERNEL_CACHE": str(cache), "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=known | environment,
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


KEY = "from ringrift.compile import cache_key; print(cache_key())"
CALL = (
    "from ringrift.one.kernels.caller import call_leaf; "
    "print(call_leaf(1), sum(call_leaf.stats.cache_hits.values()))"
)


def test_edited_leaf_is_noticed(copied, tmp_path):
    """After an edit of a leaf its caller in another file computes the new result, from a new cache folder."""
    cache = tmp_path / "cache"
    assert run(copied, cache, CALL) == ["2", "0"]
    assert run(copied, cache, CALL) == ["2", "1"], "the second process finds the first one's work"
    before = run(copied, cache, KEY)
    leaf = copied / "one" / "kernels" / "leaf.py"
    leaf.write_text(leaf.read_text().replace("x + 1", "x + 2"))
    assert run(copied, cache, KEY) != before
    assert run(copied, cache, CALL) == ["3", "0"]
    assert len(list(cache.iterdir())) == 2


def test_what_the_key_depends_on(copied, tmp_path):
    """A kernel file more, another name, the CPU and the debug flags change the key; other files do not."""
    keys = [run(copied, tmp_path, KEY)[0]]
    (copied / "one" / "other.py").write_text("x = 1\n")
    assert run(copied, tmp_path, KEY)[0] == keys[0]
    (copied / "one" / "kernels" / "more.py").write_text("")
    keys.append(run(copied, tmp_path, KEY)[0])
    (copied / "one" / "kernels" / "more.py").rename(copied / "one" / "kernels" / "moved.py")
    keys.append(run(copied, tmp_path, KEY)[0])
    keys.append(run(copied, tmp_path, KEY, NUMBA_BOUNDSCHECK="1")[0])
    keys.append(run(copied, tmp_path, KEY, NUMBA_CPU_NAME="generic")[0])
    assert len(set(keys)) == len(keys)


def test_key_is_that_of_this_package():
    """The key of a process stays the same, and every kernel file of the package is in it."""
    assert compiling.cache_key() == compiling.cache_key()
    sources = compiling.kernel_sources()
    assert PACKAGE / "rules" / "kernels" / "cells.py" in sources
    assert {p.parent.parent.name for p in sources} >= {"rules", "search", "selfplay", "nets"}
    assert os.environ["NUMBA_CACHE_DIR"].endswith(compiling.cache_key())


@pytest.mark.parametrize("obstacle", ["a file", "a folder that is read-only"])
def test_folder_that_cannot_be_written(copied, tmp_path, obstacle):
    """Where the cache folder cannot be written, kernels still compile, and lie in a temporary folder."""
    cache = tmp_path / "cache"
    if obstacle == "a file":
        cache.write_text("")
    else:
        cache.mkdir()
        cache.chmod(0o500)
        if os.access(cache, os.W_OK):
            pytest.skip("this user may write everywhere")
    (tmp_path / "temporary").mkdir()
    where = "import os, ringrift.compile; print(os.environ['NUMBA_CACHE_DIR'])"
    (folder,) = run(copied, cache, where, TMPDIR=str(tmp_path / "temporary"))
    assert Path(folder).is_relative_to(tmp_path / "temporary")
    assert run(copied, cache, CALL, TMPDIR=str(tmp_path / "temporary"))[0] == "2"


#: Uses every entry on all boards, as the services do, then prints how many signatures each has.
SESSION = """
import sys
import tempfile
from pathlib import Path

import numpy as np

from ringrift.compile import numba
from ringrift.agents import AgentSpec, make_agent
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.data.export import export_dataset
from ringrift.evaluation.match import play_agents
from ringrift.evaluation.spec import MatchSpec
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.rules.game import Game, GameOptions, opening
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import SearchPool
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.shard import ShardSpec, produce_shard
from ringrift.training.spec import TrainSpec
from ringrift.training.trainer import train

for config in ALL_CONFIGS:
    game = Game.new(config, GameOptions(rings=3))
    while game.result is None:
        game.apply(game.legal()[0])
    game.hash(), game.copy().draw(), game.state_plus()
    agents = [make_agent(AgentSpec(kind), config) for kind in ("heuristic", "random")]
    for agent in agents:
        agent.choose(opening(config), np.zeros(1, np.uint64))
    if config.board in ("hex8", "square8"):
        spec = MatchSpec(config, agents[0].spec, agents[1].spec, config.players, 1)
        play_agents(spec, tuple(agents))
    evaluator = UniformEvaluator(config, 2)
    pool = SearchPool(evaluator, [3], 4, 50.0, 1.0)
    pool.search(np.repeat(opening(config), 3, axis=0), np.zeros(3, np.uint64), 1.0)

for config in (Config("hex8", 2), Config("square8", 3)):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, sha256 = save_model(init_model(config, Arch(8, 1, 1, 8, 8, 8), 1), folder)
        search = SelfplayParameters(simulations=3, fast_simulations=2, slots=4)
        spec = ShardSpec("run", config, sha256, 1, 0, 4, search, GameOptions(rings=4))
        shard = produce_shard(spec, path, folder)
        data = export_dataset([shard.path], config, folder, 0.25, 1)
        rules = TrainSpec(str(config), batch_size=8, max_steps=1)
        train(rules, data.path, path, folder / "run", lambda _: None)
        for spec in (AgentSpec("gumbel-mcts", sha256, 2), AgentSpec("policy-only", sha256)):
            make_agent(spec, config, path).choose(opening(config), np.zeros(1, np.uint64))

for name, module in sorted(sys.modules.items()):
    if name.startswith("ringrift.") and ".kernels." in name:
        for value in vars(module).values():
            if not isinstance(value, numba.core.registry.CPUDispatcher):
                continue
            inner = value.targetoptions.get("no_cpython_wrapper", False)
            if value.py_func.__module__ == name and not inner:
                print(f"{name}.{value.py_func.__name__}", len(value.signatures), sep="=")
"""


def test_one_signature_per_entry():
    """A session over all boards and numbers of players compiles each entry once: no array strays in type."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        env=known | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = dict(line.split("=") for line in done.stdout.split())
    assert counts
    several = {name: n for name, n in counts.items() if int(n) > 1}
    assert not several
    called = {name.rpartition(".")[2] for name, n in counts.items() if n == "1"}
    assert called >= {"legal_moves", "apply_move", "play_all", "choose_greedy", "collect", "step"}
    assert called >= {"write_features", "choose_prior", "replay"}

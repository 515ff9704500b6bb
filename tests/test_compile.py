"""The cache of compiled kernels: keyed by everything that decides them, wherever it can be written."""

import ctypes
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


def start(package, cache, code, *, obey=False, **environment):
    """Start code in an interpreter that sees only the copied package; obey: permissions hold for root as well."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    known |= {"RINGRIFT_KERNEL_CACHE": str(cache), "PYTHONPATH": str(package.parent)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=known | environment,
        cwd=package.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obey_permissions if obey else None,  # noqa: PLW1509  (there are no threads here)
    )


def run(package, cache, code, *, obey=False, **environment):
    """Run code as `start` does, to its end; the words of its output."""
    with start(package, cache, code, obey=obey, **environment) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    return out.split()


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


#: Another version of a leaf of the rules: whoever asks what a seat has in hand hears 0.
EMPTY_HANDS = """

@kernel
def scalar(s, g, index):
    if 21 <= index <= 24:
        return np.int64(0)
    return np.int64(s[g, F_SCALAR, index])
"""


def test_edited_leaf_of_the_rules(tmp_path):
    """In a copy of the package, an edit of a leaf kernel changes what `Game.legal` says; the old cache stays."""
    package, cache = tmp_path / "copy" / "ringrift", tmp_path / "cache"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from ringrift.configs import Config; from ringrift.rules.game import Game; "
        "from ringrift.rules.kernels.moves import legal_moves; "
        "game = Game.new(Config('square8', 2)); "
        "print(len(game.legal()), game.legal()[0], sum(legal_moves.stats.cache_hits.values()))"
    )
    assert run(package, cache, code) == ["192", "PL", "0,0", "1", "0"]
    old = {p: p.read_bytes() for p in cache.rglob("*") if p.is_file()}
    leaf = package / "rules" / "kernels" / "cells.py"
    text = leaf.read_text()
    assert "def scalar(s, g, index):" in text
    leaf.write_text(text + EMPTY_HANDS)
    assert run(package, cache, code) == ["1", "NP", "0"]
    assert {p: p.read_bytes() for p in old} == old
    assert len(list(cache.iterdir())) == 2
    leaf.write_text(text)
    assert run(package, cache, code) == ["192", "PL", "0,0", "1", "1"], (
        "the old cache is used again"
    )


#: Capabilities of Linux by which root writes where permissions say that nobody may.
_CAP_DAC_OVERRIDE, _PR_CAPBSET_DROP = 1, 24


def obey_permissions():
    """In a child before it starts: root, too, may only write where permissions allow it."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture
def sealed(tmp_path):
    """Make a folder and all in it read-only; skips where a child can write there nevertheless."""
    done = []

    def seal(folder):
        done.append(folder)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        tried = subprocess.run(
            [sys.executable, "-c", f"open({str(folder / 'probe')!r}, 'w')"],
            preexec_fn=obey_permissions,
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            pytest.skip("this user may write everywhere")

    yield seal
    for folder in done:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_package_that_is_read_only(copied, tmp_path, sealed):
    """A package in a read-only folder compiles into the cache folder, and nothing is written beside it."""
    before = sorted(copied.rglob("*"))
    sealed(copied)
    cache = tmp_path / "cache"
    assert run(copied, cache, CALL, obey=True) == ["2", "0"]
    assert run(copied, cache, CALL, obey=True) == ["2", "1"]
    assert sorted(copied.rglob("*")) == before


@pytest.mark.parametrize("obstacle", ["a file", "a folder that is read-only"])
def test_folder_that_cannot_be_written(copied, tmp_path, sealed, obstacle):
    """Where the cache folder cannot be written, kernels lie in a private temporary folder, and a line says so."""
    cache, temporary = tmp_path / "cache", tmp_path / "temporary"
    if obstacle == "a file":
        cache.write_text("")
    else:
        cache.mkdir()
        sealed(cache)
    temporary.mkdir()
    done = start(copied, cache, CALL, TMPDIR=str(temporary), obey=True)
    out, err = done.communicate()
    assert out.split() == ["2", "0"]
    (line,) = err.splitlines()
    assert line.startswith(f"ringrift: compiled kernels cannot be kept in {cache} (")
    assert f"they go to {temporary}" in line
    assert "RINGRIFT_KERNEL_CACHE names another folder" in line
    (folder,) = temporary.iterdir()
    assert folder.stat().st_mode & 0o077 == 0, "nobody else may put code there"
    assert run(copied, cache, CALL, TMPDIR=str(temporary), obey=True) == ["2", "1"]


def test_temporary_folder_of_somebody_else(copied, tmp_path):
    """A temporary folder that others can write is not trusted: code would be loaded from it."""
    (tmp_path / "file").write_text("")
    theirs = tmp_path / "temporary" / f"ringrift-kernels-{os.getuid()}"
    theirs.mkdir(parents=True)
    theirs.chmod(0o777)
    assert run(copied, tmp_path / "file", CALL, TMPDIR=str(theirs.parent)) == ["2", "0"]
    assert not list(theirs.iterdir())
    assert len(list(theirs.parent.iterdir())) == 2


def test_nowhere_to_write(copied, tmp_path):
    """With no folder at all, every process compiles for itself, and a line says that and what to do."""
    (tmp_path / "file").write_text("")
    lost = f"import tempfile; tempfile.tempdir = {str(tmp_path / 'file')!r}; "
    for _ in range(2):
        out, err = start(copied, tmp_path / "file", lost + CALL).communicate()
        assert out.split() == ["2", "0"]
        (line,) = err.splitlines()
        assert "every process compiles for itself" in line


#: Takes the turn to compile, says so, and keeps it until a line comes in; then compiles and lets go.
HOLD = (
    "from ringrift.compile import TURN; import sys; TURN.__enter__(); print('mine', flush=True); "
    f"sys.stdin.readline(); {CALL}; TURN.__exit__(None, None, None)"
)


def test_second_process_waits_for_the_first(copied, tmp_path):
    """While one process compiles, another says that it waits, and then finds the work done."""
    cache = tmp_path / "cache"
    with start(copied, cache, HOLD) as first:
        assert first.stdout.readline() == "mine\n"
        with start(copied, cache, CALL) as second:
            waiting = "ringrift: another process is compiling the kernels; waiting for it\n"
            assert second.stderr.readline() == waiting
            assert first.communicate("\n")[0].split() == ["2", "0"]
            out, err = second.communicate()
            assert out.split() == ["2", "1"]
            assert err == ""


def test_killed_process_leaves_no_lock(copied, tmp_path):
    """A process killed while it compiles holds up nobody."""
    cache = tmp_path / "cache"
    with start(copied, cache, HOLD) as first:
        assert first.stdout.readline() == "mine\n"
        with start(copied, cache, CALL) as second:
            assert "waiting" in second.stderr.readline()
            first.kill()
            assert second.communicate()[0].split() == ["2", "0"]
    assert run(copied, cache, CALL) == ["2", "1"]


def test_first_starts_at_once(copied, tmp_path):
    """Of three processes that start together with an empty cache, one compiles and two load its work."""
    together = [start(copied, tmp_path / "cache", CALL) for _ in range(3)]
    assert sorted(p.communicate()[0].split()[1] for p in together) == ["0", "1", "1"]


def test_complete_cache_waits_for_nobody(copied, tmp_path):
    """Once all is compiled, a process loads it whoever holds the lock."""
    cache = tmp_path / "cache"
    assert run(copied, cache, "from ringrift.compile import TURN; TURN.mark_complete()") == []
    with start(copied, cache, HOLD) as first:
        assert first.stdout.readline() == "mine\n"
        out, err = start(copied, cache, CALL).communicate()
        assert (out.split(), err) == (["2", "0"], "")
        first.communicate("\n")


def test_complete_is_said_of_one_clone(copied, tmp_path):
    """Two clones of one build share a folder; that one has compiled everything says nothing of the other."""
    cache, other = tmp_path / "cache", tmp_path / "second" / "ringrift"
    shutil.copytree(copied, other)
    mark = "from ringrift.compile import TURN; TURN.mark_complete()"
    told = "from ringrift.compile import TURN, cache_key; print(cache_key(), TURN.complete)"
    run(copied, cache, mark)
    (key, here), (same, there) = run(copied, cache, told), run(other, cache, told)
    assert (key, here, there) == (same, "True", "False")


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

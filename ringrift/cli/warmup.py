"""`ringrift warmup`: compile all kernels once, before anything waits for them.

Kernels compile when they are first called, and the result is kept on disk (see ringrift/compile.py). Compiling them
here, in one process under a lock, saves every worker from doing the same at its start. The types of the arguments
decide what is compiled, and they are the same on all boards: one small board warms all.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ringrift.compile import Turn

app = typer.Typer(help="Compile the kernels, once per machine.")


@app.command()
def warmup(
    quiet: Annotated[bool, typer.Option("--quiet", help="say nothing unless it compiles")] = False,
) -> None:
    """Compile what is not compiled yet; a second call returns at once."""
    from ringrift.compile import TURN, cache_key

    if TURN.folder is None:
        return  # importing has said why; every process compiles what it uses
    if TURN.complete:
        if not quiet:
            print(f"kernels: compiled ({cache_key()})")
        return
    compile_all(TURN, say)


def say(text: str) -> None:
    """One line that replaces itself on a terminal, and a line of its own in a log."""
    if sys.stdout.isatty():
        print(f"\r\x1b[2K{text}", end="", flush=True)
    else:
        print(text, flush=True)


def compile_all(turn: Turn, report: Callable[[str], None]) -> None:
    """Run every step while it is our turn; whoever comes second finds it done."""
    with turn:
        if turn.complete:
            return
        start, spent = time.monotonic(), {}
        for number, (what, step) in enumerate(STEPS, start=1):
            report(
                f"compiling kernels {number}/{len(STEPS)}: {what} ({time.monotonic() - start:.0f} s)"
            )
            before = time.process_time()
            step()
            spent[what] = time.process_time() - before
        turn.mark_complete()
        parts = ", ".join(f"{what} {seconds:.1f}" for what, seconds in spent.items())
        report(
            f"kernels: compiled in {time.monotonic() - start:.0f} s; "
            f"{sum(spent.values()):.1f} s of processor time ({parts})"
        )
        if sys.stdout.isatty():
            print()


def _rules() -> None:
    import numpy as np

    from ringrift.configs import Config
    from ringrift.rules.boards import tables
    from ringrift.rules.game import Game
    from ringrift.rules.kernels import moves, territory
    from ringrift.rules.kernels.constants import MAX_MOVES

    config = Config("hex8", 2)
    t = tables(config.board)
    game = Game.new(config)
    out = np.empty(MAX_MOVES, np.int32)
    moves.legal_actions(game.states, 0, t, out)
    moves.pass_kind(game.states, 0, t)
    territory.region_cells(game.states, 0, t, 0, 0, np.empty(t.n, np.int16))
    game.apply(int(game.legal_codes()[0]))
    game.hash()


def _games() -> None:
    import numpy as np

    from ringrift.configs import Config
    from ringrift.rules.boards import tables
    from ringrift.rules.game import opening
    from ringrift.rules.kernels import play

    config = Config("hex8", 2)
    t = tables(config.board)
    log = np.zeros(5000, np.int32)
    states = opening(config)
    length, _ = play.playout(states, 0, t, np.uint64(1), log)
    codes = log[:length].copy()
    play.replay(opening(config), 0, t, codes, np.empty((length, *states.shape[1:]), np.uint16))
    play.first_illegal(opening(config), 0, t, codes)


def _one_ply() -> None:
    from ringrift.agents import AgentSpec
    from ringrift.configs import Config
    from ringrift.evaluation.match import play_match
    from ringrift.evaluation.spec import MatchSpec

    spec = MatchSpec(Config("hex8", 2), AgentSpec("heuristic"), AgentSpec("random"), 2, 1)
    play_match(spec, Path)


def _lookahead() -> None:
    import numpy as np

    from ringrift.agents import AgentSpec, make_agent
    from ringrift.configs import Config
    from ringrift.rules.game import opening

    config = Config("hex8", 2)
    for spec in (AgentSpec("mcts", rollouts=4), AgentSpec("minimax", depth=1)):
        make_agent(spec, config).choose(opening(config), np.zeros(1, np.uint64))


def _search() -> None:
    import numpy as np

    from ringrift.configs import Config
    from ringrift.rules.game import opening
    from ringrift.search.evaluator import UniformEvaluator
    from ringrift.search.gumbel import SearchPool

    config = Config("hex8", 2)
    pool = SearchPool(UniformEvaluator(config, 2), [2], 4, 50.0, 1.0)
    pool.search(opening(config), np.zeros(1, np.uint64), 1.0)


def _learning() -> None:
    """One tiny shard, its dataset, and one training step: selfplay, features, symmetries."""
    from ringrift.agents import AgentSpec, make_agent
    from ringrift.configs import Config
    from ringrift.data.export import export_dataset
    from ringrift.nets.arch import Arch
    from ringrift.nets.checkpoint import init_model, save_model
    from ringrift.rules.game import opening
    from ringrift.selfplay.pool import SelfplayParameters
    from ringrift.selfplay.shard import ShardSpec, produce_shard
    from ringrift.training.spec import TrainSpec
    from ringrift.training.trainer import train

    config = Config("hex8", 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, sha256 = save_model(init_model(config, Arch(8, 1), 1), folder)
        search = SelfplayParameters(simulations=2, fast_simulations=2, slots=4)
        shard = produce_shard(ShardSpec("warmup", config, sha256, 1, 0, 4, search), path, folder)
        dataset = export_dataset([shard.path], config, folder, 0.25, 1)
        train(
            TrainSpec(str(config), batch_size=8, max_steps=1),
            dataset.path,
            path,
            folder / "run",
            lambda _: None,
        )
        import numpy as np

        for spec in (AgentSpec("gumbel-mcts", sha256, 2), AgentSpec("policy-only", sha256)):
            make_agent(spec, config, path).choose(opening(config), np.zeros(1, np.uint64))


#: What is compiled, in an order in which later steps find the parts of earlier ones.
STEPS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("rules", _rules),
    ("games", _games),
    ("one-ply play", _one_ply),
    ("rollouts and alpha-beta", _lookahead),
    ("search", _search),
    ("selfplay and training", _learning),
)

"""`ringrift run` as a person runs it: the whole loop, small, on embedded parts."""

import json
import os
import subprocess
import sys

import pytest

from tests.cluster.conftest import family

pytestmark = pytest.mark.processes

RINGRIFT = (sys.executable, "-c", "from ringrift.cli.main import main; main()")

#: A candidate passes as soon as it plays at all: what is tested is the loop, not the learning.
SMALL = """
loop: {configs: [hex8:2]}
selfplay: {first_games: 60, games_per_iteration: 12, games_per_shard: 30, simulations: 4, fast_simulations: 2}
network: {hex8: {channels: 8, blocks: 1}}
training: {min_samples_to_trigger: 1, batch_size: 64, sample_reuse: 0.5}
evaluation:
  simulations: 4
  games_per_task: 20
  min_games: 10
  max_games: 20
  policy_lower_bound: 0.0
  random_lower_bound: 0.0
  start_lower_bound: 0.0
  sprt_elo0: -400.0
  sprt_elo1: -300.0
cluster: {tick_interval_seconds: 1.0, reconcile_interval_seconds: 2.0}
"""


def ringrift(home, *arguments):
    """Run a command to its end."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
    kept = {k: v for k, v in os.environ.items() if k == "RINGRIFT_KERNEL_CACHE"}
    return subprocess.run(
        [*RINGRIFT, *arguments],
        env={**plain, **kept, "RINGRIFT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_from_nothing_to_a_champion_and_on(home):
    """A first run ends with a champion and exit 0, a second goes on; counts agree, nobody is left.

    The master's log says on the way what the config waited for.
    """
    small = home.with_name("small.yaml")
    small.write_text(SMALL)
    options = ("run", "--settings", str(small), "--no-flower")
    first = ringrift(home, *options)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "hex8:2 #1 promoted" in first.stdout
    assert not family(home)
    log = (home / "logs" / "control.log").read_text()
    assert "event='config waits' stage='selfplay'" in log
    second = ringrift(home, *options)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "hex8:2 #2" in second.stdout
    assert not family(home)
    status = json.loads(ringrift(home, "status", "--json").stdout)
    assert json.dumps(status).count('"games"') >= 1
    assert ringrift(home, "ledger", "verify").returncode == 0


def test_no_promotion_in_time_is_exit_3(home):
    """When the time runs out first, the command says so, exits 3, and leaves nobody behind."""
    small = home.with_name("small.yaml")
    small.write_text(SMALL)
    done = ringrift(home, "run", "--settings", str(small), "--no-flower", "--minutes", "0.1")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the time ran out" in done.stderr
    assert not family(home)

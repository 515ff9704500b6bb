"""Real workers give old models up, take new ones to a place, and fetch them from there, without being asked."""

import pytest

from ringrift.models.distribution import file_name, manifests
from ringrift.store import events, models, runs, stages
from ringrift.store.engine import sqlite_url
from tests.cluster.conftest import SmallStack

pytestmark = pytest.mark.processes

#: Two runs; but one champion and one candidate keep their files. By the clock models would be taken out in an hour only.
CHANGES = {
    "RINGRIFT__LOOP__MAX_ITERATIONS": "2",
    "RINGRIFT__MODELS__KEEP_CANDIDATES": "1",
    "RINGRIFT__MODELS__KEEP_CHAMPIONS": "0",
    "RINGRIFT__MODELS__PRUNE_INTERVAL_SECONDS": "1",
    "RINGRIFT__MODELS__SYNC_INTERVAL_SECONDS": "3600",
}


def test_a_promotion_is_taken_out_and_the_old_champion_goes(home, tmp_path):
    """The second champion is at the place, the first one's file is gone, and both are told."""
    place = tmp_path / "place"
    with SmallStack(home, **CHANGES, RINGRIFT__MODELS__DISTRIBUTE_TO=f"[{place}]") as stack:

        def settled():
            with stack.read() as tx:
                last = runs.last_run(tx, "hex8:2")
                champion = models.champion(tx, "hex8:2")
                pruned = [event.payload["model"] for event in events.all_of(tx, "MODEL_PRUNED")]
                taken = [e.payload.get("champion") for e in events.all_of(tx, "MODEL_DISTRIBUTED")]
            over = last is not None and last.iteration == 2 and last.state == runs.CLOSED
            return (champion, pruned) if over and pruned and champion in taken else None

        champion, pruned = stack.until(settled, "the second champion at the place")
        assert manifests(str(place))[0].champion.sha256 == champion
        assert champion not in pruned
        files = [home / "models" / file_name(sha256) for sha256 in pruned]
        stack.until(
            lambda: not any(file.exists() for file in files), "the end of the first champion's file"
        )
        assert (place / file_name(champion)).exists()


def test_a_node_with_a_state_directory_of_its_own_plays_matches(home, tmp_path):
    """It shares ledger and broker alone, and fetches the candidate that was trained a moment ago."""
    place, far = tmp_path / "place", tmp_path / "far"
    changes = {
        "RINGRIFT_TEST_HOLD": "evaluate",
        "RINGRIFT__EVALUATION__GAMES_PER_TASK": "20",  # more units than any machine has cores
        "RINGRIFT__MODELS__SYNC_INTERVAL_SECONDS": "3600",
        "RINGRIFT__MODELS__DISTRIBUTE_TO": f"[{place}]",
    }
    with SmallStack(home, **changes) as stack:
        stack.held()  # all workers of this state directory stand in a match
        with stack.second(
            "gpu1",
            RINGRIFT_HOME=str(far),
            RINGRIFT_DATABASE_URL=sqlite_url(home / "ringrift.db"),
            CELERY_BROKER_URL=stack.broker.url,
            RINGRIFT_TEST_HOLD="",
        ):

            def played():
                with stack.read() as tx:
                    run = runs.last_run(tx, "hex8:2")
                    rows = stages.stages_of(tx, run.id)
                    candidate = models.candidate_of(tx, run.id).sha256
                games = [(r.result or {}).get("games") for r in rows if r.stage == "evaluate"]
                return candidate if any(games) else None

            candidate = stack.until(played, "a match that the node played")
            assert (far / "models" / file_name(candidate)).exists()
        stack.go()
        assert stack.finished().outcome == "promoted"

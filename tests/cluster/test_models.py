"""Real workers give old models up and take new ones to a place, without being asked."""

import pytest

from ringrift.models.distribution import manifests
from ringrift.store import events, models, runs
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
        for sha256 in pruned:
            stack.until(
                lambda name=f"{sha256}.safetensors": not (home / "models" / name).exists(),
                "the end of the first champion's file",
            )
        assert (place / f"{champion}.safetensors").exists()

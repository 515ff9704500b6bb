"""How the continuous loop brings runs forward through workers."""

from ringrift.models import distribution
from ringrift.pipeline.carrying import by_workers
from ringrift.pipeline.dispatcher import registered
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import runs
from tests.pipeline import tiny
from tests.pipeline.test_master import Noted


def test_files_of_models_are_seen_to_though_a_run_ends_between_two_calls(tmp_path):
    """Workers close runs; the next call, for whatever is open by then, does what no beat does here. Once."""
    place = tmp_path / "place"
    ctx = tiny.context(tmp_path / "home", changes={"models__distribute_to": (str(place),)})
    run, noted = open_or_resume(ctx, tiny.HEX8), Noted()
    carry = by_workers(noted, lambda _ctx: None)
    with registered(noted):
        carry(ctx, [run.id])
        assert not place.exists()
        with ctx.ledger.write() as tx:
            runs.close_run(tx, run.id, runs.FAILED, "as if by a worker")
        carry(ctx, [])
        (manifest,) = distribution.manifests(str(place))
        assert manifest.newest.sha256 == run.start_model
        (place / manifest.name).unlink()
        carry(ctx, [])
    assert not (place / manifest.name).exists()

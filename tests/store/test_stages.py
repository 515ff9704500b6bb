import pytest

from ringrift.errors import BadInput
from ringrift.store import events, runs, stages
from ringrift.store.ledger import Fence, StaleFence, take_fence
from ringrift.store.stages import Superseded
from ringrift.store.upkeep import longest_seconds
from tests.store.builders import claim, make_run, row_of, told, units


def finish(ledger, run, *names):
    """Claim and complete every unit of some stages."""
    for name in names:
        for unit in units(ledger, run, name):
            held = claim(ledger, run, name, unit)
            stages.complete_stage(ledger, held, {"ok": True})


def test_a_unit_is_claimed_once_within_its_lease(ledger, run):
    """The second claimant gets nothing, whoever it is."""
    assert claim(ledger, run, owner="one").attempt == 1
    assert claim(ledger, run, owner="two") is None
    assert claim(ledger, run, owner="one") is None


def test_a_silent_claim_is_taken_over_and_its_first_holder_refused(ledger, run):
    """After the lease another may claim; what the first one says then changes nothing."""
    first = claim(ledger, run, owner="one", lease=0.0)
    second = claim(ledger, run, owner="two")
    assert second.attempt == 2
    with pytest.raises(Superseded):
        stages.complete_stage(ledger, first, {"games": 1})
    with pytest.raises(Superseded):
        stages.heartbeat(ledger, first)
    with pytest.raises(Superseded):
        stages.fail_stage(ledger, first, "late")
    with pytest.raises(Superseded):
        stages.release_stage(ledger, first)
    stages.complete_stage(ledger, second, {"games": 2})
    assert row_of(ledger, second).result == {"games": 2}


def test_a_lease_that_ran_out_unclaimed_is_still_its_holders(ledger, run):
    """Nobody else did the work, so its result counts."""
    held = claim(ledger, run, lease=0.0)
    stages.heartbeat(ledger, held, {"games": 3})
    assert row_of(ledger, held).progress == {"games": 3}
    stages.complete_stage(ledger, held, {"games": 4})
    assert row_of(ledger, held).state == stages.DONE


def test_done_work_is_not_claimed_again(ledger, run):
    """The second delivery of a task finds nothing to do, and a second completion is refused."""
    held = claim(ledger, run)
    stages.complete_stage(ledger, held, {})
    assert claim(ledger, run, unit=held.unit) is None
    with pytest.raises(Superseded):
        stages.complete_stage(ledger, held, {"again": True})


def test_a_stage_waits_for_all_units_of_the_earlier_ones(ledger, run):
    """No order of deliveries advances a run early."""
    first, second = units(ledger, run)
    for stage in ("sync", "parity", "export", "train", "evaluate_plan", "promote"):
        assert claim(ledger, run, stage, "") is None
    stages.complete_stage(ledger, claim(ledger, run, unit=first), {})
    assert claim(ledger, run, "sync", "") is None
    stages.complete_stage(ledger, claim(ledger, run, unit=second), {})
    assert claim(ledger, run, "export", "") is None
    assert claim(ledger, run, "sync", "") is not None


def test_completion_result_event_and_rows_are_one_transaction(ledger, run):
    """When one of them cannot be written, none is."""
    held = claim(ledger, run)

    def rows(tx):
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError):
        stages.complete_stage(ledger, held, {"x": 1}, [told(run)], rows)
    assert row_of(ledger, held).state == stages.RUNNING
    with ledger.read() as tx:
        assert events.list_events(tx) == []
    stages.complete_stage(ledger, held, {"x": 1}, [told(run)])
    with ledger.read() as tx:
        assert [e.kind for e in events.list_events(tx)] == ["SELFPLAY_COMPLETE"]


def test_failures_are_counted_and_end_in_abandonment(ledger):
    """A poison unit is given up with its reason, told once, and the stages after it may go on."""
    run = make_run(ledger, sizes=(4,), max_failures=2)
    held = claim(ledger, run)
    assert stages.fail_stage(ledger, held, "first") == stages.PENDING
    held = claim(ledger, run)
    assert stages.fail_stage(ledger, held, "second") == stages.ABANDONED
    assert row_of(ledger, held).error == "second"
    assert claim(ledger, run) is None
    with ledger.read() as tx:
        failed, given_up = events.list_events(tx)
    assert (failed.kind, given_up.kind) == ("STAGE_FAILED", "STAGE_ABANDONED")
    assert (failed.payload["error"], failed.payload["failures"]) == ("first", 1)
    assert given_up.payload["error"] == "second"
    assert claim(ledger, run, "sync", "") is not None


def test_silence_counts_as_failure(ledger):
    """A unit that kills one worker after another is given up as well."""
    run = make_run(ledger, sizes=(4,), max_failures=2)
    assert claim(ledger, run, lease=0.0) is not None
    held = claim(ledger, run, lease=0.0)
    assert held is not None
    assert claim(ledger, run) is None
    assert row_of(ledger, held).state == stages.ABANDONED


def test_release_counts_no_failure(ledger, run):
    """Ctrl-C gives the work back unharmed, however often."""
    for attempt in range(1, 8):
        held = claim(ledger, run)
        assert held.attempt == attempt
        stages.release_stage(ledger, held)
    assert row_of(ledger, held).failures == 0


def test_reopened_work_is_done_again(ledger, run):
    """A unit whose file turned out bad is pending again, and its result forgotten."""
    held = claim(ledger, run)
    stages.complete_stage(ledger, held, {"sha256": "x"})
    with ledger.write() as tx:
        stages.reopen(tx, run.id, "selfplay", held.unit, "broken file")
    row = row_of(ledger, held)
    assert (row.state, row.result, row.failures) == (stages.PENDING, None, 1)
    assert claim(ledger, run, unit=held.unit).attempt == 2


def test_nothing_of_a_closed_run_is_claimed(ledger, run):
    """A late message about a closed run changes nothing."""
    with ledger.write() as tx:
        assert runs.close_run(tx, run.id, runs.FAILED, "no use")
        assert not runs.close_run(tx, run.id, runs.PROMOTED, "again")
    assert claim(ledger, run) is None


def test_a_claim_for_nothing_is_refused(ledger, run):
    """A stage that does not exist is an error of the sender."""
    with pytest.raises(BadInput, match="no stage"):
        claim(ledger, run, "evaluate", "nothing")


def test_claims_carry_their_fence(ledger, run):
    """A claim made under a lease is refused its writes once the lease has a newer owner."""
    with ledger.write() as tx:
        old = take_fence(tx, "master", "one")
    held = claim(ledger, run, fence=old)
    with ledger.write() as tx:
        take_fence(tx, "master", "two")
    with pytest.raises(StaleFence):
        stages.complete_stage(ledger, held, {})
    with pytest.raises(StaleFence):
        stages.heartbeat(ledger, held)
    with pytest.raises(StaleFence):
        claim(ledger, run, unit=units(ledger, run)[1], fence=Fence("master", 1))
    assert row_of(ledger, held).state == stages.RUNNING


def test_the_last_of_a_stage_sees_that_it_is_the_last(ledger, run):
    """Rows written with a completion see all earlier completions, so the end is told once."""
    seen = []

    def rows(tx):
        own = [r.state for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
        seen.append(set(own) == {stages.DONE})

    for unit in units(ledger, run):
        stages.complete_stage(ledger, claim(ledger, run, unit=unit), {}, rows=rows)
    assert seen == [False, True]


def test_how_long_a_stage_took_is_known_through_backfill_runs(ledger, run):
    """However many were played since the last iteration; what an iteration took long ago is not counted."""

    def followed(times, backfill):
        """Another run is open, and the one before it closed, so many times."""
        for _ in range(times):
            with ledger.write() as tx:
                for one in runs.open_runs(tx):
                    runs.close_run(tx, one.id, runs.COLLECTED, "test")
                runs.insert_run(
                    tx,
                    config="hex8:2",
                    iteration=runs.last_number(tx, "hex8:2") + 1,
                    seed=7,
                    start_model=run.start_model,
                    champion=None,
                    plan={},
                    plan_digest=run.plan_digest,
                    backfill=backfill,
                )

    def known():
        """Stages of which is known how long they took, and units of selfplay that tell it."""
        with ledger.read() as tx:
            number, _ = longest_seconds(tx, "hex8:2", "selfplay")
            return set(stages.stage_seconds(tx, "hex8:2")), number

    finish(ledger, run, "selfplay")
    followed(3 * stages.LATEST_RUNS, backfill=True)
    assert known() == ({"selfplay"}, 2)
    followed(stages.LATEST_RUNS - 1, backfill=False)
    assert known() == ({"selfplay"}, 2)
    followed(1, backfill=False)
    assert known() == (set(), 0)


def test_dead_owners_need_not_be_waited_for(ledger, run):
    """The lease of a process that is known to be gone ends at once."""
    held = claim(ledger, run, owner="host:1:1")
    with ledger.write() as tx:
        assert stages.expire_claims(tx, run.id, lambda owner: owner == "other") == 0
        assert stages.expire_claims(tx, run.id, lambda owner: owner == "host:1:1") == 1
    assert claim(ledger, run, unit=held.unit, owner="two").attempt == 2

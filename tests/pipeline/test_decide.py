"""`decide` and the stage rows under every order of deliveries, deaths and doubles."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ringrift.events.kinds import Kind
from ringrift.pipeline import dispatcher
from ringrift.pipeline.dispatcher import Issue, NoDispatcher, NotHandedOver, current_dispatcher
from ringrift.pipeline.event_router import Router, relay, wire_pipeline_events
from ringrift.pipeline.orchestrator import Close, RunView, advance, decide, view_run
from ringrift.store import events, runs, stages
from ringrift.store.ledger import StaleFence, open_ledger, take_fence
from ringrift.store.stages import ABANDONED, DONE, ORDER, PENDING, RUNNING, NewStage, StageRow
from tests.store.builders import make_run, told


def row(stage, state=PENDING, unit="", **changes):
    """A stage row in the middle of a run."""
    fields = dict.fromkeys(StageRow.__dataclass_fields__)
    fields.update(
        id=f"{stage}/{unit}",
        run_id="r",
        stage=stage,
        unit=unit,
        number=0,
        state=state,
        attempt=0,
        failures=0,
        max_failures=3,
        spec={},
    )
    return StageRow(**{**fields, **changes})


def view(*rows, is_open=True, now=1000.0):
    """A run with these rows."""
    return RunView("r", is_open, tuple(rows), now)


def test_all_waiting_units_of_the_first_unsettled_stage_are_issued():
    """And nothing of a later one."""
    found = decide(
        view(
            row("selfplay", DONE, "a"),
            row("selfplay", unit="b"),
            row("selfplay", unit="c"),
            row("sync"),
        )
    )
    assert found == [Issue("r", "selfplay", ("b", "c"))]


def test_the_next_stage_follows_when_all_units_are_settled():
    """One of many given up does not hold the run."""
    rows = [row("selfplay", DONE, str(n)) for n in range(9)]
    rows.append(row("selfplay", ABANDONED, "9", failures=3))
    assert decide(view(*rows, row("sync"))) == [Issue("r", "sync", ("",))]


def test_what_failed_rests_before_it_is_tried_again():
    """Longer after each failure, so that a disturbance of a minute does not end a run; at once for who works it off himself."""

    def issued(failures, ago, **patience):
        failed = row("train", failures=failures, heartbeat_at=1000.0 - ago)
        return decide(view(row("selfplay", DONE, "a"), failed), **patience)

    again = [Issue("r", "train", ("",))]
    assert issued(1, ago=19) == []
    assert issued(1, ago=20) == again
    assert issued(2, ago=39) == []
    assert issued(2, ago=40) == again
    assert issued(2, ago=0, reissue_seconds=0.0) == again
    assert issued(0, ago=0) == again, "given back unharmed"
    assert issued(1, ago=-86400) == again, "the clock was set back"


def test_a_stage_that_lost_too_much_closes_the_run():
    """With its reason, so that nobody waits for ever."""
    lost = row("train", ABANDONED, failures=3, error="loss is not a number")
    [close] = decide(view(row("selfplay", DONE, "a"), lost, row("promote")))
    assert isinstance(close, Close)
    assert "train: 1 of 1 units given up" in close.reason
    assert "loss is not a number" in close.reason


@pytest.mark.parametrize(
    ("held", "issued"),
    [
        ({"state": RUNNING, "lease_until": 1001.0}, False),
        ({"state": RUNNING, "lease_until": 999.0}, True),
        ({"state": RUNNING, "lease_until": 999.0, "issued_at": 900.0}, True),
        ({"state": RUNNING, "lease_until": 990.0, "issued_at": 990.0}, False),
        ({"state": RUNNING, "lease_until": 290.0, "issued_at": 300.0}, True),
        ({"issued_at": 999.0}, False),
        ({"issued_at": 300.0}, True),
        ({}, True),
    ],
)
def test_work_in_hand_is_left_alone_and_lost_work_is_not(held, issued):
    """Running within its lease, or just handed over: wait. Silent, or handed over long ago: again, once."""
    found = decide(view(row("sync", **held)), reissue_seconds=600.0)
    assert found == ([Issue("r", "sync", ("",))] if issued else [])


def test_a_closed_run_needs_nothing():
    """Whatever its rows say."""
    assert decide(view(row("sync"), is_open=False)) == []


def test_all_done_needs_nothing():
    """The promote stage closes the run itself."""
    assert decide(view(*[row(stage, DONE) for stage in ORDER])) == []


class Refusing:
    """A dispatcher whose broker is away."""

    def dispatch(self, issue):
        """Take nothing."""
        raise ConnectionError(f"no broker for {issue.stage}")


class Noting:
    """A dispatcher that only remembers."""

    def __init__(self):
        self.issued = []

    def dispatch(self, issue):
        """Remember."""
        self.issued.append(issue)


def test_what_could_not_be_handed_over_is_due_at_once(tmp_path):
    """The broker comes back: nothing waits for the reissue time."""
    ledger = open_ledger(tmp_path)
    run = make_run(ledger)
    with pytest.raises(NotHandedOver, match="no broker"):
        advance(ledger, run.id, Refusing())
    noting = Noting()
    assert len(advance(ledger, run.id, noting)) == 1
    assert advance(ledger, run.id, noting) == []
    assert len(noting.issued) == 1


def test_wiring_needs_a_dispatcher(monkeypatch):
    """Without one it raises, and names the cure."""
    monkeypatch.setattr(
        dispatcher, "_registered", []
    )  # as in a process that has not loaded the app
    with pytest.raises(NoDispatcher, match="--in-process"):
        current_dispatcher()
    with pytest.raises(NoDispatcher, match="ringrift.celery"):
        wire_pipeline_events(auto_trigger=True)
    assert wire_pipeline_events(auto_trigger=False).handlers


class Histories(RuleBasedStateMachine):
    """One run, several workers and masters, and everything that can happen between them.

    Messages are delivered late, twice, out of order or never; workers die, stall and come back; the
    relay dies. The model knows which effects were committed.
    """

    units = 3

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = open_ledger(Path(self.folder.name))
        self.run = make_run(self.ledger, sizes=[2] * self.units, max_failures=100)
        self.queue = []  # deliveries (stage, unit) in flight
        self.claims = []  # claims that somebody believes to hold
        self.effects = []  # (stage, unit) of each completion that was let through
        self.dispatcher = Noting()

    def teardown(self):
        """Let go of the files."""
        self.ledger.close()
        self.folder.cleanup()

    def advance(self, **how):
        """A master's or reconciler's look."""
        self.dispatcher.issued.clear()
        advance(self.ledger, self.run.id, self.dispatcher, **how)
        for issue in self.dispatcher.issued:
            self.queue += [(issue.stage, unit) for unit in issue.units]

    @rule()
    def look(self):
        """Somebody looks: a master, a second master, an event."""
        self.advance()

    @rule()
    def reconcile(self):
        """The reconciler takes everything in flight for lost."""
        self.advance(reissue_seconds=0.0)

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), keep=st.booleans(), lease=st.sampled_from([0.0, 1e6]))
    def deliver(self, data, keep, lease):
        """Any message arrives at a worker; it may arrive again. Leases may run out at once."""
        place = data.draw(st.integers(0, len(self.queue) - 1))
        stage, unit = self.queue[place]
        if not keep:
            del self.queue[place]
        held = stages.claim_stage(
            self.ledger, self.run.id, stage, unit, owner=f"w{len(self.claims)}", lease_seconds=lease
        )
        if held is not None:
            self.claims.append(held)

    @rule(data=st.data())
    def deliver_unasked(self, data):
        """A stage is delivered by somebody whom nobody asked: a stale chain."""
        self.queue.append((data.draw(st.sampled_from(ORDER[1:4])), ""))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def lose(self, data):
        """The broker forgets a message."""
        del self.queue[data.draw(st.integers(0, len(self.queue) - 1))]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), how=st.sampled_from(["complete", "fail", "release", "die", "beat"]))
    def work(self, data, how):
        """A worker ends its unit somehow, perhaps long after it was taken for dead."""
        place = data.draw(st.integers(0, len(self.claims) - 1))
        held = self.claims[place]
        if how != "beat":
            del self.claims[place]
        try:
            if how == "complete":
                self.complete(held)
            elif how == "fail":
                stages.fail_stage(self.ledger, held, "no luck")
            elif how == "release":
                stages.release_stage(self.ledger, held)
            elif how == "beat":
                stages.heartbeat(self.ledger, held)
        except stages.Superseded:
            pass

    def complete(self, held):
        """Commit a unit as the real stages do."""

        def rows(tx):
            if held.stage == "evaluate_plan":
                made = [NewStage("evaluate", f"chunk{n}") for n in range(self.units)]
                stages.add_stages(tx, self.run.id, made)
            if held.stage == "promote":
                runs.close_run(tx, self.run.id, runs.PROMOTED, "done")

        event = told(self.run, stage=held.stage, unit=held.unit)
        stages.complete_stage(self.ledger, held, {}, [event], rows)
        self.effects.append((held.stage, held.unit))

    @rule()
    def relay_events(self):
        """The relay publishes what is committed."""
        relay(self.ledger, wire_pipeline_events(auto_trigger=False))

    @invariant()
    def nothing_twice(self):
        """Each unit has at most one effect, and one event."""
        assert len(set(self.effects)) == len(self.effects)
        with self.ledger.read() as tx:
            done = events.list_events(tx, kind="SELFPLAY_COMPLETE", limit=1000)
        assert len(done) == len(self.effects)

    @invariant()
    def nothing_early(self):
        """Effects come in the order of the stages."""
        places = [ORDER.index(stage) for stage, _ in self.effects]
        assert places == sorted(places)

    @invariant()
    def never_stuck(self):
        """As long as the run is open, a reconciler finds something to issue, or somebody works."""
        with self.ledger.read() as tx:
            seen = view_run(tx, self.run.id)
        if seen.open:
            working = [r for r in seen.rows if r.state == RUNNING and r.lease_until > seen.now]
            assert working or decide(seen, reissue_seconds=0.0)
        else:
            assert len(self.effects) == 2 * self.units + len(ORDER) - 2


Histories.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestHistories = Histories.TestCase
TestHistories.__doc__ = "No order of events makes a run advance twice, early, or stall for ever."


def test_an_outdated_master_relays_nothing(tmp_path):
    """Its fence is asked before any handler is told, for what they hand over carries none."""
    ledger = open_ledger(tmp_path)
    run = make_run(ledger)
    heard = []
    router = Router()
    router.subscribe(Kind.SELFPLAY_COMPLETE, lambda _ledger, event: heard.append(event.kind))
    with ledger.write() as tx:
        old = take_fence(tx, "master", "one")
        new = take_fence(tx, "master", "two")
        events.append(tx, told(run))
    with pytest.raises(StaleFence):
        relay(ledger, router, fence=old)
    assert heard == []
    assert relay(ledger, router, fence=new) == 1

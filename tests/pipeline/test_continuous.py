"""The continuous loop step by step: real ledger, broker and leases, small services, a clock turned by hand."""

import os
import signal

import pytest
import sqlalchemy as sa

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, RingRiftError
from ringrift.pipeline import services
from ringrift.pipeline.breaker import Breaker
from ringrift.pipeline.carrying import by_workers, here
from ringrift.pipeline.continuous import NAME, ContinuousLoop, LoopConfig
from ringrift.pipeline.dispatcher import registered
from ringrift.pipeline.hold import BrokerSilent, LeaseHold, LedgerHold
from ringrift.pipeline.in_process import InProcess, bring_to_end, work_off
from ringrift.pipeline.lease import MASTER, Lease, read_lease
from ringrift.pipeline.loop_mind import Mind, whose_turn
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.store import events, loops, runs
from ringrift.store.ledger import Ledger, StaleFence
from tests.pipeline import tiny
from tests.pipeline.test_master import Noted

pytestmark = pytest.mark.processes

HEX8, SQUARE8 = Config("hex8", 2), Config("square8", 2)


class Clock:
    """Seconds since 1970 that pass when told to."""

    now = 1000.0

    def __call__(self, _conn=None):
        """Tell the time."""
        return self.now


@pytest.fixture
def clock():
    """The ledger's clock."""
    return Clock()


@pytest.fixture
def open_ctx(tmp_path, clock):
    """Opens contexts of one state directory, as processes do."""
    opened = []

    def one(**fields):
        ctx = tiny.context(tmp_path / "home", **fields)
        opened.append(ctx)
        return ctx.with_(ledger=Ledger(ctx.ledger.engine, clock))

    yield one
    for ctx in opened:
        ctx.ledger.close()


def nobody():
    """No master."""
    return


def config(*configs, **fields):
    """What a loop is asked to do, without rests."""
    fields = {
        "iteration_cooldown_seconds": 0.0,
        "selfplay_games_per_iteration": tiny.GAMES,
        **fields,
    }
    return LoopConfig([(one.board, one.players) for one in configs or (HEX8,)], **fields)


def in_process(ctx, asked, **fields):
    """A loop that works in this process."""
    fields = {
        "hold": LedgerHold(ctx.ledger, NAME),
        "master": nobody,
        "carry": here(work_off),
        **fields,
    }
    return ContinuousLoop(ctx, asked, **fields)


def leased(ctx, client, asked, dispatcher, **fields):
    """A loop that works through a queue, under a lease of its own."""

    def lease(owner):
        return Lease(client, ctx.ledger, name=NAME, owner=owner)

    fields = {
        "hold": LeaseHold(lease),
        "master": lambda: read_lease(client),
        "carry": by_workers(dispatcher, lambda _ctx: None),
        **fields,
    }
    return ContinuousLoop(ctx, asked, **fields)


def row_of(ctx):
    """Return what the loop says of itself."""
    with ctx.ledger.read() as tx:
        return loops.get_loop(tx, NAME)


def told(ctx, *prefixes):
    """Return the kinds of events that were told, those that begin so."""
    with ctx.ledger.read() as tx:
        found = [event.kind for event in events.list_events(tx, limit=1000)]
    return [kind for kind in found if kind.startswith(prefixes)]


def all_runs(ctx):
    """Return every run, oldest first."""
    with ctx.ledger.read() as tx:
        return sorted(runs.all_runs(tx), key=lambda run: run.opened_at)


# -- turns -----------------------------------------------------------------------------------------


def test_configs_take_turns_until_the_iterations_are_done(open_ctx, clock):
    """Each config has its iterations, one after the other, in turn; then the loop ends and says so."""
    ctx = open_ctx(changes={"evaluation__max_games": 40})
    said = []

    def tick(row):
        clock.now += 1
        said.append(row.state)

    loop = in_process(ctx, config(HEX8, SQUARE8, max_iterations=2), told=tick)
    closed = loop.run()
    assert [run.config for run in closed] == ["hex8:2", "square8:2", "hex8:2", "square8:2"]
    assert {run.state for run in closed} == {runs.CLOSED}
    row = row_of(ctx)
    assert (row.state, row.config) == (loops.STOPPED, None)
    assert row.details["done"] == {"hex8:2": 2, "square8:2": 2}
    assert said == [loops.RUNNING, loops.COOLDOWN] * 4 + [loops.STOPPED]


def test_whose_turn():
    """Who waited longest is next; where nobody had a turn, an open run goes before a new one."""
    assert whose_turn([HEX8, SQUARE8], Mind(), {}, 0) == HEX8
    assert whose_turn([HEX8, SQUARE8], Mind(turns={"hex8:2": 5.0}), {}, 0) == SQUARE8
    both = {"hex8:2": 5.0, "square8:2": 4.0}
    assert whose_turn([HEX8, SQUARE8], Mind(turns=both), {}, 0) == SQUARE8
    enough = Mind(turns=both, done={"square8:2": 2})
    assert whose_turn([HEX8, SQUARE8], enough, {}, 2) == HEX8
    assert whose_turn([SQUARE8], enough, {}, 2) is None


def test_a_rest_between_iterations(open_ctx, clock):
    """After an iteration nothing is begun before the rest is over; the row says until when."""
    ctx = open_ctx()
    loop = in_process(ctx, config(iteration_cooldown_seconds=60.0))
    loop.step()
    row = row_of(ctx)
    assert (row.state, row.until) == (loops.COOLDOWN, clock.now + 60)
    assert "promoted" in row.reason
    clock.now += 59
    loop.step()
    assert len(all_runs(ctx)) == 1
    clock.now += 1
    loop.step()
    assert len(all_runs(ctx)) == 2


def test_a_new_process_takes_up_the_run_and_the_turns(open_ctx, client):
    """A loop that was killed leaves its run open; the next process goes on with it, then with the next config."""
    ctx = open_ctx()
    noted = Noted()
    first = leased(ctx, client, config(SQUARE8, HEX8), noted)
    with registered(noted):
        first.step()
    assert [issue.stage for issue in noted.issues] == ["selfplay"]
    (left,) = all_runs(ctx)
    client.flushall()  # its lease expires
    again = in_process(open_ctx(), config(HEX8, SQUARE8, max_iterations=1))
    closed = again.run()
    assert [run.config for run in closed] == ["square8:2", "hex8:2"]
    assert closed[0].id == left.id


def test_how_the_last_run_ended_is_told_before_the_loop_ends(open_ctx, client):
    """A worker closes the run after the loop has looked: the loop, which has no more to do, publishes that, too."""
    ctx, noted, asked = open_ctx(), Noted(), []

    def by_a_worker(_ctx):
        asked.append(len(told(ctx, "MODEL_")))
        for run in all_runs(ctx):
            bring_to_end(ctx, run.id, InProcess(ctx), lambda: None)

    loop = leased(
        ctx, client, config(max_iterations=1), noted, carry=by_workers(noted, by_a_worker)
    )
    with registered(noted):
        (closed,) = loop.run()
    assert closed.outcome == runs.PROMOTED
    assert asked == [0, 1]  # for the hooks of the promotion
    with ctx.ledger.read() as tx:
        left = {event.kind for event in events.unpublished(tx, limit=1000)}
    assert left <= {"LEASE_RELEASED"}


# -- backfill runs of a master that is gone --------------------------------------------------------


def left_open(ctx):
    """A config with a trained network, and two backfill runs that a master has opened for it."""
    closed = work_off(ctx, open_or_resume(ctx, HEX8).id)
    assert closed.outcome == runs.PROMOTED
    return [open_backfill(ctx, HEX8, shards=1, number=number) for number in (2, 3)]


def test_backfill_runs_come_to_their_end_in_this_process(open_ctx, clock):
    """Before the iteration whose turn it is, and they are none of the iterations that are counted."""
    ctx = open_ctx()
    left_open(ctx)
    clock.now += 1
    loop = in_process(ctx, config(SQUARE8, HEX8, max_iterations=1))
    closed = loop.run()
    assert [(run.config, run.iteration) for run in closed] == [("square8:2", 1), ("hex8:2", 4)]
    assert row_of(ctx).details["done"] == {"hex8:2": 1, "square8:2": 1}
    outcomes = {run.iteration: run.outcome for run in all_runs(ctx) if run.config == "hex8:2"}
    assert outcomes == dict.fromkeys((1, 4), runs.PROMOTED) | dict.fromkeys((2, 3), runs.COLLECTED)


@pytest.mark.parametrize("outcome", [runs.COLLECTED, runs.FAILED])
def test_backfill_runs_go_on_through_workers_and_count_for_nothing(open_ctx, client, outcome):
    """Their shards are sent beside the iteration's, and however they end: no turn, no iteration, no failure."""
    ctx, noted = open_ctx(), Noted()
    first, second = left_open(ctx)
    loop = leased(ctx, client, config(max_iterations=1), noted)
    with registered(noted):
        loop.step()
        mine = row_of(ctx).details["run"]
        assert mine not in (first.id, second.id)
        assert {issue.run_id for issue in noted.issues} == {first.id, second.id, mine}
        bring_to_end(ctx, first.id, InProcess(ctx), lambda: None)
        with ctx.ledger.write() as tx:
            runs.close_run(tx, second.id, outcome, "as if by a worker")
        loop.step()
        row = row_of(ctx)
        assert (row.state, row.reason) == (loops.RUNNING, "works on iteration 4 of hex8:2")
        assert row.details["run"] == mine
        assert row.details["done"] == {}
        assert Breaker.from_dict(row.breaker) == Breaker()
        bring_to_end(ctx, mine, InProcess(ctx), lambda: None)
        loop.step()
    assert [run.id for run in loop.closed] == [mine]
    assert row_of(ctx).details["done"] == {"hex8:2": 1}


def test_a_backfill_run_is_nobodys_turn(open_ctx, client):
    """The newest run is one, open or closed: a new process takes up the iteration, or opens one."""
    ctx, noted = open_ctx(), Noted()
    left_open(ctx)
    iteration = open_or_resume(ctx, HEX8)
    assert open_backfill(ctx, HEX8, shards=1, number=iteration.iteration + 1)
    opened = []
    loop = leased(ctx, client, config(), noted, opened=opened.append)
    with registered(noted):
        loop.step()
    assert opened == [iteration]
    assert row_of(ctx).details["run"] == iteration.id


# -- deferral --------------------------------------------------------------------------------------


def test_it_steps_back_for_a_master_and_resumes_by_itself(open_ctx, client, clock):
    """While the master lease is held it opens nothing, says so and since when; then it goes on. Each is told once."""
    ctx = open_ctx()
    noted = Noted()
    master = Lease(client, ctx.ledger, name=MASTER)
    assert master.acquire()
    loop = leased(ctx, client, config(), noted)
    with registered(noted):
        for seconds in range(3):
            clock.now = 1000.0 + 60 * seconds
            assert loop.step() == ctx.settings.cluster.deferral_check_seconds
            row = row_of(ctx)
            assert (row.state, row.since, row.until) == (loops.DEFERRED, 1000.0, clock.now + 60)
            assert master.owner in row.reason
        assert not noted.issues
        assert not all_runs(ctx)
        master.release()
        loop.step()
    assert [issue.stage for issue in noted.issues] == ["selfplay"]
    assert row_of(ctx).state == loops.RUNNING
    assert told(ctx, "LOOP_") == ["LOOP_DEFERRED", "LOOP_RESUMED"]


def test_it_yields_when_a_master_comes(open_ctx, client):
    """With a master there, the next step issues nothing of the open run; the same run goes on when it is gone."""
    ctx = open_ctx()
    noted = Noted()
    loop = leased(ctx, client, config(), noted)
    with registered(noted):
        loop.step()
        (run,) = all_runs(ctx)
        with ctx.ledger.write() as tx:  # as if nobody had been given it
            tx.conn.exec_driver_sql("UPDATE stages SET issued_at = NULL")
        master = Lease(client, ctx.ledger, name=MASTER)
        assert master.acquire()
        loop.step()
        assert len(noted.issues) == 1
        assert row_of(ctx).state == loops.DEFERRED
        master.release()
        loop.step()
    assert [issue.run_id for issue in noted.issues] == [run.id, run.id]


def test_work_in_this_process_yields_too(open_ctx, client, clock):
    """A master that comes in the middle of a shard ends the work there; nothing is lost, and it goes on later."""
    master = []

    def play_shard(work, model, folder, progress):
        def told(**figures):
            if not master:
                master.append(Lease(client, ctx.ledger, name=MASTER))
                assert master[0].acquire()
                later.now += 2.0  # it looks every second
            progress(**figures)

        return tiny.play_shard(work, model, folder, told)

    later = Clock()
    ctx = open_ctx(services=tiny.tiny(play_shard=play_shard)).with_(clock=later)
    loop = in_process(ctx, config(max_iterations=1), master=lambda: read_lease(client))
    assert loop.step() == 0.0
    assert loop.step() == ctx.settings.cluster.deferral_check_seconds
    (run,) = all_runs(ctx)
    assert run.state == runs.OPEN
    assert row_of(ctx).state == loops.DEFERRED
    master[0].release()
    clock.now += 60
    (closed,) = loop.run()
    assert (closed.id, closed.outcome) == (run.id, runs.PROMOTED)
    with ctx.ledger.read() as tx:
        failures = tx.conn.exec_driver_sql("SELECT sum(failures) FROM stages").scalar()
    assert failures == 0


def test_force_works_beside_a_master(open_ctx, client):
    """--force steps back for nobody; a deferral that it ends is told with that reason."""
    ctx = open_ctx()
    noted = Noted()
    master = Lease(client, ctx.ledger, name=MASTER)
    assert master.acquire()
    with registered(noted):
        first = leased(ctx, client, config(), noted)
        first.step()
        client.delete("ringrift:{lease:continuous}")  # killed, its lease expires
        forced = leased(ctx, client, config(force=True), noted)
        forced.step()
    assert len(noted.issues) == 1
    with ctx.ledger.read() as tx:
        deferred, resumed = events.list_events(tx, kinds=("LOOP_DEFERRED", "LOOP_RESUMED"))
    assert "--force" in resumed.payload["reason"]
    assert resumed.payload["since"] == deferred.payload["since"]
    master.release()


# -- who decides -----------------------------------------------------------------------------------


def test_a_second_loop_stands_by(open_ctx, client):
    """While one loop holds the lease another decides nothing and writes nothing; it takes over when that is gone."""
    ctx, noted = open_ctx(), Noted()
    first, second = (leased(one, client, config(), noted) for one in (ctx, open_ctx()))
    with registered(noted):
        first.step()
        before = row_of(ctx)
        assert second.step() == ctx.settings.cluster.lease_renew_seconds
        assert row_of(ctx) == before
        first._end("over")
        second.step()
    assert row_of(ctx).state == loops.RUNNING
    assert row_of(ctx).owner != before.owner


def test_a_loop_that_was_replaced_is_refused(open_ctx, client):
    """A loop whose fence is old writes nothing any more: without a broker it ends, with one it wishes anew."""
    ctx, noted = open_ctx(), Noted()
    alone = in_process(ctx, config(), carry=by_workers(noted, lambda _ctx: None))
    queued = leased(open_ctx(), client, config(), noted)
    with registered(noted):
        alone.step()
        queued.step()
        before = row_of(ctx)
        with pytest.raises(StaleFence):
            alone.run()
        assert row_of(ctx) == before
        in_process(ctx, config(), carry=by_workers(noted, lambda _ctx: None)).step()
        queued.step()  # is refused, and lets go
        queued.step()
        assert row_of(ctx).owner == before.owner


def test_a_broker_that_goes_away_is_waited_for(open_ctx, broker, client):
    """Without a broker nothing is decided, and the row says why; when it is back the loop goes on by itself."""
    ctx, noted = open_ctx(), Noted()

    def master():
        try:
            return read_lease(client)
        except Exception as error:
            raise BrokerSilent(f"the broker does not answer: {error}") from error

    loop = leased(ctx, client, config(), noted, master=master)
    with registered(noted):
        loop.step()
        os.kill(broker.pid, signal.SIGKILL)
        broker._server.wait()
        for _ in range(2):
            assert loop.step() == 1.0
        assert row_of(ctx).state == loops.RUNNING
        assert "the broker does not answer" in row_of(ctx).reason
        broker.ensure()
        loop.step()
    assert row_of(ctx).reason == "works on iteration 1 of hex8:2"
    assert len(all_runs(ctx)) == 1


@pytest.mark.parametrize(
    "error",
    [ConnectionError("nobody there"), RingRiftError("nobody there"), OSError("nobody there")],
)
def test_a_dispatcher_that_fails_is_tried_again(open_ctx, error):
    """What could not be handed over is said in the row, is no failure of the iteration, and is tried again."""
    ctx = open_ctx()

    class Away:
        def dispatch(self, _issue):
            raise error

    loop = in_process(ctx, config(), carry=by_workers(Away(), lambda _ctx: None))
    with registered(Away()):
        loop.step()
        loop.step()
    row = row_of(ctx)
    assert row.state == loops.RUNNING
    assert "nobody there" in row.reason
    assert Breaker.from_dict(row.breaker) == Breaker()


def test_an_end_that_is_asked_for(open_ctx):
    """Ctrl-C ends the loop between two steps; the row says so and the run is kept open."""
    asked = []
    ctx = open_ctx(stop=lambda: bool(asked))
    noted = Noted()
    loop = in_process(ctx, config(), carry=by_workers(noted, lambda _ctx: asked.append(1)))
    with registered(noted), pytest.raises(Interrupted):
        loop.run()
    assert row_of(ctx).state == loops.STOPPED
    assert all_runs(ctx)[0].state == runs.OPEN


# -- circuit breaker -------------------------------------------------------------------------------


def test_failures_open_the_circuit_and_a_good_try_closes_it(open_ctx, clock):
    """Failing iterations open it with their reason; a new process finds it open; one try, then it is closed."""

    def broken(*_):
        raise BadInput("the disk is full")

    changes = {"cluster__breaker_failures": 2, "cluster__breaker_reset_seconds": 600.0}
    ctx = open_ctx(services=tiny.tiny(init_model=broken), changes=changes)
    loop = in_process(ctx, config())
    loop.step()
    assert row_of(ctx).state == loops.COOLDOWN
    loop.step()
    row = row_of(ctx)
    assert (row.state, row.until) == (loops.OPEN, clock.now + 600)
    assert "2 failures in a row" in row.reason
    assert "the disk is full" in row.reason
    clock.now += 599
    again = in_process(open_ctx(services=tiny.tiny(init_model=broken), changes=changes), config())
    again.step()
    assert row_of(ctx).state == loops.OPEN
    clock.now += 1
    again.step()  # one try, which fails
    row = row_of(ctx)
    assert (row.state, row.until) == (loops.OPEN, clock.now + 600)
    clock.now += 600
    cured = in_process(open_ctx(changes=changes), config())
    cured.step()
    assert row_of(ctx).state == loops.COOLDOWN
    assert Breaker.from_dict(row_of(ctx).breaker) == Breaker(openings=2)
    assert told(ctx, "CIRCUIT_") == [
        "CIRCUIT_OPENED",
        "CIRCUIT_HALF_OPEN",
        "CIRCUIT_OPENED",
        "CIRCUIT_HALF_OPEN",
        "CIRCUIT_CLOSED",
    ]


def test_a_run_that_cannot_be_brought_forward_counts_in_its_own_turn(open_ctx):
    """With its config and reason, as one that fails in this process; then it is the turn of another one."""
    ctx, noted = open_ctx(), Noted()
    broken = open_or_resume(ctx, HEX8)
    with ctx.ledger.write() as tx:
        tx.conn.execute(sa.text("UPDATE stages SET spec = '{'"))
    carry = by_workers(noted, lambda _ctx: None)
    loop = in_process(ctx, config(HEX8, SQUARE8), carry=carry)
    with registered(noted):
        loop.step()
        row = row_of(ctx)
        assert row.state == loops.COOLDOWN
        assert row.reason.startswith("iteration 1 of hex8:2: ")
        assert Breaker.from_dict(row.breaker).failures == 1
        loop.step()
    assert row_of(ctx).config == "square8:2"
    assert {issue.run_id for issue in noted.issues} == {
        run.id for run in all_runs(ctx) if run.id != broken.id
    }


def test_a_failed_run_counts_even_if_nobody_looked(open_ctx, clock):
    """A run that was given up while the loop was dead is counted by the next process, once, and nothing else begun."""
    ctx, noted = open_ctx(), Noted()
    with registered(noted):
        in_process(ctx, config(), carry=by_workers(noted, lambda _ctx: None)).step()
    (run,) = all_runs(ctx)
    with ctx.ledger.write() as tx:
        runs.close_run(tx, run.id, runs.FAILED, "too few games")
    other = open_or_resume(ctx, SQUARE8)
    again = in_process(open_ctx(), config(HEX8, SQUARE8, iteration_cooldown_seconds=60.0))
    again.step()
    again.step()
    breaker = Breaker.from_dict(row_of(ctx).breaker)
    assert breaker.failures == 1
    assert "too few games" in breaker.reason
    states = {found.id: found.state for found in all_runs(ctx)}
    assert states == {run.id: runs.CLOSED, other.id: runs.OPEN}


def test_a_failure_counts_once_though_its_run_is_closed_for_it_later(open_ctx, clock):
    """What failed in this process is counted when it is raised, not again when the run is given up; a new process knows."""

    def train(work, progress):
        raise BadInput("no disk")

    changes = {"cluster__max_attempts": 1, "cluster__breaker_failures": 3}
    services = tiny.tiny(train=train)
    ctx = open_ctx(services=services, changes=changes)
    in_process(ctx, config()).step()
    assert [run.state for run in all_runs(ctx)] == [runs.OPEN]
    assert Breaker.from_dict(row_of(ctx).breaker).failures == 1
    clock.now += 1
    again = in_process(open_ctx(services=services, changes=changes), config())
    again.step()
    assert [run.outcome for run in all_runs(ctx)] == [runs.FAILED]
    assert Breaker.from_dict(row_of(ctx).breaker).failures == 1
    clock.now += 1
    again.step()  # the next run
    assert Breaker.from_dict(row_of(ctx).breaker).failures == 2


def test_a_config_that_fails_does_not_keep_the_others(open_ctx, clock):
    """A run that cannot go on stays open for its next turn, and the other config has its own."""

    def train(work, progress):
        if str(work.config) == "hex8:2":
            raise BadInput("no")
        return tiny.train(work, progress)

    ctx = open_ctx(services=tiny.tiny(train=train))
    loop = in_process(ctx, config(HEX8, SQUARE8))
    for _ in range(2):
        loop.step()
        clock.now += 1
    states = {run.config: run.state for run in all_runs(ctx)}
    assert states == {"hex8:2": runs.OPEN, "square8:2": runs.CLOSED}


# -- LoopConfig ------------------------------------------------------------------------------------


def test_a_loop_config_as_the_ecosystem_writes_it():
    """The fields have their names and defaults; the record needs nothing else."""
    asked = LoopConfig(
        configs=[("hex8", 2), ("square8", 2)],
        selfplay_games_per_iteration=1000,
        selfplay_engine="gumbel-mcts",
        max_iterations=0,
        iteration_cooldown_seconds=60.0,
        force=False,
    )
    assert asked.parsed() == LoopConfig().parsed() == (HEX8, SQUARE8)
    assert len({asked, LoopConfig()}) == 1
    assert LoopConfig().as_dict() == asked.as_dict()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"configs": []}, "at least one"),
        ({"configs": ["hex8:2"]}, "expected pairs such as \\('hex8', 2\\), not 'hex8:2'"),
        ({"configs": [("hex9", 2)]}, "hex8"),
        ({"configs": [("hex8", 5)]}, "2"),
        ({"selfplay_games_per_iteration": 0}, "at least 1"),
        ({"max_iterations": -1}, "max_iterations"),
        ({"iteration_cooldown_seconds": float("nan")}, "iteration_cooldown_seconds"),
        ({"selfplay_engine": "gumble-mcts"}, "gumbel-mcts"),
        ({"selfplay_engine": "heuristic"}, "no policy to learn from"),
        ({"selfplay_engine": "mcts:t50ms"}, "has a time"),
        ({"selfplay_engine": "mcts,random,random"}, "names 3 seats"),
    ],
)
def test_what_cannot_be_is_refused(fields, said):
    """A wrong field is one line that says what was expected."""
    with pytest.raises(BadInput, match=said) as refused:
        LoopConfig(**fields)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("engine", ["mcts:r8", "gumbel-mcts:s4,heuristic"])
def test_another_engine_plays_the_shards_of_a_run(open_ctx, tmp_path, engine):
    """The plan keeps the engine; its shards are its games, with positions to learn from, and are accepted."""
    real = services.real_services()
    changes = {
        "selfplay__games_per_shard": 2,
        "selfplay__slots": 2,
        "data_ingestion__replayed_games_per_shard": 2,
        "training__min_samples_to_trigger": 1_000_000,  # the made-up trainer cannot read real networks
    }
    check = tiny.tiny(
        init_model=real.init_model, play_shard=real.play_shard, check_shard=real.check_shard
    )
    ctx = open_ctx(services=check, changes=changes)
    asked = config(selfplay_engine=engine, selfplay_games_per_iteration=2, max_iterations=1)
    (run,) = in_process(ctx, asked).run()
    assert (run.plan["engine"], run.outcome) == (engine, runs.COLLECTED)
    assert run.totals["games"] == 2
    assert run.totals["positions"] > 0

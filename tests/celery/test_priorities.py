"""Which message of a queue goes first: kombu's priorities on a real broker, and those of our messages."""

import pytest
from celery import Celery
from kombu import Connection, Consumer, Queue

from ringrift.broker.address import client_of
from ringrift.pipeline.dispatcher import Issue
from ringrift.pipeline.queues import BESIDE, HEAVY, LIGHT, URGENT
from ringrift.store.stages import ORDER
from workers.flows import flows, signature

QUEUE = Queue("work", routing_key="work")

RUN = "a" * 64

#: The last of the four priorities that kombu knows on Redis.
LAST = 9


class Worker:
    """Takes one message at a time, as ours do."""

    def __init__(self, connection):
        self.connection = connection
        self.held = None
        self.consumer = Consumer(connection, [QUEUE], callbacks=[self._take])
        self.consumer.qos(prefetch_count=1)
        self.consumer.consume()

    def _take(self, _body, message):
        self.held = message

    def next(self):
        """Return what comes next; the last message is acknowledged then."""
        if self.held is not None:
            self.held.ack()
        self.held = None
        while self.held is None:
            self.connection.drain_events(timeout=10)
        return self.held.payload


@pytest.fixture
def put(url):
    """Send a message of a priority."""
    client_of(url).flushall()
    with Connection(url) as connection, connection.Producer() as producer:

        def send(priority, number=0):
            producer.publish(
                [priority, number], routing_key="work", priority=priority, declare=[QUEUE]
            )

        yield send


@pytest.mark.processes
def test_the_lowest_number_goes_first_at_every_message_boundary(url, put):
    """What is urgent overtakes all that waits, but not the message in hand; within a priority the oldest goes first."""
    for number in range(2):
        for priority in (LAST, LIGHT, HEAVY):
            put(priority, number)
    with Connection(url) as connection:
        worker = Worker(connection)
        assert worker.next() == [HEAVY, 0]
        put(URGENT)
        order = [worker.next() for _ in range(6)]
    assert order == [
        [URGENT, 0],
        [HEAVY, 1],
        [LIGHT, 0],
        [LIGHT, 1],
        [LAST, 0],
        [LAST, 1],
    ]


@pytest.mark.processes
def test_a_match_beside_the_runs_is_played_though_shards_never_end(url, put):
    """The queue is filled again after each shard; a match has its turn all the same."""
    put(LIGHT, 0)
    put(LIGHT, 1)
    put(BESIDE, "match")
    taken = []
    with Connection(url) as connection:
        worker = Worker(connection)
        for number in range(2, 6):
            taken.append(worker.next()[1])
            put(LIGHT, number)
    assert taken == [0, 1, "match", 2]


@pytest.mark.processes
def test_a_message_that_is_put_back_keeps_its_priority(url, put):
    """A worker that is asked to end gives its shard back; it does not overtake what is more urgent."""
    put(LIGHT)
    with Connection(url) as connection:
        worker = Worker(connection)
        assert worker.next() == [LIGHT, 0]
        put(URGENT)
        worker.held.reject(requeue=True)
        worker.held = None
        assert [worker.next(), worker.next()] == [[URGENT, 0], [LIGHT, 0]]


def priorities(flow):
    """Priority of each task of a flow's header and body, by task."""
    tasks = [*flow.tasks, *getattr(getattr(flow, "body", None), "tasks", ())]
    return {task.task: task.options["priority"] for task in tasks}


def test_shards_have_that_of_their_run_and_the_rest_is_urgent():
    """A training that waits holds a whole run up, so it goes before the shards of any other."""
    [flow] = flows(Issue(RUN, "selfplay", ("s1", "s2"), HEAVY))
    assert priorities(flow) == {
        "gpu.selfplay_shard": HEAVY,
        "cpu.sync": URGENT,
        "cpu.parity": URGENT,
        "cpu.export": URGENT,
        "gpu.train": URGENT,
        "control.evaluate": URGENT,
    }
    for stage in ORDER[1:]:
        assert signature(RUN, stage, priority=LIGHT).options["priority"] == URGENT


@pytest.mark.processes
def test_what_follows_a_task_keeps_its_own_priority(url):
    """Celery hands a chain on with the priority of nobody, and that changes nothing; a list in Redis for each."""
    client = client_of(url)
    client.flushall()
    app = Celery("contract", broker=url, set_as_current=False)

    @app.task(name="work", shared=False)
    def work():
        """Nothing runs it: it is looked for in its queue."""

    for priority in (URGENT, HEAVY, LIGHT, LAST):
        work.si().set(priority=priority).apply_async((), priority=None)
    lists = {key.decode(): client.llen(key) for key in client.keys("celery*")}
    assert lists == {"celery": 1, **{f"celery\x06\x16{n}": 1 for n in (HEAVY, LIGHT, LAST)}}


def test_shards_that_are_not_the_last_travel_alone():
    """Nothing follows them: what comes after the shards goes with the last ones."""
    [flow] = flows(Issue(RUN, "selfplay", ("s1", "s2"), LIGHT, last=False))
    assert not hasattr(flow, "body")
    assert priorities(flow) == {"gpu.selfplay_shard": LIGHT}

"""What the flows rely on in Celery 5.7's chords, on a real broker: fails when that changes."""

from types import SimpleNamespace

import pytest
from celery import Celery, states

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker

pytestmark = pytest.mark.processes


@pytest.fixture
def app(tmp_path):
    """An app on a broker of its own."""
    with EmbeddedBroker(tmp_path) as broker:
        yield Celery("contract", broker=broker.url, backend=broker.url, set_as_current=False)


def test_a_header_that_reports_twice_counts_once(app):
    """Chords count by task id: a second delivery of one header does not start the body early."""

    @app.task(name="body", shared=False)
    def body():
        """Nothing runs it: it is looked for in its queue."""

    client = client_of(app.conf.broker_url)
    app.backend.set_chord_size("group", 2)

    def reports(task):
        request = SimpleNamespace(
            id=task, group="group", group_index=0 if task == "a" else 1, chord=body.si()
        )
        app.backend.on_chord_part_return(request, states.SUCCESS, {"state": "done"})
        return client.llen("celery")

    assert [reports("a"), reports("a"), reports("a")] == [0, 0, 0]
    assert reports("b") == 1
    assert reports("b") == 1


def test_senders_do_not_wait_for_results(celery_app):
    """The app's backend is ours: sending subscribes to nothing, and waiting is refused."""
    from celery.result import AsyncResult

    from ringrift.celery_results import Results

    backend = celery_app.backend
    assert isinstance(backend, Results)
    result = AsyncResult("a task", app=celery_app)
    result.then(lambda _: None, weak=True)
    assert backend.result_consumer.subscribed_to == set()
    with pytest.raises(NotImplementedError, match="a task"):
        result.get(timeout=1)
    del result  # nothing is given back either: the broker need not be there

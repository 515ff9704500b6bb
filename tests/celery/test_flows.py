"""Which messages an issue becomes."""

import pytest
from celery.canvas import chord

from ringrift.pipeline.dispatcher import Issue
from ringrift.store.ids import task_id
from ringrift.store.stages import ORDER
from workers.flows import CHORD_LIMIT, FOLLOWING, TASKS, BrokerAway, CeleryDispatcher, flows

RUN = "a" * 64


def test_every_stage_has_its_task_and_way():
    """Each stage of the pipeline has one task, and what travels behind it is later in the order."""
    assert set(TASKS) == set(FOLLOWING) == set(ORDER)
    for stage, after in FOLLOWING.items():
        places = [ORDER.index(name) for name in (stage, *after)]
        assert places == sorted(set(places))


def test_selfplay_is_a_chord_with_the_chain_as_its_body():
    """Shards are the header; sync, parity, export, train and evaluate follow them."""
    (flow,) = flows(Issue(RUN, "selfplay", ("s1", "s2")))
    assert isinstance(flow, chord)
    assert [part.task for part in flow.tasks] == ["gpu.selfplay_shard"] * 2
    assert [part.args for part in flow.tasks] == [(RUN, "s1"), (RUN, "s2")]
    assert [part.task for part in flow.body.tasks] == [
        "cpu.sync",
        "cpu.parity",
        "cpu.export",
        "gpu.train",
        "control.evaluate",
    ]


def test_evaluation_is_a_flat_chord_with_promote_as_its_body():
    """Match units are the header, promote the body."""
    (flow,) = flows(Issue(RUN, "evaluate", ("m1", "m2", "m3")))
    assert [part.task for part in flow.tasks] == ["gpu.play_match_unit"] * 3
    assert "control.promote" in repr(flow.body)


def test_ids_are_derived():
    """A message has the id of its stage row, whoever sends it and however often."""
    (flow,) = flows(Issue(RUN, "selfplay", ("s1",)))
    assert flow.tasks[0].options["task_id"] == task_id(RUN, "selfplay", "s1")
    assert all(part.immutable for part in (*flow.tasks, *flow.body.tasks))


def test_long_chords_are_split():
    """A chord has at most CHORD_LIMIT headers, and no unit is lost."""
    units = tuple(f"s{n}" for n in range(2 * CHORD_LIMIT + 1))
    sent = flows(Issue(RUN, "selfplay", units))
    assert [len(flow.tasks) for flow in sent] == [CHORD_LIMIT, CHORD_LIMIT, 1]
    assert tuple(part.args[1] for flow in sent for part in flow.tasks) == units


@pytest.mark.processes
def test_a_broker_that_is_away_is_an_error_of_ours(celery_app, monkeypatch):
    """The pipeline catches it, says so, and goes on trying."""
    monkeypatch.setitem(celery_app.conf, "task_publish_retry", False)
    with pytest.raises(BrokerAway, match="promote could not be sent"):
        CeleryDispatcher().dispatch(Issue(RUN, "promote", ("",)))

"""Kinds and payloads: nothing is told or read that its kind does not carry, and nothing gets lost."""

import itertools
import json
from dataclasses import fields
from typing import get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringrift.events.check import BadEvent, checked, kind_of, names, parse, plain
from ringrift.events.kinds import FAMILIES, Kind
from ringrift.events.payloads import PAYLOADS, Record
from ringrift.pipeline import event_page
from ringrift.pipeline.event_router import WIRING
from ringrift.store.events import NewEvent, append, list_events
from ringrift.store.ledger import open_ledger

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
UNITS = itertools.count()
#: What an event's JSON holds beside its payload and config.
ENVELOPE = ("seq", "id", "kind", "at", "run")
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def payloads():
    """Any record of any kind."""
    st.register_type_strategy(str, TEXT)
    st.register_type_strategy(float, FINITE)
    st.register_type_strategy(int, st.integers(-(2**53), 2**53))
    return st.sampled_from(list(Kind)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.builds(PAYLOADS[kind], **_fields(PAYLOADS[kind])))
    )


def _fields(record):
    hints = get_type_hints(record)
    return {one.name: _of(hints[one.name]) for one in fields(record)}


def _of(hint):
    record = next((one for one in getattr(hint, "__args__", ()) if _is_payload(one)), None)
    if record is not None:  # a tuple of records
        return st.lists(st.builds(record, **_fields(record)), max_size=3).map(tuple)
    return st.from_type(hint)


def _is_payload(hint):
    return isinstance(hint, type) and issubclass(hint, Record)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """One ledger for all examples."""
    opened = open_ledger(tmp_path_factory.mktemp("events"))
    yield opened
    opened.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(told=payloads())
def test_any_event_survives_store_and_json(ledger, told):
    """Told, stored, read, printed as JSON and read again, an event is what it was."""
    kind, payload = told
    new = NewEvent.of(payload, None, "test", str(next(UNITS)))
    assert new.kind == kind
    with ledger.write() as tx:
        assert append(tx, new)
        assert not append(tx, new)
        row = list_events(tx, kind=kind, limit=100_000)[-1]
    assert row.fault is None
    assert row.told == payload
    said = json.loads(json.dumps(row.as_dict()))
    assert said == row.as_dict()
    assert [said[name] for name in ENVELOPE] == [row.seq, row.id, kind, row.created_at, None]
    own = {name: value for name, value in said.items() if name in names(kind)}
    assert parse(kind, own) == payload


@pytest.mark.parametrize(
    ("kind", "payload", "said"),
    [
        (
            "MODEL_PROMOTE",
            {},
            "unknown kind of event 'MODEL_PROMOTE': did you mean 'MODEL_PROMOTED'?",
        ),
        ("RUN_FAILED", {"reasn": "x"}, "RUN_FAILED: unknown field 'reasn': did you mean 'reason'?"),
        ("RUN_FAILED", {}, "RUN_FAILED: field 'reason' is missing"),
        ("RUN_FAILED", {"reason": 3}, "field 'reason': input should be a valid string, not 3"),
        ("RUN_FAILED", {"reason": float("nan")}, "not plain JSON"),
    ],
)
def test_what_a_kind_does_not_carry_is_refused_by_name(ledger, kind, payload, said):
    """Unknown kinds and fields, missing and wrong ones end the transaction with one clear line."""
    with pytest.raises(BadEvent) as caught, ledger.write() as tx:
        append(tx, NewEvent(kind, None, "x", "", payload))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_came_later_may_be_absent():
    """An event told before a field was there is read, and is written as it was."""
    before = {"steps": 3, "loss_before": 1.0, "loss_after": 0.5, "model": "a"}
    trace = {"config": "hex8:2", "iteration": 1, "task": "t", "attempt": 1}
    made = parse(Kind.TRAINING_COMPLETED, {**trace, **before})
    assert made.samples is None
    assert "samples" not in plain(made)
    assert checked(Kind.RUN_FAILED, {"reason": "x"}) == {"reason": "x"}


def test_every_kind_has_record_family_and_wiring():
    """No kind is forgotten anywhere, and no payload hides behind a name of the envelope."""
    assert set(PAYLOADS) == set(Kind) == {kind for kind, _, _ in WIRING}
    assert sorted(kind for kinds in FAMILIES.values() for kind in kinds) == sorted(Kind)
    assert len(WIRING) == len(set(PAYLOADS.values())) == len(Kind)
    for kind in Kind:
        assert not set(names(kind)) & set(ENVELOPE)
        assert kind_of(kind.value) is kind


def test_the_page_is_what_the_code_says():
    """docs/events.md was made of this very code."""
    assert event_page.main(["--check"]) == 0, (
        "python -m ringrift.pipeline.event_page makes it again"
    )

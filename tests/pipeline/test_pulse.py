"""A pulse on a thread: until it says no, or is stopped, whatever a single beat brings about."""

import threading

from structlog.testing import capture_logs

from ringrift.pipeline.pulse import ThreadPulse


def test_a_beat_that_breaks_does_not_end_it():
    """It is said, with its error, and the next beat comes; one that says no is the last."""
    beats, ended = [], threading.Event()

    def beat():
        beats.append(len(beats))
        if len(beats) == 1:
            raise KeyError("a defect")
        if len(beats) == 3:
            ended.set()
            return False
        return True

    with capture_logs() as lines:
        pulse = ThreadPulse("test", 0.001, beat)
        assert ended.wait(60)
        pulse.stop()
    assert beats == [0, 1, 2]
    assert [line["event"] for line in lines] == ["a beat broke"]

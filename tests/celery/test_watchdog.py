"""Silence of work is measured while there is work."""

import threading
import time

from workers import watchdog


def test_silence_is_that_of_the_quietest_work():
    """Only threads at work count; each report begins the silence anew."""
    assert watchdog.silent_for(time.monotonic() + 1e6) == 0.0
    with watchdog.watched():
        watchdog._seen[threading.get_ident()] -= 100.0
        assert watchdog.silent_for(time.monotonic()) >= 100.0
        other = threading.Thread(target=watchdog.seen)
        other.start()
        other.join()
        assert watchdog.silent_for(time.monotonic()) >= 100.0
        watchdog.seen("a report")
        assert watchdog.silent_for(time.monotonic()) < 100.0
    watchdog.seen()
    assert watchdog.silent_for(time.monotonic() + 1e6) == 0.0

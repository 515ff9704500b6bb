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


def test_a_process_that_was_stopped_has_not_hung():
    """After SIGSTOP all of it is late, the look itself, too: the silence counts anew; else it is what it is."""
    now = time.monotonic()
    with watchdog.watched():
        watchdog._seen[threading.get_ident()] = now - 2000.0
        assert watchdog.hung_for(now - 2000.0, now) is None
        assert watchdog.hung_for(now, now + watchdog.SILENCE_SECONDS) is None
        watchdog._seen[threading.get_ident()] = now - 2000.0
        assert watchdog.hung_for(now - 1.2 * watchdog.LOOK_SECONDS, now) == 2000.0

"""What the console of a loop shows, as lines, as JSON and on a screen; a ledger, and no cluster."""

import io
import json

from rich.console import Console

from ringrift.cli.console import STATUS_SECONDS, JsonLines, Lines, Observer, Part, Screen
from ringrift.pipeline.events import lease_taken
from ringrift.settings import home
from ringrift.store.ledger import Fence

#: Last line of a picture.
HINT = "Ctrl-C stops it"


class Clock:
    """Seconds that a test moves."""

    now = 1000.0

    def __call__(self):
        """Return them."""
        return self.now


def test_each_event_is_seen_once(promoted):
    """The last ones of the past first, then what happens, in order, whenever one looks."""
    observer = Observer(promoted, clock=Clock())
    assert [event.kind for event in observer.look().events][-1] == "MODEL_PROMOTED"
    assert observer.look().events == []
    with promoted.ledger.write() as tx:
        lease_taken(tx, Fence("master", 7), "me")
    assert [event.kind for event in observer.look().events] == ["LEASE_TAKEN"]
    assert observer.look().events == []


def test_everything_is_looked_at_now_and_then(promoted):
    """Events at each look, the rest so seldom that looking takes no device's time."""
    clock = Clock()
    observer = Observer(promoted, clock=clock)
    first = observer.look().overview
    assert observer.look().overview is first
    clock.now += STATUS_SECONDS
    assert observer.look().overview is not first


def test_a_ledger_that_cannot_be_read_is_said(promoted):
    """Looking goes on, and says once what is wrong."""
    observer = Observer(promoted, clock=Clock())
    shown = observer.look()
    promoted.ledger.close()
    (home() / "ringrift.db").rename(home() / "elsewhere.db")
    (home() / "ringrift.db").mkdir()
    trouble = observer.look()
    assert trouble.trouble
    assert trouble.overview is None
    lines = []
    view = Lines(lines.append)
    for look in (shown, trouble, trouble):
        view.show(look)
    assert sum(trouble.trouble in line for line in lines) == 1


def test_plain_lines_tell_events_and_changes(promoted):
    """Each event once, each config when its stage changes, and nothing while nothing changes."""
    lines = []
    view, observer = Lines(lines.append), Observer(promoted)
    view.show(observer.look())
    assert sum("MODEL_PROMOTED" in line for line in lines) == 1
    [told] = [line for line in lines if "waits for" in line]
    assert "hex8:2       #1 promoted; waits for" in told
    assert sum(line.endswith("master       none") for line in lines) == 1
    said = len(lines)
    view.show(observer.look())
    assert len(lines) == said
    view.say("gpu1 ended with -9; starting it again in 1 s")
    assert lines[-1].endswith("starting it again in 1 s")


def test_json_lines_hold_events_and_the_state(promoted):
    """Each line is JSON by itself; the state names our processes and each config's figures."""
    lines = []
    view, observer = JsonLines(lines.append), Observer(promoted)
    view.show(observer.look([Part("beat", 77), Part("gpu1", None, 2)]))
    view.show(observer.look())
    view.say("a line")
    found = [json.loads(line) for line in lines]
    assert [one["event"]["kind"] for one in found if "event" in one][-1] == "MODEL_PROMOTED"
    [status] = [one for one in found if "status" in one]
    assert status["parts"][1] == {"name": "gpu1", "process": None, "restarts": 2}
    config = status["status"]["configs"]["hex8:2"]
    assert {"stage", "waits_for", "have", "need", "unit", "eta_seconds"} <= set(config)
    assert found[-1]["said"] == "a line"


def drawn(promoted, width, height, beat=None):
    """All that a screen of this size wrote, and its first picture."""
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, record=True
    )
    parts = [Part("broker", 11), Part("gpu1", 12, 3), Part("beat", beat, 1)]
    with Screen(HINT, console) as screen:
        screen.say("gpu1 ended with -9")
        screen.show(Observer(promoted).look(parts))
    return console.export_text().partition(HINT)[0].splitlines()


def test_the_screen_shows_who_steers_works_and_waits(promoted):
    """Processes, master, config and hint below the events; nothing wider than the terminal."""
    lines = drawn(promoted, 100, 40)
    text = "\n".join(lines)
    assert "gpu1 ended with -9" in text
    assert "MODEL_PROMOTED" in text
    assert "broker · gpu1 (started again 3×) · beat (being started again)" in text
    assert "master     none" in text
    assert any(line.startswith("hex8:2") for line in lines)
    assert max(map(len, lines)) <= 100


def test_a_beat_that_is_not_master_yet_is_waited_for(promoted):
    """Nothing says that no loop is at work while one of ours begins."""
    text = "\n".join(drawn(promoted, 100, 40, beat=13))
    assert "beat is about to take the lease" in text
    assert "a loop: none is at work" not in text


def test_a_small_terminal_gets_what_fits(promoted):
    """And is told where the rest is."""
    lines = drawn(promoted, 60, 8)
    assert max(map(len, lines)) <= 60
    assert any("more lines: ringrift status" in line for line in lines)

"""One dispatcher at a time carries all work out: tasks, and the files of models."""

from ringrift.pipeline.dispatcher import call_courier, registered


class Noted:
    """Notes what it is to take out."""

    def __init__(self):
        self.taken = []

    def dispatch(self, issue):
        """Nothing is dispatched here."""

    def take_out(self, config):
        """Note it."""
        self.taken.append(config)


class Plain:
    """As the in-process loop's: what works in this process takes files out itself."""

    def dispatch(self, issue):
        """Nothing is dispatched here."""


def test_the_newest_dispatcher_takes_the_files_out():
    """No older one is asked, least of all one that would wait for a broker."""
    below, above = Noted(), Noted()
    with registered(below), registered(above):
        call_courier("hex8:2")
    assert (below.taken, above.taken) == ([], ["hex8:2"])


def test_a_dispatcher_that_takes_nothing_out_is_not_passed_over():
    """The loop of this process takes files out itself: nobody below it is asked for them."""
    below = Noted()
    with registered(below), registered(Plain()):
        call_courier("hex8:2")
    assert below.taken == []

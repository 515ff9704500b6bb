"""What a gate said, in a line for a person."""

from ringrift.models.promotion import gate_line

GATE = {
    "gate": "champion",
    "decision": "failed",
    "games": 12,
    "wins": 9,
    "losses": 3,
    "low": 0.468,
    "high": 0.911,
    "bound": 0.09,
}


def test_a_gate_says_what_decides_it():
    """A bound for the interval, or the log-likelihood ratio of an SPRT, whose null hypothesis is no such bound."""
    line = "failed vs champion 9-3 (0.750, 95% 0.468-0.911, "
    assert gate_line({**GATE, "llr": None}) == line + "needs 0.09)"
    assert gate_line({**GATE, "llr": 1.234}) == line + "SPRT +1.23)"

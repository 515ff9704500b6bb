"""The end of a run: its evidence is written down, and it decides.

The evidence, the promotion, the champion, the closing of the run and its event are one transaction:
there is no moment at which a champion has no evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ringrift.errors import NegativeVerdict
from ringrift.store import models
from ringrift.store.ledger import Fence, Tx
from ringrift.store.models import EvaluationRow, ModelRow
from ringrift.store.runs import RunRow


def conclude(
    tx: Tx,
    run: RunRow,
    candidate: ModelRow,
    evidence: Sequence[EvaluationRow],
    passed: bool,
    fence: Fence | None = None,
    *,
    accepted: bool = False,
) -> None:
    """Write the evidence, and make the candidate champion if it `passed` every gate.

    `accepted`: it may play selfplay, passed or not.
    """
    for row in evidence:
        models.add_evaluation(tx, row)
    if not (passed or accepted):
        return
    holder = models.champion(tx, run.config)
    if holder != run.champion:
        # Another champion than the one that the evidence is about: he was taken back since the caller
        # looked (`pipeline.regression`). The next attempt sees it.
        raise NegativeVerdict(
            f"{run.config} has another champion ({str(holder)[:12]}) than the run was opened "
            f"against ({str(run.champion)[:12]}): its evidence does not hold"
        )
    if accepted:
        models.accept_model(tx, candidate.sha256)
    if not passed:
        return
    models.promote(
        tx,
        run_id=run.id,
        config=run.config,
        model=candidate.sha256,
        holder=holder,
        evidence={"gates": [row.evidence for row in evidence]},
        fence=fence,
    )


def reason(model: str, evidence: Sequence[Mapping[str, Any]]) -> str:
    """One line for a person: what each gate said."""
    return f"{model[:12]}: " + "; ".join(gate_line(gate) for gate in evidence)


def gate_line(gate: Mapping[str, Any]) -> str:
    """`passed vs random 43-1 (0.977, 95% 0.882-0.996, needs 0.80)`, or `… SPRT +3.02)` with such a test."""
    games = gate["games"]
    rate = gate["wins"] / games if games else 0.0
    return (
        f"{gate['decision']} vs {gate['gate']} {gate['wins']}-{gate['losses']} "
        f"({rate:.3f}, 95% {gate['low']:.3f}-{gate['high']:.3f}, {need_text(gate)})"
    )


def need_text(gate: Mapping[str, Any]) -> str:
    """What decides a gate: what the lower bound must reach, or the log-likelihood ratio of an SPRT so far."""
    llr = gate.get("llr")
    return f"needs {gate['bound']:.2f}" if llr is None else f"SPRT {llr:+.2f}"

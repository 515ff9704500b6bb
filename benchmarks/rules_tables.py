"""The figures of `benchmarks.rules` as text for a terminal and as tables for docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _times(value: float | None) -> str:
    return "" if value is None else f"×{value:,.0f}"


def print_board(result: dict[str, Any]) -> None:
    """One board as a table."""
    print(
        f"{result['config']}: {result['state_bytes']} bytes a state, "
        f"{result['moves_per_game']:.0f} moves and {result['log_bytes_per_game']:.0f} bytes of log "
        f"a game, calibration step {result['calibration_ns']:.2f} ns"
    )
    print(
        f"  {'':<29}{'median':>11} {'':5} {'spread':>6} {'steps':>8} {'bar':>6} "
        f"{'oracle':>10} {'times':>7}"
    )
    for what, f in result["figures"].items():
        share = result["phases"].get(what.partition(", ")[2])
        note = "" if share is None else f"  {share:.1%} of moves"
        print(
            f"  {what:<29}{f.median:>11,.1f} {f.unit:5} {f.spread:>6.1%} {f.steps:>8,.0f} "
            f"{_number(f.bar):>6} {_number(f.oracle_median):>10} {_times(f.times_oracle):>7}{note}"
        )
    print(flush=True)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    head = list(head)
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def print_markdown(results: list[dict[str, Any]]) -> None:
    """Tables of playouts, of single calls, and of the phases in which the time goes."""
    print("Random playouts, one thread:\n")
    table(
        ("config", "games/s", "spread", "bar", "plain Python", "times", "moves/s", "decisions/s",
         "steps a game", "moves a game"),
        (
            (
                r["config"],
                _number((g := r["figures"]["games"]).median),
                f"{g.spread:.1%}",
                _number(g.bar),
                _number(g.oracle_median),
                _times(g.times_oracle),
                _number(r["figures"]["moves"].median),
                _number(r["figures"]["decisions"].median),
                _number(g.steps),
                f"{r['moves_per_game']:.0f}",
            )
            for r in results
        ),
    )  # fmt: skip
    print(
        "One call in the middle half of a game, in ns (spread; calibration steps; plain Python):\n"
    )
    calls = ("legal, decisions", "legal, moves", "apply, decisions", "apply, moves", "copy")
    table(
        ("config", *calls, "state, bytes", "log of a game, bytes"),
        (
            (
                r["config"],
                *(
                    f"{_number(f.median)} ({f.spread:.0%}; {f.steps:,.0f}; "
                    f"{_times(f.times_oracle) or '-'})"
                    for f in (r["figures"][what] for what in calls)
                ),
                f"{r['state_bytes']:,}",
                _number(r["log_bytes_per_game"]),
            )
            for r in results
        ),
    )
    print("By phase: share of the moves, legal list + move in ns, share of the time:\n")
    phases = list(results[0]["phases"])
    table(
        ("config", *(name.replace("_", " ") for name in phases)),
        ((r["config"], *_phase_cells(r, phases)) for r in results),
    )


def _phase_cells(result: dict[str, Any], phases: list[str]) -> list[str]:
    figures, shares = result["figures"], result["phases"]
    cost = {
        name: (figures[f"legal, {name}"].median, figures[f"apply, {name}"].median)
        for name in phases
        if f"legal, {name}" in figures
    }
    whole = sum(shares[name] * sum(both) for name, both in cost.items())
    return [
        f"{shares[name]:.0%}, {cost[name][0]:,.0f} + {cost[name][1]:,.0f}, "
        f"{shares[name] * sum(cost[name]) / whole:.0%}"
        if name in cost
        else "-"
        for name in phases
    ]

"""The figures of `benchmarks.selfplay` as text for a terminal and as tables for docs/performance.md."""

from __future__ import annotations

from typing import Any

from benchmarks.rules_tables import table
from benchmarks.selfplay.memory import FLAT


def _shares(result: dict[str, Any]) -> str:
    return ", ".join(f"{part} {share:.1%}" for part, share in result["shares"].items())


def missed(r: dict[str, Any]) -> list[str]:
    """What of one config missed its bar, a line each."""
    name = r["setup"]["config"]
    low = []
    if r.get("growth", 0.0) > FLAT:
        low.append(f"{name}, memory grew by {r['growth']:.1%}, wanted at most {FLAT:.0%}")
    if "ratio" in r and r["ratio"] < r["bar"]:
        low.append(f"{name}, {r['ratio']:.3f} of the network alone, wanted {r['bar']}")
    if (two := r.get("processes")) and two["times"] < two["bar"]:
        low.append(f"{name}, two processes {two['times']:.2f} times one, wanted {two['bar']}")
    return low


def print_config(r: dict[str, Any]) -> None:
    """One config."""
    verdict = "" if r["ratio"] >= r["bar"] else "  BELOW THE BAR"
    print(f"{r['setup']['config']}, {r['setup']['simulations']} simulations, {r['backend']}")
    print(f"  ratio          {r['ratio']:.3f}, spread {r['spread']:.1%}, bar {r['bar']}{verdict}")
    print(
        f"  evaluations/s  {r['entered']:,.0f} entered a tree; the network alone "
        f"{r['network']:,.0f}, in the reference batch {r['reference']:,.0f}"
    )
    print(f"  time           {_shares(r)}")
    print(
        f"  simulations/s  {r['simulations']:,.0f}; occupancy {r['occupancy']:.1%}; "
        f"repeated positions {r['repeated']:.1%}"
    )
    hours = ", ".join(f"{rate:,.0f} at {budget}" for budget, rate in r["games_per_hour"].items())
    print(f"  games/hour     {hours} simulations; {r['decisions_per_game']:.0f} decisions a game")
    if two := r.get("processes"):
        verdict = "" if two["times"] >= two["bar"] else "  BELOW THE BAR"
        print(
            f"  two processes  {two['times']:.2f} times one ({two['two']:,.0f}/s), "
            f"bar {two['bar']}{verdict}"
        )
    if whole := r.get("shard"):
        print(
            f"  whole shard    {whole['games']} games at {whole['simulations']} simulations: "
            f"{whole['evaluations_per_second']:,.0f}/s entered a tree, {whole['ratio']:.3f} of the "
            f"network alone; occupancy {whole['occupancy']:.1%}"
        )
    print(f"  memory         {r['memory_mib']:,.0f} MiB", flush=True)


def print_memory(r: dict[str, Any]) -> None:
    """One config's memory."""
    print(
        f"{r['setup']['config']}: {r['settled']:,.1f} MiB in the second quarter of {r['minutes']:g} min, "
        f"{r['end']:,.1f} in the last ({r['growth']:+.2%}), at most {r['largest']:,.1f}",
        flush=True,
    )


def print_markdown(results: list[dict[str, Any]]) -> None:
    """All configs as tables."""
    if results and "growth" in results[0]:
        head = ("config", "minutes", "MiB in the second quarter", "in the last", "growth")
        rows = [
            (
                r["setup"]["config"],
                f"{r['minutes']:g}",
                f"{r['settled']:,.1f}",
                f"{r['end']:,.1f}",
                f"{r['growth']:+.2%}",
            )
            for r in results
        ]
        table(head, rows)
        return
    print(f"{results[0]['backend']}, {results[0]['setup']['simulations']} simulations:\n")
    table(
        (
            "config",
            "ratio",
            "spread",
            "bar",
            "entered/s",
            "network/s",
            "reference/s",
            "repeated",
            "occupancy",
            "two processes",
            "MiB",
        ),
        (
            (
                r["setup"]["config"],
                f"{r['ratio']:.3f}",
                f"{r['spread']:.1%}",
                f"{r['bar']:.2f}",
                f"{r['entered']:,.0f}",
                f"{r['network']:,.0f}",
                f"{r['reference']:,.0f}",
                f"{r['repeated']:.1%}",
                f"{r['occupancy']:.1%}",
                f"×{r['processes']['times']:.2f}" if "processes" in r else "-",
                f"{r['memory_mib']:,.0f}",
            )
            for r in results
        ),
    )
    print("Shares of the time:\n")
    parts = list(results[0]["shares"])
    table(
        ("config", *parts),
        ((r["setup"]["config"], *(f"{r['shares'][p]:.1%}" for p in parts)) for r in results),
    )
    print("Games per hour and process, by simulations a move:\n")
    budgets = list(results[0]["games_per_hour"])
    table(
        ("config", "decisions a game", *budgets),
        (
            (
                r["setup"]["config"],
                f"{r['decisions_per_game']:.0f}",
                *(f"{r['games_per_hour'][b]:,.0f}" for b in budgets),
            )
            for r in results
        ),
    )
    if all("shard" in r for r in results):
        print("Whole shards, from the first game to the last:\n")
        table(
            ("config", "games", "simulations", "entered/s", "ratio", "occupancy", "games/hour"),
            (
                (
                    r["setup"]["config"],
                    f"{w['games']}",
                    f"{w['simulations']}",
                    f"{w['evaluations_per_second']:,.0f}",
                    f"{w['ratio']:.3f}",
                    f"{w['occupancy']:.1%}",
                    f"{w['games_per_hour']:,.0f}",
                )
                for r in results
                for w in [r["shard"]]
            ),
        )

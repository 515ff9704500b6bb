"""Matches of the agents without a network, games per second on one core."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.machine import Timing, repeat
from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.evaluation.match import make_agents, play_agents
from ringrift.evaluation.spec import MatchSpec


def play(kind: str, games: int) -> None:
    """One match of `kind` against random on hex8 with two players."""
    spec = MatchSpec(Config("hex8", 2), AgentSpec(kind), AgentSpec("random"), games, seed=1)
    play_agents(spec, make_agents(spec, _no_model))


def _no_model(sha256: str) -> Path:
    raise AssertionError(sha256)


def prepare() -> None:
    """Compile."""
    play("heuristic", 2)


def timings(quick: bool) -> dict[str, Timing]:
    """Games per second."""
    games = 100 if quick else 400
    return {
        f"games {kind} against random": repeat(
            partial(play, kind, games), items=games, repeats=3 if quick else 5, warmups=0
        )
        for kind in ("random", "heuristic")
    }

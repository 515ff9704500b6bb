"""Selfplay at the speed of the network: what of the time is the network's, and what everything else costs."""

from benchmarks.selfplay.command import main

__all__ = ["main"]

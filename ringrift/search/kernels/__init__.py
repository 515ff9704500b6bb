"""Compiled search: trees in flat arrays, many games in lock-step."""

"""Comparing this engine with recorded games, move by move."""

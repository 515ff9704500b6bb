"""The compiled inner loop of selfplay."""

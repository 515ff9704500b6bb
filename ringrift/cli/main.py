"""The entry point of every command."""

from __future__ import annotations


def main() -> None:
    """Run one command and exit with its code."""

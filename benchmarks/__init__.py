"""Measurements. Each script prints medians and spread, and with --json one JSON object.

Run one as ``python -m benchmarks.NAME``. A run on a machine that was busy with other work is
void: see `benchmarks.machine`.
"""

"""Endgames solved exactly: the ground truth that searches are measured against."""

"""Compiled parts: feature planes, symmetries, reading the network's outputs."""

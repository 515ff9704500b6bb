"""Compiled parts of training: batches from compact rows."""

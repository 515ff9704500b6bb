"""RingRift: the board game, and programs that learn to play it.

Importing this package loads nothing heavy: no torch, no numba, no Celery.
"""

__version__ = "0.1.0"

"""The rules of RingRift: boards, state, legal moves, effects, notation and records."""

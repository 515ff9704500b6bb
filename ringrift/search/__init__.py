"""Looking ahead: Gumbel search over an `Evaluator`, and the readable evaluation of the heuristic.

`evaluator` is what a search asks about a position; `gumbel` is the search of one move or of a whole pool of
games; `kernels/tree` holds the nodes, `kernels/policy` the formulas of the paper, `kernels/lockstep` the steps
that many games take together; `kernels/heuristic` looks one ply ahead without a network.
"""

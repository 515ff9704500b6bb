"""Looking ahead: with a network by Gumbel search or plain PUCT, without one by rollouts, alpha-beta, or one ply.

`evaluator` is what a search asks about a position; `gumbel` is the search of one move or of a whole pool of
games; `kernels/tree` holds the nodes, `kernels/policy` the formulas of the papers, `kernels/lockstep` the steps
that many games take together; `temperature` says how much of a choice is left to chance.

`uct` is Monte Carlo tree search by rollouts, `minimax` alpha-beta by iterative deepening; both stand on
`kernels/heuristic`, the readable evaluation, which by itself looks one ply ahead.
"""

"""The compiled rules: flat arrays in, status codes out, nothing raised.

Read in this order: `constants` (layout of the state), `cells` (one cell), `mobility`, `lines`, `territory`,
`recovery` (what may be done), `moves` (legal lists), `apply` and `turn` (what it does), `victory` (when
it ends), `play` (whole games).
"""

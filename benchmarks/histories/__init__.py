"""Simulated histories of the cluster: time, broker and workers are played, the coordination is real.

scheduler.py   simulated time; processes that pause, stop and die at every step they take
lua.py         Redis for one lease: the real Lua scripts on a simulated clock
broker.py      messages that come twice, late, out of order or never
services.py    the work itself: small files, made at once, after so many simulated seconds
voice.py       signs of life of the gpu workers, whose slots count by them
networks.py    a trained network that was there before a history
ledger.py      the real ledger, in memory, with the world's hand in every transaction
settings.py    the settings, made small
plan.py        what a history is about: how large it is, what goes wrong
world.py       a cluster of these around the real orchestrator, stages, store and lease
judge.py       what must hold after every commit, and at the end
backfills.py   of it, what must hold of runs that play beside an iteration
mutants.py     broken coordination, which the judge must notice
play.py        one history from its seed
spread.py      many of them in several processes
"""

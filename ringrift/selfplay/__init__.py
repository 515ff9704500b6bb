"""Many games at once by one network, written as shards.

`pool` plays, `shard` turns a spec into a file of records; the inner loop is `kernels/games.py`.
"""

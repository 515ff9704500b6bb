"""The embedded broker: a Redis-compatible server of our own, one per state directory.

    place.py     where its files and its socket lie
    server.py    which program it is, and its configuration
    embedded.py  starting, watching and stopping it; asking whether it runs
    address.py   which broker this machine uses: the configured one or the embedded one
    guard.py     a child that ends with its parent

Nothing here knows Celery. Importing the package loads none of it.
"""

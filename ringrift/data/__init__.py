"""From shards of game records to training datasets: ingest, gate, window, export, statistics."""

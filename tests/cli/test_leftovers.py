"""What killed processes leave behind."""

import os
import subprocess
import sys

from ringrift.cli.leftovers import OLD_SECONDS, sweep


def test_only_half_files_of_nobody_go(tmp_path):
    """Half files of dead writers and old ones go; those of living writers and whole files stay."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    shards = tmp_path / "shards"
    (tmp_path / "runs" / "a").mkdir(parents=True)
    shards.mkdir()
    dead = [shards / f".tmp-{gone.pid}-ab.jsonl.zst", tmp_path / "runs" / "a" / ".tmp-old"]
    kept = [shards / f".tmp-{os.getpid()}-ab.npz", shards / ".tmp-x7f.npz", shards / "abc.npz"]
    for path in (*dead, *kept):
        path.write_bytes(b"half")
    os.utime(dead[1], (1.0, OLD_SECONDS))
    assert sweep(tmp_path) == 2
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in kept)
    assert sweep(tmp_path / "none") == 0

"""How many gpu workers this machine carries, and what each of them may use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from ringrift.pipeline.cores import usable_cores

#: One compute thread per process: in two processes on two cores the libraries' own choice, all
#: cores for each, was measured 14 times slower.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def gpu_workers(environ: Mapping[str, str] = os.environ) -> list[dict[str, str]]:
    """Return the environment of each gpu worker: one per CUDA device, else one per core."""
    devices = cuda_devices(environ)
    if devices:
        return [{"CUDA_VISIBLE_DEVICES": device} for device in devices]
    return [dict(ONE_THREAD) for _ in range(usable_cores())]


def cuda_devices(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the CUDA devices that this user lets us have, without loading torch."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [device for device in named.split(",") if device.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):  # a driver that does not answer is no device
        return []
    return found.stdout.split()

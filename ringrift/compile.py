"""Where and how kernels are compiled: two decorators and one cache folder.

Every compiled function of RingRift lives in a ``kernels/`` folder and is decorated with `entry` (called
from Python) or `kernel` (called from kernels only). numba does not notice that a callee in another file
has changed, so the cache folder is named by a hash of all kernel sources, the numba version, the target CPU
and the debug flags: an edited kernel is a new folder, never a stale hit.

Environment:

``RINGRIFT_KERNEL_CACHE``
    Folder that holds the caches; default: the user's cache folder, or a private temporary folder where
    that cannot be written.
``NUMBA_BOUNDSCHECK``
    ``1`` compiles with bounds checks, in a cache of its own.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs

PACKAGE = Path(__file__).resolve().parent

#: x86-64 with AVX2: measured as fast as the native target, and the cache can move between machines.
PORTABLE_CPU = "x86-64-v3"


def kernel_sources() -> list[Path]:
    """All kernel source files of the package, in a fixed order."""
    return sorted(p for p in PACKAGE.rglob("*.py") if p.parent.name == "kernels")


def _has_avx2() -> bool:
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8").replace("\n", " \n")
    except OSError:
        return False


def cache_key() -> str:
    """Hash (16 hex digits) of everything that decides the machine code of the kernels."""
    digest = hashlib.sha256()
    for path in [*kernel_sources(), Path(__file__)]:
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    for part in (
        version("numba"),
        version("numpy"),
        f"{sys.version_info.major}.{sys.version_info.minor}",
        os.environ.get("NUMBA_CPU_NAME", ""),
        os.environ.get("NUMBA_BOUNDSCHECK", ""),
        os.environ.get("NUMBA_DISABLE_JIT", ""),
        platform.machine(),
    ):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def cache_dir() -> Path:
    """Folder of this build's compiled kernels; created if missing."""
    named = os.environ.get("RINGRIFT_KERNEL_CACHE")
    root = Path(named) if named else Path(platformdirs.user_cache_dir("ringrift")) / "kernels"
    folder = root / cache_key()
    if not _writable(folder):
        folder = Path(tempfile.gettempdir()) / f"ringrift-kernels-{os.getuid()}" / cache_key()
        _writable(folder)
    return folder


if _has_avx2():
    os.environ.setdefault("NUMBA_CPU_NAME", PORTABLE_CPU)
os.environ["NUMBA_CACHE_DIR"] = str(cache_dir())

import numba  # noqa: E402  (the two variables above are read when numba is imported)

if str(numba.config.CACHE_DIR) != os.environ["NUMBA_CACHE_DIR"]:
    # Somebody imported numba before us.
    numba.config.reload_config()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile an inner function: no Python wrapper, cached as part of the entries that call it.

    A literal argument (``f(s, 0)``) makes numba compile ``f`` and all it calls once more for that value:
    large kernels are called with ``np.int64(0)``.
    """
    return numba.njit(nogil=True, error_model="numpy", no_cpython_wrapper=True)(function)  # type: ignore[no-any-return]


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls: cached on disk, releases the GIL while it runs."""
    return numba.njit(nogil=True, error_model="numpy", cache=True)(function)  # type: ignore[no-any-return]

"""Where and how kernels are compiled: two decorators and one cache folder.

Every compiled function of RingRift lives in a ``kernels/`` folder and is decorated with `entry` (called
from Python) or `kernel` (called from kernels only). numba does not notice that a callee in another file
has changed, so the cache folder is named by a hash of all kernel sources, the numba version, the target CPU
and the debug flags: an edited kernel is a new folder, never a stale hit.

The folder never lies where the package is installed, which may be read-only. It is the first of these that
can be written: the named one or the user's, a private temporary folder, none (then every process compiles
for itself, in memory). Processes that start at once with an empty cache compile one at a time (`Turn`).

Environment:

``RINGRIFT_KERNEL_CACHE``
    Folder that holds the caches; default: the user's cache folder.
``NUMBA_BOUNDSCHECK``
    ``1`` compiles with bounds checks, in a cache of its own.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import platform
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import platformdirs

PACKAGE = Path(__file__).resolve().parent

#: x86-64 with AVX2: measured as fast as the native target, and the cache can move between machines.
PORTABLE_CPU = "x86-64-v3"

#: Files of a cache folder: its lock, and the mark that says that all kernels of this package are in it: numba keeps
#: them by the path of their source, so two clones of one build share the folder and not the kernels.
_LOCK = "lock"
_COMPLETE = f"complete-{hashlib.sha256(str(PACKAGE).encode()).hexdigest()[:12]}"


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


def _obstacle(folder: Path) -> str | None:
    """Why a file cannot be written in `folder`, which is made if it is missing; None when it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _temporary_root() -> Path | None:
    """A folder for caches that only this user can write, or None.

    Cached code is executed when it is loaded: a folder that somebody else made under our name is not taken.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"ringrift-kernels-{os.getuid()}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if (
            stat.S_ISDIR(found.st_mode)
            and found.st_uid == os.getuid()
            and not found.st_mode & 0o022
        ):
            return folder
        return Path(tempfile.mkdtemp(prefix="ringrift-kernels-"))
    except OSError:
        return None


def _choose_folder() -> Path | None:
    """Folder of this build's compiled kernels; says so on stderr when it is not where it should be."""
    key = cache_key()
    named = os.environ.get("RINGRIFT_KERNEL_CACHE")
    root = Path(named) if named else Path(platformdirs.user_cache_dir("ringrift")) / "kernels"
    obstacle = _obstacle(root / key)
    if obstacle is None:
        return root / key
    instead = _temporary_root()
    if instead is not None and _obstacle(instead / key) is not None:
        instead = None
    where = (
        "every process compiles for itself, about a minute each"
        if instead is None
        else f"they go to {instead}"
    )
    _say(
        f"compiled kernels cannot be kept in {root} ({obstacle}): {where}. "
        "RINGRIFT_KERNEL_CACHE names another folder."
    )
    if instead is None:
        return None
    os.environ["RINGRIFT_KERNEL_CACHE"] = str(instead)  # child processes go there without asking
    return instead / key


def _say(text: str) -> None:
    sys.stderr.write(f"ringrift: {text}\n")
    sys.stderr.flush()


# Both variables are read when numba is imported, the first is part of the key.
if _has_avx2():
    os.environ.setdefault("NUMBA_CPU_NAME", PORTABLE_CPU)

#: Folder of this build's compiled kernels; None: nothing is kept.
CACHE_DIR = _choose_folder()
if CACHE_DIR is not None:
    os.environ["NUMBA_CACHE_DIR"] = str(CACHE_DIR)


class Turn:
    """The turn of this process to compile: one at a time per cache folder, the others wait.

    Whoever waited finds on disk what the other one compiled. The turn belongs to the process and may be taken
    again inside; it is a lock on an open file, so a process that ends in any way has let go of it.
    """

    def __init__(self, folder: Path | None) -> None:
        """Prepare; without a folder nothing is shared and nobody waits."""
        self.folder = folder
        self._mutex = threading.Lock()
        self._depth = 0
        self._told = False
        self._file: IO[str] | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def complete(self) -> bool:
        """Whether all kernels of this build lie in the folder."""
        return self.folder is not None and (self.folder / _COMPLETE).exists()

    def mark_complete(self) -> None:
        """Note that all kernels of this build lie in the folder."""
        if self.folder is not None:
            (self.folder / _COMPLETE).touch()

    def __enter__(self) -> None:
        """Wait until no other process compiles."""
        with self._mutex:
            if self._depth == 0:
                self._file = self._wait()
            self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the next one in."""
        with self._mutex:
            self._depth -= 1
            if self._depth == 0 and self._file is not None:
                self._file.close()
                self._file = None

    def _forget(self) -> None:
        # In a forked child: the parent's turn is not ours. Closing our copy leaves the parent's lock alone.
        self._mutex = threading.Lock()
        self._depth = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _wait(self) -> IO[str] | None:
        if self.folder is None:
            return None
        try:
            import fcntl

            file = (self.folder / _LOCK).open("a", encoding="utf-8")
        except (ImportError, OSError):
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self._told:
                _say("another process is compiling the kernels; waiting for it")
            self._told = True
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: both compile, and the cache holds either's work
        return file


#: The turn for this build's cache folder.
TURN = Turn(CACHE_DIR)

# Importing numba makes half a million objects that all stay. Looking through them for garbage, while they are
# made, while numba sets itself up for the first kernel, and at exit, took a quarter of a short program's time.
_collects = gc.isenabled()
gc.disable()
import numba  # noqa: E402  (see above)

gc.freeze()
if _collects:
    gc.enable()

if str(numba.config.CACHE_DIR) != os.environ.get("NUMBA_CACHE_DIR", ""):
    # Somebody imported numba before us.
    numba.config.reload_config()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile an inner function: no Python wrapper, cached as part of the entries that call it.

    A kernel owns no memory (``_nrt``: numba's runtime of counted references is off). The tables of a board
    are a tuple of a dozen arrays, and counting references to each of them in every call took half of the
    time of a playout. Room for work comes from `ringrift.rules.kernels.scratch`, or from the caller.

    A literal argument (``f(s, 0)``, or a variable that starts as a literal) makes numba compile ``f`` and all
    it calls once more for that value: large kernels are called with ``np.int64(0)``.
    """
    return numba.njit(  # type: ignore[no-any-return]
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        forceinline=False,
        _nrt=False,
    )(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel into its caller: for a large one with a single call site.

    A call hands over the hundred words of the tables; with these few kernels inlined, playouts are 1.4
    times as fast.
    """
    return numba.njit(  # type: ignore[no-any-return]
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        forceinline=True,
        _nrt=False,
    )(function)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls: cached on disk, releases the GIL while it runs."""
    dispatcher = numba.njit(
        nogil=True,
        error_model="numpy",
        cache=CACHE_DIR is not None,
        no_cfunc_wrapper=True,
        _nrt=True,  # said aloud: a function compiled for a kernel would inherit the kernel's setting
    )(function)
    if hasattr(dispatcher, "compile"):  # a plain function when compiling is switched off
        dispatcher.compile = _in_turn(dispatcher.compile)
    return dispatcher  # type: ignore[no-any-return]


def _in_turn(compile_or_load: Callable[..., Any]) -> Callable[..., Any]:
    """Compile or load an entry while no other process does; a complete cache is only read."""

    def compile_in_turn(signature: Any) -> Any:
        if TURN.complete:
            return compile_or_load(signature)
        with TURN:
            return compile_or_load(signature)

    return compile_in_turn

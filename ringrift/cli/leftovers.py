"""Half files of processes that were killed: swept at the next start."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil

from ringrift.settings.home import FOLDERS

#: Seconds after which a half file is nobody's, whoever wrote it: it lasts seconds to write one.
OLD_SECONDS = 86_400.0

#: Every file is written aside under such a name, most with the writer's process id in it.
_ASIDE = re.compile(r"\.tmp-(?:(\d+)-)?")


def sweep(home: Path) -> int:
    """Remove half files whose writer is gone, or that are old; how many. Never raises."""
    gone = 0
    for folder in FOLDERS:
        for path in (home / folder).glob("**/.tmp-*"):
            if _is_nobodys(path):
                try:
                    path.unlink()
                    gone += 1
                except OSError:  # somebody else swept it, or it is not ours to remove
                    continue
    return gone


def _is_nobodys(path: Path) -> bool:
    """Tell whether nobody writes this file any more."""
    named = _ASIDE.match(path.name)
    try:
        made = path.stat().st_mtime
    except OSError:
        return False
    if time.time() - made > OLD_SECONDS:
        return True
    return bool(named and named[1]) and not psutil.pid_exists(int(named[1]))

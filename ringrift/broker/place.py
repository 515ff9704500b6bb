"""Where the files of an embedded broker lie.

    RINGRIFT_HOME/broker/            append-only file, password, configuration
    RINGRIFT_HOME/broker/lock        held by the one owner, with its process id inside
    RINGRIFT_HOME/logs/broker.log    what the server says
    <runtime>/ringrift-…/broker.sock the socket, in a private folder named by a hash of the home

The socket is not in the home: the path of a socket ends at 107 bytes (103 on macOS), and a home may
lie deeper than that, or on a file system without sockets.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ringrift.errors import BadInput

#: Bytes of a socket's path: sun_path holds 108 on Linux, 104 on macOS, each with a closing zero.
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one home's broker. Making one touches no disk."""

    #: State directory, absolute.
    home: Path
    #: Private folder of the socket.
    socket_folder: Path

    @classmethod
    def of(cls, home: Path, environ: Mapping[str, str] = os.environ) -> Place:
        """Derive the paths from the home alone, the same in every process of this user."""
        home = home.expanduser().resolve()
        short = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        name = f"ringrift-{os.getuid()}-{short}"
        roots = [environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"]  # noqa: S108
        for root in roots:
            folder = Path(root or "") / name
            fits = len(os.fsencode(folder / "broker.sock")) <= SOCKET_PATH_LIMIT
            if root and Path(root).is_dir() and fits:
                return cls(home, folder)
        raise BadInput(
            f"no folder for the broker's socket: {roots[1]} gives a path longer than"
            f" {SOCKET_PATH_LIMIT} bytes; set TMPDIR to a shorter one"
        )

    @property
    def folder(self) -> Path:
        """Where the server keeps its data."""
        return self.home / "broker"

    @property
    def data(self) -> Path:
        """What the server writes of its messages: its append-only files."""
        return self.folder / "appendonlydir"

    @property
    def quarantine(self) -> Path:
        """Where that goes when it cannot be read."""
        return self.home / "quarantine"

    @property
    def lock(self) -> Path:
        """Locked by the owner while it lives."""
        return self.folder / "lock"

    @property
    def password(self) -> Path:
        """One line, readable by its owner only; made once, so that clients may reconnect."""
        return self.folder / "password"

    @property
    def config(self) -> Path:
        """The server's configuration, readable by its owner only."""
        return self.folder / "broker.conf"

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self.home / "logs" / "broker.log"

    @property
    def socket(self) -> Path:
        """The only way in: the server listens on no port."""
        return self.socket_folder / "broker.sock"

    def prepare(self) -> None:
        """Make the folders, private to this user. Raises BadInput where that cannot be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"state directory {self.home}: {error.strerror}: {error.filename}"
            ) from error
        found = self.socket_folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise BadInput(
                f"{self.socket_folder}: expected a folder that only this user may enter;"
                " somebody else made it: remove it or set TMPDIR"
            )

"""What a stage needs around it: ledger, files, settings, services, and who is working."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ringrift.errors import BadInput
from ringrift.pipeline.owner import owner
from ringrift.pipeline.pulse import Pulses, ThreadPulse
from ringrift.pipeline.services import Services, real_services
from ringrift.settings import Settings, home, prepare_home
from ringrift.store.blobs import BlobStore
from ringrift.store.ledger import Fence, Ledger, open_ledger


@dataclass(frozen=True, slots=True)
class StageReport:
    """How far one unit of work is, for whoever watches this process."""

    run_id: str
    config: str
    stage: str
    unit: str
    #: claimed, working, done, failed.
    state: str
    #: Figures of the stage so far, or its result.
    figures: Mapping[str, Any]


def never() -> bool:
    """Nobody asks to stop."""
    return False


def unwatched(_report: StageReport) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Context:
    """Shared by the stages of a process. May be used by several threads and after a fork."""

    #: The state directory.
    home: Path
    ledger: Ledger
    settings: Settings
    services: Services = field(default_factory=real_services)
    #: Carried by every write; None where no lease is held.
    fence: Fence | None = None
    #: Told of all progress in this process.
    report: Callable[[StageReport], None] = unwatched
    #: Asked often by long work: True means stop, give back and raise Interrupted.
    stop: Callable[[], bool] = never
    #: Names who works here: machine, process and thread.
    who: Callable[[], str] = owner
    #: Seconds that only grow.
    clock: Callable[[], float] = time.monotonic
    #: How claims are renewed beside their work.
    pulses: Pulses = ThreadPulse

    @property
    def blobs(self) -> BlobStore:
        """The files of the state directory."""
        return BlobStore(self.home)

    @property
    def owner(self) -> str:
        """Who works: machine, process and thread."""
        return self.who()

    @property
    def lease_seconds(self) -> float:
        """A claim without a heartbeat for so long may be taken over."""
        return self.settings.cluster.stage_stale_seconds

    @property
    def heartbeat_seconds(self) -> float:
        """Between two heartbeats of a claim; at most a third of its lease."""
        return min(self.settings.cluster.heartbeat_seconds, self.lease_seconds / 3)

    def require_room(self) -> None:
        """Raise BadInput where the disk has less room than `storage.min_free_mib`; asked before each piece of work.

        Work that ended in the middle, for want of room, would count as failed, and a few of these end its run.
        """
        free = shutil.disk_usage(self.home).free // 2**20
        if free < self.settings.storage.min_free_mib:
            raise BadInput(
                f"state directory {self.home}: {free} MiB free, expected at least "
                f"{self.settings.storage.min_free_mib} (storage.min_free_mib); work goes on when there is room"
            )

    def with_(self, **changes: Any) -> Context:
        """A copy with some fields changed."""
        return replace(self, **changes)


def open_context(settings: Settings | None = None, **fields: Any) -> Context:
    """Open the state directory: settings (else those of now), folders, ledger.

    BadInput in one line where one of them cannot be used.
    """
    found = settings or Settings.load()
    folder = prepare_home(found.storage.min_free_mib, home())
    return Context(home=folder, ledger=open_ledger(folder), settings=found, **fields)

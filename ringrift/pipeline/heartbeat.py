"""Holding a claim while its work is done: a pulse renews the lease and tells how far it is."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import structlog

from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline.context import Context, StageReport
from ringrift.pipeline.pulse import Pulse
from ringrift.pipeline.stuck import STILL
from ringrift.store.ledger import StaleFence
from ringrift.store.stages import Claim, Superseded, heartbeat

log = structlog.get_logger(__name__)


class Work:
    """One claimed unit at work. A context manager around the work itself.

    The service calls `progress(...)` as it goes; that is where it learns that it must stop: because
    somebody asked (Interrupted), or because the claim is lost (Superseded).
    """

    def __init__(self, ctx: Context, claim: Claim, config: str) -> None:
        """Nothing starts before the block is entered."""
        self.ctx = ctx
        self.claim = claim
        self.config = config
        self._figures: dict[str, Any] = {}
        self._lost: str | None = None
        self._renewed = 0.0
        self._moved = 0.0
        self._pulse: Pulse | None = None

    def __enter__(self) -> Self:
        """Start renewing."""
        self._tell("claimed", {})
        self._renewed = self._moved = self.ctx.clock()
        self._pulse = self.ctx.pulses("heartbeat", self.ctx.heartbeat_seconds, self._renew)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop renewing."""
        if self._pulse is not None:
            self._pulse.stop()

    def progress(self, **figures: Any) -> None:
        """Say how far the work is, and learn whether it must stop."""
        if figures != self._figures:
            self._moved = self.ctx.clock()
        self._figures = figures
        self._tell("working", figures)
        self.check()

    def check(self) -> None:
        """Raise Superseded or Interrupted if the work must stop now."""
        if self._lost is not None:
            raise Superseded(self._lost)
        if self.ctx.stop():
            raise Interrupted(f"stopped during {self.claim.stage}; it goes on at the next start")

    def _tell(self, state: str, figures: dict[str, Any]) -> None:
        claim = self.claim
        self.ctx.report(
            StageReport(claim.run_id, self.config, claim.stage, claim.unit, state, figures)
        )

    def _renew(self) -> bool:
        """Renew once; False when the claim is lost, or its lease ran out unrenewed."""
        begun = self.ctx.clock()
        try:
            still = round(begun - self._moved, 1)  # what maintenance knows stuck work by
            heartbeat(self.ctx.ledger, self.claim, {**self._figures, STILL: still})
        except (Superseded, StaleFence) as error:
            self._lost = str(error)
        except RingRiftError as error:  # the ledger is busy or away
            log.warning(
                "heartbeat failed",
                run=self.claim.run_id[:12],
                task=self.claim.id[:12],
                attempt=self.claim.attempt,
                error=str(error),
            )
            if self.ctx.clock() - self._renewed > self.claim.lease_seconds:
                self._lost = f"the lease could not be renewed in time: {error}"
        else:
            self._renewed = begun
        return self._lost is None

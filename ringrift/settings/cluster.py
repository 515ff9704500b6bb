"""Settings of the cluster: leases, heartbeats, repair."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ringrift.settings.base import Section


class ClusterSettings(Section):
    """How the parts of a cluster watch each other; keys in config/unified_loop.yaml."""

    tick_interval_seconds: Annotated[float, Field(ge=1, le=3600)]
    lease_seconds: Annotated[float, Field(ge=3, le=3600)]
    lease_renew_seconds: Annotated[float, Field(ge=0.5, le=1800)]
    heartbeat_seconds: Annotated[float, Field(ge=1, le=3600)]
    visibility_timeout_seconds: Annotated[int, Field(ge=10, le=86400)]
    reconcile_interval_seconds: Annotated[float, Field(ge=1, le=86400)]
    stage_stale_seconds: Annotated[float, Field(ge=5, le=86400)]
    max_attempts: Annotated[int, Field(ge=1, le=100)]
    deferral_check_seconds: Annotated[float, Field(ge=1, le=3600)]
    breaker_failures: Annotated[int, Field(ge=1, le=100)]
    breaker_reset_seconds: Annotated[float, Field(ge=1, le=604_800)]
    max_deliveries: Annotated[int, Field(ge=2, le=100)]
    maintain_interval_seconds: Annotated[float, Field(ge=1, le=86400)]
    stuck_seconds: Annotated[float, Field(ge=10, le=604800)]
    stuck_factor: Annotated[float, Field(ge=1, le=1000)]
    flower_port: Annotated[int, Field(ge=1, le=65535)]

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.lease_renew_seconds * 2 > self.lease_seconds:
            raise ValueError(
                "lease_renew_seconds: expected at most half of lease_seconds "
                f"({self.lease_seconds:g}), not {self.lease_renew_seconds:g}"
            )
        if self.max_deliveries <= self.max_attempts:
            raise ValueError(
                f"max_deliveries: expected more than max_attempts ({self.max_attempts}), "
                f"not {self.max_deliveries}"
            )
        return self

"""Settings of training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringrift.settings.base import Section


class TrainingSettings(Section):
    """When and how a network is trained; keys in config/unified_loop.yaml."""

    auto_trigger: bool
    min_samples_to_trigger: Annotated[int, Field(ge=1, le=1_000_000_000)]
    min_new_fraction: Annotated[float, Field(ge=0, le=1)]
    stale_after_seconds: Annotated[float, Field(ge=0, le=31_536_000)]
    max_quarantined_fraction: Annotated[float, Field(ge=0, le=1)]
    window_rows: Annotated[int, Field(ge=1, le=1_000_000_000)]
    window_exponent: Annotated[float, Field(gt=0, le=1)]
    window_growth: Annotated[float, Field(gt=0, le=1)]
    heldout_fraction: Annotated[float, Field(gt=0, le=0.5)]
    batch_size: Annotated[int, Field(ge=2, le=65536)]
    sample_reuse: Annotated[float, Field(gt=0, le=8)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    warmup_fraction: Annotated[float, Field(ge=0, le=0.9)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    gradient_clip: Annotated[float, Field(gt=0, le=1000)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    value_weight: Annotated[float, Field(ge=0, le=100)]
    territory_weight: Annotated[float, Field(ge=0, le=100)]
    threads: Annotated[int, Field(ge=0, le=1024)]
    checkpoint_seconds: Annotated[float, Field(ge=1, le=86400)]
    deadline_seconds: Annotated[float, Field(ge=10, le=604800)]

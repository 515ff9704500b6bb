"""What a training is asked to do: every hyperparameter, with what others use."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest

OPTIMIZERS: Final = ("adamw", "sgd")
PRECISIONS: Final = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """One training: start weights and dataset come beside it.

    Defaults beside the values of AlphaZero (Silver et al. 2018) and KataGo (Wu 2019):

    =================== ======================================================= ======== ================= ===========
    field               meaning, unit                                           default  AlphaZero         KataGo
    =================== ======================================================= ======== ================= ===========
    config              what is played, ``hex8:2``
    seed                order of samples and symmetries                         0
    batch_size          rows of a step                                          256      4096              256
    sample_reuse        times each row is used; steps = reuse x rows / batch    2.0      about 1 per move  about 4
    max_steps           upper bound on steps, 0 none                            0        700 000
    optimizer           adamw or sgd (momentum 0.9)                             adamw    sgd               sgd
    learning_rate       highest, per step                                       0.002    0.2, then lower   6e-5/sample
    final_fraction      of the highest, where the cosine ends                   0.1
    warmup_fraction     of the steps, over which it rises from 0                0.05     0                 0
    weight_decay        decoupled, of convolution and matrix weights            0.05     1e-4 (as L2)      3e-5 (L2)
    gradient_clip       highest norm of a gradient                              1.0      none              none
    ema_decay           per step; the averaged weights are saved                0.995    none              swa
    value_weight        of the value loss, policy being 1                       1.0      1                 1.5
    territory_weight    of final territory, mean per cell                       0.5      -                 0.06 summed
    eliminated_weight   of final eliminated rings                               1.0      -                 -
    root_value_share    of the search's root value in the value target          0.25     0                 0
    calibrate           scale the value's logits to fit held-out games          True     -                 -
    heldout_rows        rows of held-out games that losses are measured on      4096
    precision           float32; bfloat16 for convolutions (autocast); auto takes   auto
                        bfloat16 where the processor has it
    threads             compute threads, 0 leaves torch's choice                1
    checkpoint_seconds  how often the state is written, to go on from           60.0
    =================== ======================================================= ======== ================= ===========

    The defaults differ from the published ones where games are few: docs/network.md has the measurements.
    """

    config: str
    seed: int = 0
    batch_size: int = 256
    sample_reuse: float = 2.0
    max_steps: int = 0
    optimizer: str = "adamw"
    learning_rate: float = 0.002
    final_fraction: float = 0.1
    warmup_fraction: float = 0.05
    weight_decay: float = 0.05
    gradient_clip: float = 1.0
    ema_decay: float = 0.995
    value_weight: float = 1.0
    territory_weight: float = 0.5
    eliminated_weight: float = 1.0
    root_value_share: float = 0.25
    calibrate: bool = True
    heldout_rows: int = 4096
    precision: str = "auto"
    threads: int = 1
    checkpoint_seconds: float = 60.0

    #: name -> (lowest, highest) of the numbers.
    _RANGES = {  # noqa: RUF012  (no field: slots)
        "seed": (0, 2**63 - 1),
        "batch_size": (2, 65536),
        "sample_reuse": (0.0, 64.0),
        "max_steps": (0, 10**9),
        "learning_rate": (0.0, 1.0),
        "final_fraction": (0.0, 1.0),
        "warmup_fraction": (0.0, 0.9),
        "weight_decay": (0.0, 1.0),
        "gradient_clip": (1e-6, 1e6),
        "ema_decay": (0.0, 0.999999),
        "value_weight": (0.0, 100.0),
        "territory_weight": (0.0, 100.0),
        "eliminated_weight": (0.0, 100.0),
        "root_value_share": (0.0, 1.0),
        "heldout_rows": (0, 10**9),
        "threads": (0, 1024),
        "checkpoint_seconds": (0.0, 86400.0),
    }

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field."""
        Config.parse(self.config)
        for name, choices in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            word = getattr(self, name)
            if word not in choices:
                raise BadInput(f"training {name} is {word!r}: {nearest(str(word), choices)}")
        for name, (low, high) in self._RANGES.items():
            number = getattr(self, name)
            if not isinstance(number, int | float) or not low <= number <= high:
                raise BadInput(f"training {name} is {number!r}: expected {low} to {high}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read the output of `to_dict`; BadInput for an unknown key."""
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise BadInput(f"unknown training setting {key!r}: {nearest(key, known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, as JSON values."""
        return asdict(self)

    def steps(self, rows: int) -> int:
        """Steps over a dataset with so many training rows."""
        wanted = max(1, round(self.sample_reuse * rows / self.batch_size))
        return min(wanted, self.max_steps) if self.max_steps else wanted

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step (from 0): a straight rise, then half a cosine down."""
        warmup = self.warmup_fraction * steps
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        done = (step - warmup) / max(1.0, steps - warmup)
        falling = 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
        return self.learning_rate * (self.final_fraction + (1.0 - self.final_fraction) * falling)

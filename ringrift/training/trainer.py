"""Trains a network on a dataset: the whole of it is the loop in `_Run.loop`.

The same spec, dataset and start give the same network, bit for bit, on the same machine, whether the training ran
through or went on from its run folder any number of times.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import file_sha256, init_model, load_model, save_model
from ringrift.nets.cpu import cpu_has_bf16
from ringrift.nets.files import write_aside
from ringrift.nets.network import Network
from ringrift.training.averages import WeightAverage
from ringrift.training.calibration import apply_temperature, fit_temperature
from ringrift.training.dataset import Batcher, Dataset, Sampler
from ringrift.training.heldout import measure_heldout
from ringrift.training.interrupt import StopFlag, deferred_interrupts
from ringrift.training.losses import losses_of, total_loss
from ringrift.training.result import LossDiverged, Progress, TrainProgress, TrainResult
from ringrift.training.run_folder import RESULT, TrainState, load_state, locked, save_state
from ringrift.training.spec import TrainSpec

#: Seconds between two reports of progress.
REPORT_SECONDS = 0.5
#: Steps that a reported loss is averaged over.
SMOOTHING = 50
#: SGD's momentum, as in AlphaZero and KataGo.
MOMENTUM = 0.9


def _optimizer(net: Network, spec: TrainSpec) -> torch.optim.Optimizer:
    """Weight decay for what multiplies (matrices, kernels), none for biases and norms."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": spec.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if spec.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=spec.learning_rate, momentum=MOMENTUM, nesterov=True)
    return torch.optim.AdamW(groups, lr=spec.learning_rate)


def _low_precision(spec: TrainSpec, device: torch.device) -> bool:
    """Whether convolutions run in bfloat16: 1.4 times faster on a CPU with avx512_bf16."""
    if spec.precision == "auto":
        return torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bf16()
    return spec.precision == "bfloat16"


class _Run:
    """One training in progress."""

    def __init__(
        self, spec: TrainSpec, dataset: Path, net: Network, start: str, folder: Path
    ) -> None:
        self.spec, self.folder = spec, folder
        self.data = Dataset(dataset, net.config)
        self.steps = spec.steps(len(self.data.training_rows))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.terms = losses_of(spec, self.data.full_share)
        self.names = ["total", *(term.name for term in self.terms)]
        self.batcher = Batcher(self.data, spec.batch_size, spec.root_value_share)
        #: Held-out value losses are against who won, whatever the training target is mixed with.
        self.judge = Batcher(self.data, spec.batch_size, 0.0)
        self.sampler = Sampler(
            self.data.training_rows, spec.batch_size, self.batcher.symmetries, spec.seed
        )
        self.low = _low_precision(spec, self.device)
        #: What a state must share to be gone on from. How often it is written is no part of it.
        self.identity = {
            **{k: v for k, v in spec.to_dict().items() if k != "checkpoint_seconds"},
            "precision": "bfloat16" if self.low else "float32",
            "dataset": dataset.stem,
            "start": start,
            "arch": net.arch.to_dict(),
        }
        net = net.to(self.device, memory_format=torch.channels_last).train()
        self.net = net
        self.state = TrainState(
            net=net,
            average=WeightAverage(net, spec.ema_decay),
            optimizer=_optimizer(net, spec),
            step=0,
            history=torch.zeros(self.steps, len(self.names)),
            heldout_before={},
            seconds=0.0,
        )

    def heldout(self, net: Network) -> Any:
        """Losses of a network on held-out games."""
        rows, size = self.spec.heldout_rows, self.spec.batch_size
        return measure_heldout(net, self.data, self.judge, self.terms, rows, size)

    def one_step(self) -> None:
        """Learn from one batch."""
        state, spec = self.state, self.spec
        batch = self.batcher.make(*self.sampler.step(state.step)).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16) if self.low else nullcontext():
            outputs = self.net(batch.planes, batch.scalars)
        if self.low:
            outputs = type(outputs)(*(part.float() for part in outputs))
        total, parts = total_loss(self.terms, outputs, batch)
        row = torch.stack([total.detach(), *(parts[name].detach() for name in self.names[1:])])
        if not torch.isfinite(row).all():
            raise LossDiverged(
                f"training step {state.step + 1} of {self.steps}: the loss is {row.tolist()[0]}; "
                f"a lower learning_rate than {spec.learning_rate} or gradient_clip than "
                f"{spec.gradient_clip} may help"
            )
        state.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), spec.gradient_clip)
        for group in state.optimizer.param_groups:
            group["lr"] = spec.rate(state.step, self.steps)
        state.optimizer.step()
        state.average.update(self.net, state.step)
        state.history[state.step] = row.cpu()
        state.step += 1

    def loop(self, progress: Progress, stop: StopFlag, stopped: Callable[[], bool]) -> None:
        """Step until done; report, write the state, and stop when asked."""
        begun = reported = written = time.monotonic()
        state, first, earlier = self.state, self.state.step, self.state.seconds
        while state.step < self.steps:
            self.one_step()
            now = time.monotonic()
            state.seconds = earlier + now - begun
            last = state.step == self.steps
            if last or state.step == first + 1 or now - reported >= REPORT_SECONDS:
                reported = now
                progress(self.progress(state.step - first, now - begun))
            asked = stop.raised or stopped()
            if asked or now - written >= self.spec.checkpoint_seconds:
                written = now
                save_state(self.folder, state, self.identity)
            if asked and not last:
                raise Interrupted(
                    f"training stopped after step {state.step} of {self.steps}; "
                    f"started again with folder {self.folder} it goes on from there"
                )

    def progress(self, done: int, seconds: float) -> TrainProgress:
        """Where the training is, `done` steps and `seconds` after it began or went on."""
        step = self.state.step
        means = self.state.history[max(0, step - SMOOTHING) : step].mean(0).tolist()
        pace = done / max(seconds, 1e-9)
        return TrainProgress(
            step=step,
            steps=self.steps,
            losses=dict(zip(self.names, means, strict=True)),
            learning_rate=self.spec.rate(step - 1, self.steps),
            samples_per_second=pace * self.spec.batch_size,
            eta_seconds=(self.steps - step) / max(pace, 1e-9),
        )

    def finish(self) -> TrainResult:
        """Measure, calibrate and save the averaged weights."""
        state = self.state
        final = Network(self.net.config, self.net.arch).to(self.device)
        state.average.copy_to(final)
        report = self.heldout(final)
        fit = self.spec.calibrate
        temperature = fit_temperature(report.value_logits, report.value_target) if fit else 1.0
        apply_temperature(final, temperature)
        about = {
            **self.identity,
            "steps": self.steps,
            "heldout": report.losses,
            "temperature": temperature,
        }
        path, sha256 = save_model(final, self.folder, about)
        edge = max(1, self.steps // 20)
        return TrainResult(
            path=path,
            sha256=sha256,
            steps=self.steps,
            loss_before=float(state.history[:edge, 0].mean()),
            loss_after=float(state.history[-edge:, 0].mean()),
            heldout_before=state.heldout_before,
            heldout_after=report.losses,
            temperature=temperature,
            samples=self.steps * self.spec.batch_size,
            seconds=state.seconds,
        )


def _start(
    config: Config, spec: TrainSpec, start: Path | None, arch: Arch | None
) -> tuple[Network, str]:
    """Starting weights and what names them."""
    if start is None:
        return init_model(config, arch or Arch(), spec.seed), f"seed {spec.seed}"
    loaded = load_model(start, config)
    if arch is not None and loaded.net.arch != arch:
        raise BadInput(f"model file {start}: sizes {loaded.net.arch}, expected {arch}")
    return loaded.net, loaded.sha256


def _finished(folder: Path, identity: dict[str, Any]) -> TrainResult | None:
    """The result of the same training, if it is done and its network is whole."""
    try:
        known = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        result = TrainResult.from_dict(folder, known["result"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if known["identity"] != identity or not result.path.is_file():
        return None
    return result if file_sha256(result.path) == result.sha256 else None


def train(
    spec: TrainSpec,
    dataset: Path,
    start: Path | None,
    run_dir: Path,
    progress: Progress = lambda _: None,
    *,
    arch: Arch | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Train and save a network in `run_dir`; go on from there if it holds a part of the same training.

    Start weights come from the file `start`, or are made from `arch` and the spec's seed. `progress` is called about
    twice a second. SIGINT and SIGTERM (in the main thread), or `stopped` returning True, end the training between
    two steps: the state is written and Interrupted raised.

    Raises BadInput for a broken or unfitting dataset, model or folder, NotReached when another trainer
    holds the folder, LossDiverged when the loss is no longer a number.
    """
    config = Config.parse(spec.config)
    threads = torch.get_num_threads()
    with locked(run_dir), deferred_interrupts() as stop:
        try:
            if spec.threads:
                torch.set_num_threads(spec.threads)
            run = _Run(spec, dataset, *_start(config, spec, start, arch), run_dir)
            done = _finished(run_dir, run.identity)
            if done is not None:
                return done
            if not load_state(run_dir, run.state, run.identity):
                run.state.heldout_before = run.heldout(run.net).losses
            run.loop(progress, stop, stopped)
            result = run.finish()
        finally:
            torch.set_num_threads(threads)
        text = json.dumps({"identity": run.identity, "result": result.to_dict()}, indent=1)
        write_aside(run_dir / RESULT, text.encode())
        return result

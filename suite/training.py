"""Backpropagation through time: train one network, select on validation data, resume from the last epoch."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neurons import NonFiniteError
from suite import checkpoints
from suite.datasets.base import Data, Growing, Split
from suite.inputs import Batch
from suite.models.forward import forward
from suite.models.readout import loss, mean_rate
from suite.models.threads import steady
from suite.prefetch import prefetched
from suite.protocols import Protocol
from suite.results.files import remove


@dataclass(frozen=True)
class Score:
    """Over one split or epoch: mean loss, accuracy, mean hidden spikes per neuron and step (NaN without spiking
    layers), number of samples.
    """

    loss: float
    accuracy: float
    spike_rate: float
    n: int


@dataclass
class History:
    """What happened so far. Epochs count from 1; `best` is the selected one (0: none yet); `n_steps` is the length
    of the next epoch's sequences if there is a curriculum.
    """

    train: list[Score] = field(default_factory=list)
    validation: list[Score] = field(default_factory=list)
    best: int = 0
    n_steps: int | None = None
    status: str = "ok"
    reason: str = ""
    wall_s: float = 0.0

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.train)


class _Meter:
    """Sums on the device, read once at the end, so that no step waits for it."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)
        self.n = 0

    def add(self, step_loss: Tensor, logit: Tensor, y: Tensor, spikes: list[Tensor]) -> None:
        rate = torch.stack([mean_rate(s) for s in spikes]).mean() if spikes else logit.new_tensor(math.nan)
        correct = (logit.detach().argmax(1) == y).sum()
        self.sums += torch.stack([step_loss.detach() * len(y), correct, rate * len(y)]).double()
        self.n += len(y)

    def score(self) -> Score:
        total, correct, rate = (self.sums / max(self.n, 1)).tolist()
        return Score(total, correct, rate, self.n)


@torch.no_grad()
def evaluate(
    network: nn.Module,
    batches: Iterable[Batch],
    protocol: Protocol,
    device: torch.device,
    right: list[Tensor] | None = None,
) -> Score:
    """Mean loss, accuracy and spike rate of the network over the batches. right: gets, of each batch, which samples are
    classified right.
    """
    network.eval()
    meter = _Meter(device)
    for batch in prefetched(batches, device):
        logit, _, spikes = forward(network, batch.x, protocol, rates=True)
        meter.add(loss(logit, batch.y, protocol), logit, batch.y, spikes)
        if right is not None:
            right.append(logit.argmax(1) == batch.y)
    return meter.score()


def loss_unit(protocol: Protocol) -> str:
    """In what its losses are."""
    return "nats" if protocol.loss == "cross_entropy" else "squared error"


def train(
    network: nn.Module,
    dataset: Data,
    protocol: Protocol,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    run_id: str = "",
    resume: bool = True,
    on_step: Callable[[int, int], None] = lambda _epoch, _samples: None,
    on_epoch: Callable[[History], None] = lambda _history: None,
) -> History:
    """Train `network` in place and leave it with the weights of the epoch that was best on validation data.

    Selection is by validation accuracy, then lower loss, then the earlier epoch; the test split is not touched.
    With `checkpoint`, a file, the state is saved after every epoch. A call that finds it there goes on from it, unless
    `resume` is False, with the same result as if it had never stopped; but not from one that is damaged, or of another
    `run_id`: that is named in a warning and removed. A NaN ends the training with status "diverged"; a network without
    hidden spikes in the selected epoch has status "dead".
    """
    optimizer = optimizer_of(network, protocol)
    rates = [group["lr"] for group in optimizer.param_groups]
    history = History(n_steps=protocol.curriculum.start if protocol.curriculum else None)
    best = {name: value.clone() for name, value in network.state_dict().items()}
    if checkpoint is not None and resume:
        history, best = _resume(checkpoint, run_id, network, optimizer) or (history, best)
    while history.epoch < protocol.epochs and history.status != "diverged":
        started = time.perf_counter()
        epoch = history.epoch
        factor = protocol.schedule.factor(epoch, protocol.epochs)
        if protocol.curriculum is not None and history.n_steps is not None:
            factor *= protocol.curriculum.rate(history.n_steps)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        # Seeded anew in every epoch, so that a resumed run draws what an uninterrupted one would have drawn.
        torch.manual_seed(seed * 1_000_003 + epoch)
        try:
            batches = _train_split(dataset, history).epoch(protocol.batch_size, shuffle_seed=seed, epoch=epoch)
            score = _train_epoch(network, optimizer, batches, protocol, device, partial(on_step, epoch))
            validation = evaluate(network, dataset.validation.epoch(protocol.batch_size), protocol, device)
        except NonFiniteError as error:
            score = validation = Score(math.nan, math.nan, math.nan, 0)
            history.reason = str(error)
        if protocol.curriculum is not None and history.n_steps is not None:
            history.n_steps = protocol.curriculum.next(history.n_steps, score.accuracy, dataset.n_steps)
        history.train.append(score)
        history.validation.append(validation)
        history.wall_s += time.perf_counter() - started
        if not (math.isfinite(score.loss) and math.isfinite(validation.loss)):
            history.status = "diverged"
            history.reason = f"NaN or overflow in epoch {history.epoch}" + (
                f": {history.reason}" if history.reason else ""
            )
        elif _better(history):
            history.best = history.epoch
            best = {name: value.detach().clone() for name, value in network.state_dict().items()}
        if checkpoint is not None:
            _save(checkpoint, run_id, network, optimizer, history, best)
        on_epoch(history)
    network.load_state_dict(best)
    if history.status == "ok" and history.validation[history.best - 1].spike_rate == 0.0:
        history.status = "dead"
        history.reason = f"no hidden neuron fires on the validation data in the selected epoch {history.best}"
    return history


def _train_split(dataset: Data, history: History) -> Split:
    """The training samples, cut to the curriculum's length. Raises ValueError if the dataset cannot be."""
    if history.n_steps is None:
        return dataset.train
    if not isinstance(dataset.train, Growing):
        raise ValueError(f"{dataset.name}: its protocol has a curriculum, but its sequences have one length only")
    return dataset.train.at(history.n_steps)


def _train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    protocol: Protocol,
    device: torch.device,
    on_step: Callable[[int], None],
) -> Score:
    network.train()
    meter = _Meter(device)
    with steady(network):
        for batch in prefetched(batches, device):
            logit, _, spikes = forward(network, batch.x, protocol, rates=True)
            step_loss = loss(logit, batch.y, protocol)
            optimizer.zero_grad(set_to_none=True)
            step_loss.backward()
            if protocol.clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), protocol.clip)
            optimizer.step()
            meter.add(step_loss, logit, batch.y, spikes)
            on_step(meter.n)
    return meter.score()


def _better(history: History) -> bool:
    new = history.validation[-1]
    if history.best == 0:
        return True
    old = history.validation[history.best - 1]
    return (new.accuracy, -new.loss) > (old.accuracy, -old.loss)


def optimizer_of(network: nn.Module, protocol: Protocol) -> torch.optim.Optimizer:
    """Adam, with the leaks' own learning rate; AdamW if the protocol has weights decay."""
    leaks = [p for name, p in network.named_parameters() if name.endswith("leak.logit")]
    ids = {id(p) for p in leaks}
    others = [p for p in network.parameters() if id(p) not in ids]
    groups: list[dict[str, Any]] = [{"params": others, "lr": protocol.learning_rate}]
    if protocol.weight_decay is not None:
        groups = [
            {"params": some, "lr": protocol.learning_rate, "weight_decay": decay}
            for some, decay in (
                ([p for p in others if p.ndim > 1], protocol.weight_decay),
                ([p for p in others if p.ndim < 2], 0.0),
            )
            if some
        ]
    if leaks:
        groups.append({"params": leaks, "lr": protocol.learning_rate * protocol.leak_rate, "weight_decay": 0.0})
    kind = torch.optim.Adam if protocol.weight_decay is None else torch.optim.AdamW
    return kind(groups, fused=True)  # all its passes over the weights in one


def _save(
    path: Path,
    run_id: str,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: History,
    best: dict[str, Tensor],
) -> None:
    adam = optimizer.state_dict()["state"]
    checkpoints.save(path, run_id, checkpoints.State(network.state_dict(), best, adam, asdict(history)))


def _resume(
    path: Path, run_id: str, network: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[History, dict[str, Tensor]] | None:
    """Undo `_save`. A file that cannot be used is named in a warning and removed; then, as if there is none, None."""
    if not path.exists():
        return None
    try:
        state = checkpoints.read(path, run_id, network, optimizer)
        history = _history(state)
    except checkpoints.Unusable as error:
        warnings.warn(f"the checkpoint {path} is removed: {error}; the training starts anew", stacklevel=3)
        remove(path)
        return None
    network.load_state_dict(state.now)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state.adam})
    device = next(network.parameters()).device
    return history, {name: value.to(device) for name, value in state.best.items()}


def _history(state: checkpoints.State) -> History:
    try:
        scores = {part: [Score(**score) for score in state.history[part]] for part in ("train", "validation")}
        return History(**{**state.history, **scores})
    except (KeyError, TypeError) as error:
        raise checkpoints.Unusable(f"its history is of another version: {error}") from None

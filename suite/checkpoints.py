"""The state of a training in a file: what it is of, checked in every bit before any of it is used.

A safetensors file with `now.*`, `best.*` and `adam.<parameter>.*`; its metadata are the format, the run's id, the
history as JSON, and a SHA-256 over all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from suite.errors import ResultsError
from suite.results.files import atomic_file, make_folder, unwritable

FORMAT = 2

Tensors = Mapping[str, Tensor]


class Unusable(ValueError):
    """A checkpoint is damaged, or is of something else; the message says in which way."""


@dataclass(frozen=True)
class State:
    """A training after some epoch: the network now and as it was best, Adam's state by parameter, the history."""

    now: Tensors
    best: Tensors
    adam: Mapping[int, Tensors]
    history: Mapping[str, Any]


def save(path: Path, run_id: str, state: State) -> None:
    """Write all of it or nothing. Raises ResultsError if it cannot be written."""
    tensors = {f"now.{name}": value for name, value in state.now.items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    for i, moments in state.adam.items():
        tensors |= {f"adam.{i}.{name}": value for name, value in moments.items()}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    about = {"format": str(FORMAT), "run_id": run_id, "history": json.dumps(dict(state.history))}
    make_folder(path.parent)
    with atomic_file(path) as part:
        try:
            safetensors.torch.save_file(tensors, part, about | {"sha256": _hash(tensors, about)})
        except SafetensorError as error:
            raise unwritable(path, error) from None


def read(path: Path, run_id: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """What `save` wrote. Raises Unusable for a file that is not just as it was written, or is of another format, run,
    network or optimizer; ResultsError if it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"cannot read the checkpoint {path}: {error.strerror or error}") from None
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = dict(header.get("__metadata__") or {})
    except (SafetensorError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise Unusable(f"it is damaged: {error}") from None
    if about.get("format") != str(FORMAT):
        raise Unusable(f"it is of format {about.get('format', 1)}, not {FORMAT}")
    if about.pop("sha256", None) != _hash(tensors, about):
        raise Unusable("it is damaged: its content does not have its hash")
    if about.get("run_id") != run_id:
        raise Unusable(f"it is of the run {about.get('run_id')}, not {run_id}")
    adam: dict[int, dict[str, Tensor]] = {}
    for key, value in _below(tensors, "adam.").items():
        index, _, name = key.partition(".")
        adam.setdefault(int(index), {})[name] = value
    state = State(_below(tensors, "now."), _below(tensors, "best."), adam, json.loads(about.get("history", "{}")))
    _compare("now", state.now, network.state_dict())
    _compare("best", state.best, network.state_dict())
    _compare_moments(state.adam, [p for group in optimizer.param_groups for p in group["params"]])
    return state


def _compare_moments(adam: Mapping[int, Tensors], parameters: Sequence[Tensor]) -> None:
    for i, moments in adam.items():
        if not i < len(parameters):
            raise Unusable(f"it is of another network: it has a parameter {i}, where the network has {len(parameters)}")
        like = parameters[i]
        _compare(f"adam.{i}", moments, {"step": torch.zeros(()), "exp_avg": like, "exp_avg_sq": like})


def _compare(what: str, found: Tensors, expected: Tensors) -> None:
    for name in sorted({*found, *expected}):
        theirs, own = (
            f"{str(side[name].dtype).removeprefix('torch.')} {list(side[name].shape)}" if name in side else "nothing"
            for side in (found, expected)
        )
        if theirs != own:
            raise Unusable(f"it is of another network: {what}.{name} is {theirs}, where the network has {own}")


def _hash(tensors: Tensors, about: Mapping[str, str]) -> str:
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        total.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _below(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

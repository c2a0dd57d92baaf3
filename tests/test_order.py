"""Shuffled steps: which samples keep what, whatever the batches; and the experiment that is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from experiment_cases import Fixed, only, run_of

from neurons import VARIANTS
from suite.datasets.base import Data, Growing
from suite.datasets.common.shuffled import Shuffled, shuffled
from suite.datasets.xor import load
from suite.experiments.base import NotDefined
from suite.experiments.order import EXPERIMENT
from suite.inputs import Batch, Events, Static
from suite.models.build import build
from suite.registry import get_protocol
from suite.training import train


def steps(T: int = 5, n: int = 7) -> Fixed:
    """x[t, b] = 10 b + t."""
    return Fixed(torch.arange(T)[:, None, None] + 10.0 * torch.arange(n)[None, :, None], torch.arange(n))


def whole(split: Shuffled, batch_size: int, **which: int) -> torch.Tensor:
    return torch.cat([batch.x for batch in split.epoch(batch_size, **which)], 1)[:, :, 0]


def test_each_sample_keeps_its_steps_in_an_order_of_its_own() -> None:
    x = whole(Shuffled(steps()), 7)
    assert torch.equal(x.sort(0).values, steps().x[:, :, 0])
    orders = (x - 10 * torch.arange(7)).T.tolist()
    assert len({tuple(order) for order in orders}) > 4  # of 120 orders


def test_the_size_of_the_batches_changes_nothing_and_passes_differ_in_training_alone() -> None:
    split = Shuffled(steps())
    assert torch.equal(whole(split, 7), whole(split, 2))
    assert torch.equal(whole(split, 3, shuffle_seed=4, epoch=1), whole(split, 7, shuffle_seed=4, epoch=1))
    assert torch.equal(whole(split, 7), whole(split, 7))
    first, second = (whole(split, 7, shuffle_seed=4, epoch=epoch).sort(1).values for epoch in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("counted", [False, True])
def test_events_move_with_their_steps(counted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    T, B, N = 6, 3, 4
    active = torch.rand(T, B, N, generator=generator) < 0.4
    unit = active.nonzero()[:, 2]
    offset = torch.cat([torch.zeros(1, dtype=torch.int64), active.sum(2).flatten().cumsum(0)])
    weight = torch.arange(1.0, 1 + len(unit)) if counted else None
    events = Events(unit, offset, weight, (T, B, N))

    class One:
        def __init__(self, x: Events | torch.Tensor) -> None:
            self.x = x

        def __len__(self) -> int:
            return B

        def epoch(self, *_: object, **__: object):
            yield Batch(self.x, torch.zeros(B, dtype=torch.int64))

    (sparse,), (dense,) = (list(Shuffled(One(x)).epoch(B)) for x in (events, events.dense()))
    assert torch.equal(sparse.x.dense(), dense.x)
    assert not torch.equal(dense.x, events.dense())


def test_images_have_no_order(tmp_path: Path) -> None:
    class Images(Fixed):
        def epoch(self, *_: object, **__: object):
            yield Batch(Static(torch.zeros(2, 1, 2, 2), 3), torch.zeros(2, dtype=torch.int64))

    with pytest.raises(ValueError, match="an image that is the same at all steps has no order to shuffle"):
        list(Shuffled(Images(torch.zeros(3, 2, 1), torch.zeros(2))).epoch(2))
    run = run_of(torch.nn.Identity(), steps(), tmp_path)
    object.__setattr__(run.data, "validation", Images(torch.zeros(3, 2, 1), torch.zeros(2)))
    with pytest.raises(NotDefined, match="no order"):
        EXPERIMENT.values(run)


def test_a_split_that_grows_still_does() -> None:
    data = load(n_steps=40, n_train=4)
    split = shuffled(data).train
    assert isinstance(split, Growing)
    assert next(split.at(25).epoch(4)).x.shape == (25, 4, 20)


def test_what_is_in_the_order_is_lost_and_what_is_not_stays(tmp_path: Path) -> None:
    """Two tasks of one input: its first half is active or its second half (order), or it is or is not (no order)."""
    n, T = 64, 20
    y = torch.arange(n) % 2
    when = torch.zeros(T, n, 1)
    when[: T // 2, y == 0] = 1
    when[T // 2 :, y == 1] = 1
    whether = torch.zeros(T, n, 1)
    whether[::2, y == 1] = 1
    found = {}
    for name, x in (("when", when), ("whether", whether)):
        protocol = get_protocol("smoke+epochs=20+batch_size=16", "smnist_rows")
        split = Fixed(x, y)
        run = run_of(torch.nn.Identity(), split, tmp_path / name, train=split, protocol=protocol)
        data = Data("made", "generated", "d-0", 2, (1,), T, split, split, split)
        run.data, run.protocol = data, protocol
        torch.manual_seed(0)
        run.network = build(data, protocol, VARIANTS["baseline"], "spikingjelly", "fused")
        run.history = train(run.network, data, protocol, seed=0, device=torch.device("cpu"))
        values = EXPERIMENT.values(run)
        found[name] = {at: only(values, "test_accuracy", f"steps={at}").value for at in ("in order", "shuffled")}
    assert found["when"]["in order"] > 0.9 > 0.7 > found["when"]["shuffled"]
    assert min(found["whether"].values()) > 0.9


def test_a_network_that_diverged_has_no_accuracy_and_shuffled_protocols_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = steps(5, 8)
    split.y = torch.arange(8) % 2
    protocol = get_protocol("smoke+epochs=1", "smnist_rows")
    run = run_of(torch.nn.Identity(), split, tmp_path, train=split, protocol=protocol)
    run.data = Data("made", "generated", "d-0", 2, (1,), 5, split, split, split)
    torch.manual_seed(0)
    run.network = build(run.data, protocol, VARIANTS["baseline"], "spikingjelly", "fused")
    run.history = train(run.network, run.data, protocol, seed=0, device=torch.device("cpu"))
    diverged = replace(run.history, best=0, status="diverged")
    monkeypatch.setattr("suite.training.train", lambda *_args, **_options: diverged)
    values = EXPERIMENT.values(run)
    assert only(values, "test_accuracy", "steps=shuffled").value is None
    assert only(values, "test_accuracy", "steps=in order").value is not None
    run.protocol = replace(protocol, order="shuffled")
    with pytest.raises(NotDefined, match="shuffles the steps already"):
        EXPERIMENT.values(run)

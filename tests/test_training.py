from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from suite import training
from suite.datasets.base import Data, Limited
from suite.datasets.xor import load
from suite.inputs import Batch
from suite.models.build import build
from suite.models.fc import FCNet
from suite.protocols import Cosine, Curriculum, Protocol, StepLR
from suite.registry import get_protocol, variants
from suite.training import History, Score, evaluate, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> Data:
    return load(n_steps=20, n_train=96, n_validation=64, n_test=64)


@pytest.fixture
def protocol() -> Protocol:
    return replace(get_protocol("smoke", "xor"), hidden=(8,), epochs=4, batch_size=32, leak_rate=2.0, clip=1.0)


def network(data: Data, protocol: Protocol, variant: str = "baseline") -> FCNet:
    torch.manual_seed(0)
    net = build(data, protocol, variants[variant], "snntorch", "fused")
    assert isinstance(net, FCNet)
    return net


def fit(data: Data, protocol: Protocol, **options: Any) -> tuple[FCNet, History]:
    net = network(data, protocol)
    return net, train(net, data, protocol, seed=0, device=CPU, **options)


def test_same_seed_same_result(data: Data, protocol: Protocol) -> None:
    (a, history_a), (b, history_b) = fit(data, protocol), fit(data, protocol)
    assert history_a.train == history_b.train
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert history_a.epoch == 4


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_run_killed_after_any_epoch_ends_as_if_it_had_not_been(
    protocol: Protocol, tmp_path: Path, stop_after: int
) -> None:
    data = load(n_steps=30, n_train=96, n_validation=64, n_test=64)
    protocol = replace(protocol, curriculum=Curriculum(20, accuracy=0.0))
    whole, history = fit(data, protocol)

    class Killed(Exception):
        pass

    def kill(state: History) -> None:
        if state.epoch == stop_after:
            raise Killed

    checkpoint = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        fit(data, protocol, checkpoint=checkpoint, on_epoch=kill)
    torch.manual_seed(99)  # whatever random state the new process is in, and whatever threads it has
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    resumed = network(data, protocol)
    epochs = []
    again = train(
        resumed,
        data,
        protocol,
        seed=0,
        device=CPU,
        checkpoint=checkpoint,
        on_epoch=lambda state: epochs.append(state.epoch),
    )
    torch.set_num_threads(threads)
    assert epochs == list(range(stop_after + 1, 5))
    assert again.train == history.train
    assert again.validation == history.validation
    assert again.best == history.best
    assert all(torch.equal(p, q) for p, q in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_finished_checkpoint_trains_no_more_and_has_the_selected_weights(
    data: Data, protocol: Protocol, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "run.safetensors"
    trained, history = fit(data, protocol, checkpoint=checkpoint)
    epochs: list[int] = []
    other, again = fit(data, protocol, checkpoint=checkpoint, on_epoch=lambda state: epochs.append(state.epoch))
    assert not epochs
    assert again == history
    assert all(torch.equal(p, q) for p, q in zip(trained.parameters(), other.parameters(), strict=True))


def test_the_selected_epoch_is_the_best_on_validation(data: Data, protocol: Protocol) -> None:
    net, history = fit(data, protocol)
    best = history.validation[history.best - 1]
    assert best.accuracy == max(score.accuracy for score in history.validation)
    again = evaluate(net, data.validation.epoch(32), protocol, CPU)
    assert again.accuracy == best.accuracy
    assert again.loss == pytest.approx(best.loss)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, 1.0), (0.6, 1.0), (0.4, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
    ],
)
def test_selection_by_accuracy_then_loss_then_the_earlier(scores: list[tuple[float, float]], best: int) -> None:
    history = History()
    for accuracy, loss in scores:
        history.train.append(Score(0, 0, 0, 1))
        history.validation.append(Score(loss, accuracy, 0.1, 1))
        if training._better(history):
            history.best = history.epoch
    assert history.best == best


def test_the_test_split_is_not_touched(data: Data, protocol: Protocol) -> None:
    class Forbidden:
        def __len__(self) -> int:
            return 1

        def epoch(self, *_args: object, **_kwargs: object) -> Any:
            raise AssertionError("test data was read in training")

    fit(replace(data, test=Forbidden()), protocol)


@pytest.mark.parametrize("engine", ["fused", "step"])
def test_divergence_ends_the_run_early_with_a_reason(data: Data, protocol: Protocol, engine: str) -> None:
    wild = replace(protocol, learning_rate=3e36, clip=None, epochs=10)
    torch.manual_seed(0)
    net = build(data, wild, variants["without_reset"], "spikingjelly", engine)
    history = train(net, data, wild, seed=0, device=CPU)
    assert history.status == "diverged"
    assert "epoch" in history.reason
    assert history.epoch < 10
    assert all(torch.isfinite(p).all() for p in net.parameters())  # the weights of the last good epoch


def test_a_dead_network_is_called_dead(data: Data, protocol: Protocol) -> None:
    silent = replace(protocol, threshold=1e6)
    net = network(data, silent)
    history = train(net, data, silent, seed=0, device=CPU)
    assert history.status == "dead"
    assert "no hidden neuron fires" in history.reason


def test_recurrent_baselines_have_no_spikes_and_are_not_dead(data: Data, protocol: Protocol) -> None:
    net = build(data, protocol, variants["lstm"], "torch", "auto")
    history = train(net, data, protocol, seed=0, device=CPU)
    assert history.status == "ok"
    assert math.isnan(history.validation[-1].spike_rate)


def test_leaks_have_their_own_learning_rate(data: Data, protocol: Protocol) -> None:
    optimizer = training.optimizer_of(network(data, protocol), protocol)
    others, leaks = optimizer.param_groups
    assert leaks["lr"] == 2 * others["lr"]
    assert [tuple(p.shape) for p in leaks["params"]] == [(8,), (2,)]


def test_schedules() -> None:
    assert [StepLR(20, 0.5).factor(e, 100) for e in (0, 19, 20, 99)] == [1.0, 1.0, 0.5, 0.0625]
    assert Cosine().factor(0, 10) == 1.0
    assert Cosine().factor(5, 10) == pytest.approx(0.5)


def test_curriculum_lengths_by_hand() -> None:
    curriculum = Curriculum(start=20, growth=1.25, accuracy=0.9)
    assert curriculum.next(20, 0.9, 50) == 20  # not above 0.9
    assert curriculum.next(20, 0.91, 50) == 25
    assert curriculum.next(25, 0.95, 50) == 32  # 31.25, rounded up
    assert curriculum.next(45, 1.0, 50) == 50
    assert curriculum.next(25, math.nan, 50) == 25
    assert curriculum.rate(20) == 1.0
    assert curriculum.rate(80) == 0.5  # sqrt(20 / 80)


def test_a_curriculum_trains_short_and_validates_at_full_length(
    protocol: Protocol,
) -> None:
    lengths: list[int] = []

    class Spy(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> Any:
            lengths.append(x.shape[0] if self.training else -x.shape[0])
            return self.inner(x)

    easy = replace(protocol, curriculum=Curriculum(start=20, growth=1.5, accuracy=0.0), epochs=3, batch_size=96)
    data = load(n_steps=40, n_train=96, n_validation=64, n_test=64)
    history = train(Spy(network(data, easy)), data, easy, seed=0, device=CPU)
    assert lengths == [20, -40, 30, -40, 40, -40]
    assert history.n_steps == 40


def test_a_curriculum_needs_a_dataset_of_many_lengths(data: Data, protocol: Protocol) -> None:
    class OneLength:
        def __len__(self) -> int:
            return 1

        def epoch(self, *_args: object, **_kwargs: object) -> Any:
            raise AssertionError

    with pytest.raises(ValueError, match="its sequences have one length only"):
        fit(replace(data, train=OneLength()), replace(protocol, curriculum=Curriculum(20)))


def test_a_limited_split_makes_no_batch_that_nobody_gets() -> None:
    made: list[int] = []

    class Counting:
        def __len__(self) -> int:
            return 10

        def epoch(self, batch_size: int, **_kwargs: object) -> Any:
            for start in range(0, 10, batch_size):
                made.append(start)
                yield Batch(torch.zeros(1, batch_size, 1), torch.zeros(batch_size, dtype=torch.long))

    assert [len(batch.y) for batch in Limited(Counting(), 4).epoch(2)] == [2, 2]
    assert made == [0, 2]

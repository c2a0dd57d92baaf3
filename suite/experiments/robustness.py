"""Adversarial attack on input spikes (Figure 9): how many must be flipped before a sample is misclassified?

The attack is that of Liang et al. (2021, arXiv 2001.01587), white box and untargeted, each sample on its own: the sign
of the loss's gradient with respect to the input, on a random choice of elements in proportion to the gradient's
size (gradient to spike), or random flips where the gradient is zero everywhere (restricted spike flipper).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd
import torch
from torch import Tensor, nn

from suite.experiments.base import Experiment, Metric, NotDefined, Run
from suite.experiments.leak_sweep import LEAKS
from suite.inputs import Input, Static
from suite.models.forward import forward
from suite.models.rnn import RecurrentNet
from suite.models.threads import steady
from suite.paper import TABLE_6_VARIANTS, WHERE
from suite.protocols import Protocol
from suite.results.record import Value


@dataclass(frozen=True)
class Size:
    """per_class: correctly classified test samples that are attacked; cap: iterations before an attack is given up."""

    per_class: int = 50
    cap: int = 200


SIZES: Mapping[str, Size] = MappingProxyType({"smoke": Size(per_class=2, cap=20)})
"""By protocol, whatever is changed in it; any other has the default."""

FLIP_PROBABILITY = 0.05
"""Of each element, where the gradient is zero everywhere."""

BATCH = 64


@dataclass(frozen=True)
class Attacked:
    """What became of n samples: the last input of each [T, n, N], updates made [n], and whether it is misclassified
    [n]. A sample that was misclassified to begin with is left alone: 0 updates, success False, right False.
    """

    x: Tensor
    iterations: Tensor
    success: Tensor
    right: Tensor


def measure(run: Run) -> Iterator[Value]:
    """Success rate of the attack and, over its successes, the mean perturbation; the same for random flips.

    Perturbations: flips (input elements changed), flip_fraction (of the T x N elements), l2 (Euclidean norm of the
    change), l2_per_element (l2 / (T N)). Samples that outlast the cap are `censored`: counted, not averaged; the
    median of the flips takes them as larger than any. attack "random": as many flips as the attack ended
    with, at random places, and the smallest power of two of random flips that suffices. The artifact `samples` has
    one line for each sample and attack. The test split is read once.
    """
    size = SIZES.get(run.base_protocol, Size())
    # In float64 the sample's company in a batch does not change a spike or a draw; in float32 it can.
    network = copy.deepcopy(run.network).double().requires_grad_(False)
    # cuDNN differentiates a recurrent layer in training mode only; it has neither dropout nor batch norm.
    network.train(isinstance(network, RecurrentNet))
    x, y, index, passed_over = choose(run, network, size.per_class)
    seeds = [run.cell.seed * 1_000_003 + int(i) for i in index]
    parts = []
    with run.progress(run.cell, 1, len(y)) as (on_step, _), steady(network):
        for part in torch.arange(len(y)).split(BATCH):
            x_part, y_part = x[:, part].to(run.device).double(), y[part].to(run.device)
            own = [seeds[i] for i in part]
            found = attack(network, run.protocol, x_part, y_part, own, cap=size.cap)
            flips = (found.x != x_part).sum((0, 2))
            matched, enough = random_flips(network, run.protocol, x_part, y_part, own, flips)
            l2 = (found.x - x_part).square().sum((0, 2)).sqrt()
            columns = [found.success, found.iterations, flips, l2, matched, enough]
            parts.append(torch.stack([column.double().cpu() for column in columns], 1))
            on_step(0, int(part[-1]) + 1)
    elements = x.shape[0] * x.shape[2]
    success, iterations, flips, l2, matched, enough = torch.cat(parts).unbind(1)
    gradient = {"attack": "gradient", "success": success, "iterations": iterations, "flips": flips, "l2": l2}
    budget = enough.where(enough > 0, elements)
    random = {"attack": "random", "success": enough > 0, "iterations": 0, "flips": budget, "l2": budget.sqrt()}
    about = {"sample": index, "label": y, "elements": elements}
    table = pd.concat([pd.DataFrame(about | kind) for kind in (gradient, random)], ignore_index=True)
    table = table.astype({"success": int, "iterations": int, "flips": int})
    yield from summarise(table, "gradient")
    yield from summarise(table, "random")
    yield Value("attack_success_rate", float(matched.mean()), at={"attack": "random", "flips": "matched"}, n=len(y))
    yield Value("misclassified_before", passed_over)
    run.save("samples", table)


def summarise(table: pd.DataFrame, kind: str) -> Iterator[Value]:
    """The values of one kind of attack, from one line a sample."""
    lines = table[table["attack"] == kind]
    hit = lines[lines["success"] == 1]
    flips = lines["flips"].where(lines["success"] == 1, float("inf"))
    median = float(flips.median())
    at, n = {"attack": kind}, len(lines)
    yield Value("attack_success_rate", len(hit) / n, at=at, n=n)
    yield Value("censored", n - len(hit), at=at, n=n)
    yield Value("flips_median", median if median < float("inf") else None, at=at, n=n)
    means = {
        "flips": hit["flips"],
        "flip_fraction": hit["flips"] / hit["elements"],
        "l2": hit["l2"],
        "l2_per_element": hit["l2"] / hit["elements"],
    }
    if kind == "gradient":
        means["attack_iterations"] = hit["iterations"]
    yield from (Value(metric, float(values.mean()), at=at, n=len(hit)) for metric, values in means.items())


def choose(run: Run, network: nn.Module, per_class: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """The first `per_class` correctly classified test samples of every class: x [T, n, N] as float32, y [n], their
    places in the split [n], and how many misclassified ones were passed over on the way. Raises NotDefined if there are
    none, or if the input is not binary.
    """
    left = [per_class] * run.data.n_classes
    xs, ys, places = [], [], []
    passed_over = start = 0
    for batch in run.data.test.epoch(run.protocol.batch_size):
        x = spikes_of(batch.x)
        if x is None:
            raise NotDefined(f"the attack flips input spikes, and the input of {run.cell.dataset} is not binary")
        right = (predict(network, x.to(run.device).double(), run.protocol).cpu() == batch.y).tolist()
        for i, label in enumerate(batch.y.tolist()):
            if left[label] and right[i]:
                left[label] -= 1
                xs.append(x[:, i])
                ys.append(label)
                places.append(start + i)
            elif left[label]:
                passed_over += 1
        start += len(batch.y)
        if not any(left):
            break
    if not xs:
        raise NotDefined("no test sample is classified correctly, so there is none to attack")
    return torch.stack(xs, 1), torch.tensor(ys), torch.tensor(places), passed_over


def spikes_of(x: Input) -> Tensor | None:
    """The input as dense spikes [T, B, N]; None if it is not 0 and 1 only."""
    if isinstance(x, Static):
        return None
    dense = (x if isinstance(x, Tensor) else x.dense()).flatten(2)
    return dense if bool(((dense == 0) | (dense == 1)).all()) else None


@torch.no_grad()
def predict(network: nn.Module, x: Tensor, protocol: Protocol) -> Tensor:
    """Classes [B] of the input [T, B, N]."""
    return forward(network, x, protocol, rates=True).logits.argmax(1)


def attack(network: nn.Module, protocol: Protocol, x: Tensor, y: Tensor, seeds: Sequence[int], *, cap: int) -> Attacked:
    """Attack each sample of x [T, B, N], labels y [B], until it is misclassified or `cap` updates are made.

    Success is tested on the updated input. `seeds` has one number a sample, which fixes all of its draws.
    """
    x = x.clone()
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    iterations = torch.zeros(len(y), dtype=torch.long, device=x.device)
    success = torch.zeros(len(y), dtype=torch.bool, device=x.device)
    active = torch.arange(len(y), device=x.device)
    right = torch.ones_like(success)
    for update in range(cap + 1):
        now = x[:, active].requires_grad_()
        logit = forward(network, now, protocol, rates=True).logits
        wrong = logit.argmax(1) != y[active]
        if update == 0:
            right[active[wrong]] = False
        else:
            success[active[wrong]] = True
        keep = ~wrong
        if update == cap or not bool(keep.any()):
            break
        target = nn.functional.one_hot(y[active], logit.shape[1]).to(logit.dtype)
        loss = (logit - target).square().mean(1).sum()  # a sum over samples: each has its own gradient
        gradient = torch.zeros_like(now)
        if loss.requires_grad:
            (found,) = torch.autograd.grad(loss, now, allow_unused=True)
            gradient = gradient if found is None else found
        active = active[keep]
        shape = (x.shape[0], x.shape[2])
        draw = torch.stack([torch.rand(shape, generator=generators[i], dtype=x.dtype) for i in active.tolist()], 1)
        x[:, active] = perturb(now.detach()[:, keep], gradient[:, keep], draw.to(x.device))
        iterations[active] += 1
    return Attacked(x, iterations, success, right)


def perturb(x: Tensor, gradient: Tensor, draw: Tensor) -> Tensor:
    """One update of the spikes x [T, B, N], given the loss's gradient and a draw from U(0, 1) for every element.

    p = |g| scaled to [0, 1] over the sample; x <- clip(x + sign(g) * Bernoulli(p), 0, 1). Where a sample's gradient is
    zero everywhere: x flipped with probability FLIP_PROBABILITY.
    """
    size = gradient.abs()
    low, high = size.amin((0, 2), keepdim=True), size.amax((0, 2), keepdim=True)
    spread = high - low
    p = torch.where(spread > 0, (size - low) / spread, 1.0)  # all alike: all are the largest
    to_spike = (x + gradient.sign() * (draw < p)).clamp(0, 1)
    flipped = torch.where(draw < FLIP_PROBABILITY, 1 - x, x)
    return torch.where(high == 0, flipped, to_spike)


def random_flips(
    network: nn.Module, protocol: Protocol, x: Tensor, y: Tensor, seeds: Sequence[int], matched: Tensor
) -> tuple[Tensor, Tensor]:
    """The control: flip elements of x [T, B, N] in a random order, a sample's own.

    Returns whether `matched` [B] flips make each sample misclassified, and the smallest of 1, 2, 4, ... and all flips
    that does; 0 where none does.
    """
    T, B, N = x.shape
    # another stream than the attack's
    orders = [torch.randperm(T * N, generator=torch.Generator().manual_seed(seed + 500_009)) for seed in seeds]
    rank = torch.empty(B, T * N, dtype=torch.long)
    for i, order in enumerate(orders):
        rank[i, order] = torch.arange(T * N)
    rank = rank.view(B, T, N).transpose(0, 1).to(x.device)

    def misclassified(flips: Tensor) -> Tensor:
        return predict(network, torch.where(rank < flips.view(1, -1, 1), 1 - x, x), protocol) != y

    budgets = [2**i for i in range((T * N - 1).bit_length())] + [T * N]
    enough = torch.zeros(B, dtype=torch.long, device=x.device)
    for budget in reversed(budgets):
        enough[misclassified(torch.full((B,), budget, device=x.device))] = budget
    return misclassified(matched), enough


EXPERIMENT = Experiment(
    "robustness",
    "How many input spikes an attack must flip before a sample is misclassified",
    measure,
    (
        Metric("attack_success_rate", "fraction", higher_is_better=False, axes=("attack", "flips")),
        Metric("censored", "samples", axes=("attack",)),
        Metric("flips_median", "flips", higher_is_better=True, axes=("attack",)),
        Metric("flips", "flips", higher_is_better=True, axes=("attack",)),
        Metric("flip_fraction", "fraction of input elements", higher_is_better=True, axes=("attack",)),
        Metric("l2", "1", higher_is_better=True, axes=("attack",)),
        Metric("l2_per_element", "1", higher_is_better=True, axes=("attack",)),
        Metric("attack_iterations", "iterations", axes=("attack",)),
        Metric("misclassified_before", "samples"),
    ),
    paper="Figure 9",
    datasets=WHERE["Figure 9"],
    variants=tuple(dict.fromkeys((*TABLE_6_VARIANTS, *LEAKS))),
    draw="suite.report.figures.robustness:draw",
)

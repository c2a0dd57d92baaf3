"""Do both frameworks compute the paper's neuron, on every engine? And where do they differ when left to themselves?

`check` runs every variant x backend x engine against the float64 oracle of neurons.reference, and measures the
differences between the frameworks' own neurons (suite.frameworks.differences).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from neurons import BACKENDS, Learnable, Variant, arctan, make_neuron
from neurons.kernels import kernel_name, why_not_fused
from neurons.reference import simulate
from neurons.variant import Leakage
from suite.frameworks.differences import measure
from suite.frameworks.stated import STATED, Difference
from suite.registry import variants

if TYPE_CHECKING:
    from rich.table import Table

T, B, N = 50, 8, 16
THRESHOLD = 0.5
SURROGATE = arctan()  # smooth, so that a rounding error in u stays one in the gradient
SOFT = Variant("soft_reset", reset="subtract")

NEAR = {torch.float32: 1e-5, torch.float64: 1e-12}
"""Rounding may decide a spike where |u - u_th| is smaller than this, but not 0."""

POTENTIAL = {torch.float32: 1e-4, torch.float64: 1e-10}
GRADIENT = {torch.float32: 1e-4, torch.float64: 1e-8}
"""Largest error allowed, relative to the oracle's largest value."""


@dataclass(frozen=True)
class Consistency:
    """oracle: a row for each variant, leak, backend, engine, device and dtype. differences: between the frameworks."""

    oracle: pd.DataFrame
    differences: list[Difference]

    @property
    def ok(self) -> bool:
        """Whether every implementation computes the oracle's neuron."""
        return bool(self.oracle["agrees"].all())

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what does not apply is null."""
        rows = self.oracle.astype(object).where(self.oracle.notna(), None).to_dict("records")
        differences = [{**asdict(replace(one, neurons=None))} for one in self.differences]
        for one in differences:
            del one["neurons"]  # functions
        return {"ok": self.ok, "oracle": rows, "differences": differences}


def check(
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
    devices: Sequence[str] | None = None,
    seed: int = 0,
) -> Consistency:
    """Every registered variant (and soft reset) on every backend and engine against the oracle; the differences.

    devices: names as PyTorch's; None: the CPU, and the GPU if there is one. Raises ValueError for a dtype other than
    float32 and float64.
    """
    for dtype in dtypes:
        if dtype not in NEAR:
            raise ValueError(f"the check knows float32 and float64, not {dtype}")
    if devices is None:
        devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    rows = [
        against_oracle(variant, leakage, backend, engine, dtype, torch.device(device), seed)
        for variant, leakage in _cases()
        for device in devices
        for dtype in dtypes
        for backend in BACKENDS
        for engine in ("step", "fused")
        if engine == "step" or why_not_fused(torch.device(device), dtype) is None
    ]
    return Consistency(pd.DataFrame(rows), measure())


def _cases() -> Iterator[tuple[Variant, Leakage]]:
    """Each variant, with a fixed and a learnable leak where it leaves the leak open."""
    known = [variants[name] for name in variants]
    for variant in [*(v for v in known if isinstance(v, Variant)), SOFT]:
        if variant.initial_state != "zero":  # the oracle starts from rest
            continue
        yield variant, 0.3
        if variant.leakage == "normal":
            yield variant, "learnable"


def against_oracle(
    variant: Variant,
    leakage: Leakage,
    backend: str,
    engine: str,
    dtype: torch.dtype,
    device: torch.device,
    seed: int = 0,
) -> dict[str, Any]:
    """One implementation on [50, 8, 16] normal random currents; neuron 0 starts exactly at the threshold.

    spikes_differ: spikes unlike the oracle's. rounding: sequences (of a neuron; of a whole layer if recurrent) whose
    first such spike is one that rounding may decide; what follows in them is not compared. u_error: max |u - u_oracle|.
    grad_x, grad_V, grad_k: largest error of a gradient relative to the largest gradient, NaN if the variant has none or
    a spike differs. error: what an implementation that does not run said. agrees: the verdict.
    """
    about = {
        "variant": variant.name,
        "leak": str(leakage) if variant.leakage == "normal" else str(variant.leakage),
        "backend": backend,
        "engine": engine,
        "kernel": kernel_name("step" if engine == "step" else "fused", backend, device),
        "device": device.type,
        "dtype": str(dtype).removeprefix("torch."),
    }
    try:
        return {**about, **_compare(variant, leakage, backend, engine, dtype, device, seed), "error": ""}
    except Exception as error:  # a kernel that cannot run here is a finding, and the others go on
        return {**about, "error": f"{type(error).__name__}: {error}", "agrees": False}


def _compare(
    variant: Variant, leakage: Leakage, backend: str, engine: str, dtype: torch.dtype, device: torch.device, seed: int
) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(T, B, N, generator=generator, dtype=torch.float32).double()
    x[0, :, 0] = THRESHOLD
    weights = torch.randn(2, T, B, N, generator=generator, dtype=torch.float32).double()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        options: dict[str, Any] = {"leakage": leakage, "threshold": THRESHOLD, "surrogate": SURROGATE}
        neuron = make_neuron(variant, N, backend=backend, engine=engine, **options).to(device, dtype)
    inputs = x.to(device, dtype).requires_grad_()
    output = neuron.simulate(inputs)
    assert output.potential is not None
    spikes, u = (out.cpu().double() for out in (output.spikes, output.potential))
    expected_spikes, expected_u, expected = _oracle(neuron, variant, leakage, x, weights)
    compared, rounding = _comparable(spikes, expected_spikes, expected_u, NEAR[dtype], variant.recurrent)
    differ = int(((spikes != expected_spikes) & compared).sum())
    u_error = float(((u.detach() - expected_u).abs() * compared).max())
    errors: dict[str, float] = {}
    if not differ and not rounding:
        leaves = {"grad_x": inputs, **_parameters(neuron)}
        loss = (weights[0] * spikes + weights[1] * u).sum()
        for (name, _), gradient in zip(leaves.items(), torch.autograd.grad(loss, list(leaves.values())), strict=True):
            wanted = expected[name]
            errors[name] = float((gradient.cpu().double() - wanted).abs().max() / wanted.abs().max())
    close = u_error <= POTENTIAL[dtype] * max(1.0, float(expected_u.abs().max()))
    return {
        "spikes": int(expected_spikes.sum()),
        "spikes_differ": differ,
        "rounding": rounding,
        "u_error": u_error,
        **dict.fromkeys(("grad_x", "grad_V", "grad_k"), math.nan),
        **errors,
        "agrees": not differ and close and all(error <= GRADIENT[dtype] for error in errors.values()),
    }


def _parameters(neuron: Any) -> dict[str, Tensor]:
    found = {}
    if neuron.recurrent is not None:
        found["grad_V"] = neuron.recurrent.weight
    if neuron.leak.logit is not None:
        found["grad_k"] = neuron.leak.logit
    return found


def _oracle(
    neuron: Any, variant: Variant, leakage: Leakage, x: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The oracle's spikes and potentials with the neuron's parameters, and its gradients."""
    leaves = {name: p.detach().cpu().double().requires_grad_() for name, p in _parameters(neuron).items()}
    leaves["grad_x"] = x.clone().requires_grad_()
    asked = variant.resolve_leakage(leakage)  # not what the neuron says it is: that is under test
    leak = torch.sigmoid(leaves["grad_k"]) if isinstance(asked, Learnable) else asked
    spikes, u = simulate(
        leaves["grad_x"],
        leak=leak,
        threshold=THRESHOLD,
        reset=variant.reset,
        recurrent_weight=leaves.get("grad_V"),
        surrogate=SURROGATE,
        input_gain=variant.input_gain,
    )
    loss = (weights[0] * spikes + weights[1] * u).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return spikes.detach(), u.detach(), dict(zip(leaves, gradients, strict=True))


def _comparable(
    spikes: Tensor, expected: Tensor, expected_u: Tensor, near: float, recurrent: bool
) -> tuple[Tensor, int]:
    """Where [T, B, N] the two can be compared, and in how many sequences rounding decided a spike and ended that."""
    distance = (expected_u - THRESHOLD).abs()
    excused = (spikes != expected) & (distance > 0) & (distance < near)
    differ = spikes != expected
    if recurrent:  # one neuron's spike reaches all others of its layer
        excused, differ = (mask.any(2, keepdim=True).expand_as(mask) for mask in (excused, differ))
    before = differ.int().cumsum(0) - differ.int()
    first_excused = excused & (before == 0)
    over = first_excused.int().cumsum(0) > 0
    sequences = first_excused.any(0)
    return ~over, int(sequences[:, 0].sum() if recurrent else sequences.sum())


def render(result: Consistency) -> list[Table]:
    """The check as tables for the terminal: the implementations against the oracle, then the differences."""
    return [_oracle_table(result.oracle), _difference_table(result.differences)]


def _oracle_table(frame: pd.DataFrame) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    dtypes = list(dict.fromkeys(frame["dtype"]))
    table = Table(title="Against the paper's equations in float64", title_justify="left", box=SIMPLE_HEAD)
    table.pad_edge, table.collapse_padding = False, True  # 80 columns
    table.add_column("computed by", overflow="fold", max_width=30)
    for dtype in dtypes:
        for name in (f"{dtype}\nspikes", "\n|Δu|", "\ngradient"):
            table.add_column(name, justify="right", no_wrap=True)
    table.add_column("agrees")
    for variant, of_variant in frame.groupby("variant", sort=False):
        table.add_section()
        table.add_row(Text(str(variant), style="bold"))
        for (backend, kernel), rows in of_variant.groupby(["backend", "kernel"], sort=False):
            agrees = Text("yes") if rows["agrees"].all() else Text("NO", style="bold red")
            cells = [text for dtype in dtypes for text in _errors(rows[rows["dtype"] == dtype])]
            shared = "" if str(kernel).startswith(str(backend)) else f" ({backend})"
            table.add_row(Text(f"{kernel}{shared}"), *cells, agrees)
    failed = frame.loc[frame["error"] != "", ["variant", "kernel", "dtype", "error"]].drop_duplicates()
    about = (
        f"Normal random currents [T, B, n] = [{T}, {B}, {N}], u_th = {THRESHOLD}, one neuron exactly at the threshold. "
        "spikes: how many are not the equations'; |Δu|: the largest; gradient of x, V and k: largest error over "
        "largest value. All with a fixed and with a learnable leak. "
        "Of a kernel that serves both backends it is the kernel that was tested, not the framework."
    )
    table.caption = Text("\n".join([about, *(", ".join(line) for line in failed.to_numpy())]))
    table.caption_justify = "left"
    return table


def _errors(rows: pd.DataFrame) -> tuple[str, str, str]:
    if (rows["error"] != "").any():
        return "–", "–", "–"
    gradient = rows[["grad_x", "grad_V", "grad_k"]].max().max()
    rounding = f" + {rows['rounding'].sum():.0f} by rounding" if rows["rounding"].any() else ""
    return (
        f"{rows['spikes_differ'].sum():.0f}{rounding}",
        f"{rows['u_error'].max():.0e}",
        "–" if pd.isna(gradient) else f"{gradient:.0e}",
    )


def _difference_table(differences: list[Difference]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Where the frameworks' own neurons differ", title_justify="left", box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for d in differences:
        table.add_row("", Text(d.name, style="bold"))
        said = {"SpikingJelly": d.spikingjelly, "snnTorch": d.snntorch, "this suite": d.suite, "measured now": d.effect}
        for name, text in said.items():
            table.add_row(name, Text(text))
    table.caption = f"Stated input, unless said otherwise: {STATED}."
    table.caption_justify = "left"
    return table

"""Figure 2 redrawn from the code: one neuron on one input under each variant."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from neurons.reference import simulate
from neurons.variant import VARIANTS
from suite.drawing import COLUMN, Drawing, colour, new_figure, panel_title, seen, style
from suite.results import Results

LEAK, THRESHOLD = 0.8, 1.0
COUPLING = 0.3
SHOWN = ("baseline", "without_leakage", "complete_leakage", "without_reset", "with_recurrence")
DELAYS = (0, 2, 4)
"""The shown neuron and the two others of its recurrent layer get the same current, so many steps later."""


def current() -> Tensor:
    """[T]: a constant current, silence, a strong pulse, silence, three weak pulses."""
    x = torch.zeros(48)
    x[2:16] = 0.35
    x[24] = 1.8
    x[[34, 37, 40]] = 0.6
    return x


def data() -> pd.DataFrame:
    """A row for each variant and step: current, u before and after reset, spike, of the first neuron of three."""
    x = torch.stack([current().roll(delay) for delay in DELAYS], dim=-1).unsqueeze(1)
    rows = []
    for name in SHOWN:
        variant = VARIANTS[name]
        weight = COUPLING * (1 - torch.eye(len(DELAYS))) if variant.recurrent else None
        leak = variant.resolve_leakage(LEAK)
        assert isinstance(leak, float)
        spikes, u = simulate(x, leak=leak, threshold=THRESHOLD, reset=variant.reset, recurrent_weight=weight)
        spike, before = spikes[:, 0, 0], u[:, 0, 0]
        after = before if variant.reset == "none" else before * (1 - spike)
        trace = {
            "step": range(len(x)),
            "current": x[:, 0, 0].numpy(),
            "u": before.numpy(),
            "u_after_reset": after.numpy(),
            "spike": spike.int().numpy(),
        }
        rows.append(pd.DataFrame({"variant": name, **trace}))
    return pd.concat(rows, ignore_index=True)


CAPTION = (
    "One neuron on the same input current under each variant; simulated by this code, no data set. Dots: u before "
    f"reset; lines fall to u after reset; ticks: spikes; dashed: threshold u_th = {THRESHOLD:g}. Normal leak "
    f"k = {LEAK:g}; without leakage k = 1, complete leakage k = 0. (e): in a layer of three with V = {COUPLING:g} "
    "between them, the others get the current 2 and 4 steps later. All quantities without unit."
)


def draw(_results: Results) -> Iterator[Drawing]:
    """Figure 2, one column wide; simulated here, whatever the results."""
    table = data()
    first = table[table["variant"] == SHOWN[0]]
    top = float(table["u"].max())
    with style():
        figure, grid = new_figure(
            COLUMN, 5.4, CAPTION, nrows=1 + len(SHOWN), sharex=True, height_ratios=[0.7] + [1] * len(SHOWN)
        )
        axes = grid[:, 0]
        axes[0].vlines(first["step"], 0, first["current"], color="0.35", linewidth=1.5)
        axes[0].axhline(0, color="0.35", linewidth=0.6)
        axes[0].set_ylabel("x[t]")
        axes[0].set_title("input current")
        for i, (ax, name) in enumerate(zip(axes[1:], SHOWN, strict=True)):
            rows = table[table["variant"] == name]
            steps = rows["step"].repeat(2)
            ax.plot(steps, rows[["u", "u_after_reset"]].to_numpy().ravel(), color=colour(name), linewidth=0.8)
            ax.plot(rows["step"], rows["u"], ".", color=colour(name), markersize=3)
            ax.axhline(THRESHOLD, color="0.5", linestyle="--", linewidth=0.7)
            ax.set_ylim(-0.05 * top, 1.3 * top)
            fired = rows.loc[rows["spike"] == 1, "step"]
            ax.vlines(fired, 0.88, 0.98, transform=ax.get_xaxis_transform(), color=colour(name), linewidth=1.1)
            ax.set_title(f"{panel_title(i, name)}: {len(fired)} spike{'s' * (len(fired) != 1)}")
            ax.set_ylabel("u[t]")
        axes[-1].set_xlabel("time step t")
    shows = seen("spikes on the same input", table.groupby("variant", sort=False)["spike"].sum(), "{:.0f}")
    title = "Figure 2: the variants of the LIF neuron"
    yield Drawing("variants", title, CAPTION, figure, table, alt=f"{title}. {shows}")

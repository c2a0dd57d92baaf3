"""Section 5 in numbers: what each variant gains in accuracy, and what it costs elsewhere."""

from __future__ import annotations

import io
import math
from typing import Any

import pandas as pd

from suite.paper import RESOLUTIONS_MS
from suite.report.measured import by_framework, means, measured
from suite.report.summary import COUNTED, SETTING
from suite.report.tables import _pipes as pipes
from suite.report.tables import percent

TITLE = "What each variant gains and costs (Section 5 of Yin et al. 2024), from the measured rows."
CRITERIA = {
    "accuracy": "accuracy (%)",
    "worst_fixed_steps": "worst resolution, fixed steps (%)",
    "worst_fixed_window": "worst resolution, fixed window (%)",
    "flips_median": "median flips to mislead",
    "spike_rate": "spikes a step",
    "operations": "operations a sample",
}
"""Columns, and their names as text. Of the last two less is better, of the others more."""
_COSTS = ("spike_rate", "operations")
SECTION = ["dataset", "data source", "protocol", "engine", "framework"]
NUMBERS = ["mean", "ci95", "n", "best"]


def tradeoff(frame: pd.DataFrame) -> pd.DataFrame:
    """One line for each criterion of each variant in every setting and framework: mean, ci95 and n over seeds, and
    whether its mean is the best of at least two. Accuracies are fractions.

    The framework names the kernel where there are several: numbers of two kernels never share a line, nor a best.
    """
    lines = []
    for setting, framework, rows in by_framework(_values(frame)):
        about = {name: setting[name] for name in SETTING} | {"framework": framework}
        table = _means(rows)
        for metric in CRITERIA:
            of = table[table["metric"] == metric]
            best = of["mean"].min() if metric in _COSTS else of["mean"].max()
            lines += [
                {**about, "variant": one["line"], "criterion": metric}
                | {"mean": one["mean"], "ci95": one["ci95"], "n": one["n"]}
                | {"best": len(of) > 1 and one["mean"] == best}
                for _, one in of.iterrows()
            ]
    return pd.DataFrame(lines, columns=[*SETTING, "framework", "variant", "criterion", *NUMBERS])


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """As `means`; where a value is infinite, so is the mean, which then has no interval."""
    by = ["variant", "line", "metric"]
    beyond = rows["value"].map(math.isinf).groupby([rows[name] for name in by]).transform("any")
    table = means(rows.assign(value=rows["value"].mask(beyond, 0.0), beyond=beyond), [*by, "beyond"])
    table.loc[table["beyond"].astype(bool), ["mean", "ci95"]] = math.inf, math.nan
    return table


def _values(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a run and criterion, with the criterion as its metric."""
    accuracy = measured(frame, "accuracy", "test_accuracy").assign(metric="accuracy")
    tested = measured(frame, "generalization", "test_accuracy")
    if len(tested):
        tested = _worst(tested[tested["readout"] == "trained"])
    # A median without a value lies beyond the cap of the attack; a mean of the seeds below it would be too low.
    beyond = (frame["metric"] == "flips_median") & frame["status"].isin(COUNTED) & (frame["n"] > 0)
    flips = measured(
        frame.assign(value=frame["value"].mask(beyond & frame["value"].isna(), math.inf)), "robustness", "flips_median"
    )
    if len(flips):
        flips = flips[flips["attack"] == "gradient"]
    spikes = measured(frame, "spike_rate", "spike_rate", "effective_acs", "effective_macs")
    spikes = spikes[spikes["condition"].isna()]
    rate = spikes[spikes["metric"] == "spike_rate"]
    counts = spikes[spikes["metric"] != "spike_rate"]
    both = counts[counts.groupby("run_id")["metric"].transform("nunique") == 2]
    operations = both.drop_duplicates("run_id").assign(metric="operations")
    operations["value"] = operations["run_id"].map(both.groupby("run_id")["value"].sum())
    return pd.concat([accuracy, tested, flips, rate, operations], ignore_index=True)


def _worst(tested: pd.DataFrame) -> pd.DataFrame:
    """Of each run and mode that was tested at every resolution of Table 7, the row of the lowest accuracy."""
    tested = tested[tested["dt_ms"].isin([str(ms) for ms in RESOLUTIONS_MS])]
    by = tested.groupby(["run_id", "mode"])
    whole = by["dt_ms"].transform("nunique") == len(RESOLUTIONS_MS)
    lowest = by["value"].idxmin()
    worst = tested.loc[tested.index.isin(lowest) & whole]
    return worst.assign(metric="worst_" + worst["mode"])


def layout_tradeoff(table: pd.DataFrame) -> pd.DataFrame:
    """`tradeoff` as text: a line for each variant, a column for each criterion, "*" at its best; blank: no rows."""
    lines: list[dict[str, str]] = []
    for key, part in table.groupby([*SETTING, "framework", "variant"], dropna=False, sort=False):
        about: dict[str, Any] = dict(zip([*SETTING, "framework", "variant"], key, strict=True))
        cells = dict.fromkeys(CRITERIA.values(), "")
        for _, one in part.iterrows():
            cells[CRITERIA[one["criterion"]]] = _cell(one) + " *" * bool(one["best"])
        section = {name: str(about[name.replace(" ", "_")]) for name in SECTION}
        lines.append({**section, "variant": str(about["variant"]), **cells})
    return pd.DataFrame(lines, columns=[*SECTION, "variant", *CRITERIA.values()])


def _cell(one: pd.Series) -> str:
    if math.isinf(one["mean"]):
        return f"beyond the cap, n={one['n']}"
    share = one["criterion"] in ("accuracy", "worst_fixed_steps", "worst_fixed_window")
    texts = [percent(value) if share else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
             for value in (one["mean"], one["ci95"]) if not math.isnan(value)]  # fmt: skip
    return f"{' ± '.join(texts)}, n={one['n']}"


def notes_tradeoff(table: pd.DataFrame) -> list[str]:
    """What a reader must know about the trade-off."""
    said = [
        "Mean ± 95 % t-interval over n seeds; no interval for n = 1. Blank: not measured. *: the best mean measured "
        "on its dataset, data, protocol, engine and framework; where intervals overlap, or with one seed, it may be "
        "chance.",
        "Worst resolution: the lowest test accuracy of 1, 2, 3, 5 and 10 ms, in each seed. Flips: of the gradient "
        "attack, median over samples. Operations: effective accumulations and multiply-accumulations together. Fewer "
        "spikes and operations are better, of a network that is right: one that is silent costs least.",
    ]
    if bool((table["protocol"] == "smoke").any()):
        said.append("smoke: a second of training, to show that everything runs; what is best there means nothing.")
    if bool((table["data_source"] == "standin").any()):
        said.append("standin: data made by this suite in the original's format.")
    return said


def tradeoff_files(frame: pd.DataFrame) -> dict[str, str]:
    """The trade-off by file name, as CSV and Markdown; nothing without rows."""
    table = tradeoff(frame)
    if table.empty:
        return {}
    text = layout_tradeoff(table)
    out = io.StringIO()
    table.to_csv(out, index=False, lineterminator="\n")
    body = [pipes(text.columns), pipes("---" for _ in text.columns), *(pipes(row) for row in text.to_numpy())]
    markdown = "\n".join([TITLE, "", *body, "", *(f"- {note}" for note in notes_tradeoff(table)), ""])
    return {"tradeoff.csv": out.getvalue(), "tradeoff.md": markdown}

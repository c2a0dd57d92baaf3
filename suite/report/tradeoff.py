"""Section 5 in numbers: what each variant gains in accuracy, and what it costs elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from suite.paper import RESOLUTIONS_MS
from suite.report.measured import COUNTED, NAMED, SETTING, at_all, invalid_note, is_smoke, measured
from suite.report.settings import by_framework
from suite.report.statistics import means
from suite.report.table import Cell, Column, Number, Table, named_columns, percent
from suite.results import Results

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
COSTS = ("spike_rate", "operations")
SHARES = ("accuracy", "worst_fixed_steps", "worst_fixed_window")


def tradeoff(results: Results) -> Table:
    """A row for each variant, a column for each criterion, blank where it has no rows. The data are `criteria`'s."""
    data = criteria(results)
    rows: list[tuple[Cell, ...]] = []
    group = [*SETTING, "framework", "variant"]
    for key, part in data.groupby(group, dropna=False, sort=False):
        about = dict(zip(group, map(str, key), strict=True))
        cells = {one["criterion"]: _number(one) for _, one in part.iterrows()}
        told = (about[name] for name in (*NAMED, "framework", "variant"))
        rows.append((*told, *(cells.get(name, "") for name in CRITERIA)))
    columns = (
        *named_columns("framework"),
        Column("variant", "variant"),
        *(Column(name, "number") for name in CRITERIA.values()),
    )
    notes = (*_notes(data), *invalid_note(results, "accuracy", "generalization"))
    return Table("tradeoff", TITLE, columns, tuple(rows), data, notes, apart=True)


def _number(one: pd.Series) -> Number:
    form = percent if one["criterion"] in SHARES else _quantity
    interval = {} if math.isinf(one["mean"]) else {"low": one["low"], "high": one["high"]}
    return Number(one["mean"], n=one["n"], best=bool(one["best"]), form=form, **interval)


def _quantity(value: float) -> str:
    if math.isinf(value):
        return "beyond the cap"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def criteria(results: Results) -> pd.DataFrame:
    """One line for each criterion of each variant in every setting and framework: mean, its 95 % interval (low, high)
    and n over seeds, and whether its mean is the best of at least two. Accuracies are fractions.

    The framework names the kernel where there are several: numbers of two kernels never share a line, nor a best.
    """
    lines: list[dict[str, Any]] = []
    for part in by_framework(_values(results)):
        about = {name: part.setting[name] for name in SETTING} | {"framework": part.framework}
        table = _means(part.rows)
        for metric in CRITERIA:
            of = table[table["metric"] == metric]
            best = of["mean"].min() if metric in COSTS else of["mean"].max()
            lines += [
                {**about, "variant": one["line"], "criterion": metric}
                | {"mean": one["mean"], "low": one["lower"], "high": one["upper"], "n": one["n"]}
                | {"best": len(of) > 1 and one["mean"] == best}
                for _, one in of.iterrows()
            ]
    return pd.DataFrame(
        lines, columns=[*SETTING, "framework", "variant", "criterion", "mean", "low", "high", "n", "best"]
    )


PARETO = ("accuracy", "worst_fixed_steps", "flips_median", "operations")


def pareto(results: Results) -> pd.DataFrame:
    """One line for each variant in every setting and framework, a column for the mean of each of `PARETO` (NaN: not
    measured), and `front`: by what all variants there were measured by, none is as good everywhere and better
    somewhere. Means alone: how sure they are is in `criteria`.
    """
    by = [*SETTING, "framework"]
    data = criteria(results)
    data = data[data["criterion"].isin(PARETO)]
    parts = []
    for _, part in data.groupby(by, sort=False, dropna=False):
        table = part.pivot(index="variant", columns="criterion", values="mean").reindex(columns=list(PARETO))
        better = table.assign(operations=-table["operations"]).dropna(axis=1)
        beaten = [((better >= own).all(axis=1) & (better > own).any(axis=1)).any() for _, own in better.iterrows()]
        table = table.assign(front=[not one for one in beaten]).reset_index()
        parts.append(part[by].drop_duplicates().merge(table, how="cross"))
    columns = [*by, "variant", *PARETO, "front"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """As `means`; where a value is infinite, so is the mean, which then has no interval."""
    by = ["variant", "line", "metric"]
    beyond = rows["value"].map(math.isinf).groupby([rows[name] for name in by]).transform("any")
    table = means(rows.assign(value=rows["value"].mask(beyond, 0.0), beyond=beyond), [*by, "beyond"])
    table.loc[table["beyond"].astype(bool), ["mean", "lower", "upper"]] = math.inf, math.nan, math.nan
    return table


def _values(results: Results) -> pd.DataFrame:
    """One row a run and criterion, with the criterion as its metric."""
    accuracy = measured(results, "accuracy", "test_accuracy").assign(metric="accuracy")
    tested = measured(results, "generalization", "test_accuracy")
    if len(tested):
        tested = _worst(tested[tested["readout"] == "trained"])
    # A median without a value lies beyond the cap of the attack; a mean of the seeds below it would be too low.
    rows = results.rows
    beyond = (rows["metric"] == "flips_median") & rows["status"].isin(COUNTED) & (rows["n"] > 0).fillna(False)
    capped = rows.assign(value=rows["value"].mask(beyond & rows["value"].isna(), math.inf))
    flips = measured(replace(results, rows=capped), "robustness", "flips_median")
    if len(flips):
        flips = flips[flips["attack"] == "gradient"]
    spikes = measured(results, "spike_rate", "spike_rate", "effective_acs", "effective_macs")
    spikes = spikes[at_all(spikes)]
    rate = spikes[spikes["metric"] == "spike_rate"]
    counts = spikes[spikes["metric"] != "spike_rate"]
    both = counts[counts.groupby("run_id")["metric"].transform("nunique") == 2]
    operations = both.drop_duplicates("run_id").assign(metric="operations")
    operations["value"] = operations["run_id"].map(both.groupby("run_id")["value"].sum())
    return pd.concat([accuracy, tested, flips, rate, operations], ignore_index=True)


def _worst(tested: pd.DataFrame) -> pd.DataFrame:
    """Of each run and mode that was tested at every resolution of Table 7, the row of the lowest accuracy."""
    tested = tested[tested["dt_ms"].isin(RESOLUTIONS_MS)]
    by = tested.groupby(["run_id", "mode"])
    whole = by["dt_ms"].transform("nunique") == len(RESOLUTIONS_MS)
    lowest = by["value"].idxmin()
    worst = tested.loc[tested.index.isin(lowest) & whole]
    return worst.assign(metric="worst_" + worst["mode"])


def _notes(table: pd.DataFrame) -> list[str]:
    """What a reader must know about the trade-off."""
    said = [
        "Mean over n seeds [95 % t-interval, of shares that of the logit]; no interval for n = 1. Blank: not measured. "
        "*: the best mean measured on its dataset, data, protocol, engine and framework; where intervals overlap, or "
        "with one seed, it may be chance.",
        "Worst resolution: the lowest test accuracy of 1, 2, 3, 5 and 10 ms, in each seed. Flips: of the gradient "
        "attack, median over samples. Operations: effective accumulations and multiply-accumulations together. Fewer "
        "spikes and operations are better, of a network that is right: one that is silent costs least.",
    ]
    if any(map(is_smoke, table["protocol"])):
        said.append("smoke: a second of training, to show that everything runs; what is best there means nothing.")
    if bool((table["data_source"] == "standin").any()):
        said.append("standin: data made by this suite in the original's format.")
    return said

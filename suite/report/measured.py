"""The rows that count: the last of each seed, never across benchmark versions, data, protocols or kernels; their axes
as columns.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pandas as pd

from suite.paper import TABLE_6, TABLE_7_MODELS
from suite.registry import datasets
from suite.results import Results

SETTING = ["benchmark_version", "dataset", "data_source", "data_hash", "protocol", "protocol_hash", "engine"]
"""Rows may be compared with one another if these are the same."""

NAMED = ["dataset", "data_source", "protocol", "benchmark_version", "engine"]
"""What people are told of a setting; the hashes are for those that share it."""

ORDERED = ["protocol", "dataset", "data_source", "benchmark_version", "engine"]
"""How settings are sorted."""

KEY = [*SETTING, "variant", "variant_parameters", "backend", "kernel"]
"""Seeds of one mean share all of these."""

COUNTED = ("ok", "dead")
"""Statuses whose accuracy enters the mean (a silent network has one too); the others are counted beside it."""

FRAMEWORKS = {"spikingjelly": "SpikingJelly", "snntorch": "snnTorch", "torch": "PyTorch"}


def framework_name(backend: object) -> str:
    """A backend's name as text."""
    return FRAMEWORKS.get(str(backend), str(backend))


def order(values: pd.Series) -> pd.Series:
    """Key for `DataFrame.sort_values`: the paper's order, then numbers by size and names by alphabet, smoke last."""
    known = [*(name for pair in TABLE_6 for name in pair), *TABLE_7_MODELS, *FRAMEWORKS, "suite", "paper"]
    rank = {**{name: f"{i:03}" for i, name in enumerate(dict.fromkeys(known))}, "smoke": "~~"}
    return values.astype(str).map(lambda value: rank.get(value, "~" + (value.zfill(9) if value.isdigit() else value)))


def papers_data(source: str) -> bool:
    """Whether data are those that the paper's claims are about: the published ones, or made by their own definition."""
    return source in ("original", "generated")


def comparable(data_source: str, protocol: str) -> bool:
    """Whether a difference from the paper's number means anything: not on stand-ins, nor after a smoke run, with a
    user's own network or with shuffled steps.
    """
    asks_otherwise = "+network=" in protocol or "+order=shuffled" in protocol
    return data_source not in ("standin", "missing") and not is_smoke(protocol) and not asks_otherwise


def is_smoke(protocol: str) -> bool:
    """Whether a protocol is `smoke`, changed or not."""
    return protocol.partition("+")[0] == "smoke"


def chance(rows: pd.DataFrame) -> float:
    """Accuracy of guessing among equally likely classes; NaN if the rows, of one dataset, do not say how many."""
    n = rows["n_classes"].dropna()
    return 1 / int(n.iloc[0]) if len(n) else math.nan


def checked(results: Results) -> Results:
    """Results in which an accuracy that is no number from 0 to 1, or any value that is infinite, is none; its row is
    marked `invalid`, and `problems` names it. What rows do not say of a registered dataset (those of a CSV), the
    registry does.
    """
    rows = results.rows
    unsaid = rows["n_classes"].isna()
    known = {name: datasets[name] for name in rows.loc[unsaid, "dataset"].unique() if name in datasets}
    for column in ("n_classes", "kind"):
        said = rows["dataset"].map({name: getattr(dataset, column) for name, dataset in known.items()})
        rows = rows.assign(**{column: rows[column].fillna(said.astype(rows[column].dtype))})
    share = rows["metric"].str.endswith("accuracy") & (rows["unit"] == "fraction").fillna(False)
    infinite = rows["value"].map(math.isinf)
    invalid = (infinite | (share & rows["value"].notna() & ~rows["value"].between(0, 1))).astype(bool)
    for row in rows[invalid].to_dict("records"):
        what = "fraction from 0 to 1" if row["metric"].endswith("accuracy") else "number"
        results.problem(
            f"run {row['run_id']} ({row['dataset']}, {row['variant']}, {row['backend']}, seed {row['seed']}): the "
            f"{row['metric']} of {row['experiment']} is {row['value']:g}, which is no {what}; left out"
        )

    def curves(_: Results) -> pd.DataFrame:
        read = results.curves
        names = [str(name) for name in read if str(name).endswith("accuracy")]
        return read.assign(**{name: read[name].where(read[name].between(0, 1)) for name in names})

    return replace(results, rows=rows.assign(value=rows["value"].mask(invalid), invalid=invalid), read_curves=curves)


def invalid_note(results: Results, *experiments: str) -> list[str]:
    """What is to be said below a table or a figure whose rows have accuracies that `checked` left out; else nothing."""
    n = int(results.rows.loc[results.rows["experiment"].isin(experiments), "invalid"].sum())
    return [f"invalid: {n} accuracies that are no fraction from 0 to 1; not in the means."] * bool(n)


def measured(results: Results, experiment: str, *metrics: str, empty: bool = False) -> pd.DataFrame:
    """The experiment's rows of these metrics (default: all) that count and have a value (or, with `empty`, none); a
    column for each of their axes.

    Of several rows of one seed the last finished counts.
    """
    rows = results.rows
    rows = rows[(rows["experiment"] == experiment) & (rows["metric"].isin(metrics) | (not metrics))]
    rows = rows[rows["status"].isin(COUNTED) & (rows["value"].notna() | empty)]
    rows = rows.sort_values("finished_at", kind="stable")
    rows = rows.drop_duplicates([*KEY, "seed", "metric", "condition"], keep="last").reset_index(drop=True)
    axes = pd.DataFrame(list(rows["at"]), index=rows.index)
    return pd.concat([rows, axes[[name for name in axes if name not in rows]]], axis=1)


def on_axes(rows: pd.DataFrame, *axes: str) -> pd.DataFrame:
    """The rows of `measured` that lie on all of these axes."""
    return rows.reindex(columns=[*rows, *(name for name in axes if name not in rows)]).dropna(subset=list(axes))


def at_all(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is of the whole network, on no axis."""
    return rows["at"].map(len) == 0


def artifact_lines(results: Results, experiment: str, name: str) -> pd.DataFrame:
    """The lines of an artifact, of the runs that count; of several runs of one seed those of the last finished."""
    lines = results.artifact(experiment, name)
    lines = lines[lines["status"].isin(COUNTED)].sort_values("finished_at", kind="stable")
    last = lines.drop_duplicates([*KEY, "seed"], keep="last")["run_id"]
    return lines[lines["run_id"].isin(set(last))].reset_index(drop=True)


def with_baselines(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which those of lstm, gru and rnn, which have no engine, stand beside every engine's of their setting."""
    same = [column for column in SETTING if column != "engine"]
    engines = rows.loc[rows["engine"] != "none", SETTING].drop_duplicates()
    beside = rows[rows["engine"] == "none"].drop(columns="engine").merge(engines, on=same, how="left")
    beside["engine"] = beside["engine"].fillna("none")
    return pd.concat([rows[rows["engine"] != "none"], beside], ignore_index=True)


def sweep_k(parameters: str) -> float:
    """k of a variant that differs from the baseline in k alone; NaN for any other."""
    given = json.loads(parameters)
    usual: dict[str, Any] = {"reset": "zero", "recurrent": False, "input_gain": "1", "initial_state": "zero"}
    k = given.get("leakage")
    if any(given.get(name) != value for name, value in usual.items()) or not isinstance(k, int | float):
        return math.nan
    return float(k)


def is_accuracy(rows: pd.DataFrame) -> pd.Series:
    """Which rows are Table 6's: the test accuracy of the accuracy experiment."""
    return (rows["experiment"] == "accuracy") & (rows["metric"] == "test_accuracy")


def accuracy_rows(results: Results) -> pd.DataFrame:
    """The rows of Table 6 that count, those of runs that did not end well too.

    Of several rows for one seed the last finished counts. A skip is dropped once its cell has been run.
    """
    rows = results.rows[is_accuracy(results.rows)]
    rows = rows.sort_values("finished_at", kind="stable").drop_duplicates([*KEY, "seed"], keep="last")
    cell = ["benchmark_version", "dataset", "protocol", "variant", "backend", "seed"]
    cells = pd.MultiIndex.from_frame(rows[cell])
    skipped = rows["status"].to_numpy() == "skipped"
    return rows[~(skipped & cells.isin(cells[~skipped]))]

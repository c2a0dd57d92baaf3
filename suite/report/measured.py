"""Rows of one metric, ready to be drawn: the last of each run, with their conditions as columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from suite import artifacts
from suite.experiments.rows import parse_condition
from suite.report.settings import settings, with_labels
from suite.report.summary import COUNTED, KEY, SETTING, mean_ci


def measured(frame: pd.DataFrame, experiment: str, *metrics: str, empty: bool = False) -> pd.DataFrame:
    """The experiment's rows of these metrics that count and have a value (or, with `empty`, none); a column for
    each part of their conditions.

    Of several rows of one seed the last finished counts.
    """
    rows = frame[(frame["experiment"] == experiment) & frame["metric"].isin(metrics)]
    rows = rows[rows["status"].isin(COUNTED) & (rows["value"].notna() | empty)]
    rows = rows.sort_values("finished_at", kind="stable")
    rows = rows.drop_duplicates([*KEY, "seed", "metric", "condition"], keep="last").reset_index(drop=True)
    parts = pd.DataFrame([parse_condition(text) for text in rows["condition"].fillna("")], index=rows.index)
    return pd.concat([rows, parts], axis=1)


def tables(frame: pd.DataFrame, folder: Path, experiment: str, name: str) -> pd.DataFrame:
    """As `measured`, of the experiment's artifacts of that name: all their lines."""
    rows = frame[frame["status"].isin(COUNTED)].sort_values("finished_at", kind="stable")
    here = (rows["experiment"] == experiment) & (rows["metric"] == artifacts.METRIC)
    rows = rows[here].drop_duplicates([*KEY, "seed", "condition"], keep="last")
    return artifacts.all_of(rows, folder, experiment, name)


def with_baselines(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which those of lstm, gru and rnn, which have no engine, stand beside every engine's of their setting."""
    same = [column for column in SETTING if column != "engine"]
    engines = rows.loc[rows["engine"] != "none", SETTING].drop_duplicates()
    beside = rows[rows["engine"] == "none"].drop(columns="engine").merge(engines, on=same, how="left")
    beside["engine"] = beside["engine"].fillna("none")
    return pd.concat([rows[rows["engine"] != "none"], beside], ignore_index=True)


def by_framework(rows: pd.DataFrame) -> Iterator[tuple[dict[str, Any], str, pd.DataFrame]]:
    """One setting and framework at a time, with labels; the baselines' rows (PyTorch) go with every framework."""
    for setting, part in settings(with_baselines(rows)):
        labelled = with_labels(part)
        own = [name for name in dict.fromkeys(labelled["framework"]) if name != "PyTorch"] or ["PyTorch"]
        for framework in own:
            yield setting, framework, labelled[labelled["framework"].isin([framework, "PyTorch"])]


def means(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean, ci95 (half-width of the t-interval) and n of the values for each combination of the columns `by`."""
    out: list[dict[str, Any]] = []
    for key, part in rows.groupby(by, sort=False, dropna=False):
        mean, ci = mean_ci(part["value"])
        out.append({**dict(zip(by, key, strict=True)), "mean": mean, "ci95": ci, "n": len(part)})
    return pd.DataFrame(out, columns=[*by, "mean", "ci95", "n"])


def sweep_k(parameters: str) -> float:
    """k of a variant that differs from the baseline in k alone; NaN for any other."""
    given = json.loads(parameters)
    usual = {"reset": "zero", "recurrent": False, "input_gain": "1", "initial_state": "zero"}
    k = given.get("leakage")
    if any(given.get(name) != value for name, value in usual.items()) or not isinstance(k, int | float):
        return math.nan
    return float(k)

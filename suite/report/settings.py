"""One setting at a time, for figures: what may share a plot, how lines are told apart, what the caption must say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from suite.drawing import DASHES, Drawing, file_name
from suite.report.measured import COUNTED, NAMED, ORDERED, SETTING, framework_name, order, with_baselines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PYTORCH = framework_name("torch")


@dataclass(frozen=True)
class Part:
    """The rows of one figure: of one setting, with a `name` for files that no other setting has, and of one framework
    (PyTorch's beside it) or, if that is "", of all.
    """

    setting: dict[str, Any]
    framework: str
    rows: pd.DataFrame

    @property
    def lines(self) -> list[str]:
        """The names of what is compared, in order."""
        return list(dict.fromkeys(self.rows["line"]))

    @property
    def variants(self) -> dict[str, str]:
        """The variant of each line."""
        return dict(zip(self.rows["line"], self.rows["variant"], strict=True))

    @property
    def about(self) -> str:
        """How a caption begins."""
        return about_setting(self.setting, self.rows) + f" {self.framework}." * bool(self.framework)

    @property
    def about_models(self) -> str:
        """As `about`, with the models that are PyTorch's beside the framework's."""
        others = [name for name in DASHES if (self.rows["variant"] == name).any()]
        if not others or self.framework == PYTORCH:
            return self.about
        return f"{self.about.removesuffix('.')} ({', '.join(others)}: {PYTORCH})."

    def drawing(
        self, name: str, title: str, caption: str, figure: Figure, data: pd.DataFrame, shows: str = ""
    ) -> Drawing:
        """The figure, with the setting in its file's name and its title; `shows`: what is to be seen, in words."""
        on, framework = self.setting["dataset"], [self.framework] * bool(self.framework)
        about = on if framework else f"{on} ({self.setting['data_source']})"
        whole = ", ".join([f"{title} on {about}", *framework]) + self.setting["told"]
        return Drawing(
            file_name(name, self.setting["name"], *framework), whole, caption, figure, data, title, f"{whole}. {shows}"
        )


def by_setting(rows: pd.DataFrame) -> Iterator[Part]:
    """One setting at a time, with labels."""
    for setting, part in settings(rows):
        yield Part(setting, "", with_labels(part))


def by_framework(rows: pd.DataFrame) -> Iterator[Part]:
    """One setting and framework at a time, with labels; the baselines' rows (PyTorch) go with every framework."""
    for whole in by_setting(with_baselines(rows)):
        names = whole.rows["framework"]
        for framework in [name for name in dict.fromkeys(names) if name != PYTORCH] or [PYTORCH]:
            yield Part(whole.setting, framework, whole.rows[names.isin([framework, PYTORCH])])


def settings(rows: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Rows of one setting at a time, with what the setting is, its `name`, and what a title adds to tell it apart
    (`told`).
    """
    by = rows.sort_values(ORDERED, key=order, kind="stable")
    hashes = by.groupby(NAMED)["data_hash"].nunique(dropna=False)
    without_version = [name for name in NAMED if name != "benchmark_version"]
    versions = by.groupby(without_version)["benchmark_version"].nunique()
    for key, part in by.groupby(SETTING, dropna=False, sort=False):
        setting: dict[str, Any] = dict(zip(SETTING, key, strict=True))
        names = [setting[column] for column in without_version]
        several = bool(versions[tuple(names)] > 1)
        setting["told"] = f", benchmark {setting['benchmark_version']}" * several
        if several:
            names.append(f"benchmark-{setting['benchmark_version']}")
        if hashes[tuple(setting[column] for column in NAMED)] > 1:
            tag = short_hash(setting["data_hash"])
            names.append(tag)
            setting["data_source"] += f" #{tag}"
        setting["name"] = file_name(*names)
        yield setting, part


def with_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one setting with columns `line` (the variant) and `framework`; what shares both may share a mean.

    A variant of two definitions, or a framework on two kernels, gets them added to its name.
    """
    rows = rows.assign(line=rows["variant"].astype(str), framework=rows["backend"].map(framework_name))
    several = rows.groupby("variant")["variant_parameters"].transform("nunique") > 1
    rows.loc[several, "line"] += " #" + rows.loc[several, "variant_parameters"].map(short_hash)
    several = rows.groupby("backend")["kernel"].transform("nunique") > 1
    rows.loc[several, "framework"] += " (" + rows.loc[several, "kernel"] + ")"
    return rows.sort_values(["variant", "line", "backend", "framework", "seed"], key=order, kind="stable")


def short_hash(text: object) -> str:
    """Four digits that stand for a text."""
    return hashlib.sha256(str(text).encode()).hexdigest()[:4]


def seeds_text(rows: pd.DataFrame) -> str:
    """How many seeds the means of these rows, with labels, have: "n = 5 seeds"."""
    counted = rows[rows["status"].isin(COUNTED)]
    n = counted.groupby(["line", "framework"])["seed"].nunique()
    if n.empty:
        return "n = 0 seeds"
    low, high = int(n.min()), int(n.max())
    return f"n = {low} seed{'s' * (low != 1)}" if low == high else f"n = {low} to {high} seeds"


def samples(rows: pd.DataFrame) -> str:
    """How many samples the rows are of, at least, as text; "?" where they do not say."""
    n = rows["n"].dropna()
    return str(int(n.min())) if len(n) else "?"


def about_setting(setting: Mapping[str, str], rows: pd.DataFrame) -> str:
    """The setting and its seeds in a sentence, for captions; says so if both frameworks ran one kernel."""
    kernels = ", ".join(dict.fromkeys(rows["kernel"]))
    said = (
        f"Data: {setting['dataset']}, {setting['data_source']}. Protocol: {setting['protocol']} (benchmark "
        f"{setting['benchmark_version']}). Engine: {setting['engine']} ({kernels}). {seeds_text(rows)}."
    )
    frameworks = rows[rows["kernel"] != "none"].groupby("kernel")["backend"].nunique()
    if bool((frameworks > 1).any()):
        said += " Both frameworks ran the same kernel: their agreement is by construction."
    return said

"""The report as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from suite import __version__
from suite.drawing import Drawing, label
from suite.report.agreement import agreement
from suite.report.claims import verdicts
from suite.report.summary import FRAMEWORKS, STATUSES, accuracy_rows, order, summary, superseded
from suite.report.table7 import layout7, notes7, summary7
from suite.report.tables import SECTION, layout, notes, percent
from suite.report.tradeoff import layout_tradeoff, notes_tradeoff, tradeoff

MADE_WITH = ["suite_version", "torch_version", "backend", "framework_version", "device", "git_commit"]


def render(frame: pd.DataFrame, figures: list[tuple[Drawing, Path]]) -> str:
    """The page for a results frame; each figure comes with the SVG that shows it."""
    table = summary(frame)
    text = layout(table)
    runs = frame.drop_duplicates(["run_id", "experiment"])
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("suite.report").joinpath("page.html").read_text("utf-8"))
    return template.render(
        version=__version__,
        n_runs=len(runs),
        n_rows=len(frame),
        newest=_newest(frame),
        columns=[name for name in text.columns if name not in SECTION and name != "kernel"],
        sections=_sections(text),
        notes=notes(table) if len(table) else [],
        superseded=superseded(frame),
        agreement=_agreement(frame),
        table7=_table7(frame),
        tradeoff=_tradeoff(frame),
        claims=_claims(frame),
        figures=[
            {"drawing": drawing, "source": _embedded(svg), "inches": float(drawing.figure.get_figwidth())}
            for drawing, svg in figures
        ],
        statuses={status: int((runs["status"] == status).sum()) for status in STATUSES},
        troubles=_counted(
            runs[runs["status"] != "ok"],
            ["dataset", "data_source", "protocol", "variant", "backend", "status", "reason"],
        ),
        data=_counted(runs, ["dataset", "data_source", "data_hash", "protocol"]),
        made_with=_counted(runs, MADE_WITH),
        commands=commands(frame),
    )


def _newest(frame: pd.DataFrame) -> str:
    return str(frame["finished_at"].max()) if len(frame) else "–"


def _sections(text: pd.DataFrame) -> list[dict[str, Any]]:
    """Table 6 by setting: its name, and the variants' cells."""
    found: list[dict[str, Any]] = []
    for _, line in text.iterrows():
        title = tuple(line[SECTION])
        if not found or found[-1]["title"] != title:
            found.append({"title": title, "kernel": line["kernel"], "rows": []})
        found[-1]["rows"].append([label(line["variant"]), *line.drop([*SECTION, "kernel", "variant"])])
    return found


def _agreement(frame: pd.DataFrame) -> list[dict[str, str]]:
    """`agreement` as text, in percentage points."""
    lines = []
    for _, line in agreement(frame).iterrows():
        ci = f" ± {percent(line['ci95'], 2)}" if line["n"] > 1 else ""
        lines.append(
            {
                "dataset": line["dataset"],
                "data source": line["data_source"],
                "protocol": line["protocol"],
                "engine": line["engine"],
                "variant": label(line["variant"]),
                "seeds": str(line["n"]),
                "SpikingJelly − snnTorch": f"{percent(line['difference'], 2)}{ci}" if line["n"] else "no common seed",
                "largest": percent(line["largest"], 2) or "–",
                "kernel": "same: no evidence" if line["same_kernel"] else "each its own",
            }
        )
    return lines


def _table7(frame: pd.DataFrame) -> dict[str, Any] | None:
    """Table 7 with the readout as trained (its files have both), and what to know about it; None without rows."""
    table = summary7(frame)
    if table.empty:
        return None
    text = layout7(table[table["readout"] == "trained"]).drop(columns="readout")
    text["model"] = text["model"].map(label)
    lines = [{str(key): str(value) for key, value in line.items()} for line in text.to_dict("records")]
    return {"rows": lines, "notes": notes7(table)}


def _tradeoff(frame: pd.DataFrame) -> dict[str, Any] | None:
    """The trade-off of Section 5, and what to know about it; None without rows."""
    table = tradeoff(frame)
    if table.empty:
        return None
    text = layout_tradeoff(table)
    text["variant"] = text["variant"].map(label)
    lines = [{str(key): str(value) for key, value in line.items()} for line in text.to_dict("records")]
    return {"rows": lines, "notes": notes_tradeoff(table)}


def _claims(frame: pd.DataFrame) -> list[dict[str, str]]:
    """`verdicts` as text: the claims that have rows, then the others."""
    table = verdicts(frame).fillna("–")
    table = table.sort_values("numbers", key=lambda numbers: numbers == "", kind="stable")
    return [
        {
            "claim": f"{line['says']} ({line['where']})",
            "data": f"{line['dataset']}, {line['data_source']}, {line['protocol']}, {line['engine']} ({line['kernel']})"
            if line["numbers"]
            else "–",
            "framework": FRAMEWORKS.get(line["backend"], line["backend"]),
            "verdict": line["verdict"],
            "difference (high − low)": line["numbers"] or "–",
            "note": line["note"],
        }
        for _, line in table.iterrows()
    ]


def _embedded(svg: Path) -> str:
    """A data URI: as an image, so that the identifiers inside one SVG do not meet those of another."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode("ascii")


def _counted(runs: pd.DataFrame, columns: list[str]) -> list[dict[str, str]]:
    """Each combination of values, with the number of its runs."""
    filled = runs[columns].astype("string").fillna("–")
    counts = filled.value_counts(sort=False).reset_index(name="runs").sort_values(columns, key=order)
    return [{str(key): str(value) for key, value in line.items()} for line in counts.to_dict("records")]


def commands(frame: pd.DataFrame) -> list[str]:
    """What makes these rows again: for each experiment, protocol, engine and data source a command for the datasets
    that have the same variants, backends and seeds.
    """
    said = []
    accuracy = frame["experiment"] == "accuracy"
    rows = pd.concat([accuracy_rows(frame), frame[~accuracy]])
    names = ["accuracy", *sorted(set(rows["experiment"]) - {"accuracy"})]
    for name in names:
        own = rows[rows["experiment"] == name]
        for (protocol, engine, source), part in own.groupby(["protocol", "engine", "data_source"], sort=True):
            alike: dict[tuple[str, ...], list[str]] = {}
            for dataset in part["dataset"].drop_duplicates().sort_values(key=order):
                alike.setdefault(_asked(part[part["dataset"] == dataset]), []).append(dataset)
            for (variant, backend, seeds), datasets in alike.items():
                options = {
                    "dataset": ",".join(datasets),
                    "variant": variant,
                    "backend": backend,
                    "protocol": protocol,
                    "engine": engine if engine in ("step", "fused") else "auto",
                    "seeds": seeds,
                    "data-source": source if source in ("original", "standin") else "auto",
                }
                if engine == "none":  # PyTorch's own recurrent layers: no backend to choose
                    del options["backend"]
                marker = "" if name == "accuracy" else f" -m {name}"
                text = " ".join(f"--{option} {value}" for option, value in options.items())
                said.append(f"pytest benchmarks{marker} {text}")
    return said


def _asked(rows: pd.DataFrame) -> tuple[str, str, str]:
    """The variants, backends and seeds of rows, each as an option's value."""
    variant, backend = (
        ",".join(rows[column].drop_duplicates().sort_values(key=order)) for column in ("variant", "backend")
    )
    return variant, backend, ",".join(str(seed) for seed in sorted(rows["seed"].unique()))

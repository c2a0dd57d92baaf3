"""What is kept of a run: a folder of its own, `runs/<run_id>/`, whose files are each whole or not there.

    run.json                         what was run, how the training ended, versions and machine
    curves.<hash>.csv                loss and accuracy of every epoch
    <experiment>.json                what an experiment measured on the run: values on typed axes
    <experiment>-<name>.<hash>.csv   its artifacts: one value a grid point, a sample or a neuron

A record is read on its own, so that nothing grows with the number of runs, and folders of results merge by copying.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from suite.errors import ResultsError
from suite.results.rows import STATUSES
from suite.results.text import encodable

FORMAT = 2
"""Of the files; one of another format is refused."""

RUN = "run.json"

Axis = int | float | str
"""Where on an axis a value was measured. Text that reads as a number is refused: it would come back as one."""


@dataclass(frozen=True)
class Value:
    """One metric of a run. `at` says where on which axes it was measured, {} if there is one case only; `n` is how many
    samples it is a mean over, `epoch` the one it belongs to. A value of None or NaN is none.

    Raises ValueError for an axis that results.csv could not bring back, or a value that is no number.
    """

    metric: str
    value: float | None
    unit: str | None = None
    at: Mapping[str, Axis] = field(default_factory=dict)
    n: int | None = None
    epoch: int | None = None
    higher_is_better: bool | None = None

    def __post_init__(self) -> None:
        if self.value is not None:
            if isinstance(self.value, bool) or not isinstance(self.value, int | float):
                raise ValueError(f"metric {self.metric!r}: its value is a number or None, not {self.value!r}")
            if math.isnan(self.value):
                object.__setattr__(self, "value", None)
        for name, where in self.at.items():
            same = isinstance(where, int | float | str) and not isinstance(where, bool)
            if not same or not name.isidentifier() or parse_axis(axis_text(where)) != where or ", " in str(where):
                raise ValueError(
                    f"metric {self.metric!r}: the axis {name!r} has {where!r}; it is a finite number, or text that "
                    "does not read as one and has no comma"
                )


@dataclass(frozen=True)
class Artifact:
    """A table beside the record: the file's name, and its lines without the header."""

    file: str
    lines: int


@dataclass(frozen=True)
class Training:
    """How a training ended: its status and the reason; epochs done, and the selected one (0: none); seconds, all
    sessions together; the unit of its losses; the curves' file.
    """

    status: str
    reason: str
    epochs: int
    selected: int
    wall_s: float
    loss_unit: str
    curves: str


@dataclass(frozen=True)
class RunRecord:
    """What was run. `training` is None if it did not end. made_with: versions, device and commit."""

    run_id: str
    benchmark_version: int
    dataset: str
    data_source: str
    data_hash: str | None
    n_classes: int | None
    kind: str | None
    variant: str
    variant_parameters: Mapping[str, Any]
    backend: str
    engine: str
    kernel: str
    protocol: str
    protocol_hash: str
    seed: int
    made_with: Mapping[str, str]
    protocol_settings: Mapping[str, Any] = field(default_factory=dict)
    training: Training | None = None


@dataclass(frozen=True)
class Record:
    """What an experiment measured on a run. `made_with` has only what is not as the run's."""

    experiment: str
    status: str
    reason: str
    values: tuple[Value, ...]
    finished_at: str
    peak_memory_mb: float
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    made_with: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ResultsError(f"a record's status is {', '.join(STATUSES)}, not {self.status!r}")
        object.__setattr__(self, "reason", encodable(self.reason))


def axis_text(where: Axis) -> str:
    """As `condition` in results.csv has it: 3.0 is "3"."""
    return where if isinstance(where, str) else f"{where:g}" if float(f"{where:g}") == where else repr(where)


def parse_axis(text: str) -> Axis:
    """Undo `axis_text`."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def condition(at: Mapping[str, Axis]) -> str:
    """The axes as text: {"radius": 0.5, "pair": 1} -> "radius=0.5, pair=1"."""
    return ", ".join(f"{name}={axis_text(where)}" for name, where in at.items())


def parse_condition(text: str) -> dict[str, Axis]:
    """Undo `condition`."""
    pairs = (part.partition("=") for part in text.split(", ") if "=" in part)
    return {name: parse_axis(where) for name, _, where in pairs}


class Incomplete(ResultsError):
    """A record of which a part is lost: it is to be measured again."""


def dump(record: RunRecord | Record) -> str:
    """As JSON. A default is left out; an infinite value is written as text, which JSON has no number for. A record says
    how many rows it makes, so that one that was cut is known.
    """
    content = {"format": FORMAT, **_plain(record)}
    if isinstance(record, Record):
        content["rows"] = len(record.values) + len(record.artifacts)
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(record: Any) -> Any:
    """What JSON can hold of a record, of its parts too."""
    if is_dataclass(record):
        given = {f.name: (f, getattr(record, f.name)) for f in fields(record)}
        return {name: _plain(value) for name, (f, value) in given.items() if value != _default(f)}
    if isinstance(record, tuple):
        return [_plain(one) for one in record]
    if isinstance(record, Mapping):
        return {name: _plain(value) for name, value in record.items()}
    return repr(record) if isinstance(record, float) and math.isinf(record) else record


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default


def load_run(folder: Path) -> RunRecord | None:
    """What was run in a run's folder; None if it is not there. Raises ResultsError for a damaged file."""
    content = _content(folder / RUN)
    if content is None:
        return None
    training = content.pop("training", None)
    run = _made(RunRecord, content, folder / RUN)
    return run if training is None else _with_training(run, training, folder / RUN)


def _with_training(run: RunRecord, training: Any, path: Path) -> RunRecord:
    if not isinstance(training, dict):
        raise _damaged(path, "training is no object")
    return RunRecord(**{**vars(run), "training": _made(Training, training, path)})


def load_record(path: Path) -> Record | None:
    """An experiment's record; None if it is not there. Raises Incomplete if it lacks rows, and ResultsError for a
    damaged file.
    """
    content = _content(path)
    if content is None:
        return None
    values, artifacts = content.get("values"), content.get("artifacts", {})
    if not isinstance(values, list) or not isinstance(artifacts, dict):
        raise _damaged(path, "it has no list of values")
    rows, found = content.pop("rows", None), len(values) + len(artifacts)
    try:
        for one in values:
            one["value"] = float(one["value"]) if one.get("value") is not None else None
        content["values"] = tuple(Value(**one) for one in values)
        content["artifacts"] = {name: Artifact(**one) for name, one in artifacts.items()}
    except (TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    record = _made(Record, content, path)
    if rows != found:
        raise Incomplete(f"{path} has {found} rows where it says {rows}, and is left out; run the cell again")
    return record


def _content(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise _damaged(path, f"it is not of format {FORMAT}")
    return content


T = TypeVar("T", RunRecord, Record, Training)


def _made(kind: type[T], content: Mapping[str, Any], path: Path) -> T:
    unknown = set(content) - {f.name for f in fields(kind)}
    if unknown:
        raise _damaged(path, f"it has unknown {', '.join(sorted(unknown))}")
    try:
        return kind(**content)
    except TypeError as error:
        raise _damaged(path, str(error).partition(") ")[2] or str(error)) from None


def _damaged(path: Path, why: str) -> ResultsError:
    return ResultsError(f"{path} is no record of this version: {why}; delete it and run the cell again")

"""Text from outside in the files of results: any is kept, and none breaks a file or runs in a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t")


def encodable(text: str) -> str:
    """Without what UTF-8 cannot hold, such as the bytes of a path in another encoding: these are written as \\udce9."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def to_csv(frame: pd.DataFrame) -> str:
    """As CSV. A text that a spreadsheet would take for a formula gets a space in front (see `from_csv`), and one line
    of it is one line: some readers, and CPython's writer before 3.11.9, end a row at a lone carriage return.
    """
    return _texts(frame, _safe).to_csv(index=False, lineterminator="\n")


def from_csv(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame read from such a CSV, its texts as they were before `to_csv` put a space in front of them."""
    return _texts(frame, _bare)


def _texts(frame: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """The frame with its texts changed."""
    names = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{str(name): frame[name].map(change, na_action="ignore") for name in names})


def _safe(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    line = encodable(cell.replace("\r\n", " ").replace("\r", " ").replace("\n", " "))
    return f" {line}" if line.lstrip(" ").startswith(_FORMULA) else line


def _bare(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell[:1] == " " and cell.lstrip(" ").startswith(_FORMULA) else cell

"""Every figure of the experiments beyond accuracy: add a function here and it is in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from suite.drawing import Drawing
from suite.report import attacks, embeddings, landscapes, rates, resolutions, sweeps

FIGURES: tuple[Callable[[pd.DataFrame, Path], Iterator[Drawing]], ...] = (
    lambda frame, _folder: rates.draw(frame),
    lambda frame, _folder: resolutions.draw(frame),
    landscapes.draw,
    embeddings.draw,
    attacks.draw,
    sweeps.draw_leaks,
    lambda frame, _folder: sweeps.draw_diagnosis(frame),
    lambda frame, _folder: sweeps.draw_ladder(frame),
)


def draw(frame: pd.DataFrame, folder: Path) -> Iterator[Drawing]:
    """The figures for which a results frame has rows. `folder` is that of results.csv, with the artifacts.

    Raises ResultsError if an artifact that the rows point to is not there.
    """
    for figure in FIGURES:
        yield from figure(frame, folder)

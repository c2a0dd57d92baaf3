"""Spiking Heidelberg Digits: 8,156 + 2,264 spoken digits, English and German (20 classes).

The test set has two speakers whom the training set has not, so validation holds out whole speakers too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from suite.datasets.base import Dataset, Published, Timed
from suite.datasets.common.table5 import TEMPORAL
from suite.datasets.events.speech import DENSITY, DIGITS, Speech
from suite.datasets.standins import speech as standin

CLASSES = (*DIGITS, "null", "eins", "zwei", "drei", "vier", "fuenf", "sechs", "sieben", "acht", "neun")


def write_standin(folder: Path) -> None:
    """12 speakers, of whom 2 only in test; about 8,000 spikes a sample within 0.3 to 1.2 s."""
    train = dict.fromkeys((0, 1, 2, 3, 6, 7, 8, 9, 10, 11), 80)
    test = {**dict.fromkeys(train, 8), 4: 160, 5: 160}
    standin.write(
        folder / "SHD", "shd", CLASSES, {"train": train, "test": test}, spikes=8_000, length=(0.35, 1.1), seed=7
    )


SUITE = replace(TEMPORAL, data={"dt_ms": 4.0, "n_steps": 250}, batch_size=256)
FILES = Speech("shd", "SHD", CLASSES, write_standin, largest=4 * 10**9)

DATASET = Dataset(
    name="shd",
    title="SHD",
    kind="temporal",
    classes=CLASSES,
    load=FILES.load,
    protocols={"suite": SUITE, "paper": replace(TEMPORAL, data={"dt_ms": 1.0, "n_steps": 1000})},
    in_paper=True,
    folders=("SHD",),
    archives=FILES.archives,
    published=(Published(8_156, 2_264),),
    input_shape=(700,),
    timed=(
        Timed(density=DENSITY),
        Timed("recurrent", variant="with_recurrence", density=DENSITY),
        Timed("1000", protocol="paper", density=0.0058, batch_size=256),
    ),
)

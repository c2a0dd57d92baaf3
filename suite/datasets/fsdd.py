"""FSDD spikes: 2,700 + 300 spoken English digits of the Free Spoken Digit Dataset through SHD's cochlea model.

Validation holds out one of the six speakers, so it has a sixth of the samples.
"""

from __future__ import annotations

from pathlib import Path

from suite.datasets import shd
from suite.datasets.base import Dataset, Published
from suite.datasets.events.speech import DIGITS, Speech
from suite.datasets.standins import speech as standin


def write_standin(folder: Path) -> None:
    """6 speakers in both splits; about 4,000 spikes a sample within 0.2 to 0.7 s."""
    parts = {part: dict.fromkeys(range(6), n) for part, n in (("train", 200), ("test", 50))}
    standin.write(folder / "FSDD", "fsdd", DIGITS, parts, spikes=4_000, length=(0.25, 0.65), seed=8)


FILES = Speech("fsdd", "FSDD", DIGITS, write_standin, label="FSDD spikes")

DATASET = Dataset(
    name="fsdd",
    title="FSDD spikes",
    kind="temporal",
    classes=DIGITS,
    load=FILES.load,
    protocols={"suite": shd.SUITE},
    folders=("FSDD",),
    by_hand="FSDD spikes are no published download: they are the Free Spoken Digit Dataset put through SHD's cochlea "
    "model. Put fsdd_train.h5 and fsdd_test.h5 into {folder}/FSDD",
    published=(Published(2_700, 300, classes={"train": (270,) * 10, "test": (30,) * 10}, sources=("FSDD spikes",)),),
    input_shape=(700,),
    batches_timed=True,
)

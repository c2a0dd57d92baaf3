"""Spiking Speech Commands: 75,466 + 9,981 (validation) + 20,382 spoken words (35 classes)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from suite.datasets import shd
from suite.datasets.base import Dataset, Published, Timed
from suite.datasets.events.speech import DENSITY, DIGITS, Speech
from suite.datasets.standins import speech as standin

COMMANDS = "yes no up down left right on off stop go backward forward follow learn"
OTHERS = "bed bird cat dog happy house marvin sheila tree visual wow"
CLASSES = (*COMMANDS.split(), *DIGITS, *OTHERS.split())


def write_standin(folder: Path) -> None:
    """Many speakers, each in one split only; about 8,000 spikes a sample within 1 s."""
    speakers = {"train": range(40), "valid": range(40, 48), "test": range(48, 60)}
    parts = {part: dict.fromkeys(some, 35) for part, some in speakers.items()}
    standin.write(folder / "SSC", "ssc", CLASSES, parts, spikes=8_000, length=(0.65, 0.8), seed=35)


SUITE = replace(shd.SUITE, hidden=(200,))
FILES = Speech("ssc", "SSC", CLASSES, write_standin, ("train", "valid", "test"), largest=16 * 10**9)

DATASET = Dataset(
    name="ssc",
    title="SSC",
    kind="temporal",
    classes=CLASSES,
    load=FILES.load,
    protocols={"suite": SUITE, "paper": replace(SUITE, data={"dt_ms": 1.0, "n_steps": 1000}, batch_size=512)},
    in_paper=True,
    folders=("SSC",),
    archives=FILES.archives,
    published=(Published(75_466, 20_382, validation=9_981),),
    input_shape=(700,),
    timed=(Timed(density=DENSITY),),
)

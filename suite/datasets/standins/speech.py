"""Stand-ins of spoken words: spike patterns on smooth random manifolds, in the originals' HDF5 files.

After Zenke & Vogels 2021 ("The remarkable robustness of surrogate gradient learning", Section 4.2): in each class, the
time of a channel's spike is a smooth random function (a sum of sines with decaying amplitudes) of a few hidden
coordinates, drawn anew for every sample. Classes differ in when channels fire and hardly in which, so that spike
counts alone tell little. Speakers differ in tempo, pitch, loudness and in the part of the manifold that they use, and a
tenth of the spikes is noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

VERSION = 1  # raise it when other spikes come out

CHANNELS = 700
_DIMENSIONS = 2  # of the manifold
_SINES = 5
_SMOOTH = 2.0  # amplitudes fall as n^-_SMOOTH
_SPEED = 0.3  # periods of the slowest sine over the manifold: larger is harder
_ACTIVE = 0.5  # part of the channels that a word excites
_OWN = 2  # channels that a class has and the others have not
_NOISE = 0.1  # spikes in no relation to the word, per spike that has one
_RELEASE_S = 0.004  # jitter of a spike


def write(
    folder: Path,
    name: str,
    keys: Sequence[str],
    splits: Mapping[str, Mapping[int, int]],
    spikes: int,
    length: tuple[float, float],
    seed: int,
) -> None:
    """folder/<name>_<split>.h5. keys: names of the classes. splits: how many samples each speaker says in each file,
    spread evenly over the classes. spikes: of a sample, about. length: shortest and longest, in seconds.
    """
    import h5py

    folder.mkdir(parents=True, exist_ok=True)
    manifold = _Manifold(len(keys), spikes, np.random.default_rng([seed, 0]))
    for number, (split, speakers) in enumerate(splits.items(), 1):
        generator = np.random.default_rng([seed, number])
        said = [(speaker, i % len(keys)) for speaker, n in speakers.items() for i in range(n)]
        order = generator.permutation(len(said))
        # In memory, as HDF5 crashes where the disk is full.
        with h5py.File(name, "w", driver="core", backing_store=False, libver=("earliest", "v110")) as file:
            times = file.create_dataset("spikes/times", len(said), dtype=h5py.vlen_dtype(np.float16))
            units = file.create_dataset("spikes/units", len(said), dtype=h5py.vlen_dtype(np.uint16))
            for i, at in enumerate(order):
                speaker, label = said[at]
                times[i], units[i] = manifold.sample(label, speaker, length, generator)
            file["labels"] = np.array([said[at][1] for at in order], dtype=np.uint16)
            file["extra/speaker"] = np.array([said[at][0] for at in order], dtype=np.uint16)
            file["extra/keys"] = np.array(keys, dtype="S")
            file.flush()
            (folder / f"{name}_{split}.h5").write_bytes(file.id.get_file_image())


class _Manifold:
    """The classes' smooth functions from hidden coordinates to the times of spikes, relative to the word's length."""

    def __init__(self, n_classes: int, spikes: int, generator: np.random.Generator) -> None:
        self.bursts = round(spikes / (1 + _NOISE) / CHANNELS / _ACTIVE / 3)  # a burst is 3 spikes on average
        channels = generator.permutation(CHANNELS)
        n_active = round(_ACTIVE * CHANNELS)
        self.active = np.isin(np.arange(CHANNELS), channels[:n_active])[None].repeat(n_classes, axis=0)
        for label in range(n_classes):
            self.active[label, channels[n_active + label * _OWN :][:_OWN]] = True
        shape = (n_classes, self.bursts, CHANNELS, _DIMENSIONS, _SINES)
        self.amplitude = generator.normal(size=shape).astype(np.float32) / np.arange(1, _SINES + 1) ** _SMOOTH
        self.phase = generator.uniform(0, 2 * np.pi, shape).astype(np.float32)

    def sample(
        self, label: int, speaker: int, length: tuple[float, float], generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Times [E] float16 in seconds, in order, and channels [E] uint16."""
        voice = np.random.default_rng([speaker, 0x5A])  # the same in every file
        tempo, shift, loudness = voice.uniform(0.85, 1.15), voice.integers(-8, 9), voice.uniform(0.85, 1.15)
        hidden = generator.uniform(0, 1, _DIMENSIONS) * 0.7 + voice.uniform(0, 0.3, _DIMENSIONS)
        n = np.arange(1, _SINES + 1)
        wave = self.amplitude[label] * np.sin(2 * np.pi * n * hidden[:, None] * _SPEED + self.phase[label])
        place = wave.sum(axis=(2, 3))  # [bursts, CHANNELS], about normal
        relative = 1 / (1 + np.exp(-1.2 * place))
        seconds = generator.uniform(*length) * tempo
        count = generator.poisson(3 * loudness, relative.shape) * self.active[label]
        burst, channel = np.nonzero(count)
        repeat = count[burst, channel]
        start = generator.uniform(0.01, 0.08)
        at = np.repeat(start + seconds * relative[burst, channel], repeat)
        at += np.abs(generator.normal(0, _RELEASE_S, len(at)))
        unit = np.clip(np.repeat(channel, repeat) + shift, 0, CHANNELS - 1)
        noise = round(_NOISE * len(at))
        at = np.concatenate([at, generator.uniform(0, start + seconds, noise)])
        unit = np.concatenate([unit, generator.integers(0, CHANNELS, noise)])
        order = np.argsort(at, kind="stable")
        return at[order].astype(np.float16), unit[order].astype(np.uint16)

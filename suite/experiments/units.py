"""Metrics and units that several experiments have."""

from __future__ import annotations

from suite.experiments.base import Metric

RATE = "spikes per neuron and step"
OPERATIONS = "operations per sample"

ACCURACY = Metric("test_accuracy", "fraction", higher_is_better=True)
SPIKE_RATE = Metric("spike_rate", RATE)
DEAD_FRACTION = Metric("dead_fraction", "fraction of neurons")

"""Table 5: the paper's hyper-parameters, which the datasets' protocols start from."""

from __future__ import annotations

from neurons import Learnable, rectangle
from suite.protocols import Protocol, StepLR

TEMPORAL = Protocol(
    data={},
    hidden=(64,),
    epochs=100,
    batch_size=512,
    learning_rate=1e-2,
    schedule=StepLR(20, 0.5),
    threshold=0.5,
    surrogate=rectangle(0.5),
    leakage=Learnable(),
    readout="integrator",
)
SPATIAL = Protocol(
    data={},
    hidden=(512,),
    epochs=100,
    batch_size=1024,
    learning_rate=1e-4,
    schedule=StepLR(25, 0.1),
    threshold=0.3,
    surrogate=rectangle(0.25),
    loss="mse",
)
"""Spatio-temporal datasets too."""

"""In what a layer computes."""

from __future__ import annotations

import torch


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """The state's, the drive's and every constant's, where the input current is `dtype`: a potential that is summed up
    in 16 bits would lose small inputs.
    """
    return torch.float64 if dtype == torch.float64 else torch.float32

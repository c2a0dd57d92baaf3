"""What of torch looks into a computation, where kernels are opaque."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

P = ParamSpec("P")
R = TypeVar("R")


def watched() -> str | None:
    """Who has to see every operation of torch, and would see nothing of a kernel; None if nobody is there."""
    if torch._C._are_functorch_transforms_active():
        return "a transformation of torch.func is active"
    if _get_current_dispatch_mode() is not None:
        return "a TorchDispatchMode is active, such as a counter of operations"
    return None


_CALL = nn.Module.__call__


def exported() -> bool:
    """Whether an exporter such as nirtorch is following which module calls which: it takes the place of their call."""
    return nn.Module.__call__ is not _CALL


def uncompiled(function: Callable[P, R]) -> Callable[P, R]:
    """As `torch.compiler.disable`, a break in the graph, applied when there is a compiler to see it: its import takes a
    second, which programs that do not compile are spared.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            result: R = torch.compiler.disable(function)(*args, **kwargs)
            return result
        return function(*args, **kwargs)

    return call

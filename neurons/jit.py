"""Numba's compiler with its cache where there can be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """As `numba.njit(cache=True, ...)`; compiled anew in each process where neither the package's folder nor the home
    can be written, which Numba refuses.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:
            return numba.njit(**options)(function)

    return decorate

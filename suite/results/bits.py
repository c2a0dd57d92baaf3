"""True or false for each of many samples, as one text."""

from __future__ import annotations

import numpy as np

_PREFIX = "b-"
"""So that nobody who reads a table takes the digits for a number (12345e678901)."""


def packed(flags: np.ndarray) -> str:
    """Flags [n] as hex digits, the first flag the highest bit."""
    return _PREFIX + np.packbits(flags.astype(bool)).tobytes().hex()


def unpacked(text: str, n: int) -> np.ndarray:
    """Undo `packed`: [n]. Raises ValueError if the text is not of n flags."""
    digits = text.removeprefix(_PREFIX)
    if digits == text or len(digits) != 2 * -(-n // 8):
        raise ValueError(f"{text[:20]!r} is not {n} flags: {_PREFIX} and {2 * -(-n // 8)} hex digits")
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), dtype=np.uint8), count=n).astype(bool)

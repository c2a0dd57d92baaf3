"""Which test samples are right, as one text."""

from __future__ import annotations

import numpy as np
import pytest

from suite.results.bits import packed, unpacked


def test_bits_are_hex_with_the_first_flag_highest() -> None:
    assert packed(np.array([1, 0, 0, 0, 0, 0, 0, 1, 1])) == "b-8180"
    assert unpacked("b-8180", 9).tolist() == [True, *[False] * 6, True, True]
    for n in (1, 7, 8, 9, 1000):
        flags = np.random.default_rng(n).random(n) < 0.5
        assert (unpacked(packed(flags), n) == flags).all()


@pytest.mark.parametrize(("text", "n"), [("8180", 9), ("b-81", 9), ("b-8180", 8), ("b-zz80", 9)])
def test_another_text_is_refused(text: str, n: int) -> None:
    with pytest.raises(ValueError, match="hex"):
        unpacked(text, n)

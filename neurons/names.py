"""One way to say that a name is unknown: the nearest known one, and the list."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """A ValueError for `name`, which should have been one of `known`.

    >>> unknown_name("variant", "basline", ["baseline", "without_reset"]).args[0]
    "unknown variant 'basline'; did you mean 'baseline'? Known: baseline, without_reset"
    """
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {kind} {name!r};{hint} Known: {', '.join(known)}")

"""The terminal: where the command line prints. All that it shows may hold text from outside: names, paths, messages."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console

_GIVEN = sys.stdout is None or sys.stdout.isatty() or "COLUMNS" in os.environ

console = Console(width=None if _GIVEN else 200, markup=False, emoji=False)  # a file takes wide tables
"""Results, on standard output. Text is text: "[a]" and ":a:" are shown as they are."""

notes = Console(stderr=True, markup=False, emoji=False)
"""What goes on, and what went wrong, on standard error."""


def show_all_text() -> None:
    """Have what the terminal's encoding lacks replaced by a question mark, where it would end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

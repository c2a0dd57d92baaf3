"""Shared by all tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Set before anything asks: tests must not find the data or the caches of whoever runs them.
_FOLDER = tempfile.mkdtemp(prefix="lif-roles-tests-")
os.environ["LIF_ROLES_CACHE"] = str(Path(_FOLDER, "cache"))
os.environ.setdefault("MPLBACKEND", "Agg")

pytest_plugins = ["pytester"]

"""Print the schema of results.csv: `python -m suite.results > results/schema.json`."""

from __future__ import annotations

import json

from suite.results.rows import schema

print(json.dumps(schema(), indent=2))

"""The published schema and its documentation are those of the code."""

import json
from pathlib import Path

from suite.results import COLUMNS, STATUSES, schema

RESULTS = Path(__file__).parents[1] / "results"


def test_published_schema_is_the_codes():
    assert json.loads((RESULTS / "schema.json").read_text()) == schema()


def test_readme_documents_every_column_and_status():
    text = (RESULTS / "README.md").read_text()
    assert [column.name for column in COLUMNS if f"`{column.name}`" not in text] == []
    assert [status for status in STATUSES if f"`{status}`" not in text] == []

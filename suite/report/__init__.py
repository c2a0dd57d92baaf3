"""Tables, figures and one HTML page from results."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from suite.errors import ResultsError
from suite.results import Results, read
from suite.results.files import sweep


def make(results: str | os.PathLike[str], out: Path) -> list[Path]:
    """Write the report on the results at a path (`suite.results.read`); see `write`."""
    return write(read(results), out)


def write(results: Results, out: Path) -> list[Path]:
    """Write Tables 6 and 7, the trade-off of Section 5, the frameworks' agreement and the verdicts on the paper's
    claims (CSV, Markdown, LaTeX; those that have rows), every figure (PNG, SVG, CSV) and the page index.html into
    `out`.

    All of it or nothing: what an earlier report left there is replaced at the end, file by file. Returns the paths, the
    page first. Raises ResultsError if there are no results, if they break the schema, or if `out` cannot be written.
    """
    from suite import drawing
    from suite.report import figures, page
    from suite.report.agreement import agreement
    from suite.report.measured import checked
    from suite.report.table6 import table6
    from suite.report.table7 import table7
    from suite.report.tradeoff import tradeoff
    from suite.report.verdicts import claims

    results = checked(results)
    try:
        out.mkdir(parents=True, exist_ok=True)
        sweep(out, ".report-*")
        with tempfile.TemporaryDirectory(prefix=".report-", dir=out) as temporary:
            folder = Path(temporary)
            drawn = figures.draw(results)
            saved = [drawing.save(one, folder) for own in drawn.values() for one in own]
            tables = {
                table.name: table for table in (make(results) for make in (table6, table7, tradeoff, agreement, claims))
            }
            texts = {"index.html": page.render(results, tables, drawn, figures.without(results))}
            for name, table in tables.items():
                if table.rows:
                    texts |= {f"{name}.csv": table.csv(), f"{name}.md": table.markdown(), f"{name}.tex": table.latex()}
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")  # paths of any bytes
            made = [folder / name for name in texts] + [path for paths in saved for path in paths]
            for path in made:
                os.replace(path, out / path.name)
    except OSError as error:
        raise ResultsError(f"cannot write the report to {out}: {error.strerror or error}") from None
    return [out / path.name for path in made]

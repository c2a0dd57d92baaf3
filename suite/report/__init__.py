"""Tables, figures and one HTML page from results.csv."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from suite.errors import ResultsError
from suite.results import load


def make(results: Path, out: Path) -> list[Path]:
    """Write Tables 6 and 7, the trade-off of Section 5, the frameworks' agreement, the verdicts on the paper's claims,
    every figure (PNG, SVG, CSV) and the page report.html into `out`.

    All of it or nothing: what an earlier report left there is replaced at the end, file by file. Returns the paths, the
    page first. Raises ResultsError if there are no results, if they break the schema, or if `out` cannot be written.
    """
    from suite import drawing
    from suite.report import accuracies, curves, experiments, page, traces
    from suite.report.agreement import agreement
    from suite.report.claims import verdicts
    from suite.report.table7 import table7
    from suite.report.tables import table6
    from suite.report.tradeoff import tradeoff_files

    frame = load(results)
    beside = results if results.is_dir() else results.parent
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=out) as temporary:
            folder = Path(temporary)
            drawings = [traces.draw(), *accuracies.draw(frame), *curves.draw(frame), *experiments.draw(frame, beside)]
            figures = [drawing.save(one, folder) for one in drawings]
            texts = {
                "report.html": page.render(
                    frame, [(one, svg) for one, (_, svg, _) in zip(drawings, figures, strict=True)]
                ),
                **table6(frame),
                **table7(frame),
                **tradeoff_files(frame),
                "claims.csv": verdicts(frame).to_csv(index=False, lineterminator="\n"),
                "agreement.csv": agreement(frame).to_csv(index=False, lineterminator="\n"),
            }
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8")
            made = [folder / name for name in texts] + [path for paths in figures for path in paths]
            for path in made:
                os.replace(path, out / path.name)
    except OSError as error:
        raise ResultsError(f"cannot write the report to {out}: {error.strerror or error}") from None
    return [out / path.name for path in made]

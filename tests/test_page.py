"""The page as readers see it: in a browser, narrow and wide, light, dark and printed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from browser import browser, find
from report_rows import artifact, curves, results_of, row
from test_report_experiments import ON, attack_rows, resolution

from suite import report

pytestmark = pytest.mark.skipif(find() is None, reason="there is no chromium here (Debian: apt-get install chromium)")

HIT = "<script>window.hit=1</script>"
NASTY = '"><img src=x onerror=window.hit=1>'
PAIR = {"spikingjelly": "spikingjelly-step", "snntorch": "snntorch-step"}


def everything():
    """Rows that fill every part of the page; names that would do harm if they were no text."""
    rows, lines = [], []
    values = {"baseline": 0.75, "without_leakage": 0.6, "without_reset": 0.9, "with_recurrence": 0.95, HIT: 0.5}
    for backend, kernel in PAIR.items():
        for variant, value in values.items():
            for seed in range(5):
                about = {"variant": variant, "backend": backend, "kernel": kernel, "engine": "step", "seed": seed}
                for dataset in ("xor", "mnist", NASTY):
                    source = {
                        "data_source": HIT if dataset == NASTY else "generated" if dataset == "xor" else "original"
                    }
                    rows.append(row(value=value + 0.01 * seed, dataset=dataset, **source, **about))
                lines += curves(train_accuracy=[0.5, value], validation_accuracy=[0.5, value], **about)
                other = {"neuron": next(name for name in PAIR.values() if name != kernel)}
                checked = {"experiment": "cross_check", "at": other, **about}
                rows.append(row(metric="changed_predictions", value=0.01, **checked))
                rows.append(row(metric="unexplained", value=0, **{**checked, "unit": "neurons"}))
    for variant in ("baseline", "without_leakage", "without_reset"):
        for seed in (0, 1):
            rows += resolution(variant, (0.8, 0.9, 0.95, 0.9, 0.7), seed=seed)
            rows += resolution(variant, (0.8, 0.9, 0.95, 0.9, 0.7), mode="fixed_window", seed=seed)
            rows.append(row(value=0.95, variant=variant, seed=seed, **ON))
        rows += attack_rows(variant, [4, 8, 12])
    rows.append(row(experiment=HIT, metric=HIT, unit=NASTY, value=1.5, at={"layer": NASTY}))
    rows.append(row(value=None, status="failed", seed=7, reason=f"{HIT} {NASTY} javascript:window.hit=1"))
    rows.append(artifact("tsne", None, experiment="features", value=3, **ON))
    return results_of(rows, lines, unreadable={rows[-1]["run_id"]})


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return report.write(everything(), tmp_path_factory.mktemp("page"))[0]


@pytest.fixture(scope="module")
def tab():
    with browser() as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_said_on_the_console_and_nothing_overflows(page, tab, width, dark):
    tab.open(page.as_uri(), width, dark=dark)
    tab.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert tab.said == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.wide, .picture, thead') &&
        one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 200))"""
    assert tab.run(outside) == []


def test_the_answer_is_one_screen(page, tab):
    tab.open(page.as_uri(), 1280, 900)
    assert tab.run("document.querySelector('.answer').getBoundingClientRect().bottom") <= 900


def test_nothing_from_the_rows_is_executed(page, tab):
    tab.open(page.as_uri())
    for box in tab.run("[...document.querySelectorAll('input')].map((one, i) => i)"):
        tab.run(f"document.querySelectorAll('input')[{box}].value = {json.dumps(NASTY)}")
    assert tab.run("window.hit") is None
    assert tab.run("document.scripts.length") == 1
    assert tab.run("[...document.images].every(one => one.src.startsWith('data:'))")
    assert HIT in tab.run("document.querySelector('main').textContent")
    tab.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.hit=1\">')")
    assert tab.run("new Promise(done => setTimeout(() => done(window.hit), 200))") is None  # the page's policy


def test_every_link_leads_somewhere(page, tab):
    tab.open(page.as_uri())
    links = tab.run("[...document.querySelectorAll('[href]')].map(one => one.getAttribute('href'))")
    assert len(links) > 20
    names = tab.run("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(names) == len(set(names))
    for link in links:
        if link.startswith("#"):
            assert link[1:] in names
        else:
            assert (page.parent / unquote(urlparse(link).path)).exists()
    sources = tab.run("[...document.images].map(one => [one.complete && one.naturalWidth, one.alt])")
    assert all(width and alt for width, alt in sources)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(page, tab, width, dark):
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("there is no package axe-core-python")
    tab.open(page.as_uri(), width, dark=dark)
    tab.run("for (const one of document.querySelectorAll('details')) one.open = true")
    tab.run(Path(found.origin).with_name("axe.min.js").read_text("utf-8") + "; 0")
    violations = tab.run("axe.run().then(found => found.violations)")
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in violations] == []


COLUMN = """[...document.querySelectorAll('#table6 ~ .wide')[0].querySelector('tbody:nth-of-type(2)').rows]
    .filter(one => !one.className && !one.hidden).map(one => one.cells[{}].textContent.trim())"""


def test_tables_are_sorted_by_a_click_and_by_a_key(page, tab):
    tab.open(page.as_uri())
    heading = "document.querySelectorAll('#table6 ~ .wide')[0].querySelectorAll('th button')[1]"
    before = tab.run(COLUMN.format(1))
    numbers = [float(text.split()[0]) for text in before]
    assert numbers != sorted(numbers)
    tab.run(f"{heading}.click()")
    assert [float(text.split()[0]) for text in tab.run(COLUMN.format(1))] == sorted(numbers)
    assert tab.run(f"{heading}.parentNode.getAttribute('aria-sort')") == "ascending"
    tab.run(f"{heading}.focus()")
    tab.key("Enter", 13)
    assert [float(text.split()[0]) for text in tab.run(COLUMN.format(1))] == sorted(numbers, reverse=True)
    assert tab.run(f"{heading}.parentNode.getAttribute('aria-sort')") == "descending"
    assert tab.said == []


def test_tables_are_filtered(page, tab):
    tab.open(page.as_uri())
    box = "document.querySelectorAll('#table6 ~ .filter')[0].querySelector('input')"
    tab.run(f"{box}.value = 'RESET'; {box}.dispatchEvent(new Event('input'))")
    assert tab.run(COLUMN.format(0)) == ["without reset"]
    assert " of " in tab.run(f"{box}.parentNode.querySelector('output').textContent")
    assert tab.run("document.querySelectorAll('table.data').length == document.querySelectorAll('.filter').length")


def test_without_a_script_the_page_is_whole(page, tab):
    tab.open(page.as_uri())
    with_script = tab.run("document.querySelectorAll('tbody tr').length")
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(page.as_uri())
        assert tab.run("document.querySelectorAll('tbody tr').length") == with_script
        assert tab.run("document.querySelectorAll('input, button').length") == 0
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_what_is_folded_is_printed(page, tab):
    tab.open(page.as_uri())
    assert tab.run("document.querySelectorAll('details:not([open])').length") > 0
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run("document.querySelectorAll('details:not([open])').length") == 0
    tab.open(page.as_uri(), media="print", dark=True)
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.run("getComputedStyle(document.querySelector('.chip.good')).color") == "rgb(10, 95, 54)"  # as in light
    assert tab.run("getComputedStyle(document.querySelector('.filter')).display") == "none"
    tab.open(page.as_uri())


def test_the_page_is_small(page):
    assert page.stat().st_size < 3_000_000

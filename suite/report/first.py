"""The page's first screen: what each component does, in each role, on each kind of data, and on both frameworks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite.paper import FIRST_ON
from suite.report import commands
from suite.report.agreement import cross_check_notes
from suite.report.answer import COMPONENTS, ROLES, Effect, one_framework
from suite.report.components import WITH_AND_WITHOUT
from suite.report.measured import framework_name, measured, papers_data
from suite.report.values import ACCURACY
from suite.results import Results

KINDS = ("temporal", "spatio-temporal", "spatial")

HEADINGS = {
    "accuracy": ("Accuracy", "points of test accuracy"),
    "generalization": ("Generalization", "points kept at other resolutions"),
    "robustness": ("Robustness", "flips that mislead it"),
    "operations": ("Cost", "operations a sample"),
}
"""Of each role: its name, and what its numbers are."""

GLYPHS = {"raises": "▲", "lowers": "▼", "practically equal": "=", "undecided": "?"}

_EXPERIMENTS = {"operations": "spike_rate"}


@dataclass(frozen=True)
class Entry:
    """A dataset's line in a cell of the answer; `whole`: the same in a sentence. tone: "good", "bad", "equal" or
    "unsure". anchor: where its evidence is.
    """

    dataset: str
    glyph: str
    text: str
    whole: str
    tone: str
    anchor: str


@dataclass(frozen=True)
class Cell:
    """What is known of a component in a role on a kind of data: entries, or why there are none."""

    role: str
    entries: tuple[Entry, ...]
    lack: str = ""
    anchor: str = ""


def grid(effects: Sequence[Effect]) -> list[tuple[str, list[tuple[str, list[Cell]]]]]:
    """For each component and kind of data the cells of the roles."""
    return [
        (component, [(kind, [_cell(effects, component, kind, role) for role in ROLES]) for kind in KINDS])
        for component in COMPONENTS
    ]


def _cell(effects: Sequence[Effect], component: str, kind: str, role: str) -> Cell:
    own = [one for one in effects if (one.component, one.kind, one.role) == (component, kind, role)]
    entries = [entry for dataset in dict.fromkeys(_dataset(one) for one in own) for entry in _entries(own, dataset)]
    if entries:
        return Cell(role, tuple(entries))
    if role not in FIRST_ON[kind]:
        return Cell(role, (), "not defined for images")
    return Cell(role, (), "not tested yet", _to_test(role, kind))


def _dataset(one: Effect) -> str:
    return str(one.setting["dataset"])


def anchor(one: Effect) -> str:
    """The name of an effect's dataset's place in the evidence."""
    return "-".join(["effect", one.component, one.role, _slug(_dataset(one))])


def _slug(text: str) -> str:
    """Letters that a link may have; others by their code."""
    return "".join(sign if (sign.isascii() and sign.isalnum()) or sign == "_" else f"-{ord(sign):x}-" for sign in text)


def _to_test(role: str, kind: str) -> str:
    return f"to-test-{role}-{kind}"


def _entries(own: Sequence[Effect], dataset: str) -> list[Entry]:
    """One for a dataset if the frameworks say the same there, else one for each; of the setting with the most seeds, on
    the paper's data before others.
    """
    settings: dict[tuple[str, ...], list[Effect]] = {}
    for one in own:
        if _dataset(one) == dataset:
            about = (str(value) for name, value in one.setting.items() if name not in ("backend", "kernel"))
            settings.setdefault(tuple(about), []).append(one)
    best = max(settings.values(), key=_weight)
    if len({one.verdict for one in best}) == 1:
        return [_entry(max(best, key=lambda one: one.evidence.n), "")]
    return [_entry(one, framework_name(one.setting["backend"])) for one in best]


def _weight(setting: Sequence[Effect]) -> tuple[int, bool, int, int]:
    first = setting[0].setting
    n = min(one.evidence.n for one in setting)
    return int(first["benchmark_version"]), papers_data(first["data_source"]), n, len(setting)


def _entry(one: Effect, framework: str) -> Entry:
    source = str(one.setting["data_source"])
    name = _dataset(one) + " †" * (not papers_data(source)) + f", {framework}" * bool(framework)
    text, sure = amount(one), certainty(one)
    verb = {"practically equal": "makes practically no difference to", "undecided": "has no decided effect on"}
    whole = (
        f"{one.component} {verb.get(one.verdict, one.verdict)} {one.role} on {_dataset(one)} ({source}): {text}, {sure}"
    )
    tone = {True: "good", False: "bad", None: "equal" if one.verdict == "practically equal" else "unsure"}[one.good]
    return Entry(
        name,
        GLYPHS[one.verdict],
        text if one.evidence.learnt else f"{text}, n={one.evidence.n}",
        whole,
        tone,
        anchor(one),
    )


def amount(one: Effect) -> str:
    """An effect's size and interval: in points, in per cent of what it is without, or as seeds that learn."""
    e = one.evidence
    if e.learnt is not None:
        return f"{e.learnt[0]} of {e.n} seeds learn, {e.learnt[1]} without"
    without = e.means[1]
    if one.unit == ACCURACY:
        scale, unit = 100.0, ""
    elif without > 0:
        scale, unit = 100 / without, " %"
    else:
        scale, unit = 1.0, ""
    digits = 1 if abs(scale * e.mean) < 100 else 0
    interval = "" if math.isnan(e.low) else f" [{scale * e.low:+z.{digits}f}, {scale * e.high:+z.{digits}f}]"
    return f"{scale * e.mean:+z.{digits}f}{unit}{interval}"


def certainty(one: Effect) -> str:
    """How sure an effect is: its seeds, p adjusted for the report, and how many seeds would decide."""
    said = [f"n = {one.evidence.n}"]
    if not math.isnan(one.p):
        said.append(f"p = {one.p:.2g}")
    needed = one.evidence.needed
    if one.verdict == "undecided" and needed is not None and needed > one.evidence.n:
        said.append(f"{needed} seeds would decide")
    return ", ".join(said)


def frameworks(effects: Sequence[Effect], results: Results) -> list[str]:
    """Whether the answer survives a change of framework, in a sentence; then what the cross-checks found."""
    pairs: dict[tuple[str, ...], list[Effect]] = {}
    for one in effects:
        about = (str(value) for name, value in one.setting.items() if name not in ("backend", "kernel"))
        pairs.setdefault((one.component, one.role, *about), []).append(one)
    found = [(one_framework(pair), pair) for pair in pairs.values()]
    differ = [pair[0] for how, pair in found if how == "differ"]
    own = [pair for how, pair in found if how in ("same", "differ", "undecided")]
    n_decided = sum(how in ("same", "differ") for how, _ in found)
    n_kernel = sum(how == "same kernel" for how, _ in found)
    means = ([one.evidence.mean for one in pair if one.unit == ACCURACY] for pair in own)
    apart = [max(pair) - min(pair) for pair in means if len(pair) > 1]
    if not own:
        said = "Not tested: no effect was measured on both frameworks, each by its own stepping."
    elif not n_decided:
        said = f"Not known yet: of {_effects(len(own))} measured on both frameworks, each by its own stepping, none is "
        said += "decided on both."
    else:
        n_same = n_decided - len(differ)
        said = "Not everywhere" if differ else "Yes, as far as it is tested"
        said += f": of {_effects(n_decided)} decided on both frameworks, each by its own stepping, "
        said += f"{n_same} ha{'s' if n_same == 1 else 've'} the same verdict on both"
        names = [f"{one.component} for {one.role} on {_dataset(one)}" for one in differ]
        said += f"; not so: {', '.join(names[:5])}" * bool(names) + f" and {len(names) - 5} more" * (len(names) > 5)
        open_ = len(own) - n_decided
        said += f"; {open_} more {'is' if open_ == 1 else 'are'} undecided on one or both" * bool(open_) + "."
    if apart:
        said += f" Effects on accuracy differ between the frameworks by at most {100 * max(apart):.1f} points."
    if n_kernel:
        said += f" {n_kernel} more were computed by one kernel for both, which proves nothing."
    checked = [*cross_check_notes(results), *_spikes(results)]
    return [said, *(checked or ["No run has been cross-checked on the other framework's neurons."])]


def _effects(n: int) -> str:
    return f"{n} effect{'s' * (n != 1)}"


def _spikes(results: Results) -> list[str]:
    rows = measured(results, "cross_check", "differing_spikes")
    return [f"Of the hidden spikes at most {100 * rows['value'].max():.2g} % differ."] if len(rows) else []


def others_data(effects: Iterable[Effect]) -> list[str]:
    """Of the datasets that are marked in the grid, what their data are."""
    return sorted(
        {f"{_dataset(e)}: {e.setting['data_source']}" for e in effects if not papers_data(e.setting["data_source"])}
    )


def untested(effects: Iterable[Effect]) -> list[tuple[str, str, str]]:
    """For each role and kind of data that lacks a component: the anchor, what is missing, and the command."""
    there = {(one.component, one.kind, one.role) for one in effects}
    found = []
    for kind in KINDS:
        for role, dataset in FIRST_ON[kind].items():
            lack = [component for component in COMPONENTS if (component, kind, role) not in there]
            if lack:
                variants = dict.fromkeys(name for component in lack for name in WITH_AND_WITHOUT[component])
                command = commands.run(_EXPERIMENTS.get(role, role), dataset, variants)
                found.append((_to_test(role, kind), f"{', '.join(lack)} for {role} on {kind} data", command))
    return found

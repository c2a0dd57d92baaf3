"""The first screen says what the rows show, how sure it is, and what is not known."""

import math

import pytest
from report_rows import artifact, ready, row

from suite.report import commands, first
from suite.report.answer import Effect, effects
from suite.report.claims import CLAIMS
from suite.report.figures import overview
from suite.report.inference import Evidence

SETTING = {
    "benchmark_version": 3,
    "dataset": "xor",
    "data_source": "generated",
    "data_hash": "a",
    "protocol": "suite",
    "protocol_hash": "0",
    "engine": "step",
    "kernel": "spikingjelly-step",
    "backend": "spikingjelly",
}
SNNTORCH = {"backend": "snntorch", "kernel": "snntorch-step"}


def effect(verdict="raises", mean=0.12, n=5, unit="accuracy", role="accuracy", kind="temporal", learnt=None, **setting):
    good = None if verdict in ("undecided", "practically equal") else (verdict == "raises") != (role == "operations")
    evidence = Evidence(
        n, mean, mean - 0.02, mean + 0.02, 0.01, math.nan, 1.0, "paired t", means=(1.0, 0.5), learnt=learnt
    )
    return Effect("leakage", role, kind, {**SETTING, **setting}, evidence, verdict, good, 0.02, unit, "")


def cells(found):
    """By component, kind and role."""
    return {(name, kind, cell.role): cell for name, of in first.grid(found) for kind, row_ in of for cell in row_}


def test_a_cell_has_direction_size_and_certainty():
    (entry,) = cells([effect()])["leakage", "temporal", "accuracy"].entries
    assert (entry.glyph, entry.tone, entry.text) == ("▲", "good", "+12.0 [+10.0, +14.0], n=5")
    assert entry.whole == "leakage raises accuracy on xor (generated): +12.0 [+10.0, +14.0], n = 5, p = 0.02"
    assert entry.anchor == "effect-leakage-accuracy-xor"


def test_seeds_that_learn_are_counted_and_costs_are_shares_of_what_they_are_without():
    found = [effect("lowers", -1.0, unit="share of seeds", learnt=(0, 5)), effect(unit="", mean=0.3, role="operations")]
    by = cells(found)
    (entry,) = by["leakage", "temporal", "accuracy"].entries
    assert (entry.glyph, entry.tone, entry.text) == ("▼", "bad", "0 of 5 seeds learn, 5 without")
    (entry,) = by["leakage", "temporal", "operations"].entries  # 0.3 of 0.5; a higher cost is worse
    assert (entry.tone, entry.text) == ("bad", "+60.0 % [+56.0, +64.0], n=5")


def test_frameworks_that_say_the_same_are_one_entry_and_others_two():
    same = cells([effect(), effect(mean=0.13, **SNNTORCH)])["leakage", "temporal", "accuracy"]
    assert [entry.dataset for entry in same.entries] == ["xor"]
    other = cells([effect(), effect("undecided", 0.01, **SNNTORCH)])["leakage", "temporal", "accuracy"]
    assert [entry.dataset for entry in other.entries] == ["xor, SpikingJelly", "xor, snnTorch"]
    assert [entry.tone for entry in other.entries] == ["good", "unsure"]


def test_of_several_settings_the_papers_data_and_then_most_seeds_are_shown():
    found = [
        effect(mean=0.1, n=9, data_source="a subset"),
        effect(mean=0.2, n=5),
        effect(mean=0.3, n=2, protocol="paper"),
    ]
    (entry,) = cells(found)["leakage", "temporal", "accuracy"].entries
    assert entry.text.startswith("+20.0")
    (entry,) = cells(found[:1])["leakage", "temporal", "accuracy"].entries
    assert entry.dataset == "xor †"
    assert first.others_data(found) == ["xor: a subset"]


def test_what_is_not_measured_is_said_with_the_command():
    by = cells([effect()])
    assert by["reset", "temporal", "accuracy"].lack == "not tested yet"
    assert by["reset", "spatial", "robustness"].lack == "not defined for images"
    places = {place: (what, command) for place, what, command in first.untested([effect()])}
    assert places[by["reset", "temporal", "accuracy"].anchor] == (
        "reset, recurrence for accuracy on temporal data",
        "lif-roles run accuracy --dataset xor_50 --variant baseline,without_reset,with_recurrence --protocol suite "
        "--seeds 0-4",
    )


def test_only_what_is_decided_says_whether_the_answer_survives_a_change_of_framework():
    empty = ready([])

    def said(*found):
        return first.frameworks(found, empty)[0]

    assert said(effect()).startswith("Not tested")
    assert said(effect("undecided"), effect("undecided", **SNNTORCH)).startswith("Not known yet: of 1 effect")
    assert said(effect(), effect(mean=0.15, **SNNTORCH)) == (
        "Yes, as far as it is tested: of 1 effect decided on both frameworks, each by its own stepping, 1 has the same "
        "verdict on both. Effects on accuracy differ between the frameworks by at most 3.0 points."
    )
    assert "Not everywhere" in said(effect(), effect("lowers", **SNNTORCH))
    assert "not so: leakage for accuracy on xor" in said(effect(), effect("lowers", **SNNTORCH))
    fused = {"kernel": "numba-cpu", "engine": "fused"}
    one_kernel = said(effect(**fused), effect(**{**SNNTORCH, **fused}))
    assert "1 more were computed by one kernel for both, which proves nothing." in one_kernel
    assert one_kernel.startswith("Not tested")
    few = said(effect(), effect("undecided", **SNNTORCH))  # of few seeds: that is no disagreement
    assert few.startswith("Not known yet: of 1 effect measured on both frameworks")
    cuda = said(effect(**fused), effect(**{**SNNTORCH, **fused, "kernel": "cuda"}))
    assert cuda.startswith("Not tested: no effect was measured on both frameworks, each by its own stepping")


def test_cross_checks_are_told_with_numbers():
    at = {"experiment": "cross_check", "at": {"neuron": "snntorch-step"}}
    rows = [row(metric="changed_predictions", value=0.015, **at), row(metric="differing_spikes", value=0.0002, **at)]
    rows.append(row(metric="unexplained", value=3, **at))
    said = " ".join(first.frameworks([], ready(rows)))
    assert "Cross-check of 1 runs" in said
    assert "at most 1.50 % of a run's predictions change" in said
    assert "Of the hidden spikes at most 0.02 % differ." in said
    assert "differ beyond near ties in: xor baseline (snntorch-step)" in said


def test_effects_of_rows_reach_the_grid():
    values = {"baseline": 0.7, "without_leakage": 0.6, "without_reset": 0.8, "with_recurrence": 0.9}
    rows = [
        row(variant=name, value=value + 0.001 * ((3 * seed) % 5 if name == "baseline" else seed), seed=seed, n=100_000)
        for name, value in values.items()
        for seed in range(5)
    ]
    by = cells(effects(ready(rows)))
    found = {name: by[name, "temporal", "accuracy"].entries[0].glyph for name in ("leakage", "reset", "recurrence")}
    assert found == {"leakage": "▲", "reset": "▼", "recurrence": "▲"}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_claim_has_commands_that_can_be_run(claim):
    """Of those whose tests name variants; a slope over whatever k there is does not."""
    from suite.selection import select

    for command in commands.testing(claim):
        _, _, experiment, *options = command.split()
        given = dict(zip((name.removeprefix("--") for name in options[::2]), options[1::2], strict=True))
        assert select(experiment, **given)


def test_the_overview_has_a_panel_for_each_setting():
    rows = [row(value=0.5 + 0.1 * seed, seed=seed, dataset=name) for seed in (0, 1) for name in ("xor", "mnist")]
    (made,) = overview.draw(ready(rows))
    assert [ax.get_title(loc="left") for ax in made.figure.axes[:2]] == [
        "xor, fused\ngenerated, n = 2",
        "mnist, fused\ngenerated, n = 2",
    ]
    assert made.data.set_index("dataset")["mean"].to_dict() == pytest.approx({"xor": 0.55, "mnist": 0.55})
    assert list(overview.draw(ready(rows[:1]))) == []
    assert list(overview.draw(ready([artifact("correct", None, experiment="accuracy")]))) == []

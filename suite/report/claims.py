"""The paper's sentences as claims that rows can support or contradict.

A claim is a set of tests; a test compares two numbers of every seed (suite.report.verdicts judges them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from suite.paper import DATASETS, WHERE
from suite.report.measured import at_all, chance, sweep_k
from suite.results.record import Axis

Values = Callable[[pd.DataFrame], pd.Series]
"""From the rows of one setting and backend to one number a seed (index: seed); empty if they are not there."""

CHANCE_MARGIN = 0.05
"""An accuracy is at chance if its interval lies within so much of it."""


@dataclass(frozen=True)
class Comparison:
    """`low` is claimed to be less than `high` in every seed's mean; `says` puts it in words."""

    says: str
    low: Values
    high: Values


@dataclass(frozen=True)
class Claim:
    """`where` in Yin et al. (2024), `says` in our words, `datasets` that it is about, each on its own or, `across`, all
    together.
    """

    id: str
    where: str
    says: str
    datasets: tuple[str, ...]
    tests: tuple[Comparison, ...]
    across: bool = False


def value(variant: str, metric: str = "test_accuracy", experiment: str = "accuracy", **at: Axis) -> Values:
    """The metric of a variant; the mean over its rows where `at` leaves several (directions, layers)."""

    def find(rows: pd.DataFrame) -> pd.Series:
        own = _rows_at(rows, metric, experiment, at)
        own = own[own["variant"] == variant]
        return (own if at else own[at_all(own)]).groupby("seed")["value"].mean()

    return find


def _rows_at(rows: pd.DataFrame, metric: str, experiment: str, at: dict[str, Axis]) -> pd.DataFrame:
    own = rows[(rows["experiment"] == experiment) & (rows["metric"] == metric)]
    for axis, wanted in at.items():
        own = own[own[axis] == wanted] if axis in own else own.iloc[:0]
    return own


def fall(variant: str, dt_ms: int, mode: str) -> Values:
    """How much accuracy a network loses from the 3 ms of its training to another resolution (Table 7)."""

    def accuracy(rows: pd.DataFrame, ms: int) -> pd.Series:
        return value(variant, "test_accuracy", "generalization", mode=mode, readout="trained", dt_ms=ms)(rows)

    return lambda rows: accuracy(rows, 3) - accuracy(rows, dt_ms)


def effect(one: Values, other: Values) -> Values:
    """The size of a difference, whichever its sign."""
    return lambda rows: (one(rows) - other(rows)).abs()


def shifted(one: Values, by: float) -> Values:
    """A number plus a constant."""
    return lambda rows: one(rows) + by


def guess(one: Values, plus: float = 0.0) -> Values:
    """The accuracy of guessing, for the seeds that `one` has, plus a constant."""
    return lambda rows: one(rows) * 0 + chance(rows) + plus


def gain(variant: str) -> Values:
    """How much more accurate than the baseline."""
    return lambda rows: value(variant)(rows) - value("baseline")(rows)


def spread(*variants: str) -> Values:
    """The highest minus the lowest accuracy of the variants, for the seeds that all of them have."""

    def find(rows: pd.DataFrame) -> pd.Series:
        table = pd.concat([value(variant)(rows) for variant in variants], axis=1, join="inner")
        return table.max(axis=1) - table.min(axis=1)

    return find


def over(kind: str, one: Values) -> Values:
    """The mean of a number over those datasets of a kind that have it, for the seeds that all of these have."""

    def find(rows: pd.DataFrame) -> pd.Series:
        parts = rows[rows["kind"] == kind].groupby("dataset", sort=False)
        found = [numbers for _, part in parts if len(numbers := one(part).dropna())]
        return pd.concat(found, axis=1, join="inner").mean(axis=1) if found else pd.Series(dtype=float)

    return find


def slope(metric: str, experiment: str, **at: Axis) -> Values:
    """The least-squares slope of a metric against k over a sweep of at least three k."""

    def find(rows: pd.DataFrame) -> pd.Series:
        own = _rows_at(rows, metric, experiment, at)
        own = own.assign(k=own["variant_parameters"].map(sweep_k)).dropna(subset=["k"])
        sweeps = {seed: sweep for seed, sweep in own.groupby("seed") if sweep["k"].nunique() >= 3}
        whole = {seed: sweep for seed, sweep in sweeps.items() if sweep["value"].notna().all()}
        slopes = {seed: np.polyfit(sweep["k"], sweep["value"], 1)[0] for seed, sweep in whole.items()}
        return pd.Series(slopes, dtype=float).reindex(list(sweeps))

    return find


def zero(one: Values) -> Values:
    """0 for the seeds that `one` has."""
    return lambda rows: one(rows) * 0


def at_chance(variant: str) -> tuple[Comparison, ...]:
    """The accuracy of a variant is that of guessing, within CHANCE_MARGIN."""
    own = value(variant)
    return (
        Comparison(f"{variant} < chance + {CHANCE_MARGIN:g}", own, guess(own, CHANCE_MARGIN)),
        Comparison(f"chance - {CHANCE_MARGIN:g} < {variant}", guess(own, -CHANCE_MARGIN), own),
    )


def less(low: str, high: str, metric: str = "test_accuracy", experiment: str = "accuracy", **at: Axis) -> Comparison:
    """The same metric of two variants."""
    first, second = (value(variant, metric, experiment, **at) for variant in (low, high))
    return Comparison(f"{metric}: {low} < {high}", first, second)


def _falls_less(low: str, high: str, dt_ms: int, mode: str) -> Comparison:
    return Comparison(f"fall at {dt_ms} ms: {low} < {high}", fall(low, dt_ms, mode), fall(high, dt_ms, mode))


_SPEECH = ("shd", "ssc")
_TEMPORAL = ("xor", *_SPEECH)
_SPATIAL = ("mnist", "cifar10")
_CAMERA = WHERE["Table 7"]  # as of Figures 4, 6, 7 and 9
_EVERYWHERE = ("baseline", "without_leakage", "complete_leakage", "without_reset")
"""The variants of Table 6 that every dataset has: a spread over more of them would be larger for that alone."""


def _kinds(says: str, low: str, high: str, one: Values) -> Comparison:
    return Comparison(f"{says}: {low} < {high}", over(low, one), over(high, one))


_FLIPS = ("flips_median", "robustness")
_ATTACK = {"attack": "gradient"}


def _flips(low: str, high: str) -> Comparison:
    return less(low, high, *_FLIPS, **_ATTACK)


def _flips_of(variant: str) -> Values:
    return value(variant, *_FLIPS, **_ATTACK)


def _table_7(mode: str) -> tuple[Claim, ...]:
    """The claims of Table 7 in one of the two ways to read it."""
    how = mode.replace("_", " ")
    reset, leak, recurrence = (
        effect(fall(variant, 1, mode), fall("baseline", 1, mode))
        for variant in ("without_reset", "without_leakage", "with_recurrence")
    )
    all_three = "without_leakage+without_reset+with_recurrence"
    return (
        Claim(
            f"table7-rnn-{mode}",
            "Section 4.2.2, Table 7",
            f"SNNs keep their accuracy at other resolutions better than LSTM, GRU and RNN ({how})",
            _CAMERA,
            tuple(_falls_less("baseline", rnn, dt, mode) for rnn in ("lstm", "gru", "rnn") for dt in (1, 10)),
        ),
        Claim(
            f"table7-leak-{mode}",
            "Section 4.2.2, Table 7",
            f"Without leakage generalization declines, above all at 1 ms ({how})",
            _CAMERA,
            (_falls_less("baseline", "without_leakage", 1, mode),),
        ),
        Claim(
            f"table7-recurrence-{mode}",
            "Section 4.2.2, Table 7",
            f"Recurrence impairs generalization ({how})",
            _CAMERA,
            tuple(_falls_less("baseline", "with_recurrence", dt, mode) for dt in (1, 10)),
        ),
        Claim(
            f"table7-all-{mode}",
            "Section 4.2.2, Table 7",
            f"Without leakage and reset and with recurrence, accuracy drops most of all SNNs at 1 ms ({how})",
            _CAMERA,
            tuple(
                _falls_less(other, all_three, 1, mode)
                for other in ("baseline", "with_recurrence", "without_leakage+with_recurrence")
            ),
        ),
        Claim(
            f"table7-reset-{mode}",
            "Section 4.2.2, Table 7",
            f"Reset matters less to generalization than leakage and recurrence do, at 1 ms ({how})",
            _CAMERA,
            (
                Comparison("effect: reset < leakage", reset, leak),
                Comparison("effect: reset < recurrence", reset, recurrence),
            ),
        ),
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "table6-no-leak",
        "Section 4.1.3, Table 6",
        "Without leakage accuracy is lower than with a learnable leak",
        _TEMPORAL,
        (less("without_leakage", "baseline"),),
    ),
    Claim(
        "table6-complete-leak",
        "Section 4.1.3, Table 6",
        "With complete leakage a network hardly does better than guessing",
        _TEMPORAL,
        at_chance("complete_leakage"),
    ),
    Claim(
        "table6-reset-xor",
        "Section 4.1.3, Table 6",
        "Reset costs accuracy in delayed XOR, for it erases memory",
        ("xor",),
        (less("baseline", "without_reset"),),
    ),
    Claim(
        "table6-reset-small",
        "Section 4.1.3, Table 6",
        "The reset matters less than the leak",
        _SPEECH,
        (
            Comparison(
                "effect: reset < leakage",
                effect(value("without_reset"), value("baseline")),
                effect(value("without_leakage"), value("baseline")),
            ),
        ),
    ),
    Claim(
        "table6-recurrence",
        "Section 4.1.3, Table 6",
        "Recurrence raises accuracy in temporal tasks",
        _TEMPORAL,
        (less("baseline", "with_recurrence"),),
    ),
    Claim(
        "table6-kinds",
        "Section 4.1.3, Table 6",
        "Leakage and reset matter most to temporal tasks, less to spatio-temporal, least to spatial ones",
        DATASETS,
        (
            _kinds("spread of the variants", "spatial", "spatio-temporal", spread(*_EVERYWHERE)),
            _kinds("spread of the variants", "spatio-temporal", "temporal", spread(*_EVERYWHERE)),
        ),
        across=True,
    ),
    Claim(
        "table6-recurrence-kinds",
        "Section 4.1.3, Table 6",
        "Recurrence helps temporal tasks more than spatial ones",
        (*_TEMPORAL, *_SPATIAL),
        (_kinds("gain from recurrence", "spatial", "temporal", gain("with_recurrence")),),
        across=True,
    ),
    Claim(
        "figure4-reset",
        "Section 4.1.3, Figure 4",
        "Reset makes spikes sparser, and so computation cheaper",
        _CAMERA,
        (
            less("baseline", "without_reset", "spike_rate", "spike_rate"),
            less("baseline", "without_reset", "effective_acs", "spike_rate"),
        ),
    ),
    *_table_7("fixed_steps"),
    *_table_7("fixed_window"),
    Claim(
        "figure6-order",
        "Section 4.2.3, Figure 6",
        "The loss is flattest for the vanilla SNN, steeper without leakage and with recurrence, steepest for LSTM",
        _CAMERA,
        (
            less("baseline", "without_leakage+with_recurrence", "loss_rise", "landscape", radius=1.0),
            less("without_leakage+with_recurrence", "lstm", "loss_rise", "landscape", radius=1.0),
        ),
    ),
    Claim(
        "figure7-recurrence",
        "Section 4.2.4, Figure 7",
        "With recurrence the features part the classes best",
        _CAMERA,
        tuple(
            less(other, "with_recurrence", "silhouette", "features")
            for other in ("baseline", "without_leakage", "complete_leakage", "without_reset")
        ),
    ),
    Claim(
        "figure9-leak",
        "Section 4.3.2, Figure 9",
        "More leakage (smaller k) makes an SNN harder to attack",
        _CAMERA,
        (_flips("without_leakage", "baseline"), _flips("baseline", "complete_leakage")),
    ),
    Claim(
        "figure9-trend",
        "Section 4.3.2, Figure 9",
        "Robustness falls with k over its whole range",
        _CAMERA,
        (Comparison("slope of flips over k < 0", slope(*_FLIPS, **_ATTACK), zero(slope(*_FLIPS, **_ATTACK))),),
    ),
    Claim(
        "figure9-recurrence",
        "Section 4.3.2, Figure 9",
        "Recurrence makes an SNN easier to attack",
        _CAMERA,
        (_flips("with_recurrence", "baseline"),),
    ),
    Claim(
        "figure9-reset",
        "Section 4.3.2, Figure 9",
        "The reset matters less to robustness than leakage and recurrence do",
        _CAMERA,
        tuple(
            Comparison(
                f"effect: reset < {name}",
                effect(_flips_of("without_reset"), _flips_of("baseline")),
                effect(_flips_of(variant), _flips_of("baseline")),
            )
            for name, variant in (("leakage", "without_leakage"), ("recurrence", "with_recurrence"))
        ),
    ),
    Claim(
        "section5-memory",
        "Section 5, temporal tasks (1)",
        "Long memory needs a low leakage rate: accuracy rises with k",
        ("xor", "xor_50", "xor_100"),
        (
            Comparison(
                "0 < slope of accuracy over k",
                zero(slope("test_accuracy", "leak_sweep")),
                slope("test_accuracy", "leak_sweep"),
            ),
        ),
    ),
    Claim(
        "section5-learnable",
        "Section 5, temporal tasks (1)",
        "On hard temporal data a learnable leak is better than a fixed one",
        (*_SPEECH, "fsdd"),
        tuple(
            less(fixed, "baseline", "test_accuracy", "leak_sweep")
            for fixed in ("k=0.1", "k=0.3", "k=0.5", "k=0.7", "k=0.9", "without_leakage")
        ),
    ),
    Claim(
        "section5-reset-cost",
        "Section 5, temporal tasks (2)",
        "Without reset the firing rate rises",
        (*_TEMPORAL, "fsdd"),
        (less("baseline", "without_reset", "spike_rate", "spike_rate"),),
    ),
    Claim(
        "diagnosis-silent",
        "Diagnosis of Table 6, not in the paper",
        "Complete leakage is at chance because hidden neurons are silent (under 0.001 spikes a step)",
        (*_SPEECH, "fsdd"),
        (
            Comparison(
                "rate of complete_leakage < 0.001",
                value("complete_leakage", "spike_rate", "diagnosis"),
                shifted(zero(value("complete_leakage", "spike_rate", "diagnosis")), 1e-3),
            ),
        ),
    ),
    Claim(
        "diagnosis-swapped",
        "Diagnosis of Table 6, not in the paper",
        "Chance belongs to k = 1 with the input scaled by 1 - k, while k = 0 beats it",
        (*_SPEECH, "fsdd"),
        (
            Comparison(
                f"k=1+gain=1-k < chance + {CHANCE_MARGIN:g}",
                value("k=1+gain=1-k", "test_accuracy", "diagnosis"),
                guess(value("k=1+gain=1-k", "test_accuracy", "diagnosis"), CHANCE_MARGIN),
            ),
            Comparison(
                f"chance + {CHANCE_MARGIN:g} < complete_leakage",
                guess(value("complete_leakage", "test_accuracy", "diagnosis"), CHANCE_MARGIN),
                value("complete_leakage", "test_accuracy", "diagnosis"),
            ),
        ),
    ),
)

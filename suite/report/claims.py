"""Sentences on what the components do, the paper's and others', as claims that rows can support or contradict.

A claim is a set of tests; a test compares two numbers of every seed (suite.report.verdicts judges them).
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.paper import DATASETS, WHERE
from suite.report.values import (
    Derived,
    Measured,
    Values,
    effect,
    fall,
    gain,
    guess,
    mean,
    minus,
    over,
    shifted,
    slope,
    value,
    zero,
)
from suite.results.record import Axis

CHANCE_MARGIN = 0.05
"""An accuracy is at chance if its interval lies within so much of it."""

PAPER = "Yin et al. (2024)"


@dataclass(frozen=True)
class Comparison:
    """`low` is claimed to be less than `high` in the mean over seeds or, `equal`, to be practically the same; `says`
    puts it in words.
    """

    says: str
    low: Values
    high: Values
    equal: bool = False

    @property
    def parts(self) -> tuple[Measured, ...]:
        """The measurements that it needs."""
        return tuple(dict.fromkeys((*self.high.parts, *self.low.parts)))

    @property
    def unit(self) -> str:
        """What both sides are in (suite.report.values)."""
        return self.high.unit if self.high.unit == self.low.unit else ""


@dataclass(frozen=True)
class Claim:
    """`where` in the `source`, `says` in our words, `datasets` that it is about (None: all), each on its own or,
    `across`, all together.
    """

    id: str
    where: str
    says: str
    datasets: tuple[str, ...] | None
    tests: tuple[Comparison, ...]
    across: bool = False
    source: str = PAPER


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


SPEECH = ("shd", "ssc")
FSDD = ("fsdd",)
SPOKEN = (*SPEECH, *FSDD)
TEMPORAL = ("xor", *SPEECH)
SPATIAL = ("mnist", "cifar10")
XOR = WHERE["Table 6, delayed XOR"]
CAMERA = WHERE["Table 7"]  # as of Figures 4, 6, 7 and 9
GESTURES = ("dvs128_gesture",)
_CHANGE = mean(
    minus(value("baseline"), value("without_leakage")),
    minus(value("baseline"), value("complete_leakage")),
    minus(value("without_reset"), value("baseline")),
)
"""What leakage and reset change, in the directions of Table 6's temporal tasks. Not the spread between the variants,
which grows with the scatter of the seeds."""


def _kinds(says: str, low: str, high: str, one: Derived) -> Comparison:
    return Comparison(f"{says}: {low} < {high}", over(low, one), over(high, one))


_FLIPS = ("flips_median", "robustness")
_ATTACK = {"attack": "gradient"}


def flips_less(low: str, high: str) -> Comparison:
    return less(low, high, *_FLIPS, **_ATTACK)


def _flips_of(variant: str) -> Measured:
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
            CAMERA,
            tuple(_falls_less("baseline", rnn, dt, mode) for rnn in ("lstm", "gru", "rnn") for dt in (1, 10)),
        ),
        Claim(
            f"table7-leak-{mode}",
            "Section 4.2.2, Table 7",
            f"Without leakage generalization declines, above all at 1 ms ({how})",
            CAMERA,
            (_falls_less("baseline", "without_leakage", 1, mode),),
        ),
        Claim(
            f"table7-recurrence-{mode}",
            "Section 4.2.2, Table 7",
            f"Recurrence impairs generalization ({how})",
            CAMERA,
            tuple(_falls_less("baseline", "with_recurrence", dt, mode) for dt in (1, 10)),
        ),
        Claim(
            f"table7-all-{mode}",
            "Section 4.2.2, Table 7",
            f"Without leakage and reset and with recurrence, accuracy drops most of all SNNs at 1 ms ({how})",
            CAMERA,
            tuple(
                _falls_less(other, all_three, 1, mode)
                for other in ("baseline", "with_recurrence", "without_leakage+with_recurrence")
            ),
        ),
        Claim(
            f"table7-reset-{mode}",
            "Section 4.2.2, Table 7",
            f"Reset matters less to generalization than leakage and recurrence do, at 1 ms ({how})",
            CAMERA,
            (
                Comparison("effect: reset < leakage", reset, leak),
                Comparison("effect: reset < recurrence", reset, recurrence),
            ),
        ),
    )


LEARNABLE = tuple(
    less(fixed, "baseline", "test_accuracy", "leak_sweep")
    for fixed in ("k=0.1", "k=0.3", "k=0.5", "k=0.7", "k=0.9", "without_leakage")
)
"""A learnable leak is better than every fixed one."""

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "table6-no-leak",
        "Section 4.1.3, Table 6",
        "Without leakage accuracy is lower than with a learnable leak",
        (*XOR, *SPEECH),
        (less("without_leakage", "baseline"),),
    ),
    Claim(
        "table6-complete-leak",
        "Section 4.1.3, Table 6",
        "With complete leakage a network hardly does better than guessing",
        (*XOR, *SPEECH),
        at_chance("complete_leakage"),
    ),
    Claim(
        "table6-reset-xor",
        "Section 4.1.3, Table 6",
        "Reset costs accuracy in delayed XOR, for it erases memory",
        XOR,
        (less("baseline", "without_reset"),),
    ),
    Claim(
        "table6-reset-small",
        "Section 4.1.3, Table 6",
        "The reset matters less than the leak",
        SPEECH,
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
        (*XOR, *SPEECH),
        (less("baseline", "with_recurrence"),),
    ),
    Claim(
        "table6-kinds",
        "Section 4.1.3, Table 6",
        "Leakage and reset matter most to temporal tasks, less to spatio-temporal, least to spatial ones",
        DATASETS,
        (
            _kinds("change", "spatial", "spatio-temporal", _CHANGE),
            _kinds("change", "spatio-temporal", "temporal", _CHANGE),
        ),
        across=True,
    ),
    Claim(
        "table6-recurrence-kinds",
        "Section 4.1.3, Table 6",
        "Recurrence helps temporal tasks more than spatial ones",
        (*TEMPORAL, *SPATIAL),
        (_kinds("gain from recurrence", "spatial", "temporal", gain("with_recurrence")),),
        across=True,
    ),
    Claim(
        "figure4-reset",
        "Section 4.1.3, Figure 4",
        "Reset makes spikes sparser, and so computation cheaper",
        CAMERA,
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
        CAMERA,
        (
            less("baseline", "without_leakage+with_recurrence", "loss_rise", "landscape", radius=1.0),
            less("without_leakage+with_recurrence", "lstm", "loss_rise", "landscape", radius=1.0),
        ),
    ),
    Claim(
        "figure7-recurrence",
        "Section 4.2.4, Figure 7",
        "With recurrence the features part the classes best",
        CAMERA,
        tuple(
            less(other, "with_recurrence", "silhouette", "features")
            for other in ("baseline", "without_leakage", "complete_leakage", "without_reset")
        ),
    ),
    Claim(
        "figure9-leak",
        "Section 4.3.2, Figure 9",
        "More leakage (smaller k) makes an SNN harder to attack",
        CAMERA,
        (flips_less("without_leakage", "baseline"), flips_less("baseline", "complete_leakage")),
    ),
    Claim(
        "figure9-trend",
        "Section 4.3.2, Figure 9",
        "Robustness falls with k over its whole range",
        CAMERA,
        (Comparison("slope of flips over k < 0", slope(*_FLIPS, **_ATTACK), zero(slope(*_FLIPS, **_ATTACK))),),
    ),
    Claim(
        "figure9-recurrence",
        "Section 4.3.2, Figure 9",
        "Recurrence makes an SNN easier to attack",
        CAMERA,
        (flips_less("with_recurrence", "baseline"),),
    ),
    Claim(
        "figure9-reset",
        "Section 4.3.2, Figure 9",
        "The reset matters less to robustness than leakage and recurrence do",
        CAMERA,
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
        XOR,
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
        SPOKEN,
        LEARNABLE,
    ),
    Claim(
        "section5-reset-cost",
        "Section 5, temporal tasks (2)",
        "Without reset the firing rate rises",
        (*TEMPORAL, *FSDD),
        (less("baseline", "without_reset", "spike_rate", "spike_rate"),),
    ),
    Claim(
        "diagnosis-silent",
        "Diagnosis of Table 6, not in the paper",
        "Complete leakage is at chance because hidden neurons are silent (under 0.001 spikes a step)",
        SPOKEN,
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
        SPOKEN,
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

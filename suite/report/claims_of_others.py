"""What others say about the components, and what follows from the equations, as claims that the same rows can test."""

from __future__ import annotations

from suite.paper import SEQUENCES
from suite.report.claims import (
    CAMERA,
    FSDD,
    GESTURES,
    LEARNABLE,
    SPATIAL,
    SPEECH,
    SPOKEN,
    TEMPORAL,
    XOR,
    Claim,
    Comparison,
    flips_less,
    less,
)
from suite.report.values import Measured, effect, value

BOUANANE = "Bouanane et al. (2023), Front. Neurosci. 17:1244675"
CHOWDHURY = "Chowdhury et al. (2020), arXiv 2006.08761"
VICENTE_SOLA = "Vicente-Sola et al. (2025), Neurocomputing 611:128657"


def _same(low: Measured, high: Measured) -> Comparison:
    return Comparison(f"{low.variant} = {high.variant}", low, high, equal=True)


def _combined(variant: str) -> Measured:
    return value(variant, "test_accuracy", "factorial")


def _trained(variant: str, width: float, gradient: str) -> Measured:
    return value(variant, "test_accuracy", "surrogate_width", width=width, reset_gradient=gradient)


def _narrower(variant: str, width: float) -> Comparison:
    low, high = _trained(variant, width, "through"), _trained(variant, 1.0, "through")
    return Comparison(f"{variant}: half-width {width:g} u_th < u_th", low, high)


_LEAK, _LEAK_RECURRENT = (
    effect(_combined(has), _combined(without))
    for has, without in (
        ("baseline", "without_leakage"),
        ("with_recurrence", "without_leakage+with_recurrence"),
    )
)

OTHERS: tuple[Claim, ...] = (
    Claim(
        "bouanane-leak-recurrence",
        "abstract",
        "On temporal data leakage matters to accuracy only with recurrence",
        (*TEMPORAL, *XOR[:1], *FSDD),
        (
            _same(_combined("without_leakage"), _combined("baseline")),
            Comparison("effect of leakage: without recurrence < with it", _LEAK, _LEAK_RECURRENT),
        ),
        source=BOUANANE,
    ),
    Claim(
        "bouanane-leak-static",
        "abstract",
        "Without temporal information leakage does not matter to accuracy, with recurrence or without",
        SPATIAL,
        (
            _same(_combined("without_leakage"), _combined("baseline")),
            _same(_combined("without_leakage+with_recurrence"), _combined("with_recurrence")),
        ),
        source=BOUANANE,
    ),
    Claim(
        "perez-nieves-heterogeneous",
        "abstract",
        "Leaks that differ between neurons, and are learnt, are better on temporal data than one for all",
        SPOKEN,
        LEARNABLE,
        source="Perez-Nieves et al. (2021), Nat. Commun. 12:5791",
    ),
    Claim(
        "vicente-sola-reset",
        "abstract",
        "A hard reset helps where the order of events matters",
        (*TEMPORAL, *XOR[:1], *FSDD, *GESTURES),
        (less("without_reset", "baseline"),),
        source=VICENTE_SOLA,
    ),
    Claim(
        "vicente-sola-gestures",
        "abstract",
        "DVS Gesture is solved without memory: a network that keeps nothing between steps is as accurate",
        GESTURES,
        (_same(value("complete_leakage"), value("baseline")),),
        source=VICENTE_SOLA,
    ),
    Claim(
        "jaxpike-reset",
        "SHD, five seeds: 61.4 ± 1.9 without reset, 75.3 ± 2.9 with it",
        "On speech a network without reset loses accuracy",
        SPEECH,
        (less("without_reset", "baseline"),),
        source="jaxpike 0.1.4, its benchmark",
    ),
    Claim(
        "chowdhury-sparsity",
        "abstract",
        "Leakage makes spikes less sparse",
        (*SPATIAL, *CAMERA),
        (less("without_leakage", "baseline", "test_spike_rate"),),
        source=CHOWDHURY,
    ),
    Claim(
        "chowdhury-robustness",
        "abstract",
        "Leakage makes networks more robust",
        CAMERA,
        (flips_less("without_leakage", "baseline"),),
        source=CHOWDHURY,
    ),
    Claim(
        "chowdhury-generalization",
        "abstract",
        "Leakage makes networks generalize better: test accuracy on images",
        SPATIAL,
        (less("without_leakage", "baseline"),),
        source=CHOWDHURY,
    ),
    Claim(
        "ma-order",
        "after its probe of benchmarks",
        "The dataset needs time: a network that was trained and tested on steps in any order is less accurate",
        (*TEMPORAL, *XOR[:2], *FSDD, *CAMERA, *GESTURES, *SEQUENCES),
        (
            Comparison(
                "baseline: shuffled steps < in order",
                value("baseline", "test_accuracy", "order", steps="shuffled"),
                value("baseline", "test_accuracy", "order", steps="in order"),
            ),
        ),
        source="Ma et al. (2025), arXiv 2502.09449",
    ),
    Claim(
        "reset-gradient",
        "as of CIFAR10",
        "The reset's gradient is not worth having: without it networks are as accurate",
        (*SPATIAL, *CAMERA, *XOR),
        (
            Comparison(
                "baseline: gradient through the reset = detached",
                _trained("baseline", 1.0, "through"),
                _trained("baseline", 1.0, "detached"),
                equal=True,
            ),
        ),
        source="arXiv 2011.09964",
    ),
    Claim(
        "surrogate-width",
        "docs/claims.md",
        "Recurrent networks learn delayed XOR best with a surrogate as wide as the threshold, which does not expand "
        "gradients through a hard reset",
        XOR,
        tuple(_narrower("with_recurrence", width) for width in (0.25, 0.5)),
        source="The equations",
    ),
    Claim(
        "surrogate-detached",
        "docs/claims.md",
        "With a narrower surrogate a detached reset, which does not expand gradients either, is the rescue",
        XOR,
        tuple(
            Comparison(
                f"with_recurrence, half-width {width:g} u_th: gradient through the reset < detached",
                _trained("with_recurrence", width, "through"),
                _trained("with_recurrence", width, "detached"),
            )
            for width in (0.25, 0.5)
        ),
        source="The equations",
    ),
)

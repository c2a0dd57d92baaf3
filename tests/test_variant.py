"""Variants as data: the seven names, a user's own, and what is refused."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest

from neurons import VARIANTS, Learnable, Variant, get_variant
from neurons.variant import of_model


def test_the_seven_variants_differ_from_the_baseline_in_what_their_name_says():
    described = {name: (v.resolve_leakage(0.6), v.reset, v.recurrent) for name, v in VARIANTS.items()}
    assert described == {
        "baseline": (0.6, "zero", False),
        "without_leakage": (1.0, "zero", False),
        "complete_leakage": (0.0, "zero", False),
        "without_reset": (0.6, "none", False),
        "with_recurrence": (0.6, "zero", True),
        "without_leakage+with_recurrence": (1.0, "zero", True),
        "without_leakage+without_reset+with_recurrence": (1.0, "none", True),
    }
    assert all(name == v.name and v.input_gain == "1" and v.initial_state == "zero" for name, v in VARIANTS.items())


def test_normal_leakage_is_the_papers_unless_given():
    assert get_variant("baseline").resolve_leakage() == 0.3
    assert get_variant("baseline").resolve_leakage("learnable") == Learnable(init=(0.0, 4.0))
    assert get_variant("baseline").resolve_leakage(Learnable(init=(3, 7))) == Learnable(init=(3, 7))
    assert get_variant("without_leakage").resolve_leakage("learnable") == 1.0


def test_a_users_variant_keeps_its_own_leakage():
    assert Variant("mine", leakage=1).resolve_leakage(0.5) == 1.0
    assert Variant("mine", leakage="learnable").resolve_leakage(0.5) == Learnable()
    variant = Variant("mine", leakage=0.25, reset="subtract")
    assert get_variant(variant) is variant
    assert replace(variant, reset="none") != variant


def test_variants_are_constants():
    with pytest.raises(FrozenInstanceError):
        VARIANTS["baseline"].reset = "none"
    with pytest.raises(TypeError):
        VARIANTS["mine"] = Variant("mine")


@pytest.mark.parametrize("k", [-0.1, 1.0000001, math.nan, math.inf])
def test_leakage_outside_the_unit_interval_is_refused(k):
    with pytest.raises(ValueError, match=r"variant 'mine'.*outside \[0, 1\]"):
        Variant("mine", leakage=k)
    with pytest.raises(ValueError, match=r"variant 'baseline'.*outside \[0, 1\]"):
        VARIANTS["baseline"].resolve_leakage(k)


@pytest.mark.parametrize("k", ["learnabel", True, None, [0.5]])
def test_leakage_of_the_wrong_kind_is_refused(k):
    with pytest.raises(TypeError, match="leakage is a number in"):
        Variant("mine", leakage=k)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "needs a name"),
        ("reset", "substract", r"unknown reset of variant 'mine' 'substract'; did you mean 'subtract'\? Known: zero"),
        ("input_gain", "k", "unknown input_gain"),
        ("input_gain", 0, "input_gain of variant 'mine': a number is positive and finite, not 0"),
        ("input_gain", math.inf, "a number is positive and finite, not inf"),
        ("input_gain", True, "unknown input_gain"),
        ("reset", 1.0, "unknown reset"),
        ("initial_state", "ones", "unknown initial_state"),
    ],
)
def test_wrong_fields_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        Variant(**{"name": "mine", field: value})


def test_recurrent_is_a_boolean():
    with pytest.raises(TypeError, match=r"recurrent of variant .* is True or False"):
        Variant("mine", recurrent=1)


@pytest.mark.parametrize("init", [(1.0, 0.0), (math.nan, 1.0), (0.0, math.inf)])
def test_learnable_init_is_an_interval(init):
    with pytest.raises(ValueError, match="init"):
        Learnable(init=init)


@pytest.mark.parametrize(("name", "nearest"), [("basline", "baseline"), ("with_recurence", "with_recurrence")])
def test_unknown_name_gives_the_nearest_and_the_list(name, nearest):
    with pytest.raises(ValueError, match=rf"unknown variant '{name}'; did you mean '{nearest}'\? Known: baseline, "):
        get_variant(name)


def test_an_input_gain_is_a_number_too():
    assert Variant("mine", input_gain=2).input_gain == 2.0
    assert type(Variant("mine", input_gain=2).input_gain) is float


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (VARIANTS["baseline"], ("normal", "subtract", "1-k")),
        (VARIANTS["with_recurrence"], ("normal", "subtract", "1-k")),
        (VARIANTS["without_reset"], ("normal", "none", "1-k")),
        (VARIANTS["complete_leakage"], (0.0, "subtract", 0.25)),
        (Variant("mine", leakage=0.5, input_gain="1-k"), (0.5, "subtract", "1-k")),
        (Variant("mine", leakage=0.5, input_gain=3), (0.5, "subtract", 3.0)),
    ],
)
def test_what_a_variant_leaves_is_the_model_s(variant, expected):
    made = of_model(variant, 0.75, "subtract", "1-k")
    assert (made.leakage, made.reset, made.input_gain) == expected
    assert (made.name, made.recurrent) == (variant.name, variant.recurrent)
    assert of_model(variant, 0.75, "zero", "1").reset == variant.reset

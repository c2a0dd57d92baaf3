"""What others say of the components, against made-up rows."""

from __future__ import annotations

from test_claims import about, accuracies, verdict

LITTLE = (0.0005, -0.0004, 0.0002, -0.0001, 0.0003)


def test_a_claim_that_nothing_changes_is_supported_where_it_is_practically_equal():
    def line(values):
        rows = accuracies("baseline", about(0.9), "dvs128_gesture")
        return verdict([*rows, *accuracies("complete_leakage", values, "dvs128_gesture")], "vicente-sola-gestures")

    near = [value + more for value, more in zip(about(0.9), LITTLE, strict=True)]
    assert line(near)["verdict"] == "supported"
    assert line(about(0.8, 2))["verdict"] == line(about(0.97, 1.2))["verdict"] == "contradicted"
    assert line([0.95, 0.88, 0.91, 0.87, 0.9])["verdict"] == "undecided"


def test_leak_with_recurrence_alone_is_an_interaction():
    """Without recurrence leakage changes nothing; with it 10 points, whichever way."""
    for sign in (1, -1):
        rows = []
        for variant, values in (
            ("baseline", about(0.7)),
            ("without_leakage", [value + more for value, more in zip(about(0.7), LITTLE, strict=True)]),
            ("with_recurrence", about(0.8)),
            ("without_leakage+with_recurrence", [0.8 + sign * 0.1 - more for more in about(0.0, 0.4)]),
        ):
            rows += accuracies(variant, values, experiment="factorial")
        assert verdict(rows, "bouanane-leak-recurrence")["verdict"] == "supported"


def test_the_width_of_the_surrogate_is_compared_on_one_network():
    def trained(width, gradient, values):
        at = {"width": width, "reset_gradient": gradient}
        given = {"experiment": "surrogate_width", "at": at, "data_source": "generated"}
        return accuracies("with_recurrence", values, "xor", **given)

    rows = trained(1.0, "through", about(0.95)) + trained(0.25, "through", about(0.8, 2))
    rows += trained(0.5, "through", about(0.82, 2)) + trained(0.5, "detached", about(0.93, 0.5))
    rows += trained(0.25, "detached", about(0.94, 0.7))
    assert verdict(rows, "surrogate-width")["verdict"] == "supported"
    assert verdict(rows, "surrogate-detached")["verdict"] == "supported"
    assert verdict(rows, "reset-gradient")["verdict"] == "not tested"


def test_a_dataset_needs_time_if_shuffled_steps_cost_accuracy():
    def steps(name, values):
        return accuracies("baseline", values, "smnist_rows", experiment="order", at={"steps": name})

    rows = [
        *steps("in order", about(0.9)),
        *steps("shuffled", about(0.6, 2)),
        *steps("shuffled in the test only", [0.3] * 5),
    ]
    assert verdict(rows, "ma-order")["verdict"] == "supported"
    equal = [value + more for value, more in zip(about(0.9), LITTLE, strict=True)]
    assert (
        verdict([*steps("in order", about(0.9)), *steps("shuffled", equal)], "ma-order")["verdict"]
        == "practically equal"
    )

from __future__ import annotations

from dataclasses import replace

import pytest

from neurons import Learnable, Variant
from suite.registry import datasets_with, experiments, get_protocol, variants
from suite.selection import select
from suite.variants import describe


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("k=0.5", {"leakage": 0.5}),
        ("k=1+gain=1-k", {"leakage": 1.0, "input_gain": "1-k"}),
        ("without_reset+with_recurrence+k=learnable", {"reset": "none", "recurrent": True, "leakage": Learnable()}),
        ("reset=subtract", {"reset": "subtract"}),
    ],
)
def test_a_name_describes_a_variant(name: str, fields: dict[str, object]) -> None:
    assert describe(name) == Variant(name, **fields)  # type: ignore[arg-type]
    assert variants[name] == describe(name)
    assert name not in variants  # not registered: "all" does not run it


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("k=2", r"outside \[0, 1\]"),
        ("k=much", "k is a number in"),
        ("leak=0.5", "did you mean 'reset'|Known: k, reset"),
        ("without_leekage+k=0.1", "did you mean 'without_leakage'"),
        ("without_leakage+k=0.5", "sets its leakage twice"),
        ("k=0.5+gain=2", "input_gain"),
    ],
)
def test_a_name_that_describes_nothing(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        variants[name]


def test_an_unknown_name_is_still_unknown() -> None:
    with pytest.raises(ValueError, match="did you mean 'baseline'"):
        variants["basline"]


def test_each_experiment_has_its_own_default_cells() -> None:
    for name in experiments:
        for variant in experiments[name].variants or ():
            variants[variant]
    cells = select("spike_rate")
    assert {cell.dataset for cell in cells} == {"n_mnist"}
    assert {cell.variant for cell in cells} == set(experiments["spike_rate"].variants or ())
    assert {cell.dataset for cell in select("spike_rate", dataset="shd", variant="k=0.2")} == {"shd"}
    assert len({cell.variant for cell in select("spike_rate", variant="all")}) == 7
    assert len({cell.dataset for cell in select("accuracy", protocol="smoke")}) == 7


def test_a_name_describes_a_protocol() -> None:
    described = get_protocol("suite+epochs=3+learning_rate=0.5+precision=bfloat16+chunk=7", "mnist")
    assert described == replace(
        get_protocol("suite", "mnist"), epochs=3, learning_rate=0.5, precision="bfloat16", chunk=7
    )
    assert get_protocol("smoke+last_steps=1", "xor").last_steps == 1
    assert datasets_with("smoke+last_steps=1") == datasets_with("smoke")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("suite+epoch=3", "did you mean 'epochs'"),
        ("suite+epochs", "Known: "),
        ("suite+", "FIELD=VALUE"),
        ("suite+epochs=0", "'suite.epochs=0' of mnist: epochs is a whole number from 1, not 0"),
        ("suite+epochs=1.5", "epochs is a whole number from 1"),
        ("suite+clip=nan", "clip is a number above 0, not nan"),
        ("suite+precision=float16", "unknown precision 'float16'; did you mean 'bfloat16'"),
        ("suite+epochs=3+epochs=4", "sets its epochs twice"),
        ("suit+epochs=3", "did you mean 'suite'"),
    ],
)
def test_a_name_that_describes_no_protocol(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_protocol(name, "mnist")

"""The comparison on a user's own network: how it is asked for, and what is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import own_networks
import pytest
import torch
from own_networks import (
    data,
    flat,
    flat_changed,
    flat_loop,
    half_fused,
    named,
    other_loop,
    wider,
)
from spikingjelly.activation_based import surrogate

from neurons import VARIANTS
from suite.experiments import landscape
from suite.experiments.base import Cell
from suite.models.build import why_not
from suite.models.own import about
from suite.protocols import Protocol
from suite.registry import get_protocol, protocol_name, variants
from suite.report.measured import comparable
from suite.results import Store, load, read
from suite.run import run_cell
from suite.selection import select

# the protocol's field, and the option


def protocol(network: str, name: str = "smoke", dataset: str = "mnist") -> Protocol:
    return get_protocol(f"{name}+network={network}", dataset)


def test_a_protocol_has_a_network_of_one_s_own() -> None:
    own, usual = protocol("my_package.nets:make"), get_protocol("smoke", "mnist")
    assert (own.own_network, usual.own_network) == (True, False)
    assert own.network == "my_package.nets:make"
    said = own.as_dict()
    assert said["network"] == own.network
    assert not {"threshold", "surrogate", "hidden", "readout"} & set(said)
    assert said.items() <= (usual.as_dict() | {"network": own.network}).items()
    assert protocol_name("smoke+network=a:b+epochs=7", "mnist") == protocol_name("smoke+epochs=7+network=a:b", "mnist")
    assert "lstm replaces fully connected LIF layers" in str(why_not(variants["lstm"], own))
    assert why_not(VARIANTS["with_recurrence"], own) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "smoke+network=resnet18",
            r"network=resnet18: a network of one's own is written module:function, such as my_p",
        ),
        ("smoke+network=nets.py:make it", "is written module:function"),
        ("smoke+network=nets:", "is written module:function"),
        ("smoke+network=a:b+threshold=0.5", "threshold is what the network a:b says itself; leave threshold out"),
        ("smoke+network=a:b+readout=spikes", "readout is what the network a:b says itself"),
        ("smoke+network=a:b+chunk=2", "chunk = 2 is for network = 'fc' only"),
    ],
)
def test_what_a_protocol_with_it_cannot_be(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_protocol(name, "mnist")


def test_the_option_is_the_protocol_s_field() -> None:
    asked = {"dataset": "mnist", "variant": "baseline", "backend": "spikingjelly"}
    (cell,) = select("accuracy", **asked, network="a:b")
    assert cell == select("accuracy", **asked, protocol="smoke+network=a:b")[0]
    assert cell.protocol == "smoke+network=a:b"
    assert len({one.variant for one in select("accuracy", dataset="mnist", network="a:b")}) == len(VARIANTS)
    with pytest.raises(ValueError, match="lstm replaces fully connected LIF layers, and this network is a:b"):
        select("accuracy", dataset="mnist", variant="lstm", network="a:b")


def test_a_number_of_the_paper_s_is_of_the_paper_s_network() -> None:
    assert comparable("original", "suite")
    assert not comparable("original", "suite+network=a:b")


# runs


def cell(function: Any, experiment: str = "accuracy", **changes: Any) -> Cell:
    fields = {"variant": "baseline", "backend": "spikingjelly", "seed": 0, **changes}
    return Cell(experiment, "xor_50", protocol=f"smoke+network={named(function)}", **fields)


def test_a_run_is_recorded_with_the_network_and_its_structure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome = run_cell(cell(flat), store)
    assert outcome.status == "ok"
    rows = load(tmp_path)
    assert set(rows["protocol"]) == {f"smoke+network={named(flat)}"}
    assert set(rows["experiment"]) == {"accuracy"}  # no cross-check: it is a model of one framework
    assert set(rows["engine"] + " " + rows["kernel"]) == {"fused numba-cpu"}
    record = json.loads((store.run_folder(outcome.run_id) / "run.json").read_text())
    assert record["protocol_settings"]["network"] == named(flat)
    assert record["protocol_settings"]["network_structure"].startswith("n-")
    assert run_cell(cell(flat), store).status == "present"
    assert read(tmp_path).rows["value"].notna().any()


def test_snntorch_s_loop_is_recorded_as_stepped(tmp_path: Path) -> None:
    run_cell(cell(flat_loop, backend="snntorch"), Store(tmp_path))
    rows = load(tmp_path)
    assert set(rows["engine"] + " " + rows["kernel"]) == {"step snntorch-step"}
    with pytest.raises(ValueError, match="engine='fused': its neurons are called step by step"):
        run_cell(cell(flat_loop, backend="snntorch", engine="fused"), Store(tmp_path))


def test_what_cannot_be_is_skipped_with_the_reason(tmp_path: Path) -> None:
    outcome = run_cell(cell(flat, backend="snntorch"), Store(tmp_path))
    assert (outcome.status, outcome.reason.partition(",")[0]) == (
        "skipped",
        f"{named(flat)} is a model of spikingjelly",
    )


@pytest.mark.parametrize("experiment", ["spike_rate", "features", "landscape", "robustness", "leak_sweep"])
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_experiments_take_a_network_of_one_s_own(
    experiment: str, variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landscape, "SIZES", {"smoke": landscape.Size(grid=3, pairs=1, samples=16)})
    outcome = run_cell(cell(flat, experiment, variant=variant), Store(tmp_path))
    assert (outcome.status, outcome.reason) == ("ok", "")


@pytest.mark.parametrize("experiment", ["cross_check", "consistency", "surrogate_width"])
def test_what_changes_networks_of_the_suite_s_does_not(experiment: str, tmp_path: Path) -> None:
    outcome = run_cell(cell(flat, experiment), Store(tmp_path))
    assert outcome.status == "skipped"
    assert outcome.reason == f"it changes networks of the suite's, and {named(flat)} is a user's own"


# the structure


def test_the_structure_is_the_modules_their_settings_and_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = data((20,))
    draws = torch.get_rng_state()
    first = about(named(flat), vector)
    assert torch.equal(torch.get_rng_state(), draws)
    assert about(named(flat), vector) == first
    assert (first.backend, first.why_stepped) == ("spikingjelly", None)
    assert about(named(wider), vector).structure != first.structure
    assert about(named(flat_loop), vector).structure != about(named(other_loop), vector).structure
    usual = about(named(flat_changed), vector).structure
    for change in ({"v_threshold": 0.5}, {"tau": 3.0}, {"surrogate_function": surrogate.Erf()}, {"detach_reset": True}):
        monkeypatch.setattr(own_networks, "CHANGE", change)
        assert about(named(flat_changed), vector).structure != usual, change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"surrogate_function": surrogate.Erf()}, "its surrogate Erf(alpha=2.0, spiking=True) is none of"),
        ({"step_mode": "s"}, "its neurons are called step by step"),
        ({"surrogate_function": surrogate.ATan()}, None),
    ],
)
def test_why_nothing_of_a_network_is_fused(
    change: dict[str, Any], why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_networks, "CHANGE", change)
    found = about(named(flat_changed), data((20,))).why_stepped
    assert (found is None) if why is None else str(found).startswith(why)


def test_one_neuron_in_a_kernel_is_enough() -> None:
    assert about(named(half_fused), data((20,))).why_stepped is None


def test_the_structure_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        textwrap.dedent("""
        import snntorch
        from snntorch import surrogate
        from torch import nn

        def make(data):
            return nn.Sequential(nn.Flatten(2), snntorch.Leaky(0.9, spike_grad=surrogate.fast_sigmoid(slope=SLOPE)))
        """)
    )
    code = """
import sys; sys.path.insert(0, FOLDER)
import builtins
from suite.datasets.base import Data
from suite.models.own import about
for builtins.SLOPE in (25, 10):
    print(about("nets:make", Data("made", "", "", 3, (3,), 5, None, None, None)).structure)
""".replace("FOLDER", repr(str(tmp_path)))
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout
        for _ in range(2)
    )
    assert first == second
    assert len(set(first.split())) == 2  # the slope is part of it

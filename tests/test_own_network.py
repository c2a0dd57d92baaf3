"""The comparison on a user's own network: what it is given, what it must give, what is recorded."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import snntorch
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from neurons import VARIANTS, NotAblatable, VariantLeaky, VariantLIFNode
from suite.datasets.base import Data
from suite.errors import PluginError
from suite.experiments import landscape
from suite.experiments.base import Cell
from suite.inputs import Events, Static
from suite.models import own
from suite.models.build import build, why_not
from suite.models.own import OwnNetwork, about, own_network
from suite.protocols import Protocol
from suite.registry import get_protocol, protocol_name, variants
from suite.report.measured import comparable
from suite.results import Store, load, read
from suite.run import run_cell
from suite.selection import select

HERE = __name__
SHAPE, CLASSES, T = (1, 8, 8), 3, 5


def data(shape: tuple[int, ...] = SHAPE) -> Data:
    nothing: Any = None
    return Data("made", "generated", "0", CLASSES, shape, T, nothing, nothing, nothing)


def cnn(data: Data) -> nn.Module:
    made = nn.Sequential(
        layer.Conv2d(data.input_shape[0], 4, 3, bias=False),
        neuron.LIFNode(),
        layer.Flatten(),
        layer.Linear(4 * math.prod(n - 2 for n in data.input_shape[1:]), 6),
        neuron.ParametricLIFNode(surrogate_function=surrogate.ATan()),
        layer.Linear(6, data.n_classes),
        neuron.IFNode(),
    )
    functional.set_step_mode(made, "m")
    return made


def dense(data: Data) -> nn.Module:
    made = nn.Sequential(layer.Flatten(), layer.Linear(math.prod(data.input_shape), 6), neuron.LIFNode())
    made.append(layer.Linear(6, data.n_classes))
    functional.set_step_mode(made, "m")
    return made


class Loop(nn.Module):
    """snnTorch's way: a loop over time; the output is the last neurons' potential."""

    def __init__(self, n_in: int, n_classes: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(n_in, 6), nn.Linear(6, n_classes)
        self.lif2, self.lif1 = snntorch.Leaky(0.9), snntorch.Leaky(0.8, init_hidden=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem, output = self.lif2.init_leaky(), []
        for x_t in x.flatten(2):
            _, mem = self.lif2(self.fc2(self.lif1(self.fc1(x_t))), mem)
            output.append(mem)
        return torch.stack(output)


def loop(data: Data) -> nn.Module:
    return Loop(math.prod(data.input_shape), data.n_classes)


def named(function: Any) -> str:
    return f"{HERE}:{function.__name__}"


def made(function: Any, variant: str = "baseline", backend: str = "spikingjelly", engine: str = "auto") -> OwnNetwork:
    torch.manual_seed(0)
    return own_network(named(function), data(), VARIANTS[variant], backend, engine)


# what it is given and what it gives


@pytest.mark.parametrize("variant", ["baseline", "without_leakage", "complete_leakage", "without_reset"])
@pytest.mark.parametrize(("function", "backend"), [(cnn, "spikingjelly"), (loop, "snntorch")])
def test_outputs_and_hidden_spikes_at_every_step(function: Any, backend: str, variant: str) -> None:
    network = made(function, variant, backend)
    x = torch.rand(T, 2, *SHAPE) * 4
    output, spikes = network(x)
    assert output.shape == (T, 2, CLASSES)
    hidden = [(T, 2, 4, 6, 6), (T, 2, 6)] if function is cnn else [(T, 2, 6)]  # the last neurons are the output layer
    assert [s.shape for s in spikes] == hidden
    assert all(set(s.unique().tolist()) <= {0.0, 1.0} for s in spikes)
    assert any(bool(s.any()) for s in spikes)
    output.sum().backward()
    again, _ = network(x)
    assert torch.equal(again, output)  # every call begins at rest
    (model,) = network.children()
    plain = {type(part) for part in model.modules()} & {VariantLIFNode, VariantLeaky}
    assert plain == {VariantLIFNode if function is cnn else VariantLeaky}


def test_the_hidden_spikes_are_the_neurons_own() -> None:
    """By hand: one weight of 2 to two neurons of tau 2, which halves it, x = 1, 0, 1: both fire when x is 1."""
    network = made(dense)
    with torch.no_grad():
        network.model[1].weight.zero_()
        network.model[1].bias.zero_()
        network.model[1].weight[:2, 0] = 2.0
    x = torch.zeros(3, 1, 64)
    x[[0, 2], 0, 0] = 1.0
    output, (spikes,) = network(x)
    assert spikes[:, 0].tolist() == [[1, 1, 0, 0, 0, 0], [0] * 6, [1, 1, 0, 0, 0, 0]]
    torch.testing.assert_close(output, network.model[3](spikes))


def test_every_kind_of_input_comes_in_the_data_s_shape() -> None:
    network = made(cnn)
    image = torch.rand(2, *SHAPE)
    expected, _ = network(image.expand(T, *image.shape))
    assert torch.equal(network(Static(image, T))[0], expected)
    assert torch.equal(network(image.flatten(1).expand(T, 2, 64))[0], expected)  # as the attack has it
    events = Events(torch.tensor([3, 60]), torch.tensor([0, 1, 2]), None, (1, 2, 64))
    assert torch.equal(network(events)[0], network(events.dense())[0])


def test_recurrence_is_in_the_hidden_layers_only() -> None:
    network = made(loop, "with_recurrence", "snntorch")
    assert [name for name, _ in network.named_parameters() if "recurrent" in name] == ["model.lif1.recurrent.weight"]
    assert [type(neuron) for neuron in network.hidden] == [VariantLeaky]
    with pytest.raises(
        NotAblatable, match=r"1 \(LIFNode\) cannot be 'with_recurrence': its neurons lie in \[4, 6, 6\]"
    ):
        made(cnn, "with_recurrence")


def one_layer(data: Data) -> nn.Module:
    net = nn.Sequential(layer.Flatten(), layer.Linear(64, data.n_classes), neuron.LIFNode())
    functional.set_step_mode(net, "m")
    return net


def test_one_layer_is_an_output_layer() -> None:
    network = made(one_layer)
    output, (spikes,) = network(torch.rand(T, 2, 64) * 3)
    assert torch.equal(output, spikes)
    with pytest.raises(NotAblatable, match="is its output layer, which is never recurrent"):
        made(one_layer, "with_recurrence")


def test_weights_follow_the_seed_and_nothing_is_kept_alive() -> None:
    before = list(snntorch.SpikingNeuron.instances)
    one, other = made(loop, backend="snntorch"), made(loop, backend="snntorch")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert list(map(id, snntorch.SpikingNeuron.instances)) == list(map(id, before))


# what is refused


def more_classes(data: Data) -> nn.Module:
    return cnn(replace(data, n_classes=data.n_classes + 1))


def averaged(data: Data) -> nn.Module:
    class Mean(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(0)

    return nn.Sequential(dense(data), Mean())


class Both(Loop):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x), None


def a_pair(data: Data) -> nn.Module:
    return Both(math.prod(data.input_shape), data.n_classes)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lif, self.fc = neuron.LIFNode(step_mode="m"), nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        functional.reset_net(self)
        return self.fc(self.lif(self.lif(x.flatten(2))))


def shared(_data: Data) -> nn.Module:
    return Twice()


def mixed(data: Data) -> nn.Module:
    return nn.ModuleList([loop(data), cnn(data)])


def silent(_data: Data) -> nn.Module:
    return nn.Flatten(2)


def no_module(_data: Data) -> str:
    return "a net"


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (
            more_classes,
            ValueError,
            r"gives \[2, 3, 4\] .*must give .*\[T, B, classes\] = \[2, 3, 3\]: made has 3 classes",
        ),
        (averaged, ValueError, r"gives \[3, 3\] .* the mean over time is the protocol's"),
        (a_pair, ValueError, "gives a tuple for an input"),
        (shared, ValueError, "calls its neuron lif 2 times in 2 steps; give each place a neuron of its own"),
        (mixed, NotAblatable, "has neurons of snntorch and spikingjelly; a network is of one framework"),
        (silent, NotAblatable, "Flatten has no LIF neuron among its modules"),
        (no_module, ValueError, r"is a torch\.nn\.Module, not 'a net'"),
    ],
)
def test_what_a_network_must_be(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(function, backend="snntorch" if function is a_pair else "spikingjelly")


def test_a_model_runs_on_its_own_framework_only() -> None:
    with pytest.raises(NotAblatable, match=r"cnn is a model of spikingjelly, .*\(--backend spikingjelly\)"):
        made(cnn, backend="snntorch")
    with pytest.raises(NotAblatable, match="loop is a model of snntorch"):
        made(loop)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("nowhere:make", r"nowhere:make cannot be made: ModuleNotFoundError"),
        (f"{HERE}:nothing", "cannot be made: AttributeError: .* 'nothing'"),
        ("math:sqrt", "cannot be made: TypeError"),
    ],
)
def test_a_network_that_is_not_there_is_named(network: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        own_network(network, data(), VARIANTS["baseline"], "spikingjelly", "auto")


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


def flat(data: Data) -> nn.Module:
    net = nn.Sequential(layer.Linear(20, 12), neuron.LIFNode(), layer.Linear(12, data.n_classes))
    functional.set_step_mode(net, "m")
    with torch.no_grad():
        net[0].weight.mul_(4)
    return net


def flat_loop(data: Data) -> nn.Module:
    return Loop(20, data.n_classes)


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


@pytest.mark.parametrize("experiment", ["cross_check", "consistency"])
def test_what_compares_the_frameworks_does_not(experiment: str, tmp_path: Path) -> None:
    outcome = run_cell(cell(flat, experiment), Store(tmp_path))
    assert outcome.status == "skipped"
    assert outcome.reason.endswith("flat is a model of one framework")


def test_operations_of_a_convolution_over_all_steps() -> None:
    """By hand: an image of ones, 8 x 8, meets 3 x 3 weights of 4 channels at 6 x 6 places, in T steps."""
    from suite.experiments.spike_rate import counted

    network = made(cnn)
    with counted(network) as operations:
        network(torch.ones(T, 2, *SHAPE))
    first = T * 2 * 4 * 9 * 36
    assert operations["effective_acs"] >= first
    assert operations["dense_operations"] == first + T * 2 * (144 * 6 + 6 * CLASSES)


# the structure


def wider(data: Data) -> nn.Module:
    return flat(data).append(nn.Linear(data.n_classes, data.n_classes))


class Other(Loop):
    """With another forward."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def other_loop(data: Data) -> nn.Module:
    return Other(20, data.n_classes)


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
        monkeypatch.setattr(sys.modules[HERE], "CHANGE", change)
        assert about(named(flat_changed), vector).structure != usual, change


CHANGE: dict[str, Any] = {}


def flat_changed(data: Data) -> nn.Module:
    net = flat(data)
    for name, value in CHANGE.items():
        setattr(net[1], name, value)
    return net


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


def test_a_network_of_the_suite_s_own_is_what_it_was() -> None:
    assert not isinstance(
        build(data(), get_protocol("smoke", "mnist"), VARIANTS["baseline"], "snntorch", "auto"), OwnNetwork
    )
    assert own.STEPS > 1  # or a neuron called once a step would look like one called once

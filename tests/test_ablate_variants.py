"""What a variant changes of a model, and leaves; and models that it cannot be made of."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch
import torch
from ablate_cases import (
    CSNN,
    DENSE,
    Net,
    sequential,
    whole,
)
from snntorch import utils
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor, nn

from neurons import NotAblatable, Variant, VariantLIFNode, ablate, make_neuron

# the variants

LIF = {"tau": 4.0, "step_mode": "m"}


@pytest.mark.parametrize(
    ("variant", "u"),
    [
        ("baseline", [1.0, 0.25, 0.4375, 0.828125]),  # k = 3/4, gain 1/4, reset to 0
        ("without_leakage", [1.0, 0.25, 0.5, 1.0]),
        ("complete_leakage", [1.0, 0.25, 0.25, 0.5]),
        ("without_reset", [1.0, 1.0, 1.0, 1.25]),
        (Variant("scaled", input_gain="1-k", leakage=0.0), [4.0, 1.0, 1.0, 2.0]),
        (Variant("louder", input_gain=0.5), [2.0, 0.5, 0.875, 1.65625]),
    ],
    ids=str,
)
def test_variants_of_a_lifnode_by_hand(variant: Any, u: list[float]) -> None:
    """x = 4, 1, 1, 2 with tau = 4: the input counts a quarter, whatever the leak is, unless the variant says so."""
    x = torch.tensor([4.0, 1.0, 1.0, 2.0], dtype=torch.float64).view(4, 1, 1)
    for engine in ("step", "fused"):
        ours = ablate(neuron.LIFNode(**LIF), variant, engine=engine)
        o = ours(x).flatten()
        assert o.tolist() == [float(value >= 1) for value in u]
        last = u[-1] if ours.variant.reset == "none" or o[-1] == 0 else 0.0
        assert ours.v.item() == last


def test_what_the_neuron_had_is_what_the_variant_leaves() -> None:
    node = neuron.LIFNode(tau=4.0, v_reset=None, v_threshold=0.5)
    assert ablate(node, "with_recurrence", example=torch.zeros(1, 3)).variant == Variant(
        "with_recurrence", reset="subtract", recurrent=True, input_gain="1-k"
    )
    assert ablate(node, "without_leakage").variant == Variant(
        "without_leakage", leakage=1.0, reset="subtract", input_gain=0.25
    )
    assert ablate(neuron.LIFNode(tau=4.0, decay_input=False), "complete_leakage").variant.input_gain == "1"
    assert ablate(neuron.IFNode(), "baseline").leak.forward() == 1.0
    assert ablate(neuron.IFNode(), "complete_leakage").leak.forward() == 0.0
    plif = neuron.ParametricLIFNode(init_tau=4.0)
    assert ablate(plif, "without_leakage").variant.input_gain == pytest.approx(0.25)
    assert list(ablate(plif, "without_leakage").parameters()) == []


def test_a_trained_leak_is_trained_as_it_would_have_been() -> None:
    plif = neuron.ParametricLIFNode(step_mode="m").double()
    ours = ablate(plif, "baseline")
    for model in (plif, ours):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            (whole(model, DENSE).mean() - 0.9).square().backward()
            optimizer.step()
    assert plif.w.item() != 0.0
    assert ours.leak.w.item() == pytest.approx(plif.w.item(), abs=1e-12)


def test_recurrence_between_the_neurons_of_a_dense_layer() -> None:
    """By hand: V has one connection, 2, from neuron 0 to neuron 1; the input counts in full."""
    node = neuron.LIFNode(tau=2.0, decay_input=False, step_mode="m")
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]).view(3, 1, 2)
    ours = ablate(nn.Sequential(node), "with_recurrence", example=x)[0]
    v = ours.recurrent.weight
    torch.testing.assert_close(v @ v.T, torch.eye(2))  # orthogonal at first
    with torch.no_grad():
        v.copy_(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    assert ours(x)[:, 0].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


def test_recurrence_in_an_snntorch_net_learns() -> None:
    x = torch.rand(8, 3, 12) * 3
    ours = ablate(Net(), "with_recurrence", example=x)
    assert [ours.lif1.recurrent.weight.shape, ours.lif2.recurrent.weight.shape] == [(20, 20), (4, 4)]
    ours(x).sum().backward()
    assert ours.lif1.recurrent.weight.grad.abs().sum() > 0


def test_parameters_come_in_the_model_s_dtype_and_from_the_global_generator() -> None:
    model = nn.Sequential(nn.Linear(5, 6), neuron.LIFNode()).double()
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(ablate(model, Variant("all", leakage="learnable", recurrent=True), example=DENSE[0]))
    for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True):
        assert a.dtype == torch.float64
        assert torch.equal(a, b)
    assert made[0][1].leak.logit.shape == (6,)
    made[0](DENSE[0])


@pytest.mark.parametrize("variant", ["with_recurrence", Variant("mine", leakage="learnable")])
def test_parameters_for_each_neuron_are_for_dense_layers(variant: Any) -> None:
    model, image = CSNN(), torch.rand(2, 1, 16, 16)
    with pytest.raises(
        NotAblatable, match=r"^conv_fc\.2 \(IFNode\): .*give an input: ablate\(model, variant, example="
    ):
        ablate(model, variant)
    with pytest.raises(NotAblatable, match=r"^conv_fc\.2 \(IFNode\) cannot be .* its neurons lie in \[8, 16, 16\]"):
        ablate(model, variant, example=image)
    ours = ablate(model, {"conv_fc.10": variant, "conv_fc.2": "without_reset"}, example=(image,))
    assert ours.conv_fc[10].n == 32
    assert ours.conv_fc[2].n is None
    assert type(ours.conv_fc[6]) is neuron.IFNode


class Branch(nn.Module):
    """Not all of its neurons are used."""

    def __init__(self) -> None:
        super().__init__()
        self.lif, self.spare = neuron.LIFNode(), neuron.LIFNode()

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(x)


def test_what_the_example_must_show() -> None:
    one = neuron.LIFNode()
    wide = nn.Sequential(nn.Linear(5, 4), one, nn.Linear(4, 3), one)
    with pytest.raises(NotAblatable, match=r"1 \(LIFNode\) .*layers of different shapes, \[4\] and \[3\]"):
        ablate(wide, "with_recurrence", example=DENSE[0].float())
    unused = Branch()
    with pytest.raises(NotAblatable, match=r"^spare \(LIFNode\) cannot be .* the example does not reach it"):
        ablate(unused, "with_recurrence", example=DENSE[0])


# what is refused


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (neuron.KLIFNode(), r"^1\.0 \(KLIFNode\) is no LIF neuron that is known \(SpikingJelly's LIFNode"),
        (snntorch.Synaptic(0.9, 0.8), r"^1\.0 \(Synaptic\) is no LIF neuron that is known"),
        (VariantLIFNode(), "one of this package already: ablate the model that it was made of"),
        (make_neuron("baseline", 3, backend="snntorch"), "one of this package already"),
        (type("Mine", (neuron.LIFNode,), {})(), r"\(Mine\) is no LIF neuron that is known"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_another_kind_of_neuron_is_named(module: nn.Module, message: str) -> None:
    model = nn.Sequential(neuron.LIFNode(), nn.Sequential(module))
    with pytest.raises(NotAblatable, match=message):
        ablate(model, "baseline")
    left = ablate(model, {"0": "baseline"})
    assert type(left[1][0]) is type(module)


def test_a_readout_without_spikes_is_left_as_it_is() -> None:
    model = nn.Sequential(neuron.LIFNode(step_mode="m"), neuron.NonSpikingLIFNode(decode="last_mem"))
    ours = ablate(model, "without_leakage")
    assert type(ours[1]) is neuron.NonSpikingLIFNode


def test_a_model_without_lif_neurons() -> None:
    with pytest.raises(
        NotAblatable, match=r"^Sequential has no LIF neuron among its modules; known are SpikingJelly's"
    ):
        ablate(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), "baseline")


def test_neurons_in_a_plain_list_are_not_overlooked() -> None:
    model = nn.Sequential(neuron.LIFNode())
    model.more = [neuron.IFNode()]
    with pytest.raises(NotAblatable, match="holds a IFNode that is none of its modules, as in a plain list"):
        ablate(model, "baseline")


def test_unknown_names() -> None:
    model = CSNN()
    with pytest.raises(ValueError, match="unknown variant 'basline'; did you mean 'baseline'"):
        ablate(model, "basline")
    with pytest.raises(ValueError, match=r"unknown LIF neuron 'conv_fc\.3'; .*Known: conv_fc\.2, conv_fc\.6"):
        ablate(model, {"conv_fc.3": "baseline"})
    with pytest.raises(ValueError, match="unknown engine 'quick'"):
        ablate(model, "baseline", engine="quick")
    with pytest.raises(ValueError, match="no neuron is named"):
        ablate(model, {})


def test_an_engine_that_is_asked_for_is_used() -> None:
    model = nn.Sequential(neuron.LIFNode(surrogate_function=surrogate.Erf(), step_mode="m"))
    ablate(model, "baseline", engine="auto")(DENSE)
    with pytest.raises(ValueError, match="engine='fused': its surrogate Erf"):
        ablate(model, "baseline", engine="fused")(DENSE)


def test_the_list_of_snntorch_s_neurons_has_those_of_the_copies_and_no_others() -> None:
    model = sequential()
    before = list(snntorch.SpikingNeuron.instances)
    utils.reset(model)
    x = torch.rand(2, 1, 12, 12)
    ours = ablate(model, {"5": "with_recurrence"}, example=x)
    new = [one for one in snntorch.SpikingNeuron.instances if not any(one is old for old in before)]
    assert {id(one) for one in new} == {id(ours[2]), id(ours[5])}

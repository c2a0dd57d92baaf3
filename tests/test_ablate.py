"""`ablate(model, "baseline")` is the model; the copy shares nothing with it, and within itself what was shared."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from ablate_cases import (
    CSNN,
    DENSE,
    Net,
    assert_same,
    by_steps,
    forward_pass,
    lively,
    sequential,
    whole,
)
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from spikingjelly.activation_based.model import spiking_resnet, spiking_vgg
from torch import Tensor, nn

from neurons import NotAblatable, VariantLIFNode, ablate
from neurons.ablation import lif_neurons


@pytest.mark.parametrize("node", [neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode])
def test_a_csnn(node: type[nn.Module]) -> None:
    model = lively(CSNN(node=node))
    image = torch.rand(3, 1, 16, 16, dtype=torch.float64)
    assert_same(model, image)
    model.eval()
    assert_same(model, image)


def test_a_csnn_that_is_stepped() -> None:
    """As in the tutorial "Classify MNIST": a loop over time around a model in step mode s."""
    model = lively(CSNN(node=neuron.LIFNode)).conv_fc
    functional.set_step_mode(model, "s")
    assert_same(model, torch.rand(5, 3, 1, 16, 16, dtype=torch.float64), by_steps)


def test_seq_to_ann_and_step_containers() -> None:
    model = nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)),
        neuron.LIFNode(tau=2.0, step_mode="m", detach_reset=True),
        layer.MultiStepContainer(nn.Conv2d(4, 4, 3), neuron.LIFNode(v_reset=None)),
        layer.SeqToANNContainer(nn.Flatten(), nn.Linear(64, 6)),
        neuron.ParametricLIFNode(step_mode="m"),
    )
    assert_same(lively(model), torch.rand(5, 2, 2, 6, 6, dtype=torch.float64))


def vgg() -> nn.Module:
    options = {"spiking_neuron": neuron.LIFNode, "surrogate_function": surrogate.ATan(), "detach_reset": True}
    model = spiking_vgg.SpikingVGG([8, "M", 16, 16], batch_norm=True, norm_layer=layer.BatchNorm2d, **options)
    model.avgpool, model.classifier = nn.Identity(), nn.Identity()  # whose 120 million weights show nothing here
    model.avgpool.step_mode = "none"
    return model


def resnet() -> nn.Module:
    block = spiking_resnet.BasicBlock
    return spiking_resnet.SpikingResNet(block, [1, 1, 1, 1], num_classes=5, spiking_neuron=neuron.IFNode)


@pytest.mark.parametrize("make", [vgg, resnet])
def test_spikingjelly_s_own_models(make: Callable[[], nn.Module]) -> None:
    model = make()
    functional.set_step_mode(model, "m")
    ours = assert_same(lively(model), torch.rand(4, 2, 3, 32, 32, dtype=torch.float64))
    assert not any(type(part) in (neuron.LIFNode, neuron.IFNode) for part in ours.modules())


def plain(model: nn.Module, x: Tensor) -> Tensor:
    return model(x)


@pytest.mark.parametrize("options", [{}, {"reset_mechanism": "zero", "learn_beta": True}], ids=str)
def test_an_snntorch_net_with_its_loop_over_time(options: dict[str, Any]) -> None:
    model = Net(**options)
    ours = assert_same(model, torch.rand(10, 3, 12) * 3, plain)
    assert ours(torch.rand(4, 2, 12)).shape == (
        2,
        4,
        2,
        4,
    )  # another batch: init_leaky is at rest, whatever came before


def test_an_snntorch_sequential_with_hidden_states_and_utils_reset() -> None:
    x = torch.rand(6, 2, 1, 12, 12) * 4
    ours = assert_same(sequential(), x, forward_pass)
    assert torch.equal(forward_pass(ours, x), forward_pass(ours, x))  # utils.reset reaches the copy


# what stays, and what is shared


def test_the_model_is_left_as_it_was() -> None:
    model = lively(CSNN(node=neuron.LIFNode))
    image = torch.rand(3, 1, 16, 16, dtype=torch.float64)
    model.eval()
    before, output = copy.deepcopy(model.state_dict()), whole(model, image)
    functional.reset_net(model)
    draws = torch.get_rng_state()
    ours = ablate(model, {"conv_fc.10": "with_recurrence"}, example=image)
    assert {name: type(m) for name, m in lif_neurons(model).items()} == dict.fromkeys(
        ("conv_fc.2", "conv_fc.6", "conv_fc.10", "conv_fc.12"), neuron.LIFNode
    )
    assert all(m.v == 0.0 for m in lif_neurons(model).values())  # the example was run on a copy
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    torch.manual_seed(0)
    with torch.no_grad():
        for p in ours.parameters():
            p.add_(1)
    assert torch.equal(whole(model, image), output)
    torch.set_rng_state(draws)


def test_names_and_weights_are_the_model_s() -> None:
    model = CSNN(node=neuron.ParametricLIFNode)
    state, ours = model.state_dict(), ablate(model, "baseline").state_dict()
    changed = {name for name in state if name.endswith(".w")}
    assert set(ours) - set(state) == {name.removesuffix("w") + "leak.w" for name in changed}
    assert set(state) - set(ours) == changed
    assert all(torch.equal(ours[name], state[name]) for name in set(state) & set(ours))
    assert all(torch.equal(ours[name.removesuffix("w") + "leak.w"], state[name]) for name in changed)
    assert set(ablate(Net(), "baseline").state_dict()) < set(Net().state_dict())


def test_a_stock_checkpoint_loads_into_a_net_with_trained_leaks() -> None:
    model, other = Net(learn_beta=True), Net(learn_beta=True)
    with torch.no_grad():
        model.lif1.beta.fill_(0.25)
    ours = ablate(other, "baseline")
    ours.load_state_dict(model.state_dict(), strict=False)
    assert ours.lif1.beta.item() == 0.25


@pytest.mark.parametrize("training", [True, False])
def test_mode_and_frozen_weights_stay(training: bool) -> None:
    model = CSNN(node=neuron.ParametricLIFNode).train(training).requires_grad_(False)
    ours = ablate(model, "baseline")
    assert all(part.training is training for part in ours.modules())
    assert not any(p.requires_grad for p in ours.parameters())


def test_what_is_shared_stays_shared() -> None:
    once, w = neuron.ParametricLIFNode(step_mode="m"), neuron.ParametricLIFNode(step_mode="m")
    w.w = once.w
    model = nn.ModuleDict({"a": once, "b": nn.Sequential(once), "c": w})
    model.favourite = [once]
    ours = ablate(model, "baseline")
    assert ours["a"] is ours["b"][0] is ours.favourite[0]
    assert ours["c"] is not ours["a"]
    assert ours["c"].leak.w is ours["a"].leak.w is not w.w
    named = ablate(model, {"b.0": "without_reset"})
    assert named["a"] is named["b"][0]
    assert type(named["c"]) is neuron.ParametricLIFNode
    with pytest.raises(ValueError, match=r"a and b\.0 are the same neuron, which cannot be two variants"):
        ablate(model, {"a": "baseline", "b.0": "without_reset"})


def test_a_copy_can_be_pickled() -> None:
    model = nn.Sequential(neuron.ParametricLIFNode(step_mode="m"), neuron.LIFNode(step_mode="m", v_reset=None)).double()
    ours = ablate(model, "baseline")
    assert torch.equal(whole(pickle.loads(pickle.dumps(ours)), DENSE), whole(ours, DENSE))


def test_one_neuron_can_be_the_model() -> None:
    assert isinstance(ablate(neuron.LIFNode(), "without_reset"), VariantLIFNode)


def test_a_model_in_use_is_copied_at_rest() -> None:
    model = nn.Sequential(nn.Linear(5, 4), neuron.LIFNode())
    model(DENSE[0].float())
    assert model[1].v.grad_fn is not None
    assert ablate(model, "baseline")[1].v == 0.0
    held = nn.Sequential(neuron.LIFNode(), neuron.KLIFNode())
    held(torch.rand(2, 3, requires_grad=True))
    with pytest.raises(NotAblatable, match=r"cannot be copied, as it holds a state: .* Reset it first"):
        ablate(held, {"0": "baseline"})

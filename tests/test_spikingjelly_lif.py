"""`VariantLIFNode` in models written as SpikingJelly's users write them."""

import copy

import pytest
import torch
from neuron_cases import ALL_VARIANTS, TRACES
from spikingjelly.activation_based import base, functional, layer, neuron
from torch import nn

from neurons import Variant, VariantLIFNode, sigmoid

ENGINES = ("step", "fused")
engines = pytest.mark.parametrize("engine", ENGINES)
variants = pytest.mark.parametrize("variant", ALL_VARIANTS, ids=lambda v: v.name)


def current(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(engine, variant="with_recurrence", seed=0, **options):
    torch.manual_seed(seed)
    return nn.Sequential(
        layer.Linear(5, 4),
        VariantLIFNode(variant, 4, leakage="learnable", engine=engine, **options),
        layer.Linear(4, 2, bias=False),
        VariantLIFNode("baseline", engine=engine, threshold=0.05, surrogate="arctan"),
    ).double()


def run_by_step(net, x):
    functional.set_step_mode(net, "s")
    return torch.stack([net(x_t) for x_t in x])


def run_at_once(net, x):
    functional.set_step_mode(net, "m")
    return net(x)


def test_it_is_a_spikingjelly_node():
    node = VariantLIFNode("baseline")
    assert isinstance(node, neuron.LIFNode)
    assert isinstance(node, base.MemoryModule)
    assert node.step_mode == "s"
    assert node.v == 0.0
    assert "variant=baseline" in repr(node)


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["s", "m"])
def test_traces_worked_by_hand(name, engine, mode):
    trace = TRACES[name]
    n = None if trace.weight is None else len(trace.weight)
    node = VariantLIFNode(trace.variant, n, leakage=trace.leakage, threshold=trace.threshold, engine=engine).double()
    if n is not None:
        node.recurrent.weight.data.copy_(torch.tensor(trace.weight))
    x = trace.column(trace.x)
    spikes = (run_by_step if mode == "s" else run_at_once)(node, x)
    assert torch.equal(spikes, trace.column(trace.o))


@pytest.mark.parametrize("k", [0.5, 0.75])
def test_without_changes_it_is_spikingjellys_own_lif(k):
    """Same spikes, states and gradients as LIFNode(decay_input=False), which fires at u >= u_th too."""
    own = neuron.LIFNode(tau=1 / (1 - k), decay_input=False, v_threshold=0.3, step_mode="m")
    ours = VariantLIFNode(leakage=k, surrogate=sigmoid(4.0), step_mode="m", engine="step")
    x = current(8, 3, 5).float()
    results = []
    for node in (own, ours):
        leaf = x.clone().requires_grad_()
        spikes = node(leaf)
        spikes.sum().backward()
        results.append((spikes, node.v, leaf.grad))
    for theirs, mine in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-7)


@engines
@variants
def test_step_mode_s_equals_m(engine, variant):
    net = network(engine, variant)
    x = current(7, 3, 5)
    by_step = run_by_step(net, x)
    assert by_step.any()
    by_step.sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    functional.reset_net(net)
    net.zero_grad()
    at_once = run_at_once(net, x)
    at_once.sum().backward()
    assert torch.equal(at_once, by_step)
    for parameter, grad in zip(net.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-10, atol=1e-12)


@engines
@variants
def test_two_halves_are_the_whole(engine, variant):
    """State, and with it the gradient, passes from call to call."""
    net = network(engine, variant)
    x = current(8, 3, 5)
    whole = run_at_once(net, x)
    weight = current(8, 3, 2, seed=1)
    (whole * weight).sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    state = net[1].v
    functional.reset_net(net)
    net.zero_grad()
    halves = torch.cat([net(x[:3]), net(x[3:])])
    (halves * weight).sum().backward()
    assert torch.equal(halves, whole)
    assert torch.equal(net[1].v, state)
    for parameter, grad in zip(net.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-10, atol=1e-12)


@engines
def test_the_state_stays_until_reset_net(engine):
    net = network(engine)
    x = current(8, 3, 5)
    first = run_at_once(net, x)
    assert not torch.equal(net(x), first)
    functional.reset_net(net)
    assert net[1].v == 0.0
    assert net[1].spike == 0.0
    assert torch.equal(net(x), first)


@engines
def test_detach_net_cuts_the_graph_and_keeps_the_state(engine):
    net = network(engine)
    x = current(8, 3, 5).requires_grad_()
    run_at_once(net, x[:4])
    v, spike = net[1].v.clone(), net[1].spike.clone()
    functional.detach_net(net)
    assert torch.equal(net[1].v, v)
    assert torch.equal(net[1].spike, spike)
    net(x[4:]).sum().backward()
    assert not x.grad[:4].any()
    assert x.grad[4:].any()


@engines
def test_another_batch_size_starts_from_rest(engine):
    net = network(engine)
    run_at_once(net, current(8, 3, 5))
    x = current(8, 2, 5, seed=1)
    carried_on = net(x)
    functional.reset_net(net)
    assert torch.equal(carried_on, net(x))


@engines
def test_a_state_set_by_hand_is_where_it_starts(engine):
    node = VariantLIFNode("with_recurrence", 2, leakage=0.5, threshold=1.0, engine=engine, step_mode="m")
    node.v = torch.tensor([[0.5, 1.5]])
    node(torch.zeros(1, 1, 2))
    assert node.v.tolist() == [[0.25, 0.75]]
    assert node.spike.tolist() == [[0.0, 0.0]]


@engines
@pytest.mark.parametrize("mode", ["s", "m"])
def test_uniform_initial_state(engine, mode):
    node = VariantLIFNode(Variant("mine", initial_state="uniform"), leakage=1.0, threshold=2.0, engine=engine)
    (run_by_step if mode == "s" else run_at_once)(node, torch.zeros(2, 100, 10))
    assert 0.9 < node.v.max() < 1
    assert 0 <= node.v.min() < 0.1


@engines
def test_store_v_seq_keeps_the_potential_after_reset(engine):
    node = VariantLIFNode(leakage=0.5, threshold=1.0, engine=engine, step_mode="m", store_v_seq=True)
    spikes = node(torch.tensor([0.5, 0.75, 0.5]).reshape(3, 1, 1))
    assert spikes.flatten().tolist() == [0, 1, 0]
    assert node.v_seq.flatten().tolist() == [0.5, 0.0, 0.5]
    functional.reset_net(node)
    assert node.v_seq is None


@engines
def test_state_dict_round_trip_and_deepcopy(engine):
    one, other = network(engine, seed=0), network(engine, seed=1)
    x = current(8, 3, 5)
    spikes = run_at_once(one, x).detach()
    assert not torch.equal(run_at_once(other, x), spikes)
    functional.reset_net(other)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(x), spikes)
    functional.reset_net(one)
    clone = copy.deepcopy(one)
    assert torch.equal(clone(x), spikes)
    assert one[1].v == 0.0  # the clone has a state of its own


@engines
def test_double_keeps_a_constant_leak_exact(engine):
    node = VariantLIFNode(leakage=0.3, engine=engine, step_mode="m").double()
    node.v = torch.tensor([[0.1]], dtype=torch.float64)
    node(torch.zeros(1, 1, 1, dtype=torch.float64))
    assert node.v.item() == pytest.approx(0.03, rel=1e-15)


@engines
def test_any_shape_behind_a_convolution(engine):
    torch.manual_seed(0)
    net = nn.Sequential(
        layer.Conv2d(1, 3, 3, padding=1), layer.BatchNorm2d(3), VariantLIFNode(engine=engine), layer.MaxPool2d(2)
    )
    functional.set_step_mode(net, "m")
    out = net(torch.rand(4, 2, 1, 8, 8))
    assert out.shape == (4, 2, 3, 4, 4)
    assert out.any()
    out.sum().backward()
    assert net[0].weight.grad.any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"variant": "basline"}, ValueError, "did you mean 'baseline'"),
        ({"engine": "quick"}, ValueError, "unknown engine 'quick'; Known: auto, step, fused"),
        ({"surrogate": "atan"}, ValueError, "unknown surrogate 'atan'"),
        ({"leakage": 2.0}, ValueError, r"outside \[0, 1\]"),
        ({"threshold": 0}, ValueError, "must be positive"),
        ({"variant": "with_recurrence"}, ValueError, "give the number of neurons n"),
        ({"leakage": "learnable"}, ValueError, "give the number of neurons n"),
        ({"step_mode": "x"}, ValueError, "step_mode"),
    ],
)
def test_bad_options_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        VariantLIFNode(**arguments)


@pytest.mark.parametrize(
    ("mode", "x", "error", "message"),
    [
        ("s", torch.ones(2, 4), ValueError, r"one step must be \[B, 3\], got \[2, 4\]"),
        ("s", torch.ones(2, 1), ValueError, r"one step must be \[B, 3\], got \[2, 1\]"),
        ("s", torch.ones(2, 3, dtype=torch.long), TypeError, "floating point, not torch.int64"),
        ("m", torch.ones(2, 3), ValueError, r"must be \[T, B, 3\]"),
        ("m", torch.ones(0, 2, 3), ValueError, "is empty"),
        ("m", torch.ones(5, 2, 3, dtype=torch.long), TypeError, "floating point, not torch.int64"),
    ],
)
def test_bad_input_is_refused(mode, x, error, message):
    node = VariantLIFNode("baseline", 3, leakage="learnable", step_mode=mode)
    with pytest.raises(error, match=message):
        node(x)

"""`VariantLeaky` in models written as snnTorch's tutorials write them."""

import pytest
import snntorch
import torch
from neuron_cases import ALL_VARIANTS, TRACES, oracle
from snntorch import utils
from torch import nn

from neurons import VariantLeaky, arctan

variants = pytest.mark.parametrize("variant", ALL_VARIANTS, ids=lambda v: v.name)


@pytest.fixture(autouse=True)
def _forget_instances():
    """snnTorch lists every neuron ever made and resets them all together."""
    yield
    snntorch.SpikingNeuron.instances.clear()


def current(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Net(nn.Module):
    """Tutorial 5's network: explicit membrane potentials, one step at a time."""

    def __init__(self, variant="with_recurrence", seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.fc1 = nn.Linear(5, 4)
        self.lif1 = VariantLeaky(variant, 4, leakage="learnable")
        self.fc2 = nn.Linear(4, 2)
        self.lif2 = VariantLeaky("baseline")

    def forward(self, x):
        mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        spk2_rec = []
        for x_t in x:
            spk1, mem1 = self.lif1(self.fc1(x_t), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk2_rec.append(spk2)
        return torch.stack(spk2_rec)


def hidden_net(seed=0, output=False):
    """Tutorial 6's: the neurons keep their state."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, 4),
        VariantLeaky("with_recurrence", 4, leakage="learnable", init_hidden=True),
        nn.Linear(4, 2),
        VariantLeaky("baseline", init_hidden=True, output=output),
    ).double()


def run_hidden(net, x):
    utils.reset(net)
    return torch.stack([net(x_t) for x_t in x])


def test_it_is_an_snntorch_neuron():
    lif = VariantLeaky("baseline")
    assert isinstance(lif, snntorch.Leaky)
    assert "variant=baseline" in repr(lif)


@pytest.mark.parametrize("name", TRACES)
def test_traces_worked_by_hand(name):
    trace = TRACES[name]
    n = None if trace.weight is None else len(trace.weight)
    lif = VariantLeaky(trace.variant, n, leakage=trace.leakage, threshold=trace.threshold).double()
    if n is not None:
        lif.recurrent.weight.data.copy_(torch.tensor(trace.weight))
    mem = lif.reset_mem()
    spikes, potentials = [], []
    for x_t in trace.column(trace.x):
        spk, mem = lif(x_t, mem)
        spikes.append(spk)
        potentials.append(mem)
    assert torch.equal(torch.stack(spikes), trace.column(trace.o))
    torch.testing.assert_close(torch.stack(potentials), trace.column(trace.u), rtol=1e-15, atol=0)


def test_zero_reset_without_ties_is_snntorchs_own_leaky():
    own = snntorch.Leaky(beta=0.9, threshold=0.3, reset_mechanism="zero")
    ours = VariantLeaky(leakage=0.9, surrogate=arctan(2.0), detach_reset=True)  # as snnTorch's always is
    x = current(20, 3, 5).float()
    results = []
    for lif in (own, ours):
        leaf = x.clone().requires_grad_()
        mem = lif.reset_mem()
        spikes = []
        for x_t in leaf:
            spk, mem = lif(x_t, mem)
            spikes.append(spk)
        torch.stack(spikes).sum().backward()
        results.append((torch.stack(spikes), mem, leaf.grad))
    for theirs, mine in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_tie_fires_where_snntorchs_own_does_not():
    x = torch.tensor([[1.0]])
    own, ours = snntorch.Leaky(beta=0.5), VariantLeaky(leakage=0.5, threshold=1.0)
    assert own(x, own.reset_mem())[0].item() == 0
    assert ours(x, ours.reset_mem())[0].item() == 1


@variants
def test_an_explicit_loop_equals_the_oracle(variant):
    torch.manual_seed(0)
    lif = VariantLeaky(variant, 4, leakage="learnable").double()
    x = current(9, 3, 4).requires_grad_()
    expected, _, leaves = oracle(lif, x, threshold=0.3)
    mem = lif.reset_mem()
    spikes = []
    for x_t in x:
        spk, mem = lif(x_t, mem)
        spikes.append(spk)
    assert torch.equal(torch.stack(spikes), expected)
    torch.stack(spikes).sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(x.grad, leaves[0].grad, rtol=1e-9, atol=1e-12)


def test_init_hidden_with_utils_reset():
    net, explicit = hidden_net(), Net().double()
    explicit.fc1.load_state_dict(net[0].state_dict())
    explicit.lif1.load_state_dict(net[1].state_dict())
    explicit.fc2.load_state_dict(net[2].state_dict())
    x = current(9, 3, 5)
    spikes = run_hidden(net, x)
    assert spikes.any()
    assert torch.equal(spikes, explicit(x))
    assert torch.equal(run_hidden(net, x), spikes)  # utils.reset brought it back to rest
    assert not torch.equal(torch.stack([net(x_t) for x_t in x]), spikes)  # and without it the state goes on
    spikes.sum().backward()
    assert net[0].weight.grad.any()
    assert net[1].leak.logit.grad.any()
    assert net[1].recurrent.weight.grad.any()


def test_init_hidden_with_output_gives_the_potential_too():
    net = hidden_net(output=True)
    utils.reset(net)
    x = current(9, 3, 5)
    spk, mem = net(x[0])
    assert torch.equal(spk, (mem >= 0.3).double())
    lone = VariantLeaky(init_hidden=True)
    assert isinstance(lone(x[0]), torch.Tensor)
    with pytest.raises(TypeError, match="init_hidden"):
        lone(x[0], torch.zeros(3, 5))


def test_detach_hidden_cuts_the_graph_and_keeps_the_state():
    lif = VariantLeaky(leakage=0.9, init_hidden=True, surrogate="arctan").double()
    x = current(4, 3, 5).requires_grad_()
    lif(x[0])
    lif(x[1])
    mem = lif.mem.clone()
    snntorch.Leaky.detach_hidden()
    assert torch.equal(lif.mem, mem)
    lif(x[2]).sum().backward()
    assert not x.grad[:2].any()
    assert x.grad[2].any()


def test_state_dict_round_trip():
    one, other = Net(seed=0).double(), Net(seed=1).double()
    x = current(9, 3, 5)
    assert not torch.equal(one(x), other(x))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x))


def test_the_trained_leak_is_beta():
    lif = VariantLeaky("baseline", 4, leakage="learnable")
    assert torch.equal(lif.beta, torch.sigmoid(lif.leak.logit))
    assert VariantLeaky(leakage=0.3).beta.item() == 0.3
    assert VariantLeaky("complete_leakage", leakage=0.3).beta.item() == 0.0


def test_double_keeps_leak_and_threshold_exact():
    lif = VariantLeaky(leakage=0.3, threshold=0.3).double()
    spk, mem = lif(torch.zeros(1, 2, dtype=torch.float64), torch.tensor([[0.1, 0.3]], dtype=torch.float64))
    assert mem[0, 0].item() == 0.3 * 0.1
    assert mem[0, 1].item() == 0  # 0.3 was a tie, and so was reset
    assert spk.sum() == 0


@pytest.mark.parametrize("detach_reset", [False, True])
def test_no_graph_stays_behind(detach_reset):
    """A module whose potential is the caller's holds on to no graph, or memory would grow from batch to batch."""
    lif = VariantLeaky("with_recurrence", 3, detach_reset=detach_reset)
    mem = lif.reset_mem()
    for _ in range(2):
        _, mem = lif(torch.ones(1, 3, requires_grad=True), mem)
    assert mem.grad_fn is not None
    held = [name for name, value in vars(lif).items() if isinstance(value, torch.Tensor) and value.grad_fn is not None]
    assert held == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "basline"}, "did you mean 'baseline'"),
        ({"surrogate": "atan"}, "unknown surrogate 'atan'"),
        ({"leakage": 2.0}, r"outside \[0, 1\]"),
        ({"threshold": 0}, "must be positive"),
        ({"variant": "with_recurrence"}, "give the number of neurons n"),
        ({"leakage": "learnable"}, "give the number of neurons n"),
    ],
)
def test_bad_options_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VariantLeaky(**arguments)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.ones(2, 4), ValueError, r"one step must be \[B, 3\], got \[2, 4\]"),
        (torch.ones(2, 1), ValueError, r"one step must be \[B, 3\], got \[2, 1\]"),
        (torch.ones(5, 2, 3), ValueError, r"one step must be \[B, 3\], got \[5, 2, 3\]"),
        (torch.ones(2, 3, dtype=torch.long), TypeError, "floating point, not torch.int64"),
    ],
)
def test_bad_input_is_refused(x, error, message):
    lif = VariantLeaky("baseline", 3, leakage="learnable")
    with pytest.raises(error, match=message):
        lif(x, lif.reset_mem())

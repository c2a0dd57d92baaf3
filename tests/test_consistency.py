"""The check finds what it is for: implementations that are wrong, and the frameworks' differences at their size."""

import json
from importlib.util import find_spec

import pytest
import snntorch
import torch
from rich.console import Console

from neurons import BACKENDS, VARIANTS, Variant, arctan, make_neuron
from suite.frameworks import conformance as consistency
from suite.frameworks import differences, effects, own
from suite.frameworks.conformance import _comparable, against_oracle, check, render
from suite.frameworks.page import markdown
from suite.frameworks.stated import Difference, differing

FLOAT32 = torch.float32


@pytest.fixture(scope="module")
def result():
    return check()


def row(variant="baseline", leakage=0.3, backend="spikingjelly", engine="step", dtype=FLOAT32):
    return against_oracle(VARIANTS[variant], leakage, backend, engine, dtype, torch.device("cpu"))


def test_every_variant_backend_engine_and_dtype_is_there_and_agrees(result):
    seen = set(result.oracle[["variant", "backend", "engine", "dtype"]].itertuples(index=False, name=None))
    wanted = {
        (v, b, e, d) for v in VARIANTS for b in BACKENDS for e in ("step", "fused") for d in ("float32", "float64")
    }
    assert wanted <= seen
    assert result.ok
    assert (result.oracle["spikes"] > 100).all()


def test_gradients_are_compared_where_the_variant_has_them(result):
    frame = result.oracle
    assert frame["grad_x"].notna().all()
    assert (frame["grad_k"].notna() == (frame["leak"] == "learnable")).all()
    assert (frame["grad_V"].notna() == frame["variant"].str.contains("recurrence")).all()


@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize(
    ("wrong", "spikes"),
    [
        ({"threshold": 0.501}, True),
        ({"leakage": 0.301}, True),
        ({"detach_reset": True}, False),
        ({"surrogate": arctan(2.1)}, False),
    ],
    ids=lambda wrong: next(iter(wrong)) if isinstance(wrong, dict) else "",
)
def test_a_wrong_neuron_does_not_agree(monkeypatch, wrong, spikes, engine):
    monkeypatch.setattr(consistency, "make_neuron", lambda *args, **options: make_neuron(*args, **{**options, **wrong}))
    found = row(engine=engine)
    assert not found["agrees"]
    assert (found["spikes_differ"] > 0) == spikes
    if not spikes:
        assert found["grad_x"] > 1e-3


def test_a_wrong_recurrence_does_not_agree(monkeypatch):
    def transposed(*args, **options):
        neuron = make_neuron(*args, **options)
        weight = neuron.recurrent.weight.detach().clone()
        neuron.recurrent.forward = lambda spike: spike @ weight
        return neuron

    monkeypatch.setattr(consistency, "make_neuron", transposed)
    assert not row("with_recurrence")["agrees"]


def test_firing_only_above_the_threshold_does_not_agree(monkeypatch):
    class Above:
        def __call__(self, x):
            return (x > 0).to(x)

    def strict(*args, **options):
        neuron = make_neuron(*args, **options)
        neuron.surrogate_function = Above()
        return neuron

    monkeypatch.setattr(consistency, "make_neuron", strict)
    found = row("complete_leakage")  # no memory: only the 8 spikes that start at the threshold are lost
    assert (found["spikes_differ"], found["rounding"], found["agrees"]) == (8, 0, False)


def test_rounding_excuses_a_spike_near_the_threshold_and_what_follows_but_no_tie():
    # neurons: 0 differs at a near miss and after it, 1 at an exact tie, 2 far from the threshold, 3 never
    u = torch.tensor([[0.5 + 1e-7, 0.5, 0.7, 0.1], [0.2, 0.2, 0.2, 0.2]]).reshape(2, 1, 4).double()
    expected = (u >= 0.5).double()
    spikes = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]).reshape(2, 1, 4).double()
    compared, rounding = _comparable(spikes, expected, u, 1e-5, recurrent=False)
    assert rounding == 1
    assert compared[:, 0].tolist() == [[False, True, True, True], [False, True, True, True]]
    compared, rounding = _comparable(
        spikes[:, :, [0, 3]], expected[:, :, [0, 3]], u[:, :, [0, 3]], 1e-5, recurrent=True
    )
    assert (rounding, bool(compared.any())) == (1, False)


def test_a_difference_before_the_near_miss_is_not_excused():
    u = torch.tensor([0.9, 0.5 + 1e-7]).reshape(2, 1, 1).double()
    compared, rounding = _comparable(torch.zeros_like(u), torch.ones_like(u), u, 1e-5, recurrent=False)
    assert (rounding, bool(compared.all())) == (0, True)


def test_a_registered_variant_is_checked_and_a_random_start_is_not(monkeypatch):
    mine = {
        "mine": Variant("mine", leakage=0.7, input_gain="1-k"),
        "random": Variant("random", initial_state="uniform"),
    }
    monkeypatch.setattr(consistency, "variants", mine)
    assert [variant.name for variant, _ in consistency._cases()] == ["mine", "soft_reset", "soft_reset"]


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match=r"float32 and float64, not torch\.float16"):
        check((torch.float16,))


def test_shares_worked_by_hand():
    a = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).reshape(4, 2, 1)
    b = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).reshape(4, 2, 1)
    assert differing(a, b) == {"steps": 0.25, "sequences": 0.5}


def test_each_difference_has_its_measured_size(result):
    found = {d.name: d for d in result.differences}
    numbers = {name: d.numbers for name, d in found.items()}
    tie = numbers["spike at u = threshold"]
    assert tie["steps"] > 0.01
    assert tie["steps_continuous"] == 0
    assert numbers["reset in the gradient"]["gradient"] > 0.1
    assert numbers["reset in the gradient"]["gradient_detached"] < 1e-5
    assert numbers["reset in the gradient"]["suite_gradient"] < 1e-5
    assert numbers["soft reset, default"]["steps"] > 0.1
    assert "gives 1, 1, 0, 0" in found["soft reset without delay"].spikingjelly
    assert "gives 1, 0, 0, 0" in found["soft reset without delay"].snntorch
    assert numbers["soft reset without delay"]["steps"] > 0.05
    assert numbers["soft reset without delay"]["steps_small_input"] == 0
    assert numbers["what a reset to zero clears"]["steps"] > 0.1
    assert numbers["leak outside [0, 1]"] == {"steps_clamped": 0, "gradient_outside": 0}
    assert numbers["extreme leaks, k = 0 and 1"] == {"k0_refused": 1, "steps_k1": 0, "spikes_k1_default": 0}
    assert numbers["input gain"]["rate_scaled"] < numbers["input gain"]["rate"]
    assert numbers["default surrogate"]["gradient"] > 0.05
    assert numbers["default surrogate"]["gradient_same_surrogate"] < 1e-5
    memory = numbers["memory that backward allocates"]
    assert memory["snntorch_T100"] > 1.8 * memory["snntorch_T50"] > 3 * memory["snntorch_T25"]
    for name in ("spikingjelly", "suite"):
        assert memory[f"{name}_T100"] < 1.2 * memory[f"{name}_T25"]
    assert numbers["neurons after use"] == {"spikingjelly": 0, "snntorch": 10, "suite": 0}
    assert numbers["reset of one network"] == {"left": 0}
    assert numbers["soft reset, default"]["steps_dh_snn"] == 0
    leak = numbers["leak of StateLeaky"]
    assert leak["leak"] == pytest.approx(0.60653, abs=1e-5)  # exp(-1/2)
    assert leak["steps_same_leak"] == 0 < leak["steps"]
    assert numbers["potentials below 0"]["steps_positive"] == 0 < numbers["potentials below 0"]["steps"]
    kernels = numbers["surrogates with a fused kernel"]
    assert kernels["rectangle"] == 0 < kernels["fused"] < kernels["surrogates"]


def test_the_suites_two_subclasses_differ_in_nothing_of_it(result):
    suite = [d.numbers["suite_steps"] for d in result.differences if "suite_steps" in d.numbers]
    assert suite == [0, 0, 0, 0]


def test_zero_reset_scope_worked_by_hand():
    # beta 1/2, threshold 1, x = 1.5 always: Leaky has u = 1.5 and fires at every step; RLeaky loses the input of the
    # step after a spike, where u = 0, and fires at steps 0, 2, ...
    leaky = snntorch.RLeaky(beta=0.5, linear_features=1, reset_mechanism="zero")
    torch.nn.init.zeros_(leaky.recurrent.weight)
    torch.nn.init.zeros_(leaky.recurrent.bias)
    spike = mem = torch.zeros(1, 1)
    fired = []
    for _ in range(4):
        spike, mem = leaky(torch.full((1, 1), 1.5), spike, mem)
        fired.append(int(spike))
    assert fired == [1, 0, 1, 0]
    assert own.leaky(torch.full((4, 1, 1), 1.5), beta=0.5).flatten().tolist() == [1, 1, 1, 1]
    x = torch.full((4, 1, 1), 1.05)  # leak 0.9: u = 1.05 fires, and so does every other step
    assert own.recurrent_leaky(x).flatten().tolist() == [1, 0, 1, 0]


@pytest.mark.skipif(find_spec("norse") is None, reason="norse is not installed")
def test_norse_agrees_but_at_the_threshold(result):
    (found,) = (d.numbers for d in result.differences if "norse" in d.name)
    assert found["SpikingJelly"] == found["snnTorch"] == found["snnTorch_ties"] == 0 < found["SpikingJelly_ties"]


def test_dh_snns_late_reset_worked_by_hand():
    # leak 0.9, threshold 1: u = 1.5; 0.9 * 1.5 - 1 = 0.35; 0.315
    x = torch.tensor([1.5, 0, 0.7, 0]).reshape(4, 1, 1)
    assert own.late_soft_reset(x).flatten().tolist() == [1, 0, 1, 0]  # 1.015 in step 2
    # SpikingJelly's: 0.9 * (1.5 - 1) = 0.45; 0.405 + 0.7 = 1.105
    assert own.spikingjelly(torch.tensor([1.5, 0, 0.6, 0]).reshape(4, 1, 1), v_reset=None).flatten().tolist() == [
        1,
        0,
        1,
        0,
    ]
    assert own.late_soft_reset(torch.tensor([1.5, 0, 0.6, 0]).reshape(4, 1, 1)).flatten().tolist() == [1, 0, 0, 0]


def test_the_effect_on_accuracy_is_that_of_the_neurons():
    def silent(x):
        return 0 * x

    same, none = (
        Difference("", "", "", "", "", {}, neurons)
        for neurons in ({"a": own.spikingjelly, "b": own.spikingjelly}, {"a": own.spikingjelly, "b": silent})
    )
    effect = effects.accuracy(same, seeds=(0,), epochs=3)
    assert effect.own == effect.moved == effect.other
    assert effect.own[0] > 0.4  # of ten classes, 500 test images
    broken = effects.accuracy(none, seeds=(0,), epochs=3)
    assert broken.own == effect.own
    assert max(broken.moved + broken.other) < 0.2
    assert effects.accuracy(Difference("", "", "", "", "", {})) is None


def test_the_page_says_what_was_measured(result):
    shown = markdown(result.differences, lambda _one: effects.Effect((0.5, 0.7), (0.25, 0.25), (0.9, 1.0)))
    assert shown.count("\n## ") == len(result.differences)
    for one in result.differences:
        assert one.effect in shown
    assert "Accuracy: SpikingJelly 60.0 (50.0 to 70.0); moved to snnTorch 25.0 (25.0 to 25.0)" in shown
    assert shown.count("- Accuracy") == sum(one.neurons is not None for one in result.differences)


def test_measuring_leaves_snntorchs_list_of_neurons_as_it_was():
    kept = snntorch.Leaky(beta=0.5)
    before = list(snntorch.SpikingNeuron.instances)
    differences.measure()
    assert len(snntorch.SpikingNeuron.instances) == len(before)
    assert snntorch.SpikingNeuron.instances[-1] is kept


@pytest.mark.parametrize("fault", ["raises", "gives NaN", "gives NaN gradients"])
def test_an_implementation_that_breaks_is_a_finding_and_no_traceback(monkeypatch, fault):
    def broken(*args, **options):
        neuron = make_neuron(*args, **options)
        run = neuron.simulate

        def simulate(x):
            if fault == "raises":
                raise RuntimeError("no such kernel [red]")
            output = run(x)
            if fault == "gives NaN":
                return output._replace(potential=output.potential * float("nan"))
            output.potential.register_hook(lambda gradient: gradient * float("nan"))
            return output

        neuron.simulate = simulate
        return neuron

    monkeypatch.setattr(consistency, "make_neuron", broken)
    monkeypatch.setattr(consistency, "measure", list)
    found = check((FLOAT32,))
    assert not found.ok
    assert not found.oracle["agrees"].any()
    json.dumps(found.as_dict(), allow_nan=False)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render(found)[0])
    if fault == "raises":
        assert "baseline, numba-cpu, float32, RuntimeError: no such kernel [red]" in captured.get()


def test_as_json_and_as_tables(result):
    loaded = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert loaded["ok"] is True
    assert len(loaded["differences"]) == len(result.differences) == 15 + (find_spec("norse") is not None)
    console = Console(width=100)
    with console.capture() as captured:
        for table in render(result):
            console.print(table)
    text = captured.get()
    assert "numba-cpu (snntorch)" in text
    assert "x[t]" in text
    assert "NO" not in text.split("Where the frameworks")[0]


def test_a_disagreement_is_shown(result):
    frame = result.oracle.copy()
    frame.loc[frame["engine"] == "step", "agrees"] = False
    broken = consistency.Consistency(frame, [])
    assert not broken.ok
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render(broken)[0])
    assert captured.get().count("NO") == 2 * frame["variant"].nunique()

"""The benchmark measures what it says; how fast anything is, is not asserted."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from suite import terminal
from suite.bench import lif, memory, timing
from suite.bench.cli import parse_shape
from suite.bench.ops import OPS, import_norse
from suite.bench.other_python import OtherPython
from suite.cli import app
from suite.errors import SuiteError
from suite.machine import peak_memory_mb

CPU = torch.device("cpu")
HERE = [name for name, op in OPS.items() if op.why_not(CPU) is None]
OURS = list(OPS)[:2]


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def no_norse(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if norse were not installed."""
    from suite.bench import ops

    real = ops.find_spec
    monkeypatch.setattr(ops, "find_spec", lambda name: None if name == "norse" else real(name))


@pytest.mark.parametrize("recurrent", [False, True])
def test_contenders_give_the_same_spikes(recurrent: bool) -> None:
    """Some fire above the threshold only, which random input does not tell apart."""
    x, _ = lif.inputs((20, 8, 16), CPU)
    spikes = {name: OPS[name].make(lif.weights(16, recurrent, CPU), CPU)(x) for name in HERE}
    assert spikes[OURS[0]].mean() > 0.05
    for name, other in spikes.items():
        assert (other != spikes[OURS[0]]).float().mean() < 1e-3, name


@pytest.mark.parametrize("recurrent", [False, True])
def test_contenders_give_the_same_gradient(recurrent: bool) -> None:
    """Where the framework has the surrogate, and its reset a gradient."""
    gradients = {}
    for name in [*OURS, "SpikingJelly", *(["snnTorch, x[t]", "snnTorch, unbind"] if recurrent else [])]:
        x, grad = lif.inputs((20, 8, 16), CPU)
        lif.work(OPS[name].make(lif.weights(16, recurrent, CPU), CPU), x, grad)
        gradients[name] = x.grad
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, gradients[OURS[0]], rtol=1e-4, atol=1e-4, msg=name)


def test_norse_is_imported_without_its_warning() -> None:
    if OPS["norse, unbind"].why_not(CPU) is not None:
        pytest.skip("norse is not installed")
    assert hasattr(import_norse(), "LIFBoxCell")


@pytest.mark.usefixtures("no_norse")
def test_a_missing_framework_is_named() -> None:
    (frame,) = lif.run([(10, 4, 8)], device=CPU, rounds=1, with_memory=False)
    missing = frame[frame["contender"].str.startswith("norse")]
    assert missing["note"].str.contains("norse is not installed").all()
    assert missing["median_ms"].isna().all()
    assert frame["median_ms"].notna().sum() == len(OPS) - 2


def test_rows() -> None:
    frame, recurrent = lif.run([(10, 4, 8)], [(10, 4, 8)], device=CPU, rounds=2, with_memory=False)
    for table in (frame, recurrent):
        assert list(table["contender"]) == list(OPS)
        ran = table[table["contender"].isin(HERE)]
        assert (ran["median_ms"] > 0).all()
        assert (ran["min_ms"] <= ran["median_ms"]).all()
        assert (ran["median_ms"] <= ran["max_ms"]).all()
        assert ran["times_lif_roles"][:2].min() == 1.0
        assert ran["rounds"].eq(2).all()
        assert (table["copy_gb_s"] > 0).all()
        assert (table["gemm_gflops"] > 0).all()
    assert set(recurrent["op"]) == {"recurrent LIF"}


def test_the_order_changes_from_round_to_round() -> None:
    order: list[str] = []

    def call(name: str) -> timing.Timed:
        return lambda: order.append(name) or 0.0  # type: ignore[func-returns-value]

    timing.interleaved({name: call(name) for name in "abcd"}, rounds=5, slow_s=1.0)
    rounds = ["".join(order[i : i + 4]) for i in range(0, len(order), 4)]
    assert len(rounds) == 6
    assert all(sorted(r) == list("abcd") for r in rounds)
    assert len(set(rounds)) > 2


def test_slow_contenders_are_timed_once() -> None:
    calls = {"fast": 0, "slow": 0, "very slow": 0}

    def call(name: str, seconds: float) -> timing.Timed:
        def run() -> float:
            calls[name] += 1
            return seconds

        return run

    times = {"fast": 0.1, "slow": 2.0, "very slow": 5.0}
    found = timing.interleaved({name: call(name, s) for name, s in times.items()}, rounds=3, slow_s=1.0)
    assert {name: m.seconds for name, m in found.items()} == {"fast": [0.1] * 3, "slow": [2.0], "very slow": [5.0]}
    assert calls == {"fast": 4, "slow": 2, "very slow": 1}


def test_out_of_memory_ends_one_contender_only() -> None:
    def full() -> float:
        raise torch.OutOfMemoryError

    found = timing.interleaved({"full": full, "fits": lambda: 0.1}, rounds=2, slow_s=1.0)
    assert found["full"].note == "out of memory"
    assert found["full"].columns()["median_ms"] is None
    assert found["fits"].seconds == [0.1, 0.1]


def test_memory_is_what_the_pass_adds() -> None:
    """SpikingJelly keeps several tensors a step: more than the one input, less than fifty of them."""
    shape = (50, 512, 64)
    size = 50 * 512 * 64 * 4 / 1e6
    peak = lif.peak_megabytes("SpikingJelly", shape)
    assert peak is not None
    assert size < peak < 50 * size


def test_memory_that_is_free_already_does_not_count() -> None:
    big = torch.ones(50_000_000)  # 200 MB
    del big
    assert 75 < memory.peak_above_idle(lambda: torch.ones(20_000_000), CPU) < 120


def test_a_process_that_dies_has_no_memory_figure() -> None:
    assert memory.in_process("os", "abort") is None


def test_peak_memory_is_this_process_s() -> None:
    before = peak_memory_mb(CPU)
    big = torch.ones(100_000_000)  # 400 MB
    assert peak_memory_mb(CPU) >= min(before + 300, 400)
    del big


def test_lif_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.console, "width", 200)
    out = tmp_path / "lif.csv"
    said = invoke(
        "lif", "--shape", "5,2,8", "--recurrent-shape", "5,2,8", "--rounds", "1", "--no-memory", "--out", str(out)
    )
    assert "SpikingJelly" in said
    rows = pd.read_csv(out)
    assert list(rows["op"]) == ["LIF"] * len(OPS) + ["recurrent LIF"] * len(OPS)


@pytest.mark.parametrize("shape", ["5,2", "5,2,x", "0,2,8", "5,-2,8"])
def test_a_bad_shape_is_named(shape: str) -> None:
    with pytest.raises(ValueError, match="T,B,N"):
        invoke("lif", "--shape", shape)


def test_a_device_that_is_not_here_is_named() -> None:
    with pytest.raises(ValueError, match="cpu or cuda"):
        invoke("lif", "--device", "tpu")


def fake_python(folder: Path, code: str) -> str:
    """An interpreter whose environment has the `spikingjelly` that `code` is."""
    package = folder / "spikingjelly"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "activation_based.py").write_text(code)
    (folder / "spikingjelly-0.0.0.0.14.dist-info").mkdir()
    (folder / "spikingjelly-0.0.0.0.14.dist-info" / "METADATA").write_text("Name: spikingjelly\nVersion: 0.0.0.0.14\n")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return str(python)


SMALL_SPIKINGJELLY = """
import torch
class functional: reset_net = staticmethod(lambda node: None)
class surrogate: ATan = staticmethod(lambda alpha: alpha)
class neuron:
    @staticmethod
    def LIFNode(**options):
        assert options["backend"] == "torch" and options["step_mode"] == "m"
        return torch.nn.Sigmoid()
"""


def test_another_python_takes_part(tmp_path: Path) -> None:
    with OtherPython(fake_python(tmp_path, SMALL_SPIKINGJELLY), "cpu") as other:
        (frame,) = lif.run([(10, 4, 8)], device=CPU, rounds=2, with_memory=False, other=other)
        peak = other.peak_megabytes((50, 512, 64))
    last = frame.iloc[-1]
    assert last["contender"].startswith("SpikingJelly 0.0.0.0.14, torch")
    assert last["median_ms"] > 0
    assert last["rounds"] == 2
    assert 10 < peak < 60  # the output and two gradients of 6.6 MB


def test_another_python_without_spikingjelly_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no neurons here"):
        OtherPython(fake_python(tmp_path, "raise ImportError('no neurons here')"), "cpu")
    for nothing in (str(tmp_path / "nothing"), ""):
        with pytest.raises(SuiteError, match=r"does not start.*give the path of a Python interpreter"):
            OtherPython(nothing, "cpu")


@pytest.mark.parametrize("program", ["/bin/ls", "/bin/cat", "/usr/bin/yes", "/bin/true"])
def test_a_program_that_is_no_python_is_named(program: str) -> None:
    with pytest.raises(SuiteError, match=f"--peer-python {program}: it .*give the path of a Python interpreter"):
        OtherPython(program, "cpu")


@pytest.mark.parametrize("shape", ["²,1,1", "1,2", "0,1,1", "a,b,c", "1_0,1,1", "99999999999,1,1", "100000,100000,1"])
def test_a_shape_that_is_none_is_refused(shape: str) -> None:
    with pytest.raises(ValueError, match=r"steps, batch and neurons|whole number from 1 to 2,147,483,647"):
        parse_shape(shape)


def test_records_of_any_number_are_kept_and_found() -> None:
    from suite.bench.records import run

    frame = run([1, 3])
    assert frame["records"].tolist() == [1, 3]
    assert (frame[["one_more_ms", "find_500_s", "read_s", "export_s"]] >= 0).all(axis=None)

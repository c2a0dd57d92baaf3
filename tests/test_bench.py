"""The benchmark measures what it says; how fast anything is, is not asserted."""

from __future__ import annotations

import torch

from suite import bench
from suite.machine import peak_memory_mb


def test_contenders_do_the_same_work() -> None:
    """Same spikes; snnTorch fires above the threshold only, which random input does not tell apart."""
    x, _ = bench._inputs((20, 8, 16))
    spikes = [make()(x) for make in bench.CONTENDERS.values()]
    assert spikes[0].mean() > 0.05
    for other in spikes[1:]:
        assert (other != spikes[0]).float().mean() < 1e-3


def test_rows() -> None:
    (frame,) = bench.run(((10, 4, 8),), rounds=2, memory=False)
    assert list(frame["contender"]) == list(bench.CONTENDERS)
    assert (frame["median_ms"] > 0).all()
    assert frame["times_lif_roles"][:2].min() == 1.0
    assert frame["rounds"].eq(2).all()


def test_a_slow_contender_is_timed_once() -> None:
    (frame,) = bench.run(((10, 4, 8),), rounds=3, slow_s=0.0, memory=False)
    assert frame["rounds"].eq(1).all()


def test_memory_is_what_the_pass_adds() -> None:
    """SpikingJelly keeps several tensors a step: more than the one input, less than fifty of them."""
    shape = (50, 512, 64)
    size = 50 * 512 * 64 * 4 / 1e6
    assert size < bench.peak_megabytes("SpikingJelly LIFNode", shape) < 50 * size


def test_peak_memory_is_this_process_s() -> None:
    before = peak_memory_mb(torch.device("cpu"))
    big = torch.ones(100_000_000)  # 400 MB
    assert peak_memory_mb(torch.device("cpu")) >= min(before + 300, 400)
    del big

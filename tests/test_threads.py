"""Threads are bound for as long as asked and no longer."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
import torch

from suite import threads

linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads are bound on Linux only")


@linux
def test_apart_binds_every_thread_and_lets_go() -> None:
    allowed = os.sched_getaffinity(0)
    with suppress(KeyError), threads.apart():
        cores = {thread: os.sched_getaffinity(thread) for thread in threads._threads()}
        assert len(cores[os.getpid()]) == 1
        workers = [core for thread, core in cores.items() if thread != os.getpid()]
        if len(allowed) > 1 and torch.get_num_threads() > 1:
            assert workers
            assert all(len(core) == 1 and core != cores[os.getpid()] for core in workers)
        raise KeyError
    assert {frozenset(os.sched_getaffinity(thread)) for thread in threads._threads()} == {frozenset(allowed)}


@pytest.mark.parametrize(("count", "times", "words"), [(1, [], "1"), (2, [0.3, 0.4], "2"), (2, [40.0, 0.4], "GOMP")])
def test_finding(monkeypatch: pytest.MonkeyPatch, count: int, times: list[float], words: str) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    monkeypatch.setattr(torch, "set_num_threads", lambda _count: None)
    monkeypatch.setattr(threads, "_median_ms", iter(times).__next__)
    finding = threads.finding()
    assert finding == words if words in "12" else words in finding


def test_a_median_is_measured() -> None:
    assert 0 < threads._median_ms(0.01) < 1000

"""Result rows made up for the report's tests."""

from suite.results import NAMES, validate

_ROW = {
    "experiment": "accuracy",
    "dataset": "xor",
    "data_source": "generated",
    "data_hash": "aaaa",
    "variant": "baseline",
    "variant_parameters": "{}",
    "backend": "spikingjelly",
    "engine": "fused",
    "kernel": "numba-cpu",
    "protocol": "suite",
    "protocol_hash": "0",
    "seed": 0,
    "metric": "test_accuracy",
    "unit": "fraction",
    "epoch": 1,
    "status": "ok",
    "n": 100,
    "suite_version": "0.1.0",
    "torch_version": "2.6.0",
    "framework_version": "2.0.0",
    "device": "a CPU",
    "git_commit": "abc",
    "finished_at": "2026-01-01T00:00:00+00:00",
}


def row(**given):
    made = {**_ROW, **given}
    identity = ("dataset", "data_source", "variant", "backend", "engine", "protocol", "seed")
    return {"run_id": "-".join(str(made[name]) for name in identity), **made}


def frame_of(rows):
    import pandas as pd

    return validate(pd.DataFrame([{name: r.get(name) for name in NAMES} for r in rows], columns=NAMES), "made up")

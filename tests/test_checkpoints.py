"""A checkpoint is used only if every bit of it is as it was written, and it is of the same run and network."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from test_training import fit, network

from suite import checkpoints
from suite.checkpoints import State, Unusable
from suite.datasets.base import Data
from suite.datasets.xor import load
from suite.errors import ResultsError
from suite.protocols import Protocol
from suite.registry import get_protocol
from suite.training import History, optimizer_of


@pytest.fixture(scope="module")
def data() -> Data:
    return load(n_steps=20, n_train=32, n_validation=32, n_test=32)


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return replace(get_protocol("smoke", "xor"), hidden=(3,), epochs=2, batch_size=32)


@pytest.fixture
def file(data: Data, protocol: Protocol, tmp_path: Path) -> Path:
    """A checkpoint after one of two epochs."""
    fit(data, replace(protocol, epochs=1), checkpoint=tmp_path / "run.safetensors", run_id="r-0")
    return tmp_path / "run.safetensors"


def read(file: Path, data: Data, protocol: Protocol) -> State:
    net = network(data, protocol)
    return checkpoints.read(file, "r-0", net, optimizer_of(net, protocol))


def test_what_is_saved_comes_back(file: Path, data: Data, protocol: Protocol) -> None:
    state = read(file, data, protocol)
    again = file.with_name("again.safetensors")
    checkpoints.save(again, "r-0", state)
    same = read(again, data, protocol)
    assert same.history == state.history
    for part in ("now", "best"):
        assert all(torch.equal(value, getattr(same, part)[name]) for name, value in getattr(state, part).items())
    assert len(state.history["train"]) == 1
    assert sorted(state.adam) == list(range(len(list(network(data, protocol).parameters()))))


def trains_anew(file: Path, data: Data, protocol: Protocol, reason: str) -> None:
    whole, expected = fit(data, protocol)
    epochs: list[int] = []
    with pytest.warns(UserWarning, match=rf"the checkpoint .*run\.safetensors is removed: .*{reason}.*; the training"):
        again, history = fit(
            data, protocol, checkpoint=file, run_id="r-0", on_epoch=lambda state: epochs.append(state.epoch)
        )
    assert epochs == [1, 2]
    assert history.train == expected.train
    assert all(torch.equal(p, q) for p, q in zip(whole.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:-1], lambda _: b"", lambda _: b"\x80\x04 pickle?"]
)
def test_a_damaged_file_is_named_and_not_used(
    damage: Callable[[bytes], bytes], file: Path, data: Data, protocol: Protocol
) -> None:
    file.write_bytes(damage(file.read_bytes()))
    trains_anew(file, data, protocol, "it is damaged: ")


def test_a_flipped_bit_is_damage(file: Path, data: Data, protocol: Protocol) -> None:
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    trains_anew(file, data, protocol, "it is damaged: its content does not have its hash")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_no_flipped_bit_is_used(
    data: Data, protocol: Protocol, tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    file = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    if not file.exists():
        fit(data, replace(protocol, epochs=1), checkpoint=file, run_id="r-0")
    whole = file.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    at = draw.draw(st.one_of(st.integers(0, header - 1), st.integers(0, len(whole) - 1)))
    raw = bytearray(whole)
    raw[at] ^= 1 << draw.draw(st.integers(0, 7))
    (changed := file.with_name("changed.safetensors")).write_bytes(raw)
    with pytest.raises(Unusable):
        read(changed, data, protocol)


def test_another_runs_file_is_not_used(data: Data, protocol: Protocol, tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    fit(data, protocol, checkpoint=tmp_path / "1.safetensors", run_id="r-1")
    (tmp_path / "1.safetensors").rename(file)
    trains_anew(file, data, protocol, "it is of the run r-1, not r-0")


def test_another_formats_file_is_not_used(file: Path, data: Data, protocol: Protocol) -> None:
    safetensors.torch.save_file({"now.x": torch.zeros(1)}, file, {"history": "{}"})
    trains_anew(file, data, protocol, "it is of format 1, not 2")


def test_another_networks_file_is_not_used(file: Path, data: Data, protocol: Protocol) -> None:
    trains_anew(
        file,
        data,
        replace(protocol, hidden=(9,)),
        r"it is of another network: .* \[3\], where the network has .* \[9\]",
    )


def swapped(state: State) -> State:
    return replace(state, adam={**state.adam, 0: state.adam[1], 1: state.adam[0]})


def without_a_moment(state: State) -> State:
    return replace(state, adam={**state.adam, 0: {key: v for key, v in state.adam[0].items() if key != "exp_avg_sq"}})


WRONG: dict[str, tuple[Callable[[State], State], str]] = {
    "moments of another parameter": (swapped, r"adam\.\d\.exp_avg is float32 .* where the network"),
    "a moment less": (without_a_moment, "adam.0.exp_avg_sq is nothing, where the network has float32"),
    "a parameter more": (
        lambda s: replace(s, adam={**s.adam, 99: s.adam[0]}),
        "it has a parameter 99, where",
    ),
    "best of fewer": (lambda s: replace(s, best={}), "best..* is nothing, where the network has"),
    "double": (lambda s: replace(s, now={k: v.double() for k, v in s.now.items()}), "now..* is float64"),
    "another history": (lambda s: replace(s, history={"train": []}), "its history is of another version"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_whole_file_of_something_else_is_not_used(wrong: str, file: Path, data: Data, protocol: Protocol) -> None:
    change, reason = WRONG[wrong]
    checkpoints.save(file, "r-0", change(read(file, data, protocol)))
    trains_anew(file, data, protocol, reason)


def test_resume_may_be_refused(file: Path, data: Data, protocol: Protocol) -> None:
    epochs: list[int] = []

    def note(state: History) -> None:
        epochs.append(state.epoch)

    for resume in (False, True):
        fit(data, protocol, checkpoint=file, run_id="r-0", resume=resume, on_epoch=note)
    assert epochs == [1, 2]


def test_a_file_that_cannot_be_read_is_no_damage(
    file: Path, data: Data, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ResultsError, match=r"cannot read the checkpoint .*run\.safetensors: Permission denied"):
        fit(data, protocol, checkpoint=file, run_id="r-0")
    assert file.exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left on device")])
def test_an_interrupted_write_leaves_the_last_checkpoint(
    error: Exception, file: Path, data: Data, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(ResultsError, match=r"cannot write .*run\.safetensors: No space left"):
        fit(data, protocol, checkpoint=file, run_id="r-0")
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["run.safetensors"]


def test_a_folder_that_cannot_be_made_is_named(data: Data, protocol: Protocol, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").touch()
    with pytest.raises(ResultsError, match=r"cannot write .*checkpoints: File exists"):
        fit(data, protocol, checkpoint=tmp_path / "checkpoints" / "run.safetensors")

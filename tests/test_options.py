"""The values of options: each wrong one is a line that says what is allowed, and exit code 2, before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from suite import cli
from suite.options import MOST, parsed, path, whole


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("12", 12), ("0012", 12), ("²", "²"), ("٣", "٣"), ("1_0", "1_0"), ("-1", "-1"), ("", "")],
)
def test_digits_are_a_whole_number_and_nothing_else_is(text: str, number: object) -> None:
    assert parsed(text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("1e-3", 1e-3), ("-0.5", -0.5), ("1_0.0", "1_0.0"), ("abc", "abc"), ("٣", "٣")]
)
def test_a_number_is_read_as_it_is_written(text: str, number: object) -> None:
    assert parsed(text, float) == number


def test_whole_numbers_have_bounds() -> None:
    assert whole("n", np.int64(3)) == 3
    assert type(whole("n", np.int64(3))) is int
    for value in (0, -1, 2.0, "3", True, None, [1]):
        with pytest.raises(ValueError, match=r"^n is a whole number from 1, not "):
            whole("n", value)
    with pytest.raises(ValueError, match="n is a whole number from 1 to 2,147,483,647, not 2147483648"):
        whole("n", MOST + 1)
    with pytest.raises(ValueError, match="n is a whole number from 2 to 4, not 5"):
        whole("n", 5, 2, 4)


@pytest.mark.parametrize("text", ["", " ", "a\0b"])
def test_a_path_has_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="--results is a path, such as results/local"):
        path("--results", text)
    assert path("--results", "[a] b") == Path("[a] b")


WRONG = [
    (["run", "--seeds", "0-99999999999"], "at most 10,000 at a time"),
    (["run", "--seeds", "²"], "numbers and ranges such as 0-4"),
    (["run", "--seeds", str(2**64)], "each from 0 to 2,147,483,647"),
    (["run", "--seeds", "9" * 5_000], "numbers and ranges such as 0-4"),
    (["run", "--dataset", ""], "give names separated by commas, or all"),
    (["run", "--variant", "baseline,"], "give names separated by commas, or all"),
    (["run", "--results", ""], "is a path, such as results/local"),
    (["report", "--results", ""], "is a path, such as results/local"),
    (["report", "--out", ""], "is a path, such as results/local"),
    (["export", "--results", ""], "is a path, such as results/local"),
    (["run", "--dataset", "xor", "--protocol", "suite+last_steps=500"], "choose no more than all"),
    (["run", "--dataset", "xor", "--protocol", "suite+epochs=1_0"], "epochs is a whole number from 1, not '1_0'"),
    (["run", "--dataset", "xor", "--protocol", f"suite+epochs={2**64}"], "a whole number from 1 to 2,147,483,647"),
    (["run", "--dataset", "xor", "--protocol", "suite+clip=1_0"], "clip is a number above 0, not '1_0'"),
    (["--plugin", "", "list"], "names no Python file or module"),
    (["data", "check", "xor", "--set", "source=original"], "its source the option --source"),
    (["data", "check", "xor", "--set", "name=shd"], "the dataset's name is the argument"),
    (["data", "check", "xor", "--set", "n_steps=abc"], "n_steps is a whole number from 1 to 1,000,000, not 'abc'"),
    (["data", "check", "xor", "--set", "n_steps=" + "[" * 100_000], "n_steps is a whole number"),
    (["data", "check", "xor", "--set", "n_steps=1e3"], "n_steps is a whole number from 1 to 1,000,000, not 1000.0"),
    (["data", "check", "xor", "--set", "n_train=99999999999999"], "n_train is a whole number from 1 to 10,000,000"),
    (["data", "check", "xor", "--set", "n_train=0"], "n_train is a whole number from 1 to 10,000,000, not 0"),
    (["data", "check", "xor", "--set", "n_test=99999999"], "n_test is a whole number from 1 to 536,870"),
    (["data", "check", "xor", "--set", "low_rate=abc"], "it must lie in [0, 1]"),
    (["data", "check", "xor", "--set", "augment=abc"], "unknown option of xor 'augment'; Known: seed, n_train"),
    (["data", "check", "mnist", "--set", "augment=abc"], "no such option: 'augment'; it has n_steps, coding, split"),
    (["data", "check", "mnist", "--set", "n_steps=99999999999"], "a whole number from 1 to 1,000,000, not 99999999999"),
    (["data", "check", "shd", "--set", "augment=abc", "--source", "standin"], "it is numbers by name (shift, "),
    (["data", "check", "shd", "--set", "dt_ms=abc"], "dt_ms = 'abc'; it must be a number"),
    (["data", "check", "shd", "--set", "binary=abc"], "binary = 'abc'; it must be true or false"),
    (["run", "--dataset", "mnits"], "unknown dataset 'mnits'; did you mean 'mnist'"),
    (["run", "acuracy"], "unknown experiment 'acuracy'; did you mean 'accuracy'"),
    (["run", "--seeds", "5-1"], "seeds are numbers and ranges"),
    (["run", "--engine", "gpu"], "unknown engine 'gpu'"),
    (["report", "--results", "nowhere"], "there are no results at nowhere"),
    (["data", "show", "xor", "--out", ""], "is a path, such as results/local"),
    (["bench", "lif", "--peer-python", "/bin/ls"], "give the path of a Python interpreter"),
    (["bench", "lif", "--shape", "99999999999,1,1"], "a whole number from 1 to 2,147,483,647"),
    (["bench", "data", "--out", ""], "is a path, such as results/local"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda value: " ".join(value)[:60] if value else "")
def test_a_wrong_value_is_one_line(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lif-roles", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert not list(tmp_path.iterdir())

"""`lif-roles data`: check, show, list, get."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import user_dataset
from PIL import Image
from typer.testing import CliRunner

from suite import cli
from suite.data import check as check_module
from suite.data.check import check
from suite.data.show import show
from suite.datasets import load, load_as_trained, mnist
from suite.datasets.base import Archive, Published
from suite.datasets.common import folders
from suite.datasets.formats import idx
from suite.errors import DataUnavailable, ResultsError
from suite.registry import datasets


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(folders, "_said", set())
    return tmp_path / "data"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, ["data", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


# load


def test_options_go_to_the_loader():
    assert load("mnist", source="standin", n_steps=3).n_steps == 3


def test_unknown_names_and_options_are_refused():
    with pytest.raises(ValueError, match="did you mean 'mnist'"):
        load("mnits")
    with pytest.raises(ValueError, match=r"mnist has no such option.*n_step'"):
        load("mnist", source="standin", n_step=3)


def test_data_is_as_in_training_unless_told_otherwise():
    assert load_as_trained("xor_50").n_steps == 50
    assert load_as_trained("xor_50", n_steps=30, n_train=100).n_steps == 30


# check


def _findings(report: check_module.Report) -> dict[str, check_module.Finding]:
    return {finding.what: finding for finding in report.findings}


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_stand_in_is_counted_but_compared_with_nothing_published(name):
    report = check(name, source="standin")
    found = _findings(report)
    assert report.source == "standin"
    assert found["samples, train + validation"].found == "5,000"
    assert found["of each class, test"].found == "10 x 100"
    assert {finding.what for finding in report.findings if finding.ok is not None} == {"batch [T, B, *]"}
    assert report.ok


def test_events_are_described():
    found = _findings(check("shd", source="standin"))
    assert "on average" in found["events a sample, train"].found
    assert re.fullmatch(r"[\d.]+ s on average, [\d.]+ s at most", found["last event, test"].found)
    assert found["silent inputs, test"].found.endswith("of 700")


def test_a_generated_dataset_is_described():
    report = check("xor_50", n_train=300, n_validation=100, n_test=100)
    assert report.source == "generated"
    assert _findings(report)["samples, test"].found == "100"


def _original(data: Path, monkeypatch: pytest.MonkeyPatch, **published: object) -> None:
    """An "original" MNIST of 40 + 20 images, half of whose pixels are white, and what is published of it."""
    raw = data / "MNIST/raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 40), ("t10k", 20)):
        pixels = np.zeros((n, 28, 28), np.uint8)
        pixels[:, :14] = 255
        idx.write_idx(raw / f"{part}-images-idx3-ubyte", pixels)
        idx.write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)
    labels = raw / "t10k-labels-idx1-ubyte"
    fields = {
        "classes": {"train": (4,) * 10, "test": (2,) * 10},
        "mean": (0.5,),
        "std": (0.5,),
        "md5": {"MNIST/raw/t10k-labels-idx1-ubyte": hashlib.md5(labels.read_bytes()).hexdigest()},
    }
    small = replace(
        mnist.DATASET,
        load=replace(mnist.FILES, counts=(40, 20)).load,
        published=(Published(40, 20, **{**fields, **published}),),
    )
    monkeypatch.setitem(datasets._items, "mnist", small)


def test_an_original_is_compared_with_what_is_published(data, monkeypatch):
    _original(data, monkeypatch)
    report = check("mnist")
    assert report.ok
    compared = {finding.what for finding in report.findings if finding.ok}
    assert compared == {
        "samples, train + validation",
        "samples, test",
        "of each class, train + validation",
        "of each class, test",
        "batch [T, B, *]",
        "pixels, mean",
        "pixels, standard deviation",
        "MD5, t10k-labels-idx1-ubyte",
    }


@pytest.mark.parametrize(
    ("published", "what"),
    [
        ({"classes": {"test": (3,) * 10}}, "of each class, test"),
        ({"mean": (0.49,)}, "pixels, mean"),
        ({"std": (0.4,)}, "pixels, standard deviation"),
        ({"md5": {"MNIST/raw/train-labels-idx1-ubyte": "0" * 32}}, "MD5, train-labels-idx1-ubyte"),
    ],
)
def test_a_difference_is_found(data, monkeypatch, published, what):
    _original(data, monkeypatch, **published)
    report = check("mnist")
    assert not report.ok
    assert [finding.what for finding in report.findings if finding.ok is False] == [what]


def test_what_is_published_is_consistent():
    for name in datasets:
        for published in datasets[name].published:
            for part, classes in published.classes.items():
                assert sum(classes) == getattr(published, part)
                assert len(classes) == datasets[name].n_classes
            assert len(published.mean) == len(published.std)


def test_check_prints_a_table_and_json(data, monkeypatch):
    _original(data, monkeypatch)
    assert "original" in run("check", "mnist")
    read = json.loads(run("check", "mnist", "--json", "--set", "n_steps=3"))
    assert read["ok"] is True
    assert any(finding["found"].startswith("[3, 8, 1, 28, 28]") for finding in read["findings"])


def test_check_fails_when_something_differs(data, monkeypatch):
    _original(data, monkeypatch, mean=(0.1,))
    result = CliRunner().invoke(cli.app, ["data", "check", "mnist"])
    assert result.exit_code == 1
    assert "DIFFERS" in result.stdout


# show


def _colours(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mnist", {}),
        ("mnist", {"coding": "poisson"}),
        ("cifar10", {}),
        ("shd", {}),
        ("xor_50", {"n_train": 200, "n_validation": 100, "n_test": 100}),
    ],
)
def test_a_picture_is_drawn(tmp_path, name, options):
    out = tmp_path / "picture.png"
    dataset = show(name, out, source="standin", **options)
    picture = _colours(out)
    assert picture.shape[1] == 1_400
    assert dataset.name in name
    for colour in ((0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73)):  # the bars of the three splits
        assert (picture == colour).all(-1).sum() > 100
    top = picture[: picture.shape[0] // 2]
    assert 0.001 < (top < 128).mean() < 0.95
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["picture.png"]


def test_a_picture_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(ResultsError, match="cannot write"):
        show("xor_50", tmp_path / "missing/picture.png", n_train=10, n_validation=10, n_test=10)


def test_show_says_where_the_picture_is(tmp_path):
    out = tmp_path / "x.png"
    said = run("show", "xor_50", "--out", str(out), "--set", "n_train=50", "--set", "n_test=50")
    assert said.strip() == str(out)
    assert out.exists()


@pytest.mark.parametrize("option", ["n_steps", "=3", "a b=3"])
def test_a_malformed_option_is_refused(option):
    with pytest.raises(ValueError, match="name=value"):
        CliRunner().invoke(cli.app, ["data", "show", "mnist", "--set", option], catch_exceptions=False)


@pytest.mark.parametrize("option", ["source=standin", "name=mnist"])
def test_what_has_an_argument_of_its_own_is_refused(option):
    with pytest.raises(ValueError, match="its source the option --source"):
        CliRunner().invoke(cli.app, ["data", "check", "mnist", "--set", option], catch_exceptions=False)


@pytest.mark.parametrize("option", ["n_steps=abc", "n_steps=" + "[" * 100_000, "coding=3", "augment=abc", "n_steps=²"])
def test_values_that_an_option_cannot_have_are_refused(option):
    name = "n_mnist" if option.startswith("augment") else "mnist"
    with pytest.raises(ValueError, match=r"n_steps = |coding is |augment = "):
        CliRunner().invoke(
            cli.app, ["data", "check", name, "--source", "standin", "--set", option], catch_exceptions=False
        )


# list and get


def test_list_names_every_dataset(data):
    (data / "MNIST/raw").mkdir(parents=True)
    read = json.loads(run("list", "--json"))
    assert set(read) == set(datasets)
    assert str(data) in read["mnist"]
    assert read["xor"] == "generated"
    assert "fashion_mnist" in run("list")


def test_get_prints_where_things_are(data, monkeypatch):
    content = gzip.compress(b"content")
    packed = data / "downloads/a.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(content)
    archive = Archive("a.gz", "Some/a", hashlib.md5(content).hexdigest(), 100)
    monkeypatch.setattr(datasets, "_items", dict(datasets._items))
    datasets.register(user_dataset("some", archives=lambda: {"some": (archive,)}))
    assert run("get", "some").strip() == f"some: {data / 'Some/a'}"
    assert (data / "Some/a").read_bytes() == b"content"


def test_get_says_what_has_to_be_done_by_hand():
    with pytest.raises(DataUnavailable, match=r"by hand from https://ibm.*downloads"):
        CliRunner().invoke(cli.app, ["data", "get", "dvs128_gesture"], catch_exceptions=False)


# The documentation


def test_the_documentation_s_examples_run(capsys):
    text = (Path(__file__).parent.parent / "docs/datasets.md").read_text()
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    said = capsys.readouterr().out
    assert said.startswith("standin ")
    assert "torch.Size([32, 1, 28, 28]) torch.Size([32])" in said
    assert "(15, 2, 34, 34)" in said


def test_the_documentation_names_every_dataset():
    text = (Path(__file__).parent.parent / "docs/datasets.md").read_text()
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    assert all(f"`{name}`" in table for name in datasets)

"""A dataset is one object: what it may hold, what follows from it, and that a user's is as good as the suite's own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dataset_cases import PROTOCOL, load, user_dataset
from typer.testing import CliRunner

import suite
from suite import cli, paper
from suite.data.check import check
from suite.data.show import show
from suite.datasets import load as load_data
from suite.datasets import locate
from suite.datasets.base import Dataset
from suite.datasets.common import folders
from suite.protocols import smoke
from suite.registry import datasets, datasets_with, get_protocol, protocols_of


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(folders, "_said", set())
    monkeypatch.setattr(datasets, "_items", dict(datasets._items))
    made = user_dataset("mine")
    datasets.register(made)
    return made


# the suite's own


def test_the_paper_s_datasets_are_those_of_its_tables() -> None:
    assert tuple(name for name in datasets if datasets[name].in_paper) == paper.DATASETS
    for names in paper.WHERE.values():
        assert set(names) <= set(datasets)
    assert {variant for variant, _ in paper.TABLE_6} == set(paper.TABLE_6_VARIANTS)
    assert {variant for variant, _ in paper.TABLE_7} == set(paper.TABLE_7_MODELS)


def test_each_has_the_name_of_its_file() -> None:
    for name in set(datasets) - {"mine"}:
        assert datasets[name].name == name
        assert Path(suite.__file__).parent.joinpath("datasets", f"{name}.py").exists()
        assert datasets[name].title != name or name == "ssc"


@pytest.mark.parametrize(
    ("name", "n", "first", "last"),
    [
        ("xor", 2, "same", "different"),
        ("shd", 20, "zero", "neun"),
        ("ssc", 35, "yes", "wow"),
        ("n_mnist", 10, "0", "9"),
        ("dvs128_gesture", 11, "hand clapping", "other gestures"),
        ("cifar10", 10, "airplane", "truck"),
        ("fashion_mnist", 10, "T-shirt/top", "ankle boot"),
    ],
)
def test_classes(name: str, n: int, first: str, last: str) -> None:
    about = datasets[name]
    assert (about.n_classes, about.classes[0], about.classes[-1]) == (n, first, last)
    assert about.chance == 1 / n


def test_what_is_said_of_the_inputs_is_so() -> None:
    for name in datasets:
        about = datasets[name]
        if about.input_shape:
            assert about.load(source="standin").input_shape == about.input_shape


def test_no_other_file_names_a_dataset() -> None:
    root = Path(suite.__file__).parent
    names = set(datasets) - {"mine"}
    for path in root.rglob("*.py"):
        if path.relative_to(root).as_posix() in ("paper.py", "report/claims.py"):
            continue
        literals = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert {name for name in names if name in literals} <= {path.stem}, path


def test_listing_and_loading_objects_is_light() -> None:
    code = """
import sys, neurons
before = set(sys.modules)
from suite.registry import datasets
names = list(datasets)
assert not [module for module in sys.modules if module.startswith("suite.datasets.")]
for name in names:
    datasets[name]
heavy = {"tonic", "seaborn", "h5py", "matplotlib", "sklearn", "torchvision", "spikingjelly", "snntorch", "cupy"}
print(sorted(heavy & {module.partition(".")[0] for module in set(sys.modules) - before}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# what one may hold


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a/b"}, "dataset 'a/b': a name is text without"),
        ({"name": ""}, "a name is text"),
        ({"kind": "audio"}, "kind is 'temporal' or 'spatio-temporal' or 'spatial', not 'audio'"),
        ({"classes": ("a",)}, "classes are two names or more"),
        ({"classes": "ab"}, "classes are two names or more"),
        ({"classes": ("a", "a")}, "all different"),
        ({"load": "mine.csv"}, "load is a function"),
        ({"protocols": {"suite": {"epochs": 3}}}, "protocol 'suite' is a suite.protocols.Protocol"),
    ],
)
def test_what_it_cannot_hold(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        user_dataset(**{"name": "mine", **fields})


def test_smoke_is_made_from_suite_unless_it_is_given() -> None:
    assert user_dataset("a").protocols == {"smoke": smoke(PROTOCOL), "suite": PROTOCOL}
    assert user_dataset("a", protocols={"smoke": PROTOCOL, "suite": PROTOCOL}).protocols["smoke"] == PROTOCOL
    assert list(user_dataset("a", protocols={"quick": PROTOCOL}).protocols) == ["quick"]


def test_a_loader_is_no_dataset() -> None:
    with pytest.raises(ValueError, match=r"dataset 'bare' must be a suite\.datasets\.base\.Dataset, not <function"):
        datasets.register("bare", load)  # type: ignore[arg-type]
    datasets.register("later", "dataset_cases:load")
    with pytest.raises(ValueError, match="dataset 'later' must be a"):
        datasets["later"]


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="dataset 'mine' is registered already"):
        datasets.register(user_dataset("mine"))


def test_a_loader_gives_what_the_object_says() -> None:
    datasets.register(user_dataset("two", classes=("a", "b")))
    with pytest.raises(ValueError, match="two: its loader gives 3 classes, and 2 have a name"):
        load_data("two")
    datasets.register(user_dataset("nothing", load=lambda **_: None))
    with pytest.raises(ValueError, match=r"nothing: its loader gives a suite\.datasets\.base\.Data, not None"):
        load_data("nothing")


# a user's


def test_a_user_s_dataset_is_trained_on_by_name() -> None:
    assert "mine" in datasets_with("smoke")
    assert list(protocols_of("mine")) == ["smoke", "suite"]
    assert get_protocol("suite+epochs=3", "mine").epochs == 3
    assert (datasets["mine"].chance, datasets["mine"].in_paper) == (1 / 3, False)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, ["data", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_data_list_has_a_user_s(tmp_path: Path) -> None:
    assert json.loads(run("list", "--json"))["mine"] == "where its loader looks"
    datasets.register(user_dataset("filed", folders=("Filed",)))
    assert locate("filed") == f"not in {tmp_path / 'data'}"
    (tmp_path / "data/Filed").mkdir(parents=True)
    assert locate("filed") == f"in {tmp_path / 'data/Filed'}"


def test_data_check_has_a_user_s() -> None:
    read = json.loads(run("check", "mine", "--json", "--set", "n_steps=4"))
    assert read["ok"] is True
    found = {finding["what"]: finding["found"] for finding in read["findings"]}
    assert found["of each class, test"] == "3 x 10"
    assert found["batch [T, B, *]"] == "[4, 8, 3], dense"


def test_what_a_user_publishes_is_compared() -> None:
    from suite.datasets.base import Published

    published = (
        Published(60, 30, sources=("generated",)),
        Published(60, 31, sources=("generated",), options={"n_steps": 4}),
        Published(1, 1),
    )
    datasets.register(user_dataset("known", published=published))
    assert check("known").ok
    assert not check("known", n_steps=4).ok


def test_data_show_has_a_user_s(tmp_path: Path) -> None:
    out = tmp_path / "mine.png"
    run("show", "mine", "--out", str(out))
    assert out.stat().st_size > 10_000


@pytest.mark.parametrize("channels", [1, 3, 2])
def test_a_user_s_images_are_drawn(tmp_path: Path, channels: int) -> None:
    import torch
    from experiment_cases import Fixed

    from suite.datasets.base import Data
    from suite.inputs import Batch, Static

    class Images(Fixed):
        def epoch(self, batch_size: int, **passed: Any) -> Any:
            for batch in super().epoch(batch_size, **passed):
                yield Batch(Static(batch.x[0], 4), batch.y)  # type: ignore[index]

    def images(**_: Any) -> Data:
        split = Images(torch.rand(1, 30, channels, 6, 5), torch.arange(30) % 3)
        return Data("pictures", "generated", "0" * 16, 3, (channels, 6, 5), 4, split, split, split)

    datasets.register(user_dataset("pictures", load=images))
    show("pictures", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000

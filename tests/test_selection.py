from __future__ import annotations

import pytest

from neurons import VARIANTS
from suite import paper
from suite.selection import parse_names, parse_seeds, select


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", [0]), ("0-4", [0, 1, 2, 3, 4]), ("7,0-2, 1", [7, 0, 1, 2]), ("3-3", [3])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "4-0", "1..3", "1,,2", "²", "٣"])
def test_seeds_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="seeds are numbers and ranges such as 0-4"):
        parse_seeds(text)


def test_names() -> None:
    assert parse_names("b, a,b", ["x"], "dataset") == ["b", "a"]
    assert parse_names(None, ["x"], "dataset") == ["x"]
    assert parse_names("all", ["x"], "dataset") == ["x"]


@pytest.mark.parametrize("text", ["", ",", "xor,", " "])
def test_an_empty_name_is_not_everything(text: str) -> None:
    with pytest.raises(ValueError, match=r"--dataset .* has an empty name"):
        select("accuracy", dataset=text)


def test_nothing_asked_for_is_a_study_that_decides_and_a_look_at_the_rest() -> None:
    cells = select("accuracy")
    assert len({str(cell) for cell in cells}) == len(cells)
    quick = [cell for cell in cells if cell.protocol == "quick"]
    assert {cell.dataset for cell in quick} == {"xor_50"}
    fused = {(cell.variant, cell.seed) for cell in quick if cell.engine == "auto"}
    assert fused == {(name, seed) for name in VARIANTS for seed in range(5)}
    own = {(cell.variant, cell.backend, cell.seed) for cell in quick if cell.engine == "step"}
    assert own == {(name, backend, 0) for name in paper.TABLE_6_VARIANTS for backend in ("spikingjelly", "snntorch")}
    rest = [cell for cell in cells if cell.protocol != "quick"]
    assert {cell.protocol for cell in rest} == {"smoke"}
    assert sorted(cell.dataset for cell in rest) == sorted(paper.DATASETS)


def test_a_protocol_that_no_dataset_of_the_paper_has_selects_those_that_have_it() -> None:
    assert {cell.dataset for cell in select("accuracy", protocol="quick")} == {"xor_50"}


def test_everything_of_the_paper_with_an_option_and_no_recurrence_on_cifar10() -> None:
    cells = select("accuracy", seeds="0-1")
    assert len({str(c) for c in cells}) == len(cells)
    by_dataset = {name: [c for c in cells if c.dataset == name] for name in {c.dataset for c in cells}}
    assert len(by_dataset["mnist"]) == len(VARIANTS) * 2 * 2
    assert {c.variant for c in by_dataset["cifar10"]} == {n for n, v in VARIANTS.items() if not v.recurrent}
    assert "fsdd" not in by_dataset


def test_recurrence_on_cifar10_asked_for() -> None:
    with pytest.raises(ValueError, match="cifar10: variant 'with_recurrence' is recurrent"):
        select("accuracy", dataset="mnist,cifar10", variant="baseline,with_recurrence")


def test_baselines_run_once_on_torch() -> None:
    cells = select("accuracy", dataset="n_mnist", variant="lstm,baseline")
    assert [(c.variant, c.backend) for c in cells] == [
        ("lstm", "torch"),
        ("baseline", "spikingjelly"),
        ("baseline", "snntorch"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "xro"}, "unknown dataset 'xro'; did you mean 'xor'"),
        ({"variant": "without_leak"}, "unknown variant 'without_leak'; did you mean 'without_leakage'"),
        ({"backend": "spikingjely"}, "unknown backend 'spikingjely'; did you mean 'spikingjelly'"),
        ({"protocol": "papre"}, "unknown protocol 'papre'; did you mean 'paper'"),
        ({"engine": "fuse"}, "unknown engine 'fuse'; did you mean 'fused'"),
        ({"data_source": "real"}, "unknown data source 'real'"),
        ({"seeds": "0-99999999999"}, "at most 10,000 at a time"),
        ({"seeds": str(2**64)}, "each from 0 to 2,147,483,647"),
    ],
)
def test_unknown_names_fail_before_anything_runs(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select("accuracy", **options)  # type: ignore[arg-type]

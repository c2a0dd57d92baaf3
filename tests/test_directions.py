"""Imports go one way: neurons <- suite <- benchmarks, and inside the suite along `STREAM`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

STREAM = """
errors paper machine threads options terminal inputs
results protocols variants registry
datasets models prefetch checkpoints training
experiments progress run selection
drawing report data bench frameworks doctor
cli
""".split()  # noqa: SIM905
"""The suite's rooms, files or folders; each may import those before it."""
RANK = {name: rank for rank, name in enumerate(STREAM)}


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> Iterator[str]:
    """Modules that a file imports, wherever in it; what only a type checker imports is left out."""
    pending: list[ast.AST] = [ast.parse(file.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if is_module(name) else node.module for name in names)
        pending += ast.iter_child_nodes(node)


def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def against(source: str, target: str) -> bool:
    """Whether one module of the suite may not import another."""
    here, there = room(source), room(target)
    return "" not in (here, there) and RANK[there] > RANK[here]


def test_every_room_has_its_place() -> None:
    rooms = {room(module_of(file)) for file in files("suite")} - {""}
    assert rooms <= set(RANK), f"say in STREAM where {rooms - set(RANK)} belongs"


def test_no_import_goes_against_the_stream() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {target}"
        for file in files("suite")
        for target in imports(file)
        if target.startswith("suite") and against(module_of(file), target)
    ]
    wrong += [
        f"{file.relative_to(ROOT)} imports {target}"
        for file in files("neurons")
        for target in imports(file)
        if target.partition(".")[0] in ("suite", "benchmarks")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_two_files_import_each_other() -> None:
    """No circle, of whatever length, among imports at the top of a file."""
    graph: dict[str, set[str]] = {}
    for file in [*files("suite"), *files("neurons")]:
        top = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        found = {name for node in top for name in imports_of(node)}
        graph[module_of(file)] = {name for name in found if name.partition(".")[0] in ("suite", "neurons")}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in graph.get(module, ()):
                visit(target, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def imports_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    names = [f"{node.module}.{name.name}" for name in node.names]
    return [name if is_module(name) else str(node.module) for name in names]


FRAMEWORKS = ["spikingjelly", "snntorch"]


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ["torch", "numpy", "pandas", *FRAMEWORKS]),
        (["run", "--help"], ["torch", "numpy", "pandas", *FRAMEWORKS]),
        (["--version"], ["torch", "numpy", "pandas", *FRAMEWORKS]),
        (["list"], FRAMEWORKS),
        (["data", "list"], FRAMEWORKS),
        (["export", "--results", "FOLDER"], ["torch", *FRAMEWORKS]),
        (["report", "--results", "FOLDER"], FRAMEWORKS),
        (["compare", "FOLDER", "FOLDER"], FRAMEWORKS),
    ],
    ids=" ".join,
)
def test_a_command_imports_no_more_than_it_needs(arguments: list[str], absent: list[str], tmp_path: Path) -> None:
    from test_results import keep

    keep(tmp_path)
    arguments = [str(tmp_path) if argument == "FOLDER" else argument for argument in arguments]
    code = f"""
import sys
sys.argv = ["lif-roles", *{arguments!r}]
from suite.cli import main
try:
    main()
except SystemExit as stopped:
    assert not stopped.code, stopped.code
print("imported:", [name for name in {absent!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "imported: []"

"""The budgets of the house, measured on the tree as it is."""

from __future__ import annotations

import ast
import statistics
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "hilum"
MODULES = sorted(SOURCE.rglob("*.py"))
KERNELS: frozenset[str] = frozenset()  # functions excepted from the length budget, by name


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def public_definitions(path: Path) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public functions and classes, and public methods of public classes, but nothing inside a function."""
    found: list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = []
    nodes = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                nodes += node.body
    return found


def test_modules_are_small() -> None:
    sizes = {path: len(lines(path)) for path in MODULES if path.name != "__init__.py"}
    assert statistics.median(sizes.values()) <= 150
    assert percentile(list(sizes.values()), 0.95) <= 400
    assert {str(path): size for path, size in sizes.items() if size > 600} == {}


@pytest.mark.slow
def test_functions_are_short() -> None:
    sizes = {
        f"{path.relative_to(SOURCE)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in functions(path)
        if node.name not in KERNELS
    }
    assert percentile(list(sizes.values()), 0.95) <= 50
    assert {name: size for name, size in sizes.items() if size > 100} == {}


def test_system_files_are_small() -> None:
    sizes = {path.name: len(lines(path)) for path in (SOURCE / "systems").glob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 150} == {}


def test_few_lines_are_repeated() -> None:
    """At most 6 % of the code lines stand in a six-line window that occurs more than once."""
    window, seen, total = 6, defaultdict(list), 0
    for path in MODULES:
        code = [(n, line.strip()) for n, line in enumerate(lines(path)) if len(line.strip()) > 3]
        code = [(n, line) for n, line in code if not line.startswith(("#", "import ", "from ", '"""'))]
        total += len(code)
        for start in range(len(code) - window + 1):
            block = code[start : start + window]
            seen["\n".join(line for _, line in block)].append([(path, n) for n, _ in block])
    repeated = {place for places in seen.values() if len(places) > 1 for block in places for place in block}
    assert len(repeated) / total <= 0.06, Counter(str(path) for path, _ in repeated).most_common(5)


def test_every_public_name_has_a_docstring() -> None:
    bare = [
        f"{path.relative_to(SOURCE)}:{node.name}"
        for path in MODULES
        for node in public_definitions(path)
        if not ast.get_docstring(node)
    ]
    assert bare == []


def test_every_argument_is_typed() -> None:
    untyped = [
        f"{path.relative_to(SOURCE)}:{node.name}({argument.arg})"
        for path in MODULES
        for node in functions(path)
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if argument.annotation is None and argument.arg not in ("self", "cls")
    ]
    assert untyped == []


def test_tests_weigh_against_the_code() -> None:
    """Tests weigh at least 0.8 of the code."""
    code = sum(len(lines(path)) for path in MODULES)
    tests = sum(len(lines(path)) for path in (ROOT / "tests").rglob("*.py"))
    assert tests / code >= 0.8, f"{tests} lines of tests for {code} lines of code"


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "manager"])
def test_no_bag_of_odds_and_ends(word: str) -> None:
    assert [path for path in MODULES if word in path.stem] == []


def test_print_is_for_the_app_only() -> None:
    loud = [
        str(path.relative_to(SOURCE))
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] != "app" and not path.name.startswith("embedded")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert loud == []


@pytest.mark.slow
def test_no_module_level_state_that_changes() -> None:
    """Module-level names are constants (upper case), types or functions, apart from the one registry."""
    allowed = {"register", "app", "__all__"}
    found = [
        f"{path.relative_to(SOURCE)}:{target.id}"
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Dict, ast.List, ast.Set))
        for target in node.targets
        if isinstance(target, ast.Name) and not target.id.strip("_").isupper() and target.id not in allowed
    ]
    assert found == []

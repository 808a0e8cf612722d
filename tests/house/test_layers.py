"""The layers hold, in-function imports included, and importing hilum is quick and light."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "hilum"
LAYER = {
    **{"core": 0, "io": 1, "text": 1, "nets": 1, "drr": 1, "data": 2, "phantom": 2},
    **{"measure": 3, "learn": 4, "systems": 5, "app": 6},
}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "hilum" else ""


def imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
    return found


@pytest.mark.parametrize("room", sorted(LAYER))
def test_an_import_never_points_up_or_sideways(room: str) -> None:
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in (SOURCE / room).rglob("*.py")
        for name in imports(path)
        if (other := room_of(name)) in LAYER and other != room and LAYER[other] >= LAYER[room]
    ]
    assert wrong == []


def test_import_linter_agrees() -> None:
    pytest.importorskip("importlinter", reason="import-linter comes with hilum[dev]")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_hilum_loads_no_heavy_package() -> None:
    heavy = {"torch", "numpy", "scipy", "PIL", "pydicom", "highdicom", "onnxruntime", "rich", "typer"}
    assert heavy & loaded_by("import hilum") == set()


def test_the_command_line_starts_without_pixels_or_models() -> None:
    heavy = {"torch", "scipy", "PIL", "pydicom", "highdicom", "onnxruntime", "transformers"}
    assert heavy & loaded_by("import hilum.app.cli") == set()


def test_import_takes_no_time_worth_noticing() -> None:
    """A budget of 0.3 s, best of three fresh interpreters, less the bare interpreter's own start."""

    def fastest(code: str) -> float:
        took = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            took.append(time.perf_counter() - start)
        return min(took)

    assert fastest("import hilum") - fastest("pass") <= 0.3

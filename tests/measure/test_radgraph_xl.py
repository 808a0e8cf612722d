"""RadGraph's package behind a process: a stand-in package that is really run, and every way a process can fail."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import HilumError, InputError, MissingError
from hilum.measure.adapters.radgraph_process import PYTHON, WORKER, annotate, python_of, source
from hilum.measure.graph_reward import radgraph_rewards
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs

FAKE = '''
"""A stand-in for the package: every word is an entity, each one modifies the next; it talks, as the package does."""
import os, pathlib

class RadGraph:
    def __init__(self, batch_size=1, cuda=None, model_type=None, model_cache_dir=None):
        print("Using device: cpu")
        assert cuda == -1
        assert os.environ["HF_HUB_OFFLINE"] == "1"
        assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
        assert (pathlib.Path(model_cache_dir) / model_type / "weights.th").is_file()

    def __call__(self, texts):
        print("annotating", len(texts))
        made = {}
        for number, text in enumerate(texts):
            if "SKIP" in text:
                continue
            words = text.replace(".", " ").split()
            made[str(number)] = {"text": text, "entities": {
                str(n + 1): {
                    "tokens": word, "label": "Observation::definitely present", "start_ix": n, "end_ix": n,
                    "relations": [["modify", str(n + 2)]] if n + 1 < len(words) else [],
                } for n, word in enumerate(words)
            }}
        return made
'''
LEVELS = ("simple", "partial", "complete")
PAIRS = ReportPairs(
    ("Small left effusion.", "Edema", "", "Clear lungs", "SKIP this", "Small Heart"),
    ("Small right effusion.", "Edema", "", None, "that", "small heart"),
)


def program(folder: Path, body: str) -> Path:
    """A program that stands for a Python with the package."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of weights, and a Python that has the stand-in."""
    root = tmp_path_factory.mktemp("radgraph")
    package = root / "site" / "radgraph"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE, encoding="utf-8")
    for name, number in (("radgraph", "0.1.18"), ("torch", "2.0")):
        info = root / "site" / f"{name}-{number}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n", encoding="utf-8")
    model = root / "weights" / "radgraph-xl"
    model.mkdir(parents=True)
    (model / "weights.th").write_bytes(b"not opened by Hilum")
    return model, program(root / "bin", f'PYTHONPATH={root / "site"} exec {sys.executable} -S "$@"')


def run(level: str, places: tuple[Path, Path], **options: object) -> object:
    return metric(f"radgraph-xl/{level}")(PAIRS, weights=places[0], python=places[1], **options)


@pytest.fixture(scope="module")
def scored(places: tuple[Path, Path]) -> dict[str, object]:
    return {level: run(level, places) for level in LEVELS}


def test_rewards_are_those_of_the_annotations(scored: dict[str, object]) -> None:
    for level in LEVELS:
        each = scored[level]
        for number, note in enumerate(each.notes):
            if note["reference"] is None or note["answer"] is None or number in each.unscored:
                continue
            expected = getattr(radgraph_rewards(note["answer"], note["reference"]), level)
            assert each.values[number] == pytest.approx(expected)
    np.testing.assert_allclose(scored["simple"].values[[0, 1, 5]], [2 / 3, 1, 1])
    np.testing.assert_allclose(scored["complete"].values[[0, 1, 5]], [1 / 3, 1, 1])


def test_what_is_empty_missing_or_skipped(scored: dict[str, object], places: tuple[Path, Path]) -> None:
    partial = scored["partial"]
    assert partial.values[2] == 0.0
    assert dict(partial.unscored) == {3: "there is no answer", 4: "RadGraph's package skipped a text of this pair"}
    assert np.isnan(partial.values[[3, 4]]).all()
    strict = run("partial", places, empty="undefined")
    assert strict.unscored[2] == "neither report has an entity"
    with pytest.raises(InputError, match="empty must be one of"):
        run("partial", places, empty="nought")


def test_the_signature_says_which_package_weights_and_case(
    scored: dict[str, object], places: tuple[Path, Path]
) -> None:
    line = scored["simple"].signature
    for part in ("backend:official-weights", "model:radgraph-xl", "radgraph:0.1.18", "torch:2.0", "case:lower"):
        assert part in line
    released = run("simple", places, case="as-released-0.1.18")
    assert released.values[5] == 0.0
    assert "case:as-released-0.1.18" in released.signature
    with pytest.raises(InputError, match="case must be one of"):
        run("simple", places, case="upper")


def test_levels_share_one_run(places: tuple[Path, Path], tmp_path: Path) -> None:
    counter = tmp_path / "runs"
    counted = program(tmp_path / "bin", f'echo run >> {counter}\nexec {places[1]} "$@"')
    both = ReportPairs(("Edema",), ("Edema",))
    for level in LEVELS:
        assert metric(f"radgraph-xl/{level}")(both, weights=places[0], python=counted).value == 1.0
    assert counter.read_text().split() == ["run"]


def test_the_variables_name_both_places(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, str(places[1]))
    monkeypatch.setenv("HILUM_WEIGHTS", str(places[0].parent))
    found = annotate("radgraph-xl/simple", ["Mild edema"])
    assert found.documents[0] is not None
    assert [e["tokens"] for e in found.documents[0]["entities"].values()] == ["Mild", "edema"]


def test_nothing_to_annotate_is_no_fault(places: tuple[Path, Path]) -> None:
    both = ReportPairs(("", " "), ("", None))
    each = metric("radgraph-xl/simple")(both, weights=places[0], python=places[1])
    assert each.values[0] == 0.0
    assert list(each.unscored) == [1]


def test_what_is_not_there_is_named(places: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    with pytest.raises(MissingError, match=f"{PYTHON} is not set.*pip install radgraph==0.1.18"):
        python_of("radgraph-xl/simple")
    with pytest.raises(MissingError, match="there is no program"):
        python_of("radgraph-xl/simple", tmp_path / "none")
    with pytest.raises(MissingError, match=r"radgraph-xl\.tar\.gz of StanfordAIMI/RRG_scorers"):
        annotate("radgraph-xl/simple", ["a"], python=places[1])
    (tmp_path / "radgraph-xl").mkdir()
    with pytest.raises(MissingError, match=r"lacks weights\.th"):
        annotate("radgraph-xl/simple", ["a"], weights=tmp_path / "radgraph-xl", python=places[1])
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="rename it"):
        annotate("radgraph-xl/simple", ["a"], weights=tmp_path / "mine", python=places[1])
    with pytest.raises(InputError, match="RadGraph's models are radgraph-xl"):
        source("echograph")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "kind", "match"),
    [
        ("echo \"ModuleNotFoundError: No module named 'radgraph'\" >&2; exit 1", MissingError, "lacks a package"),
        ("echo first >&2; echo 'OSError: no tokenizer' >&2; exit 3", HilumError, "code 3: OSError: no tokenizer"),
        ("exit 4", HilumError, "code 4: it said nothing"),
        ("echo hello", HilumError, "did not answer in JSON.*hello"),
        ("echo '{\"annotations\": []}'", HilumError, "did not answer in JSON"),
        ('echo \'{"annotations": [], "radgraph": "1", "torch": "2"}\'', HilumError, "given 1 texts and answered 0"),
        ("exec sleep 30", HilumError, "took more than 0.5 s"),
    ],
)
def test_a_process_that_fails_is_told(
    places: tuple[Path, Path], tmp_path: Path, body: str, kind: type[HilumError], match: str
) -> None:
    with pytest.raises(kind, match=match):
        annotate(
            "radgraph-xl/simple",
            ["a"],
            weights=places[0],
            python=program(tmp_path, body),
            timeout_s=0.5 if "sleep" in body else 60,
        )


def test_the_worker_needs_nothing_of_hilum() -> None:
    text = WORKER.read_text(encoding="utf-8")
    assert "import hilum" not in text
    assert "from hilum" not in text


def test_a_published_annotation_of_the_model() -> None:
    """With the package and the real weights, the package's own test case must come out of the process."""
    if not (os.environ.get("HILUM_OFFICIAL_WEIGHTS") and os.environ.get(PYTHON)):
        pytest.skip("the real weights (HILUM_OFFICIAL_WEIGHTS) and radgraph (HILUM_RADGRAPH_PYTHON) are not here")
    root = Path(os.environ["HILUM_OFFICIAL_WEIGHTS"]) / "radgraph-xl"
    found = annotate("t", ["unchanged mild pulmonary edema no radiographic evidence pneumonia"], weights=root)
    document = json.loads(json.dumps(found.documents[0]))
    said = [(e["tokens"], e["label"].split("::")[1]) for e in document["entities"].values()]
    assert said == [("unchanged", "definitely present"), ("mild", "definitely present"),
                    ("pulmonary", "definitely present"), ("edema", "definitely present"),
                    ("pneumonia", "definitely absent")]  # fmt: skip

"""Judging end to end on discs: every arm and control runs, and training writes a folder."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

torch = pytest.importorskip("torch")

from hilum.core.cache import VARIABLE  # noqa: E402
from hilum.core.cohort import Cohort  # noqa: E402
from hilum.core.errors import InputError  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.registry import register  # noqa: E402
from hilum.core.report import Report  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.zero_shot import ask, open_aligned, questions  # noqa: E402
from hilum.measure.scored import averaged  # noqa: E402
from hilum.systems import radzero  # noqa: E402
from hilum.systems._aligned import Aligned  # noqa: E402
from hilum.systems._radzero_bench import kinds, only  # noqa: E402
from hilum.systems._radzero_claims import (  # noqa: E402
    ARMS,
    BESIDE,
    CENTRE,
    CLAIMS,
    OURS,
    REAL,
    SHUFFLED,
)
from hilum.systems._radzero_fit import Size, without_class  # noqa: E402
from hilum.systems._radzero_judge import judge_radzero  # noqa: E402
from hilum.systems._radzero_look import cached  # noqa: E402
from hilum.systems._radzero_picture import picture  # noqa: E402
from hilum.systems._radzero_reading import read_films  # noqa: E402
from hilum.systems._radzero_real import concerned  # noqa: E402
from hilum.systems._radzero_train import steps_taken  # noqa: E402
from tests.systems.aligned_toy import NAMES, toy_model, toy_pairs  # noqa: E402

TINY = Size(width=16, steps=4, batch=8, versions=1)


def test_claims_name_arms_that_run_and_controls_beside_them() -> None:
    known = {*ARMS, CENTRE, "VL-CABS, map of attention", "learned queries, map of attention"}
    for claim in (*CLAIMS, *BESIDE, *REAL):
        assert {claim.arm, claim.better_than, *claim.controls} <= known
        assert claim.arm == OURS
    assert all(claim.text.startswith("(beside)") for claim in (*BESIDE, *REAL))
    assert any(SHUFFLED in claim.controls for claim in CLAIMS)
    assert len({claim.text for claim in (*CLAIMS, *BESIDE, *REAL)}) == len((*CLAIMS, *BESIDE, *REAL))


def test_arms_differ_in_one_thing_each() -> None:
    base = ARMS[OURS]
    for name, arm in ARMS.items():
        changed = [field for field in ("how", "whole", "single", "shuffled", "dedupe")
                   if getattr(arm, field) != getattr(base, field)]  # fmt: skip
        assert len(changed) == (name != OURS)
    assert [without_class(how) for how in ("similarity", "learned", "cls", "mean")] == [True, True, False, False]


def test_only_what_a_claim_is_about_is_told() -> None:
    scored = averaged("x", [1.0, 0.0], "by hand")
    claim = CLAIMS[0]
    trials = {claim.metric: {name: [scored] for name in (*ARMS, CENTRE)}}
    assert set(concerned(claim, trials)) == {claim.arm, claim.better_than, *claim.controls}


def test_findings_that_are_judged_have_regions_and_sides() -> None:
    pairs = toy_pairs(60, seed=4)
    found, sided = kinds(pairs, NAMES)
    assert found == NAMES
    assert sided == NAMES
    blank = replace(pairs, marked=np.zeros_like(pairs.marked), sides=np.zeros_like(pairs.sides))
    assert kinds(blank, NAMES) == ((), ())


def test_a_part_of_a_reading_keeps_its_films() -> None:
    model, films = toy_model(small=True), toy_pairs(5, seed=4)
    reading = read_films(model.net, cached(model.net.image, films.films), model.words, NAMES)
    part = only(reading, NAMES[1:])
    assert part.names == NAMES[1:]
    assert (part.logits[:, 0] == reading.logits[:, 1]).all()
    assert torch.equal(part.maps[:, 0], reading.maps[:, 1])
    assert torch.equal(part.sided[:, 0], reading.sided[:, 1])
    assert part.first == reading.first == 0.0


def test_the_picture_has_two_films_of_each_finding() -> None:
    model, films = toy_model(small=True), toy_pairs(12, seed=4)
    reading = read_films(model.net, cached(model.net.image, films.films), model.words, NAMES)
    made = Picture.open(io.BytesIO(picture(films, NAMES, reading)))
    assert made.size == (4 * 224, 2 * 224 + 18)
    pixels = np.asarray(made.convert("RGB")).astype(int)
    assert ((pixels[..., 1] > 200) & (pixels[..., 0] < 120)).any()  # the green edge


def test_steps_are_those_that_were_taken(tmp_path: Path) -> None:
    assert steps_taken(tmp_path, 600) == 600
    (tmp_path / "fit.json").write_text(json.dumps({"steps": 84}))
    assert steps_taken(tmp_path, 600) == 84


@pytest.mark.slow
def test_every_arm_is_judged_on_the_same_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    test = toy_pairs(40, seed=3, split="test")
    data = Aligned(toy_pairs(24), toy_pairs(16, seed=1, split="val"), test, test)
    said: list[str] = []
    parts, beside, lines, figures = judge_radzero(data, None, size=TINY, seed=0, seeds=1, say=said.append)
    assert [part.claim for part in parts] == list(CLAIMS)
    assert [part.claim for part in beside] == list(BESIDE)
    assert sum(line.startswith("seed 1 of 1") for line in said) == len(ARMS)
    assert all(part.outcome == "cannot be tested here" and "3 seeds" in part.reason for part in parts)
    assert parts[1].arms[CENTRE].value == 0  # discs lie at the sides
    assert set(ARMS) <= set(parts[0].arms)
    assert all(0 <= interval.value <= 1 for part in parts for interval in part.arms.values())
    assert any("cannot be tested here" in line for line in lines)
    assert all(isinstance(made, bytes) for made in figures.values())


def test_an_empty_training_set_is_refused() -> None:
    films = toy_pairs(4)
    data = Aligned(films.take(np.zeros(4, bool)), films, films, films)
    with pytest.raises(InputError):
        judge_radzero(data, None, size=TINY, seed=0, seeds=1, say=lambda line: None)


def _cohort(root: Path) -> Cohort:
    """Toy films as studies with reports and no labels: what a data set with reports gives."""
    made = []
    for split, count, seed in (("train", 24, 0), ("val", 16, 1)):
        pairs = toy_pairs(count, seed=seed, split=split)
        for row in range(count):
            film = Image(pairs.films[row].astype(np.float32), view="PA", id=f"{split}-{row}.png")
            report = Report(findings=" ".join(pairs.sentences[row]))
            made.append(Study(f"{split}-{row}", f"{split}-{row}", None, (film,), report=report))
    return Cohort("toy-cxr", made, splits=lambda patient: patient.split("-")[0], licence="toy licence")


@pytest.mark.slow
def test_training_on_a_data_set_with_reports_writes_what_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    register.dataset("toy-cxr", licence="toy licence")(_cohort)
    settings = {"px": 64, "width": 16, "steps": 4, "batch": 8}
    out = radzero.train(data=f"toy-cxr:{tmp_path}", out=tmp_path / "made", settings=settings)
    assert {"model.safetensors", "card.json", "log.csv"} <= {path.name for path in out.iterdir()}
    model = open_aligned()
    assert model.card["films"] == 24
    assert "toy licence" in model.card["data"]
    assert model.card["steps"] == 4
    assert set(model.card["concepts"]) == set(NAMES)
    film = Image(toy_pairs(1, seed=7).films[0].astype(np.float32), view="PA", id="f")
    (answer,) = ask(model, film, questions("left lung nodule"))
    assert answer.sentence == "There is a lung nodule of the left lung."
    assert 0 <= answer.probability <= 1
    with pytest.raises(InputError, match="nothing to learn from"):
        radzero.train(data=f"toy-cxr:{tmp_path}", out=tmp_path / "none", settings={**settings, "views": "LL"})

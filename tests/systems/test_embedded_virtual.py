"""Films of virtual patients beside real ones: what their labels say, and when new weights may ship."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from hilum.core.errors import MissingError
from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.data.virtual import masks_of, virtual
from hilum.learn.onnx import read_facts
from hilum.systems._embedded_compare import compared
from hilum.systems._embedded_corpus import CACHE
from hilum.systems._embedded_labels import FINDINGS
from hilum.systems._embedded_recipe import Recipe, resolve
from hilum.systems._embedded_virtual import FIELD, GROUP, labels_of, virtual_set
from hilum.systems.embedded import WEIGHTS
from tests.data.test_virtual import folder


def told(*findings: Finding) -> dict[str, float | None]:
    """Return each label as 1, 0, or None where it is not known."""
    target, known = labels_of(Study(id="s", findings=findings))
    return {name: float(t) if k else None for name, t, k in zip(FINDINGS, target, known, strict=True)}


def test_what_lies_in_the_body_is_the_label() -> None:
    found = told(Finding("consolidation"), Finding("pleural effusion", state="absent"), Finding("linear atelectasis"))
    assert found["Consolidation"] == found["Atelectasis"] == found["Lung Opacity"] == 1
    assert found["Effusion"] == found["Pneumothorax"] == 0


def test_words_that_the_cohort_never_uses_stay_unknown() -> None:
    found = told()
    assert found["Infiltration"] is None
    assert found["Pneumonia"] is None
    assert found["Lung Opacity"] == found["Mass"] == 0


def test_what_is_too_faint_to_see_teaches_nothing() -> None:
    faint = Finding("pulmonary edema", attributes={"flag": "invisible"})
    alone, beside = told(faint), told(faint, Finding("consolidation"))
    assert alone["Edema"] is None
    assert alone["Lung Opacity"] is None
    assert beside["Edema"] is None
    assert beside["Lung Opacity"] == 1
    assert told(faint, Finding("pulmonary edema"))["Edema"] == 1


def test_training_films_of_a_cohort_become_a_group_of_their_own(tmp_path: Path) -> None:
    root = folder(tmp_path)
    found = virtual_set(root, CACHE)
    films = [film for study in virtual(root).split("train") for film in study.films if film.view in ("PA", "AP")]
    assert len(found) == len(films) > 0
    assert set(found.group) == {GROUP}
    assert set(found.split) == {"train"}
    assert set(found.patient) == {"a"}  # the test patient is left out
    assert found.frames.shape == found.lung.shape == (len(films), CACHE, CACHE)
    assert [FIELD in {mask.label for mask in masks_of(film)} for film in films] == (found.lung_weight > 0).tolist()
    assert np.array_equal(found.views.sum(axis=1), np.ones(len(films)))


def test_a_cohort_without_training_films_is_refused(tmp_path: Path) -> None:
    import json

    root = folder(tmp_path)
    written = json.loads((root / "cohort.json").read_text())
    written["shards"] = [shard for shard in written["shards"] if shard["split"] == "test"]
    (root / "cohort.json").write_text(json.dumps(written))
    with pytest.raises(MissingError, match="no frontal film"):
        virtual_set(root, CACHE)


def test_the_cohort_is_a_setting_and_has_a_share_of_every_batch() -> None:
    recipe = resolve(Recipe(), {"virtual": "cohort"})
    assert recipe.virtual == "cohort"
    assert Recipe().virtual == ""
    for shares in (recipe.shares, recipe.shadow_shares, recipe.lung_shares):
        assert 0 < shares[GROUP] < 0.3


def card() -> dict[str, Any]:
    """Return the shipped card as a dict that may be changed."""
    return copy.deepcopy(dict(read_facts(WEIGHTS / "card.json")))


def test_equal_weights_may_ship() -> None:
    assert compared(card(), card()).endswith("Outcome: the new ones may ship.")


@pytest.mark.parametrize("worse", ["finding", "control", "lungs", "gate", "not stated"])
def test_one_lower_row_keeps_the_present_weights(worse: str) -> None:
    new, present = card(), card()
    concept, facts = next(iter(present["findings"].items()))
    if worse == "not stated":
        del new["findings"][concept]
    elif worse in ("finding", "control"):
        source = facts["source"] if worse == "finding" else facts["control"]["source"]
        row = next(each for each in new["finding_rows"][concept] if each["source"] == source)
        row["auroc"] -= 0.01
    elif worse == "lungs":
        new["lungs"]["covid_cc"]["dice"] -= 0.01
    else:
        next(iter(new["gate"]["real_films"].values()))["refused"] += 1
    said = compared(present, new)
    assert "keep the present weights (1 of" in said
    assert said.count("  lower") == 1


def test_a_finding_that_only_the_new_card_states_is_named() -> None:
    new = card()
    new["findings"]["pneumothorax"] = {}
    assert "Stated by the new card alone: pneumothorax." in compared(card(), new)

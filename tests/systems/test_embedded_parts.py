"""The embedded model's labels, splits, judgement and scores, without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox
from hilum.core.vocabulary import concept
from hilum.data.pack import LabelledBox, PackRow, rows
from hilum.learn.calibrate import Platt
from hilum.systems import _embedded_judge as judge
from hilum.systems import _embedded_scores as scores
from hilum.systems import _embedded_tables as tables
from hilum.systems._embedded_evaluate import Seen
from hilum.systems._embedded_labels import (
    CONCEPTS,
    FINDINGS,
    IN_LUNG,
    OPACITY,
    TRAINED,
    boxed_patients,
    cluster,
    labels,
    split_of,
    views,
)  # fmt: skip

SIZE = 64


def row(source: str = "nih512", patient: str = "nih-1", **changes: Any) -> PackRow:
    held = {"file": f"{source}/{patient}.png", "source": source, "licence": "free", "patient": patient, "view": "PA",
            "labels": (), "boxes": (), "mask": "", "extra": {}}  # fmt: skip
    return PackRow(**{**held, **changes})


def outputs(**changes: Any) -> dict[str, np.ndarray]:
    """An upright PA film with an opacity in the right lung of the image."""
    lung = np.full((1, SIZE, SIZE), -5.0, np.float32)
    lung[0, 16:48, 8:26] = lung[0, 16:48, 36:56] = 5.0
    maps = np.full((len(FINDINGS), 4, 4), -4.0, np.float32)
    maps[:, 2, 2] = 2.0
    held = {"chest": np.float32(4), "inverted": np.float32(-4), "rotation": np.array([6, 0, 0, 0], np.float32),
            "view": np.array([3, 0, 0], np.float32), "findings": np.zeros(len(FINDINGS), np.float32),
            "maps": maps, "lung": lung, "distance": np.float32(10)}  # fmt: skip
    return {**held, **changes}


LIMITS = {"chest": 0.5, "inverted": 0.5, "distance": 100.0}


def test_every_finding_has_a_concept_of_the_vocabulary() -> None:
    assert list(CONCEPTS) == list(FINDINGS)
    for name in CONCEPTS.values():
        assert concept(name).name == name


def test_nih_rows_know_every_label() -> None:
    target, known = labels(row(labels=("Edema", "Mass")))
    assert known.all()
    assert {name for name, value in zip(FINDINGS, target, strict=True) if value} == {"Edema", "Mass", "Lung Opacity"}
    assert labels(row(labels=("No Finding",)))[0].sum() == 0


@pytest.mark.parametrize("name", sorted(OPACITY))
def test_opacity_is_any_of_its_five_parts(name: str) -> None:
    assert labels(row(labels=(name,)))[0][-1] == 1.0


@pytest.mark.parametrize("name", ["Mass", "Nodule", "Effusion", "Fibrosis", "Pneumothorax"])
def test_other_labels_are_no_opacity(name: str) -> None:
    assert labels(row(labels=(name,)))[0][-1] == 0.0


def test_children_are_known_for_pneumonia_only() -> None:
    target, known = labels(row("kermany224", labels=("Pneumonia", "Pneumonia_Viral")))
    assert {name for name, value in zip(FINDINGS, known, strict=True) if value} == {"Pneumonia", "Lung Opacity"}
    assert target[known].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("source", ["hannover", "covid_cc"])
def test_a_diagnosis_is_no_reading(source: str) -> None:
    assert not labels(row(source, labels=("COVID-19",)))[1].any()


def test_rsna_readings_and_boxes_never_become_labels() -> None:
    box = LabelledBox("Lung Opacity", (0, 0, 5, 5), "RSNA_2018")
    plain = labels(row(labels=("Mass",)))
    read = labels(row(labels=("Mass",), boxes=(box,), extra={"rsna_target": 1}))
    assert np.array_equal(plain[0], read[0])
    assert boxed_patients([row(boxes=(box,))]) == frozenset()


def test_views() -> None:
    assert views(row(view="AP")).tolist() == [False, True, False]
    assert views(row(view="AP_SUPINE")).tolist() == [False, True, False]
    assert views(row(view="LATERAL")).tolist() == [False, False, True]
    assert views(row("kermany224", view="AP")).tolist() == [True, True, False]


def test_a_patient_has_one_split_in_every_source() -> None:
    for number in range(200):
        found = {split_of(row(source, f"nih-{number}"), frozenset()) for source in TRAINED}
        assert len(found) == 1


def test_boxed_patients_leave_train_and_nothing_else_moves() -> None:
    names = [f"nih-{n}" for n in range(300)]
    everyone = frozenset(names)
    for name in names:
        before, after = split_of(row(patient=name), frozenset()), split_of(row(patient=name), everyone)
        assert after == ("boxed" if before == "train" else before)


def test_the_covid_collection_is_for_testing_only() -> None:
    assert {split_of(row("covid_cc", f"cohen-{n}"), frozenset()) for n in range(50)} == {"test"}
    assert "covid_cc" not in TRAINED


def test_kermanys_normal_films_are_drawn_one_by_one() -> None:
    film = row("kermany224", "kermany-train-IM", file="kermany224/IM-0115-0001.jpg")
    assert cluster(film) == "IM-0115"
    assert cluster(row("kermany224", "kermany-train-person9")) == "kermany-train-person9"


def test_an_ordinary_film_is_not_refused() -> None:
    assert judge.refusal(outputs(), LIMITS) == ""


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"chest": np.float32(-3)}, "chest radiograph"),
        ({"inverted": np.float32(3)}, "inverted"),
        ({"rotation": np.array([0, 9, 0, 0], np.float32)}, "90 degrees counter-clockwise"),
        ({"rotation": np.array([0, 0, 9, 0], np.float32)}, "upside down"),
        ({"rotation": np.array([0, 0, 0, 9], np.float32)}, "90 degrees clockwise"),
        ({"distance": np.float32(101)}, "unlike those"),
    ],
)
def test_refusals_say_why(changes: dict[str, np.ndarray], word: str) -> None:
    assert word in judge.refusal(outputs(**changes), LIMITS)


def test_a_lateral_is_not_refused_for_being_unlike_frontals() -> None:
    far = outputs(distance=np.float32(1e6), view=np.array([0, 0, 5], np.float32))
    assert judge.refusal(far, LIMITS) == ""


def test_an_unsure_turn_is_not_believed() -> None:
    assert judge.refusal(outputs(rotation=np.array([0.0, 0.2, 0, 0], np.float32)), LIMITS) == ""


def test_the_lung_field_comes_back_at_the_size_of_the_source() -> None:
    box = Letterbox(200, 100, SIZE)
    lungs = judge.lung_source(outputs(), box)
    assert lungs.shape == (200, 100)
    assert lungs.dtype == bool
    assert lungs[100, 20]
    assert not lungs[10, 50]


def test_boxes_lie_on_the_lungs_and_in_the_source() -> None:
    found = judge.finding_boxes(outputs(), "Pneumonia", Letterbox(640, 640, SIZE))
    assert found
    for box in found:
        assert 360 <= box.x0 < box.x1 <= 560
        assert 160 <= box.y0 < box.y1 <= 480
        assert box.score <= 2.0
    assert "Pneumonia" in IN_LUNG
    assert "Cardiomegaly" not in IN_LUNG


def card(low: float, high: float) -> dict[str, Any]:
    platt = {"slope": 1.0, "offset": 0.0, "fitted_on": "made", "films": 9, "positives": 4}
    return {"findings": {"pneumonia": {"threshold": [low, high], "calibration": platt}}}


@pytest.mark.parametrize(
    ("logit", "state", "boxed"), [(2.0, "present", True), (0.0, "uncertain", False), (-2.0, "absent", False)]
)
def test_states_follow_the_two_thresholds(logit: float, state: str, boxed: bool) -> None:
    given = outputs(findings=np.full(len(FINDINGS), logit, np.float32))
    (found,) = judge.findings(given, Letterbox(SIZE, SIZE, SIZE), card(0.4, 0.6)["findings"])
    assert (found.concept, found.state) == ("pneumonia", state)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-logit)))
    assert bool(found.boxes) == boxed
    assert found.calibration == Platt(1.0, 0.0, "made", 9, 4).id


def seen(count: int, split: str, *, gap: float, source: str = "nih512") -> list[Seen]:
    rng = np.random.default_rng(count)
    made = []
    for number in range(count):
        sick = number % 2 == 0
        film = row(source, f"{split}-{number}", labels=("Pneumonia",) if sick else ("No Finding",))
        target, known = labels(film)
        logits = rng.normal(size=len(FINDINGS)) + gap * sick
        given = outputs(findings=logits.astype(np.float32), distance=np.float32(rng.uniform(0, 50)))
        made.append(Seen(film, split, target, known, given, Letterbox(SIZE, SIZE, SIZE)))
    return made


def test_thresholds_keep_the_promised_sensitivity_and_specificity_on_validation_films() -> None:
    films = seen(400, "val", gap=1.0)
    index = FINDINGS.index("Pneumonia")
    fitted = scores.calibrate(films, index)
    assert fitted is not None
    platt, (low, high) = fitted
    probability = platt(np.array([s.logits[index] for s in films]))
    sick = np.array([s.target[index] > 0 for s in films])
    assert low < high
    assert (probability[sick] >= low).mean() >= scores.SENSITIVITY
    assert (probability[~sick] < high).mean() >= scores.SPECIFICITY - 0.01


def test_test_films_never_move_a_threshold() -> None:
    validation, index = seen(60, "val", gap=1.0), FINDINGS.index("Pneumonia")
    alone = scores.calibrate(validation, index)
    assert scores.calibrate([*validation, *seen(80, "test", gap=-3.0)], index) == alone


def test_thresholds_meet_where_films_separate() -> None:
    fitted = scores.calibrate(seen(60, "val", gap=20.0), FINDINGS.index("Pneumonia"))
    assert fitted is not None
    assert fitted[1][0] == fitted[1][1]


def test_too_few_positives_cannot_be_calibrated() -> None:
    assert scores.calibrate(seen(8, "val", gap=1.0), FINDINGS.index("Pneumonia")) is None


def test_the_evidence_rule_reports_what_is_shown_and_nothing_else() -> None:
    from hilum.systems._embedded_card import card_of

    strong = card_of([*seen(60, "val", gap=3.0), *seen(80, "test", gap=3.0)], {}, findings=FINDINGS)
    assert set(strong["findings"]) == {"pneumonia", "lung opacity"}
    assert "too few" in strong["not_assessed"]["hernia"] or "no test film" in strong["not_assessed"]["hernia"]
    weak = card_of([*seen(60, "val", gap=0.0), *seen(80, "test", gap=0.0)], {}, findings=FINDINGS)
    assert weak["findings"] == {}
    assert "not shown to work" in weak["not_assessed"]["pneumonia"]
    few = card_of([*seen(60, "val", gap=3.0), *seen(30, "test", gap=3.0)], {}, findings=FINDINGS)
    assert "20 needed" in few["not_assessed"]["pneumonia"]


def test_the_view_table_counts_by_hand() -> None:
    films = seen(6, "test", gap=0.0)
    table = tables.view_table(films)["sources"]["nih512"]
    assert table["confusion"] == [[6, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert table["accuracy"] == 1.0


def test_the_distance_limit_comes_from_validation_films() -> None:
    gate = tables.gate_table(seen(200, "val", gap=0.0), {"white": [outputs(chest=np.float32(-9))] * 3})
    assert 45 < gate["limits"]["distance"] <= 50
    assert gate["others"]["white"] == {"n": 3, "accepted": 0}


def test_localisation_is_counted_per_box_beside_its_controls() -> None:
    (film,) = seen(1, "test", gap=0.0)
    inside = LabelledBox("Pneumonia", (36.0, 32.0, 50.0, 48.0), "NIH_BBox_List_2017")
    from dataclasses import replace

    film = replace(film, row=replace(film.row, boxes=(inside,)))
    table = tables.localisation_table([film])["Pneumonia"]
    assert table["model"]["iobb_0.25"] == 1.0
    assert set(table) == {"model", "centre", "lungs"}
    assert table["model"]["boxes"] == table["model"]["films"] == 1


def test_settings_are_resolved_and_misspelt_ones_refused() -> None:
    pytest.importorskip("torch")
    from hilum.systems._embedded_recipe import QUICK, Recipe, resolve

    changed = resolve(Recipe(), {"second.steps": "20", "size": "128", "shares.nih64": "0.5", "imagenet": False})
    assert (changed.second.steps, changed.size, changed.shares["nih64"]) == (20, 128, 0.5)
    assert changed.first == Recipe().first
    for wrong in ("sise", "second.stepps", "shares.mimic"):
        with pytest.raises(InputError):
            resolve(QUICK, {wrong: "1"})


def test_no_patient_of_the_real_pack_is_on_both_sides(pack: Path) -> None:
    everything = rows(pack, TRAINED)
    boxed = boxed_patients(everything)
    sides: dict[str, set[str]] = {}
    for item in everything:
        sides.setdefault(item.patient, set()).add(split_of(item, boxed))
    assert all(len(found) == 1 for found in sides.values())
    assert all(item.commercial for item in everything)
    counts = [next(iter(found)) for found in sides.values()]
    assert counts.count("test") / len(counts) == pytest.approx(0.25, abs=0.04)


def test_a_contradicted_finding_is_withdrawn_with_its_numbers() -> None:
    from dataclasses import replace

    from hilum.systems._embedded_card import card_of

    films = [*seen(60, "val", gap=3.0), *seen(80, "test", gap=3.0)]
    read = [
        replace(film, row=replace(film.row, extra={"rsna_target": number % 4 // 2}))
        for number, film in enumerate(films)
    ]  # fmt: skip
    made = card_of(read, {}, findings=FINDINGS)
    assert made["findings"] == {}
    assert set(made["withdrawn"]) == {"pneumonia", "lung opacity"}
    assert made["not_assessed"]["pneumonia"].startswith("withdrawn: AUROC")
    assert "read by RSNA" in made["not_assessed"]["pneumonia"]

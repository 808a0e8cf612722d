"""Sentences and their 3-D masks in the layout of ReXGroundingCT."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.report import Report
from hilum.core.vocabulary import concept
from hilum.phantom.facts import facts
from hilum.phantom.grounding_ct import (
    COLUMNS,
    Grounded,
    category_of,
    category_table,
    grounded,
    masks,
    row,
    sentence_table,
)
from hilum.phantom.illness_together import base_rates
from hilum.phantom.narrate import narrate
from hilum.phantom.patient import Placed

from .stories import placed, plan, visit

SHAPE = (12, 10, 8)


def with_mask(each: Placed, *boxes: tuple[int, int]) -> Placed:
    """A placed finding whose mask is 2 voxels thick slabs at these x, over y and z up to the second figure."""
    mask = np.zeros(SHAPE, np.bool_)
    for x, far in boxes:
        mask[x : x + 2, :far, :far] = True
    return replace(each, mask=mask)


def study() -> tuple[tuple[Grounded, ...], list[Placed], Report]:
    """Two effusions, a nodule in two pieces, a tube without a mask."""
    plans = (plan("pleural effusion", 0.3, "left"), plan("pleural effusion", 0.6, "right"),
             plan("lung nodule", 0.4, "right", site="upper"), plan("pacemaker", 1.0))  # fmt: skip
    made = [with_mask(placed(plans[0]), (0, 4)), with_mask(placed(plans[1]), (3, 5)),
            with_mask(placed(plans[2]), (6, 2), (10, 3)), placed(plans[3])]  # fmt: skip
    found = facts(visit(*plans), made, {})
    report = narrate(found, visit(*plans), seed=1, name="g")
    return grounded(report, found, made), made, report


def test_each_sentence_that_means_a_mask_is_there_in_the_order_of_the_report() -> None:
    sentences, _, report = study()
    assert {key for each in sentences for key in each.keys} == {
        "pleural effusion-left", "pleural effusion-right", "lung nodule-right"
    }  # fmt: skip
    assert [each.start for each in sentences] == sorted(each.start for each in sentences)
    for each in sentences:
        assert report.findings[each.start : each.end] == each.text


def test_a_channel_is_the_mask_of_what_its_sentence_says() -> None:
    sentences, made, _ = study()
    found = masks(sentences, made)
    by_key = {each.plan.key: each.mask for each in made if each.mask is not None}
    assert found.shape == (len(sentences), *SHAPE)
    assert found.dtype == np.uint8
    for channel, each in zip(found, sentences, strict=True):
        assert (channel.astype(bool) == np.logical_or.reduce([by_key[key] for key in each.keys])).all()


def test_the_row_is_as_the_data_set_writes_it() -> None:
    sentences, made, _ = study()
    written = json.loads(json.dumps(row("v_1.nii.gz", sentences, made)))
    assert written["name"] == "v_1.nii.gz"
    assert list(written["findings"]) == [str(n) for n in range(len(sentences))]
    assert written["findings"]["0"] == sentences[0].text
    nodule = next(str(n) for n, each in enumerate(sentences) if each.keys == ("lung nodule-right",))
    assert written["entities"][nodule] == 2
    assert written["voxels"][nodule] == 2 * 4 + 2 * 9
    assert written["categories"][nodule] == "nodule/mass"
    assert set(written["categories"].values()) <= set(category_table()["categories"])


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    """26-connected, as the metric of the data set counts instances."""
    asked = plan("lung nodule", 0.4, "right")
    mask = np.zeros(SHAPE, np.bool_)
    mask[1, 1, 1] = mask[2, 2, 2] = mask[5, 5, 5] = True
    made = [replace(placed(asked), mask=mask)]
    found = facts(visit(asked), made, {})
    sentences = grounded(narrate(found, visit(asked), seed=1), found, made)
    assert row("a", sentences, made)["entities"] == {"0": 2}


def test_the_table_tells_which_sentence_means_which_mask() -> None:
    sentences, made, _ = study()
    rows = list(csv.DictReader(io.StringIO(sentence_table([("v", sentences, made)], voxel_ml=0.5))))
    assert tuple(rows[0]) == COLUMNS
    assert [each["text"] for each in rows] == [each.text for each in sentences]
    sizes = {each["keys"]: float(each["volume_ml"]) for each in rows}
    assert sizes["lung nodule-right"] == pytest.approx(0.5 * 26)


def test_a_study_without_masks_has_an_empty_row() -> None:
    assert row("v", (), ()) == {
        "name": "v", "findings": {}, "categories": {}, "keys": {}, "entities": {}, "voxels": {}
    }  # fmt: skip
    assert sentence_table([("v", (), ())], voxel_ml=1.0).splitlines() == [",".join(COLUMNS)]


def test_what_is_missing_is_named() -> None:
    sentences, made, _ = study()
    with pytest.raises(InputError, match="lung nodule-right"):
        masks(sentences, made[:2])
    with pytest.raises(InputError, match="no sentence has a mask"):
        masks((), made)


def test_absent_and_empty_findings_have_no_channel() -> None:
    asked = plan("pleural effusion", 0.02, "left")
    made = [with_mask(placed(asked), (0, 3))]
    found = facts(visit(asked), made, {})
    assert grounded(narrate(found, visit(asked), seed=1), found, made) == ()
    empty = [replace(placed(plan("pleural effusion", 0.5, "left")), mask=np.zeros(SHAPE, np.bool_))]
    found = facts(visit(), empty, {})
    assert grounded(narrate(found, visit(), seed=1), found, empty) == ()


def test_categories_are_the_fourteen_and_concepts_are_known() -> None:
    table = category_table()
    assert len(set(table["categories"])) == 14
    assert set(table["concepts"].values()) <= set(table["categories"])
    assert all(concept(name).name == name for name in table["concepts"])
    assert all(category_of(each.concept) in table["categories"] for each in base_rates())
    assert category_of("rib fracture") == "other focal"

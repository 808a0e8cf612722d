"""Graph F1: RadGraph's reward arithmetic on published annotations and by hand, and our own graphs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.graph_reward import CASES, Rewards, entity_relation, graph_nodes, nodes_of, parts, radgraph_rewards
from hilum.measure.metric import metric, metrics
from hilum.text.graph import graph
from hilum.text.parse import parse
from hilum.text.radgraph import to_radgraph
from tests.measure.reports import GALLERY, PARAPHRASE, REPORT, pairs, score

ANATOMY, PRESENT, ABSENT = "Anatomy::definitely present", "Observation::definitely present", "OBS-DA"
PUBLISHED = {
    "lower": (0.8172376216591895, 0.7546942874384693, 0.7133547820835201),
    "as-released-0.1.18": (0.8172871395487394, 0.7542134192060022, 0.7128377657102056),
}
FIRST = (
    (0.6666666666666666, 0.6666666666666666, 0.5263157894736842),
    (0.7741935483870969, 0.7096774193548386, 0.6666666666666667),
    (1.0, 0.6666666666666666, 0.6666666666666666),
    (0.8571428571428572, 0.8571428571428572, 0.8571428571428572),
    (0.6666666666666667, 0.5999999999999999, 0.5),
)


def document(*entities: tuple[str, str, list[list[str]]]) -> dict[str, Any]:
    made = {str(n + 1): {"tokens": w, "label": k, "relations": r} for n, (w, k, r) in enumerate(entities)}
    return {"entities": made}


@pytest.fixture(scope="module")
def published() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    folder = os.environ.get("HILUM_RADGRAPH_PAIRS")
    if not folder:
        pytest.skip(
            "HILUM_RADGRAPH_PAIRS names no folder with tests/chexbert_test_set_*.json of Stanford-AIMI/radgraph"
        )
    names = ("chexbert_test_set_modern_radgraph_xl.json", "chexbert_test_set_radgraph_xl.json")
    read = [json.loads((Path(folder) / name).read_text(encoding="utf-8")) for name in names]
    return [each["0"] for each in read[0]], [each["0"] for each in read[1]]


def test_exact_on_the_687_published_annotation_pairs(published: tuple[list[Any], list[Any]]) -> None:
    answers, references = published
    assert len(answers) == len(references) == 687
    found = {
        case: np.array([radgraph_rewards(a, r, case=case) for a, r in zip(answers, references, strict=True)])
        for case in CASES
    }
    for case in CASES:
        np.testing.assert_allclose(found[case].mean(axis=0), PUBLISHED[case], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found["lower"][:5], FIRST)
    assert (found["lower"] != found["as-released-0.1.18"]).any(axis=1).sum() == 142
    oracle = Path(__file__).resolve().parents[3] / "shared" / "oracles" / "metric_oracles.json"
    if oracle.is_file():
        entries = json.loads(oracle.read_text(encoding="utf-8"))["entries"]
        hundred = next(entry["first_100"] for entry in entries if "first_100" in entry)
        np.testing.assert_array_equal(found["lower"][:100], hundred)


def test_hand_counted_rewards() -> None:
    answer = document(
        ("small", PRESENT, [["modify", "3"]]), ("left", ANATOMY, []), ("effusion", PRESENT, [["located_at", "2"]])
    )
    reference = document(
        ("small", PRESENT, [["modify", "2"]]), ("effusion", PRESENT, [["located_at", "3"], ["located_at", "4"]]),
        ("left", ANATOMY, []), ("base", ANATOMY, []),
    )  # fmt: skip
    assert radgraph_rewards(answer, reference) == pytest.approx((6 / 7, 6 / 7, 6 / 8))
    assert radgraph_rewards(reference, answer) == pytest.approx((6 / 7, 6 / 7, 6 / 8))


def test_a_related_entity_is_another_one_than_an_unrelated() -> None:
    one = document(("mild", PRESENT, [["modify", "2"]]), ("edema", PRESENT, []))
    other = document(("mild", PRESENT, []), ("edema", PRESENT, []))
    assert radgraph_rewards(one, other) == Rewards(1.0, 0.5, 0.5)


def test_capitals_matter_as_released_but_not_since() -> None:
    upper, lower = document(("Effusion", PRESENT, [])), document(("effusion", PRESENT, []))
    assert radgraph_rewards(upper, lower) == Rewards(1.0, 1.0, 1.0)
    assert radgraph_rewards(upper, lower, case="as-released-0.1.18") == Rewards(0.0, 0.0, 0.0)
    upper = document(("Small", PRESENT, [["modify", "2"]]), ("Effusion", PRESENT, [["modify", "1"]]))
    lower = document(("small", PRESENT, [["modify", "2"]]), ("effusion", PRESENT, [["modify", "1"]]))
    assert radgraph_rewards(upper, lower, case="as-released-0.1.18") == Rewards(0.0, 0.0, 1.0)


def test_readme_pairs_identity_and_an_empty_side() -> None:
    same = document(
        ("acute", ABSENT, []), ("cardiopulmonary", ANATOMY, []), ("abnormality", ABSENT, [["located_at", "2"]])
    )
    assert radgraph_rewards(same, same) == Rewards(1.0, 1.0, 1.0)
    empty: dict[str, Any] = {"entities": {}}
    assert radgraph_rewards(same, empty) == radgraph_rewards(empty, same) == Rewards(0.0, 0.0, 0.0)
    assert radgraph_rewards(empty, empty) == Rewards(0.0, 0.0, 0.0)


def test_six_pair_fixture_pair_five() -> None:
    """The answer's annotation is published; the reference's is the one its three published values leave room for."""
    answer = document(
        ("acute", "OBS-DA", []), ("cardiopulmonary", "ANAT-DP", []), ("process", "OBS-DA", [["located_at", "2"]]),
        ("moderate", "OBS-DP", []), ("hiatal", "ANAT-DP", []), ("hernia", "OBS-DP", []),
    )  # fmt: skip
    reference = document(
        ("acute", "OBS-DA", []), ("pulmonary", "ANAT-DP", []), ("process", "OBS-DA", []),
        ("moderately", "OBS-DP", [["modify", "5"]]), ("large", "OBS-DP", [["modify", "6"], ["modify", "8"]]),
        ("size", "OBS-DP", []), ("hiatal", "ANAT-DP", []), ("hernia", "OBS-DP", []),
    )  # fmt: skip
    assert radgraph_rewards(answer, reference) == (0.5714285714285715, 0.42857142857142855, 0.4)


def test_entity_and_relation_f1_by_hand() -> None:
    answer = parts(nodes_of(document(("mild", PRESENT, [["modify", "2"]]), ("edema", PRESENT, []))))
    reference = parts(nodes_of(document(("mild", PRESENT, [["modify", "2"]]), ("edema", ABSENT, []))))
    assert entity_relation(answer, reference) == (0.5, 0.0)  # the relation's target has another label
    assert entity_relation(answer, answer) == (1.0, 1.0)
    alone = parts(nodes_of(document(("edema", PRESENT, []))))
    assert entity_relation(alone, alone) == (1.0, 0.0)


def test_malformed_annotations_and_cases_are_refused() -> None:
    for wrong in ({}, {"entities": {"1": {"tokens": "x"}}}, document(("x", PRESENT, [["modify", "9"]]))):
        with pytest.raises(InputError, match="an annotation needs"):
            radgraph_rewards(wrong, document(("x", PRESENT, [])))
    with pytest.raises(InputError, match="case must be one of"):
        radgraph_rewards(document(), document(), case="upper")  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_our_graphs_score_as_their_files_do(case: Any) -> None:
    for one, other in (*GALLERY, (REPORT, PARAPHRASE)):
        made = [graph(parse(text)) for text in (one, other)]
        files = [to_radgraph(each) for each in made]
        if all(each.entities for each in made):
            ours = metric("graph-f1/complete")(pairs((one, other)), case=case).value
            assert ours == pytest.approx(radgraph_rewards(files[1], files[0], case=case).complete)


def test_metrics_of_the_three_levels_and_the_mean() -> None:
    both = pairs((REPORT, REPORT), ("No pleural effusion.", "Pleural effusion."), ("", ""), ("Nodule.", None))
    for level in ("simple", "partial", "complete"):
        scored = metric(f"graph-f1/{level}")(both)
        assert scored.values[0] == 1.0
        assert scored.values[1] < 1.0
        assert scored.unscored == {2: "neither report has an entity", 3: "there is no answer"}
        assert metric(f"graph-f1/{level}")(both, empty="published").values[2] == 0.0
        assert "case:lower" in scored.signature
        assert "graphs:hilum-rules" in scored.signature
    mean = metric("graph-f1/entity-relation")(both)
    assert mean.values[0] == 1.0
    assert mean.values[2] == 0.0
    assert "case:as-released-0.1.18" in mean.signature
    assert "empty:published" in mean.signature
    with pytest.raises(InputError, match="empty must be"):
        metric("graph-f1/simple")(both, empty="one")


def test_rewards_fall_from_simple_to_complete_and_say_whose_graphs() -> None:
    one, other = "Small left pleural effusion.", "Small right pleural effusion."
    assert score("graph-f1/simple", one, other) >= score("graph-f1/complete", one, other)
    for each in metrics("report"):
        if each.name.startswith("graph-f1"):
            assert "our report graphs" in each.summary


def test_nodes_of_our_graph_are_those_of_its_file() -> None:
    made = graph(parse(REPORT))
    assert graph_nodes(made) == nodes_of(to_radgraph(made))

"""RadCliQ: the published models exact, their traps shown, and our own form named for what it is."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.measure.metric import metric, metrics
from hilum.measure.metrics import radcliq as room
from hilum.measure.metrics.radcliq import COLUMNS, V0, V1, bleu_weight, label_cosine, radcliq
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import averaged
from tests.measure.reports import REPORT, pairs

WORKED = (
    ([1, 1, 1, 1], -1.4406903118732053),
    ([0, 0, 0, 0], 2.4501430996030664),
    ([0.5, 0.6, 0.7, 0.4], 0.14068751517765918),
)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    """BLEU-2 and BERTScore stand-ins; what was asked of them is kept."""
    asked: list[tuple[str, dict[str, object]]] = []
    real = room.metric

    def found(name: str) -> object:
        if name not in ("bleu-2", "bertscore"):
            return real(name)

        def run(both: ReportPairs, **options: object) -> object:
            asked.append((name, options))
            same = [float(r == a) for r, a in zip(both.references, both.answers, strict=True)]
            return averaged(name, same, name)

        return run

    monkeypatch.setattr(room, "metric", found)
    return asked


@pytest.mark.parametrize(("row", "expected"), WORKED)
def test_published_worked_values(row: list[float], expected: float) -> None:
    assert radcliq([row])[0] == pytest.approx(expected, abs=1e-12)


def test_perfect_is_negative_in_both_versions_and_lower_is_better() -> None:
    perfect, poor = [1.0] * 4, [0.2] * 4
    assert radcliq([perfect], "v0")[0] == pytest.approx(-0.242, abs=5e-4)
    assert radcliq([perfect], "v1")[0] == pytest.approx(-1.441, abs=5e-4)
    for version in ("v0", "v1"):
        assert radcliq([perfect], version)[0] < radcliq([poor], version)[0]


def test_bleu_plays_no_part_in_v1_and_the_wrong_part_in_v0() -> None:
    rows = np.array([[0.5, 0.6, 0.7, 0.0], [0.5, 0.6, 0.7, 1.0]])
    none, wrong = (radcliq(rows, version) for version in ("v1", "v0"))
    assert none[0] == pytest.approx(none[1], abs=1e-10)
    assert wrong[1] - wrong[0] == pytest.approx(0.216586 / 0.303367)
    assert bleu_weight("v0") > 0.7
    assert abs(bleu_weight("v1")) < 1e-10


def test_one_over_the_mean_would_turn_the_order() -> None:
    """Why the leaderboards' figure is not offered: past 0 a better system gets a worse number."""
    good, better = (float(radcliq([[x] * 4])[0]) for x in (0.6, 0.8))
    assert better < 0 < good
    assert 1 / better < 1 / good


def test_models_hold_the_published_figures() -> None:
    assert (V0.fitted_on, V1.fitted_on) == (200, 160)
    assert V0.weights[3] > 0
    assert len(COLUMNS) == len(V1.mean) == len(V1.scale) == len(V1.weights) == 4


def test_wrong_columns_and_versions_are_refused() -> None:
    with pytest.raises(InputError, match="rows of 4 values"):
        radcliq([[1.0, 1.0, 1.0]])
    with pytest.raises(InputError, match="version must be one of"):
        radcliq([[1.0] * 4], "v2")  # type: ignore[arg-type]


def test_label_cosine_by_hand() -> None:
    both = pairs(
        ("Pneumothorax. No pleural effusion.", "Pneumothorax. Pleural effusion."), ("Nodule.", "Nodule."), ("", ""),
        ("Nodule.", ""),
    )  # fmt: skip
    np.testing.assert_allclose(label_cosine(both), [0.5, 1.0, np.nan, 0.0])


def test_without_bertscore_is_said_not_to_be_radcliq(parts: list[tuple[str, dict[str, object]]]) -> None:
    both = pairs((REPORT, REPORT), ("Pneumothorax.", "Right nodule."), ("", ""), ("Nodule.", None))
    scored = metric("radcliq/hilum-without-bertscore")(both)
    assert scored.better == "lower"
    assert scored.values[0] < scored.values[1]
    columns = np.array([[1.0, V1.mean[1], 1.0, 1.0]])
    assert scored.values[0] == pytest.approx(radcliq(columns)[0])
    assert set(scored.unscored) == {2, 3}
    assert "undefined" in scored.unscored[2]
    assert "is_radcliq:no" in scored.signature
    assert "bertscore:none" in scored.signature
    assert set(scored.notes[0]) == {"radgraph", "chexbert", "bleu-2"}
    assert [name for name, _ in parts] == ["bleu-2"]


def test_with_an_encoder_bertscore_takes_part(parts: list[tuple[str, dict[str, object]]]) -> None:
    both = pairs((REPORT, REPORT), ("Pneumothorax.", "Right nodule."))
    scored = metric("radcliq/hilum")(both, encoder="/models/small/", baseline=0.3, version="v0")
    assert scored.values[0] == pytest.approx(radcliq([[1.0] * 4], "v0")[0])
    assert ("bertscore", {"encoder": "/models/small/", "idf": True, "baseline": 0.3}) in parts
    assert "bertscore:small|baseline:0.3" in scored.signature
    assert "form:v0" in scored.signature


def test_the_encoder_may_be_named_once_for_all(
    parts: list[tuple[str, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HILUM_ENCODER", "/models/large")
    assert "bertscore:large" in metric("radcliq/hilum")(pairs((REPORT, REPORT))).signature
    assert dict(parts)["bertscore"]["encoder"] == "/models/large"


def test_without_an_encoder_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HILUM_ENCODER", raising=False)
    with pytest.raises(MissingError, match=r"encoder=.*radcliq/hilum-without-bertscore"):
        metric("radcliq/hilum")(pairs(("Nodule.", "Nodule.")))


def test_listed_as_lower_is_better_and_not_radcliq() -> None:
    found = [each for each in metrics("report") if each.name.startswith("radcliq")]
    assert [each.better for each in found] == ["lower", "lower"]
    assert all("not RadCliQ" in each.summary for each in found)

"""The review's matrix: floors that look at nothing, truth in other words, exchanged sides, methods, the command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("transformers", reason="transformers (extra 'language') is not installed")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.registry import get  # noqa: E402
from hilum.measure.rank import kendall_tau  # noqa: E402
from hilum.measure.task import find_task  # noqa: E402
from hilum.systems import _rrg_writers as writers  # noqa: E402
from hilum.systems import rrg_review  # noqa: E402
from hilum.systems._reader_marks import stated  # noqa: E402
from hilum.systems._reader_tasks import bench_of  # noqa: E402
from hilum.systems._rrg_claims import BESIDE, BLEU, CLAIMS, FACTS, FLOORS, FOUND, SIDES, TRUTH, WORDS  # noqa: E402
from hilum.systems._rrg_judge import RANKED, WRITERS, agreement, scored, table  # noqa: E402
from hilum.systems._rrg_material import Material, material, seen  # noqa: E402
from hilum.systems._rrg_methods import METHODS, NAMES, methods  # noqa: E402
from hilum.systems._rrg_picture import scatter  # noqa: E402


@pytest.fixture(scope="module")
def held() -> Material:
    return material(bench_of(60, seed=2, size=32, steps=0))


def test_parts_share_no_patient_and_have_no_prior(held: Material) -> None:
    people = {part: {study.patient for study in studies} for part, studies in held.studies.items()}
    assert not people["train"] & people["val"]
    assert not people["test"] & (people["train"] | people["val"])
    assert all(study.prior is None for studies in held.studies.values() for study in studies)
    for part, patches in held.patches.items():
        assert len(patches) == len(held.texts[part]) == len(held.studies[part])


def test_too_few_studies_are_told(held: Material) -> None:
    bench = held.bench
    with pytest.raises(InputError, match="more patients"):
        material(type(bench)(bench.train[:1], bench.test, bench.features))


@pytest.mark.slow
def test_the_constant_text_is_one_normal_training_report(held: Material) -> None:
    texts = writers.constant(held)
    assert len(texts) == len(held.studies["test"])
    assert len(set(texts)) == 1
    assert texts[0] in held.texts["train"]
    assert "present" not in stated(texts[0]).values()


def test_other_floors_copy_training_reports(held: Material) -> None:
    for texts in (writers.random(held, seed=0), writers.nearest(held)):
        assert len(texts) == len(held.studies["test"])
        assert set(texts) <= set(held.texts["train"])
    assert writers.random(held, seed=0) == writers.random(held, seed=0)
    assert writers.random(held, seed=0) != writers.random(held, seed=1)


def test_a_film_that_is_in_training_finds_its_own_report_only_from_another_patient(held: Material) -> None:
    same = Material(
        {**held.studies, "test": held.studies["train"]}, {**held.texts, "test": held.texts["train"]},
        {**held.patches, "test": held.patches["train"]}, held.bench,
    )  # fmt: skip
    found = writers.nearest(same)
    own = [one == two for one, two in zip(found, same.texts["test"], strict=True)]
    assert np.mean(own) < 0.5  # the patient is left out: only reports that others have word for word


def test_a_result_code_says_one_sentence_of_each_label(held: Material) -> None:
    for text in writers.coded(held):
        told = stated(text)
        assert {concept for concept, _ in told} == set(writers.CODED.values())


def test_true_facts_in_other_words_are_the_same_facts(held: Material) -> None:
    texts = writers.true_facts(held, seed=0)
    same = [stated(one) == stated(two) for one, two in zip(texts, held.texts["test"], strict=True)]
    assert np.mean(same) > 0.9
    assert sum(one != two for one, two in zip(texts, held.texts["test"], strict=True)) > len(texts) / 2


def test_exchanged_sides_keep_the_words_and_lose_the_facts(held: Material) -> None:
    turned = writers.sides_exchanged(held)
    for one, two in zip(turned, held.texts["test"], strict=True):
        assert len(one.split()) == len(two.split())
    back = Material(held.studies, {**held.texts, "test": tuple(turned)}, held.patches, held.bench)
    assert [" ".join(text.split()) for text in held.texts["test"]] == writers.sides_exchanged(back)
    scores = {name: scored(held.texts["test"], texts, held.patients)
              for name, texts in ((SIDES, turned), (TRUTH, writers.true_facts(held, seed=0)))}  # fmt: skip
    assert scores[SIDES][BLEU].value > scores[TRUTH][BLEU].value
    assert scores[SIDES][FOUND].value < scores[TRUTH][FOUND].value


@pytest.mark.slow
def test_the_reference_itself_has_every_score_and_silence_none(held: Material) -> None:
    best = scored(held.texts["test"], held.texts["test"], held.patients)
    none = scored(held.texts["test"], [""] * len(held.patients), held.patients)
    assert set(best) == {*WORDS, *FACTS}
    for name in (*WORDS, *FACTS):
        assert best[name].value > none[name].value, name
    for name in ("bleu-1", "bleu-4", "rouge-l", FOUND, "graph-f1/partial", "green/hilum"):
        assert best[name].value == pytest.approx(1.0), name


@pytest.mark.slow
def test_decoders_of_all_kinds_write_and_the_plain_one_has_as_many_weights(held: Material) -> None:
    made = {how: writers.decoder(held, how, seed=0, steps=2) for how in ("none", "added", "norm")}  # type: ignore[arg-type]
    sizes = {how: sum(each.numel() for each in net.parameters()) for how, (net, _) in made.items()}
    assert abs(sizes["none"] - sizes["norm"]) / sizes["norm"] < 0.01
    texts = writers.decoded(made["norm"], held.patches["test"])
    assert len(texts) == len(held.patients)


def test_blank_films_are_all_alike(held: Material) -> None:
    blank = seen(held.bench, held.studies["test"], blank=True)
    assert blank.shape == held.patches["test"].shape
    assert torch.allclose(blank, blank[:1].expand_as(blank), atol=1e-4)
    assert not torch.allclose(held.patches["test"], held.patches["test"][:1].expand_as(blank), atol=1e-3)


def test_ranks_are_compared_without_writers_that_know_the_report() -> None:
    values = {name: {writer: at / 10 for at, writer in enumerate(WRITERS)} for name in (*WORDS, *FACTS)}
    values[BLEU] = {writer: -value for writer, value in values[BLEU].items()}
    lines = agreement(values)
    assert not {TRUTH, SIDES} & set(RANKED)
    assert len(lines) == len(WORDS) + len(FACTS) - 1
    assert next(line for line in lines if f"by {BLEU} " in line).endswith("tau -1.00")
    assert all(line.endswith("tau 1.00") for line in lines if f"by {BLEU} " not in line)
    assert float(kendall_tau([1, 2, 3], [1, 2, 3])) == 1.0
    assert len(table(values)) == len(WRITERS) + 1
    svg = scatter(values, WRITERS)
    assert svg.count("<circle") == len(WRITERS)
    assert all(writer in svg for writer in WRITERS)


def test_every_claim_is_of_a_writer_and_a_metric_of_the_matrix() -> None:
    for claim in (*CLAIMS, *BESIDE):
        assert claim.metric in (*WORDS, *FACTS)
        for arm in (claim.arm, claim.better_than, *claim.controls):
            assert arm.split(", another")[0].split(", blank")[0] in WRITERS
    assert set(FLOORS) <= set(RANKED)
    assert len({each.text for each in (*CLAIMS, *BESIDE)}) == len(CLAIMS) + len(BESIDE)


def test_methods_are_sorted_and_their_figures_say_how_far_they_were_checked() -> None:
    assert {each.lever for each in METHODS} == {"visual", "text", "both"}
    assert len({each.name for each in METHODS}) == len(METHODS)
    for method in METHODS:
        for figures in method.figures:
            assert figures.checked in ("read", "recalled")
            assert set(figures.values) <= set(NAMES)
            assert all(0 < value < 1 for value in figures.values.values())
            held = [figures.values[name] for name in NAMES[:4] if name in figures.values]
            assert held == sorted(held, reverse=True)  # BLEU falls with the length of its runs
    assert {each.name for each in methods("text", "mimic-cxr")} == {"KiUT", "DCL", "ORGAN"}
    with pytest.raises(InputError, match="levers are"):
        methods("smell")
    assert all(get("system", each.here) for each in METHODS if each.here in ("rrg-review", "mlrg", "sei"))


def test_the_matrix_is_a_suite_of_tasks() -> None:
    task = find_task("rrg-review/scenes")
    assert task.metrics == (*WORDS, *FACTS)
    assert task.controls == ("constant-report",)
    studies = list(replace(task, settings={"patients": 30, "size": 32, "seed": 0}).open())
    assert 0 < len({study.patient for study in studies}) < 30
    for name in ("openi", "mimic-cxr"):
        assert find_task(f"rrg-review/{name}").metrics == task.metrics


@pytest.mark.parametrize("changes", [{"patients": 0}, {"seeds": "x"}, {"steps": -1}, {"reader_steps": 0}])
def test_numbers_that_cannot_be_used_are_told(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"whole numbers|1 or more"):
        rrg_review.reproduce(**changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_whole_command_runs_and_gives_no_outcome_of_one_seed() -> None:
    made = rrg_review.reproduce(patients=60, steps=1, reader_steps=1, encoder_steps=0, seeds=1)
    assert made.outcome == "cannot be tested here"
    assert len(made.scores) == len(CLAIMS) + len(BESIDE)
    text = "\n".join(made.lines)
    assert all(writer in text for writer in WRITERS)
    assert "Kendall's tau" in text
    assert all(str(figure).startswith("<svg") for figure in made.figures.values())

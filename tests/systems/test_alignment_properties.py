"""DeViDe, CXR-LLaVA's encoder and RadZero by what must hold whatever is drawn, recomputed by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.seed import generator  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.measure.claim import Claim  # noqa: E402
from hilum.measure.scored import Scored  # noqa: E402
from hilum.systems import _cxr_llava_train as llava  # noqa: E402
from hilum.systems import _devide_recipe as devide  # noqa: E402
from hilum.systems._cxr_llava_labels import renderings, vocabulary_texts  # noqa: E402
from hilum.systems._cxr_llava_scores import nearest, swapped  # noqa: E402
from hilum.systems._devide_arms import ARMS, told_in  # noqa: E402
from hilum.systems._devide_diseases import LOOKS, WORDS, Look, invent  # noqa: E402
from hilum.systems._devide_knowledge import Entry, entries, permuted, read_knowledge  # noqa: E402
from hilum.systems._devide_lesions import RADIUS, draw_films, draw_lesion  # noqa: E402
from hilum.systems._devide_scores import by_count, crowded  # noqa: E402
from hilum.systems._devide_texts import coded_texts  # noqa: E402
from hilum.systems._devide_trunk import patches_of, placed  # noqa: E402
from hilum.systems._radzero_folder import read  # noqa: E402
from hilum.systems._radzero_names import as_written, authors_name  # noqa: E402
from hilum.systems._radzero_reading import Reading  # noqa: E402
from hilum.systems._radzero_real import concerned  # noqa: E402
from hilum.systems._radzero_recipe import resolve, views_of  # noqa: E402
from hilum.systems._radzero_scores import dice, following, marked_rows, pointing, threshold_of  # noqa: E402
from hilum.systems._radzero_texts import drawn, sentences_of, told, without_place, wording_of  # noqa: E402
from tests.systems.aligned_toy import NAMES, PX, toy_pairs  # noqa: E402

SIZE = 64
LUNGS = np.zeros((SIZE, SIZE), np.bool_)
LUNGS[8:56, 6:28] = LUNGS[8:56, 36:58] = True


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(LOOKS), st.integers(0, 10_000))
def test_a_lesion_lies_in_the_lungs_in_the_third_that_its_look_names(look: Look, seed: int) -> None:
    film, taken = np.full((SIZE, SIZE), 0.4, np.float32), list[tuple[int, int]]()
    mask = draw_lesion(film, LUNGS, look, generator(seed, "x"), taken)
    assert not (mask & ~LUNGS).any()
    ((row, column),) = taken
    assert LUNGS[row, column]
    at = list(WORDS["zone"]).index(look.zone)
    assert 8 + 16 * at <= row < 24 + 16 * at
    reach = 2.0 * RADIUS[look.size] * SIZE * 1.2 + 1
    rows, columns = np.nonzero(mask)
    assert np.hypot(rows - row, columns - column).max() <= reach


def test_a_large_lesion_is_larger_a_dense_one_whiter_and_nothing_is_drawn_without_lungs() -> None:
    def made(**change: str) -> tuple[np.ndarray, int]:
        film = np.full((SIZE, SIZE), 0.4, np.float32)
        look = Look("dense", "sharp", "round", "middle", "small")._replace(**change)
        return film, int(draw_lesion(film, np.ones_like(LUNGS), look, generator(3, "x"), []).sum())

    (dense, small), (_, large) = made(), made(size="large")
    assert large > 2.5 * small
    assert made(density="faint")[0].max() == pytest.approx(0.4 + 0.16, abs=0.02)
    assert dense.max() == pytest.approx(0.4 + 0.42, abs=0.04)
    assert made(density="lucent")[0].min() == pytest.approx(0.4 * 0.35, abs=0.03)
    film = np.full((SIZE, SIZE), 0.4, np.float32)
    assert not draw_lesion(film, np.zeros_like(LUNGS), LOOKS[0], generator(0, "x"), []).any()
    assert (film == np.float32(0.4)).all()


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.integers(1, 4))
def test_films_show_at_most_as_many_diseases_as_asked_and_one_untaught_where_meant(
    seed: int, untaught: bool, most: int
) -> None:
    diseases = invent(12, 3, seed=seed)
    films = np.full((2, SIZE, SIZE), 100, np.uint8)
    made = draw_films(films, np.stack([LUNGS, LUNGS]), np.array(["a", "b"]), diseases, 5, seed=seed, untaught=untaught,
                      most=most)  # fmt: skip
    assert made.target.sum(axis=1).max() <= most
    assert (made.target[:, diseases.seen :].sum(axis=1) == untaught).all()
    assert made.patients.tolist() == ["a", "b", "a", "b", "a"]
    assert not (made.places.any(axis=(2, 3)) & ~made.target).any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 30), st.integers(1, 5))
def test_facets_of_diseases_kept_are_taught_by_others(seed: int, taught: int, kept: int) -> None:
    made = invent(taught, kept, seed=seed)
    assert len(set(made.looks)) == len({each.name for each in made.told}) == taught + kept
    for at, facet in enumerate(Look._fields):
        assert {look[at] for look in made.looks[taught:]} <= {look[at] for look in made.looks[:taught]}
        for look, each in zip(made.looks, made.told, strict=True):
            assert each.facets[at] in WORDS[facet][look[at]]
    with pytest.raises(InputError, match=r"at most 72 in all, got 72 and 1"):
        invent(72, 1, seed=seed)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_descriptions_are_exchanged_so_that_none_keeps_its_own(count: int, seed: int) -> None:
    own = [Entry(f"d{at}", f"means {at}", (f"looks {at}",)) for at in range(count)]
    moved = permuted(own, np.random.default_rng(seed))
    assert [(each.name, each.definition) for each in moved] == [(each.name, each.definition) for each in own]
    assert all(here.facets != there.facets for here, there in zip(own, moved, strict=True))
    assert sorted(each.facets for each in moved) == sorted(each.facets for each in own)
    for arm, (_, _, others) in ARMS.items():
        assert (told_in(arm, own, seed) == own) is not others
    with pytest.raises(InputError, match="name two or more"):
        permuted(own[:1], np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("[]", "is no knowledge store"),
        ("{", "is no knowledge store"),
        ('{"findings": [{"name": "lung mass"}]}', "is no knowledge store"),
        ('{"findings": [{"name": "lung mass", "definition": "x"}]}', "does not say where its texts come from"),
    ],
)
def test_stores_that_cannot_be_read_are_named(tmp_path: Path, said: str, sentence: str) -> None:
    (tmp_path / "s.json").write_text(said)
    with pytest.raises(InputError, match=sentence):
        read_knowledge(tmp_path / "s.json")


def test_a_store_of_ones_own_keeps_the_facets_that_it_has(tmp_path: Path) -> None:
    row = {"name": "lung mass", "definition": "a tumour", "shape": "round", "signs": "", "density": "white"}
    (tmp_path / "s.json").write_text(json.dumps({"provenance": "own words", "findings": [row]}))
    store = read_knowledge(tmp_path / "s.json")
    assert store == {"lung mass": Entry("lung mass", "a tumour", ("white", "round"))}
    with pytest.raises(InputError, match="nothing is written of 'pneumothorax': the store has lung mass"):
        entries(["lung mass", "pneumothorax"], store)
    words = Wording.of(["lung mass a tumour white round", "fluid"])
    coded = coded_texts([*store.values(), Entry("fluid", "fluid", ())], words)
    assert coded.there.tolist() == [[True, True], [False, False]]
    assert coded.facets[0].shape[0] == 4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 64))
def test_a_patch_is_covered_from_a_tenth_of_its_pixels(pixels: int) -> None:
    mask = np.zeros((2, 16, 16), np.bool_)
    mask[1, 8:, :8] = np.arange(64).reshape(8, 8) < pixels
    expected = np.zeros((2, 2, 2), np.bool_)
    expected[1, 1, 0] = pixels >= 7
    assert (patches_of(mask) == expected).all()
    with pytest.raises(InputError, match="multiple of 8 pixels, got 16 x 12"):
        patches_of(mask[..., :12])


def test_what_is_absent_is_nowhere_and_a_region_not_drawn_is_unknown() -> None:
    pairs = toy_pairs(16)
    places, sure = placed(replace(pairs, marked=np.zeros_like(pairs.marked)))
    assert (sure == (pairs.target == 0)).all()
    assert placed(pairs)[1].all()
    assert (places.any(axis=(2, 3)) == (pairs.target > 0)).all()


def test_films_of_many_diseases_are_compared_with_those_of_few_by_hand() -> None:
    rng = np.random.default_rng(0)
    target = np.arange(6)[None] < rng.integers(1, 6, 300)[:, None]
    target = rng.permuted(target, axis=1)
    score = rng.normal(size=target.shape) + target
    each = []
    for rows in (target.sum(1) >= 4, target.sum(1) <= 2):
        columns = []
        for at in range(6):
            ill = target[rows, at]
            columns.append((score[rows, at][ill][:, None] > score[rows, at][~ill][None]).mean())
        each.append(np.mean(columns))
    assert crowded(score, target).value == pytest.approx(each[0] - each[1])
    assert by_count(target.astype(float), target) == pytest.approx([1.0] * 5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9))
def test_the_share_of_farther_texts_is_counted_one_by_one(seed: int, texts: int) -> None:
    rng = np.random.default_rng(seed)
    scores, own = rng.integers(0, 4, (7, texts)).astype(float), rng.integers(0, texts, 7)
    shares = []
    for row, mine in zip(scores, own, strict=True):
        others = np.delete(row, mine)
        shares.append(np.mean(np.where(others < row[mine], 1.0, np.where(others == row[mine], 0.5, 0.0))))
    assert nearest(scores, own).value == pytest.approx(np.mean(shares))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_a_swapped_film_is_of_another_patient_wherever_there_is_one(patients: list[str]) -> None:
    pairs = replace(toy_pairs(len(patients)), patient=np.array(patients))
    taken = swapped(np.arange(len(patients))[:, None].astype(float), pairs)[:, 0].astype(int)
    for at, other in enumerate(taken):
        assert (patients[other] != patients[at]) == (len(set(patients)) > 1)


def test_every_word_of_a_rendering_is_known_to_the_text_tower() -> None:
    pairs = toy_pairs(20)
    words = Wording.of(vocabulary_texts(pairs.names))
    assert set(renderings(pairs)) <= {"There is lung nodule.", "There is pleural effusion.", "No finding.",
                                      "There is lung nodule, pleural effusion."}  # fmt: skip
    known, _ = words.code(["There is lung nodule, pleural effusion.", "No finding."])
    strange, _ = words.code(["zebra", "zebra"])
    assert strange[0, 0] not in known


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"how": "attention"}, "how is one of similarity, learned, cls, mean, got 'attention'"),
        ({"steps": "-5"}, "steps 0 or more"),
        ({"rate": "nan"}, "rate is above 0"),
        ({"rate": "inf"}, "rate is above 0"),
        ({"heads": "-1"}, "1 or more"),
        ({"px": "100"}, "px 100 of 16"),
    ],
)
def test_impossible_settings_of_radzero_end_before_any_patient_is_drawn(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve(changes)
    assert views_of(resolve({"views": "pa, ll"})) == ("PA", "LL")


@pytest.mark.parametrize(
    ("settings_of", "changes", "sentence"),
    [
        (llava.settings_of, {"rate": -1}, "rate and clip_rate are above 0"),
        (llava.settings_of, {"clip_rate": 0}, "rate and clip_rate are above 0"),
        (llava.settings_of, {"rate": "nan"}, "rate must be float"),
        (devide.settings_of, {"temperature": "inf"}, "temperature must be float"),
        (devide.settings_of, {"width": 0}, "are above 0"),
        (devide.settings_of, {"width": -4}, "are above 0"),
        (devide.settings_of, {"space": 0}, "are above 0"),
        (devide.settings_of, {"width": 6}, "multiple of 4"),
    ],
)
def test_impossible_settings_end_in_a_sentence(settings_of, changes: dict[str, object], sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=sentence):
        settings_of(changes)


def _sided(count: int, grid: tuple[int, int], column: int, first: float) -> Reading:
    sided = torch.zeros(count, 2, 2, *grid)
    sided[..., grid[0] // 2, column] = 1.0
    none = torch.zeros(count, 2, grid[0] * grid[1])
    return Reading(NAMES, np.zeros((count, 2), np.float32), none, none, sided.flatten(3), grid, first)


@pytest.mark.parametrize(("columns", "first"), [(7, 0.5), (8, 0.0), (7, 0.0), (8, 0.5)])
def test_a_map_that_never_moves_follows_half_of_the_sides_also_on_the_midline(columns: int, first: float) -> None:
    pairs = toy_pairs(12, seed=1)
    for column in range(columns):
        assert following(pairs, NAMES, _sided(12, (4, columns), column, first)).value == 0.5


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_dice_and_pointing_are_those_counted_film_by_film(seed: int) -> None:
    pairs, rng = toy_pairs(8, seed=seed), np.random.default_rng(seed)
    masks = np.stack([pairs.mask(np.arange(8), at) for at in range(2)], axis=1)
    table = rng.random((8, 2, PX, PX)).astype(np.float32) + 0.3 * masks
    overlap, hit = [], []
    for at, name in enumerate(NAMES):
        rows = np.flatnonzero(pairs.target[:, at])
        assert marked_rows(pairs, name).tolist() == rows.tolist()
        said = [(set(map(tuple, np.argwhere(table[row, at] > 0.9))), set(map(tuple, np.argwhere(pairs.mask(
            np.array([row]), at)[0])))) for row in rows]  # fmt: skip
        overlap.append(np.mean([2 * len(a & b) / (len(a) + len(b)) for a, b in said]))
        hit.append(np.mean([np.unravel_index(table[row, at].argmax(), (PX, PX)) in b
                            for row, (_, b) in zip(rows, said, strict=True)]))  # fmt: skip

    def maps(rows: np.ndarray, place: int) -> np.ndarray:
        return np.asarray(table[rows, place])

    assert dice(pairs, NAMES, maps, 0.9).value == pytest.approx(np.mean(overlap))
    assert pointing(pairs, NAMES, maps).value == pytest.approx(np.mean(hit))
    level = threshold_of(pairs, NAMES, maps)
    best = dice(pairs, NAMES, maps, level).value
    assert best >= max(dice(pairs, NAMES, maps, float(each)).value for each in (0.3, 0.6, 0.9, 1.2)) - 0.05


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_a_step_tells_films_only_what_they_own(seed: int, absences: int) -> None:
    pairs = toy_pairs(10, seed=seed)
    texts = told(pairs, wording_of(pairs))
    rows = np.random.default_rng(seed).integers(0, 10, 6)
    found = drawn(texts, rows, np.random.default_rng(seed), absences=absences, single=False).numpy()
    assert len({tuple(each) for each in found.tolist()}) == len(found)
    owned = sentences_of(pairs)
    for place, row in enumerate(rows):
        said = {texts.texts[at] for at in found[found[:, 0] == place, 1]}
        assert said <= set(owned[row])
        assert sum(text.startswith("There is no") for text in said) <= absences
        assert {text for text in owned[row] if not text.startswith("There is no")} <= said


def test_a_place_is_dropped_from_what_is_there_and_never_from_what_is_not() -> None:
    assert without_place("There is a lung nodule of the right upper lobe.") == "There is a lung nodule."
    assert without_place("There may be a lung nodule of the right lung.") == "There may be a lung nodule."
    assert without_place("There is no pneumothorax of the left lung.") == ""
    assert without_place("There is a lung nodule.") == ""


def test_names_of_tensors_are_turned_back_and_no_two_become_one() -> None:
    assert authors_name("head.log_tau") == "loss_fns.RadZeroLoss.loss_temperature"
    assert as_written("layer.3.attention.q_proj.weight") == "layer.3.attention.attention.query.weight"
    ours = [f"layers.{at}.{part}.{kind}" for at in range(2) for kind in ("weight", "bias")
            for part in ("norm1", "norm2", "query", "key", "value", "out", "rise", "fall")]  # fmt: skip
    theirs = [authors_name(name) for name in [*ours, "layers.0.scale1", "layers.1.scale2"]]
    assert len(set(theirs)) == len(theirs)
    assert theirs[-2].endswith("layer.0.layer_scale1.lambda1")


def test_a_claim_is_told_of_its_own_arms_alone() -> None:
    trials: dict[str, dict[str, list[Scored]]] = {"m": {name: [] for name in ("a", "b", "c", "d")}}
    assert list(concerned(Claim("x", "b", "a", "m", ("d",)), trials)) == ["b", "a", "d"]


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("7", "no JSON of a card"),
        ("{", "no JSON of a card"),
        ("[1]", "no JSON of a card"),
        ("[]", "not the file that its card names"),
    ],
)
def test_a_folder_whose_card_is_damaged_is_named(tmp_path: Path, card: str, sentence: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"whatever")
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(InputError, match=sentence):
        read(tmp_path)

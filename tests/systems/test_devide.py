"""DeViDe's knowledge store, invented diseases and lesions: what is told and what is drawn."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.core.vocabulary import concept
from hilum.learn.pairs import CONCEPTS
from hilum.systems._devide_arms import ARMS, KIND_ARMS, MADE_ARMS, told_in
from hilum.systems._devide_diseases import LOOKS, WORDS, Look, invent
from hilum.systems._devide_knowledge import FACETS, STORE, Entry, entries, knowledge, permuted, read_knowledge
from hilum.systems._devide_lesions import draw_films, draw_lesion
from hilum.systems._devide_trunk import patches_of
from hilum.systems.devide import Devide

SIZE = 96


def _lungs() -> np.ndarray:
    lungs = np.zeros((SIZE, SIZE), bool)
    lungs[12:84, 12:42] = lungs[12:84, 54:84] = True
    return lungs


def _look(**changes: str) -> Look:
    return Look("dense", "sharp", "round", "middle", "large")._replace(**changes)


def _drawn(look: Look, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    film = np.full((SIZE, SIZE), 0.4, np.float32)
    mask = draw_lesion(film, _lungs(), look, generator(seed, "test"), [])
    return film, mask


def test_the_store_has_own_words_for_findings_of_the_vocabulary() -> None:
    said = json.loads(STORE.read_text(encoding="utf-8"))
    assert said["provenance"].startswith("own words")
    assert 16 <= len(knowledge()) <= 40
    for name, entry in knowledge().items():
        assert concept(name).name == name
        assert entry.definition
        assert len(entry.facets) == len(FACETS)
        assert all(facet not in entry.definition for facet in entry.facets)
    assert set(CONCEPTS) <= set(knowledge())


def test_no_two_findings_are_told_alike() -> None:
    told = [(entry.definition, *entry.facets) for entry in knowledge().values()]
    assert max(Counter(told).values()) == 1
    assert max(Counter(text for texts in told for text in texts[:1]).values()) == 1


def test_an_own_store_is_read_by_synonym_and_facets_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    row = {"name": "cardiomegaly", "definition": "a large heart", "shape": "wide"}
    path.write_text(json.dumps({"provenance": "mine", "findings": [row]}))
    assert read_knowledge(path) == {"cardiomegaly": Entry("cardiomegaly", "a large heart", ("wide",))}


@pytest.mark.parametrize(
    "text, reason",
    [
        ("{", "no knowledge store"),
        ('{"provenance": "mine"}', "no knowledge store"),
        ('{"provenance": "mine", "findings": [{"name": "cardiomegaly"}]}', "no knowledge store"),
        ('{"findings": [{"name": "cardiomegaly", "definition": "x"}]}', "provenance"),
        ('{"provenance": "mine", "findings": [{"name": "no such thing", "definition": "x"}]}', "no such thing"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        read_knowledge(path)


def test_a_finding_that_nothing_is_written_of_is_named() -> None:
    assert [entry.name for entry in entries(["lung mass", "pneumothorax"])] == ["lung mass", "pneumothorax"]
    with pytest.raises(InputError, match="'pectus excavatum'"):
        entries(["lung mass", "pectus excavatum"])


@pytest.mark.parametrize("count", [2, 3, 38])
def test_the_control_leaves_no_disease_its_own_description_and_loses_none(count: int) -> None:
    told = list(knowledge().values())[:count]
    for seed in range(5):
        moved = permuted(told, generator(seed, "test"))
        assert [each.name for each in moved] == [each.name for each in told]
        assert [each.definition for each in moved] == [each.definition for each in told]
        assert all(new.facets != old.facets for new, old in zip(moved, told, strict=True))
        assert Counter(each.facets for each in moved) == Counter(each.facets for each in told)


def test_one_description_cannot_be_exchanged() -> None:
    with pytest.raises(InputError, match="two or more"):
        permuted(entries(["lung mass"]), generator(0, "test"))


def test_arms_that_are_told_of_others_are_the_controls() -> None:
    told = entries(CONCEPTS[:5])
    assert {arm for arm in ARMS if told_in(arm, told, 0) != told} == {arm for arm, (*_, moved) in ARMS.items() if moved}
    assert set(MADE_ARMS) | set(KIND_ARMS) == set(ARMS)
    for claim in Devide.claims:
        named = {claim.arm, claim.better_than, *claim.controls}
        assert any(named <= set(arms) for arms in (MADE_ARMS, (*KIND_ARMS, "shared words, nothing learned")))


def test_untaught_diseases_are_new_but_all_their_facets_are_taught() -> None:
    for seed in range(10):
        made = invent(12, 3, seed=seed)
        assert len(set(made.looks)) == len({each.name for each in made.told}) == 15
        for look in made.looks[made.seen :]:
            for at, value in enumerate(look):
                assert value in {taught[at] for taught in made.looks[: made.seen]}


def test_what_is_told_follows_from_the_look_and_definitions_tell_nothing_of_it() -> None:
    made = invent(seed=3)
    ways = {word for values in WORDS.values() for words in values.values() for word in words}
    for look, told in zip(made.looks, made.told, strict=True):
        for facet, value, text in zip(Look._fields, look, told.facets, strict=True):
            assert text in WORDS[facet][value]
        assert not any(word in f"{told.name} {told.definition}" for word in ways)


@pytest.mark.parametrize("taught, kept", [(5, 3), (24, 0), (len(LOOKS), 1)])
def test_numbers_of_diseases_that_cannot_be_are_refused(taught: int, kept: int) -> None:
    with pytest.raises(InputError, match="diseases to teach"):
        invent(taught, kept, seed=0)


def test_density_is_drawn_as_told() -> None:
    levels = {density: _drawn(_look(density=density)) for density in WORDS["density"]}
    inside = {density: film[mask].mean() for density, (film, mask) in levels.items()}
    assert inside["lucent"] < 0.3 < 0.4 < inside["faint"] < inside["dense"]


def test_size_shape_and_margin_are_drawn_as_told() -> None:
    area = {size: _drawn(_look(size=size))[1].sum() for size in WORDS["size"]}
    assert area["large"] > 3 * area["small"]
    rows, columns = np.nonzero(_drawn(_look(shape="band"))[1])
    assert np.ptp(columns) > 1.5 * np.ptp(rows)
    rows, columns = np.nonzero(_drawn(_look())[1])
    assert abs(int(np.ptp(columns)) - int(np.ptp(rows))) <= 2
    steep = {margin: np.abs(np.gradient(_drawn(_look(margin=margin))[0])).max() for margin in WORDS["margin"]}
    assert steep["sharp"] > 1.5 * steep["fuzzy"]


@pytest.mark.parametrize("zone, third", [("upper", 0), ("middle", 1), ("lower", 2)])
def test_zones_are_thirds_of_the_lungs(zone: str, third: int) -> None:
    for seed in range(8):
        rows, columns = np.nonzero(_drawn(_look(zone=zone, size="small"), seed)[1])
        assert 12 + 24 * third - 3 <= rows.mean() <= 12 + 24 * (third + 1) + 3
        assert _lungs()[int(rows.mean()), int(columns.mean())]


def test_nothing_is_drawn_where_there_is_no_lung() -> None:
    film = np.full((SIZE, SIZE), 0.4, np.float32)
    assert not draw_lesion(film, np.zeros((SIZE, SIZE), bool), _look(), generator(0, "test"), []).any()
    assert (film == 0.4).all() or np.allclose(film, 0.4)


def _films(count: int, untaught: bool, seed: int = 0) -> tuple[object, object]:
    films = np.full((3, SIZE, SIZE), 100, np.uint8)
    diseases = invent(12, 3, seed=1)
    people = np.array(["a", "b", "c"])
    drawn = draw_films(films, np.stack([_lungs()] * 3), people, diseases, count, seed=seed, untaught=untaught)
    return drawn, diseases


def test_films_to_learn_from_show_taught_diseases_only_and_films_to_judge_one_of_the_others() -> None:
    known, _ = _films(40, untaught=False)
    judged, _ = _films(40, untaught=True)
    assert not known.target[:, 12:].any()  # type: ignore[attr-defined]
    assert (judged.target[:, 12:].sum(1) == 1).all()  # type: ignore[attr-defined]
    for drawn in (known, judged):
        count = drawn.target.sum(1)  # type: ignore[attr-defined]
        assert set(count.tolist()) == {1, 2, 3, 4, 5}
        assert drawn.patients[:4].tolist() == ["a", "b", "c", "a"]  # type: ignore[attr-defined]


def test_the_same_seed_draws_the_same_films_and_places_are_where_films_changed() -> None:
    first, _ = _films(6, untaught=True)
    again, _ = _films(6, untaught=True)
    other, _ = _films(6, untaught=True, seed=1)
    assert (first.films == again.films).all()  # type: ignore[attr-defined]
    assert (first.films != other.films).any()  # type: ignore[attr-defined]
    changed = patches_of(np.abs(first.films.astype(int) - 100) > 3)  # type: ignore[attr-defined]
    assert (changed | ~first.places.any(1)).mean() > 0.99  # type: ignore[attr-defined]
    assert (first.places.any((2, 3)) <= first.target).all()  # type: ignore[attr-defined]


def test_films_without_lungs_are_refused() -> None:
    empty = np.zeros((2, SIZE, SIZE))
    with pytest.raises(InputError, match="no film has lungs"):
        draw_films(empty.astype(np.uint8), empty > 1, np.array(["a", "b"]), invent(12, 3, seed=1), 4, seed=0)


def test_patches_need_films_of_a_multiple_of_eight() -> None:
    mask = np.zeros((16, 24), bool)
    mask[0:4, 8:16] = True
    assert patches_of(mask).tolist() == [[False, True, False], [False, False, False]]
    with pytest.raises(InputError, match="multiple of 8"):
        patches_of(np.zeros((12, 16), bool))

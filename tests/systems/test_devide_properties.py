"""Properties of DeViDe's parts: scores under resampling, texts as numbers, diseases and their drawing, the store."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.seed import generator  # noqa: E402
from hilum.learn.wording import Wording, split_words  # noqa: E402
from hilum.measure.binary import auroc  # noqa: E402
from hilum.nets.towers import Seen  # noqa: E402
from hilum.systems._devide_align import SMALL, WIDTH, how_of, rows_of  # noqa: E402
from hilum.systems._devide_arms import ARMS, DESCRIPTIONS, MADE, NAMES, ONE, judged  # noqa: E402
from hilum.systems._devide_diseases import LOOKS, WORDS, Look, invent, said  # noqa: E402
from hilum.systems._devide_kinds import HELD_OUT  # noqa: E402
from hilum.systems._devide_knowledge import Entry, knowledge  # noqa: E402
from hilum.systems._devide_lesions import RADIUS, draw_films, draw_lesion  # noqa: E402
from hilum.systems._devide_reports import HEADS, TAUGHT  # noqa: E402
from hilum.systems._devide_reports import said as report_text  # noqa: E402
from hilum.systems._devide_scores import by_count, mean_auroc  # noqa: E402
from hilum.systems._devide_texts import coded_texts  # noqa: E402

SIZE = 96


def _scored(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = generator(seed, "scored")
    target = rng.random((80, 3)) < 0.3
    return rng.normal(size=(80, 3)) + target, target, rng.random((80, 3)) < 0.9


def test_an_auroc_is_that_of_the_films_on_which_a_disease_is_known() -> None:
    score, target, known = _scored()
    by_hand = np.mean([auroc(target[known[:, at], at], score[known[:, at], at]) for at in range(3)])
    assert mean_auroc("auroc", score, target, known).value == pytest.approx(by_hand)


def test_an_auroc_does_not_change_with_a_rising_map_and_turns_with_a_falling_one() -> None:
    score, target, known = _scored()
    value = mean_auroc("auroc", score, target, known).value
    assert mean_auroc("auroc", np.exp(score) * 3, target, known).value == pytest.approx(value)
    assert mean_auroc("auroc", -score, target, known).value == pytest.approx(1 - value)


def test_drawing_a_film_twice_is_having_it_twice() -> None:
    score, target, known = _scored()
    weights = np.ones((2, 80))
    weights[1, :10] = 2
    once, twice = mean_auroc("auroc", score, target, known).at(weights)
    rows = np.concatenate([np.arange(80), np.arange(10)])
    assert twice == pytest.approx(mean_auroc("auroc", score[rows], target[rows], known[rows]).value)
    assert once != pytest.approx(twice)


def test_films_that_are_left_out_take_no_part() -> None:
    score, target, known = _scored()
    rows = np.arange(80) < 60
    other = np.where(rows[:, None], score, 99.0)
    one, two = (mean_auroc("auroc", each, target, known, rows=rows).value for each in (score, other))
    assert one == pytest.approx(two)


def test_a_set_without_a_disease_has_no_auroc() -> None:
    score, target, known = _scored()
    assert np.isnan(mean_auroc("auroc", score, np.zeros_like(target), known).value)
    assert np.isnan(by_count(score, np.zeros_like(target))).all()


def test_a_claim_is_judged_on_the_arms_that_it_names_only() -> None:
    score, target, known = _scored()
    runs = [mean_auroc("auroc", score + seed * 1e-3, target, known) for seed in range(3)]
    claim = MADE[3]
    part = judged(claim, dict.fromkeys(ARMS, runs), [str(at % 20) for at in range(80)], 0)
    assert set(part.arms) == {DESCRIPTIONS, ONE}
    assert part.outcome == "fails"
    assert part.gain.value == 0


@pytest.mark.parametrize("arm", list(ARMS))
def test_arms_share_all_but_what_is_told_and_how_it_is_projected(arm: str) -> None:
    how = how_of(arm)
    assert (how.asking, how.space, how.fusion) == (SMALL, WIDTH, "gate")
    assert (how.told, how.projection) == ARMS[arm][:2]


def test_rows_of_what_was_seen() -> None:
    seen = Seen(torch.arange(4.0)[:, None], torch.arange(8.0).reshape(4, 2, 1), (1, 2))
    some = rows_of(seen, torch.tensor([3, 0]))
    assert some.pooled.flatten().tolist() == [3, 0]
    assert some.patches.flatten().tolist() == [6, 7, 0, 1]
    assert some.grid == (1, 2)


def test_texts_are_coded_facet_by_facet() -> None:
    told = [Entry("a", "one", ("x y", "z")), Entry("b", "two", ()), Entry("c", "three", ("y",))]
    words = Wording(("a", "b", "c", "one", "two", "three", "x", "y", "z"))
    coded = coded_texts(told, words)
    assert coded.there.tolist() == [[True, True], [False, False], [True, False]]
    assert coded.names[0][:, 0].tolist() == [2, 3, 4]
    assert coded.definitions[0][:, 0].tolist() == [5, 6, 7]
    ids, mask = coded.facets
    assert ids.tolist() == [[8, 9], [10, 0], [0, 0], [0, 0], [9, 0], [0, 0]]
    assert (mask == (ids > 0)).all()


def test_the_same_seed_invents_the_same_diseases() -> None:
    one, again, other = invent(seed=4), invent(seed=4), invent(seed=5)
    assert one == again
    assert one.looks != other.looks


def test_there_are_as_many_looks_as_combinations_and_no_phrase_is_used_twice() -> None:
    assert len(LOOKS) == len(set(LOOKS)) == np.prod([len(values) for values in WORDS.values()])
    phrases = [phrase for values in WORDS.values() for ways in values.values() for phrase in ways]
    assert len(phrases) == len(set(phrases))
    assert set(WORDS) == set(Look._fields)
    assert set(RADIUS) == set(WORDS["size"])


def test_a_look_is_said_in_more_than_one_way() -> None:
    ways = {said(LOOKS[0], generator(seed, "said")) for seed in range(40)}
    assert len(ways) > 10
    assert {len(way) for way in ways} == {len(Look._fields)}


def test_hardly_a_word_of_an_untaught_disease_is_new_to_a_tower_that_read_of_the_taught_ones() -> None:
    """Every facet is taught; one of its two phrasings may be new."""
    unknown, words = 0, 0
    for seed in range(10):
        made = invent(seed=seed)
        known = {word for each in made.told[: made.seen] for text in each.facets for word in split_words(text)}
        asked = [word for each in made.told[made.seen :] for text in each.facets for word in split_words(text)]
        unknown, words = unknown + sum(word not in known for word in asked), words + len(asked)
    assert unknown < 0.05 * words


def _lungs() -> np.ndarray:
    lungs = np.zeros((SIZE, SIZE), bool)
    lungs[12:84, 12:42] = lungs[12:84, 54:84] = True
    return lungs


@pytest.mark.parametrize("look", LOOKS[::7])
def test_any_look_can_be_drawn_and_keeps_grey_values_in_range(look: Look) -> None:
    film = np.full((SIZE, SIZE), 0.4, np.float32)
    mask = draw_lesion(film, _lungs(), look, generator(1, "look"), [])
    assert mask.any()
    assert 0 <= film.min() <= film.max() <= 1
    assert film.dtype == np.float32
    changed = film[mask] - 0.4
    assert (changed < 0).all() if look.density == "lucent" else (changed > 0).all()


def test_lesions_keep_apart_where_there_is_room() -> None:
    look = Look("dense", "sharp", "round", "middle", "small")
    apart = []
    for seed in range(10):
        film, taken = np.full((SIZE, SIZE), 0.4, np.float32), list[tuple[int, int]]()
        for _ in range(3):
            draw_lesion(film, _lungs(), look, generator(seed, "apart", len(taken)), taken)
        rows = np.array(taken)
        apart.append(min(np.hypot(*(rows[i] - rows[j])) for i in range(3) for j in range(i)))
    assert np.median(apart) > 2 * RADIUS["small"] * SIZE


def test_films_are_mirrored_about_half_of_the_time_with_their_lungs() -> None:
    film = np.full((1, SIZE, SIZE), 100, np.uint8)
    film[:, :, : SIZE // 2] = 50
    drawn = draw_films(film, _lungs()[None], np.array(["a"]), invent(12, 3, seed=1), 40, seed=0, most=1)
    mirrored = (np.median(drawn.films[:, :, -8:], axis=(1, 2)) == 50).mean()
    assert 0.25 < mirrored < 0.75


def test_kinds_and_heads_kept_from_training_do_not_overlap_between_seeds() -> None:
    for groups in (HELD_OUT, HEADS):
        names = [name for group in groups for name in group]
        assert len(names) == len(set(names)) == 9
        assert set(names) <= set(knowledge())
    assert not set(TAUGHT) & {name for group in HEADS for name in group}


def test_a_report_is_its_findings_and_impression() -> None:
    from hilum.core.report import Report
    from hilum.data.openi import CodedReport

    report = CodedReport("x", Report("why", findings="Clear.", impression="Normal."), ())
    assert report_text(report) == "Clear. Normal."
    assert report_text(CodedReport("x", Report("why", impression="Normal."), ())) == "Normal."


def test_names_alone_do_not_need_the_store() -> None:
    assert ARMS[NAMES][0] == "names"
    assert not ARMS[NAMES][2]

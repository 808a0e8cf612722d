"""ICON's parts: windows, blends, equivalents, attributes, classes of like patients, and the whole recipe once, tiny."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="ICON needs torch")
pytest.importorskip("transformers", reason="ICON needs transformers")

import torch

from hilum.core.errors import InputError
from hilum.core.image import Image, Window
from hilum.core.study import Study
from hilum.learn.reader.features import Features, image_key
from hilum.learn.reader.roles import Shown
from hilum.nets.small_vision import VisionSize, small_vision
from hilum.phantom.scenes import facts_of, scenes, single_image_floor
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._icon_alike import alike, consistency, disagreement, equivalents, told_of, words_of
from hilum.systems._icon_arms import Material
from hilum.systems._icon_claims import R_JACCARD
from hilum.systems._icon_inspect import Inspector, vocabulary
from hilum.systems._icon_mix import Blended, Mix, Mixed, blend, mixed_crops, partner_of, swap_targets
from hilum.systems._icon_reader import blanked, exchanged, icon_sample, prompt_of
from hilum.systems._icon_zoom import Zoomed, Zoomer, pooled, windows
from hilum.systems._reader_lab import SMALL, Lab


@cache
def studies() -> tuple[Study, ...]:
    return scenes(24, size=32)


@cache
def features() -> Features:
    torch.manual_seed(0)
    return Features(small_vision(VisionSize(size=32)))


@cache
def zoomed() -> tuple[Zoomed, ...]:
    zoomer = Zoomer(features(), studies(), seed=0, steps=5)
    return tuple(zoomer.zoom(studies(), wanted=[list(told_of(study)) for study in studies()]))


def flat(value: float, name: str, size: int = 12) -> Image:
    grey = np.full((size, size), value, np.float32)
    return Image(grey, window=Window(0.5, 1.0, "LINEAR_EXACT"), id=name)


def test_windows_cover_the_film_and_end_at_its_edge() -> None:
    film = Image(np.zeros((80, 72), np.float32), id="f")
    shown = windows(film)
    assert {each.film.pixels.shape for each in shown} == {(40, 40)}
    covered = np.zeros((80, 72), bool)
    for each in shown:
        assert each.region
        x0, y0, x1, y1 = map(int, each.region.corners)
        covered[y0:y1, x0:x1] = True
    assert covered.all()
    assert len(shown) == 4 * 3
    assert windows(Image(np.zeros((20, 30), np.float32), id="s"))[0].film.pixels.shape == (20, 20)


def test_what_is_said_of_a_finding_becomes_its_attributes() -> None:
    told = words_of("The small right pleural effusion is new. Moderate consolidation in the left upper zone. "
                    "Endotracheal tube with its tip 4 cm above the carina. No pneumothorax.")  # fmt: skip
    assert told == {
        "pleural effusion": ("right", "mild", "new"), "consolidation": ("left", "moderate", "upper lung zone"),
        "endotracheal tube": ("40 mm",),
    }  # fmt: skip
    assert prompt_of(told).startswith("pleural effusion: right mild new; consolidation: left moderate")
    assert prompt_of({}) == "no finding."
    assert prompt_of({"lung nodule": ()}) == "lung nodule:."


def test_attributes_of_a_finding_are_the_commonest_of_training() -> None:
    told = [{"pleural effusion": ("right", "mild")}, {"pleural effusion": ("right",)}, {"lung nodule": ("left",)}]
    words = vocabulary(told)
    assert words["pleural effusion"] == ("right", "mild")
    assert words["lung nodule"] == ("left",)
    assert words["cardiomegaly"] == ()


def test_equivalents_share_findings_and_are_other_patients() -> None:
    """Copies of one patient's facts are found first; the patient's own studies never."""
    given = list(studies())
    sick = next(study for study in given if len(told_of(study)) >= 2 and not study.prior)
    from hilum.phantom.scenes import scenes_of

    copies = scenes_of(facts_of(sick), 3, size=32)
    ranked = equivalents([*given, *copies])
    own = given.index(sick)
    assert set(ranked[own][:3]) == {len(given), len(given) + 1, len(given) + 2}
    patients = [study.patient for study in [*given, *copies]]
    assert all(patients[other] != patients[row] for row, some in enumerate(ranked) for other in some)
    with pytest.raises(InputError, match="more than 10 studies"):
        equivalents(given[:5])


def test_a_blend_is_three_quarters_of_the_own_crop() -> None:
    made = blend(flat(1.0, "a"), flat(0.2, "b"), 0.75)
    assert made.display() == pytest.approx(0.8)
    assert made.id == "a+b"


def test_blended_features_are_the_blend_of_features_and_the_base_stays() -> None:
    base = Features(features().encoder)
    first, second = studies()[0].films
    base.see([first])
    held = Blended(base)
    mixed = blend(flat(0.3, "x", 24), flat(0.9, "y", 24), 0.75)
    held.blend(mixed, first, second, 0.75)
    held.blend(mixed, second, first, 0.75)  # the same picture again changes nothing
    wanted = 0.75 * base.of([first]) + 0.25 * base.of([second])
    assert torch.allclose(held.of([mixed]), wanted, atol=1e-6)
    assert not torch.allclose(Features(features().encoder).of([mixed]), wanted, atol=1e-3)
    other = studies()[1].films[0]
    assert torch.allclose(held.of([other]), base.of([other]))  # films seen after a blend are still found
    assert len(base) == 3


def test_an_arm_meets_no_picture_that_another_arm_has_mixed() -> None:
    """Blends of features are named by the blended picture, which the arm of blended pixels looks at."""
    bench = Lab(studies(), (), (), Features(features().encoder), single_image_floor(studies()), SMALL, 0)
    zoomer = Zoomer(bench.features, studies(), seed=0, steps=2)
    material = Material(bench, [0] * 24, zoomer, [told_of(each) for each in studies()], list(zoomed()),
                        equivalents(studies()))  # fmt: skip
    one, other = flat(0.2, "a", 24), flat(0.9, "b", 24)
    picture = blend(one, other, 0.75)
    first, second = material.apart(), material.apart()
    assert first.zoomer.features is first.bench.features is not bench.features
    first.bench.features.see([picture])
    held = Blended(second.bench.features)
    held.blend(picture, one, other, 0.75)
    mean = 0.75 * features().of([one]) + 0.25 * features().of([other])
    assert torch.allclose(held.of([picture]), mean, atol=1e-5)
    assert not torch.allclose(first.bench.features.of([picture]), mean, atol=1e-5)
    material.look()
    assert len(bench.features) == len({image_key(film) for study in studies() for film in study.films})


@pytest.mark.parametrize("how", ["none", "pixel", "random"])
def test_partners_hold_the_same_finding_and_are_equivalents_or_are_not(how: Mix) -> None:
    ranked, rng = equivalents(studies()), np.random.default_rng(0)
    found = 0
    for row, each in enumerate(zoomed()):
        for concept in each.crops:
            other = partner_of(row, concept, zoomed(), ranked, studies(), how, rng)
            if how == "none":
                assert other == -1
            elif other >= 0:
                found += 1
                assert concept in told_of(studies()[other])
                assert studies()[other].patient != studies()[row].patient
                assert (other in ranked[row]) == (how == "pixel")
    assert (found > 10) == (how != "none")


def test_each_copy_of_a_study_has_partners_of_its_own_and_targets_of_both() -> None:
    ranked, told = equivalents(studies()), [told_of(study) for study in studies()]
    crops, same = mixed_crops(studies(), zoomed(), ranked, features(), "pixel", copies=2, seed=0)
    assert len(crops) == 2 * len(studies())
    assert same is features()
    pairs = [(one.partner, two.partner) for one, two in zip(
        [each for some in crops[: len(studies())] for each in some],
        [each for some in crops[len(studies()) :] for each in some], strict=True)]  # fmt: skip
    assert any(first != second for first, second in pairs)
    mixed = next(each for some in crops for each in some if each.partner >= 0)
    own, other = swap_targets(mixed, told)
    assert own == told[mixed.row][mixed.concept]
    assert other == told[mixed.partner][mixed.concept]
    alone = Mixed(mixed.row, mixed.concept, -1, mixed.shown)
    assert swap_targets(alone, told) == (own, own)


def test_the_zoomer_cuts_out_what_it_was_asked_for_on_the_current_frontal() -> None:
    for study, each in zip(studies(), zoomed(), strict=True):
        assert set(each.crops) == set(told_of(study))
        assert each.logits.shape == (len(CONCEPTS),)
        assert all(shown.image is study.films[0] for shown in each.crops.values())
    order = np.argsort(-zoomed()[0].logits)
    assert zoomed()[0].found == [CONCEPTS[at] for at in order if zoomed()[0].logits[at] > 0]


def test_the_zoomer_learns_a_finding_that_can_be_seen() -> None:
    """Films of two greys whose encoder is random: a linear layer on it tells them apart, and grey crops alike."""
    sick = [each for each in studies() if facts_of(each)[0].grade]
    well = [each for each in studies() if each not in sick]
    bright = Image(np.full((36, 32), 0.9, np.float32), window=Window(0.5, 1.0, "LINEAR_EXACT"), id="bright")
    dark = Image(np.full((36, 32), 0.1, np.float32), window=Window(0.5, 1.0, "LINEAR_EXACT"), id="dark")
    given = [Study(s.id, s.patient, images=(bright,), findings=s.findings) for s in sick]
    given += [Study(s.id, s.patient, images=(dark,), findings=s.findings) for s in well]
    zoomer = Zoomer(features(), given, seed=0, steps=60)
    found = ["cardiomegaly" in each.found for each in zoomer.zoom(given)]
    assert found == [True] * len(sick) + [False] * len(well)


@pytest.mark.slow
def test_the_inspector_learns_the_attributes_of_what_it_sees_and_mixing_softens_them() -> None:
    """Two sides told apart by the grey of the crop; with the other side mixed in, the logit comes nearer to 0."""
    told = [{"pleural effusion": ("right",)}, {"pleural effusion": ("left",)}]
    some = [studies()[0], studies()[3]]
    shown = [Shown("lesion_crop", flat(0.1, "dark", 24)), Shown("lesion_crop", flat(0.9, "bright", 24))]
    sharpness = []
    for partners in ((-1, -1), (1, 0)):
        crops = [[Mixed(row, "pleural effusion", partners[row], shown[row])] for row in (0, 1)]
        inspector = Inspector(features(), some, told, crops, seed=0, steps=60)
        given: Sequence[Mapping[str, Shown]] = [{"pleural effusion": each} for each in shown]
        assert inspector.inspect(some, given) == [{"pleural effusion": ("right",)}, {"pleural effusion": ("left",)}]
        with torch.no_grad():
            logits = inspector.net(inspector.seen(some, shown), torch.tensor([CONCEPTS.index("pleural effusion")] * 2))
        sharpness.append(float(logits.abs().mean()))
    assert sharpness[1] < sharpness[0]
    assert sharpness[1] == pytest.approx(np.log(3), abs=0.4)  # the best logit of .75 against .25
    assert inspector.inspect(some, [{}, {}]) == [{}, {}]


def test_without_a_prior_the_inspector_sees_zeros_there() -> None:
    with_prior = next(study for study in studies() if study.prior)
    alone = next(study for study in studies() if not study.prior)
    crops = [[Mixed(0, "lung nodule", -1, Shown("lesion_crop", flat(0.5, "g", 24)))]]
    inspector = Inspector(features(), [alone], [{"lung nodule": ("left",)}], crops, seed=0, steps=1)
    seen = inspector.seen([alone, with_prior], [crops[0][0].shown] * 2)
    width = seen.shape[1] // 3
    assert not seen[0, :width].any()
    assert seen[1, :width].any()
    assert torch.equal(seen[1, width : 2 * width], pooled(features().of([with_prior.films[0]]))[0])


def test_a_request_shows_films_then_crops_and_tells_attributes_of_all() -> None:
    from hilum.systems._icon_arms import preset_for

    study = next(each for each in studies() if each.prior)
    crops = {name: Shown("lesion_crop", study.films[0]) for name in CONCEPTS[:3]}
    told = {"cardiomegaly": ("mild",), "consolidation": ("left", "new")}
    made = icon_sample(study, preset_for("pixel"), crops, told, seed=0)
    assert [each.role for each in made.shown] == ["cur_front", "cur_lat", "prior_front", "lesion_crop", "lesion_crop"]
    assert str(made.turns[-1].question).endswith("cardiomegaly: mild; consolidation: left new.")
    plain = icon_sample(study, preset_for(None), crops, told, seed=0)
    assert [each.role for each in plain.shown] == ["cur_front", "cur_lat", "prior_front"]
    assert "mild" not in str(plain.turns[-1].question)
    assert plain.target == made.target == (study.report.findings if study.report else "")


def test_like_patients_have_identical_facts_by_class() -> None:
    made, classes = alike(4, 3, seed=0, size=32)
    assert classes == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    groups = [{facts_of(study) for study in made[3 * n : 3 * n + 3]} for n in range(4)]
    assert [len(group) for group in groups] == [1] * 4
    assert len(set().union(*groups)) == 4
    assert [study.prior is not None for study in made[::3]] == [False, True, False, True]
    assert len({study.patient for study in made}) == 12


def test_disagreement_counts_mates_who_are_told_something_else() -> None:
    """By hand: of three alike, two say the same in other words and one another side."""
    answers = ["Small right pleural effusion.", "A small right effusion is seen.", "Small left pleural effusion.",
               "No acute disease."]  # fmt: skip
    got = disagreement(answers, [0, 0, 0, 1])
    assert got.values[:3].tolist() == [0.5, 0.5, 1.0]
    assert np.isnan(got.values[3])
    assert got.value == pytest.approx(2 / 3)
    changed = disagreement(["The small right pleural effusion is new.", "Small right pleural effusion."], [0, 0])
    assert changed.value == 1.0


@pytest.mark.slow
def test_true_reports_of_like_patients_are_wholly_consistent() -> None:
    made, classes = alike(4, 3, seed=0, size=32)
    own = [study.report.findings for study in made if study.report]
    got = consistency(made, own, classes)
    assert got[R_JACCARD].values.tolist() == [1.0] * len(made)
    assert got["consistency/r-con/jaccard"].value < 1.0  # the published rule also pairs patients who are not alike
    assert disagreement(own, classes).value == 0.0
    empty = consistency(made, ["No acute disease."] * len(made), classes)
    assert empty[R_JACCARD].value == 0.0
    short = consistency(made, ["Small right pleural effusion." for _ in made], classes)
    assert short["like patients, consistency/con"].value == 1.0  # the same short text for all is wholly consistent
    assert short[R_JACCARD].value < 0.5


def test_guards_reach_every_film_of_a_study() -> None:
    made, classes = alike(4, 2, seed=0, size=32)
    grey = blanked(made[2])
    assert grey.prior is not None
    assert all(np.ptp(image.pixels) == 0 for image in (*grey.films, *grey.prior.films))
    assert grey.report == made[2].report
    for study, other in zip(made, exchanged(made, classes), strict=True):
        assert study.findings == other.findings
        assert study.films[0].id != other.films[0].id
        assert (study.prior is None) == (other.prior is None)


@pytest.mark.parametrize(("name", "value"), [("classes", "two"), ("alike", 1), ("classes", 3), ("steps", 0)])
def test_numbers_that_cannot_be_used_are_refused(name: str, value: object) -> None:
    from hilum.systems.icon import reproduce

    with pytest.raises(InputError, match=name if name != "steps" else "side is a multiple"):
        reproduce(**{name: value})  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_whole_recipe_runs_and_draws_no_conclusion_from_one_seed() -> None:
    from hilum.systems._icon_claims import BLANK, GOLD, RANDOM, SWAPPED
    from hilum.systems.icon import reproduce

    got = reproduce(patients=40, steps=3, encoder_steps=0, width=32, classes=4, alike=2, seeds=1, workers=1,
                    inspector_steps=20)  # fmt: skip
    assert got.outcome == "cannot be tested here"
    text = "\n".join(got.lines)
    assert all(name in text for name in (BLANK, GOLD, RANDOM, SWAPPED, "consistency/r-con/jaccard"))
    assert next(iter(got.figures.values()))[:4] == b"\x89PNG"

"""Small parts of BenchX's methods, floors and figures: what papers say as data, and each helper against another way."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.finding import Finding  # noqa: E402
from hilum.core.report import Question, Report  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.pairs import CONCEPTS  # noqa: E402
from hilum.learn.transfer import Tuning, tunings  # noqa: E402
from hilum.nets.towers import SmallImage, SmallText  # noqa: E402
from hilum.systems._benchx_claims import CLAIMS, YEARS  # noqa: E402
from hilum.systems._benchx_method import SPARE, Method, cosines, hidden_words, mlp, name_texts, word_loss  # noqa: E402
from hilum.systems._benchx_picture import _ticks, ranking_svg  # noqa: E402
from hilum.systems._benchx_pretrain import METHODS  # noqa: E402
from hilum.systems._benchx_protocol import FROZEN, TUNED, Protocol  # noqa: E402
from hilum.systems.floors import any_order, constant_report, even_chance  # noqa: E402

SAID = {
    "convirt": {"tau": 0.1, "share": 0.75, "out": 512, "rate": 1e-4, "decay": 1e-6, "batch": 32},
    "gloria": {"focus": 4.0, "pool": 5.0, "scale": 10.0, "local": 1.0, "whole": 1.0, "rate": 5e-5, "batch": 48},
    "refers": {"views": 3, "momentum": 0.9},
    "medclip": {"tau": 0.07, "out": 512, "batch": 100},
    "mgca": {"tau": 0.07, "local_tau": 0.1, "prototype_tau": 0.2, "prototypes": 500, "epsilon": 0.05, "rounds": 3},
    "medklip": {"entities": 75, "places": 8, "width": 256, "layers": 4, "heads": 4, "rate": 1e-4, "decay": 0.02},
    "mflag": {"off": 0.0051, "rate": 2e-5, "decay": 0.05, "batch": 512, "epochs": 50},
    "mrm": {"hide": 0.75, "hide_words": 0.5, "finer": 2, "rate": 1.5e-4, "decay": 0.05, "epochs": 200, "warm_up": 40},
    "ptunifier": {"tau": 0.1, "pool": 2048, "film_prompts": 49, "text_prompts": 32, "hide_words": 0.15, "rate": 1e-5},
}
"""Figures of the papers or of the released configurations."""
TUNED_ON_NIH = {
    "convirt": (True, True, 0.1, 1e-4, 0.0, 64), "gloria": (True, False, 0.1, 1e-4, 0.0, 64),
    "medclip": (False, False, 1.0, 1e-5, 0.0, 64), "medklip": (False, False, 0.1, 1e-4, 0.0, 128),
    "mflag": (True, True, 1.0, 1e-4, 0.0, 32), "mgca": (True, True, 0.1, 1e-2, 0.9, 64),
    "mrm": (True, True, 0.1, 3e-2, 0.9, 64), "refers": (True, True, 1.0, 3e-2, 0.9, 32),
}  # fmt: skip
"""BenchX's configurations/classification/NIH: norm, truncated start, encoder's factor, rate, momentum, batch."""


@pytest.mark.parametrize("name", SAID)
def test_published_figures_stand_as_data(name: str) -> None:
    settings = METHODS[name].published.settings
    assert {key: settings[key] for key in SAID[name]} == SAID[name]


@pytest.mark.parametrize("name", METHODS)
def test_benchxs_choices_for_fine_tuning_stand_as_data(name: str) -> None:
    tuned = METHODS[name].published.tuned
    if name == "ptunifier":
        assert tuned is None  # BenchX does not classify with it
        return
    assert tuned is not None
    found = (tuned.norm, tuned.truncated, tuned.slow, tuned.rate, tuned.momentum, tuned.batch)
    assert found == TUNED_ON_NIH[name]
    how = Tuning(norm=tuned.norm, truncated=tuned.truncated, slow=tuned.slow, rate=tuned.rate, momentum=tuned.momentum)
    spec = how.fit("encoder.")
    assert spec.schedule is not None
    assert spec.schedule.optimizer.name == ("sgd" if tuned.momentum else "adam")
    assert spec.schedule.groups[0].rate == pytest.approx(tuned.rate * tuned.slow)
    assert spec.schedule.groups[0].holds("encoder.stem.weight")
    assert not spec.schedule.groups[0].holds("head.linear.weight")


def test_methods_stand_by_year_and_claims_name_both_ends() -> None:
    years = [kind.published.year for kind in METHODS.values()]
    assert years == sorted(years)
    assert len(METHODS) == 9
    early, late = YEARS.values()
    assert [name for name, kind in METHODS.items() if kind.published.year in early] == ["convirt", "gloria"]
    assert set(late) == {2023}
    assert {CLAIMS[1].arm, CLAIMS[1].better_than} == set(YEARS)
    assert CLAIMS[0].better == "lower"


def test_the_protocols_default_is_among_what_is_searched() -> None:
    how = Protocol()
    tried = tunings(how.probe, **how.searched)
    assert how.probe in tried
    assert len(tried) == len(set(tried)) == 8
    assert how.modes == (FROZEN, TUNED)
    assert how.fractions == (0.01, 0.1, 1.0)
    assert how.probe.frozen
    assert not how.whole.frozen
    assert all(set(changes) <= set(Tuning.__dataclass_fields__) for changes in how.whole_searched)


def test_a_frozen_fit_has_no_group_for_an_encoder_that_is_not_there() -> None:
    spec = Tuning(frozen=True, steps=7).fit("encoder.")
    assert spec.schedule is not None
    assert spec.schedule.groups == ()
    assert (spec.steps, spec.average, spec.decay, spec.clip) == (7, 0.0, 0.0, 1.0)


def test_cosines_are_of_every_row_with_every_row() -> None:
    one, other = torch.randn(3, 5), torch.randn(4, 5)
    found = cosines(one, other)
    for i in range(3):
        for j in range(4):
            wanted = float(one[i] @ other[j]) / float(one[i].norm() * other[j].norm())
            assert float(found[i, j]) == pytest.approx(wanted, abs=1e-5)
    torch.testing.assert_close(cosines(7 * one, other), found)


def test_a_projection_has_one_hidden_layer_of_the_same_width() -> None:
    layers = [module for module in mlp(6, 3) if isinstance(module, torch.nn.Linear)]
    assert [(each.in_features, each.out_features) for each in layers] == [(6, 6), (6, 3)]


def test_short_texts_are_pooled_over_their_words() -> None:
    text = SmallText(10, 8, depth=0)
    ids = torch.tensor([[2, 3], [4, 0]])
    found = name_texts(text, (ids, ids > 0))
    words = text.embed(ids) + text.order[:2]
    torch.testing.assert_close(found[0], words[0].mean(0))
    torch.testing.assert_close(found[1], words[1, 0])


def test_hidden_words_are_another_draw_each_time_and_the_same_by_seed() -> None:
    ids = torch.arange(2, 42).repeat(4, 1)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(hidden_words(ids, ids > 0, share=0.15, hide_with=99)[1])
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert draws[0].sum(1).tolist() == [6] * 4  # 15 % of forty
    share = torch.stack([hidden_words(ids, ids > 0, share=0.15, hide_with=99)[1] for _ in range(200)]).float().mean(0)
    assert float((share - 0.15).abs().max()) < 0.1  # no place is favoured


def test_a_batch_without_words_to_guess_costs_nothing() -> None:
    ids = torch.zeros(2, 3, dtype=torch.int64)
    _, hidden = hidden_words(ids, ids > 0, share=0.5, hide_with=9)
    assert not bool(hidden.any())
    assert float(word_loss(torch.randn(2, 3, 10), ids, hidden)) == 0.0


def test_a_method_by_itself_has_no_loss_and_compares_nothing() -> None:
    bare = Method(SmallImage(16, stride=16, channels=(4, 8)), SmallText(10, 16), width=16, vocabulary=10)
    with pytest.raises(NotImplementedError):
        bare(None)
    assert bare.scores(torch.zeros(1, 1, 32, 32), torch.ones(1, 1, dtype=torch.int64), torch.ones(1, 1) > 0) is None
    assert not bare.views
    assert SPARE == 3


def test_floors_know_nothing_and_overwrite_nothing() -> None:
    told = Study("s", findings=(Finding("lung mass"),), report=Report(findings="A mass."))
    even = even_chance(told)
    assert even.findings[0] == told.findings[0]
    assert [f.concept for f in even.findings[1:]] == list(CONCEPTS)
    assert {f.probability for f in even.findings[1:]} == {0.5}
    assert constant_report(told).report == told.report
    written = constant_report(told.hide("report"))
    assert written.report is not None
    assert written.report == constant_report(Study("other")).report
    assert written.report.status == "draft"


def test_any_order_names_ten_choices_once_each_and_depends_on_the_seed() -> None:
    choices = tuple(f"c{number}" for number in range(30))
    study = Study("s", questions=(Question("which?", choices, None, "film-to-text", "q"),))
    orders = [[q.answer for q in any_order(study, seed=seed).questions[1:]] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert len(set(orders[0])) == 10
    assert set(orders[0]) <= set(choices)
    first = [any_order(Study(f"s{n}", questions=study.questions)).questions[1].answer for n in range(300)]
    counts = np.array([first.count(choice) for choice in choices])
    assert abs(float(counts.mean()) - 10) < 1e-9
    assert counts.max() < 30  # no choice is favoured


def test_ticks_are_round_and_inside() -> None:
    for low, high in ((0.48, 0.56), (0.4, 0.9), (0.0, 1.0), (0.611, 0.633)):
        ticks = _ticks(low, high)
        assert 1 <= len(ticks) <= 8
        assert all(low <= tick <= high for tick in ticks)
        steps = np.diff(ticks)
        assert np.allclose(steps, steps[0]) if len(steps) else True


def test_the_picture_is_one_well_formed_drawing_without_overlapping_rows() -> None:
    rows = [(f"method {n}", 0.5 + 0.02 * n, 0.55 + 0.01 * n, 0.01) for n in range(9)]
    ranks = {name: (9 - n, n + 1) for n, (name, *_) in enumerate(rows)}
    svg = ranking_svg(rows, [("random-init", 0.5, 0.51, 0.0)], ranks, title="A title <of> it")
    root = ElementTree.fromstring(svg)
    width, height = (float(root.attrib[each]) for each in ("width", "height"))
    circles = [each for each in root.iter() if each.tag.endswith("circle")]
    heights = sorted({float(each.attrib["cy"]) for each in circles})
    assert len(heights) == 10
    assert min(np.diff(heights)) > 12
    for each in root.iter():
        for key, bound in (("cx", width), ("cy", height), ("x", width), ("y", height)):
            if key in each.attrib and each.tag != root.tag:
                assert 0 <= float(each.attrib[key]) <= bound
    assert any(each.text == "A title <of> it" for each in root.iter())


def test_equal_scores_give_a_picture_too() -> None:
    svg = ranking_svg([("a", 0.5, 0.5, 0.0), ("b", 0.5, 0.5, 0.0)], [], {"a": (1, 1), "b": (2, 2)}, title="t")
    assert len(ElementTree.fromstring(svg)) > 5
    assert "nan" not in svg

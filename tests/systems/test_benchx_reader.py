"""The folder of a model and what it answers, untrained: saved, damaged, asked about films whose names repeat."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hilum.core.errors import InputError, MissingError, RefusedError  # noqa: E402
from hilum.core.geometry import View  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.region import Mask  # noqa: E402
from hilum.core.report import Question, Report  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.transfer import Head  # noqa: E402
from hilum.learn.transfer_masks import Drawer  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.measure.metrics.retrieval import FILM_TO_TEXT, TEXT_TO_FILM  # noqa: E402
from hilum.nets.writer import Writer  # noqa: E402
from hilum.systems._benchx_files import CARD, WEIGHTS, WORDS, load, save  # noqa: E402
from hilum.systems._benchx_method import SPARE, Batch  # noqa: E402
from hilum.systems._benchx_pretrain import network  # noqa: E402
from hilum.systems._benchx_reader import NAMED, Reader  # noqa: E402
from hilum.systems._benchx_reading import Scale  # noqa: E402
from hilum.systems._benchx_refers import Refers  # noqa: E402

SIDE, NAMES = 64, ("cardiomegaly", "pleural effusion")
SCALE = Scale(width=16, channels=(4, 8), words=8)
TEXTS = ("The heart is large.", "A right effusion is seen.", "There is no effusion.", "A left effusion is seen.")
WORDING = Wording.of(TEXTS)


def made(method: str = "convirt", *, heads: tuple[str, ...] = ("classify", "draw", "write"), seed: int = 0) -> Reader:
    net = network(method, WORDING, NAMES, SCALE, seed=seed)
    parts = {
        "classify": Head(SCALE.width, 2, norm=True), "draw": Drawer(net.image, 1, width=8),  # type: ignore[arg-type]
        "write": Writer(len(WORDING) + SPARE, SCALE.width, longest=5),
    }  # fmt: skip
    how = {"classify": {"norm": True}, "draw": {"width": 8}, "write": {"longest": 5}}
    card = {"name": "benchx", "method": method, "hilum": "0", "scale": asdict(SCALE), "size": SIDE,
            "findings": list(NAMES), "drawn": ["pleural effusion"],
            "heads": {name: how[name] for name in heads}}  # fmt: skip
    return Reader(net, {name: parts[name] for name in heads}, WORDING, card)


def film(seed: int, name: str, view: View = "PA") -> Image:
    pixels = np.random.default_rng(seed).random((48, 40)).astype(np.float32)
    pixels[:, : 4 * seed] *= 0.1
    return Image(pixels, view=view, id=name)


def test_a_folder_read_back_answers_to_the_letter(tmp_path: Path) -> None:
    first = made()
    save(first, tmp_path)
    again = load(tmp_path)
    study = Study("s", images=(film(1, "f"),))
    assert again(study) == first(study)
    assert again.card == json.loads((tmp_path / CARD).read_text())
    weights = (tmp_path / WEIGHTS).read_bytes()
    save(again, tmp_path)
    assert (tmp_path / WEIGHTS).read_bytes() == weights
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted((WEIGHTS, CARD, WORDS))


@pytest.mark.parametrize("name", [WEIGHTS, CARD, WORDS])
def test_a_file_that_lacks_or_is_cut_short_is_said(tmp_path: Path, name: str) -> None:
    save(made(), tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"train it anew|not the words of a model"):
        load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MissingError, match=f"no {name} in .*hilum train benchx --set method=convirt"):
        load(tmp_path)


def test_a_card_that_tells_of_another_model_is_said(tmp_path: Path) -> None:
    save(made(), tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    for changes, said in (
        ({"method": "clip"}, "no method 'clip'"),
        ({"method": "mrm"}, "no whole model"),
        ({"findings": ["mass"]}, "no whole model"),
        ({"heads": {}}, "no whole model"),
        ({"scale": {**card["scale"], "depth": 3}}, "no whole model"),
        ({"scale": {**card["scale"], "width": 32}}, "no whole model"),
    ):
        (tmp_path / CARD).write_text(json.dumps({**card, **changes}))
        with pytest.raises(InputError, match=said):
            load(tmp_path)


def test_chances_are_the_heads_own_and_the_higher_of_two_films() -> None:
    reader = made(heads=("classify",))
    one, two = (Study("s", images=(film(seed, f"f{seed}"),)) for seed in (1, 5))
    both = reader(Study("s", images=(*one.images, *two.images)))
    each = [[f.probability or 0.0 for f in reader(study).findings] for study in (one, two)]
    assert [f.concept for f in both.findings] == list(NAMES)
    assert [f.probability for f in both.findings] == pytest.approx(np.max(each, axis=0))
    for found in both.findings:
        assert found.state == ("present" if (found.probability or 0.0) >= 0.5 else "absent")
        assert not found.regions
    assert both.report is None  # no head that writes
    assert str(both.provenance[0].made_by) == "benchx convirt 0"


def test_a_report_is_written_only_where_there_is_none() -> None:
    reader, told = made(), Report(findings="Seen before.")
    assert reader(Study("s", images=(film(1, "f"),), report=told)).report == told
    written = reader(Study("s", images=(film(1, "f"),))).report
    assert written is not None
    assert written.status == "draft"
    with pytest.raises(RefusedError, match="no film to read"):
        reader(Study("s"))


def test_a_region_makes_its_finding_present_on_the_film_it_lies_on() -> None:
    reader = made(heads=("classify", "draw"))
    for bias, there in ((20.0, True), (-20.0, False)):
        with torch.no_grad():
            last, value = list(reader.heads["draw"].decoder.named_parameters())[-1]  # type: ignore[union-attr]
            value.fill_(bias)
            reader.heads["classify"].linear.bias.fill_(-30.0)  # type: ignore[union-attr,operator]
        assert last.endswith("bias")
        heart, effusion = reader(Study("s", images=(film(1, "f"), film(2, "g", "LL")))).findings
        assert (heart.state, bool(heart.regions)) == ("absent", False)
        assert (effusion.state == "present") is there
        assert [mask.image for mask in effusion.regions] == (["f", "g"] if there else [])
        masks = [region for region in effusion.regions if isinstance(region, Mask)]
        assert len(masks) == (2 if there else 0)
        assert all(mask.pixels.shape == (48, 40) and mask.pixels.all() for mask in masks)


def asked(number: int, name: str) -> Study:
    question = Question("which?", TEXTS, None, FILM_TO_TEXT, f"q{number}")
    return Study(f"s{number}", images=(film(number, name),), questions=(question,))


def told(reader: Reader, study: Study) -> list[str | None]:
    return [question.answer for question in reader(study).questions[len(study.questions) :]]


def test_films_of_one_name_in_two_studies_are_two_films() -> None:
    heads = ("classify",)
    shared, own = made(heads=heads), [made(heads=heads) for _ in range(4)]
    studies = [asked(number, "PA") for number in range(4)]
    found = [told(shared, study) for study in studies]
    assert found == [told(reader, study) for reader, study in zip(own, studies, strict=True)]
    assert len({tuple(answers) for answers in found}) > 1
    scores = [shared._scores([shared._film(s.films[0])[0]], TEXTS)[0] for s in studies]
    for answers, row in zip(found, scores, strict=True):
        assert answers == [TEXTS[at] for at in np.argsort(-row.detach().numpy(), kind="stable")]


def test_a_text_finds_films_by_the_scores_that_films_find_texts_by() -> None:
    reader = made(seed=3)
    films = tuple(film(number, f"s{number:02}") for number in range(NAMED + 2))
    names = tuple(each.id for each in films)
    question = Question("which?", names, None, TEXT_TO_FILM, "q")
    study = Study("t", images=films, report=Report(findings=TEXTS[0]), questions=(question,))
    scores = [float(reader._scores([reader._film(each)[0]], TEXTS[:1])[0, 0].detach()) for each in films]
    wanted = [names[at] for at in np.argsort(-np.array(scores), kind="stable")]
    assert told(reader, study) == wanted[:NAMED]
    split = Report(findings="The heart", impression="is large.")
    assert told(reader, replace(study, report=split)) == wanted[:NAMED]
    assert told(reader, replace(study, report=None)) == []  # there is no text to go by


def test_a_question_of_another_kind_goes_unanswered_and_a_method_without_scores_refuses() -> None:
    other = Question("is it clear?", ("yes", "no"), None, "closed", "c")
    study = asked(1, "f")
    assert len(told(made(), replace(study, questions=(other, *study.questions)))) == len(TEXTS)
    with pytest.raises(RefusedError, match="medklip compares no films with texts"):
        made("medklip")(study)


@pytest.mark.parametrize("views", [1, 2, 3])
def test_refers_fuses_as_many_views_as_published_though_a_study_has_two(views: int) -> None:
    torch.manual_seed(0)
    base = network("refers", WORDING, NAMES, SCALE)
    net = Refers(base.image, base.text, width=16, vocabulary=len(WORDING) + SPARE, views=views).eval()
    pixels = torch.rand(4, 1, 32, 32)
    ids, mask = WORDING.code(TEXTS)
    blank = torch.zeros(4, 2)
    batch = Batch(pixels, pixels, ids, mask, ids, mask, ids, mask, blank, blank > 0, blank.to(torch.int8), blank)
    loss, parts = net(batch)
    scores = net.scores(pixels, ids, mask).double().detach()
    ways = [-way.log_softmax(1).diagonal().mean() for way in (scores, scores.T)]
    assert parts["match"] == pytest.approx(float(ways[0] + ways[1]), rel=1e-4)  # one film stands for every view
    assert float(loss.detach()) == pytest.approx(parts["match"] + parts["write"], rel=1e-5)

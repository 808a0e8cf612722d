"""From films and reports to a trained folder that `hilum bench` asks: made films whose texts tell the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hilum.app.bench import Asked, bench  # noqa: E402
from hilum.app.bench_board import write_boards  # noqa: E402
from hilum.core.errors import InputError, MissingError, RefusedError  # noqa: E402
from hilum.core.finding import Finding  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.region import Mask  # noqa: E402
from hilum.core.registry import register  # noqa: E402
from hilum.core.report import Report  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.measure.asking import load_model  # noqa: E402
from hilum.measure.task import find_task  # noqa: E402
from hilum.systems._benchx_data import pairs_of, real_of  # noqa: E402
from hilum.systems._benchx_files import CARD, load  # noqa: E402
from hilum.systems._benchx_pretrain import METHODS, network, pretrain  # noqa: E402
from hilum.systems._benchx_reading import Reading, Scale  # noqa: E402
from hilum.systems._benchx_train import resolve, train  # noqa: E402
from hilum.systems.benchx import BenchX, build, reader  # noqa: E402

SIDE, PATIENTS = 64, 40
PLACES = {"right": slice(4, 28), "left": slice(36, 60)}
SCALE = Scale(width=16, channels=(4, 8), steps=6, batch=8, words=16)


@register.dataset("benchx-squares", licence="CC0")
def squares(root: str | Path) -> Iterator[Study]:
    """Films with a bright square on the side that the report names; PA of each, and a lateral of every second."""
    for number in range(PATIENTS):
        rng = np.random.default_rng(number)
        side = ("right", "left")[number % 2]
        pixels = (0.3 * rng.random((SIDE, SIDE))).astype(np.float32)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[20:44, PLACES[side]] = True
        pixels[mask] += 0.6
        here = Finding("pleural effusion", sites=(f"{side} lung",), regions=(Mask(mask, f"f{number}"),), id="e")
        big = Finding("cardiomegaly", "present" if side == "right" else "absent", id="c")
        images = [Image(pixels, view="PA", id=f"f{number}")]
        images += [Image(pixels.T.copy(), view="LL", id=f"l{number}")] if number % 4 < 2 else []
        text = f"There is a {side} pleural effusion. " + ("The heart is large." if side == "right" else "")
        report = Report(findings=text.strip())
        yield Study(f"s{number}", f"man{number}", images=images, report=report, findings=(here, big))


@cache
def films() -> Pairs:
    return pairs_of(f"benchx-squares:{Path.cwd()}", size=SIDE)


def test_a_registered_set_becomes_films_split_by_patient() -> None:
    pairs = films()
    assert len(pairs) == 60
    assert set(pairs.split) == {"train", "val", "test"}
    for patient in set(pairs.patient):
        assert len(set(pairs.split[pairs.patient == patient])) == 1
    at = pairs.column("pleural effusion")
    assert set(pairs.sides[:, at]) == {1, 2}
    with pytest.raises(MissingError, match="no folder '/nowhere'"):
        pairs_of("benchx-squares:/nowhere", size=SIDE)
    with pytest.raises(InputError, match="no dataset is called 'squaress'"):
        pairs_of(f"squaress:{Path.cwd()}", size=SIDE)
    assert real_of(None, size=SIDE) is None
    assert real_of("/nowhere", size=SIDE) is None


def test_findings_are_read_from_reports_that_state_none(tmp_path: Path) -> None:
    @register.dataset("benchx-told", licence="CC0")
    def told(root: str | Path) -> Iterator[Study]:
        for study in squares(root):
            yield replace(study, findings=())

    pairs = pairs_of(f"benchx-told:{tmp_path}", size=SIDE)
    at = pairs.column("pleural effusion")
    assert pairs.known[:, at].all()
    assert (pairs.target[:, at] == 1).all()
    assert not pairs.known[:, pairs.column("pneumothorax")].any()


def test_a_batch_holds_no_study_twice_and_depends_on_the_step_alone() -> None:
    pairs = films()
    wording = Wording.of(pairs.report)
    reading = Reading(pairs, wording, SCALE, seed=3)
    batch, again, other = reading(5), reading(5), reading(6)
    assert len(set(batch.ids)) == 8
    assert torch.equal(batch.film, again.film)
    assert torch.equal(batch.phrase, again.phrase)
    assert batch.ids != other.ids
    rows = [int(np.flatnonzero((pairs.study == name) & (pairs.view == "PA"))[0]) for name in batch.ids]
    ids, mask = wording.code([pairs.report[row] for row in rows], longest=SCALE.words)
    assert torch.equal(batch.report, ids)
    assert torch.equal(batch.report_mask, mask)
    assert torch.equal(batch.target, torch.from_numpy(pairs.target[rows]))
    one = Reading(pairs, wording, SCALE, seed=3, views=False)(5)
    assert torch.equal(one.again, one.film)
    assert not torch.equal(batch.again, batch.film)
    with pytest.raises(InputError, match="two studies"):
        Reading(pairs.take(pairs.study == "s0"), wording, SCALE)


def test_every_method_starts_from_the_same_image_encoder() -> None:
    wording, names = Wording.of(films().report), films().names
    starts = [network(name, wording, names, SCALE, seed=4).image.state_dict() for name in METHODS]
    for other in starts[1:]:
        assert all(torch.equal(value, other[name]) for name, value in starts[0].items())
    with pytest.raises(InputError, match="no method 'clip'"):
        network("clip", wording, names, SCALE)
    assert build(method="mrm").published.title.startswith("MRM")


@pytest.mark.slow
def test_aligned_films_find_their_texts_better_than_chance() -> None:
    pairs = films()
    wording = Wording.of(pairs.report)
    scale = replace(SCALE, steps=60, rate=3e-3, batch=12)
    net = pretrain("mgca", pairs.take(pairs.split == "train"), wording, scale, seed=0).eval()
    rows = pairs.frontal
    ids, mask = wording.code(["There is a right pleural effusion.", "There is a left pleural effusion."])
    with torch.no_grad():
        scores = net.scores(torch.from_numpy(pairs.films[rows]).float()[:, None] / 255, ids, mask)
    assert scores is not None
    right = pairs.sides[rows, pairs.column("pleural effusion")] == 1
    assert float(((scores[:, 0] > scores[:, 1]).numpy() == right).mean()) > 0.8


SETTINGS = {"size": SIDE, "steps": 25, "batch": 12, "width": 16, "probe": 60, "draw": 60, "write": 120, "rate": 3e-3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trained folders, 'one' that can compare films with texts and 'two' that cannot."""
    place = tmp_path_factory.mktemp("benchx")
    for name, method in (("one", "convirt"), ("two", "mrm")):
        how = {**SETTINGS, "method": method, **({"draw": 0, "write": 0, "steps": 3} if name == "two" else {})}
        train(f"benchx-squares:{place}", place / name, seed=0, resume=False, settings=how)
    return place


@pytest.mark.slow
def test_a_trained_folder_reads_a_film(folders: Path) -> None:
    model = reader(folders / "one")
    again = load(folders / "one")
    study = next(iter(squares(".")))
    hidden = study.hide("findings", "report")
    read, twice = model(hidden), again(hidden)
    assert [f.probability for f in read.findings] == [f.probability for f in twice.findings]
    assert read.report is not None
    assert read.report == twice.report
    assert read.report.status == "draft"
    assert "effusion" in read.report.findings
    told = {f.concept: f for f in read.findings}
    assert told["pleural effusion"].probability > 0.5
    drawn = [region for each in list(squares("."))[:6] for finding in model(each.hide("findings", "report")).findings
             for region in finding.regions]  # fmt: skip
    assert len(drawn) >= 3
    assert all(isinstance(mask, Mask) and mask.pixels.shape == (SIDE, SIDE) for mask in drawn)
    assert {mask.image for mask in drawn} <= {f"f{number}" for number in range(6)} | {
        f"l{number}" for number in range(6)
    }
    with pytest.raises(RefusedError, match="no film to read"):
        model(Study("empty"))


@pytest.mark.slow
def test_folders_are_models_of_every_task_and_are_compared(folders: Path, tmp_path: Path) -> None:
    asked = Asked(
        "benchx/classification", (str(folders / "one"), str(folders / "two")), tmp_path, data=folders, limit=12,
        settings={"data": "benchx-squares"}, compare=True,
    )  # fmt: skip
    outcome = write_boards(bench(asked), compare=True, say=lambda line: None)
    assert [run.facts["model"] for run in outcome.runs] == ["one", "two", "even-chance"]
    assert all(run.board.answered == 12 for run in outcome.runs)
    assert outcome.runs[0].board.lines["auroc"].interval.value > 0.9
    assert outcome.runs[2].board.lines["auroc"].interval.value == 0.5
    assert len(outcome.contrasts) == 1
    assert not outcome.contrasts[0].reason


@pytest.mark.slow
def test_retrieval_is_answered_by_methods_with_a_common_space(folders: Path, tmp_path: Path) -> None:
    asked = Asked(
        "benchx/retrieval", (str(folders / "one"), str(folders / "two")), tmp_path, data=folders,
        settings={"data": "benchx-squares", "gallery": "2"},
    )  # fmt: skip
    one, two, _ = bench(asked).runs
    assert one.board.answered == 2 * PATIENTS
    assert all(row.status == "failed" and "no common space" in row.error for row in two.rows)
    assert one.board.lines["film-to-text/recall@5"].interval.value == 1.0  # of two choices


@pytest.mark.slow
def test_reports_and_regions_are_scored_beside_their_floors(folders: Path, tmp_path: Path) -> None:
    for name, metric in (("segmentation", "finding-dice"), ("report", "bleu-1")):
        asked = Asked(f"benchx/{name}", (str(folders / "one"),), tmp_path, data=folders, limit=8,
                      settings={"data": "benchx-squares"})  # fmt: skip
        model, floor = bench(asked).runs
        assert model.board.lines[metric].interval.value > floor.board.lines[metric].interval.value + 0.2


@pytest.mark.slow
def test_what_is_no_model_is_said(folders: Path, tmp_path: Path) -> None:
    model = load_model(str(folders / "one"))
    assert (model.name, model.needs) == ("one", ("images",))
    assert len(model.source) == 64
    assert model.source != load_model(str(folders / "two")).source
    for text, said in (
        ("{}", "is damaged"),
        ('{"name": "labeler"}', "no system is called"),
        ('{"name": "lunguage"}', "reads no studies"),
        ('{"name": "benchx"}', "no model.safetensors"),
    ):
        (tmp_path / CARD).write_text(text)
        with pytest.raises((InputError, MissingError), match=said):
            load_model(str(tmp_path))
    for name in ("words.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folders / "two" / name).read_bytes())
    (tmp_path / CARD).write_bytes((folders / "one" / CARD).read_bytes())
    with pytest.raises(InputError, match="no whole model of benchx"):
        load_model(str(tmp_path))
    assert find_task("benchx/report").controls == ("constant-report",)


def test_settings_that_cannot_be_used_are_said() -> None:
    for settings, said in (
        ({"method": "clip"}, "no method 'clip'"),
        ({"size": 50}, "multiple of 16"),
        ({"lr": 1}, "unknown setting 'lr'"),
        ({"steps": "many"}, "must be a number"),
    ):
        with pytest.raises(InputError, match=said):
            resolve(settings)
    assert resolve({"steps": "7"}).steps == 7
    for choice in ({"methods": "clip"}, {"modes": "melted"}, {"size": "50"}):
        with pytest.raises(InputError, match="methods are some of"):
            BenchX.reproduce(**choice)

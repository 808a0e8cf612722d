"""DeViDe trained, kept, read back and judged at a tiny scale, on made films; settings and files that are refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.cohort import Cohort  # noqa: E402
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.core.registry import register  # noqa: E402
from hilum.core.report import Report  # noqa: E402
from hilum.data.openi import CodedReport  # noqa: E402
from hilum.learn.pairs import CONCEPTS, Pairs, gather  # noqa: E402
from hilum.nets.towers import SmallImage  # noqa: E402
from hilum.phantom.shadows import shadows  # noqa: E402
from hilum.systems._devide_arms import KIND_ARMS, MADE_ARMS  # noqa: E402
from hilum.systems._devide_kinds import HELD_OUT, judge_kinds, without  # noqa: E402
from hilum.systems._devide_knowledge import Entry, knowledge  # noqa: E402
from hilum.systems._devide_picture import picture  # noqa: E402
from hilum.systems._devide_recipe import PUBLISHED, Recipe, settings_of  # noqa: E402
from hilum.systems._devide_reports import HEADS, TAUGHT, judge_reports, shared_words  # noqa: E402
from hilum.systems._label_text import card_of, changed, filled, films_of, write  # noqa: E402
from hilum.systems.devide import Devide  # noqa: E402

TINY = {"steps": 3, "batch": 4, "size": 64, "save_every": 2}


def _pairs(count: int = 40) -> Pairs:
    cohort = shadows(count=count, size=64, chance=0.3)
    return gather(
        cohort, size=64, names=CONCEPTS, complete=True, split=lambda each: cohort.split_of(each.patient or "")
    )


def _registered() -> str:
    """Forty made films as a data set of the registry: what `--data few-shadows:` names."""

    @register.dataset("few-shadows", licence="CC0-1.0")
    def few(root: str) -> Cohort:
        return shadows(root, count=40, size=64, chance=0.3)

    return "few-shadows:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = Devide.train(data=_registered(), out=tmp_path_factory.mktemp("devide"), settings=TINY)
    return out


def test_a_trained_network_is_read_back_and_asked_for_diseases_it_was_never_taught(folder: Path) -> None:
    made = Devide.trained(folder)
    assert made.card["name"] == "devide"
    assert set(made.card["findings"]) <= set(CONCEPTS)
    assert "mean AUROC, test" in made.card["measured"]
    films = _pairs(4).films
    own = Entry("a new disease", "of no importance", ("dense white opacity", "round"))
    logits = made.ask(films, ["lung mass", "pneumoperitoneum", own])
    assert logits.shape == (4, 3)
    assert np.isfinite(logits).all()
    assert np.allclose(made.ask(films, ["lung mass"])[:, 0], logits[:, 0], atol=1e-5)
    with pytest.raises(InputError, match="nothing is written of"):
        made.ask(films, ["no such disease"])


def test_the_same_seed_gives_the_same_weights(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    Devide.train(data=_registered(), out=tmp_path, settings=TINY)
    whole, again = (load_file(where / "model.safetensors") for where in (folder, tmp_path))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert (tmp_path / "state.safetensors").is_file()
    assert (tmp_path / "log.csv").read_text().splitlines()[0].startswith("step,")


def test_a_folder_without_a_network_or_with_another_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hilum train devide"):
        Devide.trained(tmp_path)
    for name in ("model.safetensors", "card.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "name": "other"}))
    with pytest.raises(InputError, match="holds 'other'"):
        Devide.trained(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({**card, "settings": {**card["settings"], "space": 32}}))
    with pytest.raises(InputError, match=r"does not fit: 'words.weight'"):
        Devide.trained(tmp_path)


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"speed": 1}, "unknown setting 'speed'"), ({"steps": "many"}, "steps must be int"),
        ({"steps": 0}, "1 or more"),
        ({"told": "all"}, "told must be"), ({"preset": "large"}, "preset"), ({"width": 30}, "multiple of 4"),
        ({"bce": 0, "itc": 0, "tnc": 0, "alpha": 0}, "nothing would be learned"), ({"rate": 0}, "above 0"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        settings_of(wrong)


def test_the_published_preset_may_be_changed() -> None:
    recipe = settings_of({"preset": "published", "width": 128, "temperature": "0.1"})
    assert (recipe.image, recipe.text, recipe.size) == (PUBLISHED["image"], PUBLISHED["text"], 224)
    assert (recipe.width, recipe.weights.temperature) == (128, 0.1)


def test_the_small_network_is_built_with_the_words_of_the_store() -> None:
    net, tokens = Devide.build(published=False)
    entry = knowledge()["pneumothorax"]
    ids, mask = tokens.code([entry.definition])
    assert (ids[mask] > 1).all()
    assert sum(each.numel() for each in net.parameters()) < 500_000


def test_published_towers_ask_for_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    with pytest.raises(MissingError, match="vit-base-imagenet21k"):
        Devide.build()


def test_data_that_cannot_be_named_are_refused() -> None:
    with pytest.raises(InputError, match="NAME:FOLDER"):
        films_of("somewhere", size=64, patients=1, seed=0)


@dataclass(frozen=True)
class _Choice:
    count: int = 1
    share: float = 0.5


def test_settings_are_read_as_the_type_that_each_has() -> None:
    assert changed(_Choice(), {"count": "3", "share": "1"}) == _Choice(3, 1.0)
    with pytest.raises(InputError, match="share must be float"):
        changed(_Choice(), {"share": "half"})


def test_what_is_written_is_read_back_and_the_first_misfit_is_named(tmp_path: Path) -> None:
    pairs, net = _pairs(12), SmallImage(16)
    write(tmp_path, net, {"name": "x"}, pairs)
    card = card_of(tmp_path, "x")
    assert sum(split["films"] for split in card["films by split"].values()) == 12
    again = filled(SmallImage(16), tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(net.parameters(), again.parameters(), strict=True))
    with pytest.raises(InputError, match=r"'stages.1.first.weight' is \(16"):
        filled(SmallImage(32), tmp_path)


def test_films_without_some_kinds_are_known_to_have_none() -> None:
    pairs = _pairs()
    left = without(pairs, ["lung mass", "pneumothorax"])
    at = [left.column(name) for name in ("lung mass", "pneumothorax")]
    assert 0 < len(left) < len(pairs)
    assert not left.target[:, at].any()
    unknown = replace(pairs, known=np.zeros_like(pairs.known))
    with pytest.raises(InputError, match="none to learn from"):
        without(unknown, ["lung mass"])


def test_kinds_are_judged_beside_their_controls() -> None:
    pairs, told = _pairs(60), []
    train, test = pairs.take(np.arange(40)), pairs.take(np.arange(40, 60))
    part = judge_kinds(train, test, seed=0, seeds=1, steps=(2, 2), say=told.append)
    assert len(told) == 1 + len(KIND_ARMS)
    assert [len(judged.arms) for judged in part.judged] == [4, 3]
    assert {judged.outcome for judged in part.judged} == {"cannot be tested here"}  # one seed
    assert HELD_OUT[0][0] in part.lines[0]
    assert not {kind for kinds in HELD_OUT for kind in kinds} - set(knowledge())


@pytest.mark.slow
def test_invented_diseases_are_judged_beside_their_controls() -> None:
    pytest.importorskip("onnxruntime", reason="lung fields are found by the package's own model")
    from hilum.systems._devide_made import judge_made

    told: list[str] = []
    pairs = _pairs(40)
    part = judge_made(pairs.take(np.arange(20)), pairs.take(np.arange(20, 40)), seed=0, seeds=1, films=60, tests=90,
                      steps=(2, 2), say=told.append)  # fmt: skip
    assert [line for line in told if line.startswith("set 0: ")][1:] == [f"set 0: {arm}" for arm in MADE_ARMS]
    assert len(part.judged) == 5
    assert all(0.2 < judged.arms[judged.claim.arm].value < 0.8 for judged in part.judged[:4])
    (figure,) = part.figures.values()
    assert isinstance(figure, bytes)
    assert figure.startswith(b"\x89PNG")


def test_a_picture_has_room_for_six_films_where_there_are_fewer() -> None:
    from hilum.systems._devide_diseases import invent
    from hilum.systems._devide_lesions import Drawn

    made = invent(6, 1, seed=0)
    target = np.eye(7, dtype=bool)[[6]]
    drawn = Drawn(np.zeros((1, 32, 32), np.uint8), target, np.zeros((1, 7, 4, 4), bool), np.array(["a"]))
    assert picture(drawn, made, np.ones((1, 7, 16), np.float32)).startswith(b"\x89PNG")


def _report(text: str) -> CodedReport:
    return CodedReport("x", Report("", findings=text), ())


def test_rare_words_that_are_shared_count_most() -> None:
    found = [_report("The heart is large."), _report("The heart is normal."), _report("A cavity in the lung. The end.")]
    told = [Entry("cavity", "", ("ring",)), Entry("heart", "", ("large",)), Entry("kyphosis", "", ())]
    scores = shared_words(found, told)
    assert scores[:, 0].tolist() == [0, 0, pytest.approx(np.log(3))]
    assert scores[0, 1] == pytest.approx(np.log(3 / 2) + np.log(3))
    assert scores[:, 2].tolist() == [0, 0, 0]


@pytest.mark.slow
def test_reports_are_judged_by_head_where_they_are_at_hand(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hilum.systems._devide_reports.STEPS", 2)
    part = judge_reports(pack, seed=0, seeds=1, say=lambda line: None)
    assert len(part.judged) == 1
    assert part.judged[0].arms["shared words, nothing learned"].value > 0.6  # names stand in the reports
    assert "Open-i" in part.lines[0]
    assert {name for heads in HEADS for name in heads} | set(TAUGHT) <= set(knowledge())


def test_without_reports_they_cannot_be_judged(tmp_path: Path) -> None:
    for data in (None, tmp_path):
        made = Devide.reproduce(data, parts="reports")
        assert made.outcome == "cannot be tested here"
        assert any(line.startswith("reports: cannot be tested here") for line in made.lines)


@pytest.mark.parametrize("wrong", [{"steps": "many"}, {"seeds": 0}, {"parts": "made,others"}])
def test_choices_that_cannot_be_used_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Devide.reproduce(**wrong)  # type: ignore[arg-type]


def test_defaults_are_those_of_the_small_preset() -> None:
    assert settings_of({}) == Recipe()

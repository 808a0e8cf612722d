"""CXR-LLaVA's encoder: labels in words, both stages, what is written, and what is judged without its reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.cohort import Cohort  # noqa: E402
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.core.registry import register  # noqa: E402
from hilum.core.seed import generator  # noqa: E402
from hilum.learn.pairs import CONCEPTS, Pairs, gather  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.measure.claim import verdict  # noqa: E402
from hilum.nets.towers import SmallImage  # noqa: E402
from hilum.phantom.shadows import shadows  # noqa: E402
from hilum.systems._cxr_llava_claims import BOTH, LABELS, RANDOM, READER, SWAPPED, untested  # noqa: E402
from hilum.systems._cxr_llava_fit import Stage, fit_stage_a, fit_stage_b, rows_at, scored_texts  # noqa: E402
from hilum.systems._cxr_llava_judge import judge_encoder  # noqa: E402
from hilum.systems._cxr_llava_labels import NOTHING, rendered, renderings, vocabulary_texts  # noqa: E402
from hilum.systems._cxr_llava_scores import nearest, probed, swapped  # noqa: E402
from hilum.systems._cxr_llava_train import encoder_of, settings_of  # noqa: E402
from hilum.systems.cxr_llava import CxrLlava  # noqa: E402

NAMES = ("edema", "mass", "nodule", "hernia")
TARGET, KNOWN = np.array([1, 0, 1, 0]), np.array([True, True, False, True])
TINY = {"steps": 3, "clip_steps": 2, "batch": 4, "size": 64, "save_every": 2}


def _pairs(count: int = 40) -> Pairs:
    cohort = shadows(count=count, size=64, chance=0.3)
    return gather(cohort, size=64, names=CONCEPTS, split=lambda each: cohort.split_of(str(each.patient)))


def _data() -> str:
    @register.dataset("some-shadows", licence="CC0-1.0")
    def few(root: str) -> Cohort:
        return shadows(root, count=40, size=64, chance=0.3)

    return "some-shadows:"


def test_labels_in_words_never_mention_what_is_not_known() -> None:
    assert rendered(NAMES, TARGET, KNOWN) == "There is edema. No mass, hernia."
    assert rendered(NAMES, TARGET, KNOWN, denied=1) == "There is edema. No mass."
    assert rendered(NAMES, np.zeros(4), KNOWN, denied=0) == NOTHING
    assert rendered(NAMES, np.zeros(4), np.zeros(4, bool)) == NOTHING
    for seed in range(20):
        assert "nodule" not in rendered(NAMES, TARGET, KNOWN, generator(seed, "words"))


def test_wordings_vary_and_all_their_words_are_known() -> None:
    texts = {rendered(NAMES, TARGET, KNOWN, generator(seed, "words")) for seed in range(40)}
    assert len(texts) > 8
    assert all("edema" in text and ("mass" in text or "hernia" in text) for text in texts)
    ids, mask = Wording.of(vocabulary_texts(NAMES)).code(sorted(texts))
    assert (ids[mask] > 1).all()


def test_films_with_the_same_labels_say_the_same() -> None:
    pairs = _pairs()
    texts = renderings(pairs)
    for first, second in ((0, 1), (3, 7), (5, 20)):
        same = (pairs.target[first] == pairs.target[second]).all()
        assert (texts[first] == texts[second]) == same


def test_half_of_a_step_is_drawn_evenly_over_findings() -> None:
    pairs = _pairs(60)
    rows = np.concatenate([rows_at(pairs, 32, 0, step)[::2] for step in range(40)])
    rare = int(np.argmin(np.where(pairs.target.sum(0) > 0, pairs.target.sum(0), np.inf)))
    assert pairs.target[rows, rare].mean() > pairs.target[:, rare].mean()
    assert (rows_at(pairs, 8, 0, 5) == rows_at(pairs, 8, 0, 5)).all()


def _bright(count: int) -> Pairs:
    """Films whose one finding is a bright patch, so that a stage can learn it in seconds."""
    pairs = _pairs(count)
    films = np.full_like(pairs.films, 60)
    target = np.zeros_like(pairs.target)
    target[::2, 0] = 1
    films[::2, 20:44, 20:44] = 220
    from dataclasses import replace

    return replace(pairs, films=films, target=target, known=np.ones_like(pairs.known))


@pytest.mark.slow
def test_labels_are_learned_and_unknown_ones_do_not_matter() -> None:
    from dataclasses import replace

    pairs = _bright(24)
    torch.manual_seed(0)
    encoder = SmallImage(16)
    net = fit_stage_a(encoder, 16, pairs, Stage(150, 8, 5e-3), seed=0)
    with torch.no_grad():
        logits = net(torch.from_numpy(pairs.films)[:, None].float() / 255)[:, 0]
    assert logits[::2].mean() > logits[1::2].mean() + 0.5
    hidden = replace(pairs, known=np.zeros_like(pairs.known))
    torch.manual_seed(0)
    net = fit_stage_a(SmallImage(16), 16, hidden, Stage(3, 8, 1e-2), seed=0)
    assert net.head.weight.abs().max() == 0  # a head that starts at zero stays there without a label


@pytest.mark.parametrize("same", [False, True])
def test_films_come_near_their_labels_in_words(same: bool) -> None:
    pairs = _bright(24)
    torch.manual_seed(0)
    net, words = fit_stage_b(SmallImage(16), 16, pairs, Stage(40, 8, 5e-3), seed=0, same=same)
    texts = renderings(pairs)[:2]
    scores = scored_texts(net, words, pairs.films, texts)
    assert scores.shape == (24, 2)
    assert (scores[::2, 0] - scores[::2, 1]).mean() > (scores[1::2, 0] - scores[1::2, 1]).mean() + 0.1


def test_a_films_own_text_among_others() -> None:
    scores = np.array([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5], [0.2, 0.2, 0.2]])
    made = nearest(scores, np.array([0, 1, 2]))
    assert made.values.tolist() == [1.0, 0.0, 0.5]


def test_films_are_swapped_between_patients_only() -> None:
    pairs = _pairs(12)
    moved = swapped(np.arange(12, dtype=np.float64)[:, None], pairs)[:, 0].astype(int)
    assert (pairs.patient[moved] != pairs.patient).all()


def test_a_probe_of_what_shows_nothing_is_at_chance_and_of_what_shows_all_is_not() -> None:
    pairs = _bright(24)

    class Mean(torch.nn.Module):
        def forward(self, film: torch.Tensor) -> object:
            from hilum.nets.towers import Seen

            pooled = film.mean((2, 3)) * torch.ones(1, 3)
            return Seen(pooled, pooled[:, None], (1, 1))

    told = probed(Mean(), pairs, pairs, (CONCEPTS[0], CONCEPTS[1]))
    assert told[::2, 0].min() > told[1::2, 0].max()
    assert (told[:, 1] == 0).all()  # no film has it: there is nothing to fit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = CxrLlava.train(data=_data(), out=tmp_path_factory.mktemp("cxr-llava"), settings=TINY)
    return out


def test_an_encoder_is_written_with_its_card_and_read_back(folder: Path) -> None:
    encoder, card = CxrLlava.trained(folder)
    seen = encoder(torch.rand(2, 1, 64, 64))
    assert seen.pooled.shape == (2, card["width"])
    assert card["findings"] == list(CONCEPTS)
    assert any(name.startswith("AUROC of labels") for name in card["measured"])
    assert any(name.startswith("share of texts") for name in card["measured"])
    assert (folder / "a" / "log.csv").is_file()
    assert (folder / "b" / "state.safetensors").is_file()


def test_the_second_stage_may_be_left_out(tmp_path: Path) -> None:
    out = CxrLlava.train(data=_data(), out=tmp_path, settings={**TINY, "clip_steps": 0})
    card = CxrLlava.trained(out)[1]
    assert not any(name.startswith("share of texts") for name in card["measured"])


def test_a_folder_of_another_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hilum train cxr-llava"):
        CxrLlava.trained(tmp_path)


@pytest.mark.parametrize(
    "wrong, reason",
    [({"encoder": "vit"}, "encoder is"), ({"preset": "large"}, "preset is"), ({"size": 100}, "multiple of 16"),
     ({"batch": 1}, "batch 2"), ({"rates": 1}, "unknown setting")],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        settings_of(wrong)


def test_the_published_encoder_is_a_vit_l_of_one_channel_at_512_px() -> None:
    recipe = settings_of({"preset": "published"})
    with torch.device("meta"):
        net, width = encoder_of(recipe)
    assert (recipe.size, width, net.shape.channels, len(net.layers)) == (512, 1024, 1, 24)  # type: ignore[arg-type, union-attr]


def test_what_takes_a_reader_is_said_not_to_be_tested() -> None:
    parts = untested()
    assert [part.claim for part in parts] == list(READER)
    assert {part.outcome for part in parts} == {"cannot be tested here"}
    told = verdict("x", parts)
    assert told.outcome == "cannot be tested here"
    assert sum("it takes the reader" in line for line in told.lines) == 3


@pytest.mark.slow
def test_stages_are_judged_beside_their_controls() -> None:
    said: list[str] = []
    pairs = _pairs(120)
    train, test = pairs.take(np.arange(60)), pairs.take(np.arange(60, 120))
    parts, lines = judge_encoder(train, test, None, seed=0, seeds=1, steps=(2, 2), few=50, say=said.append)
    assert len(parts) == 3
    assert {part.outcome for part in parts} == {"cannot be tested here"}  # one seed
    assert set(parts[0].arms) >= {LABELS, RANDOM, BOTH}
    assert SWAPPED in parts[1].arms
    assert any("real films: cannot be tested here" in line for line in lines)
    assert len(said) == 4
    with pytest.raises(InputError, match="no finding"):
        judge_encoder(train, test.take(np.arange(5)), None, seed=0, seeds=1, steps=(2, 2), few=50, say=said.append)


@pytest.mark.parametrize("wrong", [{"steps": "many"}, {"seeds": 0}])
def test_sizes_that_are_no_number_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="whole number"):
        CxrLlava.reproduce(**wrong)  # type: ignore[arg-type]

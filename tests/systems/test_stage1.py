"""First stages of MLRG and SEI on a data set with dates: settings, training, what is written, and reading it back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("safetensors", reason="safetensors (extra 'train') is not installed")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.core.registry import get  # noqa: E402
from hilum.measure.verdict import Verdict  # noqa: E402
from hilum.nets.towers import Seen  # noqa: E402
from hilum.systems import mlrg, sei  # noqa: E402
from hilum.systems._mlrg_claims import CLAIMS  # noqa: E402
from hilum.systems._mlrg_fit import serialised  # noqa: E402
from hilum.systems._mlrg_judge import judge_mlrg  # noqa: E402
from hilum.systems._mlrg_net import PUBLISHED  # noqa: E402
from hilum.systems._mlrg_parts import Part  # noqa: E402
from hilum.systems._mlrg_sets import sets_of  # noqa: E402
from hilum.systems._mlrg_train import settings_of as mlrg_settings  # noqa: E402
from hilum.systems._sei_train import settings_of as sei_settings  # noqa: E402
from hilum.systems._stage1 import WIDTH, Stage1, film_tokens, pairs_of, resolve, tokens_of  # noqa: E402
from tests.systems.made_films import made_dataset, pairs  # noqa: E402

QUICK = {"size": 32, "steps": 4, "batch": 6, "trunk_steps": 2, "grid": 2, "save_every": 2}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_the_pooled_token_comes_first_and_patches_are_averaged() -> None:
    patches = torch.arange(16.0).reshape(1, 16, 1)
    tokens = tokens_of(Seen(torch.tensor([[99.0]]), patches, (4, 4)), 2)
    assert tokens[0, :, 0].tolist() == [99.0, 2.5, 4.5, 10.5, 12.5]
    assert tokens_of(Seen(torch.tensor([[99.0]]), patches, (4, 4)), 0).shape == (1, 17, 1)
    with pytest.raises(InputError, match="no film"):
        film_tokens(torch.nn.Identity(), np.zeros((0, 8, 8), np.uint8), grid=0)


def test_settings_are_read_and_bad_ones_are_refused() -> None:
    assert resolve(Stage1(), {"steps": "7", "rate": "0.1"}) == Stage1(steps=7, rate=0.1)
    for changes, says in (({"stepz": 1}, "unknown setting"), ({"steps": "x"}, "must be a number"),
                          ({"steps": 0}, "above 0"), ({"batch": 1}, "batch 2 or more")):  # fmt: skip
        with pytest.raises(InputError, match=says):
            resolve(Stage1(), changes)
    for made in (mlrg_settings, sei_settings):
        with pytest.raises(InputError, match="preset"):
            made({"preset": "big"})
    with pytest.raises(InputError, match="told is one of"):
        sei_settings({"told": "poems"})


def test_the_published_preset_has_the_released_settings() -> None:
    made = mlrg_settings({"preset": "published", "steps": 5})
    assert (made.encoder, made.text, made.size, made.grid) == ("rad-dino", "cxr-bert-specialized", 518, 0)
    assert (made.batch, made.rate, made.clip, made.tau, made.steps) == (32, 5e-5, 0.1, 0.5, 5)
    assert (PUBLISHED["epochs"], PUBLISHED["accumulate"], PUBLISHED["patience"]) == (50, 2, 15)
    other = sei_settings({"preset": "published"})
    assert (other.encoder, other.size, other.width, other.unit, other.rate) == ("small", 224, 2048, 1, 5e-5)


def test_the_published_encoders_are_ones_that_can_be_had_by_name() -> None:
    from hilum.nets.encoder_cards import IMAGES, TEXTS

    made = mlrg_settings({"preset": "published"})
    assert made.encoder in IMAGES
    assert made.text in TEXTS


def test_visits_go_by_date_and_splits_are_the_data_sets() -> None:
    made = pairs_of(made_dataset(), Stage1(size=32), seed=0, say=lambda line: None)
    assert set(made.patient[made.split == "test"].tolist()) == {"m8", "m9"}
    early = made.visit == 0
    assert all(name.endswith("-5") for name in made.study[early])  # dated first, named last
    sets = sets_of(made)
    assert (sets.prior[early] == -1).all()
    assert early[sets.prior[~early]].all()
    with pytest.raises(InputError, match="NAME:FOLDER"):
        pairs_of("somewhere", Stage1(), seed=0, say=lambda line: None)


def test_mlrg_is_trained_written_and_read_back(tmp_path: Path) -> None:
    out = mlrg.train(data=made_dataset(), out=tmp_path / "run", settings=QUICK)
    assert sorted(path.name for path in out.iterdir()) == [
        "card.json", "encoder.safetensors", "fit.json", "log.csv", "state.safetensors",
    ]  # fmt: skip
    stage = mlrg.trained(out)
    assert stage.card["data"]["train"] == {"films": 32, "patients": 8}
    assert set(stage.card["measured"]) == {"R@1 view to study, test"}
    assert stage.words is not None
    tokens = film_tokens(stage.encoder, np.zeros((2, 32, 32), np.uint8), grid=2)
    assert tokens.shape == (2, 5, WIDTH)
    ids, mask = stage.words.code(serialised(("Right pleural effusion.",)))
    assert stage.net.told(ids, mask).shape == (1, WIDTH)
    again = mlrg.train(data=made_dataset(), out=tmp_path / "again", settings=QUICK)
    assert (again / "encoder.safetensors").read_bytes()[-4096:] == (out / "encoder.safetensors").read_bytes()[-4096:]


@pytest.mark.slow
def test_mlrg_goes_on_from_its_state(tmp_path: Path) -> None:
    whole = mlrg.trained(mlrg.train(data=made_dataset(), out=tmp_path / "whole", settings=QUICK))
    mlrg.train(data=made_dataset(), out=tmp_path / "cut", settings=QUICK)
    gone = tmp_path / "cut"
    (gone / "encoder.safetensors").unlink()
    resumed = mlrg.trained(mlrg.train(data=made_dataset(), out=gone, settings=QUICK, resume=True))
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[name]), name


def test_sei_is_trained_with_its_index_and_read_back(tmp_path: Path) -> None:
    out = sei.train(data=made_dataset(), out=tmp_path / "run", settings=QUICK)
    stage = sei.trained(out)
    assert len(stage.index) == stage.card["cases"] == 16
    assert set(stage.index.patient.tolist()) == {f"m{n}" for n in range(8)}  # the test patients are not in it
    tokens = film_tokens(stage.encoder, np.random.default_rng(0).integers(0, 255, (3, 32, 32), dtype=np.uint8), grid=2)
    with torch.no_grad():
        asked = stage.net.features(tokens).numpy()
    rows, _ = stage.index.find(asked, ["m0", "m1", "m2"], encoder=stage.mark, keep=4)
    assert (stage.index.patient[rows] != np.array([["m0"], ["m1"], ["m2"]])).all()


@pytest.mark.slow
def test_an_index_of_another_encoder_is_refused(tmp_path: Path) -> None:
    one = sei.train(data=made_dataset(), out=tmp_path / "one", settings=QUICK)
    two = sei.train(data=made_dataset(), out=tmp_path / "two", settings={**QUICK, "told": "prose"}, seed=1)
    (one / "cases.safetensors").write_bytes((two / "cases.safetensors").read_bytes())
    with pytest.raises(InputError, match="another encoder"):
        sei.trained(one)


def test_what_is_not_there_or_another_systems_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hilum train mlrg"):
        mlrg.trained(tmp_path)
    out = mlrg.train(data=made_dataset(), out=tmp_path / "run", settings=QUICK)
    with pytest.raises(InputError, match="of mlrg, not of sei"):
        sei.trained(out)
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    (out / "card.json").write_text(json.dumps({**card, "inputs": 64}), encoding="utf-8")
    with pytest.raises(InputError, match="does not fit"):
        mlrg.trained(out)


def part(made: object, seed: int) -> Part:
    films = made  # type: ignore[assignment]
    gen = torch.Generator().manual_seed(seed)
    ids = torch.tensor([[2, 3] if row[0] else [4, 5] for row in films.target])  # type: ignore[attr-defined]
    return Part(films, sets_of(films), torch.randn(len(films), 5, WIDTH, generator=gen),  # type: ignore[arg-type]
                serialised(films.report), (ids, ids > 0))  # type: ignore[attr-defined]  # fmt: skip


@pytest.mark.slow
def test_every_claim_of_mlrg_is_judged_with_its_controls_on_three_seeds() -> None:
    train, asked = pairs(patients=10), pairs(patients=12, name="q")
    parts, beside, lines, figures = judge_mlrg(part(train, 0), part(asked, 1), 8, Stage1(steps=3, batch=6), seed=0,
                                               seeds=3, say=lambda line: None)  # fmt: skip
    assert [each.claim for each in parts] == list(CLAIMS)
    assert all(each.seeds == 3 for each in (*parts, *beside))
    assert all(set(each.claim.controls) <= set(each.arms) for each in parts)
    assert all(0 <= arm.value <= 1 for each in parts for arm in each.arms.values())
    assert "pleural effusion, pacemaker" in lines[0]
    assert next(iter(figures.values())).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["mlrg", "sei"])
def test_the_systems_are_there_with_their_claims(name: str) -> None:
    system = get("system", name)
    assert system.claims
    assert all(claim.arm != claim.better_than for claim in system.claims)
    with pytest.raises(InputError, match="must be a number"):
        system.reproduce(steps="many")


@pytest.mark.parametrize("name", ["mlrg", "sei"])
def test_the_part_that_needs_a_reader_is_named_with_its_setting(name: str) -> None:
    module = {"mlrg": mlrg, "sei": sei}[name]
    assert any("stage=reader" in note for note in module.NOTES)
    assert Verdict("a", "holds", module.NOTES).lines == module.NOTES


def test_the_networks_are_built_at_the_sizes_asked_for() -> None:
    assert mlrg.build(inputs=8, width=8, hidden=8, heads=2, head_width=4, mlp=8).size.depth == 3
    assert sei.build(vocabulary=12).text.embed.num_embeddings == 12

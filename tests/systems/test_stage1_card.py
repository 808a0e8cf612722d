"""What a first stage writes and reads: whole, named, refused where it does not fit; and data it cannot learn from."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("safetensors", reason="safetensors (extra 'train') is not installed")

from hilum.core.cohort import Cohort  # noqa: E402
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.registry import register  # noqa: E402
from hilum.core.report import Report  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.measure.claim import Claim  # noqa: E402
from hilum.measure.scored import averaged  # noqa: E402
from hilum.systems import mlrg, sei  # noqa: E402
from hilum.systems._stage1 import Stage1, named, pairs_of  # noqa: E402
from hilum.systems._stage1_card import card_of, fill, read_stage, write_stage  # noqa: E402
from tests.systems.made_films import made_dataset, pairs  # noqa: E402

QUICK = {"size": 32, "steps": 4, "batch": 6, "trunk_steps": 2, "grid": 2, "save_every": 2}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def data_of(*views: str, text: str = "No pleural effusion.") -> str:
    """Register four patients with one study each."""

    @register.dataset("few-studies", licence="none")
    def few(root: str | Path) -> Cohort:
        def each() -> list[Study]:
            pixels = np.random.default_rng(0).random((40, 40), dtype=np.float32)
            return [Study(f"s{n}", f"p{n}", datetime(2020, 1, 1 + n),
                          tuple(Image(pixels * (0.5 + 0.1 * n), view=v, id=f"s{n}.{v}") for v in views),  # type: ignore[arg-type]
                          Report(findings=text) if text else None) for n in range(4)]  # fmt: skip

        return Cohort("few-studies", lambda: iter(each()), lambda patient: "train")

    return "few-studies:."


def test_networks_come_back_under_their_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    nets = {"one": torch.nn.Linear(2, 3), "two": torch.nn.BatchNorm1d(3)}
    out = write_stage(tmp_path / "out", nets, {"name": "mlrg", "more": [1, 2]})
    found, card = read_stage(out, "mlrg")
    assert set(found) == {"one", "two"}
    assert card == {"name": "mlrg", "more": [1, 2]}
    for name, net in nets.items():
        fresh = type(net)(*((2, 3) if name == "one" else (3,)))
        fill(fresh, found[name], where="here")
        for key, value in net.state_dict().items():
            assert torch.equal(value, fresh.state_dict()[key])
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("tensors", "says"), [
    ({"weight": torch.zeros(3, 2)}, "'bias' is missing"),
    ({"weight": torch.zeros(2, 3), "bias": torch.zeros(3)}, r"'weight' is \(2, 3\), the network has \(3, 2\)"),
    ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "extra": torch.zeros(1)}, "'extra' has no place"),
])  # fmt: skip
def test_the_first_tensor_that_does_not_fit_is_named(tensors: dict[str, torch.Tensor], says: str) -> None:
    with pytest.raises(InputError, match=says):
        fill(torch.nn.Linear(2, 3), tensors, where="here")


def test_the_card_counts_films_and_patients_by_split() -> None:
    made = pairs(patients=3)
    split = np.where(made.patient == "p2", "test", "train")
    card = card_of("mlrg", Stage1(), replace(made, split=split), {"seed": 4})
    assert card["data"] == {"test": {"films": 4, "patients": 1}, "train": {"films": 8, "patients": 2}}
    assert card["seed"] == 4
    assert card["settings"]["tau"] == 0.5
    assert "Research use" in card["caution"]
    json.dumps(card)


def test_only_the_arms_that_a_claim_names_are_its_evidence() -> None:
    trials = {name: [averaged("x", [0.0], "x")] for name in "abcd"}
    assert list(named(Claim("t", "a", "b", "x", ("d", "a")), trials)) == ["a", "b", "d"]


@pytest.mark.parametrize("system", [mlrg, sei])
def test_data_without_reports_teach_nothing(system: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a report"):
        system.train(data=data_of("PA", text=""), out=tmp_path, settings=QUICK)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_sei_needs_frontal_films_and_mlrg_takes_any(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="frontal"):
        sei.train(data=data_of("LL"), out=tmp_path / "sei", settings=QUICK)
    stage = mlrg.trained(mlrg.train(data=data_of("LL"), out=tmp_path / "mlrg", settings=QUICK))
    assert stage.card["measured"] == {}  # nothing was left out to measure on


@pytest.mark.slow
def test_studies_of_one_film_are_learned_from_alone(tmp_path: Path) -> None:
    out = mlrg.train(data=data_of("PA"), out=tmp_path, settings=QUICK)
    with (out / "log.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["l_mpc"]) for row in rows] == [0.0] * len(rows)
    assert all(np.isfinite(float(row["l_g"])) for row in rows)


def test_the_losses_are_logged_by_their_names(tmp_path: Path) -> None:
    out = sei.train(data=made_dataset(), out=tmp_path, settings={**QUICK, "token": 0})
    with (out / "log.csv").open(encoding="utf-8") as stream:
        assert "token" not in next(csv.reader(stream))


@pytest.mark.slow
@pytest.mark.parametrize("told", ["entities", "plain", "prose"])
def test_every_kind_of_text_can_be_learned_from(told: str, tmp_path: Path) -> None:
    stage = sei.trained(sei.train(data=made_dataset(), out=tmp_path, settings={**QUICK, "told": told}))
    words = set(stage.words.vocabulary.words)
    assert ("no" in words) == (told != "plain")
    assert ("is" in words) == (told == "prose")


@pytest.mark.slow
@pytest.mark.parametrize("arm", [{"views": 0, "priors": 0, "mpc": 0}, {"mpc": 0}, {"views": 0}])
def test_every_arm_can_be_trained_by_settings(arm: dict[str, int], tmp_path: Path) -> None:
    stage = mlrg.trained(mlrg.train(data=made_dataset(), out=tmp_path, settings={**QUICK, **arm}))
    assert {name: stage.card["settings"][name] for name in arm} == arm


@pytest.mark.slow
def test_a_card_of_published_encoders_says_where_to_get_them(tmp_path: Path) -> None:
    out = mlrg.train(data=data_of("PA"), out=tmp_path, settings=QUICK)
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    card["settings"]["encoder"] = "rad-dino"
    (out / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(MissingError, match="rad-dino"):
        mlrg.trained(out)


def test_a_data_set_that_nobody_registered_is_said() -> None:
    with pytest.raises(InputError, match="nowhere-at-all"):
        pairs_of("nowhere-at-all:/x", Stage1(), seed=0, say=lambda line: None)

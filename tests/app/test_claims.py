"""`hilum reproduce`: the verdict, its file and its exit code; what is missing is said in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.app.claims import reproduce
from hilum.core.errors import InputError, MissingError
from hilum.core.registry import register
from hilum.measure.claim import Claim, judge, verdict
from hilum.measure.log import plain
from hilum.measure.scored import averaged
from hilum.measure.verdict import Verdict
from tests.app.conftest import Ran
from tests.systems.test_chestx_ray8 import collection


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HILUM_DATA", "HILUM_PACK"):
        monkeypatch.delenv(name, raising=False)


def test_the_verdict_is_written_with_its_evidence(tmp_path: Path) -> None:
    root = collection(tmp_path, [("Right effusion.", "effusion"), ("No mass.", "normal")] * 9)
    found, written = reproduce("chestx-ray8", root, tmp_path / "run", settings={"half": "all", "parts": "mining"})
    record = json.loads(written.read_text(encoding="utf-8"))
    assert record["outcome"] == found.outcome == "holds"
    assert record["evidence"] == list(found.lines)
    assert record["scores"]["arms"]["mention"]["precision"]["value"] == pytest.approx(0.5)
    assert record["scores"]["arms"]["mention"]["recall"]["low"] is not None
    assert not list(written.parent.glob("*.part"))


def test_a_system_without_a_judged_claim_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"cannot be judged yet.*chestx-ray8"):
        reproduce("embedded", None, tmp_path)


def test_missing_data_and_unknown_choices_are_refused(tmp_path: Path) -> None:
    def with_a_folder(data: Path) -> Verdict:
        return Verdict("a claim", "holds", (str(data),))

    register.system("needs-a-folder", summary="Made")(type("Made", (), {"reproduce": staticmethod(with_a_folder)}))
    with pytest.raises(MissingError, match="--data"):
        reproduce("needs-a-folder", None, tmp_path)
    with pytest.raises(InputError, match=r"no choice 'quarter': it has .*half, labels"):
        reproduce("chestx-ray8", tmp_path, tmp_path, settings={"quarter": "x"})


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    root = collection(tmp_path, [("Right effusion.", "effusion")] * 9)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="choose another folder"):
        reproduce("chestx-ray8", root, tmp_path / "taken", settings={"half": "all", "parts": "mining"})


def test_scores_that_are_not_finite_are_null() -> None:
    assert plain({"a": (float("nan"), 1.0), "b": {"c": float("inf")}}) == {"a": [None, 1.0], "b": {"c": None}}


def recipe(name: str, **attributes: object) -> None:
    """Register a made system with these attributes."""
    register.system(name, summary=f"Made system {name}")(type("Made", (), attributes))


def trials(gain: float) -> Verdict:
    """A claim judged with the house's own records."""
    draw = np.random.default_rng(3)
    base = draw.random(60)
    claim = Claim("<i>ours</i> is better", "ours", "theirs", "score", controls=("chance",))
    arms = {
        name: [averaged("score", base + shift + draw.normal(0, 0.02, 60), "score") for _ in range(3)]
        for name, shift in (("ours", gain), ("theirs", 0.0), ("chance", -0.4))
    }
    judged = judge(claim, arms, [f"p{n // 2}" for n in range(60)])
    return replace(verdict("all of it", [judged], notes=["made data"]), figures=FIGURES)


FIGURES = {
    "A <drawing>": '<svg width="9" height="9"><circle r="4"/></svg>',
    "A photograph": b"\x89PNG made",
    "Nothing": "no picture",
}


def test_what_a_recipe_takes_it_gets(tmp_path: Path) -> None:
    got: dict[str, object] = {}

    def judged(
        data: Path | None = None, *, seed: int = 0, say: object = print, patients: int = 9, share: float = 0.5,
        quick: bool = False, half: str = "dev",
    ) -> Verdict:  # fmt: skip
        got.update(data=data, seed=seed, patients=patients, share=share, quick=quick, half=half)
        say("half way")  # type: ignore[operator]
        return trials(0.2)

    recipe("made-claims", reproduce=staticmethod(judged), minutes=1.5, claims=(Claim("ours", "a", "b", "m"),))
    heard: list[str] = []
    choices = {"patients": "12", "share": "0.25", "quick": "true", "half": "test"}
    found, written = reproduce("made-claims", None, tmp_path, seed=4, settings=choices, say=heard.append)
    assert got == {"data": None, "seed": 4, "patients": 12, "share": 0.25, "quick": True, "half": "test"}
    assert heard == ["made-claims: about 2 minutes", "half way"]
    record = json.loads(written.read_text(encoding="utf-8"))
    assert (record["outcome"], record["settings"], record["seed"]) == (found.outcome, choices, 4)
    assert record["expected_minutes"] == 1.5
    assert record["seconds"] >= 0
    assert record["packages"]["numpy"] == np.__version__
    assert record["scores"]["<i>ours</i> is better"]["gain"]["low"] > 0
    with pytest.raises(InputError, match="choice 'patients' is a int, got 'many'"):
        reproduce("made-claims", None, tmp_path, settings={"patients": "many"})


def test_the_page_shows_arms_pictures_and_the_next_step_and_stands_alone(tmp_path: Path) -> None:
    recipe("made-shown", reproduce=staticmethod(lambda: trials(0.2)))
    _, written = reproduce("made-shown", None, tmp_path)
    page = written.with_name("report.html").read_text(encoding="utf-8")
    assert "<i>ours</i>" not in page
    assert "&lt;i&gt;ours&lt;/i&gt; is better" in page
    for part in (
        "theirs",
        "chance",
        "control",
        "gain over theirs",
        "made data",
        "What to try next",
        "Research use only",
    ):
        assert part in page
    assert page.count("<img ") == 2
    assert "data:image/svg+xml;base64," in page
    assert "data:image/png;base64," in page
    assert "this picture cannot be shown" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


@pytest.mark.parametrize(("gain", "code"), [(0.2, 0), (-0.2, 3)])
def test_a_claim_ends_with_its_own_code(gain: float, code: int, tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    recipe(f"made-gain-{code}", reproduce=staticmethod(lambda: trials(gain)))
    done = hilum("reproduce", f"made-gain-{code}", "-o", tmp_path)
    assert done.code == code
    assert "its recipe states no time" in done.err
    assert "Next: " in done.out
    assert hilum("reproduce", f"made-gain-{code}", "-o", tmp_path, "--quiet") == Ran(code, "", "")


def test_what_cannot_be_tested_is_code_two(tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    recipe("made-open", reproduce=staticmethod(lambda: Verdict("all", "cannot be tested here", ("no films",))))
    done = hilum("reproduce", "made-open", "-o", tmp_path)
    assert (done.code, "Give the data" in done.out) == (2, True)


def test_data_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = collection(tmp_path, [("Right effusion.", "effusion"), ("No mass.", "normal")] * 9)
    monkeypatch.setenv("HILUM_DATA", str(root))
    _, written = reproduce("chestx-ray8", None, tmp_path / "run", settings={"half": "all", "parts": "mining"})
    record = json.loads(written.read_text(encoding="utf-8"))
    assert record["data"] == str(root)
    assert len(record["data_fingerprint"]) == 32
    (root / "more.txt").write_text("more")
    _, written = reproduce("chestx-ray8", None, tmp_path / "run", settings={"half": "all", "parts": "mining"})
    assert json.loads(written.read_text(encoding="utf-8"))["data_fingerprint"] != record["data_fingerprint"]


def test_without_a_name_the_claims_are_listed(hilum: Callable[..., Ran]) -> None:
    recipe("made-listed", reproduce=staticmethod(lambda data: trials(0.2)), minutes=3.0)
    shown = hilum("reproduce")
    assert shown.code == 0
    assert "about 3 min, needs data" in next(line for line in shown.out.splitlines() if line.startswith("made-listed"))
    listed = {each["system"]: each for each in json.loads(hilum("reproduce", "--json").out)}
    assert listed["made-listed"]["minutes"] == 3.0
    assert listed["chestx-ray8"]["can_be_judged"]
    assert not listed["embedded"]["can_be_judged"]


def test_the_verb_prints_the_evidence_and_ends_with_the_outcomes_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hilum.app.cli import main

    held = collection(tmp_path, [("Right effusion.", "effusion"), ("No mass.", "normal")] * 9)
    choices = ["--set", "half=all", "--set", "parts=mining"]
    command = ["reproduce", "chestx-ray8", "--data", str(held), "-o", str(tmp_path / "runs"), *choices]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert "assertion-aware mining lifts label precision: holds" in shown
    assert (tmp_path / "runs" / "chestx-ray8" / "verdict.json").is_file()
    failed = collection(tmp_path, [("Right effusion.", "effusion")] * 9)
    with pytest.raises(SystemExit) as ended:
        main([*command[:3], str(failed), *command[4:], "--json"])
    assert ended.value.code == 3
    assert json.loads(capsys.readouterr().out)["outcome"] == "fails"


def test_training_what_has_nothing_to_train_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hilum.app.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["train", "chestx-ray8", "--data", str(tmp_path)])
    assert ended.value.code == 2
    assert "nothing to train" in capsys.readouterr().err


def test_a_recipe_is_told_the_device_and_a_missing_one_is_said(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from hilum.learn.running import current

    def anywhere() -> Verdict:
        return Verdict("a claim", "holds", (current().device,))

    register.system("on-a-device", summary="Made")(type("Made", (), {"reproduce": staticmethod(anywhere)}))
    found, written = reproduce("on-a-device", None, tmp_path, device="cpu")
    assert found.lines == ("cpu",)
    assert json.loads(written.read_text())["device"] == "cpu"
    assert reproduce("on-a-device", None, tmp_path)[0].lines == ("",)
    with pytest.raises(InputError, match="no device"):
        reproduce("on-a-device", None, tmp_path, device="toaster")
    if not torch.cuda.is_available():
        with pytest.raises(MissingError, match="leave --device out"):
            reproduce("on-a-device", None, tmp_path, device="cuda")


def test_a_full_device_is_said_in_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("torch")

    class OutOfMemoryError(RuntimeError):  # as torch's, which only a GPU raises
        pass

    def large() -> Verdict:
        raise OutOfMemoryError("tried to take 90 GiB")

    register.system("too-large", summary="Made")(type("Made", (), {"reproduce": staticmethod(large)}))
    with pytest.raises(InputError, match=r"out of memory \(tried to take 90 GiB\): judge on the processor"):
        reproduce("too-large", None, tmp_path, device="cpu")

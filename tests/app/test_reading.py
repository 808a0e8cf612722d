"""`hilum.read` as a function: what it returns, compares and refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import hilum
from hilum.core.errors import DecodeError, InputError
from hilum.core.record import from_json, to_json
from tests.app.conftest import EXAMPLE

Film = Callable[..., Path]


def visit(film: Film, day: int, folder: Path | None = None) -> Path:
    uids = {"StudyInstanceUID": f"2.25.3{day}", "SOPInstanceUID": f"2.25.4{day}"}
    return film(f"{day}.dcm", folder, PatientID="P-7", StudyDate=f"202002{day:02}", **uids)


def test_a_film_becomes_a_study_with_a_signed_draft() -> None:
    (study,) = hilum.read(EXAMPLE)
    assert study.films[0].view == "PA"
    assert study.report is not None
    assert study.report.status == "draft"
    assert study.provenance[-1].made_by.sha256
    assert all(finding.made_by == study.provenance[-1].made_by for finding in study.findings)
    assert all(finding.calibration for finding in study.findings)
    assessed = {finding.concept for finding in study.findings}
    missing = {name for name, _ in study.provenance[-1].not_assessed}
    assert not assessed & missing
    assert all(reason for _, reason in study.provenance[-1].not_assessed)


def test_the_answer_survives_json() -> None:
    (study,) = hilum.read(EXAMPLE)
    again = from_json(to_json(study, pixels=True))
    assert again.findings == study.findings
    assert again.report == study.report
    assert again.provenance == study.provenance


def test_the_same_film_gives_the_same_answer_and_the_seed_only_changes_words() -> None:
    first, second = hilum.read(EXAMPLE), hilum.read(EXAMPLE)
    assert first == second
    texts = set()
    for seed in range(6):
        (study,) = hilum.read(EXAMPLE, seed=seed)
        assert study.findings == first[0].findings
        assert study.report is not None
        texts.add(study.report.findings)
    assert len(texts) > 1


def test_visits_of_a_patient_come_earliest_first_and_follow_each_other(film: Film, tmp_path: Path) -> None:
    for day in (9, 2, 5):
        visit(film, day, tmp_path / "p")
    studies = hilum.read(tmp_path / "p")
    assert [study.time.day for study in studies if study.time] == [2, 5, 9]
    assert studies[0].prior is None
    assert [study.prior.id for study in studies[1:] if study.prior] == [study.id for study in studies[:-1]]
    assert all(study.prior.prior is None for study in studies[1:] if study.prior)


def test_a_prior_is_compared_only_where_both_were_read(film: Film) -> None:
    (study,) = hilum.read(visit(film, 9), prior=visit(film, 2))
    assert study.prior is not None
    assert {finding.attributes.get("prior") for finding in study.findings} <= {"present", "absent", "uncertain"}
    assert all(finding.change is None for finding in study.findings), "the same film twice shows no change"


def test_a_picture_that_is_no_chest_film_is_refused_in_a_note(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 400), np.uint8)
    Picture.fromarray(noise).save(tmp_path / "noise.png")
    (study,) = hilum.read(tmp_path / "noise.png")
    assert study.findings == ()
    assert study.report is None
    assert any("refused" in note for note in study.provenance[-1].notes)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_film_is_refused_with_a_reason(tmp_path: Path, turns: int) -> None:
    shown = hilum.read(EXAMPLE)[0].films[0].display()
    Picture.fromarray(np.rint(np.rot90(shown, turns) * 255).astype(np.uint8)).save(tmp_path / "turned.png")
    (study,) = hilum.read(tmp_path / "turned.png")
    assert study.findings == ()
    assert any("refused" in note for note in study.provenance[-1].notes)


def test_an_inverted_film_is_refused(tmp_path: Path) -> None:
    shown = hilum.read(EXAMPLE)[0].films[0].display()
    Picture.fromarray(np.rint((1 - shown) * 255).astype(np.uint8)).save(tmp_path / "negative.png")
    (study,) = hilum.read(tmp_path / "negative.png")
    assert study.findings == ()


@pytest.mark.parametrize("content", [b"", b"words, not a film", EXAMPLE.read_bytes()[:5000]])
def test_what_cannot_be_decoded_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.dcm").write_bytes(content)
    with pytest.raises((DecodeError, InputError), match=r"broken\.dcm"):
        hilum.read(tmp_path / "broken.dcm")[0].films[0].display()


def test_a_prior_goes_with_one_study_and_holds_one(film: Film, tmp_path: Path) -> None:
    for day in (2, 5):
        visit(film, day, tmp_path / "p")
    with pytest.raises(InputError, match="single study"):
        hilum.read(tmp_path / "p", prior=EXAMPLE)
    with pytest.raises(InputError, match="exactly one"):
        hilum.read(EXAMPLE, prior=tmp_path / "p")


def test_nothing_given_is_said() -> None:
    with pytest.raises(InputError, match="give a film"):
        hilum.read()

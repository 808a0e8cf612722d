"""A real Orthanc as the PACS: films come from it, results go back to it, priors are fetched; and dcmtk's tools."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

httpx = pytest.importorskip("httpx", reason="needs hilum[serve]")
pytest.importorskip("dbos", reason="needs hilum[serve]")

from hilum.app.serve.peer import Peer, PeerRefusedError, echo, find_studies, move_study  # noqa: E402
from hilum.core.region import Box  # noqa: E402
from hilum.io.seg import read_masks  # noqa: E402
from hilum.io.srread import read_findings  # noqa: E402
from tests.app.serve.process import Serving, free_port, running, toml, until  # noqa: E402
from tests.peers import orthanc  # noqa: E402
from tests.peers.conftest import example, study_uid  # noqa: E402

pytestmark = [pytest.mark.slow, orthanc.needed]

BY_STORE, BY_STOW, PRIOR, TOLD_TO_MOVE, BY_STORESCU = 1, 2, 3, 4, 5
DX, SR = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.88.34"
SEG, SC = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.7"


@dataclass
class Ward:
    """Two PACSes and a server between them: `pacs` gets results by C-STORE, `web` by STOW-RS; both send films."""

    pacs: orthanc.Orthanc
    web: orthanc.Orthanc
    server: Serving
    films: Path

    def delivered(self, study: int, count: int = 2) -> None:
        """Wait until a study's results have been sent to both."""

        def done() -> bool:
            jobs = [row for row in self.server.jobs("deliver") if row["study"] == study_uid(study)]
            return {row["state"] for row in jobs} <= {"done", "again"} and sum(
                r["state"] == "done" for r in jobs
            ) >= count

        until(done, f"results of study {study} are delivered", 120)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    place = tmp_path_factory.mktemp("ward")
    films = place / "films"
    films.mkdir()
    ours = Peer("HILUM", "127.0.0.1", free_port())
    with orthanc.running(place / "pacs") as pacs, orthanc.running(place / "web", "WEB") as web:
        config = toml(
            place / "hilum.toml",
            [
                {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port},
                {"name": "web", "stow_url": web.dicomweb},
            ],
            results={"send_to": ["pacs", "web"], "priors_from": "pacs"},
            work={"settle_seconds": 1.0},
        )
        with running(place / "root", "--config", str(config), ports=(0, ours.port)) as server:
            pacs.know("hilum", ours)
            web.know_web("hilum", f"{server.url}dicomweb", server.token)
            pacs.add(example(films, PRIOR, PatientID="PEER-1", StudyDate="19991231"))
            sent = pacs.add(example(films, BY_STORE))
            pacs.post("/modalities/hilum/store", sent)
            sent = web.add(example(films, BY_STOW))
            web.post("/dicom-web/servers/hilum/stow", {"Resources": sent})
            server.all_read(3)
            made = Ward(pacs, web, server, films)
            made.delivered(BY_STORE)
            made.delivered(BY_STOW)
            yield made


def _classes(place: orthanc.Orthanc, study: int) -> list[str]:
    """SOP classes that a PACS holds of a study, from its DICOMweb."""
    answer = httpx.get(f"{place.dicomweb}/studies/{study_uid(study)}/instances", timeout=30)
    return [item["00080016"]["Value"][0] for item in answer.json()] if answer.status_code == 200 else []


@pytest.mark.parametrize("study", [BY_STORE, BY_STOW])
@pytest.mark.parametrize("name", ["pacs", "web"])
def test_a_report_masks_and_a_picture_are_in_the_pacs_once(ward: Ward, name: str, study: int) -> None:
    classes = [each for each in _classes(getattr(ward, name), study) if each in (SR, SEG, SC)]
    assert sorted(classes) == sorted([SR, SEG, SC])


@pytest.mark.parametrize(("name", "study"), [("pacs", BY_STORE), ("web", BY_STOW)])
def test_the_report_says_there_what_the_page_says_here(ward: Ward, name: str, study: int) -> None:
    (data,) = getattr(ward, name).held(study_uid(study), "SR")
    report = pydicom.dcmread(BytesIO(data))
    sheet = ward.server.get(f"api/studies/{study_uid(study)}")
    shown = {item["concept"]: item for item in sheet["findings"]}
    findings = read_findings(report)
    assert {each.concept: each.state for each in findings} == {name: item["state"] for name, item in shown.items()}
    assert any(each.regions for each in findings)
    for each in findings:
        if each.probability is not None:
            assert each.probability == pytest.approx(shown[each.concept]["probability"], abs=1e-3)
        boxes = np.array([box.corners for box in each.regions if isinstance(box, Box)])
        expected = [[box[edge] for edge in ("x0", "y0", "x1", "y1")] for box in shown[each.concept]["boxes"]]
        np.testing.assert_allclose(boxes, np.array(expected), atol=0.01)
        assert {box.image for box in each.regions} <= {f"{study_uid(study)}.1.1"}
    assert (report.StudyInstanceUID, report.PatientID) == (study_uid(study), f"PEER-{study}")


@pytest.mark.parametrize(("name", "study"), [("pacs", BY_STORE), ("web", BY_STOW)])
def test_the_masks_there_lie_on_the_film_there(ward: Ward, name: str, study: int) -> None:
    place = getattr(ward, name)
    (data,) = place.held(study_uid(study), "SEG")
    (film_data,) = place.held(study_uid(study), "DX")
    seg, film = pydicom.dcmread(BytesIO(data)), pydicom.dcmread(BytesIO(film_data))
    assert (seg.Rows, seg.Columns) == (film.Rows, film.Columns)
    shared = seg.SharedFunctionalGroupsSequence[0]
    measured = [float(step) for step in shared.PixelMeasuresSequence[0].PixelSpacing]
    assert measured == pytest.approx([float(step) for step in film.ImagerPixelSpacing], rel=1e-5)
    assert list(shared.PlaneOrientationSequence[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    masks = read_masks(seg)
    assert {mask.image for mask in masks} == {str(film.SOPInstanceUID)}
    pixels = film.pixel_array.astype(float)
    for mask in masks:
        assert 0.02 < mask.pixels.mean() < 0.5
        outside = pixels[200:-200, 200:-200][~mask.pixels[200:-200, 200:-200]].mean()
        assert pixels[mask.pixels].mean() < outside, "lungs are darker than what is round them"


def test_a_prior_was_found_fetched_and_compared_and_gets_no_results(ward: Ward) -> None:
    sheet = ward.server.get(f"api/studies/{study_uid(BY_STORE)}")
    assert sheet["prior"]["id"] == study_uid(PRIOR)
    assert sheet["report"]["sections"]["comparison"] == "The prior film was read for comparison."
    assert not {SR, SEG, SC} & set(_classes(ward.pacs, PRIOR))


def test_our_questions_to_a_pacs(ward: Ward) -> None:
    echo(ward.pacs.peer)
    found = find_studies(ward.pacs.peer, {"PatientID": "PEER-1", "StudyDate": "-20000101"})
    assert {each["StudyInstanceUID"] for each in found} == {study_uid(BY_STORE), study_uid(PRIOR)}
    assert all("DX" in each["ModalitiesInStudy"] for each in found)
    assert find_studies(ward.pacs.peer, {"PatientID": "NOBODY"}) == ()
    with pytest.raises(PeerRefusedError):
        move_study(ward.pacs.peer, study_uid(PRIOR), "UNKNOWN")
    with pytest.raises(PeerRefusedError, match="rejected us"):
        echo(Peer("SOMEBODY", "127.0.0.1", ward.pacs.dicom_port))


def _dcmtk(program: str, *words: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: dcmtk)")
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=120, check=False)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_dcmtk_sends_to_us_and_moves_a_study_to_us(ward: Ward) -> None:
    ours = ["127.0.0.1", str(ward.server.node.port)]
    assert _dcmtk("echoscu", "-aec", "HILUM", *ours).startswith("0\n")
    assert not _dcmtk("echoscu", "-aec", "OTHER", *ours).startswith("0\n")
    raw = example(ward.films, BY_STORESCU, syntax="1.2.840.10008.1.2.1")
    assert _dcmtk("storescu", "-aec", "HILUM", *ours, str(raw)).startswith("0\n")
    again = _dcmtk("storescu", "-aec", "HILUM", "-xi", *ours, str(raw))
    assert again.startswith("0\n")
    ward.pacs.add(example(ward.films, TOLD_TO_MOVE))
    theirs = ["-aec", "ORTHANC", "127.0.0.1", str(ward.pacs.dicom_port)]
    asked = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid(TOLD_TO_MOVE)}"]
    found = _dcmtk("findscu", *asked, "-k", "PatientID", *theirs)
    assert found.startswith("0\n")
    assert f"PEER-{TOLD_TO_MOVE}" in found
    assert _dcmtk("movescu", "-aem", "HILUM", *asked, *theirs).startswith("0\n")
    ward.server.all_read(5)
    ward.delivered(BY_STORESCU)
    ward.delivered(TOLD_TO_MOVE)
    kept = [each for each in ward.server.instances() if each["study"] == study_uid(BY_STORESCU)]
    assert [each["class"] for each in kept].count(DX) == 1, "sent twice, kept once"
    ours_said = _dcmtk("findscu", *asked, "-k", "PatientID", "-aec", "HILUM", *ours)
    assert ours_said.startswith("0\n")
    assert f"PEER-{TOLD_TO_MOVE}" in ours_said


def test_a_pacs_that_was_away_gets_the_signed_report(ward: Ward) -> None:
    study = study_uid(BY_STORE)
    sheet = ward.server.get(f"api/studies/{study}")
    key = next(item["key"] for item in sheet["findings"] if item["state"] == "present")
    before = len(ward.pacs.held(study, "SR"))
    ward.pacs.stop()
    with ward.server.client() as client:
        body: dict[str, Any] = {"revision": sheet["revision"], "actions": [{"do": "accept", "key": key}], "final": True}
        answer = client.put(f"api/studies/{study}/reading", json=body)
        assert answer.status_code == 200, answer.text

    def tried() -> bool:
        rows = [row for row in ward.server.jobs("deliver") if row["study"] == study and row["state"] != "done"]
        return any("ORTHANC" in row["reason"] and row["attempts"] > 0 for row in rows)

    until(tried, "the job says that the PACS is away")
    ward.pacs.start()
    ward.delivered(BY_STORE, 4)
    reports = [pydicom.dcmread(BytesIO(data)) for data in ward.pacs.held(study, "SR")]
    assert len(reports) == before + 1
    signed = [report for report in reports if report.VerificationFlag == "VERIFIED"]
    assert len(signed) == 1
    assert "admin" in str(signed[0].VerifyingObserverSequence[0].VerifyingObserverName)

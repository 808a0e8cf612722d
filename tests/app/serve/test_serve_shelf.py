"""The page's shelf over an archive: the worklist, sheets, saving, jobs, and news of what changes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")

from hilum.app.serve import ledger, results
from hilum.app.serve.deliver import Destination
from hilum.app.serve.events import Watch
from hilum.app.serve.reading import Reader, ReadStudy
from hilum.app.serve.shelf import ArchiveShelf
from hilum.app.serve.work import Ticket
from hilum.app.view.source import STATES, Moved
from hilum.core.errors import InputError, MissingError
from tests.app.serve import films
from tests.app.serve.day import ODD_MODELS, Department

ADD = {"do": "add", "concept": "pneumothorax", "state": "present", "side": "left", "boxes": []}
ONE = films.study_uid(1)


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Department]:
    """Study 1 read, study 2 waiting, study 3 without a film."""
    made = department(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Department]:
    """The same for tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        made = department(tmp_path_factory.mktemp("still"), patch)
    yield made
    made.close()


def department(folder: Path, patch: pytest.MonkeyPatch) -> Department:
    patch.setenv("HILUM_ODD_NOTES", str(folder / "notes"))
    for name in [name for name in sys.modules if name.startswith("hilum_plugin_odd_models")]:
        del sys.modules[name]  # what a test registers goes with it: the next loads the plug-in anew
    made = Department(folder, settle_s=0.0)
    made.send(films.film(1, 1), films.film(1, 2, ViewPosition="LL"))
    made.send(films.film(2, 1, PatientName="Roe^Richard", StudyDate="20250101"))
    made.send(films.film(3, 1, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT", StudyDate="20230101"))
    read(made)
    return made


def read(ward: Department) -> None:
    order = ledger.films_of(ward.archive.database, ONE).order
    ReadStudy(ward.archive, ward.root, Reader(f"{ODD_MODELS}:odd")).run(Ticket(order, order.id))


def shelf(ward: Department, *to: Destination) -> ArchiveShelf:
    return ArchiveShelf(ward.archive, ward.root, jobs=ward.jobs, destinations=to)


def test_the_worklist_shows_everything_newest_first(still: Department) -> None:
    found = shelf(still).worklist()
    assert found["total"] == 3
    assert [row["id"] for row in found["rows"]] == [films.study_uid(n) for n in (2, 1, 3)]
    assert [row["state"] for row in found["rows"]] == ["waiting", "read", "unread"]
    row = found["rows"][1]
    assert (row["label"], row["patient"], row["time"]) == ("Doe Jane", "P1", "2024-01-02T10:11")
    assert row["present"][0]["concept"] == "pleural effusion"
    assert row["views"] == ["PA", "LL"]
    assert set(row) == {
        "id", "label", "patient", "time", "views", "state", "reason", "present", "edited", "prior", "progress",
        "arrived",
    }  # fmt: skip
    json.dumps(found)


@pytest.mark.parametrize(
    ("text", "studies"),
    [("roe", [2]), ("P1", [1]), ("effusion", [1]), ("doe jane", [1, 3]), ("20250101", [2]), ("%", []), ("_", [])],
)
def test_the_worklist_finds_words(still: Department, text: str, studies: list[int]) -> None:
    found = shelf(still).worklist(text=text)
    if text == "_":  # no wildcard: every summary that has an underscore, and nothing else
        assert found["total"] < 3
        return
    assert [row["id"] for row in found["rows"]] == [films.study_uid(n) for n in studies]


def test_the_worklist_filters_and_pages(still: Department) -> None:
    made = shelf(still)
    assert [row["id"] for row in made.worklist(state="read")["rows"]] == [ONE]
    page = made.worklist(limit=1, offset=1)
    assert (page["total"], [row["id"] for row in page["rows"]]) == (3, [ONE])
    assert {row["state"] for row in made.worklist()["rows"]} <= set(STATES)
    assert made.features() == {"worklist": True, "jobs": True, "signout": True}
    assert made.start() == ""


def test_a_sheet_shows_films_findings_and_files(still: Department) -> None:
    made = shelf(still)
    sheet = made.sheet(ONE)
    assert sheet["label"] == "Doe Jane"
    assert [film["view"] for film in sheet["films"]] == ["PA", "LL"]
    assert sheet["made_by"] == {"name": "odd", "version": "1"}
    film = sheet["films"][0]["id"]
    assert made.dicom(ONE, film).read_bytes() == still.archive.path(film).read_bytes()
    assert made.thumbnail(ONE, film).startswith(b"\x89PNG")
    assert {file["kind"] for file in sheet["files"]} >= {"sr", "gsps", "html"}
    assert made.file(ONE, "report-sr.dcm").is_file()
    waiting = made.sheet(films.study_uid(2))
    assert (waiting["state"], waiting["findings"], len(waiting["films"])) == ("waiting", [], 1)
    json.dumps([sheet, waiting])


@pytest.mark.parametrize("name", ["../../index.db", "/etc/passwd", ".", "", "nothing.dcm", "study.json/../study.json"])
def test_no_path_leads_out_of_a_studys_folder(still: Department, name: str) -> None:
    with pytest.raises(MissingError):
        shelf(still).file(ONE, name)
    with pytest.raises(MissingError):
        shelf(still).sheet(name)
    with pytest.raises(MissingError):
        shelf(still).dicom(ONE, name)
    with pytest.raises(MissingError):
        shelf(still).layer(ONE, films.sop_uid(1, 1), name)


def test_a_reading_is_saved_on_the_revision_that_was_seen(ward: Department) -> None:
    made = shelf(ward)
    assert len(made.draft(ONE, [ADD])["findings"]) == 2
    assert made.sheet(ONE)["revision"] == 0  # a draft stores nothing
    saved = made.save(ONE, [ADD], revision=0, final=False, editor="Dr A")
    assert (saved["state"], saved["revision"], len(saved["edits"])) == ("edited", 1, 1)
    with pytest.raises(Moved):
        made.save(ONE, [ADD], revision=0, final=False, editor="Dr B")
    assert made.worklist(text="pneumothorax")["rows"][0]["edited"] is True
    with pytest.raises(Moved, match="still being read"):
        made.save(films.study_uid(2), [ADD], revision=0, final=False, editor="Dr A")


def test_two_readers_at_once_cannot_both_save(ward: Department) -> None:
    made = shelf(ward)
    seen = ledger.row(ward.archive.database, ONE)
    result = ledger.Result("edited", "", "{}")
    puts: list[int] = []
    for who in (1, 2):
        ledger.saved(ward.archive.database, ONE, result, revision=seen.revision, place=lambda who=who: puts.append(who))
    assert puts == [1]
    with pytest.raises(Moved):
        made.save(ONE, [ADD], revision=7, final=False, editor="Dr A")
    place = results.folder_of(ward.root, ONE)
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_a_signed_report_goes_to_the_archive_and_to_whom_it_concerns(ward: Department) -> None:
    made = shelf(ward, Destination("pacs", "PACS", "127.0.0.1", 1))
    before = len(list(ward.archive.layout.instances.rglob("*.dcm")))
    signed = made.save(ONE, [ADD], revision=0, final=True, editor="Dr A")
    assert signed["state"] == "final"
    assert len(list(ward.archive.layout.instances.rglob("*.dcm"))) > before
    ordered = ward.jobs.rows(kind="deliver")
    assert [job.order.details["destination"] for job in ordered] == ["pacs"]
    assert made.sheet(ONE)["state"] == "final"


def test_jobs_are_cancelled_and_repeated_from_the_page(ward: Department) -> None:
    made = shelf(ward)
    job = next(job for job in ward.arrivals.look() if ward.jobs.find(job).order.subject == films.study_uid(2))
    assert made.cancel(job, by="admin").state == "cancelled"
    assert made.sheet(films.study_uid(2))["reason"] == "reading cancelled by admin"
    assert ward.arrivals.look() == []  # a cancelled study is not ordered by itself
    again = made.retry(job)
    assert (again.state, ward.state(2)) == ("waiting", "waiting")
    assert again.id != job
    with pytest.raises(MissingError, match="no jobs"):
        ArchiveShelf(ward.archive, ward.root).retry(job)
    with pytest.raises(InputError):
        made.cancel(job, by="admin")


def test_a_deleted_study_leaves_nothing_behind(ward: Department) -> None:
    made = shelf(ward)
    ward.archive.after_delete.append(made.forget)
    made.save(ONE, [ADD], revision=0, final=False, editor="Dr A")
    ward.send(films.film(1, 5))
    ward.arrivals.look()
    read(ward)  # and beside the reader's
    folder = results.folder_of(ward.root, ONE)
    assert results.beside(folder).is_dir()
    assert ward.jobs.rows(subject=ONE)
    ward.archive.delete(ONE)
    assert list(folder.parent.iterdir()) == []
    assert ward.jobs.rows(subject=ONE) == []
    assert {job.order.subject for job in ward.jobs.rows()} == {films.study_uid(2)}
    with pytest.raises(MissingError):
        made.sheet(ONE)
    assert made.worklist()["total"] == 2


def test_news_of_what_another_process_does_reaches_every_page(ward: Department) -> None:
    watch = Watch(ward.archive.database, look_s=0.05)

    async def hear(count: int) -> list[dict[str, object]]:
        heard: list[dict[str, object]] = []
        async for news in watch.bell.listen():
            if news:
                heard.append(dict(news))
            if len(heard) == count:
                return heard
        return heard

    async def both() -> list[list[dict[str, object]]]:
        listeners = [asyncio.create_task(hear(2)) for _ in range(2)]
        await asyncio.sleep(0)
        watch.look()
        films_of = ledger.films_of(ward.archive.database, films.study_uid(2))
        ledger.claim(ward.archive.database, films_of, "a job", attempt=1)
        watch.look()
        assert watch.look() == 0  # nothing new, nothing told
        ledger.give_up(ward.archive.database, films.study_uid(2), "a job", state="failed", reason="why")
        watch.look()
        return list(await asyncio.gather(*listeners))

    one, two = asyncio.run(both())
    assert one == two
    assert [(news["state"], news["reason"]) for news in one] == [("reading", ""), ("failed", "why")]
    assert one[0]["progress"] == 0.0


def test_a_watch_runs_by_itself_and_ends_its_streams(ward: Department) -> None:
    heard: list[object] = []

    async def listen(watch: Watch) -> None:
        heard.extend([news["state"] async for news in watch.bell.listen() if news])

    async def whole() -> None:
        watch = Watch(ward.archive.database, look_s=0.02).start()
        listener = asyncio.create_task(listen(watch))
        while watch._known is None:
            await asyncio.sleep(0.01)
        ledger.give_up(ward.archive.database, films.study_uid(2), "", state="failed", reason="")
        while watch._known.get(films.study_uid(2), ("",))[0] != "failed":
            await asyncio.sleep(0.01)
        await asyncio.to_thread(watch.stop)
        await asyncio.wait_for(listener, 30)

    asyncio.run(whole())
    assert heard == ["failed"]


def test_only_administrators_cancel_and_repeat_jobs(ward: Department) -> None:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from hilum.app.serve.job_api import router
    from hilum.app.view.api import errors
    from hilum.app.view.source import Session

    roles = {"a": ("admin",), "r": ("reader",)}
    app = FastAPI()
    errors(app)
    asked = router(
        shelf(ward), ward.jobs, who=lambda request: Session("x", roles[request.headers["x-role"]], csrf="token")
    )
    app.include_router(asked)
    page = TestClient(app)
    job = ward.arrivals.look()[0]
    rows = page.get("/api/jobs", headers={"x-role": "r"}).json()["rows"]
    assert job in [row["id"] for row in rows]
    assert {"id", "study", "state", "attempts", "reason", "started"} <= set(rows[0])
    write = {"x-hilum-csrf": "token", "x-role": "a"}
    assert page.post(f"/api/jobs/{job}/cancel", headers={**write, "x-role": "r"}).status_code == 403
    assert page.post(f"/api/jobs/{job}/cancel", headers={"x-role": "a"}).status_code == 403  # no token
    assert ward.jobs.find(job).state == "waiting"
    assert page.post(f"/api/jobs/{job}/cancel", headers=write).json()["state"] == "cancelled"
    assert page.post(f"/api/jobs/{job}/cancel", headers=write).status_code == 400
    assert page.post(f"/api/jobs/{job}/retry", headers=write).json()["state"] == "waiting"
    assert page.post("/api/jobs/nothing/retry", headers=write).status_code == 404
    assert page.get("/api/jobs?kind=other", headers=write).status_code in (400, 422)

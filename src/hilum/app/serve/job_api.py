"""The jobs' part of the API: what waits, runs and failed; administrators cancel and repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Query, Request

from hilum.app.serve.jobs import Jobs
from hilum.app.serve.shelf import ArchiveShelf
from hilum.app.view.api import Refusal, check_write
from hilum.app.view.source import Session


def router(shelf: ArchiveShelf, jobs: Jobs, *, who: Callable[[Request], Session]) -> APIRouter:
    """Return the routes `api/jobs`, `api/jobs/{id}/cancel` and `api/jobs/{id}/retry`.

    Args:
        shelf: shows what becomes of a study.
        jobs: the queue.
        who: tells who asks; raises `Refusal` (401, 403) where nobody may.
    """

    def session(request: Request) -> Session:
        return who(request)

    def listed(
        study: str = Query("", max_length=64), kind: str = Query("", pattern="^(read|deliver)?$"),
        limit: int = Query(100, ge=1, le=1000), offset: int = Query(0, ge=0, le=10_000_000),
    ) -> dict[str, Any]:  # fmt: skip
        return {"rows": [job.row() for job in jobs.rows(limit=limit, offset=offset, subject=study, kind=kind)]}

    def cancel(job_id: str, request: Request, seen: Session = Depends(session)) -> dict[str, Any]:
        _administrator(request, seen)
        return shelf.cancel(job_id, by=seen.user).row()

    def retry(job_id: str, request: Request, seen: Session = Depends(session)) -> dict[str, Any]:
        _administrator(request, seen)
        return shelf.retry(job_id).row()

    made = APIRouter(prefix="/api/jobs", dependencies=[Depends(session)])
    made.add_api_route("", listed, methods=["GET"])
    made.add_api_route("/{job_id}/cancel", cancel, methods=["POST"])
    made.add_api_route("/{job_id}/retry", retry, methods=["POST"])
    return made


def _administrator(request: Request, seen: Session) -> None:
    check_write(request, seen)
    if "admin" not in seen.roles:
        raise Refusal(403, f"'{seen.user}' may not cancel or repeat jobs", "Ask an administrator.")

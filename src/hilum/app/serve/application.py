"""The server's web application: page, API, DICOMweb, jobs and administration behind one door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from hilum import __version__
from hilum.app.serve import signin
from hilum.app.serve.access import Access, Person
from hilum.app.serve.database import FullError, UnavailableError
from hilum.app.serve.department import Department
from hilum.app.serve.dicomweb_route import UploadLimits
from hilum.app.serve.dicomweb_router import router as dicomweb
from hilum.app.serve.job_api import router as job_api
from hilum.app.serve.limits import Counter, Headers, Prefix, Rates, Uploads
from hilum.app.serve.oidc import Provider
from hilum.app.serve.settings import Settings
from hilum.app.view.api import Refusal, errors, failure
from hilum.app.view.api import router as room
from hilum.app.view.page import page_router
from hilum.app.view.source import Session
from hilum.core.errors import need

try:
    from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
    from fastapi.responses import RedirectResponse
except ImportError:
    raise need("fastapi", "serve", "the server") from None

_STATE = "hilum_oidc"


def application(settings: Settings, department: Department, access: Access) -> Any:
    """Return the whole as an ASGI application.

    Args:
        settings: see there.
        department: what it shows and steers; started and stopped by the caller.
        access: who may come in.
    """
    secure = bool(settings.http.certificate or settings.http.trusted_proxies)
    app = FastAPI(
        title="Hilum", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
        description="Reading room, jobs and DICOMweb. Research use only.",
    )  # fmt: skip
    errors(app)
    app.add_exception_handler(_ToSignIn, _to_sign_in)
    app.add_exception_handler(UnavailableError, _away)
    app.add_exception_handler(FullError, _full)
    who = _audited(access, department)
    provider = Provider(settings.oidc) if settings.oidc.issuer else None
    wrong = Counter(settings.limits.sign_ins_per_minute)
    app.include_router(room(department.shelf, who=who, events=department.watch.bell.listen))
    if department.jobs is not None:
        app.include_router(job_api(department.shelf, department.jobs, who=who))
    app.include_router(_administration(department, access))
    app.include_router(_described(app, access))
    uploads = UploadLimits(total_bytes=settings.limits.upload_mb * 2**20, idle_s=settings.limits.silence_seconds)
    app.include_router(
        dicomweb(
            department.archive,
            who,
            limits=uploads,
            audit=_told(department),
            after_upload=department.settled,
            public_url=settings.http.public_url,
        )
    )
    app.include_router(signin.router(access, department.audit, wrong, secure=secure, provider=provider is not None))
    if provider is not None:
        app.include_router(_oidc(provider, access, department, settings, secure))
    app.include_router(_health(department))
    app.include_router(page_router(prefix=settings.http.prefix), dependencies=[Depends(_page_door(access))])
    limits = settings.limits
    made: Any = Uploads(app, most_bytes=limits.upload_mb * 2**20, silence_s=limits.silence_seconds)
    made = Rates(made, per_minute=limits.requests_per_minute)
    return Headers(Prefix(made, prefix=settings.http.prefix), tls=secure)


def _audited(access: Access, department: Department) -> Callable[[Request], Session]:
    """Tell who asks, and write down who opened and who saved which study."""

    def who(request: Request) -> Session:
        seen = access.who(request)
        study = str(request.path_params.get("study_id", ""))
        end = request.url.path.rsplit("/", 1)[-1]
        if study and (request.method == "PUT" or end in (study, "dicom")):
            what = "save" if request.method == "PUT" else "open" if end == study else "film"
            department.audit.note(seen.user, what, study=study)
        if request.method == "POST" and "job_id" in request.path_params and "admin" in seen.roles:
            department.audit.note(seen.user, end, job=str(request.path_params["job_id"])[:80])
        return seen

    return who


def _told(department: Department) -> Callable[[str, str, str], None]:
    def told(user: str, what: str, study: str) -> None:
        department.audit.note(user, what, study=study, by="dicomweb")

    return told


def _page_door(access: Access) -> Callable[[Request], None]:
    """Send a browser that nobody has signed in at to the form; the page's own files hold nothing secret."""

    def door(request: Request) -> None:
        if request.url.path.rsplit("/", 1)[-1] not in ("", "index.html"):
            return
        try:
            access.person(request)
        except Refusal:
            raise _ToSignIn from None

    return door


class _ToSignIn(Refusal):
    """Nobody is signed in; a browser is shown where."""

    def __init__(self) -> None:
        super().__init__(401, "nobody is signed in", "Sign in.")


def _to_sign_in(request: Request, _error: Exception) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/signin", 303, {"Cache-Control": "no-store"})


def _away(_request: Request, _error: Exception) -> Response:
    """Say that the database is away, but not to everybody where it lives."""
    told = "the database does not answer; nothing was changed"
    return failure(503, told, "Try again in a moment; an administrator can look at the database.", {"Retry-After": "5"})


def _full(_request: Request, error: Exception) -> Response:
    return failure(507, str(error), "An administrator must free space.")


def _administration(department: Department, access: Access) -> APIRouter:
    made = APIRouter(prefix="/api", tags=["administration"])

    def audit(seen: Person = Depends(access.admin), limit: int = Query(200, ge=1, le=5000)) -> dict[str, Any]:
        return {"rows": department.audit.last(limit)}

    def delete(study_id: str, seen: Person = Depends(access.admin)) -> Response:
        department.archive.delete(study_id)
        department.audit.note(seen.name, "delete", study=study_id)
        return Response(status_code=204)

    made.add_api_route("/audit", audit, methods=["GET"], name="audit")
    made.add_api_route("/studies/{study_id}", delete, methods=["DELETE"], status_code=204, response_class=Response)
    return made


def _described(app: FastAPI, access: Access) -> APIRouter:
    made = APIRouter(include_in_schema=False)

    def described(request: Request) -> Mapping[str, Any]:
        access.person(request)
        return {**app.openapi(), "servers": [{"url": request.scope.get("root_path", "") or "/"}]}

    made.add_api_route("/api/openapi.json", described, methods=["GET"], response_model=None)
    return made


def _health(department: Department) -> APIRouter:
    made = APIRouter(include_in_schema=False)

    def health() -> dict[str, str]:
        department.database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
        return {"status": "ok"}

    made.add_api_route("/health", health, methods=["GET"])
    return made


def _oidc(provider: Provider, access: Access, department: Department, settings: Settings, secure: bool) -> APIRouter:
    made = APIRouter(prefix="/oidc", include_in_schema=False)

    def back_url(request: Request) -> str:
        return settings.oidc.redirect_url or f"{str(request.base_url).rstrip('/')}/oidc/back"

    async def go(request: Request) -> Response:
        url, state = await asyncio.to_thread(provider.begin, back_url(request))
        answer = RedirectResponse(url, 303)
        path = f"{request.scope.get('root_path', '')}/oidc"
        answer.set_cookie(_STATE, state, max_age=600, path=path, httponly=True, secure=secure, samesite="lax")
        return answer

    async def back(request: Request, code: str = "", state: str = "") -> Response:
        cookie = request.cookies.get(_STATE, "")
        person = await asyncio.to_thread(
            provider.finish, code=code, state=state, cookie=cookie, redirect_url=back_url(request)
        )
        await asyncio.to_thread(department.audit.note, person.name, "sign-in", by="oidc")
        return signin.let_in(request, access, person, secure=secure, by="oidc")

    made.add_api_route("/go", go, methods=["GET"])
    made.add_api_route("/back", back, methods=["GET"])
    return made

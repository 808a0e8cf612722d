"""Rendered resources of WADO-RS: a film as PNG or JPEG with a window of the reader's, and thumbnails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from fastapi import APIRouter, Depends, Request, Response

from hilum.app.serve import dicomweb_pixels as pixels
from hilum.app.serve.archive_query import Located, locate
from hilum.app.serve.dicomweb_media import RequestError
from hilum.app.serve.dicomweb_route import HEADERS, Route, Service, Uid, aside, wanted
from hilum.core.errors import InputError, MissingError
from hilum.core.image import VoiFunction, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {"image/png": "image/png", "image/jpeg": "image/jpeg", "*/*": "image/jpeg", "image/*": "image/jpeg"}
_LARGEST, _THUMBNAIL = 8_192, 256


def add_rendered(router: APIRouter, service: Service) -> None:
    """Add rendered instances, frames and thumbnails to a router."""

    async def rendered(
        request: Request, study: Uid, series: Uid, instance: Uid, seen: Any = Depends(service.seen)
    ) -> Response:
        """Retrieve a film as a picture."""
        if request.path_params.get("numbers", "1") != "1":
            raise MissingError("A film has one frame, counted from 1.")
        (one,) = await _found(service, study, series, instance)
        window, box = _window(request.query_params), _viewport(request.query_params)
        return await _picture(request, service, one, (window, box), _quality(request.query_params))

    async def study_thumbnail(request: Request, study: Uid, seen: Any = Depends(service.seen)) -> Response:
        """Retrieve a small picture of a study's first film."""
        return await _thumbnail(request, service, study)

    async def series_thumbnail(
        request: Request, study: Uid, series: Uid, seen: Any = Depends(service.seen)
    ) -> Response:
        """Retrieve a small picture of a series' first film."""
        return await _thumbnail(request, service, study, series)

    async def thumbnail(
        request: Request, study: Uid, series: Uid, instance: Uid, seen: Any = Depends(service.seen)
    ) -> Response:
        """Retrieve a small picture of a film."""
        return await _thumbnail(request, service, study, series, instance)

    told: dict[str, Any] = {"methods": ["GET"], "response_class": Response, "route_class_override": Route}
    of_study, of_series = "/studies/{study}", "/studies/{study}/series/{series}"
    of_instance = of_series + "/instances/{instance}"
    for place, work in (
        (of_instance + "/rendered", rendered),
        (of_instance + "/frames/{numbers}/rendered", rendered),
        (of_study + "/thumbnail", study_thumbnail),
        (of_series + "/thumbnail", series_thumbnail),
        (of_instance + "/thumbnail", thumbnail),
    ):
        router.add_api_route(place, work, name="dicomweb_" + re.sub(r"\W+", "_", place).strip("_"), **told)


async def _found(service: Service, *uids: str) -> list[Located]:
    found: list[Located] = await aside(locate, service.archive.database, *uids)
    if not found:
        raise MissingError("This is not in the archive.")
    return found


async def _thumbnail(request: Request, service: Service, *uids: str) -> Response:
    found = await _found(service, *uids)
    films = [one for one in found if one.film] or [one for one in found if one.pixels]
    if not films:
        raise MissingError("There is no picture in it.")
    box = _viewport(request.query_params) or (_THUMBNAIL, _THUMBNAIL)
    return await _picture(request, service, films[0], (None, box), 80)


async def _picture(
    request: Request,
    service: Service,
    one: Located,
    view: tuple[Window | None, tuple[int, int] | None],
    quality: int,
) -> Response:
    kind = next((_KINDS[media.inner] for media in wanted(request) if media.inner in _KINDS), "")
    if not kind or not one.pixels:
        why = "This instance is no picture." if kind else "Pictures are PNG or JPEG, which are not accepted."
        raise RequestError(406, why, "Accept image/png or image/jpeg.")
    path = service.archive.layout.named(one.file)

    def draw() -> bytes:
        return pixels.picture(path, kind=kind, window=view[0], box=view[1], quality=quality)

    return Response(await aside(draw, limiter=service.pictures), media_type=kind, headers=HEADERS)


def _window(parameters: Mapping[str, str]) -> Window | None:
    """Read 'center,width,function' (PS3.18 8.3.5.1.4)."""
    value = parameters.get("window", "")
    if not value:
        return None
    parts = [part.strip() for part in value.split(",")]
    function: Any = (parts[2:] or ["LINEAR"])[0].upper().replace("-", "_")
    try:
        if len(parts) not in (2, 3) or function not in get_args(VoiFunction):
            raise ValueError
        return Window(float(parts[0]), float(parts[1]), function)
    except (ValueError, InputError):
        raise RequestError(
            400, f"'window' is not usable: {value[:60]!a}.", "Give center,width,linear | linear-exact | sigmoid."
        ) from None


def _viewport(parameters: Mapping[str, str]) -> tuple[int, int] | None:
    """Read 'columns,rows' (PS3.18 8.3.5.1.3); a region of the film cannot be asked for."""
    value = parameters.get("viewport", "")
    if not value:
        return None
    parts = value.split(",")
    if len(parts) != 2 or not all(re.fullmatch(r"[0-9]{1,4}", part) and 1 <= int(part) <= _LARGEST for part in parts):
        raise RequestError(
            400, f"'viewport' is not usable: {value[:60]!a}.", f"Give columns,rows, each 1 to {_LARGEST}."
        )
    return int(parts[0]), int(parts[1])


def _quality(parameters: Mapping[str, str]) -> int:
    value = parameters.get("quality", "90")
    if not re.fullmatch(r"[0-9]{1,3}", value) or not 1 <= int(value) <= 100:
        raise RequestError(400, f"'quality' is not usable: {value[:20]!a}.", "Give 1 to 100.")
    return int(value)

"""WADO-RS: studies, series and instances as files, their headers, bulk data and frames."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from hilum.app.serve import dicomweb_pixels as pixels
from hilum.app.serve.archive_query import Located, locate
from hilum.app.serve.dicomweb_json import attributes, bulk_value, encode, metadata
from hilum.app.serve.dicomweb_media import RequestError, part_head
from hilum.app.serve.dicomweb_route import (
    HEADERS,
    JSON,
    Route,
    Service,
    Uid,
    address,
    aside,
    check_json,
    wanted,
)
from hilum.core.errors import DecodeError, HilumError, MissingError

if TYPE_CHECKING:
    from hilum.app.serve.dicomweb_media import Media

_BLOCK = 256 * 1024
_FILE = "application/dicom"
LEVELS = (
    "/studies/{study}",
    "/studies/{study}/series/{series}",
    "/studies/{study}/series/{series}/instances/{instance}",
)


def add_retrieve(router: APIRouter, service: Service) -> None:
    """Add WADO-RS to a router: files, metadata, bulk data and frames."""

    async def files(request: Request, seen: Any = Depends(service.seen)) -> Response:
        """Retrieve DICOM files."""
        return await _files(request, service, await _found(request, service))

    async def headers(request: Request, seen: Any = Depends(service.seen)) -> Response:
        """Retrieve headers as DICOM JSON."""
        check_json(request)
        found = await _found(request, service)
        return StreamingResponse(_headers(request, service, found), media_type=JSON, headers=HEADERS)

    async def bulk(request: Request, place: str, seen: Any = Depends(service.seen)) -> Response:
        """Retrieve one large value of a header, or the pixels."""
        (one,) = await _found(request, service)
        steps = place.split("/")
        if not re.fullmatch(r"[0-9A-Fa-f]{8}(/[0-9]{1,6}/[0-9A-Fa-f]{8}){0,24}", place):
            raise MissingError("This instance has no such bulk data.")
        if place.upper() == "7FE00010":
            return await _frames(request, service, one, [])
        data = await aside(bulk_value, service.archive.layout.named(one.file), steps, limiter=service.pictures)
        return _parts([data], "application/octet-stream", single=_single(wanted(request)))

    async def frames(request: Request, numbers: str, seen: Any = Depends(service.seen)) -> Response:
        """Retrieve frames by number, from 1."""
        (one,) = await _found(request, service)
        if not re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6}){0,999}", numbers):
            raise RequestError(400, "Frames are named by numbers with commas, e.g. frames/1,2.")
        return await _frames(request, service, one, [int(number) for number in numbers.split(",")])

    told: dict[str, Any] = {"methods": ["GET"], "response_class": Response, "route_class_override": Route}
    for level, name in zip(LEVELS, ("study", "series", "instance"), strict=True):
        dependencies = [
            Depends(check) for check in (_check_study, _check_series, _check_instance)[: 1 + LEVELS.index(level)]
        ]
        router.add_api_route(level, files, name=f"dicomweb_{name}", dependencies=dependencies, **told)
        router.add_api_route(
            f"{level}/metadata", headers, name=f"dicomweb_{name}_metadata", dependencies=dependencies, **told
        )
    checks = [Depends(check) for check in (_check_study, _check_series, _check_instance)]
    router.add_api_route(
        LEVELS[2] + "/bulkdata/{place:path}", bulk, name="dicomweb_bulkdata", dependencies=checks, **told
    )
    router.add_api_route(LEVELS[2] + "/frames/{numbers}", frames, name="dicomweb_frames", dependencies=checks, **told)


def _check_study(study: Uid) -> None:
    """Name the parameter of the address, so that what is no UID is refused and the OpenAPI page lists it."""


def _check_series(series: Uid) -> None:
    """Name the parameter of the address."""


def _check_instance(instance: Uid) -> None:
    """Name the parameter of the address."""


async def _found(request: Request, service: Service) -> list[Located]:
    """Return the instances that the address names, or raise 404."""
    named = [request.path_params.get(name, "") for name in ("study", "series", "instance")]
    found: list[Located] = await aside(locate, service.archive.database, *named)
    if not found:
        raise MissingError("This is not in the archive.")
    return found


async def _files(request: Request, service: Service, found: list[Located]) -> Response:
    media, layout = wanted(request), service.archive.layout
    chosen = next((one for one in media if one.inner in (_FILE, "", "*/*", "application/*", "multipart/related")), None)
    if chosen is None:
        raise RequestError(406, "What is kept is DICOM files.", f'Accept multipart/related; type="{_FILE}".')
    syntax = chosen.syntax
    if chosen.name == _FILE:
        if len(found) > 1:
            raise RequestError(406, "There are several files.", f'Accept multipart/related; type="{_FILE}".')
        data, given = await aside(_in_syntax, service, found[0], syntax, limiter=service.pictures)
        told = f"{_FILE}; transfer-syntax={given}"
        if data is not None:
            return Response(data, media_type=told, headers=HEADERS)
        return FileResponse(layout.named(found[0].file), media_type=told, headers=HEADERS)
    if len(found) == 1:  # so that what cannot be given is refused, not sent in another form
        await aside(_in_syntax, service, found[0], syntax, limiter=service.pictures)
    elif syntax not in ("", "*", pixels.PLAIN) and any(one.syntax != syntax for one in found):
        raise RequestError(406, "Not every file is stored in this transfer syntax.", "Accept transfer-syntax=*.")
    boundary = secrets.token_hex(16)
    body = _stream(request, service, found, syntax, boundary)
    told = f'multipart/related; type="{_FILE}"; boundary={boundary}'
    return StreamingResponse(body, media_type=told, headers=HEADERS)


def _in_syntax(service: Service, one: Located, syntax: str) -> tuple[bytes | None, str]:
    return pixels.in_syntax(service.archive.layout.named(one.file), one.syntax, syntax)


def _stream(request: Request, service: Service, found: list[Located], syntax: str, boundary: str) -> Iterator[bytes]:
    for one in found:
        path = service.archive.layout.named(one.file)
        if not path.exists():  # deleted while it was being sent
            continue
        try:
            data, given = pixels.in_syntax(path, one.syntax, syntax)
        except HilumError:  # what cannot be decoded goes out as it is; its part says in which syntax
            data, given = None, one.syntax
        place = address(request, service, one.study, one.series, one.uid)
        yield part_head(boundary, f"{_FILE}; transfer-syntax={given}", place)
        if data is not None:
            yield data
        else:
            with path.open("rb") as stream:
                yield from iter(lambda opened=stream: opened.read(_BLOCK), b"")  # type: ignore[misc]
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode("ascii")


def _headers(request: Request, service: Service, found: list[Located]) -> Iterator[bytes]:
    """Yield a JSON array, one instance at a time."""
    before = b"["
    for one in found:
        path = service.archive.layout.named(one.file)
        place = address(request, service, one.study, one.series, one.uid)
        try:
            told = metadata(path, f"{place}/bulkdata", pixels=one.pixels)
        except DecodeError:  # what the index knows is better than no series at all
            told = attributes(
                {
                    **{"SOPClassUID": one.sop_class, "SOPInstanceUID": one.uid},
                    **{"StudyInstanceUID": one.study, "SeriesInstanceUID": one.series},
                }
            )
        yield before + encode(told)
        before = b","
    yield b"]"


async def _frames(request: Request, service: Service, one: Located, numbers: list[int]) -> Response:
    media = wanted(request)
    path = service.archive.layout.named(one.file)
    found: pixels.Frames = await aside(pixels.frames, path, numbers, media, limiter=service.pictures)
    return _parts(found.data, found.content_type, single=len(found.data) == 1 and _single(media))


def _single(media: list[Media]) -> bool:
    """Tell whether the best that is accepted is one value without a multipart around it."""
    return media[0].name in ("application/octet-stream",) or media[0].name.startswith("image/")


def _parts(values: list[bytes], content_type: str, *, single: bool) -> Response:
    if single:
        return Response(values[0], media_type=content_type, headers=HEADERS)
    boundary = secrets.token_hex(16)
    body = b"".join(part for value in values for part in (part_head(boundary, content_type), value, b"\r\n"))
    inner = content_type.split(";", 1)[0]
    told = f'multipart/related; type="{inner}"; boundary={boundary}'
    return Response(body + f"--{boundary}--\r\n".encode("ascii"), media_type=told, headers=HEADERS)

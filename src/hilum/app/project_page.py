"""The page of one projected CT: its films with structures drawn over them, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hilum.app.markup import Html, element, join
from hilum.app.page_film import Drawn, figure, hung, spacing
from hilum.app.page_shell import COMPUTED, document
from hilum.app.project_case import Film, Projected
from hilum.app.project_geometry import geometry_picture
from hilum.app.project_labels import Inserted
from hilum.core.finding import Finding

_TINTS = ("#e69f00", "#56b4e9", "#00c88c", "#f0e442", "#ff8a5c", "#e79ac8", "#9fd0ff", "#c8e06a")


def projected_page(projected: Projected, record: Mapping[str, Any]) -> str:
    """Return one HTML file that shows the films of a CT; it asks for nothing from anywhere.

    Args:
        projected: films and structures.
        record: what `drr.json` says.
    """
    names = list(dict.fromkeys(part.name for film in projected.films for part in film.parts))
    films = {film.image.id: film for film in projected.films}
    order = [films[image.id] for image in hung([film.image for film in projected.films])]
    tints = "".join(
        f'[data-f="{number}"], [data-f="{number}"] a {{ --tint: {_TINTS[(number - 1) % len(_TINTS)]} !important; }}\n'
        for number in range(1, len(names) + 1)
    )
    remarks = projected.remarks
    return document(
        "projection",
        f"Projected CT: {projected.case.id}",
        caution=COMPUTED,
        label=projected.case.id,
        tints=Html(tints),
        stage=_stage(order, names),
        alerts=element("ul", *[element("li", each) for each in remarks], class_="alerts") if remarks else "",
        counts=f"{len(names)} on {len(order)} film{'s' if len(order) > 1 else ''}",
        structures=_list(order, names),
        made=_made(projected, order, record),
    )


def _stage(films: list[Film], names: list[str]) -> Html:
    columns = min(len(films), 2)
    shown = []
    for film in films:
        drawn = [
            Drawn(names.index(part.name) + 1, Finding(part.name), (part.shadow.mask(),))
            for part in film.parts
            if part.shadow.area_px
        ]
        turned = f", turned {film.angles_deg}" if any(film.angles_deg) else ""
        shown.append(figure(film.image, name=f"{film.name}.png", when=f"projected{turned}", drawn=drawn))
    return element("div", *shown, class_="group now", style=f"--cols:{columns};--alone:{columns}")


def _list(films: list[Film], names: list[str]) -> Html:
    rows = []
    for number, name in enumerate(names, 1):
        found = [(film, part) for film in films for part in film.parts if part.name == name]
        members = next(part.members for _, part in found)
        facts = [f"{film.name}: {_extent(film, part.shadow.area_px)}, up to {part.shadow.path_mm.max():.0f} mm deep"
                 for film, part in found]  # fmt: skip
        inserted = found[0][1].inserted
        facts += [f"{len(members)} structures"] if len(members) > 1 and not inserted else []
        facts += _told(inserted) if inserted else []
        parts = [
            element("span", number, class_="number"),
            element("span", name.replace("_", " "), class_="concept"),
            element("span", *[element("span", each, class_="fact") for each in facts], class_="facts"),
        ]
        link = element("a", *parts, href=f"#finding={number}")
        rows.append(element("li", link, id=f"finding={number}", class_="finding present", data_f=number))
    return element("ol", *rows) if rows else element("p", "No structures were asked for.", class_="empty")


def _told(inserted: Inserted) -> list[str]:
    return [
        "critical if retained" if inserted.critical else "not critical",
        inserted.site,
        f"inserted as {' and '.join(inserted.materials)}",
    ]


def _extent(film: Film, area: int) -> str:
    if not area:
        return "not on this film"
    down, along = film.geometry.pitch_mm
    scale = film.geometry.magnification
    seen_mm2 = area * down * along / scale**2
    size = f"{seen_mm2 / 100:.0f} cm²" if seen_mm2 >= 100 else f"{seen_mm2:.0f} mm²"
    return f"{size} at the isocentre"


def _made(projected: Projected, films: list[Film], record: Mapping[str, Any]) -> Html:
    made = record["made_from"]
    seen = projected.ct.hounsfield
    peaks = (
        f"air at {seen.air_hu:g}, soft tissue at {seen.soft_tissue_hu:g} HU" if seen.air_hu is not None else seen.scale
    )
    pairs: list[tuple[str, object]] = [
        ("CT", f"{made['file']}, {' × '.join(map(str, made['voxels']))} voxels of "
               f"{' × '.join(f'{step:.3g}' for step in made['spacing_mm'])} mm"),
        ("Values", peaks),
        ("Collection", made.get("collection", "")), ("Licence", made.get("licence", "")),
        ("Citation", made.get("citation", "")), ("Software", f"Hilum {record['hilum']}"),
    ]  # fmt: skip
    for film in films:
        geometry = film.geometry
        beam = (
            "parallel rays" if geometry.parallel else
            f"source to detector {geometry.source_detector_mm:.0f} mm, to isocentre {geometry.source_isocentre_mm:.0f} "
            f"mm, magnification {geometry.magnification:.3f}"
        )  # fmt: skip
        told = (spacing(film.image), beam, f"physics {film.parameters.get('physics', 'raw')}")
        pairs.append((f"Film {film.name}", " · ".join(told)))
    listed = element("dl", *[join([element("dt", name), element("dd", value)]) for name, value in pairs if value])
    volume = projected.ct.volume
    drawings = [Html(geometry_picture(film.geometry, volume.affine, volume.voxels.shape)) for film in films[:4]]
    return join([listed, element("div", *drawings, class_="drawing")])

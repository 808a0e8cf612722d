"""Foreign objects and devices of `hilum project --insert`: what a name stands for, where it comes to lie, its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from hilum.app.project_labels import Inserted, Part
from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.data.ct_structures import Layers
from hilum.drr import lines, objects, placing
from hilum.drr.insert import Insertion
from hilum.drr.labels import Shadow
from hilum.drr.objects import Thing
from hilum.drr.solids import Solid
from hilum.io.mesh import KINDS, read_mesh

_ALIASES = {
    "ett": "endotracheal tube", "cvc": "central venous catheter", "central line": "central venous catheter",
    "ngt": "nasogastric tube", "ng tube": "nasogastric tube", "scissors": "scissors tip", "lap": "lap pad",
    "ecg": "ecg dots", "wires": "sternal wires",
}  # fmt: skip
MATTER = {
    "steel": objects.STEEL, "titanium": objects.TITANIUM, "gold": objects.GOLD, "barium": objects.BARIUM,
    "plastic": objects.PLASTIC, "pvc": objects.PVC, "silicone": objects.SILICONE, "cotton": objects.COTTON,
}  # fmt: skip
"""What an own mesh may be of, by the word after its name: material of the beam and g/cm3."""
_INSIDE = ("pleura", "mediastinum", "below the diaphragm")
_WORN = "skin in front"
_USUAL: dict[str, tuple[float, float]] = {
    "necklace": (0.5, 0.8), "buttons": (0.5, 0.55), "zipper": (0.5, 0.55), "ecg dots": (0.52, 0.6),
    "pacemaker can": (0.72, 0.8),
}  # fmt: skip
"""Where on the chest a thing is worn: shares of its breadth from the patient's right, and of its height."""
_SMALLEST_MM, _LARGEST_MM = 0.2, 1000.0


@dataclass(frozen=True)
class Lying:
    """An object in its place in the patient.

    Args:
        name: unlike that of any other object of this CT.
        site: where, in words.
        thing: its bodies in patient mm.
    """

    name: str
    site: str
    thing: Thing


def names() -> tuple[str, ...]:
    """Return every name `--insert` knows: objects, then lines and devices that are laid along the anatomy."""
    return (*objects.names(), *lines.KINDS)


def known(word: str) -> str:
    """Return the name that a word of `--insert` stands for; a mesh file stands for itself.

    Raises:
        InputError: if nothing is called so; the sentence offers the nearest.
    """
    path, _ = _mesh(word)
    if path is not None:
        if not path.is_file():
            raise InputError(f"--insert: there is no file '{path}'")
        return word
    plain = " ".join(word.lower().replace("-", " ").replace("_", " ").split())
    found = _ALIASES.get(plain, plain)
    if found not in names():
        raise InputError(f"--insert knows no '{word}'{_hint(plain, (*names(), *_ALIASES))}; an own mesh is given as "
                         "part.stl or part.stl:titanium")  # fmt: skip
    return found


def _hint(word: str, there: Sequence[str]) -> str:
    """The nearest name, or all there are."""
    near = get_close_matches(word, there, n=1, cutoff=0.5)
    return f": did you mean '{near[0]}'?" if near else f": choose from {', '.join(dict.fromkeys(there))}"


def _mesh(word: str) -> tuple[Path | None, str]:
    """The file of an own mesh and the word for its matter; None for a name."""
    path, _, matter = word.rpartition(":")
    if path and matter.lower() in MATTER and Path(path).suffix.lower() in KINDS:
        return Path(path), matter.lower()
    if path and Path(path).suffix.lower() in KINDS and "/" not in matter and "\\" not in matter:
        raise InputError(f"--insert '{word}': no matter is called '{matter}'{_hint(matter, tuple(MATTER))}")
    return (Path(word), "steel") if Path(word).suffix.lower() in KINDS else (None, "")


def mesh_files(words: Sequence[str]) -> tuple[Path, ...]:
    """Return the mesh files among the words of `--insert`."""
    return tuple(path for path, _ in map(_mesh, words) if path is not None)


def check(words: Sequence[str], sites: Sequence[str]) -> None:
    """Check names and sites before any CT is read.

    Raises:
        InputError: for a name, file or site that is not known, or sites that do not go with the names.
    """
    for word in words:
        known(word)
    if sites and not words:
        raise InputError("--insert-at says where, but --insert names nothing to put there")
    if len(sites) not in (0, 1, len(words)):
        raise InputError(f"--insert-at takes one place for all or one for each: got {len(sites)} for {len(words)}")
    for site in sites:
        _place(site)


def _place(site: str) -> str | tuple[float, ...]:
    """A site by name, or patient mm."""
    parts = site.split(":")
    if len(parts) == 3:
        try:
            at = tuple(float(part) for part in parts)
        except ValueError:
            at = ()
        if not at or not np.isfinite(at).all():
            raise InputError(f"--insert-at takes three numbers in mm as LEFT:POSTERIOR:HEAD, got '{site}'")
        return at
    plain = " ".join(site.lower().replace("-", " ").replace("_", " ").split())
    if plain not in placing.sites():
        raise InputError(f"--insert-at knows no '{site}'{_hint(plain, placing.sites())}; millimetres of the patient "
                         "are given as LEFT:POSTERIOR:HEAD")  # fmt: skip
    return plain


def lay_out(
    words: Sequence[str], sites: Sequence[str], volume: Volume, layers: Layers, *, seed: int, case: str
) -> tuple[Lying, ...]:
    """Put objects into a patient, once for all of its films.

    Args:
        words: of `--insert`.
        sites: none to draw them, one for all, or one for each; lines and tubes run where their anatomy is.
        volume: the CT.
        layers: its structures; needed inside the body.
        seed: with the name of the case and the number of the object, of shape and place.
        case: id of the CT.

    Raises:
        InputError: if a place or way is not to be found in this CT.
    """
    laid: list[Lying] = []
    for number, word in enumerate(words):
        rng = generator(seed, "insert", case, number)
        given = sites[number if len(sites) > 1 else 0] if sites else ""
        name = known(word)
        if name in lines.KINDS:
            found = [(thing, "along its anatomy") for thing in _along(name, layers, rng)]
        else:
            found = [_put(_made(name, rng), given, volume, layers, rng)]
        for thing, site in found:
            same = sum(each.thing.name == thing.name for each in laid)
            laid.append(Lying(f"{thing.name} {same + 1}" if same else thing.name, site, thing))
    return tuple(laid)


def _made(name: str, rng: np.random.Generator) -> Thing:
    path, matter = _mesh(name)
    if path is None:
        return objects.make(name, rng)
    surface = read_mesh(path)
    size = float(np.ptp(surface.vertices, axis=0).max())
    if not _SMALLEST_MM <= size <= _LARGEST_MM:
        raise InputError(f"'{path.name}' is {size:.3g} mm long: CAD files do not say their unit, and mm is taken; "
                         "scale it to mm first")  # fmt: skip
    middle = (surface.vertices.min(axis=0) + surface.vertices.max(axis=0)) / 2
    return Thing(path.stem, True, (Solid(*MATTER[matter], surface.vertices - middle, surface.faces, part=path.stem),))


def _along(name: str, layers: Layers, rng: np.random.Generator) -> tuple[Thing, ...]:
    """A line through the first layer that holds its anatomy."""
    said = f"laying a {name} needs masks of the CT's structures: give --masks"
    for layer in layers:
        try:
            return lines.lay(name, layer, rng)
        except InputError as error:
            said = str(error)
    raise InputError(f"--insert {name}: {said}")


def _put(
    thing: Thing, given: str, volume: Volume, layers: Layers, rng: np.random.Generator
) -> tuple[Thing, str]:  # fmt: skip
    """An object at its site: the one given, else skin or sternum for what belongs there, else drawn."""
    place = _place(given) if given else ""
    if isinstance(place, tuple):
        at = f"{', '.join(f'{value:g}' for value in place)} mm (left, posterior, head)"
        return thing.moved(rotation=placing.random_rotation(rng), shift_mm=place), at
    usual = ("sternum",) if thing.name == "sternal wires" else _INSIDE if thing.critical else (_WORN,)
    wanted = [place] if place else [usual[int(number)] for number in rng.permutation(len(usual))]
    said = f"--insert {thing.name}: it lies inside the body, which needs masks of structures: give --masks, or " + (
        "--insert-at 'skin in front', or millimetres as LEFT:POSTERIOR:HEAD"
    )
    about = None if place else _USUAL.get(thing.name)
    for site in wanted:
        for layer in layers if site not in placing.SKIN else (None,):
            try:
                return placing.place(thing, site, volume, layer, rng, about=about), site
            except InputError as error:
                said = f"--insert {thing.name}: {error}"
    raise InputError(said)


def parts_of(laid: Sequence[Lying], shown: Sequence[Insertion], *, image: str) -> tuple[Part, ...]:
    """Return each object's shadow on a film as a part to be labelled.

    Args:
        laid: from `lay_out`.
        shown: one for each, from `hilum.drr.insert.insert`.
        image: id of the film.
    """
    return tuple(_part(lying, seen, image) for lying, seen in zip(laid, shown, strict=True))


def _part(lying: Lying, seen: Insertion, image: str) -> Part:
    kind, shape = lying.thing.name, (seen.mask.shape[0], seen.mask.shape[1])
    facts = Inserted(kind, seen.critical, lying.site, tuple(dict.fromkeys(p.material for p in lying.thing.solids)))
    members = tuple(dict.fromkeys(part.part for part in lying.thing.solids if part.part))
    if seen.box is None:
        nothing = Shadow(kind, np.zeros((1, 1), np.float32), np.zeros((1, 1), np.bool_), 0, 0, shape, image)
        return Part(lying.name, members, nothing, facts)
    x0, y0, x1, y1 = (int(value) for value in seen.box)
    cut = (slice(y0, y1), slice(x0, x1))
    shadow = Shadow(kind, seen.path_mm[cut].copy(), seen.mask[cut].copy(), y0, x0, shape, image)
    return Part(lying.name, members, shadow, facts)

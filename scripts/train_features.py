"""Train "fid-local", the small feature network that Hilum's distances between sets of chest films stand on.

    python scripts/train_features.py --data ROOT --out src/hilum/weights/features [--steps 900]

Needs hilum[train]. Only films whose own licence allows released weights are used, and of those only patients of the
pack's train and val splits. The test split is for scripts/check_features.py, which writes the card.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from hilum.core.seed import generator
from hilum.data.pack import PackRow, pack, pixels, rows
from hilum.learn.export import export
from hilum.measure.features import SIZE, squeeze

SHARES = {"nih512": 0.45, "nih64": 0.2, "kermany224": 0.2, "hannover": 0.15}
LABELS = ("Pneumonia", "Infiltration", "Effusion", "Atelectasis", "Edema", "Cardiomegaly", "Nodule", "Mass")
HEADS = {"view": 1, "sex": 1, "age": 1, "labels": len(LABELS), "mirrored": 1, "blur": 1, "noise": 1}
WEIGHTS = {"view": 0.5, "sex": 1.0, "age": 4.0, "labels": 1.0, "mirrored": 0.5, "blur": 1.0, "noise": 1.0}
Array = NDArray[np.float32]


class Features(NamedTuple):
    """What the network gives: (B, 128) features, (B, 64) unit identity, and maps of four layers."""

    features: torch.Tensor
    identity: torch.Tensor
    layer1: torch.Tensor
    layer2: torch.Tensor
    layer3: torch.Tensor
    layer4: torch.Tensor


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; the first may halve the map."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.pass_by = nn.Identity() if before == after and stride == 1 else nn.Conv2d(before, after, 1, stride)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps (B, after, H / stride, W / stride)."""
        inner = functional.relu(self.norms[0](self.first(maps)))
        return functional.relu(self.pass_by(maps) + self.norms[1](self.second(inner)))


class Network(nn.Module):
    """A film (B, 1, 96, 96) in [0, 1] to 128 features with mean 0 and variance 1 over training films."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        widths = ((16, 16, 1), (16, 32, 2), (32, 64, 2), (64, 112, 2))
        self.blocks = nn.ModuleList([Block(*width) for width in widths])
        self.places = nn.Conv2d(112, 24, 1)  # pooled by quarters, so that left stays apart from right
        self.last = nn.Linear(112 + 24 * 4, 128)
        self.norm = nn.BatchNorm1d(128, affine=False)
        self.identity = nn.Linear(128, 64)

    def forward(self, film: torch.Tensor) -> Features:
        """Return features, identity and layer maps."""
        maps = [self.stem((film - 0.5) * 4.0)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        pooled = functional.avg_pool2d(functional.relu(self.places(maps[-1])), 3).flatten(1)
        features = self.norm(self.last(torch.cat([maps[-1].mean((2, 3)), pooled], 1)))
        identity = functional.normalize(self.identity(features), dim=1)
        return Features(features, identity, *maps[1:])


class Films(NamedTuple):
    """Training films with targets, NaN where a film has none; `patients` lists the films of each patient."""

    pixels: Array
    targets: dict[str, Array]
    patients: dict[str, list[list[int]]]


def usable(root: Path) -> list[PackRow]:
    """Return the rows to learn from: released weights allowed, a source that is sampled, no test patient."""
    split = pack(root).split_of
    return [row for row in rows(root, tuple(SHARES)) if row.commercial and split(row.patient) != "test"]


def load(root: Path) -> Films:
    """Read the films and their targets."""
    chosen = usable(root)
    with (root / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        facts = {raw["file"]: raw for raw in csv.DictReader(stream)}
    table = {name: np.full((len(chosen), count), np.nan, np.float32) for name, count in HEADS.items()}
    films = np.stack([squeeze(pixels(root, row), SIZE) for row in chosen])
    groups: dict[str, dict[str, list[int]]] = {source: {} for source in SHARES}
    for at, row in enumerate(chosen):
        raw = facts[row.file]
        if row.view in ("PA", "AP") and row.source != "kermany224":
            table["view"][at] = row.view == "AP"
        if raw["sex"] in ("M", "F"):
            table["sex"][at] = raw["sex"] == "F"
        if raw["age"].isdigit():
            table["age"][at] = min(int(raw["age"]), 100) / 100
        elif row.source == "kermany224":
            table["age"][at] = 0.03
        if row.source.startswith("nih"):
            table["labels"][at] = [label in row.labels for label in LABELS]
        elif row.source == "kermany224":
            table["labels"][at, 0] = "Pneumonia" in row.labels
        table["blur"][at] = np.nan if row.source == "nih64" else 0.0  # stretched from 64 px: blurred already
        groups[row.source].setdefault(row.patient, []).append(at)
    return Films(films, table, {source: list(found.values()) for source, found in groups.items()})


def draw(films: Films, rng: np.random.Generator, patients: int) -> tuple[torch.Tensor, dict[str, torch.Tensor], Array]:
    """Draw two films of each of some patients, altered; return films, targets and patient numbers."""
    sources = rng.choice(list(SHARES), patients, p=list(SHARES.values()))
    pairs = []
    for source in sources:
        group = films.patients[source][rng.integers(len(films.patients[source]))]
        pairs += list(rng.choice(group, 2, replace=len(group) < 2))
    at = np.array(pairs)
    batch = torch.from_numpy(films.pixels[at])[:, None]
    targets = {name: torch.from_numpy(values[at]) for name, values in films.targets.items()}
    batch, told = alter(batch, rng)
    for name, values in told.items():
        targets[name] = values + 0 * targets[name] if name == "blur" else values
    return batch, targets, np.repeat(np.arange(patients), 2).astype(np.float32)


def alter(batch: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Move, mirror, brighten, blur and sprinkle films, and tell what was done."""
    count = len(batch)
    mirrored = rng.random(count) < 0.2
    angle, scale = rng.uniform(-0.09, 0.09, count), rng.uniform(0.9, 1.1, count)
    sign = np.where(mirrored, -1.0, 1.0)
    grid = np.stack(
        [
            np.stack([sign * scale * np.cos(angle), -scale * np.sin(angle), rng.uniform(-0.08, 0.08, count)], 1),
            np.stack([sign * scale * np.sin(angle), scale * np.cos(angle), rng.uniform(-0.08, 0.08, count)], 1),
        ],
        1,
    )
    places = functional.affine_grid(torch.from_numpy(grid).float(), list(batch.shape), align_corners=False)
    batch = functional.grid_sample(batch, places, padding_mode="border", align_corners=False)
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.2, (count, 1, 1, 1)))).float()
    gain = torch.from_numpy(rng.uniform(0.85, 1.1, (count, 1, 1, 1))).float()
    batch = (batch.clamp(1e-4, 1) ** gamma * gain).clamp(0, 1)
    blur = np.where(rng.random(count) < 0.55, 0.0, rng.uniform(0.3, 3.0, count))
    noise = np.where(rng.random(count) < 0.55, 0.0, rng.uniform(0.01, 0.15, count))
    batch = smear(batch, blur)
    batch = batch + torch.from_numpy(noise[:, None, None, None] * rng.normal(size=batch.shape)).float()
    told = {"mirrored": mirrored.astype(np.float32), "blur": blur / 3, "noise": noise / 0.15}
    return batch.clamp(0, 1), {name: torch.from_numpy(values).float()[:, None] for name, values in told.items()}


def smear(batch: torch.Tensor, sigma: NDArray[np.float64]) -> torch.Tensor:
    """Blur each film by its own Gaussian, sigma in pixels."""
    reach = torch.arange(-7, 8).float()[None]
    kernel = torch.exp(-0.5 * (reach / torch.from_numpy(np.maximum(sigma, 1e-3)).float()[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    maps, count = batch.transpose(0, 1), len(batch)
    maps = functional.conv2d(functional.pad(maps, (0, 0, 7, 7), "replicate"), kernel[:, None, :, None], groups=count)
    maps = functional.conv2d(functional.pad(maps, (7, 7, 0, 0), "replicate"), kernel[:, None, None, :], groups=count)
    return maps.transpose(0, 1)


def told_loss(features: torch.Tensor, heads: nn.ModuleDict, targets: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum the losses of all heads over the films that have a target."""
    total = torch.zeros(())
    for name, head in heads.items():
        said, target = head(features), targets[name]
        known = torch.isfinite(target)
        if not bool(known.any()):
            continue
        if name in ("age", "blur", "noise"):
            loss = functional.smooth_l1_loss(said[known], target[known], beta=0.1)
        else:
            loss = functional.binary_cross_entropy_with_logits(said[known], target[known])
        total = total + WEIGHTS[name] * loss
    return total


def identity_loss(identity: torch.Tensor, patients: Array, heat: float = 0.1) -> torch.Tensor:
    """Draw films of one patient together and those of others apart (supervised contrast)."""
    likeness = identity @ identity.T / heat
    own = torch.eye(len(identity), dtype=torch.bool)
    same = torch.from_numpy(patients[:, None] == patients[None]) & ~own
    chance = likeness.masked_fill(own, -1e9).log_softmax(1)
    return -(chance * same).sum(1).div(same.sum(1)).mean()


def main() -> None:
    """Train, export and write what was done beside the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="root folder of the pack")
    parser.add_argument("--out", type=Path, required=True, help="folder for features.onnx and training.json")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--patients", type=int, default=48, help="per step; two films of each")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    rng, films, start = generator(given.seed, "fid-local"), load(given.data), time.time()
    net = Network()
    heads = nn.ModuleDict({name: nn.Linear(128, count) for name, count in HEADS.items()})
    parameters = [*net.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=given.steps, pct_start=0.1)
    for step in range(given.steps):
        batch, targets, patients = draw(films, rng, given.patients)
        out = net(batch)
        loss_told = told_loss(out.features, heads, targets)
        loss_identity = identity_loss(out.identity, patients)
        optimiser.zero_grad()
        (loss_told + 0.7 * loss_identity).backward()
        optimiser.step()
        schedule.step()
        if step % 25 == 0:
            spent = time.time() - start
            print(f"{step:5d} told {loss_told:.3f} identity {loss_identity:.3f} {spent:.0f} s", flush=True)
    net.eval()
    given.out.mkdir(parents=True, exist_ok=True)
    names = Features._fields
    gap = export(net, given.out / "features.onnx", size=SIZE, names=names)
    facts = {"films": len(films.pixels), "steps": given.steps, "patients_a_step": given.patients, "seed": given.seed}
    facts |= {"seconds_on_one_core": round(time.time() - start), "onnx_vs_torch": gap}
    (given.out / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

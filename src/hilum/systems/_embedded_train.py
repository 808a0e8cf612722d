"""How the embedded model is trained: the recipe turned into calls of the engines in hilum.learn."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hilum.learn.apply import collect, outputs
from hilum.learn.batch import FilmSet
from hilum.learn.fit import fit
from hilum.learn.spread import lent
from hilum.nets.heads import FilmOutput, FilmReader, LungField
from hilum.nets.vision import load_imagenet
from hilum.systems._embedded_corpus import build_corpus, write_split
from hilum.systems._embedded_labels import FINDINGS
from hilum.systems._embedded_objective import batches, lung_loss, reader_loss
from hilum.systems._embedded_recipe import QUICK, Recipe, resolve
from hilum.systems._embedded_sampling import by_view_and_label, comparable

log = logging.getLogger(__name__)


def pseudo_lungs(net: nn.Module, films: FilmSet, recipe: Recipe) -> FilmSet:
    """Draw lung masks on real films that have none, where the network is sure and the size plausible."""
    needs = np.flatnonzero((films.lung_weight == 0) & films.chest & np.isin(films.group, list(recipe.lung_shares)))
    lung, weight = films.lung.copy(), films.lung_weight.copy()
    place = 0
    for out in outputs(net, films.frames[needs], size=recipe.size):
        soft = nn.functional.interpolate(out.lung.sigmoid(), size=films.frames.shape[1:], mode="bilinear")
        rows = needs[place : place + len(soft)]
        lung[rows] = np.rint(soft[:, 0].numpy() * 255)
        sure = ((soft < 0.1) | (soft > 0.9)).float().mean(dim=(1, 2, 3)).numpy()
        covered = (soft > 0.5).float().mean(dim=(1, 2, 3)).numpy()
        weight[rows] = recipe.pseudo * ((sure > recipe.sure) & (covered > 0.1) & (covered < 0.6))
        place += len(soft)
    log.info("lung masks in use: %d of %d films", int((weight > 0).sum()), len(films))
    return films.with_lungs(lung, weight)


def fit_lungs(net: FilmReader, films: FilmSet, recipe: Recipe, out: Path, *, seed: int, resume: bool) -> None:
    """Fit the decoder alone: on drawn masks, then also on confident masks of other scanners and ages."""
    steady = replace(recipe, augment=replace(recipe.augment, turned=0.0, negative=0.0))
    for name in ("lungs-drawn", "lungs-all"):
        if name == "lungs-all":
            films = pseudo_lungs(net, films, recipe)
        usable = films.take(films.lung_weight > 0)
        (folder := out / name).mkdir(parents=True, exist_ok=True)
        shares = replace(steady, shares=recipe.lung_shares, batch=max(4, recipe.batch // 2))
        drawn = batches(usable, shares, size=recipe.size, seed=seed + 1)
        with lent(net):  # the fit itself moves the decoder alone
            fit(LungField(net), drawn, lung_loss, recipe.lungs, seed=seed, folder=folder, resume=resume)
    net.eval()


def fit_shadows(net: FilmReader, films: FilmSet, recipe: Recipe, out: Path, *, seed: int, resume: bool) -> None:
    """Fit on comparable films, with opacities drawn into the clear ones."""
    (folder := out / "fourth").mkdir(parents=True, exist_ok=True)
    masked = by_view_and_label(pseudo_lungs(net, comparable(films), recipe), ("nih512", "nih64"))
    drawn = batches(masked, replace(recipe, shares=recipe.shadow_shares), size=recipe.size, seed=seed + 10)
    fit(net, drawn, reader_loss(recipe), recipe.fourth, seed=seed + 10, folder=folder, resume=resume)


def set_distance(net: FilmReader, films: FilmSet, recipe: Recipe, *, directions: int = 64) -> None:
    """Fit the feature distance on real training films: principal directions, each scaled to unit variance."""
    real = films.take(np.flatnonzero(films.chest & ~np.isin(films.group, ("simulated", "virtual"))))
    kept = real.take(np.arange(0, len(real), max(1, len(real) // 1500)))
    features = collect(net, kept.frames, size=recipe.size, fields=("features",))["features"].astype(np.float64)
    center = features.mean(0)
    _, scale, axes = np.linalg.svd(features - center, full_matrices=False)
    count = min(directions, len(scale) - 1)
    whiten: NDArray[np.float64] = np.zeros((directions, features.shape[1]))
    whiten[:count] = axes[:count] * (np.sqrt(len(features) - 1) / np.maximum(scale[:count], 1e-9))[:, None]
    net.set_distance(torch.from_numpy(center).float(), torch.from_numpy(whiten).float())


def fit_reader(films: FilmSet, recipe: Recipe, out: Path, *, seed: int, resume: bool = False) -> FilmReader:
    """Run all fits on the training split and return the network with its feature distance set."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(seed)
    train = films.take(films.split == "train")
    net = FilmReader(len(FINDINGS))
    if recipe.imagenet:
        load_imagenet(net.encoder)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = reader_loss(recipe)
    fits = (("first", recipe.first), ("second", recipe.second), ("third", recipe.third))
    for number, (name, spec) in enumerate(fits):
        size = recipe.size if number else recipe.small
        (folder := out / name).mkdir(parents=True, exist_ok=True)
        drawn = batches(train, recipe, size=size, seed=seed + number)
        fit(net, drawn, loss, spec, seed=seed + number, folder=folder, resume=resume)
    fit_shadows(net, train, recipe, out, seed=seed, resume=resume)
    fit_lungs(net, train, recipe, out, seed=seed, resume=resume)
    set_distance(net, train, recipe)
    return net


def write_config(recipe: Recipe, path: Path, *, seed: int) -> None:
    """Write the resolved recipe, without the folder names of this machine."""
    hidden = {"photos": bool(recipe.photos), "virtual": bool(recipe.virtual), "seed": seed, "torch": torch.__version__}
    path.write_text(json.dumps(asdict(recipe) | hidden, indent=2) + "\n")


def train(root: Path, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train, export and evaluate; return the folder with model.onnx, card.json, split.csv, config.json and log.csv.

    Args:
        root: the pack.
        out: folder for checkpoints and results.
        seed: of every draw.
        resume: go on from the last checkpoint in `out`.
        settings: dotted settings of `Recipe`; 'quick=1' starts from a recipe of seconds, for tests.
    """
    from hilum.systems._embedded_evaluate import write_card

    changes = dict(settings)
    quick = str(changes.pop("quick", "")).lower() in ("1", "true", "yes")
    recipe = resolve(QUICK if quick else Recipe(), changes)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "films.npz"
    films = FilmSet.load(kept) if resume and kept.exists() else build_corpus(root, recipe, seed=seed)
    films.save(kept)
    write_split(films, out / "split.csv")
    write_config(recipe, out / "config.json", seed=seed)
    net = fit_reader(films, recipe, out, seed=seed, resume=resume)
    finish(net, recipe, out)
    write_card(out, root, limit=recipe.limit)
    return out


def finish(net: FilmReader, recipe: Recipe, out: Path) -> None:
    """Export the network and join the logs of the fits of the whole network."""
    from hilum.learn.export import export

    gap = export(net, out / "model.onnx", size=recipe.size, names=FilmOutput._fields)
    (out / "export.json").write_text(json.dumps({"input_size": recipe.size, "onnx_vs_torch": gap}) + "\n")
    lines: list[str] = []
    for part in ("first", "second", "third", "fourth"):
        header, *body = (out / part / "log.csv").read_text().splitlines()
        lines += [f"fit,{header}"] * (not lines) + [f"{part},{line}" for line in body]
    (out / "log.csv").write_text("\n".join(lines) + "\n")

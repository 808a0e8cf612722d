"""A gate: films unlike those a model was trained on are refused, with a reason, from the model's own features.

What it learns from is features alone, so it serves any encoder, and reading needs numpy only. Known kinds of misuse
are told by a softmax over examples of them; what no example foresaw, by a distance from the training films. Both
limits are set on validation films, so that together they refuse a stated share of right films and no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.core.geometry import FRONTAL
from hilum.core.seed import generator
from hilum.io.save import save_bytes, save_text
from hilum.learn.distance import DISTANCES, Far, Floats, checked
from hilum.learn.softmax import Softmax
from hilum.learn.tensors import packed, unpacked

TENSORS, SETTINGS, FORMAT = "gate.safetensors", "gate.json", 1
KINDS, UNLIKE = "kinds", "unlike"
LATERAL, CHILD = "lateral", "child"
NOT_CHEST = "not a chest film"
REASONS: Mapping[str, str] = {
    NOT_CHEST: "this does not look like a chest radiograph",
    LATERAL: "this looks like a lateral film, but was given as a frontal one: check the view",
    "inverted": "the film looks inverted (bone dark): check MONOCHROME1 and read it again",
    "turned 90": "the film looks turned by 90 degrees counter-clockwise: turn it upright and read it again",
    "turned 180": "the film looks upside down: turn it upright and read it again",
    "turned 270": "the film looks turned by 90 degrees clockwise: turn it upright and read it again",
    "cropped": "this looks like a part of a chest film: give the whole film",
    CHILD: "this looks like a child's film, and the model is for adults",
    UNLIKE: "the film is unlike those the model was trained on",
}
"""What is said of each kind; a gate may be given others."""


class Judgement(NamedTuple):
    """What a gate says of one film.

    refused: whether it may not be read. reason: a sentence with the figure that decided, '' if accepted.
    score: how far over the limit, in deviations of validation films; above 0 is refused.
    """

    refused: bool
    reason: str
    score: float


@dataclass(frozen=True, eq=False)
class Gate:
    """A fitted gate.

    Args:
        kinds: known misuses, in the order of the softmax after its class 0, the right films.
        heads: tells them; None where no examples were given.
        far: the distance.
        limits: 'kinds' and 'unlike', what a score must exceed to be refused.
        spread: of each score on validation films.
        reasons: sentence of each kind.
        facts: how it was fitted: width of the features, distance, rate, validation films, fitted on what.
    """

    kinds: tuple[str, ...]
    heads: Softmax | None
    far: Far
    limits: Mapping[str, float]
    spread: Mapping[str, float]
    reasons: Mapping[str, str]
    facts: Mapping[str, Any]

    @classmethod
    def fit(
        cls, features: NDArray[np.generic], kinds: Mapping[str, NDArray[np.generic]] | None = None, *,
        validation: NDArray[np.generic] | None = None, classes: Sequence[str] | NDArray[np.str_] | None = None,
        sites: Sequence[str] | NDArray[np.str_] | None = None,
        also: NDArray[np.generic] | None = None, patients: Sequence[str] | NDArray[np.str_] | None = None,
        rate: float = 0.02, distance: str = "mahalanobis", penalty: float = 3e-3, seed: int = 0,
        reasons: Mapping[str, str] | None = None, fitted_on: str = "",
    ) -> Gate:  # fmt: skip
        """Fit a gate.

        Args:
            features: of right films (N, F), such as those the model was trained on; logits (N, K) for 'energy'.
            kinds: known misuse -> features of examples (M, F).
            validation: features of right films to set the limits on (V, F); by default a quarter of the patients
                is held out for it.
            classes: (N,) of the right films, such as view or source: the distance is from the nearest.
            sites: (N,) where each right film is from, at least two: then the distance's limit is set on films of each
                site as it looks from the others, so that the rate is meant for a site never seen.
            also: features of films that are no misuse, though the distance need not hold them near: films made the
                same way as examples of a misuse, so that it is told by the misuse and not by how they were made.
            patients: (N,) who each right film is of, for the holding out.
            rate: share of right films that may be refused, (0, 0.5].
            distance: 'mahalanobis', 'relative', 'neighbours' or 'energy'.
            penalty: of the softmax's weights.
            seed: of the holding out.
            reasons: sentences for kinds of your own, or in place of ours.
            fitted_on: what the films were, for the record.

        Raises:
            InputError: if films are too few, shapes differ, or an option is unknown.
        """
        rows = checked(features)
        if not 0 < rate <= 0.5:
            raise InputError(f"the share of right films to refuse must lie in (0, 0.5], got {rate:g}")
        if distance not in DISTANCES:
            raise InputError(f"no distance '{distance}': choose one of {', '.join(DISTANCES)}")
        if UNLIKE in (kinds or {}):
            raise InputError(f"the kind '{UNLIKE}' is the distance's: give these examples another name")
        groups = np.zeros(len(rows), int) if classes is None else _column(classes, len(rows), "classes")
        held = np.zeros(len(rows), bool) if validation is not None else _held_out(len(rows), patients, seed)
        outside = rows[held] if validation is None else checked(validation, rows.shape[1])
        if len(outside) * rate < 1:
            raise InputError(f"{len(outside)} validation films cannot tell a rate of {rate:g}: "
                             f"give at least {int(np.ceil(1 / rate))}, or a higher rate")  # fmt: skip
        right, named, groups = rows[~held], dict(kinds or {}), groups[~held].astype(str)
        far = DISTANCES[distance].fit(right, groups)
        where = None if sites is None else _column(sites, len(rows), "sites")[~held].astype(str)
        strange = None if where is None else _from_outside(DISTANCES[distance], right, groups, where)
        heads = _heads(right, also, named, penalty) if named else None
        facts = {"features": rows.shape[1], "distance": distance, "rate": rate, "fitted_on": fitted_on,
                 "films": len(right), "examples": {name: len(each) for name, each in named.items()}}  # fmt: skip
        said = {name: {**REASONS, **(reasons or {})}.get(name, f"this looks like: {name}") for name in (*named, UNLIKE)}
        loose = cls(tuple(named), heads, far, {KINDS: 0.0, UNLIKE: 0.0}, {KINDS: 1.0, UNLIKE: 1.0}, said, facts)
        return loose._limited(outside, rate, strange)

    def _limited(self, validation: Floats, rate: float, strange: Floats | None) -> Gate:
        """Set the limits as tight as the rate allows; a known kind is never named below one half.

        Both are lowered in step, then the distance's alone, until one more film would be too many. `strange` are
        distances of films of sites left out, where the distance's limit is to be set on these.
        """
        told = self.scores(validation)
        count = len(validation)
        order = {name: np.append(np.sort(values)[::-1], -np.inf) for name, values in told.items()}
        fixed = None if strange is None else float(np.sort(strange)[::-1][int(rate * len(strange) + 1e-9)])

        def limits(over: int, far: int) -> dict[str, float]:
            kinds = max(0.0, float(order[KINDS][over])) if KINDS in order else 0.0
            return {KINDS: kinds, UNLIKE: float(order[UNLIKE][far]) if fixed is None else fixed}

        def refused(over: int, far: int) -> int:
            held = limits(over, far)
            return int(np.any([values > held[name] for name, values in told.items()], axis=0).sum())

        allowed = int(rate * count + 1e-9)
        over = next((n - 1 for n in range(1, allowed + 1) if refused(n, n) > allowed), allowed)
        far = next((n - 1 for n in range(over + 1, allowed + 1) if refused(over, n) > allowed), allowed)
        spread = {name: float(max(values.std(), 1e-9)) for name, values in told.items()}
        hits = refused(over, far)
        seen = {"films": count, "refused": hits, "interval": list(rate_interval(hits, count))}
        seen |= (
            {"set_on": "validation films"} if strange is None else {"set_on": f"{len(strange)} films of sites left out"}
        )
        return replace(self, limits=limits(over, far), spread=spread, facts={**self.facts, "validation": seen})

    def scores(self, features: NDArray[np.generic], *, allowed: Collection[str] = ()) -> dict[str, Floats]:
        """Return what the limits are held against: 'kinds', log odds of a known misuse, and 'unlike', the distance.

        Args:
            features: (N, F), or (F,) of one film.
            allowed: kinds that are no misuse here, such as 'lateral' where the header says so; names unknown to
                this gate do no harm.
        """
        rows = checked(features, self.facts["features"])
        told = {UNLIKE: self.far.scores(rows)}
        if self.heads is not None:
            log = self.heads(rows)
            fine = np.array([True, *(kind in allowed for kind in self.kinds)])
            rest = np.logaddexp.reduce(log[:, ~fine], axis=1) if not fine.all() else np.full(len(rows), -np.inf)
            told[KINDS] = np.clip(rest - np.logaddexp.reduce(log[:, fine], axis=1), -700.0, 700.0)
            claimed = np.logaddexp.reduce(log[:, fine], axis=1, where=np.r_[False, fine[1:]][fine], initial=-np.inf)
            told[UNLIKE] = np.where(claimed > log[:, 0], -np.inf, told[UNLIKE])  # known, allowed, never trained on
        return told

    def judge_each(self, features: NDArray[np.generic], *, allowed: Collection[str] = ()) -> list[Judgement]:
        """Judge films: (N, F) -> N judgements; arguments as for `scores`."""
        rows = checked(features, self.facts["features"])
        told = self.scores(rows, allowed=allowed)
        over = {name: (values - self.limits[name]) / self.spread[name] for name, values in told.items()}
        names = self.named(rows, allowed=allowed)
        judged = []
        for row, name in enumerate(names):
            score = float(max(values[row] for values in over.values()))
            if name == UNLIKE:
                why = f"feature distance {told[UNLIKE][row]:.4g}, limit {self.limits[UNLIKE]:.4g}"
            elif name:
                why = f"probability {1 / (1 + np.exp(-told[KINDS][row])):.2f}"  # of any misuse: kinds may share it
            judged.append(Judgement(bool(name), f"{self.reasons[name]} ({why})" if name else "", score))
        return judged

    def judge(self, features: NDArray[np.generic], *, allowed: Collection[str] = ()) -> Judgement:
        """Judge one film by its features (F,); arguments as for `scores`.

        Raises:
            InputError: if the features are not those of one film.
        """
        judged = self.judge_each(features, allowed=allowed)
        if len(judged) != 1:
            raise InputError(f"one film is judged at a time, got features of {len(judged)}: use judge_each")
        return judged[0]

    def reason(self, features: NDArray[np.generic], *, stated_view: str = "unknown", adults_only: bool = False) -> str:
        """Return why one film may not be read, '' if it may: what a model asks that carries a gate.

        Args:
            features: (F,) of the film.
            stated_view: what its header says; only a film said to be frontal is refused for being a lateral.
            adults_only: whether the model is for adults; only then a film is refused for being a child's.
        """
        allowed = {*(() if stated_view in FRONTAL else (LATERAL,)), *(() if adults_only else (CHILD,))}
        return self.judge(features, allowed=allowed).reason

    def named(self, features: NDArray[np.generic], *, allowed: Collection[str] = ()) -> list[str]:
        """Return the kind each film is refused as, '' where it is accepted; a known kind before 'unlike'."""
        rows = checked(features, self.facts["features"])
        told = self.scores(rows, allowed=allowed)
        far = told[UNLIKE] > self.limits[UNLIKE]
        if self.heads is None:
            return [UNLIKE if each else "" for each in far]
        log = self.heads(rows)[:, 1:]
        log[:, [kind in allowed for kind in self.kinds]] = -np.inf
        misused = told[KINDS] > self.limits[KINDS]
        best = log.argmax(axis=1)
        return [self.kinds[b] if m else UNLIKE if f else "" for b, m, f in zip(best, misused, far, strict=True)]

    def save(self, folder: str | Path, *, model_sha256: str = "") -> Path:
        """Write gate.safetensors and gate.json into a folder and return the folder.

        Args:
            folder: such as that of the model.
            model_sha256: of the network whose features these are; a gate is not used with another one.

        Raises:
            InputError: if the place cannot be written.
        """
        place = Path(folder)
        data = packed(self.far.arrays("far") | (self.heads.arrays("heads") if self.heads else {}))
        save_bytes(data, place / TENSORS)
        head = {"format": FORMAT, "sha256": hashlib.sha256(data).hexdigest(), "model_sha256": model_sha256}
        body = {name: getattr(self, name) for name in ("kinds", "limits", "spread", "reasons", "facts")}
        save_text(json.dumps({**head, **body}, indent=1, allow_nan=False) + "\n", place / SETTINGS)
        return place

    @classmethod
    def load(cls, folder: str | Path, *, model_sha256: str = "") -> Gate:
        """Read what `save` wrote.

        Args:
            folder: that holds both files.
            model_sha256: of the network whose features it will be given; '' accepts any gate.

        Raises:
            MissingError: if a file is not there.
            InputError: if one is damaged, they do not belong together, or the gate is another network's.
        """
        place = Path(folder)
        for name in (SETTINGS, TENSORS):
            if not (place / name).is_file():
                raise MissingError(
                    f"the gate's {name} is missing in '{place}': write it anew, or remove the other file"
                )
        data = (place / TENSORS).read_bytes()
        try:
            said = json.loads((place / SETTINGS).read_text(encoding="utf-8"))
            if said["format"] != FORMAT:
                raise InputError(f"'{place / SETTINGS}' has format {said['format']}, this Hilum reads {FORMAT}")
            if said["sha256"] != hashlib.sha256(data).hexdigest():
                raise InputError(f"{TENSORS} and {SETTINGS} in '{place}' do not belong together: write the gate anew")
            if model_sha256 and said["model_sha256"] not in ("", model_sha256):
                raise InputError(f"the gate in '{place}' is for the network {said['model_sha256'][:12]}, this one "
                                 f"is {model_sha256[:12]}: write the gate anew, or remove it")  # fmt: skip
            arrays = unpacked(data, f"'{place / TENSORS}'")
            heads = Softmax.of(arrays, "heads") if "heads.weight" in arrays else None
            far = DISTANCES[said["facts"]["distance"]].of(arrays, "far")
            rest = (said[name] for name in ("limits", "spread", "reasons", "facts"))
            return cls(tuple(said["kinds"]), heads, far, *rest)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as fault:
            raise InputError(f"the gate in '{place}' is damaged ({fault}): write it anew, or remove it") from None

    @classmethod
    def beside(cls, folder: str | Path, *, model_sha256: str = "") -> Gate | None:
        """Return the gate that a model's folder carries, None where it carries none; errors as for `load`."""
        present = any((Path(folder) / name).exists() for name in (SETTINGS, TENSORS))
        return cls.load(folder, model_sha256=model_sha256) if present else None


def rate_interval(hits: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Return between which shares new right films are refused, where `hits` of `count` validation films exceed a limit.

    A limit set on validation films at one of their own scores refuses a share of new ones that is distributed as
    Beta(hits + 1, count - hits), whatever the scores are; films of one patient make the true interval wider.
    """
    from scipy.stats import beta

    low, high = beta.ppf(((1 - level) / 2, (1 + level) / 2), hits + 1, max(1, count - hits))
    return float(low), float(high)


def _from_outside(distance: type[Far], rows: Floats, classes: NDArray[np.str_], sites: NDArray[np.str_]) -> Floats:
    """Return the distance of every film from the films of all other sites."""
    names = np.unique(sites)
    if len(names) < 2:
        raise InputError(f"a limit for sites never seen needs films of at least two, got only '{names[0]}'")
    found = np.empty(len(rows))
    for name in names:
        here = sites == name
        found[here] = distance.fit(rows[~here], classes[~here]).scores(rows[here])
    return found


def _heads(
    right: Floats, also: NDArray[np.generic] | None, kinds: Mapping[str, NDArray[np.generic]], penalty: float
) -> Softmax:
    width = right.shape[1]
    parts = [right if also is None else np.concatenate((right, checked(also, width)))]
    parts += [checked(each, width) for each in kinds.values()]
    target = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return Softmax.fit(np.concatenate(parts), target, penalty=penalty)


def _column(values: Sequence[str] | NDArray[np.str_], count: int, what: str) -> NDArray[np.str_]:
    column = np.asarray(values)
    if column.shape != (count,):
        raise InputError(f"{what} must name one for each of {count} films, got {column.shape}")
    return column


def _held_out(count: int, patients: Sequence[str] | NDArray[np.str_] | None, seed: int) -> NDArray[np.bool_]:
    who = np.arange(count) if patients is None else _column(patients, count, "patients")
    names = np.unique(who)
    chosen = generator(seed, "gate", "validation").permutation(len(names))[: max(1, len(names) // 4)]
    return np.asarray(np.isin(who, names[chosen]))

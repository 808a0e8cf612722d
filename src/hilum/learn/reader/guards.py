"""Samples changed on purpose: what a reader says of no picture, another patient's, no prior, or a prior out of order.

Each takes samples and returns as many, in order, with the same keys, questions and true answers; so the difference of a
score is what the changed input was worth. Samples that a change does not concern come back as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hilum.core.errors import InputError
from hilum.core.image import Image, Window
from hilum.core.seed import generator
from hilum.learn.reader.absence import without
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.sample import Sample, with_context


def blank(samples: Sequence[Sample]) -> list[Sample]:
    """Return samples whose pictures are uniformly grey, of the same sizes and roles."""
    return [replace(sample, shown=tuple(map(_grey, sample.shown))) for sample in samples]


def _grey(shown: Shown) -> Shown:
    image = shown.image
    grey = np.full(shown.size, 0.5, np.float32)
    return replace(shown, image=Image(grey, window=Window(0.5, 1.0, "LINEAR_EXACT"), view=image.view, id=image.id))


def swapped(samples: Sequence[Sample], *, seed: int, roles: Sequence[str] = ()) -> list[Sample]:
    """Return samples that show another patient's pictures of the same roles, taken from one other sample each.

    Args:
        samples: of at least two patients.
        seed: of the draw.
        roles: whose pictures are exchanged (['cur_lat'] for the lateral alone); all of a sample's where empty. Boxes
            are still those of the true film.

    Raises:
        InputError: if no other patient has pictures of a sample's roles.
    """
    made = []
    for sample in samples:
        wanted = tuple(shown.role for shown in sample.shown if not roles or shown.role in roles)
        if not wanted:
            made.append(sample)
            continue
        donor = _donor(sample, samples, wanted, seed)
        pool = {role: [each for each in donor.shown if each.role == role] for role in set(wanted)}
        shown, used = [], dict.fromkeys(pool, 0)
        for each in sample.shown:
            if each.role in pool:
                other = pool[each.role][used[each.role] % len(pool[each.role])]
                used[each.role] += 1
                shown.append(Shown(each.role, other.image.with_id(each.image.id), other.region))
            else:
                shown.append(each)
        made.append(replace(sample, shown=tuple(shown)))
    return made


def _donor(sample: Sample, samples: Sequence[Sample], roles: Sequence[str], seed: int) -> Sample:
    """Another patient's sample with pictures of all these roles, the same for every sample of one study."""
    others = [each for each in samples if each.patient != sample.patient and all(each.has(role) for role in roles)]
    if not others:
        raise InputError(
            f"sample '{sample.key}': no other patient has pictures of the roles {', '.join(sorted(set(roles)))}, so "
            "they cannot be exchanged: give samples of more patients"
        )
    return others[int(generator(seed, "swap", sample.study, *sorted(set(roles))).integers(len(others)))]


def no_prior(samples: Sequence[Sample]) -> list[Sample]:
    """Return samples without prior film, prior report and comparison section; change words must vanish."""
    return [without(sample, "prior_front", "prior_report", "comparison") for sample in samples]


def other_prior(samples: Sequence[Sample], *, seed: int) -> list[Sample]:
    """Return samples with another patient's prior film, and that prior's report; change must be told less well.

    Raises:
        InputError: if no other patient has a prior.
    """
    made = swapped(samples, seed=seed, roles=("prior_front",))
    for number, sample in enumerate(samples):
        if sample.has("prior_front") and "prior_report" in sample.context:
            told = _donor(sample, samples, ("prior_front",), seed).context.get("prior_report", "")
            made[number] = with_context(made[number], prior_report=told)
    return made


def reversed_prior(samples: Sequence[Sample]) -> list[Sample]:
    """Return samples whose current and prior frontal films have changed places; improved and worse must swap.

    Other pictures and the prior report are left out of a reversed sample: they would still tell the true order.
    """
    turn = {"cur_front": "prior_front", "prior_front": "cur_front"}
    made = []
    for sample in samples:
        if not (sample.has("cur_front") and sample.has("prior_front")):
            made.append(sample)
            continue
        films = {shown.role: shown for shown in sample.shown if shown.role in turn}
        shown = tuple(Shown(role, films[turn[role]].image) for role in films)
        made.append(with_context(replace(sample, shown=shown), prior_report=""))
    return made


Guard = Callable[[Sequence[Sample]], list[Sample]]


def guard_rows(samples: Sequence[Sample], *, seed: int) -> dict[str, list[Sample]]:
    """Return the samples as they are and under each guard that concerns them, by name.

    'true', 'blank' and 'swapped' are always there; where a sample has a prior, so are 'no prior', 'reversed prior' and,
    with priors of several patients, 'other prior'.
    """
    found = {"true": list(samples), "blank": blank(samples), "swapped": swapped(samples, seed=seed)}
    with_prior = [sample for sample in samples if sample.has("prior_front")]
    if with_prior:
        found["no prior"] = no_prior(samples)
        if len({sample.patient for sample in with_prior}) > 1:
            found["other prior"] = other_prior(samples, seed=seed)
        found["reversed prior"] = reversed_prior(samples)
    return found

"""What stands for an input that is missing, and samples with inputs taken away on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.reader.boxes import Piece
from hilum.learn.reader.preset import Missing, Preset
from hilum.learn.reader.roles import ROLES, Shown
from hilum.learn.reader.sample import CONTEXT, Sample

NOT_GIVEN = "N/A"


def heading(section: str) -> str:
    """Return the token that opens a section."""
    return f"<{section}>"


def absent(name: str) -> str:
    """Return the token that says that a section or a picture of a role is missing."""
    return f"<no_{name}>"


def section_pieces(section: str, text: str, missing: Missing) -> tuple[Piece, ...]:
    """Return a section as pieces: its heading and its text, or what stands for it where the text is ''."""
    if text:
        return (Piece("control", heading(section)), Piece("text", text))
    if missing == "learned_token":
        return (Piece("control", absent(section)),)
    if missing == "na_text":
        return (Piece("control", heading(section)), Piece("text", NOT_GIVEN))
    return (Piece("control", heading(section)),) if missing == "empty" else ()


def image_pieces(role: str, missing: Missing) -> tuple[Piece, ...]:
    """Return what stands for a missing picture of a role: a token of its own, or nothing."""
    return (Piece("control", absent(role)),) if missing == "learned_token" else ()


def filled(sample: Sample, preset: Preset) -> Sample:
    """Return the sample with a copy of the current frontal film as its prior where the preset asks for one."""
    if preset.missing != "copy_current" or "prior_front" not in preset.roles or sample.has("prior_front"):
        return sample
    copy = next((shown for shown in sample.shown if shown.role == "cur_front"), None)
    if copy is None:
        return sample
    shown = (*sample.shown, Shown("prior_front", copy.image, copy.region))
    order = {role: place for place, role in enumerate(preset.roles)}
    return replace(sample, shown=tuple(sorted(shown, key=lambda each: order.get(each.role, len(order)))))


def without(sample: Sample, *names: str) -> Sample:
    """Return the sample without the named sections and pictures of the named roles; a prior report goes with its film.

    Raises:
        InputError: if a name is neither a section nor a role.
    """
    unknown = sorted(set(names) - {*CONTEXT, *ROLES})
    if unknown:
        raise InputError(f"no input is called {', '.join(unknown)}: choose from {', '.join((*ROLES, *CONTEXT))}")
    gone = {*names, *(("prior_report",) if "prior_front" in names else ())}
    return replace(
        sample, shown=tuple(shown for shown in sample.shown if shown.role not in gone),
        context={name: text for name, text in sample.context.items() if name not in gone},
    )  # fmt: skip


def dropped(samples: Sequence[Sample], shares: Mapping[str, float], *, seed: int) -> list[Sample]:
    """Return samples with inputs left out at random, each on its own, so that a reader learns to do without.

    Args:
        samples: any.
        shares: [0, 1] by section or role.
        seed: of the draw; a sample's draw hangs on its key alone.

    Raises:
        InputError: if a share lies outside [0, 1], or a name is unknown.
    """
    wrong = {name: share for name, share in shares.items() if not 0.0 <= share <= 1.0}
    if wrong:
        raise InputError(f"a share of inputs to leave out must lie in [0, 1], got {wrong}")
    out = []
    for sample in samples:
        draws = {name: generator(seed, "drop", sample.key, name).random() for name in shares}
        out.append(without(sample, *(name for name, share in shares.items() if draws[name] < share)))
    return out

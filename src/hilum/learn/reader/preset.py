"""A preset: which pictures and texts a reader takes, how they are laid out, and what is done where one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from hilum.core.errors import InputError
from hilum.learn.reader.boxes import Codec, Crop, codec_of, frame_of
from hilum.learn.reader.roles import ROLES, token_of
from hilum.learn.reader.sample import CONTEXT

Missing = Literal["na_text", "learned_token", "omit", "empty", "copy_current"]
"""What stands for an input that is not there: the words 'N/A', a token of its own, nothing at all, the heading with
nothing after it, or (for the prior film) a copy of the current one."""
SLOTS = ("images", "question", *CONTEXT)
IMAGE_WORDS = MappingProxyType({
    "cur_front": "current frontal film", "cur_lat": "current lateral film", "cur_other": "further current film",
    "prior_front": "prior frontal film", "lesion_crop": "enlarged part",
})  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """One reader's inputs, layout, connector, boxes, tasks and decoding, as data.

    Args:
        name: as PRESETS has it.
        source: of the published system.
        roles: pictures in the order of the prompt; a study's pictures of other roles are not shown.
        sections: context texts that are read, of CONTEXT.
        order: of 'images', 'question' and the sections in the prompt; by default images, sections, question.
        missing: for sections and pictures that are not there, see `Missing`.
        worded: whether words name each picture ('only' where it stands alone) beside its role token.
        connector, options, layers: of the network between encoder and language model; layers 'last' or 'all'.
        codec: how boxes are written, None where the reader writes none.
        crop: which part of a film the reader sees, see `boxes.frame_of`.
        tasks: names of builders.
        decoding: settings as `learn.decode.Decoding` takes them, by task; '' for the others.
        longest: most words of an answer; also the limit of each section, which is cut at a sentence's end.
        frontal: whether a current frontal film must be there.
        most_images: of one prompt; the last ones are left out and that is noted.
        prior_facts: whether the prior report is told as its facts rather than its prose.
        clean: whether sentences that compare leave the targets of tasks that show no prior.
        training: stages in words, for the page and the card.
        ported: whether only the idea of an encoder-decoder system was carried over; never called reproduced.
        note: what the port or the preset changes, for its page.

    Raises:
        InputError: if a role, section, slot, policy or codec is unknown.
    """

    name: str
    source: str = ""
    roles: tuple[str, ...] = ("cur_front",)
    sections: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    missing: Missing = "omit"
    worded: bool = False
    connector: str = "mlp2"
    options: Mapping[str, Any] = field(default_factory=dict)
    layers: Literal["last", "all"] = "last"
    codec: str | None = None
    crop: Crop = "letterbox"
    tasks: tuple[str, ...] = ("findings",)
    decoding: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    longest: int = 100
    frontal: bool = True
    most_images: int = 8
    prior_facts: bool = False
    clean: bool = False
    training: str = ""
    ported: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        for role in self.roles:
            token_of(role)
        unknown = [name for name in self.sections if name not in CONTEXT]
        unknown += [name for name in self.order if name not in SLOTS]
        if unknown or self.missing not in get_args(Missing) or not set(self.roles) <= set(ROLES):
            raise InputError(
                f"preset '{self.name}': sections and order are of {', '.join(SLOTS)}, missing of "
                f"{', '.join(get_args(Missing))}; got {', '.join(unknown) or self.missing}"
            )
        if not self.order:
            object.__setattr__(self, "order", ("images", *self.sections, "question"))
        if not {"images", "question", *self.sections} <= set(self.order):
            raise InputError(f"preset '{self.name}': its order leaves out an input: {', '.join(self.order)}")
        frame_of((1, 1), self.crop)
        if self.codec is not None:
            codec_of(self.codec)
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        object.__setattr__(self, "decoding", MappingProxyType({k: dict(v) for k, v in self.decoding.items()}))

    @property
    def boxes(self) -> Codec:
        """The codec.

        Raises:
            InputError: if the preset writes no boxes.
        """
        if self.codec is None:
            raise InputError(f"the preset '{self.name}' writes no boxes: choose one with a codec, such as maira-2")
        return codec_of(self.codec)

    def settings(self, task: str = "") -> dict[str, Any]:
        """Return the decoding of a task, as keywords of `learn.decode.Decoding`."""
        return {**self.decoding.get("", {}), **self.decoding.get(task, {})}

    def changed(self, **changes: Any) -> Preset:
        """Return the preset with other values; the order follows the sections where it is not given."""
        if "sections" in changes and "order" not in changes:
            kept = [slot for slot in self.order if slot in ("images", "question") or slot in changes["sections"]]
            added = [slot for slot in changes["sections"] if slot not in kept]
            changes["order"] = (*kept[:-1], *added, kept[-1])
        return replace(self, **{"options": dict(self.options), **changes})

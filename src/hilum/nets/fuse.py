"""Which film is which: roles of images in a prompt, read back from its tokens, and rows of a batch told apart.

A role travels as a token just before each image ('<img_prior_front><image>...'), so that it survives collators that
keep token ids and pixels only. A connector that lets films look at each other needs it, and the language model reads
it as the tag that MAIRA-2 (Bannur et al. 2024) writes in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hilum.core.errors import InputError

IMAGE = "<image>"
"""The token that stands for one vector of an image."""
ROLES = ("cur_front", "cur_lat", "cur_other", "prior_front", "lesion_crop")
"""What a film can be, in the order of their numbers."""
FRONT, LATERAL, OTHER, PRIOR, LESION = range(len(ROLES))


def role_token(role: str) -> str:
    """Return the token that names a role, e.g. '<img_cur_front>'.

    Raises:
        InputError: if there is no such role.
    """
    if role not in ROLES:
        raise InputError(f"'{role}' is no role of an image: expected one of {', '.join(ROLES)}")
    return f"<img_{role}>"


@dataclass(frozen=True)
class Films:
    """Whose a film is, and which.

    Args:
        owner: int64 (M,), the row of the batch that shows it; films of a row follow each other.
        role: int64 (M,), index of `ROLES`.
    """

    owner: Tensor
    role: Tensor

    def __len__(self) -> int:
        """Films."""
        return len(self.owner)

    def first(self, role: int) -> Tensor:
        """Return int64 (M,): for each film, the first film of that role in the same row, or -1."""
        same = (self.owner[:, None] == self.owner[None]) & (self.role == role)[None]
        return torch.where(same.any(1), same.int().argmax(1), -1)

    def anchors(self) -> Tensor:
        """Return int64 (A,): of each row that shows films its first frontal one, else its first current one.

        A row of priors and crops only has its first film as the anchor.
        """
        wanted = torch.full_like(self.role, 2)
        wanted[self.role == FRONT] = 0
        wanted[(self.role == LATERAL) | (self.role == OTHER)] = 1
        order = wanted * len(self) + torch.arange(len(self), device=self.role.device)
        rows = torch.unique(self.owner)
        return torch.stack([torch.where(self.owner == row, order, 4 * len(self)).argmin() for row in rows])

    def others(self, of: Tensor) -> Tensor:
        """Return int64 (A, V): the other films in the rows of films `of` (A,), padded with -1; V is at least 1."""
        same = self.owner[of][:, None] == self.owner[None]
        same[torch.arange(len(of)), of] = False
        width = max(1, int(same.sum(1).max())) if len(of) else 1
        number = torch.arange(len(self), device=of.device).expand(len(of), -1)
        found = torch.where(same, number, len(self)).sort(1).values[:, :width]
        return torch.where(found < len(self), found, -1)


def _begins(here: Tensor, images: int, slot: int) -> tuple[Tensor, Tensor]:
    """Row and column where each image's slot begins, once there is one slot of the right length for each."""
    before = torch.zeros_like(here)
    before[:, 1:] = here[:, :-1]
    begins = (here & ~before).nonzero()
    if len(begins) != images:
        raise InputError(
            f"the prompts show {len(begins)} runs of image tokens for {images} images: put a role token, such as "
            f"'{role_token(ROLES[0])}', before each '{IMAGE}'"
        )
    row, column = begins[:, 0], begins[:, 1]
    ahead = torch.zeros_like(here)
    ahead[:, :-1] = here[:, 1:]
    lengths = (here & ~ahead).nonzero()[:, 1] - column + 1
    if bool((lengths != slot).any()):
        raise InputError(
            f"an image takes {slot} tokens, but runs of {torch.unique(lengths).tolist()} stand in the prompts"
        )
    return row, column


def films_of(ids: Tensor, images: int, slot: int, *, image: int, roles: Mapping[str, int]) -> Films:
    """Return whose and which the images of a batch are, from its token ids.

    Args:
        ids: int64 (B, L).
        images: how many images came with it.
        slot: tokens that each takes.
        image: id of `IMAGE`.
        roles: role -> id of its token; no check of roles is made if empty, and all films count as frontal.

    Raises:
        InputError: if the tokens do not hold one slot for each image, or a slot has no role before it, or a role
            token has no slot after it.
    """
    here = ids == image
    held = int(here.sum())
    if held != images * slot:
        raise InputError(
            f"the prompts have {held} tokens for images, but {images} images of {slot} tokens each came with them: "
            f"write '{IMAGE}' once for each image and let the processor expand it"
        )
    if not roles:
        row = here.nonzero()[::slot, 0]
        return Films(row, torch.zeros_like(row))
    row, column = _begins(here, images, slot)
    said = torch.where(column > 0, ids[row, (column - 1).clamp(min=0)], -1)
    number = torch.full_like(said, -1)
    named = torch.zeros_like(here)
    for role, token in roles.items():
        number[said == token] = ROLES.index(role)
        named |= ids == token
    if bool((number < 0).any()):
        bad = int(row[number < 0][0])
        raise InputError(
            f"an image in row {bad} of the batch has no role token before it: expected one of "
            f"{', '.join(role_token(role) for role in roles)}"
        )
    if int(named.sum()) != images:
        raise InputError(
            f"the prompts name {int(named.sum())} roles, but {images} images came with them: each role token is "
            f"followed by one '{IMAGE}'"
        )
    return Films(row, number)

"""Roles of images, read back from a prompt: whose and which each is, and what is refused."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.fuse import FRONT, LATERAL, LESION, OTHER, PRIOR, ROLES, Films, films_of, role_token  # noqa: E402

IMAGE, PAD, WORD = 1, 0, 9
NUMBERS = {role: 10 + at for at, role in enumerate(ROLES)}


def prompt(*roles: int, slot: int = 2, words: int = 1) -> list[int]:
    """A row of ids: each role with its slot, then words."""
    return [each for role in roles for each in (10 + role, *[IMAGE] * slot)] + [WORD] * words


def padded(*some: list[int], left: bool = True) -> torch.Tensor:
    longest = max(map(len, some))
    return torch.tensor([[PAD] * (longest - len(x)) + x if left else x + [PAD] * (longest - len(x)) for x in some])


def read(ids: torch.Tensor, images: int, slot: int = 2) -> Films:
    return films_of(ids, images, slot, image=IMAGE, roles=NUMBERS)


def test_tokens_are_named_after_roles() -> None:
    assert [role_token(role) for role in ROLES] == [
        "<img_cur_front>", "<img_cur_lat>", "<img_cur_other>", "<img_prior_front>", "<img_lesion_crop>",
    ]  # fmt: skip
    with pytest.raises(InputError, match="'frontal' is no role of an image: expected one of cur_front"):
        role_token("frontal")


@pytest.mark.parametrize("left", [True, False])
def test_a_ragged_batch_gives_owners_and_roles_in_order(left: bool) -> None:
    ids = padded(prompt(FRONT, PRIOR), prompt(words=3), prompt(LATERAL, FRONT, LESION, words=5), left=left)
    films = read(ids, 5)
    assert films.owner.tolist() == [0, 0, 2, 2, 2]
    assert films.role.tolist() == [FRONT, PRIOR, LATERAL, FRONT, LESION]
    assert len(films) == 5


def test_slots_of_one_token_and_prompts_without_images() -> None:
    assert read(padded(prompt(OTHER, PRIOR, slot=1)), 2, slot=1).role.tolist() == [OTHER, PRIOR]
    assert len(read(padded(prompt(words=4)), 0)) == 0


def test_a_missing_role_is_refused() -> None:
    ids = padded(prompt(FRONT), [WORD, IMAGE, IMAGE, WORD])
    with pytest.raises(InputError, match="an image in row 1 of the batch has no role token before it"):
        read(ids, 2)
    with pytest.raises(InputError, match="an image in row 0"):
        read(torch.tensor([[IMAGE, IMAGE, WORD]]), 1)


def test_a_role_without_an_image_is_refused() -> None:
    with pytest.raises(InputError, match="name 2 roles, but 1 images"):
        read(padded([10 + PRIOR, *prompt(FRONT)]), 1)
    with pytest.raises(InputError, match="name 2 roles, but 1 images"):
        read(padded([*prompt(FRONT), 10 + PRIOR]), 1)


def test_two_images_under_one_role_are_refused() -> None:
    with pytest.raises(InputError, match="show 1 runs of image tokens for 2 images: put a role token"):
        read(torch.tensor([[10, IMAGE, IMAGE, IMAGE, IMAGE]]), 2)


def test_uneven_runs_are_refused() -> None:
    ids = torch.tensor([[10, IMAGE, 10, IMAGE, IMAGE, IMAGE]])
    with pytest.raises(InputError, match=r"an image takes 2 tokens, but runs of \[1, 3\]"):
        read(ids, 2)


@pytest.mark.parametrize("images", [0, 1, 3])
def test_images_and_tokens_that_do_not_agree_are_refused(images: int) -> None:
    with pytest.raises(InputError, match=rf"4 tokens for images, but {images} images of 2 tokens"):
        read(padded(prompt(FRONT, PRIOR)), images)


def test_without_roles_slots_may_follow_each_other() -> None:
    films = films_of(torch.tensor([[IMAGE] * 4, [WORD, WORD, IMAGE, IMAGE]]), 3, 2, image=IMAGE, roles={})
    assert films.owner.tolist() == [0, 0, 1]
    assert films.role.tolist() == [FRONT] * 3


def test_the_first_of_a_role_is_looked_for_in_the_same_row() -> None:
    films = Films(torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([FRONT, PRIOR, FRONT, PRIOR, FRONT, PRIOR]))
    assert films.first(PRIOR).tolist() == [1, 1, -1, 3, 3, 3]
    assert films.first(LATERAL).tolist() == [-1] * 6


def test_the_anchor_is_frontal_else_current_else_the_first() -> None:
    roles = [[LATERAL, PRIOR, FRONT, FRONT], [PRIOR, OTHER, LATERAL], [LESION, PRIOR]]
    films = Films(
        torch.tensor([at for at, some in enumerate(roles) for _ in some]),
        torch.tensor([x for some in roles for x in some]),
    )
    assert films.anchors().tolist() == [2, 5, 7]
    assert films.others(films.anchors()).tolist() == [[0, 1, 3], [4, 6, -1], [8, -1, -1]]


@given(st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=5), st.integers(1, 4), st.booleans())
def test_any_batch_comes_back_as_it_was_written(batch: list[list[int]], slot: int, left: bool) -> None:
    ids = padded(*(prompt(*roles, slot=slot, words=1 + at) for at, roles in enumerate(batch)), left=left)
    films = read(ids, sum(map(len, batch)), slot)
    assert films.owner.tolist() == [at for at, roles in enumerate(batch) for _ in roles]
    assert films.role.tolist() == [role for roles in batch for role in roles]
    anchors = films.anchors() if len(films) else torch.zeros(0, dtype=torch.int64)
    assert films.owner[anchors].tolist() == [at for at, roles in enumerate(batch) if roles]
    for anchor, some in zip(anchors.tolist(), films.others(anchors).tolist(), strict=True):
        held = [each for each in some if each >= 0]
        mates = [at for at in range(len(films)) if films.owner[at] == films.owner[anchor] and at != anchor]
        assert held == mates

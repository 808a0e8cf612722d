"""A tokenizer of whole words for small readers: what a training set says, in a few hundred numbers.

Small letters only; digits and marks are words of their own, so that any number and any box can be written. A text
without unknown words comes back as it was, but for its capitals.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hilum.core.errors import InputError, need
from hilum.nets.fuse import IMAGE, ROLES, role_token

PAD, UNKNOWN, BEGIN, END = SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")
_SPACE = "▁"


def word_tokenizer(texts: Iterable[str], extra: Sequence[str] = (), *, least: int = 1) -> Any:
    """Return a PreTrainedTokenizerFast that knows the words of texts; it pads on the left.

    Args:
        texts: of the training set.
        extra: control tokens besides those of images and roles, e.g. of boxes; each is one number, and left out of
            what is decoded with `skip_special_tokens`.
        least: how often a word must occur; rarer ones are unknown.

    Raises:
        InputError: if a control token is empty or holds a space.
        MissingError: if transformers is not installed.
    """
    try:
        import transformers
        from tokenizers import Tokenizer, decoders, models
    except ImportError as error:
        raise need("transformers", "language", "a tokenizer") from error
    wrong = [token for token in extra if not token or any(each.isspace() for each in token)]
    if wrong:
        raise InputError(f"a control token is a word without spaces, got {wrong[0]!r}")
    control = list(dict.fromkeys((*SPECIALS, IMAGE, *map(role_token, ROLES), *extra)))
    empty = Tokenizer(models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    _shape(empty)
    seen = Counter(word for text in texts for word in _words(empty, text))
    always = [*string.digits, *string.punctuation, _SPACE]
    words = sorted(word for word, times in seen.items() if times >= least and word not in always)
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys((*control, *always, *words)))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    _shape(made)
    made.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="first")
    fast: Any = transformers.PreTrainedTokenizerFast
    return fast(
        tokenizer_object=made, pad_token=PAD, unk_token=UNKNOWN, bos_token=BEGIN, eos_token=END,
        additional_special_tokens=control[len(SPECIALS) :], padding_side="left",
        sentence_case=True, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _shape(tokenizer: Any) -> None:
    """Give a tokenizer our way of cutting texts."""
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="first"),
        pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(individual_digits=True),
    ])  # fmt: skip


def _words(tokenizer: Any, text: str) -> list[str]:
    """The pieces of a text."""
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))]

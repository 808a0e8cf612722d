"""Text encoders of transformers behind one call, and tokenizers with `code`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hilum.core.errors import InputError, MissingError
from hilum.nets.towers import Told

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""First words of a vocabulary made by `coder_of`, as BERT has them."""
PADDED_BY_ONE = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")
"""The same for MPNet, whose positions take number 1 for padding."""


_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")


@contextmanager
def quiet() -> Iterator[None]:
    """Let transformers load without its bars and warnings: what matters of them becomes an error here."""
    import transformers

    logging: Any = transformers.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


class Coder:
    """Texts to numbers, as the encoder was taught to read them.

    Args:
        tokenizer: of transformers.
        longest: tokens that the encoder can take.
        fixed: whether every text is padded to `longest`.
    """

    def __init__(self, tokenizer: Any, *, longest: int, fixed: bool = False) -> None:
        """Wrap a tokenizer."""
        self.tokenizer, self.longest, self.fixed = tokenizer, longest, fixed

    def __len__(self) -> int:
        """Size of the vocabulary."""
        return len(self.tokenizer)

    def code(self, texts: Sequence[str], longest: int | None = None) -> tuple[Tensor, Tensor]:
        """Return texts as ids int64 (B, L) and mask bool (B, L), False where padded; what is too long is cut.

        Args:
            texts: B of them.
            longest: tokens at most, with the special ones; the encoder's own limit if None or above it.

        Raises:
            InputError: if there is no text.
        """
        if not texts:
            raise InputError("there is no text to code: give at least one")
        limit = self.longest if self.fixed else min(longest or self.longest, self.longest)
        made = self.tokenizer(
            list(texts), padding="max_length" if self.fixed else "longest", truncation=True, max_length=limit,
            return_tensors="pt", return_attention_mask=True,
        )  # fmt: skip
        return made["input_ids"], made["attention_mask"].bool()


def coder_from(folder: Path, *, name: str, longest: int, fixed: bool) -> Coder:
    """Return the tokenizer that lies in a folder of weights; no code of the folder is run.

    Raises:
        MissingError: if there is none.
        InputError: if it cannot be read.
    """
    there = [file for file in _TOKENIZERS if (folder / file).is_file()]
    if not there:
        raise MissingError(f"'{name}' needs its tokenizer in '{folder}': one of {', '.join(_TOKENIZERS)}")
    import transformers

    load: Any = transformers.PreTrainedTokenizerFast if there[0] == "tokenizer.json" else transformers.AutoTokenizer
    try:
        with quiet():
            if there[0] == "vocab.txt":
                found: Any = transformers.BertTokenizer(str(folder / "vocab.txt"))
            else:
                found = load.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        said = (str(error).splitlines() or ["?"])[0]
        raise InputError(f"{folder / there[0]} cannot be read as the tokenizer of '{name}': {said}") from None
    return Coder(found, longest=longest, fixed=fixed)


def coder_of(words: Sequence[str], *, longest: int, fixed: bool = False, special: Sequence[str] = SPECIAL) -> Coder:
    """Return a WordPiece tokenizer over given words, lower-cased, for an encoder that starts from nothing.

    Args:
        words: whole words, or pieces with '##' in front; the special ones are put before them.
        longest, fixed: as of `Coder`.
        special: the special words in the order of their numbers.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: number for number, word in enumerate(dict.fromkeys((*special, *(w.lower() for w in words))))}
    unknown: dict[str, Any] = {"unk_token": "[UNK]", "max_input_chars_per_word": 64}
    made = Tokenizer(models.WordPiece(ids, **unknown))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    make: Any = PreTrainedTokenizerFast
    wrapped = make(tokenizer_object=made, **names)
    return Coder(wrapped, longest=longest, fixed=fixed)


class ProjectionHead(nn.Module):
    """CXR-BERT's head: dense, GELU, layer norm, dense; names as in its file."""

    def __init__(self, width: int, out: int) -> None:
        """Build from `width` to `out`."""
        super().__init__()
        self.dense_to_hidden = nn.Linear(width, out)
        self.LayerNorm = nn.LayerNorm(out, eps=1e-12)
        self.dense_to_output = nn.Linear(out, out)

    def forward(self, vector: Tensor) -> Tensor:
        """Map (..., width) to (..., out)."""
        hidden = self.LayerNorm(nn.functional.gelu(self.dense_to_hidden(vector)))
        found: Tensor = self.dense_to_output(hidden)
        return found


class TextEncoder(nn.Module):
    """A model of transformers that returns `Told`.

    Args:
        model: the encoder.
        name: of the card.
        pooling: 'mean' of the words, the 'first' one, or the model's own 'head'.
        projection: applied to pooled and words alike; None leaves them as they are.
        padded: whether padding is attended to, as SigLIP was taught.
    """

    def __init__(
        self, model: nn.Module, *, name: str, pooling: str, projection: nn.Module | None = None, padded: bool = False
    ) -> None:
        """Wrap a model."""
        super().__init__()
        self.model, self.name, self.pooling, self.padded = model, name, pooling, padded
        self.projection: nn.Module = projection or nn.Identity()
        config: Any = model.config
        self.width = int(getattr(config, "hidden_size", 0) or config.dim)
        if isinstance(projection, ProjectionHead):
            self.width = projection.dense_to_output.out_features
        elif isinstance(projection, nn.Linear):
            self.width = projection.out_features

    def forward(self, ids: Tensor, mask: Tensor) -> Told:
        """Map ids int64 (B, L) and mask bool (B, L) to pooled (B, D) and words (B, L, D)."""
        found: Any = self.model(input_ids=ids, attention_mask=None if self.padded else mask.long())
        words = found.last_hidden_state
        if self.pooling == "head":
            pooled = found.pooler_output
        elif self.pooling == "first":
            pooled = words[:, 0]
        else:
            share = mask.to(words.dtype).unsqueeze(-1)
            pooled = (words * share).sum(dim=1) / share.sum(dim=1).clamp(min=1e-9)
        return Told(self.projection(pooled), self.projection(words), mask)

"""Small random models of the official classes, saved as the official ones are laid out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
save_file = pytest.importorskip("safetensors.torch").save_file

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    "no", "acute", "disease", "clear", "lungs", "heart", "size", "normal", "large", ".", "effusion", "pleural", "left",
    "right", "small", "edema", "pneumothorax", "pneumonia", "mild", "##s",
)  # fmt: skip
LAYERS: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 512, "initializer_range": 0.5,
}  # fmt: skip


def vocabulary(folder: Path) -> Path:
    """Write vocab.txt as BERT has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vocab.txt"
    path.write_text("\n".join([*SPECIAL, *WORDS]) + "\n", encoding="utf-8")
    return path


def bert_config(**more: Any) -> Any:
    return transformers.BertConfig(vocab_size=len(SPECIAL) + len(WORDS), **LAYERS, **more)


def chexbert_tensors(seed: int = 0) -> dict[str, Any]:
    """Tensors of a tiny CheXbert under the names of the official checkpoint."""
    torch.manual_seed(seed)
    bert = transformers.BertModel(bert_config())
    tensors = {f"module.bert.{name}": tensor.clone() for name, tensor in bert.state_dict().items()}
    for number in range(14):
        classes = 4 if number < 13 else 2
        tensors[f"module.linear_heads.{number}.weight"] = torch.randn(classes, LAYERS["hidden_size"])
        tensors[f"module.linear_heads.{number}.bias"] = torch.randn(classes) * 0.1
    return tensors


def chexbert(folder: Path, seed: int = 0) -> Path:
    """Save a tiny CheXbert as scripts/convert_weights.py would."""
    vocabulary(folder)
    bert_config().to_json_file(str(folder / "config.json"))
    save_file(chexbert_tensors(seed), folder / "model.safetensors")
    return folder


def bert_tokenizer(folder: Path, longest: int = 512) -> Any:
    tokenizer = transformers.BertTokenizer(str(vocabulary(folder)), model_max_length=longest)
    tokenizer.save_pretrained(folder)
    return tokenizer


def encoder(folder: Path, seed: int = 1) -> Path:
    """Save a tiny encoder of phrases."""
    bert_tokenizer(folder)
    torch.manual_seed(seed)
    transformers.BertModel(bert_config()).save_pretrained(folder, safe_serialization=True)
    return folder


def classifier(folder: Path, labels: tuple[str, ...], seed: int = 2) -> Path:
    """Save a tiny DeBERTa that classifies tokens."""
    bert_tokenizer(folder)
    torch.manual_seed(seed)
    config = transformers.DebertaV2Config(
        vocab_size=len(SPECIAL) + len(WORDS), id2label=dict(enumerate(labels)),
        label2id={name: number for number, name in enumerate(labels)}, **LAYERS,
    )  # fmt: skip
    transformers.DebertaV2ForTokenClassification(config).save_pretrained(folder, safe_serialization=True)
    return folder


def causal(folder: Path, seed: int = 3, template: str | None = None, room: int = 4096) -> Path:
    """Save a tiny Llama with a tokenizer of single characters."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    letters = ["<unk>", "<s>", "</s>", *map(chr, range(32, 127)), "\n"]
    made = Tokenizer(models.WordLevel({letter: n for n, letter in enumerate(letters)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    made.decoder = decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=template
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=24, max_position_embeddings=room, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder, safe_serialization=True)
    return folder

"""Our losses beside trl's own trainers, number by number; skipped where trl is not installed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl", reason="trl is not installed: pip install 'hilum[preference]'")
transformers = pytest.importorskip("transformers")
datasets = pytest.importorskip("datasets")

from hilum.learn.objectives.prefer import Preference, Side, desensitised  # noqa: E402

WORDS = ["<pad>", "<eos>", "<unk>", *(f"w{n}" for n in range(40))]
ROWS = [("w1 w2", " w3 w4 w5", " w6"), ("w7", " w8", " w9 w10 w11 w12"), ("w1", " w13 w14", " w15 w16"),
        ("w2 w3", " w20 w21 w22 w23", " w24 w25")]  # fmt: skip


def tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    made = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )


def model(seed: int) -> Any:
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def logp_of(net: Any, inputs: dict[str, Any], ids: str = "input_ids", kind: str = "") -> tuple[Any, Any]:
    """Log-probability of each word (B, T - 1), zero outside the answer, by a plain forward pass; and the answer."""
    with torch.no_grad():
        logits = net(input_ids=inputs[ids], attention_mask=inputs[f"{kind}attention_mask"]).logits[:, :-1]
    chosen = torch.log_softmax(logits.float(), -1).gather(2, inputs[ids][:, 1:, None])[..., 0]
    mask = inputs[f"{kind}completion_mask"][:, 1:].bool()
    return chosen * mask, mask


def paired(policy: Any, reference: Any, inputs: dict[str, Any], tail: float = 1.0) -> tuple[Side, Side]:
    """Both sides as our losses take them; trl's batch holds the chosen answers, then the rejected ones."""
    held = []
    for net in (policy, reference):
        logp, mask = logp_of(net, inputs)
        half = len(logp) // 2
        held.append(desensitised((logp[:half], mask[:half]), (logp[half:], mask[half:]), tail))
    tokens = mask.sum(1)
    return tuple(Side(held[0][n], held[1][n], tokens[n * half : (n + 1) * half]) for n in (0, 1))  # type: ignore[return-value]


def dpo_trainer(folder: Path, **options: Any) -> Any:
    rows = [{"prompt": p, "chosen": c, "rejected": r} for p, c, r in ROWS]
    config = trl.DPOConfig(
        output_dir=str(folder), per_device_train_batch_size=len(ROWS), report_to=[], use_cpu=True, bf16=False,
        max_length=None, **options,
    )  # fmt: skip
    return trl.DPOTrainer(
        model=model(0), ref_model=model(1), args=config, train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer(),
    )  # fmt: skip


def their_loss(trainer: Any) -> tuple[float, dict[str, Any]]:
    inputs = next(iter(trainer.get_train_dataloader()))
    trainer.model.eval()
    with torch.no_grad():
        return float(trainer.compute_loss(trainer.model, dict(inputs))), dict(inputs)


@pytest.mark.parametrize("theirs, ours", [
    ({"loss_type": ["sigmoid"], "beta": 0.3}, Preference("dpo", beta=0.3)),
    ({"loss_type": ["ipo"], "beta": 0.3}, Preference("ipo_norm", beta=0.3)),
    ({"loss_type": ["sigmoid_norm"], "beta": 2.0}, Preference("sigmoid_norm", beta=2.0)),
    ({"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5], "beta": 0.3}, Preference("dpo", 0.3, mixed=0.5)),
    ({"loss_type": ["sigmoid"], "beta": 0.3, "ld_alpha": 0.4}, Preference("dpo", 0.3, tail=0.4)),
    ({"loss_type": ["sft"]}, Preference("sft")),
])  # fmt: skip
def test_trls_dpo_trainer_gives_the_same_number(tmp_path: Path, theirs: dict[str, Any], ours: Preference) -> None:
    trainer = dpo_trainer(tmp_path, **theirs)
    number, inputs = their_loss(trainer)
    chosen, rejected = paired(trainer.model, trainer.ref_model, inputs, ours.tail)
    assert number == pytest.approx(float(ours.of_pairs(chosen, rejected).mean()), rel=1e-4)


def test_trls_kto_trainer_gives_the_same_number(tmp_path: Path) -> None:
    rows = [
        {"prompt": p, "completion": text, "label": good} for p, c, r in ROWS for text, good in ((c, True), (r, False))
    ]
    config = trl.KTOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=len(rows), report_to=[], use_cpu=True, bf16=False,
        max_length=None, beta=0.4, desirable_weight=1.2, undesirable_weight=0.7,
    )  # fmt: skip
    trainer = trl.KTOTrainer(
        model=model(0), ref_model=model(1), args=config, train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer(),
    )  # fmt: skip
    number, inputs = their_loss(trainer)
    sums = [logp_of(net, inputs)[0].sum(1) for net in (trainer.model, trainer.ref_model)]
    mixed = [logp_of(net, inputs, "KL_input_ids", "KL_")[0].sum(1) for net in (trainer.model, trainer.ref_model)]
    from hilum.learn.objectives.prefer import kto

    label = torch.as_tensor(inputs["label"]).bool()
    answers = Side(sums[0], sums[1], torch.ones(len(label)))
    expected = kto(answers, label, (mixed[0] - mixed[1]).mean(), 0.4, (1.2, 0.7)).mean()
    assert number == pytest.approx(float(expected), rel=1e-4)


MEANS = torch.tensor([-0.4, -1.3, -0.05]), torch.tensor([-0.9, -0.8, -2.5])


def sides() -> tuple[Side, Side]:
    tokens = torch.tensor([4, 9, 2]), torch.tensor([6, 3, 11])
    return tuple(Side(mean * n, mean * 0, n) for mean, n in zip(MEANS, tokens, strict=True))  # type: ignore[return-value]


def test_trls_odds_ratio_is_ours() -> None:
    orpo = pytest.importorskip("trl.experimental.orpo")
    asked = SimpleNamespace(beta=0.3, accelerator=SimpleNamespace(device="cpu"))
    theirs = -orpo.ORPOTrainer.odds_ratio_loss(asked, *MEANS)[0]  # theirs is what is taken from the writing loss
    ours = Preference("orpo", odds=0.3).of_pairs(*sides()) + MEANS[0]
    assert torch.allclose(theirs, ours, atol=1e-5)


def test_trls_simpo_is_ours() -> None:
    cpo = pytest.importorskip("trl.experimental.cpo")
    asked = SimpleNamespace(beta=2.0, simpo_gamma=0.6, alpha=0.0, loss_type="simpo", label_smoothing=0.0,
                            accelerator=SimpleNamespace(device="cpu"))  # fmt: skip
    theirs = cpo.CPOTrainer.cpo_loss(asked, *MEANS)[0]
    assert torch.allclose(theirs, Preference("simpo", beta=2.0, gamma=0.6).of_pairs(*sides()), atol=1e-6)

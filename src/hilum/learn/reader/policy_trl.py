"""The same step through trl's own trainers, where they have the loss: DPOTrainer and KTOTrainer, with a reference.

Our collator hands over what the reader reads (ids in which no text is a control token, films as features), so that
trl's handling of chats and images has no part. Film by film, word by word it is what `prefer` learns from.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from hilum.core.errors import InputError, need
from hilum.learn.fit import Fit
from hilum.learn.objectives.prefer import Preference
from hilum.learn.objectives.write import IGNORED
from hilum.learn.prefer import Pairs
from hilum.learn.reader.policy import BATCH, Policy
from hilum.learn.reader.trained import Trained

NAMES = {"dpo": "sigmoid", "ipo_norm": "ipo", "sigmoid_norm": "sigmoid_norm", "sft": "sft"}
"""What trl calls our losses of pairs; KTO has a trainer of its own, and R-DPO, SimPO and ORPO for images have none."""


def tuned_trl(
    policy: Policy, pairs: Pairs, preference: Preference, spec: Fit, *, batch: int = BATCH, seed: int = 0
) -> Trained:  # fmt: skip
    """Return a reader that trl's trainer taught from pairs; `policy`'s own reader is the reference.

    Args:
        policy: the reader and its samples.
        pairs: to learn from.
        preference: a loss that trl has for images: dpo (with `mixed`, `tail`), ipo_norm, sigmoid_norm, sft or kto.
        spec: steps, rate, decay, warm-up (a cosine follows) and clipping; its averaging and schedule have no part.
        batch: pairs of a step; of KTO, of which each pair is two answers, half as many.
        seed: of the order.

    Raises:
        MissingError: if trl is not installed.
        InputError: if trl has no such loss, there is no pair, or a batch of KTO would hold one answer.
    """
    if not len(pairs):
        raise InputError("no pair to learn from: sample more answers, or hotter ones")
    if preference.loss not in (*NAMES, "kto") or (preference.loss == "kto" and preference.mixed):
        raise InputError(f"trl 1.16 has no '{preference.loss}' for images: it has {', '.join(NAMES)} and kto; leave "
                         "the backend out for the others")  # fmt: skip
    trl, rows_of = _trl()
    reader = copy.deepcopy(policy.trained.reader)
    with TemporaryDirectory() as folder:
        told: dict[str, Any] = {
            "output_dir": str(Path(folder)), "max_steps": spec.steps, "learning_rate": spec.rate, "seed": seed,
            "per_device_train_batch_size": batch, "warmup_steps": round(spec.warmup * spec.steps),
            "lr_scheduler_type": "cosine", "weight_decay": spec.decay, "max_grad_norm": spec.clip, "bf16": spec.bf16,
            "use_cpu": reader.device.type == "cpu", "report_to": [], "remove_unused_columns": False,
            "max_length": None, "gradient_checkpointing": False, "save_strategy": "no", "logging_strategy": "no",
            "beta": preference.beta, "disable_tqdm": True,
        }  # fmt: skip
        parts = {"model": reader, "ref_model": copy.deepcopy(reader), "processing_class": policy.trained.processor}
        if preference.loss == "kto":
            trainer = _kto(trl, rows_of, policy, pairs, preference, told, parts)
        else:
            trainer = _dpo(trl, rows_of, policy, pairs, preference, told, parts)
        trainer.train()
    return replace(policy.trained, reader=reader.eval())


def _trl() -> tuple[Any, Any]:
    try:
        import trl
        from datasets import Dataset
    except ImportError as error:
        raise need(str(error.name), "preference", "the backend 'trl'") from error
    return trl, Dataset.from_list


def _row(question: int, **texts: Any) -> dict[str, Any]:
    """A row as trl asks for it: the column 'images' says that nothing is to be made of the texts beforehand."""
    return {"prompt": str(question), "images": [], "question": question, **texts}


def _dpo(
    trl: Any, rows_of: Any, policy: Policy, pairs: Pairs, how: Preference, told: dict[str, Any], parts: dict[str, Any]
) -> Any:
    kinds, weights = [NAMES[how.loss]], [1.0]
    if how.mixed:
        kinds, weights = [*kinds, "sft"], [1.0, how.mixed]
    tail = {"ld_alpha": how.tail} if how.tail < 1 else {}
    config = trl.DPOConfig(**told, **tail, loss_type=kinds, loss_weights=weights)
    rows = [_row(pair.question, chosen=pair.chosen, rejected=pair.rejected) for pair in pairs.pairs]

    def collate(given: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        answers = [(each["question"], each[kind]) for kind in ("chosen", "rejected") for each in given]
        return masked(policy, answers)

    return trl.DPOTrainer(**parts, args=config, train_dataset=rows_of(rows), data_collator=collate)


def _kto(
    trl: Any, rows_of: Any, policy: Policy, pairs: Pairs, how: Preference, told: dict[str, Any], parts: dict[str, Any]
) -> Any:
    if told["per_device_train_batch_size"] < 2:
        raise InputError("trl estimates KTO's divergence within a batch: take batches of 2 answers or more")
    config = trl.KTOConfig(**told, desirable_weight=how.desirable, undesirable_weight=how.undesirable)
    rows = [_row(pair.question, completion=text, label=good) for pair in pairs.pairs
            for text, good in ((pair.chosen, True), (pair.rejected, False))]  # fmt: skip

    def collate(given: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        texts = [each["completion"] for each in given]
        made = masked(policy, [(each["question"], text) for each, text in zip(given, texts, strict=True)])
        shifted = [texts[-1], *texts[:-1]]  # as trl's own collator pairs questions with answers of others
        other = masked(policy, [(each["question"], text) for each, text in zip(given, shifted, strict=True)])
        made |= {f"KL_{name}": other[name] for name in ("input_ids", "attention_mask", "completion_mask")}
        return made | {"label": torch.tensor([bool(each["label"]) for each in given])}

    return trl.KTOTrainer(**parts, args=config, train_dataset=rows_of(rows), data_collator=collate)


def masked(policy: Policy, answers: Sequence[tuple[int, str]]) -> dict[str, Tensor]:
    """Return (number of the sample, answer) as trl's trainers take them: labels as a mask of the answers' words."""
    made = policy.build(answers)
    labels = made.pop("labels")
    return made | {"completion_mask": (labels != IGNORED).to(torch.int64)}

"""The writers of the review: floors without a film or with a copied case, result code, decoders, reader, and truth."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.seed import generator
from hilum.learn.probe import probe
from hilum.learn.reader.presets import preset_of
from hilum.learn.retrieve import index_of
from hilum.learn.transfer import Tuning
from hilum.learn.transfer_reports import learn_to_write, write_reports
from hilum.learn.wording import Wording
from hilum.measure.binary import youden_threshold
from hilum.measure.metric import score_all
from hilum.measure.pairs import Pairs
from hilum.nets.memory_writer import How, MemoryWriter, plain_of_size
from hilum.nets.writer import Writer
from hilum.phantom.scenes import facts_of
from hilum.phantom.scenes_words import report
from hilum.systems._reader_tasks import answers, samples_of, taught
from hilum.systems._rrg_material import Material, pooled
from hilum.systems.multi_model_report import write
from hilum.text.codes import BankSentence, CodeBank

Floats = NDArray[np.float64]
DEPTH, LONGEST, TRIED, AGAINST = 2, 60, 24, 60
"""Layers and words of a decoder; normal reports tried as the constant text, and reports each is held against."""
CODED = {"Cardiomegaly": "cardiomegaly", "Effusion": "pleural effusion", "Consolidation": "consolidation",
         "Pneumothorax": "pneumothorax", "Nodule": "lung nodule"}  # fmt: skip
"""Labels of the result code, by the concepts of scenes."""
_SAID = {"Cardiomegaly": ("Heart size is normal.", "There is cardiomegaly."),
         "Effusion": ("There is no pleural effusion.", "There is a pleural effusion."),
         "Consolidation": ("There is no consolidation.", "There is consolidation."),
         "Pneumothorax": ("There is no pneumothorax.", "There is a pneumothorax."),
         "Nodule": ("There is no nodule.", "There is a nodule.")}  # fmt: skip
BANK = CodeBank("scenes 1", "nih-14", tuple(
    BankSentence(label, state, "findings", text, order)
    for order, (label, said) in enumerate(_SAID.items()) for state, text in enumerate(said)
))  # fmt: skip


def constant(held: Material) -> list[str]:
    """Return one text for all: the normal training report that shares most words with other training reports."""
    normal = [text for study, text in zip(held.studies["train"], held.texts["train"], strict=True)
              if not any(finding.state == "present" for finding in study.findings)]  # fmt: skip
    tried = list(dict.fromkeys(normal or held.texts["train"]))[:TRIED]
    against = held.texts["train"][:AGAINST]

    def shared(text: str) -> float:
        return score_all(("bleu-4",), Pairs(against, (text,) * len(against)))[0]["bleu-4"].value

    best = max(tried, key=lambda text: (shared(text), text))
    return [best] * len(held.studies["test"])


def random(held: Material, *, seed: int) -> list[str]:
    """Return any training report for each study."""
    rng = generator(seed, "any report")
    return [held.texts["train"][int(rng.integers(len(held.texts["train"])))] for _ in held.studies["test"]]


def nearest(held: Material) -> list[str]:
    """Return for each study the report of the training case that the frozen encoder finds most like it."""
    cases = held.studies["train"]
    names, people = [study.id for study in cases], [study.patient for study in cases]
    index = index_of(pooled(held.patches["train"]), names, people, ["train"] * len(cases), encoder="scenes")
    rows, _ = index.find(pooled(held.patches["test"]), held.patients, encoder="scenes", keep=1)
    return [held.texts["train"][int(row)] for row in rows[:, 0]]


def coded(held: Material) -> list[str]:
    """Return a sentence for each bit: one binary model for each label, its threshold by Youden on validation studies.

    A label that no or every validation study has is said from a half.
    """
    shown = {part: pooled(patches) for part, patches in held.patches.items()}
    target = {part: np.array([[any(f.concept == name and f.state == "present" for f in study.findings)
                               for name in CODED.values()] for study in studies], np.int64)
              for part, studies in held.studies.items()}  # fmt: skip
    reads = [probe(shown["train"], target["train"][:, at], weight=1e-3) for at in range(len(CODED))]
    chance = {part: np.stack([1 / (1 + np.exp(-read(rows))) for read in reads], axis=1) for part, rows in shown.items()}
    found = [youden_threshold(target["val"][:, at], chance["val"][:, at]) for at in range(len(CODED))]
    limits = [value if np.isfinite(value) else 0.5 for value in found]
    return [" ".join(write(BANK, row.tolist(), limits).sentences) for row in chance["test"]]


def decoder(held: Material, how: How, *, seed: int, steps: int) -> tuple[Writer, Wording]:
    """Return a trained decoder over the patches; 'none' has as many weights as the memory with conditioned norms."""
    wording = Wording.of(held.texts["train"])

    def net(words: int) -> Writer:
        whole = MemoryWriter(words, held.patches["train"].shape[-1], how="none" if how == "none" else how, depth=DEPTH,
                             longest=LONGEST)  # fmt: skip
        if how != "none":
            return whole
        return plain_of_size(MemoryWriter(words, held.patches["train"].shape[-1], depth=DEPTH, longest=LONGEST))

    spec = Tuning(rate=2e-3, batch=32, steps=steps, check_every=max(1, steps // 10), patience=10)
    patches, texts = ((each["train"], each["val"]) for each in (held.patches, held.texts))
    made, _ = learn_to_write(patches, texts, wording, spec, longest=LONGEST, seed=seed, net=net)  # type: ignore[arg-type]
    return made, wording


def decoded(made: tuple[Writer, Wording], patches: Tensor) -> list[str]:
    """Return what a decoder writes of films, greedily."""
    return write_reports(made[0], patches, made[1])


def reader(held: Material, *, seed: int, steps: int) -> list[str]:
    """Return what a small reader of two views writes, taught on the same studies."""
    plain = {"sections": (), "connector": "mlp2", "codec": None, "missing": "omit", "worded": False}
    preset = preset_of("maira-2").changed(
        roles=("cur_front", "cur_lat"), crop="letterbox", tasks=("findings",), **plain
    )
    make = partial(samples_of, "findings", preset=preset)
    learned, asked = make(studies=held.studies["train"], seed=seed), make(studies=held.studies["test"], seed=seed)
    made = taught(held.bench, preset, {"findings": learned}, [*learned, *asked], steps=steps, seed=seed)
    said = dict(zip((sample.study for sample in asked), answers(made, asked), strict=True))
    return [said.get(study.id, "") for study in held.studies["test"]]


def true_facts(held: Material, *, seed: int) -> list[str]:
    """Return each study's facts in other words of the same grammar."""
    made = []
    for study in held.studies["test"]:
        facts = facts_of(study)
        other = report(facts, [None] * len(facts), prior=False, seed=seed + 7_919, name=study.id, hint="")
        made.append(other.findings)
    return made


def sides_exchanged(held: Material) -> list[str]:
    """Return the reference reports with left and right exchanged."""
    turn = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    return [" ".join(turn.get(word, word) for word in text.split()) for text in held.texts["test"]]

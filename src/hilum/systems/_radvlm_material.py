"""What RadVLM's arms learn from and are asked on scenes: samples by task, conversations, reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.systems._radvlm_talk import Script, scripts_of
from hilum.systems._reader_marks import fact_f1
from hilum.systems._reader_tasks import Bench, samples_of, some

OTHERS = ("findings", "labels", "presence")
"""Tasks without a box."""
BOXES, CHAT, TALKING = "phrase_to_box", "chat", 200
PHRASES, SCRIPTS = 300, 240
"""Phrases and conversations that are asked at most."""


@dataclass(frozen=True, eq=False)
class Material:
    """Samples to learn from by task, all texts, what is asked of test films, and the F1 of the target reports."""

    preset: Preset
    sets: Mapping[str, list[Sample]]
    every: list[Sample]
    asked: list[Sample]
    reports: list[Sample]
    scripts: list[Script]
    most: float


def preset_for_scenes() -> Preset:
    """Return RadVLM's preset for films of one tile, framed as the small encoder sees them."""
    return preset_of("radvlm").changed(crop="letterbox", options={})


def material(bench: Bench, *, seed: int) -> Material:
    """Lay out everything that the arms learn from and are asked."""
    preset = preset_for_scenes()
    sets = {name: samples_of(name, bench.train, preset, seed=seed) for name in (*OTHERS, BOXES)}
    sets[CHAT] = [each.sample for each in scripts_of(bench.train, preset, seed=seed)]
    asked, reports = (samples_of(name, bench.test, preset, seed=seed + 1) for name in (BOXES, "findings"))
    scripts = scripts_of(bench.test, preset, seed=seed + 1, both=True)
    asked, scripts = some(asked, PHRASES, seed=seed), some(scripts, SCRIPTS, seed=seed)
    every = [sample for samples in sets.values() for sample in samples] + asked + [each.sample for each in scripts]
    most = fact_f1(reports, [each.target for each in reports], {study.id: study for study in bench.test}).value
    return Material(preset, sets, every, asked, reports, scripts, most)

"""What each preset's prompt and answer are, word for word: a change of any of these is a change of the reader.

Pictures, sections and questions are those of one study with a lateral, a prior and two findings with boxes.
"""

from __future__ import annotations

import numpy as np
import pytest

from hilum.learn.reader.absence import without
from hilum.learn.reader.layout import layout
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import study

WHOLE = {
    ("cxr-llava", "findings"): (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> There is a small "
        "left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung"
        " zone."
    ),
    ("cxr-llava", "differential"): (
        "<img_cur_front> <image> <ask> Which diagnoses should be considered? <answer> Left pleural effusion: "
        "heart failure, infection, malignancy."
    ),
    ("cxr-llava", "presence"): ("<img_cur_front> <image> <ask> Can a pneumothorax be seen? <answer> no"),
    ("cxr-llava", "labels"): (
        "<img_cur_front> <image> <ask> Give the labels of this film. <answer> nodule, pleural effusion"
    ),
    ("cxr-llava", "chat"): (
        "<img_cur_front> <image> <ask> What do the films show? <answer> There is a small left pleural "
        "effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung zone. <ask> "
        "Does the film show a pneumothorax? <answer> no, there is no pneumothorax. <ask> Where does it lie? "
        "<answer> it is not seen on the frontal film."
    ),
    ("chexagent", "findings"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Report the "
        "findings of this examination. <answer> No pneumothorax. A nodule is seen in the right upper lung "
        "zone."
    ),
    ("chexagent", "impression"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Conclude the "
        "report. <answer> Small left pleural effusion. Right upper lung nodule."
    ),
    ("chexagent", "progression"): (
        "<img_prior_front> <image> <img_cur_front> <image> <indication> Cough and fever. <ask> Report the "
        "findings of this examination beside the prior film. <answer> There is a small left pleural effusion,"
        " larger than before. No pneumothorax. A nodule is seen in the right upper lung zone."
    ),
    ("chexagent", "view"): ("<img_cur_front> <image> <ask> Name the projection. <answer> lateral"),
    ("chexagent", "labels"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Give the labels of"
        " this film. <answer> nodule, pleural effusion"
    ),
    ("chexagent", "presence"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Can a pneumothorax"
        " be seen? <answer> no"
    ),
    ("chexagent", "choice"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Choose what is "
        "present. (A) lung nodule (B) pneumothorax <answer> lung nodule"
    ),
    ("chexagent", "phrase_to_box"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Mark the lung "
        "nodule in the right upper lung zone on the film. <answer> <|box|> (22,8),(29,18) <|/box|>"
    ),
    ("chexagent", "box_to_phrase"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> What is seen at "
        "<|box|> (22,8),(29,18) <|/box|> ? <answer> lung nodule in the right upper lung zone"
    ),
    ("chexagent", "grounded"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Report the "
        "findings with their places on the film. <answer> No pneumothorax. A nodule is seen in the right "
        "upper lung zone. <|box|> (22,8),(29,18) <|/box|>"
    ),
    ("radvlm", "findings"): (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> No pneumothorax. A "
        "nodule is seen in the right upper lung zone."
    ),
    ("radvlm", "labels"): (
        "<img_cur_front> <image> <ask> Give the labels of this film. <answer> nodule, pleural effusion"
    ),
    ("radvlm", "phrase_to_box"): (
        "<img_cur_front> <image> <ask> Mark the lung nodule in the right upper lung zone on the film. "
        "<answer> [0.22, 0.08, 0.29, 0.18]"
    ),
    ("radvlm", "grounded"): (
        "<img_cur_front> <image> <ask> Report the findings with their places on the film. <answer> No "
        "pneumothorax. A nodule is seen in the right upper lung zone. [0.22, 0.08, 0.29, 0.18]"
    ),
    ("radvlm", "chat"): (
        "<img_cur_front> <image> <ask> What do the films show? <answer> No pneumothorax. A nodule is seen in "
        "the right upper lung zone. <ask> Does the film show a pneumothorax? <answer> no, there is no "
        "pneumothorax. <ask> Where does it lie? <answer> it is not seen on the frontal film."
    ),
    ("maira-2", "findings"): (
        "the current frontal film: <img_cur_front> <image> the current lateral film: <img_cur_lat> <image> "
        "the prior frontal film: <img_prior_front> <image> <prior_report> There is a small left pleural "
        "effusion. No pneumothorax. A nodule is seen in the right upper lung zone. Small left pleural "
        "effusion. Right upper lung nodule. <ask> Report the findings of this examination beside the prior "
        "film. <indication> Cough and fever. <technique> PA and lateral. <comparison> 1 March 2020. <answer> "
        "There is a small left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the"
        " right upper lung zone."
    ),
    ("maira-2", "grounded"): (
        "the current frontal film: <img_cur_front> <image> the current lateral film: <img_cur_lat> <image> "
        "the prior frontal film: <img_prior_front> <image> <prior_report> There is a small left pleural "
        "effusion. No pneumothorax. A nodule is seen in the right upper lung zone. Small left pleural "
        "effusion. Right upper lung nodule. <ask> Report the findings with their places on the film. "
        "<indication> Cough and fever. <technique> PA and lateral. <comparison> 1 March 2020. <answer> <obj> "
        "There is a small left pleural effusion, larger than before. <box> <x75> <y66> <x99> <y91> </box> "
        "</obj> <obj> No pneumothorax. </obj> <obj> A nodule is seen in the right upper lung zone. <box> <x8>"
        " <y8> <x18> <y18> </box> </obj>"
    ),
    ("maira-2", "phrase_to_box"): (
        "the current frontal film: <img_cur_front> <image> the current lateral film: <img_cur_lat> <image> "
        "the prior frontal film: <img_prior_front> <image> <prior_report> There is a small left pleural "
        "effusion. No pneumothorax. A nodule is seen in the right upper lung zone. Small left pleural "
        "effusion. Right upper lung nodule. <ask> Mark the lung nodule in the right upper lung zone on the "
        "film. <indication> Cough and fever. <technique> PA and lateral. <comparison> 1 March 2020. <answer> "
        "<box> <x8> <y8> <x18> <y18> </box>"
    ),
    ("libra", "findings"): (
        "<img_cur_front> <image> <img_prior_front> <image> <indication> Cough and fever. <technique> PA and "
        "lateral. <comparison> 1 March 2020. <ask> Report the findings of this examination beside the prior "
        "film. <answer> There is a small left pleural effusion, larger than before. No pneumothorax. A nodule"
        " is seen in the right upper lung zone."
    ),
    ("libra", "impression"): (
        "<img_cur_front> <image> <img_prior_front> <image> <indication> Cough and fever. <technique> PA and "
        "lateral. <comparison> 1 March 2020. <ask> Conclude the report. <answer> Small left pleural effusion."
        " Right upper lung nodule."
    ),
    ("libra", "presence"): (
        "<img_cur_front> <image> <img_prior_front> <image> <indication> Cough and fever. <technique> PA and "
        "lateral. <comparison> 1 March 2020. <ask> Can a pneumothorax be seen? <answer> no"
    ),
    ("libra", "progression"): (
        "<img_cur_front> <image> <img_prior_front> <image> <indication> Cough and fever. <technique> PA and "
        "lateral. <comparison> 1 March 2020. <ask> Report the findings of this examination beside the prior "
        "film. <answer> There is a small left pleural effusion, larger than before. No pneumothorax. A nodule"
        " is seen in the right upper lung zone."
    ),
    ("mlrg", "findings"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <img_prior_front> <image> <indication> Cough and "
        "fever. <prior_report> small pleural effusion left pleural space; no pneumothorax; lung nodule right "
        "upper lung zone <ask> Report the findings of this examination beside the prior film. <answer> There "
        "is a small left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the right"
        " upper lung zone."
    ),
    ("sei", "findings"): (
        "<img_cur_front> <image> <indication> Cough and fever. <ask> Report the findings of this examination."
        " <answer> There is a small left pleural effusion, larger than before. No pneumothorax. A nodule is "
        "seen in the right upper lung zone."
    ),
    ("icon", "findings"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <img_prior_front> <image> <ask> Report the findings of"
        " this examination beside the prior film. <answer> There is a small left pleural effusion, larger "
        "than before. No pneumothorax. A nodule is seen in the right upper lung zone."
    ),
    ("pref", "findings"): (
        "<img_cur_front> <image> <img_cur_lat> <image> <indication> Cough and fever. <ask> Report the "
        "findings of this examination. <answer> No pneumothorax. A nodule is seen in the right upper lung "
        "zone."
    ),
    ("promptstudy", "findings"): (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> There is a small "
        "left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung"
        " zone."
    ),
    ("promptstudy", "presence"): ("<img_cur_front> <image> <ask> Can a pneumothorax be seen? <answer> no"),
    ("promptstudy", "choice"): (
        "<img_cur_front> <image> <ask> Choose what is present. (A) lung nodule (B) pneumothorax <answer> lung nodule"
    ),
    ("promptstudy", "phrase_to_box"): (
        "<img_cur_front> <image> <ask> Mark the lung nodule in the right upper lung zone on the film. "
        "<answer> (20, 5), (26, 11)"
    ),
}
BARE = {
    "cxr-llava": (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> There is a small "
        "left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung"
        " zone."
    ),
    "chexagent": (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> No pneumothorax. A "
        "nodule is seen in the right upper lung zone."
    ),
    "radvlm": (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> No pneumothorax. A "
        "nodule is seen in the right upper lung zone."
    ),
    "maira-2": (
        "the only current frontal film: <img_cur_front> <image> <prior_report> N/A <ask> Report the findings "
        "of this examination beside the prior film. <indication> N/A <technique> N/A <comparison> N/A "
        "<answer> There is a small left pleural effusion, larger than before. No pneumothorax. A nodule is "
        "seen in the right upper lung zone."
    ),
    "libra": (
        "<img_cur_front> <image> <img_prior_front> <image> <ask> Report the findings of this examination "
        "beside the prior film. <answer> There is a small left pleural effusion, larger than before. No "
        "pneumothorax. A nodule is seen in the right upper lung zone."
    ),
    "mlrg": (
        "<img_cur_front> <image> <no_cur_lat> <no_prior_front> <no_indication> <no_prior_report> <ask> Report"
        " the findings of this examination beside the prior film. <answer> There is a small left pleural "
        "effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung zone."
    ),
    "sei": (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> There is a small "
        "left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung"
        " zone."
    ),
    "icon": (
        "<img_cur_front> <image> <ask> Report the findings of this examination beside the prior film. "
        "<answer> There is a small left pleural effusion, larger than before. No pneumothorax. A nodule is "
        "seen in the right upper lung zone."
    ),
    "pref": (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> No pneumothorax. A "
        "nodule is seen in the right upper lung zone."
    ),
    "promptstudy": (
        "<img_cur_front> <image> <ask> Report the findings of this examination. <answer> There is a small "
        "left pleural effusion, larger than before. No pneumothorax. A nodule is seen in the right upper lung"
        " zone."
    ),
}
"""With nothing but the frontal film."""


def test_every_task_of_every_preset_is_here() -> None:
    assert set(WHOLE) == {(name, task) for name, preset in PRESETS.items() for task in preset.tasks}


@pytest.mark.parametrize("name, task", WHOLE)
def test_a_whole_study_is_laid_out_word_for_word(name: str, task: str) -> None:
    sample = build(task, study(), PRESETS[name], np.random.default_rng(0))
    assert sample is not None
    assert layout(sample, PRESETS[name]).text == WHOLE[name, task]


@pytest.mark.parametrize("name", BARE)
def test_a_bare_study_is_laid_out_by_the_policy_for_what_is_missing(name: str) -> None:
    sample = build("findings", study(), PRESETS[name], np.random.default_rng(0))
    assert sample is not None
    bare = without(sample, "prior_front", "cur_lat", "indication", "technique", "comparison")
    assert layout(bare, PRESETS[name]).text == BARE[name]

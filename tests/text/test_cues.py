"""Cues in the words that reports use: invented sentences, each with the state a reader would give."""

from __future__ import annotations

import pytest

from hilum.text.parse import parse


def said(text: str, concept: str) -> str:
    """State and certainty of the last fact about a concept; 'not said' without one."""
    facts = [fact for fact in parse(text).facts if fact.concept == concept]
    return f"{facts[-1].state} {facts[-1].certainty}" if facts else "not said"


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("An underlying mass cannot be excluded.", "lung mass", "uncertain possible"),
        ("CT is recommended to exclude an underlying mass.", "lung mass", "not said"),
        ("Follow-up to resolution is recommended to exclude underlying malignancy.", "lung cancer", "not said"),
        ("CT could be performed to further evaluate for a nodule.", "lung nodule", "not said"),
        ("An obstructing mass should be excluded.", "lung mass", "not said"),
        ("This may obscure an underlying nodule.", "lung nodule", "not said"),
        ("No mass is seen, although small nodules may be obscured.", "lung mass", "absent definite"),
        ("There has been interval resolution of the edema.", "pulmonary edema", "absent definite"),
        ("The edema has nearly resolved.", "pulmonary edema", "present definite"),
        ("Edema has improved but not resolved.", "pulmonary edema", "present definite"),
        ("Previously seen right effusion is no longer present.", "pleural effusion", "absent definite"),
        ("Previously noted nodule is not seen today.", "lung nodule", "absent definite"),
        ("No new consolidation.", "consolidation", "absent definite"),
        ("No interval change in small right effusion.", "pleural effusion", "present definite"),
        ("There is no change in the moderate left effusion.", "pleural effusion", "present definite"),
        ("Effusion has not changed.", "pleural effusion", "present definite"),
        ("Effusion is not significantly changed.", "pleural effusion", "present definite"),
        ("The effusion has not resolved.", "pleural effusion", "present definite"),
        ("No pneumothorax or pleural effusion other than small left effusion.", "pleural effusion", "present definite"),
        ("No abnormality other than mild cardiomegaly.", "cardiomegaly", "present definite"),
        ("Lungs are clear without effusion but there is cardiomegaly.", "cardiomegaly", "present definite"),
        ("Without pneumothorax but small effusion remains.", "pleural effusion", "present definite"),
        ("Pneumonia is not excluded.", "pneumonia", "uncertain possible"),
        ("Cannot rule out pneumonia.", "pneumonia", "uncertain possible"),
        ("Pneumonia would be difficult to exclude.", "pneumonia", "uncertain possible"),
        ("Pneumonia cannot be entirely excluded in the left base.", "pneumonia", "uncertain possible"),
        ("Pneumonia felt to be less likely.", "pneumonia", "uncertain possible"),
        ("Pneumonia is unlikely.", "pneumonia", "absent definite"),
        ("Pneumonia is considered unlikely.", "pneumonia", "absent definite"),
        ("Atelectasis rather than pneumonia.", "pneumonia", "absent definite"),
        ("Atelectasis rather than pneumonia.", "atelectasis", "present definite"),
        ("Atelectasis is favored over pneumonia.", "atelectasis", "present likely"),
        ("Findings favor edema over infection.", "pulmonary edema", "present likely"),
        ("Atelectasis versus pneumonia.", "pneumonia", "present likely"),
        ("Atelectasis or pneumonia.", "pneumonia", "present definite"),
        ("Possible trace effusion.", "pleural effusion", "uncertain possible"),
        ("Trace effusion is possible.", "pleural effusion", "uncertain possible"),
        ("A trace effusion may be present.", "pleural effusion", "uncertain possible"),
        ("There may be a trace effusion.", "pleural effusion", "uncertain possible"),
        ("Query small pneumothorax.", "pneumothorax", "uncertain possible"),
        ("Pneumothorax: absent.", "pneumothorax", "absent definite"),
        ("Pleural effusion: none. Pneumothorax: none.", "pleural effusion", "absent definite"),
        ("Pneumothorax: No.", "pneumothorax", "absent definite"),
        ("Effusion: small right.", "pleural effusion", "present definite"),
        ("NO PNEUMOTHORAX OR EFFUSION. HEART IS ENLARGED.", "cardiomegaly", "present definite"),
        ("NO PNEUMOTHORAX OR EFFUSION. HEART IS ENLARGED.", "pleural effusion", "absent definite"),
        ("1. No effusion. 2. Stable cardiomegaly.", "cardiomegaly", "present definite"),
        ("1. Cardiomegaly. 2. No edema.", "pulmonary edema", "absent definite"),
        ("ADDENDUM: There is also a small left apical pneumothorax.", "pneumothorax", "present definite"),
        ("Evaluate for pneumonia.", "pneumonia", "not said"),
        ("No radiographic evidence of pneumonia.", "pneumonia", "absent definite"),
        ("No evidence for acute pneumonia or edema.", "pulmonary edema", "absent definite"),
        ("There are no findings to suggest congestive heart failure.", "heart failure", "absent definite"),
        ("The lungs are without consolidation, effusion, or edema.", "pulmonary edema", "absent definite"),
        ("Lungs are clear of consolidation.", "consolidation", "absent definite"),
        ("Absence of pneumothorax.", "pneumothorax", "absent definite"),
        ("The right pneumothorax has resolved, but a small effusion persists.", "pleural effusion", "present definite"),
        ("The right pneumothorax has resolved, but a small effusion persists.", "pneumothorax", "absent definite"),
        ("Resolved pneumonia.", "pneumonia", "absent definite"),
        ("Resolving pneumonia.", "pneumonia", "present definite"),
        ("Interval clearing of the left basilar consolidation.", "consolidation", "absent definite"),
        ("Cardiac silhouette remains enlarged.", "cardiomegaly", "present definite"),
        ("Cardiac silhouette is top-normal.", "cardiomegaly", "absent definite"),
        ("Cardiac silhouette is at the upper limits of normal.", "cardiomegaly", "absent definite"),
        ("The cardiac silhouette is not enlarged.", "cardiomegaly", "absent definite"),
        ("Heart size is within normal limits.", "cardiomegaly", "absent definite"),
        ("Heart is moderately enlarged.", "cardiomegaly", "present definite"),
        ("The cardiomediastinal and hilar contours are unremarkable.", "enlarged cardiomediastinum", "absent definite"),
        ("The mediastinum is widened.", "mediastinal enlargement", "present definite"),
        ("No acute cardiopulmonary process.", "pneumonia", "not said"),
        ("Endotracheal tube terminates 4 cm above the carina.", "endotracheal tube", "present definite"),
        ("Right IJ central line tip terminates in the mid SVC.", "central venous catheter", "present definite"),
        ("Right PICC in place.", "peripherally inserted central catheter", "present definite"),
        ("NG tube courses below the diaphragm.", "enteric tube", "present definite"),
        ("Enteric tube tip is in the stomach.", "enteric tube", "present definite"),
        ("Left chest wall dual-lead pacer is unchanged.", "pacemaker", "present definite"),
        ("The ET tube has been removed.", "endotracheal tube", "absent definite"),
        ("Interval extubation.", "endotracheal tube", "absent definite"),
        ("Status post removal of right chest tube.", "chest tube", "absent definite"),
        ("Pulmonary vascular congestion without frank edema.", "pulmonary edema", "absent definite"),
        ("Pulmonary vascular congestion without frank edema.", "pulmonary vascular congestion", "present definite"),
        ("There is mild pulmonary vascular engorgement.", "pulmonary vascular congestion", "present definite"),
        ("Mild interstitial pulmonary edema is present.", "pulmonary edema", "present definite"),
        ("Increased interstitial markings suggesting mild edema.", "pulmonary edema", "uncertain possible"),
        ("Bibasilar opacities likely reflect atelectasis.", "atelectasis", "present likely"),
        ("Retrocardiac opacity could reflect atelectasis, though pneumonia is not excluded.",
         "pneumonia", "uncertain possible"),
        ("Retrocardiac opacity could reflect atelectasis, though pneumonia is not excluded.",
         "atelectasis", "uncertain possible"),
        ("Subcutaneous emphysema along the left chest wall.", "emphysema", "not said"),
        ("Subcutaneous emphysema along the left chest wall.", "subcutaneous emphysema", "present definite"),
        ("Emphysematous changes are noted.", "emphysema", "present definite"),
        ("Old granulomatous disease.", "granulomatous disease", "present definite"),
        ("No displaced rib fractures.", "rib fracture", "absent definite"),
        ("Healed left rib fractures.", "rib fracture", "present definite"),
        ("HISTORY: Pneumonia. FINDINGS: Clear lungs.", "pneumonia", "not said"),
        ("The left pleura is thickened.", "pleural thickening", "present definite"),
        ("Thickening of the right minor fissure.", "pleural thickening", "present definite"),
        ("There is thickening along the right lateral pleural surface.", "pleural thickening", "present definite"),
        ("No pleural thickening.", "pleural thickening", "absent definite"),
        ("Peribronchial thickening.", "pleural thickening", "not said"),
        ("Mass effect on the trachea.", "lung mass", "not said"),
        ("Large hilar mass on the left.", "lung mass", "present definite"),
        ("Low lung volumes accentuate the cardiac silhouette.", "cardiomegaly", "not said"),
        ("Elevated right hemidiaphragm.", "hemidiaphragm elevation", "present definite"),
        ("Hyperinflated lungs consistent with COPD.", "chronic obstructive pulmonary disease", "present likely"),
        ("There is no focal consolidation, pleural effusion or pneumothorax.", "pneumothorax", "absent definite"),
        ("No large effusion.", "pleural effusion", "absent definite"),
        ("No definite effusion.", "pleural effusion", "absent definite"),
        ("No appreciable effusion is identified.", "pleural effusion", "absent definite"),
        ("No pneumothorax is appreciated.", "pneumothorax", "absent definite"),
        ("Effusions have decreased.", "pleural effusion", "present definite"),
        ("There is blunting of the left costophrenic angle which may reflect a small effusion.",
         "pleural effusion", "uncertain possible"),
        ("A small effusion is suspected.", "pleural effusion", "uncertain possible"),
        ("Probable small left pleural effusion.", "pleural effusion", "present likely"),
        ("Likely small left pleural effusion.", "pleural effusion", "present likely"),
        ("Small pleural effusions are likely present.", "pleural effusion", "present likely"),
        ("Small pleural effusions are likely.", "pleural effusion", "present likely"),
        ("Pneumonia must be considered.", "pneumonia", "uncertain possible"),
        ("In the appropriate clinical setting, pneumonia could be considered.", "pneumonia", "uncertain possible"),
        ("Superimposed infection cannot be excluded.", "pneumonia", "uncertain possible"),
        ("Interval increase in bilateral effusions, right greater than left.", "pleural effusion", "present definite"),
        ("Tracheostomy tube in unchanged position.", "tracheostomy tube", "present definite"),
        ("Sternotomy wires are intact.", "fracture", "not said"),
        ("Bones are intact.", "fracture", "absent definite"),
        ("Lungs: Clear. Pleura: No effusion. Heart: Enlarged.", "cardiomegaly", "present definite"),
        ("Heart: Normal size. Lungs: Mild edema.", "pulmonary edema", "present definite"),
        ("Heart: Normal size.", "cardiomegaly", "absent definite"),
    ],
)  # fmt: skip
def test_cues(text: str, concept: str, expected: str) -> None:
    assert said(text, concept) == expected


@pytest.mark.parametrize(
    "text",
    [
        "No effusion. Lungs otherwise clear.",
        "The remainder of the lungs is clear.",
    ],
)
def test_a_denial_of_the_rest_says_so(text: str) -> None:
    fact = next(fact for fact in parse(text).facts if fact.concept == "lung opacity")
    assert fact.state == "absent"
    assert fact.attributes["scope"] == ("rest",)


def test_acute_disease_is_no_opacity() -> None:
    assert not parse("No acute pulmonary disease.").facts


def test_volume_overload_is_edema_for_chexpert_but_not_for_nih() -> None:
    from hilum.text.labels import label

    assert label("Volume overload.", "chexpert-14").states["Edema"] == "present"
    assert "Edema" not in label("Volume overload.", "nih-14").states


def test_a_mass_is_a_mass_wherever_it_lies() -> None:
    from hilum.text.labels import label

    assert label("Anterior mediastinal mass.", "nih-14").states["Mass"] == "present"
    assert label("Anterior mediastinal mass.", "chexpert-14").states["Lung Lesion"] == "present"
    assert "Mass" not in label("Mass effect on the trachea.", "nih-14").states


@pytest.mark.parametrize(
    ("sentence", "change"),
    [
        ("Mild edema has not worsened.", "unchanged"),
        ("Effusion has not increased.", "unchanged"),
        ("Pneumothorax is not larger.", "unchanged"),
        ("Edema is no worse.", "unchanged"),
        ("Effusion has not changed.", "unchanged"),
        ("Effusion is not significantly increased.", "unchanged"),
        ("Unchanged from prior, the nodule is small.", "unchanged"),
        ("Persistent but decreased effusion.", "improved"),
        ("Compared to the prior, the pulmonary edema has worsened.", "worsened"),
    ],
)
def test_a_denied_change_is_no_change_and_a_direction_outranks_persistence(sentence: str, change: str) -> None:
    (fact,) = parse(sentence).facts
    assert fact.state == "present"
    assert fact.attributes["change"] == (change,)
    assert "onset" not in fact.attributes


@pytest.mark.parametrize(
    "sentence", ["A 12 mm nodule, not significantly changed from 8 mm.", "Nodule now 12 mm, previously 8 mm."]
)
def test_the_size_on_the_earlier_film_is_no_size_of_this_one(sentence: str) -> None:
    (fact,) = parse(sentence).facts
    assert fact.sizes == ((12.0, "mm"),)


def test_not_enlarged_denies_the_finding() -> None:
    (heart,) = parse("The heart is not enlarged.").facts
    assert (heart.concept, heart.state) == ("cardiomegaly", "absent")

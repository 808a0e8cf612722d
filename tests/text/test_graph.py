"""Report graphs of made-up sentences against graphs written by hand, one or more for every annotation convention."""

from __future__ import annotations

import pytest

from hilum.core.errors import InputError
from hilum.text.graph import KINDS, LABELS, Graph, graph, sentence_graph
from hilum.text.graph_entities import GROUPS, group, roles
from hilum.text.parse import parse

SHORT = {"m": "modify", "l": "located_at", "s": "suggestive_of"}
CODES = {"A": "ANAT-DP", "P": "OBS-DP", "N": "OBS-DA", "U": "OBS-U"}


def written(made: Graph) -> list[str]:
    """'small P m>effusion' for each entity, in order."""
    short = {long: key for key, long in SHORT.items()}
    code = {long: key for key, long in CODES.items()}
    return [
        " ".join([f"{made.words(n)}/{code[e.label]}", *(f"{short[kind]}>{made.words(to)}" for kind, to in e.relations)])
        for n, e in enumerate(made.entities)
    ]


def by_hand(lines: str) -> list[str]:
    return [" ".join(line.split()) for line in lines.strip().split(";") if line.strip()]


def same(sentence: str, lines: str) -> None:
    said = [line.split(" ") for line in written(graph(parse(sentence)))]
    wanted = [line.split(" ") for line in by_hand(lines)]
    spaced = [(" ".join(part for part in line if ">" not in part), {p for p in line if ">" in p}) for line in said]
    hand = [(" ".join(part for part in line if ">" not in part), {p for p in line if ">" in p}) for line in wanted]
    assert spaced == hand


SENTENCES = {
    # the example of the RadGraph paper's schema
    "small left pleural effusion , no pneumothorax":
        "small/P m>effusion; left/A m>pleural; pleural/A; effusion/P l>pleural; pneumothorax/N",
    # normal, limits and properties
    "The heart is of upper normal size.": "heart/A m>size; normal/P l>size; size/A",
    "The heart is normal in size.": "heart/A m>size; normal/P l>size; size/A",
    "Heart size is within normal limits.": "Heart/A m>size; size/A; normal/P l>size",
    "The cardiac silhouette is within normal limits for size and contour.":
        "cardiac/A m>silhouette; silhouette/A m>size m>contour; normal/P l>size l>contour; size/A; contour/A",
    "Mediastinal and hilar contours are unremarkable.":
        "Mediastinal/A m>contours; hilar/A m>contours; contours/A; unremarkable/P l>contours",
    "The heart and the mediastinum are stable.":
        "heart/A; mediastinum/A; stable/P l>heart l>mediastinum",
    # sides, levels, organs
    "Left-sided pleural effusion is seen.": "Left/A m>pleural; pleural/A; effusion/P l>pleural",
    "Fracture of the right 7th rib.": "Fracture/P l>rib; right/A m>rib; 7th/A m>rib; rib/A",
    "Right 5th and 6th rib fractures.":
        "Right/A m>rib; 5th/A m>rib; 6th/A m>rib; rib/A; fractures/P l>rib",
    "There is left hilar fullness.": "left/A m>hilar; hilar/A; fullness/P l>hilar",
    "Right lung base opacity.": "Right/A m>base; lung/A m>base; base/A; opacity/P l>base",
    "Left lower lobe alveolar consolidation.":
        "Left/A m>lobe; lower/A m>lobe; lobe/A; alveolar/A; consolidation/P l>lobe l>alveolar",
    "Nodule in the periphery of the left lung.":
        "Nodule/P l>periphery; periphery/A m>lung; left/A m>lung; lung/A",
    "Wedge deformity of T12.": "Wedge/P m>deformity; deformity/P l>T12; T12/A",
    # spans
    "There is volume loss in the left lung.": "volume loss/P l>lung; left/A m>lung; lung/A",
    "The soft tissues are unremarkable.": "soft tissues/A; unremarkable/P l>soft tissues",
    "The mass measures 2.5 cm x 3 cm.": "mass/P; 2.5 cm x 3 cm/P m>mass",
    "A 4 mm nodule is noted.": "4 mm/P m>nodule; nodule/P",
    "Focal area of consolidation.": "Focal/P m>consolidation; consolidation/P",
    "No visible foreign bodies.": "foreign/N m>bodies; bodies/N",
    # qualities, degrees, markings
    "The aorta is markedly tortuous and calcified.":
        "aorta/A; markedly/P m>tortuous; tortuous/P l>aorta; calcified/P l>aorta",
    "Prominent interstitial markings suggesting edema.":
        "Prominent/P l>markings s>edema; interstitial/A m>markings; markings/A; edema/U",
    "Borderline enlarged heart.": "Borderline/P m>enlarged; enlarged/P l>heart; heart/A",
    "The lungs are clear bilaterally.": "lungs/A; clear/P l>lungs; bilaterally/A m>lungs",
    "Old rib fractures are seen laterally.":
        "Old/P m>fractures; rib/A; fractures/P l>rib; laterally/A m>rib",
    "Small to moderate effusion.": "Small/P m>effusion; moderate/P m>effusion; effusion/P",
    # predicates of findings; one-word fragments
    "The effusion appears increased but small.": "effusion/P; increased/P m>effusion; small/P m>effusion",
    "A right upper lobe nodule appears smaller.":
        "right/A m>lobe; upper/A m>lobe; lobe/A; nodule/P l>lobe; smaller/P m>nodule",
    "Small right effusion. Unchanged.":
        "Small/P m>effusion; right/A; effusion/P l>right; Unchanged/P m>effusion",
    "Small effusion. Cardiomegaly.": "Small/P m>effusion; effusion/P; Cardiomegaly/P",
    "Tortuosity of the aorta, and heart size within normal limits.":
        "Tortuosity/P l>aorta; aorta/A; heart/A m>size; size/A; normal/P l>size",
    # lists
    "Mild atelectasis and/or edema.": "Mild/P m>atelectasis m>edema; atelectasis/P; edema/P",
    "No focal consolidation, pleural effusion, or pneumothorax.":
        "focal/N m>consolidation; consolidation/N; pleural/A; effusion/N l>pleural; pneumothorax/N",
    "Scarring and osteopenia are present in the thoracic spine.":
        "Scarring/P l>spine; osteopenia/P l>spine; thoracic/A m>spine; spine/A",
    "Calcified nodule, left apex.": "Calcified/P m>nodule; nodule/P l>apex; left/A m>apex; apex/A",
    # lungs said to be clear
    "The lungs are clear without infiltrate or effusion.":
        "lungs/A; clear/P l>lungs; infiltrate/N l>lungs; effusion/N",
    "The lungs are free of consolidation.": "lungs/A; consolidation/N l>lungs",
    "Both lungs are free of nodules and inflated.":
        "Both/A m>lungs; lungs/A; nodules/N l>lungs; inflated/P l>lungs",
    # hedges and explanations
    "Opacity in the left base may represent pneumonia.":
        "Opacity/P l>base s>pneumonia; left/A m>base; base/A; pneumonia/U",
    "Findings in keeping with asbestosis.": "Findings/P s>asbestosis; asbestosis/P",
    "Opacities due to edema.": "Opacities/P s>edema; edema/P",
    "Bibasilar opacities, likely atelectasis.":
        "Bibasilar/A; opacities/P l>Bibasilar s>atelectasis; atelectasis/U",
    "Density in the right base, scarring versus atelectasis.":
        "Density/P l>base s>scarring s>atelectasis; right/A m>base; base/A; scarring/U; atelectasis/U",
    "No opacity, scarring or atelectasis.": "opacity/N; scarring/N; atelectasis/N",
    "Opacities in the left lung, XXXX atelectasis.":
        "Opacities/P l>lung s>atelectasis; left/A m>lung; lung/A; atelectasis/U",
    "Sternotomy XXXX, axillary staples.": "Sternotomy/P; axillary/A; staples/P l>axillary",
    "The interstitial markings are prominent, which may represent edema.":
        "interstitial/A m>markings; markings/A; prominent/P l>markings s>edema; edema/U",
    "Possible mild edema.": "mild/U m>edema; edema/U",
    "Atelectasis versus infiltrate.": "Atelectasis/U; infiltrate/U",
    "Scarring or atelectasis.": "Scarring/U; atelectasis/U",
    "Blunting of the left costophrenic XXXX XXXX old scar.":
        "Blunting/P l>costophrenic s>scar; left/A m>costophrenic; costophrenic/A; old/U m>scar; scar/U",
    "The lungs are hyperinflated with flattened diaphragms.":
        "lungs/A; hyperinflated/P l>lungs; flattened/P l>diaphragms; diaphragms/A",
    # change
    "No significant interval change.": "significant/N m>change; interval/N m>change; change/N",
    "Resolution of the small right pneumothorax.":
        "Resolution/P m>pneumothorax; small/N m>pneumothorax; right/A; pneumothorax/N l>right",
    "Interval increase in the left effusion.":
        "Interval/P m>increase; increase/P m>effusion; left/A; effusion/P l>left",
    "Sequela of old granulomatous infection.":
        "Sequela/P m>infection; old/P m>infection; granulomatous/P m>infection; infection/P",
    "Opacity in the right base may represent pneumonia, unchanged.":
        "Opacity/P l>base s>pneumonia; right/A m>base; base/A; pneumonia/U; unchanged/P m>Opacity",
    "Left opacity, likely atelectasis or pneumonia, and stable.":
        "Left/A; opacity/P l>Left s>atelectasis s>pneumonia; atelectasis/U; pneumonia/U; stable/P m>opacity",
    "Small effusion and edema, unchanged.":
        "Small/P m>effusion m>edema; effusion/P; edema/P; unchanged/P m>effusion m>edema",
    # devices and surgery
    "Central venous catheter with tip in the SVC.":
        "Central/A m>venous; venous/A; catheter/P l>venous; tip/P l>SVC; SVC/A",
    "Right IJ catheter tip in the mid SVC.":
        "Right/A m>IJ; IJ/A; catheter/P l>IJ m>tip; tip/P l>SVC; mid/A m>SVC; SVC/A",
    "Left PICC tip in the right atrium.":
        "Left/A; PICC/P l>Left m>tip; tip/P l>atrium; right/A m>atrium; atrium/A",
    "Status post sternotomy.": "sternotomy/P",
    # no entities
    "Frontal and lateral views of the chest were obtained.": "",
    "Lateral views of the chest show normal size and shape of the heart.":
        "normal/P l>size l>shape; size/A; shape/A; heart/A m>size m>shape",
    "The trachea is midline.": "trachea/A; midline/P l>trachea",
    "Recommend CT to exclude pneumonia.": "",
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda text: text[:40])
def test_the_graph_of_a_sentence_is_that_written_by_hand(sentence: str) -> None:
    same(sentence, SENTENCES[sentence])


def test_a_stop_left_out_begins_a_new_statement() -> None:
    said = written(graph(parse("There is no pneumothorax the lungs are clear.")))
    assert said == ["pneumothorax/N", "lungs/A", "clear/P l>lungs"]


def test_offsets_are_characters_of_the_parsed_text() -> None:
    parsed = parse({"findings": "Clear lungs. No effusion.", "impression": "Clear lungs."})
    made = graph(parsed)
    assert made.text == parsed.text
    assert [made.words(n) for n in range(len(made.entities))] == ["Clear", "lungs", "effusion", "Clear", "lungs"]
    assert [e.label for e in made.entities] == ["OBS-DP", "ANAT-DP", "OBS-DA", "OBS-DP", "ANAT-DP"]
    assert made.entities[3].relations == (("located_at", 4),)


def test_history_and_technique_state_nothing_of_the_film() -> None:
    made = graph(parse("INDICATION: chronic effusion, pneumonia. FINDINGS: Clear lungs."))
    assert written(made) == ["Clear/P l>lungs", "lungs/A"]
    assert not graph(parse("INDICATION: cough.")).entities
    assert not graph(parse("")).entities


def test_a_sentence_is_read_once_and_stands_where_it_stands() -> None:
    text = "No effusion. Heart size is normal. No effusion."
    before = sentence_graph.cache_info().hits
    made = graph(parse(text))
    assert sentence_graph.cache_info().hits > before
    assert [text[e.start : e.end] for e in made.entities] == ["effusion", "Heart", "size", "normal", "effusion"]
    assert sentence_graph.cache_info().maxsize == 16_384


@pytest.mark.parametrize("text", ["NO PLEURAL EFFUSION.", "no pleural effusion.", "No Pleural Effusion."])
def test_case_does_not_matter(text: str) -> None:
    assert [e.label for e in graph(parse(text)).entities] == ["ANAT-DP", "OBS-DA"]


def test_the_table_is_of_the_schema() -> None:
    for name in GROUPS:
        assert group(name), name
    trie = roles("en")
    assert trie["effusion"][""] == "finding"
    assert trie["soft"]["tissue"][""] == "organ"
    assert set(LABELS) == set(CODES.values())
    assert set(KINDS) == set(SHORT.values())


def test_a_language_without_a_table_is_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match=r"report graphs are made for: en; there is no table graph_es\.csv"):
        graph(parse("Derrame pleural izquierdo.", language="es"))

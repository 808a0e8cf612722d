"""The scene: attributes at sites by hand-read reports, parents, sides, cues, relations, and the control arms."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept, label_set
from hilum.text.imagenome import to_imagenome
from hilum.text.parse import parse
from hilum.text.scene import Scene, scene
from hilum.text.scene_table import attribute_of, attributes, families, loaded, sided, sites

FINDINGS = """airspace opacity; atelectasis; bone lesion; bronchiectasis; calcified nodule; clavicle fracture;
consolidation; costophrenic angle blunting; cyst/bullae; diaphragmatic eventration (benign); elevated hemidiaphragm;
enlarged cardiac silhouette; enlarged hilum; hernia; hydropneumothorax; hyperaeration;
increased reticular markings/ild pattern; infiltration; linear/patchy atelectasis; lobar/segmental collapse;
lung lesion; lung opacity; mass/nodule (not otherwise specified); mediastinal displacement; mediastinal widening;
multiple masses/nodules; pleural effusion; pleural/parenchymal scarring; pneumomediastinum; pneumothorax;
pulmonary edema/hazy opacity; rib fracture; scoliosis; shoulder osteoarthritis; spinal degenerative changes;
spinal fracture; sub-diaphragmatic air; subcutaneous air; superior mediastinal mass/enlargement; tortuous aorta;
vascular calcification; vascular congestion; vascular redistribution"""
DISEASES = """alveolar hemorrhage; aspiration; copd/emphysema; fluid overload/heart failure; goiter;
granulomatous disease; interstitial lung disease; lung cancer; pericardial effusion; pneumonia"""
DEVICES = "aortic graft/repair; cabg grafts; cardiac pacer and wires; prosthetic valve"
TECHNICAL = "artifact; breast/nipple shadows; low lung volumes; rotated; skin fold"
TUBES = """chest port; chest tube; endotracheal tube; enteric tube; ij line; intra-aortic balloon pump;
mediastinal drain; picc; pigtail catheter; subclavian line; swan-ganz catheter; tracheostomy tube"""
SPECIFIED = {
    " ".join(name.split()): category
    for category, names in (("anatomicalfinding", FINDINGS), ("disease", DISEASES), ("device", DEVICES),
                            ("technicalassessment", TECHNICAL), ("tubesandlines", TUBES))
    for name in names.split(";")
}  # fmt: skip

SENTENCES = {
    "airspace opacity": "Right airspace disease.", "atelectasis": "Left basilar atelectasis.",
    "bone lesion": "There is a bone lesion.", "bronchiectasis": "Bronchiectasis is present.",
    "calcified nodule": "Calcified nodule in the left apex.", "clavicle fracture": "Old fracture of the left clavicle.",
    "consolidation": "Right lower lobe consolidation.",
    "costophrenic angle blunting": "Blunted left costophrenic angle.",
    "cyst/bullae": "Bullae in the right upper lobe.",
    "diaphragmatic eventration (benign)": "Eventration of the right hemidiaphragm.",
    "elevated hemidiaphragm": "Elevated left hemidiaphragm.", "enlarged cardiac silhouette": "The heart is enlarged.",
    "enlarged hilum": "Prominent right hilum.", "hernia": "Hiatal hernia.",
    "hydropneumothorax": "Left hydropneumothorax.",
    "hyperaeration": "The lungs are hyperinflated.",
    "increased reticular markings/ild pattern": "Increased interstitial markings.",
    "infiltration": "Right upper lobe infiltrate.", "linear/patchy atelectasis": "Linear atelectasis at the left base.",
    "lobar/segmental collapse": "Right upper lobe collapse.", "lung lesion": "Cavitary lesion in the right apex.",
    "lung opacity": "Opacity in the left mid lung.",
    "mass/nodule (not otherwise specified)": "Nodule in the right upper lobe.",
    "mediastinal displacement": "Mediastinal shift to the left.", "mediastinal widening": "The mediastinum is widened.",
    "multiple masses/nodules": "Multiple nodules in both lungs.", "pleural effusion": "Small left pleural effusion.",
    "pleural/parenchymal scarring": "Biapical scarring.", "pneumomediastinum": "Pneumomediastinum is noted.",
    "pneumothorax": "Right pneumothorax.", "pulmonary edema/hazy opacity": "Mild pulmonary edema.",
    "rib fracture": "Left rib fractures.", "scoliosis": "Scoliosis of the thoracic spine.",
    "shoulder osteoarthritis": "Degenerative changes of the left shoulder.",
    "spinal degenerative changes": "Degenerative changes of the thoracic spine.",
    "spinal fracture": "Compression fracture of a vertebra.", "sub-diaphragmatic air": "Free air under the diaphragm.",
    "subcutaneous air": "Subcutaneous emphysema on the right.",
    "superior mediastinal mass/enlargement": "Superior mediastinal widening.",
    "tortuous aorta": "The aorta is tortuous.",
    "vascular calcification": "Atherosclerotic calcification of the aorta.",
    "vascular congestion": "Pulmonary vascular congestion.", "vascular redistribution": "Cephalization is seen.",
    "alveolar hemorrhage": "Pulmonary hemorrhage on the left.", "aspiration": "Aspiration pneumonia on the right.",
    "copd/emphysema": "Emphysema.", "fluid overload/heart failure": "Fluid overload.", "goiter": "Goiter.",
    "granulomatous disease": "Old granulomatous disease.", "interstitial lung disease": "Interstitial lung disease.",
    "lung cancer": "Right lung cancer.", "pericardial effusion": "Pericardial effusion.",
    "pneumonia": "Left lower lobe pneumonia.", "aortic graft/repair": "Aortic stent graft.",
    "cabg grafts": "CABG grafts are seen.", "cardiac pacer and wires": "Left pacemaker.",
    "prosthetic valve": "Prosthetic mitral valve.", "artifact": "Artifact over the left chest.",
    "breast/nipple shadows": "Nipple shadows.", "low lung volumes": "Low lung volumes.",
    "rotated": "The patient is rotated.", "skin fold": "Skin fold on the right.", "chest port": "Right chest port.",
    "chest tube": "Left chest tube.", "endotracheal tube": "Endotracheal tube above the carina.",
    "enteric tube": "NG tube in the stomach.", "ij line": "Right internal jugular line.",
    "intra-aortic balloon pump": "Intra-aortic balloon pump.", "mediastinal drain": "Mediastinal drains remain.",
    "picc": "Right PICC line.", "pigtail catheter": "Right pigtail catheter.",
    "subclavian line": "Left subclavian catheter.", "swan-ganz catheter": "Swan-Ganz catheter.",
    "tracheostomy tube": "Tracheostomy tube in place.",
}  # fmt: skip


def of(text: str, prior: str | None = None) -> Scene:
    return scene(parse(text), parse(prior) if prior is not None else None)


def test_every_attribute_name_is_in_the_table_under_its_category_or_listed_as_not_covered() -> None:
    assert len(SPECIFIED) == 43 + 10 + 4 + 5 + 12
    held = {name: attribute.category for name, attribute in attributes().items()} | dict.fromkeys(
        loaded()["not covered"]
    )
    assert {name: held.get(name) for name in SPECIFIED} == SPECIFIED


def test_every_attribute_is_reached_by_a_sentence() -> None:
    assert SENTENCES.keys() | loaded()["not covered"].keys() == SPECIFIED.keys()
    missed = {}
    for name, sentence in SENTENCES.items():
        found = {text.split("|")[2] for each in of(sentence).observations for text in each.attributes[:1]}
        if name not in found:
            missed[name] = found
    assert missed == {}


def test_the_table_holds_together() -> None:
    boxed = {name for name, site in sites().items() if site.boxed}
    assert boxed == set(label_set("imagenome-29").labels)
    groups, rows = loaded()["groups"], loaded()["attributes"]
    for name, attribute in attributes().items():
        assert set(attribute.default) <= attribute.permitted <= families().keys(), name
        assert set(attribute.above) <= attributes().keys(), name
        assert name not in attribute.above
        assert all(concept(each).name == each for each in attribute.concepts), name
        assert rows[name]["category"] in loaded()["categories"]
        assert isinstance(rows[name]["permitted"], list) or rows[name]["permitted"] in groups
    assert all(place["site"] in families() for place in loaded()["places"].values())
    for site in sites().values():
        assert concept(site.concept).kind == "site"
        assert all(above in sites() for above in site.above)


def test_a_kind_of_a_mapped_concept_takes_the_nearest_attribute() -> None:
    assert attribute_of("mitral valve prosthesis", {}, "").name == "prosthetic valve"
    assert attribute_of("loculated pleural effusion", {}, "").name == "pleural effusion"
    assert attribute_of("calcified granuloma", {}, "").name == "calcified nodule"  # not a lesion of the lung
    assert attribute_of("pericardial effusion", {}, "").name == "pericardial effusion"
    assert attribute_of("osteopenia", {}, "") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Right lower lobe consolidation.",
         {(site, name) for site in ("right lower lung zone", "right lung")
          for name in ("consolidation", "airspace opacity", "lung opacity", "abnormal")}),
        ("Small left pleural effusion.",
         {(site, name) for site in ("left costophrenic angle", "left lung")
          for name in ("pleural effusion", "abnormal")}),
        ("Left apical pneumothorax.",
         {(site, name) for site in ("left apical zone", "left upper lung zone", "left lung")
          for name in ("pneumothorax", "abnormal")}),
        ("Mild cardiomegaly.", {("cardiac silhouette", "enlarged cardiac silhouette"),
        ("cardiac silhouette", "abnormal")}),
        ("Scoliosis.", {("spine", "scoliosis"), ("spine", "abnormal")}),
        ("ETT in good position.", {("trachea", "endotracheal tube")}),
        ("The aorta is tortuous.",
         {(site, name) for site in ("aortic arch", "upper mediastinum", "mediastinum")
          for name in ("tortuous aorta", "abnormal")}),
        ("Lingular opacity.",
         {(site, name) for site in ("left mid lung zone", "left lung") for name in ("lung opacity", "abnormal")}),
        ("Prominent right hilum.", {("right hilar structures", "enlarged hilum"),
        ("right hilar structures", "abnormal")}),
    ],
)  # fmt: skip
def test_hand_read_sentences_yes(text: str, expected: set[tuple[str, str]]) -> None:
    assert of(text).pairs() == expected


def test_no_is_stored_where_said_and_never_passed_on() -> None:
    made = of("No right lower lobe consolidation. No pneumothorax.")
    assert made.pairs("yes") == frozenset()
    assert made.pairs("no") == {
        ("right lower lung zone", "consolidation"), ("right apical zone", "pneumothorax"),
        ("right lung", "pneumothorax"),
        ("left apical zone", "pneumothorax"), ("left lung", "pneumothorax"),
    }  # fmt: skip


def test_normal_is_said_of_the_site() -> None:
    made = of("The lungs are clear. The heart size is normal.")
    assert made.objects["left lung"] == ("anatomicalfinding|no|lung opacity", "nlp|yes|normal")
    assert made.objects["cardiac silhouette"] == ("anatomicalfinding|no|enlarged cardiac silhouette", "nlp|yes|normal")
    assert "nlp|yes|normal" not in of("No consolidation.").objects["left lung"]


def test_what_is_denied_in_one_place_and_seen_in_another_is_yes() -> None:
    made = of("No right effusion. Small right effusion.")
    assert ("right lung", "pleural effusion") in made.pairs("yes")
    assert ("right lung", "pleural effusion") not in made.pairs("no")


def test_a_place_where_the_attribute_cannot_lie_is_not_taken() -> None:
    (each,) = of("Cardiomegaly, stable, without change at the bases.").observations
    assert each.sites == ("cardiac silhouette",)


def test_cues() -> None:
    (each,) = of("Possible small chronic loculated right effusion, new.").observations
    assert each.severity == ("severity|yes|mild", "severity|yes|hedge")
    assert each.texture == ("texture|yes|loculated",)
    assert set(each.temporal) == {"temporal|yes|chronic", "temporal|yes|acute"}
    assert each.comparison == ("comparison|yes|worsened",)


@pytest.mark.parametrize(
    ("text", "polarity", "change"),
    [
        ("Left effusion has decreased.", "yes", "improved"),
        ("Left effusion has increased.", "yes", "worsened"),
        ("Left effusion is unchanged.", "yes", "no change"),
        ("New left effusion.", "yes", "worsened"),
        ("Left effusion has resolved.", "no", "improved"),
        ("No new left effusion.", "no", ""),
    ],
)
def test_change_words(text: str, polarity: str, change: str) -> None:
    made = of(text)
    assert ("left lung", "pleural effusion") in made.pairs(polarity)  # type: ignore[arg-type]
    assert {each.change for each in made.relations} == ({change} if change else set())


def test_relations_point_to_the_object_in_the_prior_study() -> None:
    now = of("Left effusion has decreased. Right effusion is unchanged.", "Large left pleural effusion. Clear lungs.")
    told = {each.site: each.told for each in now.relations}
    assert told["left costophrenic angle"] == (0,)
    assert told["right costophrenic angle"] == ()
    assert {each.told for each in of("Left effusion has decreased.").relations} == {None}
    assert of("Left effusion.", "Left effusion.").relations == ()


def test_an_unplaced_repeat_takes_the_place_said_elsewhere() -> None:
    made = scene(parse({"findings": "Small left pleural effusion.", "impression": "Pleural effusion."}))
    assert [each.placed for each in made.observations] == ["said", "elsewhere"]
    assert {site for site, _ in made.pairs()} == {"left costophrenic angle", "left lung"}
    assert {site for site, _ in of("Pleural effusion.").pairs()} >= {"right lung", "left lung"}


@pytest.mark.parametrize(
    "text",
    ["Opacities in the right base and left apex.", "Opacity in the right base. Opacity in the left apex.",
     "Opacities in the right base and left apex. The opacities are unchanged."],
)  # fmt: skip
def test_each_zone_keeps_its_own_side(text: str) -> None:
    for made in of(text).observations[-1:]:
        assert "left apical zone" in made.sites
    told = {site for site, name in of(text).pairs() if name == "lung opacity"}
    assert {"right lower lung zone", "left apical zone"} <= told
    assert not told & {"left lower lung zone", "right apical zone"}


def test_a_zone_of_one_side_keeps_it() -> None:
    told = of("Nodules in the left apex, right base and lingula.").objects
    assert {"left apical zone", "right lower lung zone", "left mid lung zone"} <= set(told)
    assert "right mid lung zone" not in told


def test_a_denial_lies_where_its_own_words_say() -> None:
    made = of("Right effusion. No left pneumothorax.")
    denied = {site for site, name in made.pairs("no") if name == "pneumothorax"}
    assert "left lung" in denied
    assert all(site.startswith("left ") for site in denied)
    assert of("Right effusion. No pneumothorax.").observations[1].placed == "default"


def test_history_and_explained_shadows_are_left_out() -> None:
    assert of("History of pneumonia.").observations == ()
    assert "lung opacity" not in {name for _, name in of("Nodular opacity represents a nipple shadow.").pairs()}


def test_phrases_are_the_sentences_of_the_report() -> None:
    text = "FINDINGS: No effusion. Right pneumothorax and left effusion.\nIMPRESSION: Pneumothorax."
    made = of(text)
    assert [made.text[each.start : each.end] for each in made.phrases] == [
        "No effusion.", "Right pneumothorax and left effusion.", "Pneumothorax.",
    ]  # fmt: skip
    assert [each.section for each in made.phrases] == ["findings", "findings", "impression"]
    facts = parse(text).facts
    assert [facts[each.fact].concept for each in made.observations] == [fact.concept for fact in facts]


def test_control_arms() -> None:
    text = parse("Right lower lobe consolidation. No pneumothorax. Left effusion.")
    default = scene(text, places="default").pairs()
    assert {site for site, name in default if name == "consolidation"} == {"right lung", "left lung"}
    assert ("right lung", "pleural effusion") in default
    denied = scene(text, negation=False)
    assert ("left lung", "pneumothorax") in denied.pairs("yes")
    assert denied.pairs("no") == frozenset()
    bare = scene(text, parents=False).pairs()
    assert {pair for pair in bare if pair[1] != "abnormal" and "lower" in pair[0]} == {
        ("right lower lung zone", "consolidation")
    }
    with pytest.raises(InputError, match="places must be"):
        scene(text, places="guessed")  # type: ignore[arg-type]


SWAP = {"right": "left", "left": "right"}
FINDING = st.sampled_from(
    ["pleural effusion", "pneumothorax", "consolidation", "atelectasis", "opacity", "nodule", "chest tube"]
)
ZONE = st.sampled_from(["", " at the {} base", " in the {} upper lobe", " in the {} apex", " in the {} mid lung"])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(FINDING, ZONE, st.sampled_from(["right", "left"]), st.booleans()), min_size=1, max_size=4))
def test_swapping_the_sides_of_a_report_swaps_the_sides_of_its_scene(said: list[tuple[str, str, str, bool]]) -> None:
    def told(swap: bool) -> Scene:
        parts = []
        for finding, zone, side, denied in said:
            own = SWAP[side] if swap else side
            where = zone.format(own) if zone else f" on the {own}"
            parts.append(f"{'No' if denied else 'There is'} {finding}{where}.")
        return of(" ".join(parts))

    def mirrored(pairs: frozenset[tuple[str, str]]) -> set[tuple[str, str]]:
        return {(" ".join(SWAP.get(word, word) for word in site.split(" ")), name) for site, name in pairs}

    straight, turned = told(False), told(True)
    assert mirrored(straight.pairs("yes")) == turned.pairs("yes")
    assert mirrored(straight.pairs("no")) == turned.pairs("no")


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from([*SENTENCES.values()]), max_size=8).map(" ".join))
def test_any_text_gives_a_scene_closed_under_parents(text: str) -> None:
    made = of(text, text)
    yes = made.pairs("yes")
    for site, name in yes:
        assert site in sites()
        if name in attributes():
            assert {(site, above) for above in attributes()[name].above} <= yes
    for each in made.observations:
        assert each.sites
        assert 0 <= each.phrase < len(made.phrases)
    assert yes.isdisjoint(made.pairs("no"))
    assert all(each.told for each in made.relations)  # the prior says the same


def test_sided_names() -> None:
    assert sided("lung", "left") == "left lung"
    assert sided("spine", "left") == "spine"
    assert sites()["right apical zone"].above == ("right upper lung zone", "right lung")
    assert sites()["left hilar structures"].concept == "left hilum"


@pytest.mark.parametrize(
    "sentence", ["Left effusion is unchanged. ", "no new right lung base opacity and ", "effusion, "]
)
def test_the_longest_report_is_read_in_time(sentence: str) -> None:
    text = parse(sentence * (190_000 // len(sentence)))
    began = time.process_time()
    made = scene(text, text)
    to_imagenome(made, image_id="x", prior_image_id="y")
    assert time.process_time() - began < 2


def test_a_tube_put_in_or_taken_out_is_neither_better_nor_worse() -> None:
    for sentence in ("Endotracheal tube has been removed.", "New right PICC."):
        (seen,) = scene(parse(sentence)).observations
        assert seen.comparison == ()
    (kept,) = scene(parse("Endotracheal tube is unchanged.")).observations
    assert kept.comparison == ("comparison|yes|no change",)


def test_what_is_absent_has_no_grade() -> None:
    (heart,) = scene(parse("Heart size is top normal.")).observations
    assert heart.attributes == ("anatomicalfinding|no|enlarged cardiac silhouette",)
    assert heart.severity == ()

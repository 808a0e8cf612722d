"""The Spanish pack on ordinary and on stemmed sentences, and on PadChest's physician rows where they are installed."""

from __future__ import annotations

import importlib.util
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.text.labels import label
from hilum.text.language import language_of
from hilum.text.lexicon import pack, unaccented
from hilum.text.parse import Fact, parse

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "padchest_labels.py"


def states(text: str) -> dict[str, str]:
    return {fact.concept: fact.state for fact in parse(text, language="es").facts}


def about(text: str, concept: str) -> Fact:
    return next(fact for fact in parse(text, language="es").facts if fact.concept == concept)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sin derrame pleural.", {"pleural effusion": "absent"}),
        ("No se observan neumotórax ni derrame pleural.", {"pneumothorax": "absent", "pleural effusion": "absent"}),
        ("No se aprecia consolidación.", {"consolidation": "absent"}),
        ("Ausencia de infiltrados.", {"infiltration": "absent"}),
        ("Probable neumonía.", {"pneumonia": "present"}),
        ("No se puede descartar neumonía.", {"pneumonia": "uncertain"}),
        ("Posible atelectasia.", {"atelectasis": "uncertain"}),
        ("A valorar insuficiencia cardiaca.", {"heart failure": "uncertain"}),
        ("Senos costofrénicos libres.", {"pleural effusion": "absent"}),
        ("Índice cardiotorácico aumentado.", {"cardiomegaly": "present"}),
        ("Silueta cardíaca de tamaño normal.", {"cardiomegaly": "absent"}),
        ("Elongación de la aorta.", {"aortic elongation": "present"}),
        ("Elevación del hemidiafragma derecho.", {"hemidiaphragm elevation": "present"}),
        ("Pinzamiento del seno costofrénico izquierdo.", {"costophrenic angle blunting": "present"}),
        ("Engrosamiento pleural apical bilateral.", {"apical pleural thickening": "present"}),
        ("Granulomas calcificados.", {"calcified granuloma": "present"}),
        ("Signos de EPOC.", {"chronic obstructive pulmonary disease": "present"}),
        ("Sonda nasogástrica.", {"enteric tube": "present"}),
        ("Callos de fractura costales.", {"healed rib fracture": "present"}),
        ("Marcapasos bicameral.", {"pacemaker": "present", "dual-chamber device": "present"}),
        ("Cifoescoliosis.", {"kyphosis": "present", "scoliosis": "present"}),
        ("Patrón intersticioalveolar.", {"interstitial pattern": "present", "airspace opacity": "present"}),
        ("Se recomienda TC para descartar neoplasia.", {}),
    ],
)  # fmt: skip
def test_ordinary_sentences(text: str, expected: dict[str, str]) -> None:
    assert states(text) == expected


@pytest.mark.parametrize(
    ("ordinary", "stemmed"),
    [
        ("Derrame pleural derecho.", "derram pleural derech"),
        ("Sin neumotórax.", "sin neumotorax"),
        ("Elongación aórtica.", "elongacion aortic"),
        ("Cambios pulmonares crónicos.", "cambi pulmonar cronic"),
        ("Tubo endotraqueal.", "tub endotraqueal"),
        ("Catéter venoso central yugular derecho.", "catet venos central yugul derech"),
        ("Atrapamiento aéreo.", "atrap aere"),
        ("Fracturas costales antiguas.", "fractur costal antigu"),
    ],
)  # fmt: skip
def test_stems_say_what_the_words_say(ordinary: str, stemmed: str) -> None:
    one, other = parse(ordinary, language="es").facts, parse(stemmed, language="es").facts
    assert [(f.concept, f.state, f.sides) for f in one] == [(f.concept, f.state, f.sides) for f in other] != []


@pytest.mark.parametrize(
    ("text", "concept", "slot", "values"),
    [
        ("Derrame pleural derecho pequeño.", "pleural effusion", "side", ("right",)),
        ("Derrame pleural derecho pequeño.", "pleural effusion", "extent", ("small",)),
        ("Atelectasia laminar en la língula.", "linear atelectasis", "side", ("left",)),
        ("Infiltrado en el lóbulo superior derecho.", "infiltration", "zone", ("upper lobe",)),
        ("Infiltrado en LSD.", "infiltration", "side", ("right",)),
        ("Moderada cardiomegalia.", "cardiomegaly", "severity", ("moderate",)),
        ("Bronquiectasias bibasales.", "bronchiectasis", "side", ("right", "left")),
        ("Derrame pleural izquierdo sin cambios.", "pleural effusion", "change", ("unchanged",)),
        ("Derrame pleural izquierdo sin cambios.", "pleural effusion", "side", ("left",)),
        ("Mejoría del infiltrado basal derecho.", "infiltration", "change", ("improved",)),
        ("Engrosamiento pleuroparenquimatoso apical derecho.", "fibrotic band", "side", ("right",)),
    ],
)  # fmt: skip
def test_places_grades_and_changes(text: str, concept: str, slot: str, values: tuple[str, ...]) -> None:
    assert about(text, concept).attributes[slot] == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sin hallazgos radiológicos significativos.", {"normal"}),
        ("Sin cambios respecto al estudio previo.", {"unchanged"}),
        ("Derrame pleural sin cambios.", {"pleural effusion"}),
        ("Derrame pleural. Resto sin cambios significativos.", {"pleural effusion", "unchanged"}),
        ("Estudio subóptimo por escasa inspiración.", {"suboptimal study"}),
        ("Sin derrame pleural.", {"normal"}),
        ("Atelectasia laminar.", {"laminar atelectasis"}),
        ("Derrame pleural loculado.", {"loculated pleural effusion"}),
    ],
)  # fmt: skip
def test_padchest_labels_are_the_most_specific_and_of_the_study(text: str, expected: set[str]) -> None:
    made = label(text, "padchest", language="es").states
    assert {name for name, state in made.items() if state == "present"} == expected


def test_a_concept_without_a_label_counts_for_the_nearest_above_it() -> None:
    assert label("Compressive atelectasis.", "padchest").states == {"atelectasis": "present"}


@given(st.text(alphabet="aeioun áéíóúñÁÉÍÓÚÑ", max_size=40))
def test_accents_are_taken_off_letter_by_letter(text: str) -> None:
    assert len(unaccented(text)) == len(text)
    assert unaccented(text).isascii()


@pytest.mark.parametrize(
    "text",
    ["Neumotórax derecho.", "NEUMOTÓRAX DERECHO.", "Neumotorax derecho.", "Neumoto\u0301rax derecho."],
)
def test_capitals_and_missing_accents_change_nothing(text: str) -> None:
    plain = unaccented(text)
    assert states(plain) == {"pneumothorax": "present"}
    if len(plain) == len(text):
        fact = about(text, "pneumothorax")
        assert text[fact.start : fact.end].lower() in ("neumotórax", "neumotorax")


@pytest.mark.parametrize(
    ("text", "language"),
    [("Se observa elongación aórtica. No hay neumotórax.", "es"), ("There is no pneumothorax or effusion.", "en")],
)
def test_the_language_is_told_with_and_without_accents(text: str, language: str) -> None:
    assert language_of(text) == language_of(unaccented(text)) == language


def test_every_name_of_the_pack_is_in_the_vocabulary() -> None:
    from hilum.core.vocabulary import concept

    ends = [phrase for word in pack("es").trie.after.values() for _, phrases in word.ends for phrase in phrases]
    named = {phrase.name for phrase in ends if phrase.kind in ("finding", "device", "hardware", "study")}
    assert len(named) > 60
    assert {concept(name).name for name in named} == named


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("padchest_labels", BENCHMARK)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sides_come_from_sentences_with_one_label(benchmark: ModuleType) -> None:
    groups = [["pleural effusion both sides", "loc pleural", "loc bilateral"], ["normal", "loc left"]]
    groups += [["nodule", "granuloma", "loc right"], ["laminar atelectasis", "loc lingula"], ["cardiomegaly"]]
    assert benchmark.sides_of(groups) == {
        "pleural effusion": frozenset({"right", "left"}), "laminar atelectasis": frozenset({"left"})
    }  # fmt: skip


def test_the_tally_counts_as_by_hand(benchmark: ModuleType) -> None:
    gold = [frozenset({"a", "b"}), frozenset({"a"}), frozenset()]
    told = [frozenset({"a"}), frozenset({"a", "b"}), frozenset({"b"})]
    micro, macro, each = benchmark.Tally(gold, told, ["a", "b"]).f1()
    assert (micro, macro) == pytest.approx((2 * 2 / (2 * 2 + 2 + 1), 0.5))
    assert list(each) == pytest.approx([1.0, 0.0])


def test_top_levels_are_the_broadest_concepts(benchmark: ModuleType) -> None:
    found = benchmark.top_levels(frozenset({"laminar atelectasis", "lobar atelectasis"}))
    assert found == benchmark.top_levels(frozenset({"atelectasis"}))


def test_the_physicians_of_padchest_agree(benchmark: ModuleType) -> None:
    path = benchmark.installed()
    if path is None:
        pytest.skip("PadChest's table is not here: it comes with the package torchxrayvision")
    found = list(islice(benchmark.rows(path, "test"), 2_000))
    made = [label(row.text, "padchest", language="es", uncertain="present") for row in found]
    counts: dict[str, int] = {}
    for row in found:
        for name in row.labels:
            counts[name] = counts.get(name, 0) + 1
    top = sorted(counts, key=lambda name: -counts[name])[:40]
    micro, macro, _ = benchmark.Tally([row.labels for row in found], [benchmark.present(m) for m in made], top).f1()
    assert micro >= 0.92
    assert macro >= 0.88

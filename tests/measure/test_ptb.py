"""The Java-free Penn Treebank tokenizer gives what pycocoevalcap's Java program gives, with the punctuation dropped.

The Java program is run as it comes with pycocoevalcap 1.2; only its output is used. `pytest -s -k as_the_java` prints
how many texts differ.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import string
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measure.ptb import scan, tokenize, tokens

ORACLE = json.loads((Path(__file__).parent / "lexical_oracle.json").read_text(encoding="utf-8"))
PIECES = (
    "heart Lungs clear The right left effusion No There It T8 T8-T9 L1 T10-11 3 12 1 2 1.5 0.5cm 1.5cm 10mm 1,000 5/8 "
    "1/2 3x4 3.5x4.2cm mm cm ml/min Dr. Mr. Mrs. St. a.m. p.m. A.M. U.S. e.g. i.e. etc. vs. No. no. fig. Fig. Jan. "
    "Sept. Dec. CT. PA. AP. Rt. Lt. al. Ph.D. M.D. approx. pt. A B. C R. L. don't can't cannot Cannot isn't it's "
    "patient's patients' Patient's there's '90 '90s O'Malley XXXX XXXX. XXXX-year-old follow-up post-op non- -like "
    "x-ray s/p w/o w/ c/w y/o r/o and/or L1/L2 C7/T1 right/left a/b/c/d 4-5 3-4mm 10-15% 5% 37\u00b0 up-to-date "
    "mid-lung. COVID-19 ( ) [ ] { } (XXXX) (s) (1) [2] \" ' `` '' . , ; : ? ! ... .. - -- --- _ ___ * ** / # @ & % "
    "$ ~ = + < > \u00b1 \u00d7 \u2265 \u2013 \u2014 \u2026 \u201c \u201d a_b 10:30 10:30am 3/4/2010 12/13/11 3:1 "
    "+1 -1 +ve +/- 1. 2. 3) a) A) q.d. y.o. S.O.B. A.P. caf\u00e9. Se\u00f1or na\u00efve \u00b5m 2\u00b2 \u00bd "
    "A&P PA/lateral T8.There heart.Lungs effusion,left 5.normal x.5 II. IV"
)
GLUE = (" ", " ", " ", "  ", ", ", ". ", "; ", ": ")

# What pycocoevalcap's Java program (run under Java 17) makes of a line, less its punctuation.
CASES = [
    ("Clear.The heart is normal.", "clear.the heart is normal"),
    ("A 1.5cm nodule at T8-T9.", "a 1.5 cm nodule at t8-t9"),
    ("Measures 3.5x4.2cm, stable.", "measures 3.5 x4 .2 cm stable"),
    ("3 x 4 cm mass; 12-mm nodule.", "3 x 4 cm mass 12-mm nodule"),
    ("0.5mm and 10mm. 5cm, 3cc 10ml", "0.5 mm and 10mm 5cm 3cc 10ml"),
    ("Dr. Smith saw Mr. Jones at St. Mary's.", "dr. smith saw mr. jones at st. mary 's"),
    ("Seen at 10:30 a.m. on 3/4/2010.", "seen at 10:30 a.m. on 3/4/2010"),
    ("Called at 4:15 p.m. by Dr. XXXX.", "called at 4:15 p.m. by dr. xxxx"),
    ("At 10:30am or 10:30 am", "at 10:30 am or 10:30 am"),
    ("XXXX-year-old male, follow-up.", "xxxx-year-old male follow-up"),
    ("Right/left, and/or, s/p CABG, w/o change, c/w edema", "right/left and/or s/p cabg w/o change c/w edema"),
    ("T4/T5, C7/T1. L1-L2.", "t4/t5 c7/t1 l1-l2"),
    ("a/b/c/d", "a/b/c / d"),
    ("1/2 5 1/2 5-1/2", "1/2 5\u00a01/2 5-1/2"),
    ("5 7/8 inches", "5\u00a07/8 inches"),
    ("Cannot exclude; can't see; don't know; won't fit.", "can not exclude ca n't see do n't know wo n't fit"),
    ("It's the patient's heart; patients' films.", "it 's the patient 's heart patients films"),
    ("I'm they're we've he'll she'd", "i 'm they 're we 've he 'll she 'd"),
    ("isn't DIDN'T CAN'T", "is n't did n't ca n't"),
    ("\"quoted\" 'single' ``latex''", "quoted single latex"),
    ("``open'' and \"a\" and 'b'", "open and a and b"),
    ("(parentheses) [brackets] {braces}", "-lrb- parentheses -rrb- -lsb- brackets -rsb- -lcb- braces -rcb-"),
    ("(L>R), (see below).", "-lrb- l > r -rrb- -lrb- see below -rrb-"),
    ("< 5 mm > 3 <5mm >3mm", "< 5 mm > 3 < 5mm > 3mm"),
    ("<b>bold</b> and <br/> here", "<b> bold </b> and <br/> here"),
    ("<XXXX>technologist", "<xxxx> technologist"),
    ("...", ""),
    ("wait... what.... now..... then", "wait what now then"),
    (". . . spaced . . . . dots", "spaced dots"),
    ("word.. word...word", "word word word"),
    ("-- --- ---- ----- a--b a---b", "----- a b a b"),
    ("non- -like - dash", "non like dash"),
    ("pre-/post-contrast", "pre / post-contrast"),
    ("x-ray, X-ray. T-spine:", "x-ray x-ray t-spine"),
    ("anti-inflammatory pro-active", "anti-inflammatory pro-active"),
    ("mid-lung.", "mid-lung"),
    ("up-to-date, 3-day-old 2-3-mm", "up-to-date 3-day-old 2-3-mm"),
    ("a_b a__b _ __ ___", "a_b a __ b _ __ ___"),
    (",,, ;;; ::: ,; :-", ""),
    ("10% 5° 37°C 98.6F", "10 % 5 ° 37 ° c 98.6 f"),
    ("+1 -1 +5.2 -3.5 --5 5- 5+", "+1 -1 +5.2 -3.5 5 5 5 +"),
    ("1,000 1,000,000.5 ,5 .5 :5 5: 5. 5,", "1,000 1,000,000.5 ,5 .5 :5 5 5 5"),
    ("1.2.3 1:2:3 12:30:45", "1.2.3 1:2:3 12:30:45"),
    ("e.g. i.e. e.g., i.e., etc. etc., vs. v. cf.", "e.g. i.e. e.g. i.e. etc. etc. vs. v. cf."),
    ("No. 3 no. 5 No. one fig. 2 figs. 3 Fig. A", "no. 3 no. 5 no one fig. 2 figs. 3 fig a"),
    ("approx. 3 cm, max. 5, min. 2", "approx 3 cm max 5 min 2"),
    ("Jan. 5 Feb. 2010 Sept. Dec.", "jan. 5 feb. 2010 sept. dec."),
    ("Mon. Tues. Fri. Sat.", "mon. tues. fri. sat"),
    ("A. The heart", "a the heart"),
    ("B. Lungs", "b. lungs"),
    ("1. Clear. 2. Normal.", "1 clear 2 normal"),
    ("A. Then B. But C. lung", "a then b but c. lung"),
    ("3.The 2.5.The", "3 the 2.5 the"),
    ("T8.There's", "t8.there 's"),
    ("Impression:Normal.", "impression normal"),
    ("heart,lungs;clear:yes", "heart lungs clear yes"),
    ("heart.Lungs.Clear", "heart.lungs.clear"),
    ("5.normal", "5 normal"),
    ("normal.5", "normal .5"),
    ("X2 B12 H2O CO2 pH", "x2 b12 h2o co2 ph"),
    ("3D 2D 1st 2nd 90th", "3d 2d 1st 2nd 90th"),
    ("II III IV. V.", "ii iii iv v."),
    ("IJ PICC NG-tube ET-tube.", "ij picc ng-tube et-tube"),
    ("S1/S2 L4-5 T8-9", "s1/s2 l4-5 t8-9"),
    ("right-sided left-sided.", "right-sided left-sided"),
    ("non-small-cell", "non-small-cell"),
    ("low-grade/high-grade", "low-grade/high-grade"),
    ("10x10x5mm 2x3", "10x10x5mm 2x3"),
    ("5mm-6mm 5-6mm 5 - 6 mm", "5mm-6mm 5-6mm 5 6 mm"),
    ("3-4cm.", "3-4cm"),
    (">=5 <=5 => ->", "> = 5 < = 5 = > >"),
    ("50-year-old.", "50-year-old"),
    ("24/7 365", "24/7 365"),
    ("Mrs. Ms. Miss. Drs. Prof.", "mrs. ms. miss. drs. prof."),
    ("''90s", "90s"),
    ("n't", "n't"),
    ("'s", "'s"),
    ("can't.", "ca n't"),
    ("won't,", "wo n't"),
    ('the "right" lung', "the right lung"),
    ("the 'right' lung", "the right lung"),
    ("\"A\" 'a' 'I'", "a a i"),
    ("(T1) (T2), (3) ", "-lrb- t1 -rrb- -lrb- t2 -rrb- -lrb- 3 -rrb-"),
    ("1) 2) a) b)", "1 -rrb- 2 -rrb- a -rrb- b -rrb-"),
    ("(1) one (2) two", "-lrb- 1 -rrb- one -lrb- 2 -rrb- two"),
    ("[1] [2]", "-lsb- 1 -rsb- -lsb- 2 -rsb-"),
    ("*NL*", "* nl *"),
    ("lung's lungs' LUNG'S LOBE'S", "lung 's lungs lung 's lobe 's"),
    ("“quoted” ‘single’ „low”", "quoted single „ low"),
    ("– — … • · ", "• ·"),
    ("½ ¼ ¾ ² ³ ° µm", "1/2 1/4 3/4 ² ³ ° µm"),
    ("é naïve Müller Señor Straße", "é naïve müller señor straße"),
    ("café. señal, corazón.", "café señal corazón"),
    ("soft\u00adhyphen", "softhyphen"),
    ("tab\there", "tab here"),
    ("a\u2009b", "a b"),
    ("Nodule in segment B. The heart is normal.", "nodule in segment b the heart is normal"),
    ("Nodule in segment B. Lungs are clear.", "nodule in segment b. lungs are clear"),
    ("Seen by Dr. B. Mr. Lee was told.", "seen by dr. b mr. lee was told"),
    ("1.5-2.5 cm and 1.5-2 cm", "1.5-2 .5 cm and 1.5-2 cm"),
    ("T11-L1/L2, C3-4/5", "t11-l1 / l2 c3-4 / 5"),
    ("9%/9%, 25%-50%", "9 % / 9 % 25 % -50 %"),
    ("clear.left-sided effusion,right-sided", "clear.left-sided effusion,right-sided"),
    ("isn'tclear, doesn't.The", "is n'tclear does n't the"),
    ("XXXX., XXXX.; foo.:", "xxxx. xxxx. foo."),
    ("O'Brien-Smith's d'aorte", "o'brien-smith 's d'aorte"),
    ("67-y.o. male, A.P.5cm", "67-y.o. male a.p. 5cm"),
    ("since '99 and '90s, '99.", "since '99 and '90s 99"),
    ("[*foo*] [**2012-1-1**]", "-lsb- * foo * -rsb- -lsb- ** 2012-1-1 ** -rsb-"),
    ("a-A, A-a gradient", "a-a a-a gradient"),
    ("1,5cm; 2,5 x 3,5 mm", "1,5 cm 2,5 x 3,5 mm"),
    ("No. 3, No.3, no  3", "no. 3 no. 3 no 3"),
    ("etc... vs.. e.g...", "etc. vs. e.g."),
    ("iv''s of 5'10\"", "iv s of 5 10"),
]


# The same of sentences as reports have them, written for this test.
SENTENCES = [
    (
        "PA and lateral views of the chest were obtained at 07:45 a.m.",
        "pa and lateral views of the chest were obtained at 07:45 a.m.",
    ),
    ("AP portable chest, 1 view.", "ap portable chest 1 view"),
    ("Comparison: CT chest dated 03/12/2014.", "comparison ct chest dated 03/12/2014"),
    ("COMPARISON:  None.", "comparison none"),
    ("FINDINGS: The lungs are clear bilaterally.", "findings the lungs are clear bilaterally"),
    ("IMPRESSION: 1. No acute process. 2. Stable cardiomegaly.", "impression 1 no acute process 2 stable cardiomegaly"),
    (
        "There's a 2.3 x 1.8-cm nodule (series 4/image 72) in the RUL.",
        "there 's a 2.3 x 1.8-cm nodule -lrb- series 4/image 72 -rrb- in the rul",
    ),
    ("A 4mm calcified granuloma, unchanged since 2009.", "a 4mm calcified granuloma unchanged since 2009"),
    (
        "ET tube 3.5cm above the carina; NG tube courses below the diaphragm.",
        "et tube 3.5 cm above the carina ng tube courses below the diaphragm",
    ),
    ("Right IJ central line tip at the cavoatrial junction.", "right ij central line tip at the cavoatrial junction"),
    ("Left-sided PICC with tip in the mid-SVC.", "left-sided picc with tip in the mid-svc"),
    ("Dual-lead pacemaker/ICD in situ.", "dual-lead pacemaker/icd in situ"),
    ("S/P median sternotomy & CABG.", "s/p median sternotomy & cabg"),
    ("Status-post right upper lobectomy.", "status-post right upper lobectomy"),
    ("No pneumothorax/effusion.", "no pneumothorax/effusion"),
    ("Cardiomediastinal silhouette WNL.", "cardiomediastinal silhouette wnl"),
    ("Heart size: upper limits of normal.", "heart size upper limits of normal"),
    ("Mild-to-moderate pulmonary edema (interstitial).", "mild-to-moderate pulmonary edema -lrb- interstitial -rrb-"),
    ("Kerley B lines are seen.", "kerley b lines are seen"),
    (
        "Degenerative changes of the thoracic spine (T7-T10).",
        "degenerative changes of the thoracic spine -lrb- t7-t10 -rrb-",
    ),
    ("Old, healed fractures of the left 5th-7th ribs.", "old healed fractures of the left 5th-7th ribs"),
    ("Right 6th rib fx, age-indeterminate.", "right 6th rib fx age-indeterminate"),
    ("Findings d/w Dr. Lee at 3:30pm by phone.", "findings d/w dr. lee at 3:30 pm by phone"),
    (
        "Findings were discussed with Dr. A. Jones, M.D., at 15:20.",
        "findings were discussed with dr. a. jones m.d. at 15:20",
    ),
    ("The patient's prior film isn't available.", "the patient 's prior film is n't available"),
    (
        "Can't exclude a small effusion; doesn't appear to be pneumonia.",
        "ca n't exclude a small effusion does n't appear to be pneumonia",
    ),
    ("Atelectasis vs. infiltrate.", "atelectasis vs. infiltrate"),
    ("Atelectasis vs infiltrate, e.g., aspiration.", "atelectasis vs infiltrate e.g. aspiration"),
    ("?Pneumonia. Correlate clinically!!", "pneumonia correlate clinically !!"),
    (
        "Bibasilar opacities: atelectasis, aspiration, and/or pneumonia.",
        "bibasilar opacities atelectasis aspiration and/or pneumonia",
    ),
    ("Cardiothoracic ratio of 0.55 (55%).", "cardiothoracic ratio of 0.55 -lrb- 55 % -rrb-"),
    ("ETT 4-5 cm above carina.", "ett 4-5 cm above carina"),
    ("Dose: 120 kVp, 2.5 mAs.", "dose 120 kvp 2.5 mas"),
    ("Pt. is a 67 y.o. M w/ SOB x 3 days.", "pt is a 67 y.o. m w / sob x 3 days"),
    ("67-yo F c/o cough, fever (T 101.5 F).", "67-yo f c/o cough fever -lrb- t 101.5 f -rrb-"),
    ("Hx of COPD; r/o PNA.", "hx of copd r/o pna"),
    ("S1-S2 and L4/L5 are not shown.", "s1-s2 and l4/l5 are not shown"),
    ("Air-fluid level(s) noted.", "air-fluid level -lrb- s -rrb- noted"),
    ('"Ground-glass" opacity in the LLL.', "ground-glass opacity in the lll"),
    ("'Tree-in-bud' nodules.", "tree-in-bud nodules"),
    ("Ill-defined, patchy opacities (R>L).", "ill-defined patchy opacities -lrb- r > l -rrb-"),
    ("Lung volumes are low -- crowding of vessels.", "lung volumes are low crowding of vessels"),
    ("Lung volumes are low - crowding of vessels.", "lung volumes are low crowding of vessels"),
    ("Opacity...likely artifact.", "opacity likely artifact"),
    ("No change... see above.", "no change see above"),
    ("[Please see CT.] {note}", "-lsb- please see ct. -rsb- -lcb- note -rcb-"),
    ("XXXX XXXX, XXXX-year-old XXXX.", "xxxx xxxx xxxx-year-old xxxx"),
    ("The XXXX (XXXX) is XXXX.", "the xxxx -lrb- xxxx -rrb- is xxxx"),
    ("Compared to ___, there is no change.", "compared to ___ there is no change"),
    ("Chest (two views), ___ at ___.", "chest -lrb- two views -rrb- ___ at ___"),
    ("1) Clear lungs 2) Normal heart", "1 -rrb- clear lungs 2 -rrb- normal heart"),
    ("a) clear b) normal", "a -rrb- clear b -rrb- normal"),
    ("A. Lungs clear. B. Heart normal.", "a. lungs clear b. heart normal"),
    ("I. Normal II. Clear", "i. normal ii clear"),
    ("Size 1.2cm x 0.9cm x 3mm.", "size 1.2 cm x 0.9 cm x 3mm"),
    ("Size 1.2x0.9x0.3cm.", "size 1.2 x0 .9 x0 .3 cm"),
    ("10-15% pneumothorax.", "10-15 % pneumothorax"),
    ("5/6/2013 and 06-05-13.", "5/6/2013 and 06-05-13"),
    ("On 5 May 2013 at 10.30.", "on 5 may 2013 at 10.30"),
    ("T1, T2, and T12.", "t1 t2 and t12"),
    ("COVID-19, SARS-CoV-2.", "covid-19 sars-cov-2"),
    ("CO2/O2 and H2O.", "co2/o2 and h2o"),
    ("pH of 7.4, pO2 >60.", "ph of 7.4 po2 > 60"),
    ("x-rays, X-Ray, XR.", "x-rays x-ray xr"),
    ("Sub-centimeter nodule.", "sub-centimeter nodule"),
    ("Sub centimeter nodule,unchanged.", "sub centimeter nodule unchanged"),
    ("Normal heart.Clear lungs.No effusion.", "normal heart.clear lungs.no effusion"),
    ("Normal heart;clear lungs:no effusion", "normal heart clear lungs no effusion"),
    ("Normal  heart   size.", "normal heart size"),
    ("Dr. Smith's report.", "dr. smith 's report"),
    ("Drs. Smith and Jones.", "drs. smith and jones"),
    ("Mt. Sinai, St. Luke's.", "mt. sinai st. luke 's"),
    ("Approx. 5 cm; approx. normal.", "approx 5 cm approx normal"),
    ("No. 2 tube; no. of lines: 3.", "no. 2 tube no of lines 3"),
    ("Fig. 1 and figs. 2-3.", "fig. 1 and figs. 2-3"),
    ("Sept. 2012, Dec. 12.", "sept. 2012 dec. 12"),
    ("Inc. views. Univ. hospital", "inc. views univ. hospital"),
    ("i.e. normal, viz. clear", "i.e. normal viz clear"),
    ("et al. noted, etc.", "et al. noted etc."),
    ("U.S. guided biopsy. US-guided biopsy.", "u.s. guided biopsy us-guided biopsy"),
    ("A.P. and P.A. views", "a.p. and p.a. views"),
    ("a.p. view; P.A. view.", "a.p. view p.a. view"),
    ("R. lung. L. lung.", "r. lung l. lung"),
    ("r. lung, l. lung", "r. lung l. lung"),
    ("L lung, R lung.", "l lung r lung"),
    ("Vol. 3, p. 7, pp. 8-9.", "vol 3 p. 7 pp. 8-9"),
    ("Dx: CHF. Rx: none.", "dx chf rx none"),
    ("h/o MI 10/09", "h/o mi 10/09"),
    ("+ve and -ve", "+ ve and ve"),
    ("+/- effusion", "+ / effusion"),
    ("≥5 mm, ≤3 cm, ±2", "≥ 5 mm ≤ 3 cm ± 2"),
    ("37° C, 5 µm, 10 × 12 mm", "37 ° c 5 µm 10 × 12 mm"),
    ("Silueta cardíaca normal.", "silueta cardíaca normal"),
    ("Sin derrame pleural, ni neumotórax.", "sin derrame pleural ni neumotórax"),
    ("¿Neumonía? ¡Urgente!", "¿ neumonía ¡ urgente"),
    (
        "Aumento de densidad en el LID; correlacionar con la clínica.",
        "aumento de densidad en el lid correlacionar con la clínica",
    ),
    ("Índice cardio-torácico >0,5.", "índice cardio-torácico > 0,5"),
    ("Elongación aórtica. Escoliosis dorsal.", "elongación aórtica escoliosis dorsal"),
    ("Herz nicht vergrößert, Lungen frei.", "herz nicht vergrößert lungen frei"),
    ("Pas d'épanchement pleural.", "pas d'épanchement pleural"),
    ("L'aorte est déroulée; qu'on ne voit pas.", "l'aorte est déroulée qu'on ne voit pas"),
    ("Il cuore è normale. Non c'è versamento.", "il cuore è normale non c è versamento"),
    ("O coração é normal; não há derrame.", "o coração é normal não há derrame"),
    ("Lungs are clear.  ", "lungs are clear"),
    (" No leading blank", "no leading blank"),
]


@pytest.mark.parametrize(("text", "expected"), [*CASES, *SENTENCES], ids=range(len(CASES) + len(SENTENCES)))
def test_a_line_is_cut_as_the_java_program_cuts_it(text: str, expected: str) -> None:
    assert " ".join(tokens(text)) == expected
    assert " ".join(scan(text)) == expected


@pytest.mark.parametrize(("side", "expected"), [("ref", "ptb_ref"), ("hyp", "ptb_hyp")])
def test_the_written_pairs_are_cut_as_recorded(side: str, expected: str) -> None:
    texts = [pair[side] for pair in ORACLE["pairs"]]
    assert [" ".join(each) for each in tokenize(texts)] == ORACLE["values"][expected]


def test_the_open_i_pairs_are_cut_as_recorded(pack: Path) -> None:
    path = pack.parent / "oracles" / "nlg_oracle.json"
    if not path.is_file():
        pytest.skip("the 300 Open-i pairs are not on this machine")
    oracle = json.loads(path.read_text(encoding="utf-8"))
    for side in ("ref", "hyp"):
        texts = [pair[side] for pair in oracle["pairs"]]
        assert [" ".join(each) for each in tokenize(texts)] == oracle["values"][f"ptb_{side}"]


def drawn(count: int, seed: int) -> list[str]:
    """Lines of pieces as reports hold them."""
    draw, pieces = random.Random(seed), PIECES.split()

    def line() -> str:
        return "".join(draw.choice(pieces) + draw.choice(GLUE) for _ in range(draw.randint(1, 6)))

    return [line().strip() for _ in range(count)]


def java(texts: Sequence[str], folder: Path) -> list[str]:
    """What pycocoevalcap's Java program makes of texts; a plain word before each, as it looks over line ends."""
    package = pytest.importorskip("pycocoevalcap")
    if not shutil.which("java"):
        pytest.skip("there is no Java to compare with")
    home = Path(package.__path__[0]) / "tokenizer"
    lines = ["zz " + " ".join(text.splitlines()) for text in texts]
    (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", str(next(home.glob("*.jar")))]
    command += ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", str(folder / "lines.txt")]
    done = subprocess.run(command, capture_output=True, check=True)
    dropped = {"''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"}
    rows = done.stdout.decode().split("\n")[: len(lines)]
    return [" ".join(word for word in row.rstrip().split(" ")[1:] if word not in dropped) for row in rows]


def differing(texts: Sequence[str], folder: Path) -> list[str]:
    """The texts that are cut otherwise than by the Java program; the count is printed."""
    wrong = [text for text, row in zip(texts, java(texts, folder), strict=True) if " ".join(tokens(text)) != row]
    print(f"{len(wrong)} of {len(texts)} texts differ")
    return wrong


def strings(value: Any) -> Iterator[str]:
    """Every string of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def test_drawn_lines_are_cut_as_the_java_program_cuts_them(tmp_path: Path) -> None:
    lines = drawn(4000, seed=11)
    assert differing(lines, tmp_path) == []
    assert [line for line in lines if tokens(line) != scan(line)] == []


@pytest.mark.slow
def test_very_many_drawn_lines_are_cut_as_the_java_program_cuts_them(tmp_path: Path) -> None:
    assert differing(drawn(40_000, seed=23), tmp_path) == []


def test_real_reports_are_cut_as_the_java_program_cuts_them(pack: Path, tmp_path: Path) -> None:
    path = pack / "openi" / "gold_findings.csv"
    if not path.is_file():
        pytest.skip("the Open-i reports are not on this machine")
    parts = ("findings", "impression", "indication", "comparison")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert differing([row[part] for part in parts for row in rows if row[part]], tmp_path) == []


def test_sentences_of_other_sources_are_cut_as_the_java_program_cuts_them(pack: Path, tmp_path: Path) -> None:
    paths = sorted((pack / "text").glob("*.json"))
    if not paths:
        pytest.skip("the report sentences are not on this machine")
    texts = [text for path in paths for text in strings(json.loads(path.read_text(encoding="utf-8"))) if text.strip()]
    assert differing(sorted(set(texts)), tmp_path) == []


def test_letters_of_european_languages_are_read_as_the_java_program_reads_them(tmp_path: Path) -> None:
    chars = [chr(n) for n in (*range(0xC0, 0x180), *range(0x3B1, 0x3CA), *range(0x410, 0x450))]
    signs = list("\u00a1\u00ab\u00b0\u00b1\u00b2\u00b3\u00b7\u00bb\u00bc\u00bd\u00be\u00bf\u00d7\u00f7")
    signs += list("\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u2192\u2248\u2260\u2264\u2265")
    assert differing([f"a{char}b {char} x{char} 5{char} {char}b" for char in chars + signs], tmp_path) == []


def test_an_accent_written_apart_is_the_same_letter() -> None:
    assert tokens("cafe\u0301 sen\u0303or") == ["caf\u00e9", "se\u00f1or"]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="aA bTh.,:;1 5/-()'\"<>&@#$_Jani\n\u00a0é", max_size=40))
def test_memory_and_rules_agree_on_any_text(text: str) -> None:
    assert tokens(text) == scan(text)


@given(st.text(max_size=30))
def test_any_text_has_tokens_without_blanks(text: str) -> None:
    found = tokens(text)
    assert all(token and not set(token) & set(" \t\n\r") for token in found)


@given(st.lists(st.sampled_from(["No effusion.", "Clear lungs", "T8-T9 is 1.5cm.", ""]), max_size=6))
def test_reports_are_read_alone(texts: list[str]) -> None:
    assert tokenize(texts) == [tokens(text) for text in texts]


def test_no_text_no_tokens() -> None:
    assert tokens("") == tokens("   \n\t ") == tokens(". , ; -- ...") == []


def test_line_breaks_are_blanks() -> None:
    assert tokens("no acute\ndisease.\r\nClear\u2028lungs") == ["no", "acute", "disease", "clear", "lungs"]


def test_control_characters_and_astral_characters_are_left_out() -> None:
    assert tokens("heart\x01size \U0001f600 normal") == ["heart", "size", "normal"]


def test_equal_texts_are_read_once() -> None:
    first, second = tokenize(["clear lungs", "clear lungs"])
    assert first is second


def test_the_memory_of_words_changes_nothing() -> None:
    lines = drawn(300, seed=5)
    assert [tokens(line) for line in lines] == [tokens(line) for line in lines] == [scan(line) for line in lines]


def test_a_long_text_of_one_character_ends() -> None:
    for char in string.punctuation + "a1 ":
        assert len(tokens(char * 2000)) <= 2000

"""The loaders of published readers against made packages that note every call and refuse a wrong one.

No real weights are here, so this shows that a loader asks its library for what the library's page says, that code of
others runs only where it was allowed, and that boxes come back as pixels; not that the weights then read films.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hilum.learn.outside import worker

TORCH = """
from contextlib import contextmanager

class _Cuda:
    @staticmethod
    def is_available():
        return False

cuda, bfloat16, float32 = _Cuda, "bf16", "f32"

@contextmanager
def inference_mode():
    yield
"""
TRANSFORMERS = """
import json, os, pathlib

NOTES = pathlib.Path(os.environ["NOTES"])
TEXT = os.environ.get("SAYS", "The lungs are clear.")

def note(*told):
    with NOTES.open("a") as file:
        file.write(json.dumps([str(each) for each in told]) + "\\n")

class Ids(list):
    @property
    def shape(self):
        return (1, len(self))
    def to(self, *a, **k):
        return self

class Batch(dict):
    def to(self, *a, **k):
        note("to", *a, *k.values())
        return self

class Model:
    @classmethod
    def from_pretrained(cls, folder, **how):
        note(cls.__name__, "from_pretrained", pathlib.Path(folder).name, sorted(how.items()))
        return cls()
    def to(self, device):
        return self
    def eval(self):
        return self
    def generate(self, *ids, **how):
        note("generate", sorted(k for k in how if k not in ("input_ids", "pixel_values")), how.get("do_sample"))
        return [Ids([7, 8, 9])]
    def write_radiologic_report(self, image, temperature):
        note("write_radiologic_report", image.mode, temperature)
        return TEXT
    def ask_question(self, *, question, image):
        note("ask_question", question, image.mode)
        return TEXT

class AutoModel(Model): pass
class AutoModelForCausalLM(Model): pass
class LlavaOnevisionForConditionalGeneration(Model): pass

class Words:
    @classmethod
    def from_pretrained(cls, folder, **how):
        note(cls.__name__, "from_pretrained", sorted(how.items()))
        return cls()
    @property
    def tokenizer(self):
        return self
    def decode(self, ids, skip_special_tokens=False):
        note("decode", len(ids))
        return TEXT
    def from_list_format(self, parts):
        note("list", [sorted(each) for each in parts])
        return "|".join(pathlib.Path(each.get("image", each.get("text"))).name for each in parts)
    def apply_chat_template(self, told, add_generation_prompt=False, return_tensors=None):
        note("template", json.dumps(told), add_generation_prompt)
        return Ids([1, 2]) if return_tensors else "PROMPT"
    def __call__(self, images, text, return_tensors):
        note("call", [each.mode for each in images], text)
        return Batch(input_ids=Ids([1, 2]), pixel_values=0)
    def format_and_preprocess_reporting_input(self, **given):
        told = sorted((k, v is not None) for k, v in given.items())
        note("report", told, given["indication"], given["get_grounding"])
        return Batch(input_ids=Ids([1, 2]))
    def format_and_preprocess_phrase_grounding_input(self, *, frontal_image, phrase, return_tensors):
        note("phrase", phrase, frontal_image.mode)
        return Batch(input_ids=Ids([1, 2]))
    def convert_output_to_plaintext_or_grounded_sequence(self, text):
        return json.loads(text) if text.startswith("[") else text
    def adjust_box_for_original_image_size(self, box, width, height):
        note("adjust", box, width, height)
        return box

class AutoTokenizer(Words): pass
class AutoProcessor(Words): pass

class GPT2TokenizerFast(Words):
    bos_token_id, eos_token_id, pad_token_id = 1, 2, 3
    def add_special_tokens(self, told):
        note("special", sorted(told.values()))
    def add_tokens(self, told):
        note("more", *told)
    def __len__(self):
        return 307

class AutoConfig:
    @classmethod
    def from_pretrained(cls, folder, trust_remote_code):
        note("AutoConfig", pathlib.Path(folder).name, trust_remote_code)
        return cls()

AutoModel.from_config = classmethod(
    lambda cls, config, trust_remote_code: note("from_config", sorted(vars(config).items()), trust_remote_code))
"""
LIBRA = """
import json, os, pathlib
def libra_eval(**given):
    with pathlib.Path(os.environ["NOTES"]).open("a") as file:
        file.write(json.dumps(["libra", sorted(given), [pathlib.Path(each).name for each in given["image_file"]],
                               given["query"]]) + "\\n")
    if os.environ.get("PRINTS"):
        print("Printed answer.")
        return None
    return ["Returned answer."]
"""


MLRG = """
import json
from transformers import note
from tools.metrics.chexbert import F1CheXbertMetrics, RadGraphMetrics
from tools.metrics.coco import COCOCaptionMetrics
from tools.metrics.report_logger import ReportLogger

class Films(list):
    pixel_values = property(lambda self: self)
    def to(self, device):
        return self

class Finetune:
    def __init__(self, args, tokenizer, log):
        self.args = args
        note("made", sorted(name for name in args if name.endswith("_path")), args["hidden_size"], args["num_beams"],
             F1CheXbertMetrics(chexbert_path=""), args["cvt2distilgpt2_path"])
        self.text_encoder = self.build_text_encoder()
        self.vp2id = json.loads(open(args["view_position_embed"]).read())
    def load_state_dict(self, state, strict):
        return type("Keys", (), {"missing_keys": sorted({"a", "b"} - set(state))})
    def to(self, device):
        return self
    def eval(self):
        return self
    def image_processor(self, films, return_tensors):
        return Films(film.width for film in films)
    def __call__(self, films, patients, views, indications, priors, mode):
        note("read", list(films), len(set(patients)), views.tolist(), indications, priors, mode)
        return ["  The lungs are clear. "]
"""


class Served:
    """One worker over made packages, asked as `process` asks."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes = folder, folder / "notes"
        packages = folder / "packages"
        (packages / "libra").mkdir(parents=True)
        (packages / "libra" / "__init__.py").write_text("")
        for name, text in (("torch", TORCH), ("transformers", TRANSFORMERS), ("libra/eval", LIBRA)):
            (packages / f"{name}.py").write_text(text)

    def ask(
        self, loader: str, *requests: dict[str, Any], trust: bool = True, weights: str = "/w/folder", **more: str
    ) -> list[dict[str, Any]]:
        start = {"contract": 1, "name": loader, "loader": loader, "weights": weights, "trust_remote_code": trust}
        (self.folder / "start.json").write_text(json.dumps(start))
        for number, request in enumerate(requests):
            told = {"contract": 1, "id": number, "sections": {}, "question": "", "choices": [], "examples": [],
                    "images": [self.film("cur_front")], **request}  # fmt: skip
            (self.folder / f"{number}.request.json").write_text(json.dumps(told))
        done = subprocess.run(
            [sys.executable, str(Path(worker.__file__)), str(self.folder)], capture_output=True, text=True, check=False,
            input="".join(f"{number}\n" for number in range(len(requests))),
            env={"PYTHONPATH": str(self.folder / "packages"), "NOTES": str(self.notes), **more},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        ready = json.loads((self.folder / "ready.json").read_text())
        assert ready["contract"] == 1
        assert set(ready["versions"]) == {"python", "transformers", "torch"}
        return [json.loads((self.folder / f"{number}.answer.json").read_text()) for number in range(len(requests))]

    def film(self, role: str) -> dict[str, Any]:
        name = f"{role}.png"
        Image.fromarray(np.full((40, 80), 9, np.uint8)).save(self.folder / name)
        return {"role": role, "file": name, "rows": 40, "columns": 80, "view": "PA"}

    @property
    def told(self) -> list[list[str]]:
        return [json.loads(line) for line in self.notes.read_text().splitlines()]

    def first(self, name: str) -> list[str]:
        return next(each for each in self.told if each[0] == name)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


@pytest.mark.parametrize("trust", [True, False])
def test_cxr_llava_writes_and_answers_from_a_grey_film(served: Served, trust: bool) -> None:
    said = served.ask("cxr_llava", {"task": "findings"}, {"task": "answer", "question": "Effusion?"}, trust=trust)
    assert [each["text"] for each in said] == ["The lungs are clear."] * 2
    assert served.first("AutoModel")[2:] == [
        "folder",
        f"[('torch_dtype', 'f32'), ('trust_remote_code', {trust}), ('use_safetensors', True)]",
    ]
    assert served.first("write_radiologic_report")[1:] == ["L", "0"]  # greedy
    assert served.first("ask_question")[1:] == ["Effusion?", "L"]


def test_chexagent_2_lists_its_films_before_the_words_and_scales_boxes_of_hundredths(served: Served) -> None:
    request = {
        "task": "phrase_to_box",
        "question": "effusion",
        "images": [served.film("cur_front"), served.film("cur_lat")],
    }
    (said,) = served.ask("chexagent_2", request, SAYS="It is at (10,20,50,100).")
    assert said["boxes"] == [[8.0, 8.0, 40.0, 40.0]]  # of 80 x 40 pixels
    assert served.first("list")[1] == "[['image'], ['image'], ['text']]"
    assert "cur_front.png|cur_lat.png|effusion" in served.first("template")[1]
    assert served.first("generate")[2] == "False"
    assert served.first("decode")[1] == "1"  # the prompt's two tokens are left out
    assert any("trust_remote_code', True" in each for each in served.first("AutoTokenizer"))


def test_chexagent_8b_is_prompted_in_its_own_form(served: Served) -> None:
    (said,) = served.ask("chexagent_8b", {"task": "findings", "sections": {"indication": "cough"}})
    assert said["text"] == "The lungs are clear."
    asked = served.first("call")
    assert asked[1] == "['RGB']"
    assert asked[2].startswith(" USER: <s>Indication: cough\nWrite the findings")
    assert asked[2].endswith(" ASSISTANT: <s>")


def test_radvlm_runs_no_code_of_others_and_scales_boxes_of_shares(served: Served) -> None:
    (said,) = served.ask("radvlm", {"task": "phrase_to_box", "question": "nodule"}, SAYS="[0.25, 0.5, 0.75, 1.0]")
    assert said["boxes"] == [[20.0, 20.0, 60.0, 40.0]]
    assert "trust_remote_code" not in json.dumps(served.told)
    assert served.first("LlavaOnevisionForConditionalGeneration")[3] == "[('dtype', 'f32'), ('use_safetensors', True)]"


def test_maira_2_gets_films_by_role_and_sections_by_name(served: Served) -> None:
    images = [served.film(role) for role in ("cur_front", "cur_lat", "prior_front")]
    (said,) = served.ask("maira_2", {"task": "findings", "images": images,
                                     "sections": {"indication": "cough", "prior_report": "clear"}})  # fmt: skip
    assert said == {"contract": 1, "id": 0, "text": "The lungs are clear."}
    told = served.first("report")
    assert dict(eval(told[1])) == {
        "current_frontal": True, "current_lateral": True, "prior_frontal": True, "indication": True, "technique": False,
        "comparison": False, "prior_report": True, "get_grounding": True, "return_tensors": True,
    }  # fmt: skip
    assert told[2:] == ["cough", "False"]


def test_maira_2_gives_boxes_in_pixels(served: Served) -> None:
    grounded = json.dumps([["Effusion.", [[0.5, 0.5, 1.0, 1.0]]], ["Heart is normal.", None]])
    said = served.ask("maira_2", {"task": "grounded"}, {"task": "phrase_to_box", "question": "effusion"}, SAYS=grounded)
    assert [each["boxes"] for each in said] == [[[40.0, 20.0, 80.0, 40.0]]] * 2
    assert said[0]["text"] == "Effusion. Heart is normal."
    assert served.first("adjust")[1:] == ["[0.5, 0.5, 1.0, 1.0]", "80", "40"]
    assert served.first("phrase")[1:] == ["effusion", "RGB"]


@pytest.mark.parametrize("prints, expected", [("", "Returned answer."), ("yes", "Printed answer.\n")])
def test_libra_is_asked_by_its_own_package(served: Served, prints: str, expected: str) -> None:
    images = [served.film("cur_front"), served.film("prior_front")]
    (said,) = served.ask("libra", {"task": "impression", "images": images}, PRINTS=prints)
    assert said["text"] == expected
    assert served.first("libra")[2] == ["cur_front.png", "prior_front.png"]


def mlrg_folder(served: Served, tensors: str = "{'a': 1, 'b': 2}") -> Path:
    """A folder as `hilum get mlrg` leaves it, with made code and no weights."""
    folder = served.folder / "mlrg"
    (folder / "code" / "models").mkdir(parents=True)
    (folder / "code" / "models" / "model_pretrain_finetune_v0905_ablation.py").write_text(MLRG)
    (folder / "views.json").write_text(json.dumps({"PA": 0, "LL": 1}))
    held = served.folder / "packages" / "safetensors"
    held.mkdir()
    (held / "__init__.py").write_text("")
    (held / "torch.py").write_text(f"def load_file(path):\n    return {tensors}\n")
    return folder


def test_mlrg_runs_its_own_classes_with_the_prior_film_last_and_no_score_of_training(served: Served) -> None:
    folder = mlrg_folder(served)
    images = [served.film("prior_front"), served.film("cur_front"), {**served.film("cur_lat"), "view": "LATERAL"}]
    told = {"indication": " Cough ", "prior_report": "No effusion. Heart normal."}
    said = served.ask("mlrg", {"task": "findings", "images": images, "sections": told},
                      {"task": "findings", "images": images[1:2]}, weights=str(folder))  # fmt: skip
    assert [each["text"] for each in said] == ["The lungs are clear."] * 2
    read, alone = (each[1:] for each in served.told if each[0] == "read")
    assert read == ["[80, 80, 80]", "1", "['PA', 'LL', 'PA_latest_prior']", "['[CLS]cough[SEP]']",
                    "['no effusion[SEP]heart normal.[SEP]']", "sample"]  # fmt: skip
    assert alone[2:5] == ["['PA']", "['[CLS][NHI][SEP]']", "['[NHPR][SEP]']"]
    assert served.first("made")[2:] == ["768", "3", "None", "None"]
    config = "[('bos_token_id', 1), ('eos_token_id', 2), ('num_hidden_layers', 6), ('pad_token_id', 3), "
    assert served.first("from_config")[1:] == [f"{config}('vocab_size', 307)]", "True"]  # no pickled weights are read


def test_mlrg_refuses_a_view_that_it_never_learned(served: Served) -> None:
    folder = mlrg_folder(served)
    (folder / "views.json").write_text(json.dumps({"SWIMMERS": 0}))
    (said,) = served.ask("mlrg", {"task": "findings"}, weights=str(folder))
    assert said["error"] == "ValueError: it knows the views SWIMMERS, and none of PA, PA, AP"


def test_a_checkpoint_of_pytorch_is_read_as_tensors_alone(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    torch.save({"state_dict": {"a": torch.ones(2), "b": torch.zeros(1)}, "epoch": 3}, tmp_path / "good.ckpt")
    assert worker.as_safetensors(tmp_path / "good.ckpt", tmp_path / "model.safetensors") == 2
    assert {name: each.tolist() for name, each in load_file(tmp_path / "model.safetensors").items()} == {
        "a": [1.0, 1.0], "b": [0.0],
    }  # fmt: skip
    torch.save({"state_dict": {"a": torch.ones(2)}, "run": subprocess.Popen}, tmp_path / "code.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    for name, why in (("code", "as tensors alone"), ("list", "no tensors by name"), ("text", "as tensors alone"),
                      ("none", "No such file")):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            worker.as_safetensors(tmp_path / f"{name}.ckpt", tmp_path / "other.safetensors")
    assert not list(tmp_path.glob("other.*"))


@pytest.mark.parametrize("given", [[], ["one"], ["none.ckpt", "out.safetensors"]])
def test_a_checkpoint_that_cannot_be_turned_is_told_in_one_sentence(tmp_path: Path, given: list[str]) -> None:
    pytest.importorskip("torch")
    command = [sys.executable, str(Path(worker.__file__)), "--safetensors", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_error_is_an_answer_and_the_next_request_goes_on(served: Served) -> None:
    broken = {"task": "findings", "images": [{"role": "cur_front", "file": "none.png"}]}
    said = served.ask("cxr_llava", broken, {"task": "findings"})
    assert said[0]["error"].startswith("FileNotFoundError")
    assert said[1]["text"] == "The lungs are clear."


def test_the_words_of_a_request_hold_all_that_was_told() -> None:
    request = {"task": "choice", "sections": {"prior_report": "clear", "indication": ""}, "question": "Which?",
               "choices": ["left", "right"]}  # fmt: skip
    assert worker.words_of(request) == "Prior report: clear\nWhich?\nA) left\nB) right"
    other = worker.words_of({**request, "task": "impression", "choices": []})
    assert other.endswith("Write the impression of the radiology report of this chest X-ray.")


@pytest.mark.parametrize("text, full, boxes", [
    ("(0,0,100,100)", 100.0, [[0, 0, 80, 40]]), ("[0.5, 0.5, 1, 1]", 1.0, [[40, 20, 80, 40]]), ("none", 1.0, []),
    ("(1,2,3)", 100.0, []), ("|10,10,20,20| and (50,50,60,60)", 100.0, [[8, 4, 16, 8], [40, 20, 48, 24]]),
])  # fmt: skip
def test_boxes_in_parts_of_the_film_become_pixels(tmp_path: Path, text: str, full: float, boxes: list) -> None:
    Image.fromarray(np.zeros((40, 80), np.uint8)).save(tmp_path / "film.png")
    assert worker.scaled(text, [tmp_path / "film.png"], full) == boxes


def test_files_are_written_whole(tmp_path: Path) -> None:
    worker.write(tmp_path / "0.answer.json", {"text": "x"})
    assert [path.name for path in tmp_path.iterdir()] == ["0.answer.json"]
    assert json.loads((tmp_path / "0.answer.json").read_text()) == {"contract": 1, "text": "x"}

"""Runs a published reader in its own environment; nothing of Hilum is imported here, and no network is used.

`python worker.py FOLDER` reads FOLDER/start.json, loads the model, writes FOLDER/ready.json, and then answers each
number that comes on its input: N.request.json becomes N.answer.json. What the model prints goes to the log. None of
these loaders has been run against the real weights. `python worker.py --safetensors IN OUT` reads a checkpoint of
PyTorch with its reader of tensors alone, once, and writes the tensors as safetensors.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

CONTRACT = 1
LONGEST = 512  # tokens of an answer
PROMPTS = {
    "findings": "Write the findings section of the radiology report of this chest X-ray.",
    "impression": "Write the impression of the radiology report of this chest X-ray.",
}
_FOUR = re.compile(r"[\[(|]\s*" + r"\s*,\s*".join([r"(\d+(?:\.\d+)?)"] * 4) + r"\s*[\])|]")

Answer = dict[str, Any]
Reader = Callable[[dict[str, Any], list[Path]], Answer]


def package(name: str) -> Any:
    """Return a package of this environment, whose releases Hilum's own knows nothing of."""
    return importlib.import_module(name)


def words_of(request: dict[str, Any]) -> str:
    """Return the words of a request: its sections, then what is asked."""
    told = [f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in request["sections"].items() if text]
    asked = PROMPTS.get(request["task"], request["question"])
    choices = "".join(f"\n{chr(65 + n)}) {each}" for n, each in enumerate(request["choices"]))
    return "\n".join([*told, asked + choices])


def pictures(files: list[Path]) -> list[Any]:
    """Return the films as RGB pictures of Pillow."""
    pillow = package("PIL.Image")
    return [pillow.open(file).convert("RGB") for file in files]


def scaled(text: str, files: list[Path], full: float) -> list[list[float]]:
    """Return the boxes in a text, given in parts of `full`, in pixels of the first film."""
    width, height = pictures(files[:1])[0].size
    found = [[float(each) for each in match.groups()] for match in _FOUR.finditer(text)]
    return [[a / full * width, b / full * height, c / full * width, d / full * height] for a, b, c, d in found]


def device_and_type() -> tuple[str, Any]:
    """Return 'cuda' and bfloat16 where there is a GPU, else 'cpu' and float32."""
    torch = package("torch")
    return ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)


def ready(kind: Any, folder: str, **how: Any) -> Any:
    """Return a model of this class on the device; its weights are safetensors, never pickled."""
    device, _ = device_and_type()
    return kind.from_pretrained(folder, use_safetensors=True, **how).to(device).eval()


def cxr_llava(folder: str, trust: bool) -> Reader:
    """CXR-LLaVA v2: tokenizer and image processor live inside the model; one film."""
    transformers = package("transformers")

    _, kind = device_and_type()
    model = ready(transformers.AutoModel, folder, trust_remote_code=trust, torch_dtype=kind)

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        film = pictures(files[:1])[0].convert("L")
        if request["task"] == "findings":
            return {"text": model.write_radiologic_report(film, temperature=0)}
        return {"text": model.ask_question(question=request["question"], image=film)}

    return read


def chexagent_2(folder: str, trust: bool) -> Reader:
    """CheXagent-2: films by path in the tokenizer's own list form."""
    torch, transformers = package("torch"), package("transformers")

    device, kind = device_and_type()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)
    model = ready(transformers.AutoModelForCausalLM, folder, trust_remote_code=trust, torch_dtype=kind)

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        listed = [{"image": str(file)} for file in files] + [{"text": words_of(request)}]
        told = [{"from": "system", "value": "You are a helpful assistant."},
                {"from": "human", "value": tokenizer.from_list_format(listed)}]  # fmt: skip
        ids = tokenizer.apply_chat_template(told, add_generation_prompt=True, return_tensors="pt").to(device)
        with torch.inference_mode():
            out = model.generate(ids, do_sample=False, num_beams=1, use_cache=True, max_new_tokens=LONGEST)[0]
        text = tokenizer.decode(out[ids.shape[1] :], skip_special_tokens=True)
        return {"text": text, "boxes": scaled(text, files, 100.0) if request["task"] == "phrase_to_box" else []}

    return read


def chexagent_8b(folder: str, trust: bool) -> Reader:
    """CheXagent-8b: processor with pictures and one prompt."""
    torch, transformers = package("torch"), package("transformers")

    device, kind = device_and_type()
    processor = transformers.AutoProcessor.from_pretrained(folder, trust_remote_code=trust)
    model = ready(transformers.AutoModelForCausalLM, folder, trust_remote_code=trust, torch_dtype=kind)

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        prompt = f" USER: <s>{words_of(request)} ASSISTANT: <s>"
        given = processor(images=pictures(files), text=prompt, return_tensors="pt").to(device, dtype=kind)
        with torch.inference_mode():
            out = model.generate(**given, do_sample=False, max_new_tokens=LONGEST)[0]
        return {"text": processor.tokenizer.decode(out, skip_special_tokens=True)}

    return read


def radvlm(folder: str, trust: bool) -> Reader:
    """RadVLM: LLaVA-OneVision as transformers has it; boxes as shares of width and height."""
    torch, transformers = package("torch"), package("transformers")

    device, kind = device_and_type()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = ready(transformers.LlavaOnevisionForConditionalGeneration, folder, dtype=kind)

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        content = [*({"type": "image"} for _ in files), {"type": "text", "text": words_of(request)}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        given = processor(images=pictures(files), text=prompt, return_tensors="pt").to(device, kind)
        with torch.inference_mode():
            out = model.generate(**given, do_sample=False, max_new_tokens=LONGEST)[0]
        text = processor.decode(out[given["input_ids"].shape[1] :], skip_special_tokens=True)
        return {"text": text, "boxes": scaled(text, files, 1.0) if request["task"] == "phrase_to_box" else []}

    return read


def maira_2(folder: str, trust: bool) -> Reader:
    """MAIRA-2: prompts by its own processor, boxes of grounded reports turned back to the film's pixels by it."""
    torch, transformers = package("torch"), package("transformers")

    device, kind = device_and_type()
    processor = transformers.AutoProcessor.from_pretrained(folder, trust_remote_code=trust)
    model = ready(transformers.AutoModelForCausalLM, folder, trust_remote_code=trust, torch_dtype=kind)

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        films = {image["role"]: film for image, film in zip(request["images"], pictures(files))}  # noqa: B905
        frontal, grounded = films["cur_front"], request["task"] != "findings"
        if request["task"] == "phrase_to_box":
            given = processor.format_and_preprocess_phrase_grounding_input(
                frontal_image=frontal, phrase=request["question"], return_tensors="pt")  # fmt: skip
        else:
            told = {name: request["sections"].get(name) for name in ("indication", "technique", "comparison")}
            given = processor.format_and_preprocess_reporting_input(
                current_frontal=frontal, current_lateral=films.get("cur_lat"), prior_frontal=films.get("prior_front"),
                prior_report=request["sections"].get("prior_report"), get_grounding=grounded, return_tensors="pt",
                **told)  # fmt: skip
        given = given.to(device)
        with torch.inference_mode():
            out = model.generate(**given, max_new_tokens=450 if grounded else 300, use_cache=True)[0]
        text = processor.decode(out[given["input_ids"].shape[1] :], skip_special_tokens=True).lstrip()
        told_by = processor.convert_output_to_plaintext_or_grounded_sequence(text)
        if isinstance(told_by, str):
            return {"text": told_by}
        found = [box for _, boxes in told_by for box in boxes or ()]
        boxes = [processor.adjust_box_for_original_image_size(box, frontal.width, frontal.height) for box in found]
        shown = [[a * frontal.width, b * frontal.height, c * frontal.width, d * frontal.height] for a, b, c, d in boxes]
        return {"text": " ".join(phrase for phrase, _ in told_by), "boxes": shown}

    return read


def libra(folder: str, trust: bool) -> Reader:
    """Libra: its own package's evaluation function, current film first, then the prior one."""
    libra_eval = package("libra.eval").libra_eval

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            told = libra_eval(model_path=folder, image_file=[str(file) for file in files], query=words_of(request),
                              num_beams=10, length_penalty=2, conv_mode="libra_v1", max_new_tokens=LONGEST)  # fmt: skip
        return {"text": str(told[0] if isinstance(told, (list, tuple)) else told or said.getvalue())}

    return read


MLRG_CODE = "models.model_pretrain_finetune_v0905_ablation"
MLRG_SCORES = {"chexbert": ("F1CheXbertMetrics", "RadGraphMetrics"), "coco": ("COCOCaptionMetrics",),
               "report_logger": ("ReportLogger",)}  # fmt: skip
MLRG_TOKENS = {"bos_token": "[BOS]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]",
               "mask_token": "[MASK]", "eos_token": "[EOS]", "unk_token": "[UNK]"}  # fmt: skip
MLRG_SIZES = {"hidden_size": 768, "num_heads": 8, "text_encoder_num_layers": 6, "multiview_fusion_num_layers": 3,
              "cross_modal_fusion_num_layers": 1, "max_length": 100, "num_beams": 3, "temp": 0.5}  # fmt: skip
MLRG_USES = {"is_indication": True, "is_prior_report": True, "is_multiview_learning": True, "is_prior_scan": True}


def mlrg_network(root: Path, trust: bool) -> Any:
    """Return MLRG's network by its own classes in ROOT/code, with the weights of ROOT/model.safetensors.

    Its scores of training, which want weights of their own, are left out; sizes and beams are its scripts', and
    ROOT/sizes.json changes them.
    """
    sys.path.insert(0, str(root / "code"))
    transformers = package("transformers")
    for name, kinds in {"": (), **MLRG_SCORES}.items():
        scores: Any = ModuleType(f"tools.metrics.{name}".rstrip("."))
        scores.__dict__.update(dict.fromkeys(kinds, lambda *args, **kwargs: None))
        sys.modules[scores.__name__] = scores
    finetune: Any = package(MLRG_CODE).Finetune
    tokenizer = transformers.GPT2TokenizerFast.from_pretrained(root / "distilgpt2")
    tokenizer.add_special_tokens(MLRG_TOKENS)
    tokenizer.add_tokens(["[NHI]", "[NHPR]"])
    given = root / "sizes.json"
    sizes = json.loads(given.read_text(encoding="utf-8")) if given.is_file() else {}
    parts = ("rad-dino", "cxr-bert", "distilgpt2", "bert")
    paths = {f"{name.replace('-', '_')}_path": str(root / name) for name in parts}
    args = {**MLRG_SIZES, **MLRG_USES, **sizes, **paths, "view_position_embed": str(root / "views.json"),
            "chexbert_path": "", "radgraph_path": "", "exp_dir_trial": "", "cvt2distilgpt2_path": None}  # fmt: skip

    class Network(finetune):  # type: ignore[misc]
        def build_text_encoder(self) -> Any:
            """As its own does, but from sizes alone: the weights come with the checkpoint, and never pickled."""
            config = transformers.AutoConfig.from_pretrained(args["cxr_bert_path"], trust_remote_code=trust)
            config.vocab_size, config.num_hidden_layers = len(tokenizer), args["text_encoder_num_layers"]
            config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
            config.pad_token_id = tokenizer.pad_token_id
            return transformers.AutoModel.from_config(config, trust_remote_code=trust)

    network = Network(args, tokenizer, None)
    state = package("safetensors.torch").load_file(str(root / "model.safetensors"))
    missing = network.load_state_dict(state, strict=False).missing_keys
    if missing:
        raise ValueError(f"{root / 'model.safetensors'} lacks {len(missing)} weights, such as {missing[0]}")
    return network


def mlrg(folder: str, trust: bool) -> Reader:
    """MLRG: the classes of its own repository in FOLDER/code; all films of a study together, the prior's last.

    A prior report is told as sentences; the authors tell RadGraph's facts of it.
    """
    torch, numpy = package("torch"), package("numpy")
    network = mlrg_network(Path(folder), trust)
    device, _ = device_and_type()
    network.to(device).eval()

    def view_of(image: dict[str, Any]) -> str:
        known = network.vp2id
        wanted = [image.get("view") or "", *(("LATERAL", "LL") if image["role"] == "cur_lat" else ("PA", "AP"))]
        found = next((view for view in wanted if view in known), None)
        if found is None:
            raise ValueError(f"it knows the views {', '.join(known)}, and none of {', '.join(filter(None, wanted))}")
        return f"{found}_latest_prior" if image["role"] == "prior_front" else str(found)

    def read(request: dict[str, Any], files: list[Path]) -> Answer:
        order = sorted(range(len(files)), key=lambda at: request["images"][at]["role"] == "prior_front")
        films = network.image_processor(pictures([files[at] for at in order]), return_tensors="pt").pixel_values
        views = numpy.array([view_of(request["images"][at]) for at in order])
        asked = (request["sections"].get("indication") or "").strip().lower() or "[NHI]"
        before = [each.strip() for each in (request["sections"].get("prior_report") or "").lower().split(". ")]
        told = "[SEP]".join(each for each in before if each) or "[NHPR]"
        with torch.inference_mode():
            said = network(films.to(device), numpy.array(["one study"] * len(files)), views, [f"[CLS]{asked}[SEP]"],
                           [f"{told}[SEP]"], mode="sample")  # fmt: skip
        return {"text": said[0].strip()}

    return read


LOADERS: dict[str, Callable[[str, bool], Reader]] = {
    each.__name__: each for each in (cxr_llava, chexagent_2, chexagent_8b, radvlm, maira_2, libra, mlrg)
}


def as_safetensors(checkpoint: Path, out: Path) -> int:
    """Write the tensors of a checkpoint of PyTorch as safetensors, whole or not at all, and return how many.

    What is no tensor is never built from the file.

    Raises:
        ValueError: if the file cannot be read so, or holds no tensor.
    """
    torch, safetensors = package("torch"), package("safetensors.torch")
    try:
        held = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{checkpoint} cannot be read as tensors alone: {why}") from None
    state = held.get("state_dict", held) if isinstance(held, dict) else {}
    tensors = {name: each.contiguous().clone() for name, each in state.items() if torch.is_tensor(each)}
    if not tensors:
        raise ValueError(f"{checkpoint} holds no tensors by name: is it the checkpoint of a network?")
    partial = out.with_suffix(".partial")
    try:
        safetensors.save_file(tensors, str(partial))
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return len(tensors)


def convert(given: list[str]) -> None:
    """Do what `--safetensors IN OUT` asks, and end in one sentence."""
    if len(given) != 2:
        sys.exit("worker.py --safetensors takes two paths: the checkpoint, and the file to write")
    try:
        count = as_safetensors(Path(given[0]), Path(given[1]))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(f"Wrote {given[1]}: {count} tensors\n")


def versions() -> dict[str, str]:
    """Return the releases of what matters here, 'none' where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": sys.version.split()[0]}
    for name in ("transformers", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def write(path: Path, told: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"contract": CONTRACT, **told}), encoding="utf-8")
    os.replace(partial, path)


def answer(read: Reader, folder: Path, number: int) -> Answer:
    """Return what a reader says to one request; an error is an answer too, and the next request may go well."""
    try:
        request = json.loads((folder / f"{number}.request.json").read_text(encoding="utf-8"))
        return read(request, [folder / image["file"] for image in request["images"]])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def serve(folder: Path, loaders: dict[str, Callable[[str, bool], Reader]]) -> None:
    """Load the model that start.json names, say so, and answer until the input ends."""
    start = json.loads((folder / "start.json").read_text(encoding="utf-8"))
    read = loaders[start["loader"]](start["weights"], bool(start["trust_remote_code"]))
    write(folder / "ready.json", {"versions": versions()})
    for line in sys.stdin:
        number = int(line)
        write(folder / f"{number}.answer.json", {"id": number, **answer(read, folder, number)})


if __name__ == "__main__" and sys.argv[1:2] == ["--safetensors"]:
    convert(sys.argv[2:])
elif __name__ == "__main__":
    serve(Path(sys.argv[1]), LOADERS)

"""Published readers: where the weights are, how they are loaded, and the environment that each is pinned to.

None of these adapters has been run against the real weights; `Published.tried` says so in every answer and table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hilum.core.errors import InputError

Role = Literal["reader", "judge"]
NOT_TRIED = "not run against real weights"


@dataclass(frozen=True)
class Published:
    """One published checkpoint.

    Args:
        name: as commands call it.
        repository: of its weights.
        revision: that was seen, '' where the newest is meant.
        loader: function of `worker.py` that loads it; '' where no adapter is written, and `without` says why.
        transformers: versions (at least, below) that its code is written for; ('', '') for any.
        python: release for its environment.
        requirements: of pip, pinned.
        remote: its repository brings code of its own, which runs only where the user has named it.
        gated: its terms must be accepted on its page first.
        licence: in short.
        tasks: it can be asked.
        roles: of films it takes, in its order.
        sections: of the examination it takes.
        files: of its repository that are wanted; all where empty.
        more: shell commands after the weights, with {python}, {worker} and {weights} for what they are.
        without: why there is no adapter.
        note: what a user should know.
    """

    name: str
    repository: str
    loader: str
    transformers: tuple[str, str]
    requirements: tuple[str, ...]
    revision: str = ""
    python: str = "3.10"
    remote: bool = False
    gated: bool = False
    licence: str = "see its page"
    tasks: tuple[str, ...] = ("findings",)
    roles: tuple[str, ...] = ("cur_front",)
    sections: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    without: str = ""
    note: str = ""
    tried: str = NOT_TRIED


_TORCH_2023 = ("torch==2.1.2", "torchvision==0.16.2", "numpy<2", "pillow<11", "sentencepiece", "protobuf<4")
_TORCH_2024 = ("torch==2.4.1", "torchvision==0.19.1", "numpy<2", "pillow<12", "sentencepiece", "protobuf")
_CHAT = ("findings", "impression", "answer")
_ROWS = (
    Published(
        "cxr-llava", "ECOFRI/CXR-LLAVA-v2", "cxr_llava", ("4.36", "4.37"), ("transformers==4.36.2", *_TORCH_2023),
        revision="b2224786bb90d54b1e1291171866706cfbb44e2b", remote=True, licence="CC BY-NC 4.0 and LLaMA 2 terms",
        tasks=("findings", "answer"), note="about 14 GB in bfloat16; one frontal film, no sections",
    ),
    Published(
        "chexagent-2", "StanfordAIMI/CheXagent-2-3b", "chexagent_2", ("4.40", "4.41"),
        ("transformers==4.40.2", "einops", "albumentations", "opencv-python-headless", *_TORCH_2024), remote=True,
        tasks=(*_CHAT, "phrase_to_box"), roles=("cur_front", "cur_lat"), sections=("indication",),
        note="on newer transformers it writes fluent text and ignores the film: the gate refuses it then",
    ),
    Published(
        "chexagent-8b", "StanfordAIMI/CheXagent-8b", "chexagent_8b", ("4.35", "4.36"),
        ("transformers==4.35.2", "einops", *_TORCH_2023), remote=True, tasks=_CHAT, roles=("cur_front", "cur_lat"),
        sections=("indication",),
    ),
    Published(
        "radvlm", "KrauthammerLab/RadVLM", "radvlm", ("5.0", "6.0"),
        ("transformers>=5,<6", "torch>=2.6", "torchvision>=0.21", "accelerate"), python="3.11",
        tasks=(*_CHAT, "phrase_to_box", "choice"), note="about 16 GB; no code of its own",
    ),
    Published(
        "maira-2", "microsoft/maira-2", "maira_2", ("4.46", "4.52"), ("transformers==4.51.3", *_TORCH_2024),
        remote=True, gated=True, licence="Microsoft Research licence", tasks=("findings", "grounded", "phrase_to_box"),
        roles=("cur_front", "cur_lat", "prior_front"),
        sections=("indication", "technique", "comparison", "prior_report"),
        note="from transformers 4.52 on its own code is silently not called: the environment is checked",
    ),
    Published(
        "libra", "X-iZhang/libra-v1.0-7b", "libra", ("", ""), ("libra @ git+https://github.com/X-iZhang/Libra",),
        remote=True, tasks=_CHAT, roles=("cur_front", "prior_front"),
        sections=("indication", "history", "technique", "comparison"),
        note="its own package, with the pins of its repository",
    ),
    Published(
        "mlrg", "MK-runner/MLRG", "mlrg", ("4.43", "4.44"),
        ("transformers==4.43.3", "torch==2.3.1", "torchvision==0.18.1", "numpy<2", "pillow<12", "einops",
         "pytorch_lightning==2.3.0", "torchmetrics==1.4.0.post0", "matplotlib", "setuptools<81"), remote=True,
        roles=("cur_front", "cur_lat", "prior_front"), sections=("indication", "prior_report"),
        files=("mimic-cxr/finetune/best_model.ckpt", "radiology report/five_work_mimic_cxr_view_position_v1.1.json"),
        more=(
            "git clone https://github.com/mk-runner/MLRG {weights}/code && git -C {weights}/code checkout 03f63d1",
            "hf download microsoft/rad-dino --local-dir {weights}/rad-dino",
            "hf download microsoft/BiomedVLP-CXR-BERT-specialized --include '*.json' --include '*.py' "
            "--local-dir {weights}/cxr-bert",
            "hf download distilbert/distilgpt2 --local-dir {weights}/distilgpt2",
            "hf download google-bert/bert-base-uncased config.json --local-dir {weights}/bert",
            "cp {weights}/'radiology report/five_work_mimic_cxr_view_position_v1.1.json' {weights}/views.json",
            "{python} {worker} --safetensors {weights}/mimic-cxr/finetune/best_model.ckpt {weights}/model.safetensors",
        ),
        note="its view positions lie with reports that PhysioNet's terms hold",
    ),
    Published("sei", "MK-runner/SEI", "", ("4.23", "4.24"), ("transformers==4.23.1",),
              without="its tokenizer and the similar cases that it reads are made from MIMIC-CXR's training reports, "
                      "which no adapter can bring; 'hilum reproduce sei --set stage=reader' judges the method"),
    Published("icon", "a Google Drive file named in its repository", "", ("4.36", "4.37"), ("transformers==4.36.2",),
              without="no address that can be pinned, and classes of its own repository"),
    Published("green", "StanfordAIMI/GREEN-radllama2-7b", "", ("", ""), (),
              without="a judge of reports, not a reader: the metric 'green' loads its weights here, in no other "
                      "environment"),
)  # fmt: skip
PUBLISHED: Mapping[str, Published] = MappingProxyType({row.name: row for row in _ROWS})


def published(name: str) -> Published:
    """Return a row by its name.

    Raises:
        InputError: if there is none.
    """
    if name not in PUBLISHED:
        raise InputError(f"no published reader is called '{name}': there are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def release(version: str) -> tuple[int, ...]:
    """Return the numbers a version begins with: '4.36.2.dev0' is (4, 36, 2)."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def fits(row: Published, version: str) -> bool:
    """Tell whether a release of transformers is one that a checkpoint's code is written for."""
    low, high = row.transformers
    found = release(version)
    return (not low or found >= release(low)) and (not high or found < release(high))

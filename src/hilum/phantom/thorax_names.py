"""Ids and names of the structures of a made thorax: those of TotalSegmentator as the wheel's CT has them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_LEVELS = (
    "S1",
    *(f"L{n}" for n in range(5, 0, -1)),
    *(f"T{n}" for n in range(12, 0, -1)),
    *(f"C{n}" for n in range(7, 0, -1)),
)


def _pair(*names: str) -> list[str]:
    return [f"{name}_{side}" for name in names for side in ("left", "right")]


_ORDERED = (
    "spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas", "adrenal_gland_right",
    "adrenal_gland_left", "lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right",
    "lung_middle_lobe_right", "lung_lower_lobe_right", "esophagus", "trachea", "thyroid_gland", "small_bowel",
    "duodenum", "colon", "urinary_bladder", "prostate", "kidney_cyst_left", "kidney_cyst_right", "sacrum",
    *(f"vertebrae_{level}" for level in _LEVELS), "heart", "aorta", "pulmonary_vein", "brachiocephalic_trunk",
    "subclavian_artery_right", "subclavian_artery_left", "common_carotid_artery_right", "common_carotid_artery_left",
    "brachiocephalic_vein_left", "brachiocephalic_vein_right", "atrial_appendage_left", "superior_vena_cava",
    "inferior_vena_cava", "portal_vein_and_splenic_vein", *_pair("iliac_artery", "iliac_vena", "humerus", "scapula",
    "clavicula", "femur", "hip"), "spinal_cord", *_pair("gluteus_maximus", "gluteus_medius", "gluteus_minimus",
    "autochthon", "iliopsoas"), "brain", "skull", *(f"rib_left_{n}" for n in range(1, 13)),
    *(f"rib_right_{n}" for n in range(1, 13)), "sternum", "carpal", "costal_cartilages",
)  # fmt: skip

NAMES: Mapping[int, str] = MappingProxyType(dict(enumerate(_ORDERED, start=1)))
"""Id to name, 1 to 118."""
IDS: Mapping[str, int] = MappingProxyType({name: number for number, name in NAMES.items()})
"""Name to id."""

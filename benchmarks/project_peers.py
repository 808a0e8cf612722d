"""The peers of benchmarks/project.py: each is handed the same field and the same rays in its own convention.

Into one environment beside Hilum (torch CPU build and diffdrr's wheel as in docs/projection-speed.md):
    pip install -e '.[drr,data,train]' plastimatch itk-rtk itk-twoprojectionregistration nanodrr diffdrr flashdrr

`available()` tells which of them import here, and why the others do not. Every peer has `aim(geometry)`, which is not
timed (matrices, rays, output images), and `run()`, which is, and gives line integrals (rows, columns).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hilum.drr.field import Field
from hilum.drr.geometry import Geometry

THREADS = 2
CHUNK = 2**21  # samples or crossings a torch peer holds at a time; larger or smaller is slower here


class Peer:
    """What the benchmark asks of every projector."""

    name, package, model, slow = "", "", "trilinear", False
    needs: tuple[str, ...] = ()

    def __init__(self, field: Field) -> None:
        self.field, self.values = field, field.float32()

    def aim(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def run(self) -> np.ndarray:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""


def pixels_mm(geometry: Geometry) -> np.ndarray:
    """(rows * columns, 3) pixel centres in patient mm."""
    rows, columns = geometry.shape
    row, column = np.divmod(np.arange(rows * columns), columns)
    return geometry.corner + row[:, None] * geometry.column_step + column[:, None] * geometry.row_step


def in_voxels(field: Field, points: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(field.affine)
    return points @ inverse[:3, :3].T + inverse[:3, 3]


class Plastimatch(Peer):
    """`plastimatch drr -i exact`: a command; its own 'Total time' leaves out reading and writing files."""

    name, package, model, needs = "plastimatch exact", "plastimatch", "siddon", ()

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.folder = Path(tempfile.mkdtemp(prefix="plastimatch"))
        spacing, origin, size = np.diag(field.affine)[:3], field.affine[:3, 3], field.shape
        header = (
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
            f"Offset = {' '.join(map(str, origin))}\nElementSpacing = {' '.join(map(str, spacing))}\n"
            f"DimSize = {' '.join(map(str, size))}\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
        )
        with (self.folder / "mu.mha").open("wb") as file:
            file.write(header.encode())
            file.write(np.ascontiguousarray(self.values.transpose(2, 1, 0)).tobytes())
        self.values = np.empty(0)

    def aim(self, geometry: Geometry) -> None:
        self.geometry = geometry
        rows, columns = geometry.shape
        down, along = geometry.pitch_mm
        axes = np.stack([geometry.row_step / along, geometry.column_step / down])
        foot = axes @ (geometry.source - geometry.corner) / np.array([along, down])  # central ray, in pixels
        middle = geometry.source + geometry.normal * geometry.source_isocentre_mm

        def words(numbers: Any) -> str:
            return " ".join(f"{n:.12g}" for n in numbers)

        self.command = [
            command_of_plastimatch(), "drr", "-t", "pfm", "-i", "exact", "-P", "none", "-A", "cpu",
            "--dim", f"{rows} {columns}", "--detector-size", f"{rows * down:.12g} {columns * along:.12g}",
            "--image-center", words([foot[1], foot[0]]), "--sad", f"{geometry.source_isocentre_mm:.12g}",
            "--sid", f"{geometry.source_detector_mm:.12g}", "--isocenter", words(middle),
            "--nrm", words(-geometry.normal), "--vup", words(-axes[1]),
            "-O", str(self.folder / "drr"), "-I", str(self.folder / "mu.mha"),
        ]  # fmt: skip

    def run(self) -> np.ndarray:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            self.command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": str(THREADS)},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = re.findall(r"Total time:\s*([\d.]+)", done.stdout + done.stderr)
        if done.returncode or not found:
            raise RuntimeError((done.stderr or done.stdout)[-300:])
        self.own_seconds = float(found[-1])
        self.own_cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        written = max(self.folder.glob("drr*.pfm"), key=lambda path: path.stat().st_mtime)
        return self.read(written)

    def read(self, path: Path) -> np.ndarray:
        data = path.read_bytes()
        head = data.split(b"\n", 3)
        columns, rows = map(int, head[1].split())
        pixels = np.frombuffer(head[3], "<f4" if float(head[2]) < 0 else ">f4").reshape(rows, columns)
        return pixels[:, ::-1] * 10.0  # it writes columns mirrored, and lengths in cm

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def command_of_plastimatch() -> str:
    beside = Path(sys.executable).parent / "plastimatch"
    found = str(beside) if beside.exists() else shutil.which("plastimatch")
    if not found:
        raise ImportError("the command plastimatch is not on the path")
    return found


class Itk(Peer):
    """Shared by the ITK filters: the volume as an itk.Image, origin as asked."""

    def __init__(self, field: Field, *, origin: np.ndarray | None = None) -> None:
        super().__init__(field)
        import itk

        self.itk = itk
        itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(THREADS)
        self.image = itk.image_from_array(np.ascontiguousarray(self.values.transpose(2, 1, 0)))
        self.image.SetSpacing([float(s) for s in np.diag(field.affine)[:3]])
        self.image.SetOrigin([float(s) for s in (field.affine[:3, 3] if origin is None else origin)])
        self.values = np.empty(0)

    def resample(self, geometry: Geometry, interpolator: Any, transform: Any, origin: Any, axes: np.ndarray) -> Any:
        itk = self.itk
        kind = type(self.image)
        drr = itk.ResampleImageFilter[kind, kind].New()
        drr.SetInput(self.image)
        drr.SetInterpolator(interpolator)
        drr.SetTransform(transform)
        drr.SetDefaultPixelValue(0)
        rows, columns = geometry.shape
        drr.SetSize([columns, rows, 1])
        drr.SetOutputOrigin([float(o) for o in origin])
        drr.SetOutputSpacing([geometry.pitch_mm[1], geometry.pitch_mm[0], 1.0])
        drr.SetOutputDirection(itk.matrix_from_array(np.ascontiguousarray(axes.T)))
        return drr

    def run(self) -> np.ndarray:
        self.filter.Modified()
        self.filter.UpdateLargestPossibleRegion()
        return self.itk.array_from_image(self.filter.GetOutput())[0]


class RtkJoseph(Itk):
    name, package, needs = "itk-rtk Joseph", "itk-rtk", ("itk",)

    def aim(self, geometry: Geometry) -> None:
        itk, rtk, kind = self.itk, self.itk.RTK, type(self.image)
        self.geometry = geometry
        bend = rtk.ThreeDCircularProjectionGeometry.New()
        point, vector = itk.Point[itk.D, 3], itk.Vector[itk.D, 3]
        along, down = geometry.row_step / geometry.pitch_mm[1], geometry.column_step / geometry.pitch_mm[0]
        done = bend.AddProjection(
            point(geometry.source.tolist()), point(geometry.corner.tolist()), vector(along.tolist()),
            vector(down.tolist()),
        )  # fmt: skip
        if done is False:
            raise RuntimeError("RTK does not take this geometry")
        stack = rtk.ConstantImageSource[kind].New()
        rows, columns = geometry.shape
        stack.SetSize([columns, rows, 1])
        stack.SetSpacing([geometry.pitch_mm[1], geometry.pitch_mm[0], 1.0])
        stack.SetOrigin([0.0, 0.0, 0.0])
        stack.SetConstant(0.0)
        stack.Update()
        self.filter = rtk.JosephForwardProjectionImageFilter[kind, kind].New()
        self.filter.SetInput(0, stack.GetOutput())
        self.filter.SetInput(1, self.image)
        self.filter.SetGeometry(bend)
        self.filter.InPlaceOff()


class ItkRayCast(Itk):
    name, package, needs, slow = "itk RayCast", "itk", ("itk",), True

    def aim(self, geometry: Geometry) -> None:
        itk, kind = self.itk, type(self.image)
        self.geometry = geometry
        caster = itk.RayCastInterpolateImageFunction[kind, itk.D].New()
        transform = itk.TranslationTransform[itk.D, 3].New()
        caster.SetInputImage(self.image)
        caster.SetTransform(transform)
        caster.SetFocalPoint(geometry.source.tolist())
        caster.SetThreshold(0)
        axes = np.stack(
            [geometry.row_step / geometry.pitch_mm[1], geometry.column_step / geometry.pitch_mm[0], geometry.normal]
        )
        self.filter = self.resample(geometry, caster, transform, geometry.corner, axes)


class ItkSiddonJacobs(Itk):
    """Its volume has its first corner at 0 and it returns the mean along the ray: both are made good here."""

    name, package, model, needs = "itk SiddonJacobs", "itk-twoprojectionregistration", "siddon", ("itk",)

    def __init__(self, field: Field) -> None:
        super().__init__(field, origin=np.zeros(3))

    def aim(self, geometry: Geometry) -> None:
        itk, kind = self.itk, type(self.image)
        self.geometry = geometry
        shift = self.field.affine[:3, 3] - np.diag(self.field.affine)[:3] / 2
        middle = geometry.source + geometry.normal * geometry.source_isocentre_mm - shift
        along, down = geometry.row_step / geometry.pitch_mm[1], geometry.column_step / geometry.pitch_mm[0]
        turn = itk.Euler3DTransform[itk.D].New()
        turn.SetCenter(middle.tolist())
        turn.SetMatrix(itk.matrix_from_array(np.stack([-along, geometry.normal, -down])))
        caster = itk.SiddonJacobsRayCastInterpolateImageFunction[kind, itk.D].New()
        caster.SetInputImage(self.image)
        caster.SetTransform(turn)
        caster.SetFocalPointToIsocenterDistance(geometry.source_isocentre_mm)
        caster.SetProjectionAngle(0.0)
        caster.SetThreshold(0)
        caster.Initialize()
        last = geometry.pixel(0, geometry.shape[1] - 1) - geometry.source
        first = [-float(last @ along), float(-(geometry.corner - geometry.source) @ down)]
        axes = np.diag([1.0, -1.0, 1.0])
        still = itk.IdentityTransform[itk.D, 3].New()
        self.filter = self.resample(geometry, caster, still, [*first, -geometry.source_detector_mm], axes)
        self.length = geometry.ray_mm()

    def run(self) -> np.ndarray:
        return super().run()[:, ::-1] * self.length


class Torch(Peer):
    """Shared by the torch projectors: a tensor of the volume, rays in chunks, no gradients."""

    samples = 500

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        import torch

        self.torch = torch
        torch.set_num_threads(THREADS)

    def run(self) -> np.ndarray:
        rows, columns = self.geometry.shape
        with self.torch.inference_mode():
            parts = [self.part(slice(n, n + self.step)) for n in range(0, rows * columns, self.step)]
            return self.torch.cat(parts).numpy().reshape(rows, columns)

    def part(self, rays: slice) -> Any:
        raise NotImplementedError


class DiffDrr(Torch):
    package, slow, needs = "diffdrr", True, ("diffdrr.renderers",)

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        from diffdrr import renderers

        self.volume = self.torch.from_numpy(self.values)
        self.render = renderers.Siddon() if self.model == "siddon" else renderers.Trilinear()
        # its rule of clipping is its own (a negative parameter would count): give the whole ray, as its DRR module does

    def aim(self, geometry: Geometry) -> None:
        tensor = self.torch.from_numpy
        self.geometry = geometry
        self.source = tensor(in_voxels(self.field, geometry.source[None]).astype(np.float32))[None]
        self.target = tensor(in_voxels(self.field, pixels_mm(geometry)).astype(np.float32))[None]
        self.length = tensor(geometry.ray_mm().astype(np.float32).reshape(1, 1, -1))
        self.step = 1024 if self.model == "siddon" else CHUNK // self.samples

    def part(self, rays: slice) -> Any:
        more = {} if self.model == "siddon" else {"n_points": self.samples}
        found = self.render(self.volume, self.source, self.target[:, rays], self.length[:, :, rays], **more)
        return found.reshape(-1)

    def structures(self, labels: np.ndarray, ids: Any) -> np.ndarray:
        """Integrals (S, rows, columns) inside each structure: its mask_to_channels."""
        torch, marks = self.torch, self.torch.from_numpy(labels.astype(np.float32))
        rows, columns = self.geometry.shape
        with torch.inference_mode():
            parts = []
            for n in range(0, rows * columns, self.step):
                rays = slice(n, n + self.step)
                found = self.render(self.volume, self.source, self.target[:, rays], self.length[:, :, rays], mask=marks)
                parts.append(found[0, list(ids)])
        return torch.cat(parts, dim=1).numpy().reshape(len(ids), rows, columns)


class DiffDrrTrilinear(DiffDrr):
    name = "diffdrr trilinear"


class DiffDrrSiddon(DiffDrr):
    name, model = "diffdrr siddon", "siddon"


class NanoDrr(Torch):
    name, package, slow, needs = "nanodrr", "nanodrr", True, ("nanodrr.drr", "nanodrr.data")

    def __init__(self, field: Field, labels: np.ndarray | None = None) -> None:
        super().__init__(field)
        from nanodrr.data import Subject
        from nanodrr.drr import render

        torch, size = self.torch, np.array(field.shape, np.float64)
        image = torch.from_numpy(np.ascontiguousarray(self.values.transpose(2, 1, 0)))[None, None]
        label = (
            torch.zeros_like(image)
            if labels is None
            else torch.from_numpy(np.ascontiguousarray(labels.transpose(2, 1, 0)).astype(np.float32))[None, None]
        )
        to_grid = np.diag([*(2 / size), 1.0])
        to_grid[:3, 3] = 1 / size - 1
        matrices = [
            torch.from_numpy(m.astype(np.float32)) for m in (field.affine, np.linalg.inv(field.affine), to_grid)
        ]
        self.subject = Subject(image, label, *matrices, torch.zeros(3), convert_to_mu=False)
        self.render, self.values = render, np.empty(0)
        self.pose = torch.eye(4)[None]

    def aim(self, geometry: Geometry) -> None:
        self.geometry = geometry
        # rays relative to the isocentre, so that `pose` moves the patient about it
        tensor = self.torch.from_numpy
        self.source = tensor(geometry.source.astype(np.float32))[None, None]
        self.target = tensor(pixels_mm(geometry).astype(np.float32))[None]
        self.step = geometry.shape[1] * max(1, min(16, CHUNK * 4 // (self.samples * geometry.shape[1])))

    def part(self, rays: slice, *, soft: bool = False) -> Any:
        target = self.target[:, rays]
        eye = self.torch.eye(3)[None]
        sdd = self.torch.tensor([float(self.geometry.source_detector_mm)])
        found = self.render(
            self.subject, eye, self.pose, sdd, 1, target.shape[1], n_samples=self.samples, src=self.source, tgt=target,
            soft_labels=soft,
        )  # fmt: skip
        return found[0, :, 0].T if self.subject.n_classes > 1 else found.reshape(-1)

    def structures(self, ids: Any, *, soft: bool) -> np.ndarray:
        """Integrals (S, rows, columns) inside each structure."""
        rows, columns = self.geometry.shape
        step = max(columns, self.step // (8 if soft else 1))
        with self.torch.inference_mode():
            parts = [self.part(slice(n, n + step), soft=soft) for n in range(0, rows * columns, step)]
            return self.torch.cat(parts)[:, list(ids)].numpy().T.reshape(len(ids), rows, columns)

    def gradient(self, weights: Any) -> Any:
        """Value and gradient with respect to the pose matrix, in chunks that are added up."""
        self.pose = self.torch.eye(4)[None].requires_grad_()
        flat = weights.reshape(-1)
        for n in range(0, flat.numel(), self.step):
            rays = slice(n, n + self.step)
            (self.part(rays) * flat[rays]).sum().backward()
        grown, self.pose = self.pose.grad, self.torch.eye(4)[None]
        return grown


class FlashDrr(Torch):
    """Square detectors centred on the central ray only; 512 samples, twice its default."""

    name, package, slow, needs = "flashdrr", "flashdrr", True, ("flashdrr.rendering",)

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.volume = self.torch.from_numpy(self.values)[None, None]

    def aim(self, geometry: Geometry) -> None:
        from flashdrr.rendering import VolumeRaycaster

        torch = self.torch
        self.geometry = geometry
        rows, columns = geometry.shape
        # its pixels span the field of view from edge pixel to edge pixel
        half = geometry.pitch_mm[0] * (rows - 1) / 2
        fov = float(np.degrees(2 * np.arctan(half / geometry.source_detector_mm)))
        self.caster = VolumeRaycaster(ray_samples=512, resolution=(columns, rows), fov=fov, return_tau=True)
        turn = np.eye(4)
        turn[:3, 0], turn[:3, 1] = geometry.row_step, -geometry.column_step
        turn[:3, 2] = geometry.normal
        turn[:3, :2] /= np.linalg.norm(turn[:3, :2], axis=0)
        turn[:3, 3] = geometry.source
        self.view = torch.from_numpy(turn.astype(np.float32))[None]
        self.to_index = torch.from_numpy(np.linalg.inv(self.field.affine).astype(np.float32))

    def run(self) -> np.ndarray:
        with self.torch.inference_mode():
            found = self.caster(self.volume, self.view, self.to_index, tile_h=64, tile_w=64)
        return found[0, 0].numpy() * 10.0  # it counts lengths in cm


ALL: tuple[type[Peer], ...] = (
    Plastimatch, ItkSiddonJacobs, RtkJoseph, ItkRayCast, NanoDrr, FlashDrr, DiffDrrTrilinear, DiffDrrSiddon
)  # fmt: skip


def available(names: list[str] | None = None) -> tuple[list[type[Peer]], dict[str, str]]:
    """Peers that import here, and for each other the reason."""
    found, missing = [], {}
    for peer in ALL:
        if names is not None and not any(name in peer.name for name in names):
            continue
        try:
            for module in peer.needs:
                importlib.import_module(module)
            if peer is Plastimatch:
                command_of_plastimatch()
            if peer is RtkJoseph:
                importlib.import_module("itk").RTK  # noqa: B018
            if peer is ItkSiddonJacobs:
                importlib.import_module("itk").SiddonJacobsRayCastInterpolateImageFunction  # noqa: B018
            found.append(peer)
        except Exception as problem:
            missing[peer.name] = f"{type(problem).__name__}: {problem}".splitlines()[0][:120]
    return found, missing


def version(peer: type[Peer]) -> str:
    try:
        return importlib.metadata.version(peer.package)
    except importlib.metadata.PackageNotFoundError:
        return "?"

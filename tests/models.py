"""Where tests find real models and pictures, and how pictures become inputs. docs/models.md tells it for people.

A model that is not here skips its test, saying how to get it. Where $DELEGRAPH_REQUIRE_MODELS is set the test fails
instead, so that nothing is left out unnoticed on a machine that should have them all.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("DELEGRAPH_MODELS") or ROOT.parent / "shared" / "models")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "delegraph"
ZOO_FOLDER = Path(os.environ.get("DELEGRAPH_ZOO") or CACHE / "zoo")

MEDIAPIPE_WHEEL = "mediapipe==0.10.14"
MEDIAPIPE_SHA256 = "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4"
MEDIAPIPE_PLAIN = (
    "face_detection_full_range_sparse",
    "face_detection_short_range",
    "face_landmark",
    "hand_landmark_full",
    "hand_landmark_lite",
    "hand_recrop",
    "iris_landmark",
    "palm_detection_full",
    "palm_detection_lite",
    "pose_detection",
    "pose_landmark_full",
)
MEDIAPIPE_CUSTOM = ("face_landmark_with_attention", "selfie_segmentation", "selfie_segmentation_landscape")
ZOO = ("mobilenet_v1_f32", "mobilenet_v2_f32", "mobilenet_v2_fp16w", "efficientnet_b0_f32", "resnet50_f32")


def thinned(names: Iterable[str], *quick: str) -> list[Any]:
    """Parameters of a test: all these names, but for the `quick` ones in the slow tier."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def made(names: Iterable[str] = ZOO) -> list[Any]:
    """Parameters of a test: these names, all of models that have to be made first."""
    return [pytest.param(name, marks=pytest.mark.soak) for name in names]


def shared(name: str) -> Path:
    """A file of the shared models folder, such as `coral/mobilenet_v1_0.25_128_quant.tflite`."""
    path = SHARED / name
    return path if path.is_file() else missing(f"no {path}: point $DELEGRAPH_MODELS at a folder that has {name}")


def mediapipe(name: str) -> Path:
    """One of the models in MediaPipe's wheel (MEDIAPIPE_PLAIN, MEDIAPIPE_CUSTOM), fetched from PyPI once."""
    if name not in MEDIAPIPE_PLAIN + MEDIAPIPE_CUSTOM:
        raise ValueError(f"{name!r} is not a model of {MEDIAPIPE_WHEEL}")
    folder, problem = _mediapipe_folder()
    return folder / f"{name}.tflite" if not problem else missing(f"no models of {MEDIAPIPE_WHEEL}: {problem}")


def zoo(name: str) -> Path:
    """One of the float models that `tests/zoo/build.py` makes (ZOO)."""
    if name not in ZOO:
        raise ValueError(f"{name!r} is not a model of tests/zoo/build.py")
    path = ZOO_FOLDER / f"{name}.tflite"
    return path if path.is_file() else missing(f"no {path}: make it with tests/zoo/build.py, or set $DELEGRAPH_ZOO")


def missing(message: str) -> NoReturn:
    """Skip the test that asked, or fail it where everything is required."""
    if os.environ.get("DELEGRAPH_REQUIRE_MODELS"):
        pytest.fail(f"{message} ($DELEGRAPH_REQUIRE_MODELS is set)", pytrace=False)
    pytest.skip(message)


@lru_cache(maxsize=1)
def _mediapipe_folder() -> tuple[Path, str]:
    """The folder with the wheel's .tflite files, and what kept it from being made, if anything did."""
    folder = CACHE / MEDIAPIPE_WHEEL.replace("==", "-")
    if folder.is_dir():
        return folder, ""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="mediapipe-") as scratch:
        wheel, problem = _download(MEDIAPIPE_WHEEL, Path(scratch))
        if problem:
            return folder, problem
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != MEDIAPIPE_SHA256:
            return folder, f"{wheel.name} has SHA-256 {digest}, not {MEDIAPIPE_SHA256}"
        unpacked = Path(scratch) / "models"
        unpacked.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith(".tflite"):
                    (unpacked / Path(member).name).write_bytes(archive.read(member))
        try:
            unpacked.rename(folder)  # whole or not at all, whoever else is doing the same
        except OSError:
            if not folder.is_dir():
                raise
    return folder, ""


def _download(requirement: str, folder: Path) -> tuple[Path, str]:
    """The wheel that pip fetched into a folder, and what pip said if it did not.

    The wheel is only unpacked, so it is asked for as for one fixed platform, whatever this one is.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]
    platform = ["--platform", "manylinux2014_x86_64", "--python-version", "3.11", "--implementation", "cp"]
    command = [*pip, *platform, "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        return folder, f"pip could not download it ({(done.stderr.strip().splitlines() or ['no output'])[-1]})"
    return wheels[0], ""


def picture(name: str) -> Image.Image:
    """A real picture: a file of the shared images (`grace_hopper.bmp`), or one of scikit-image's (`astronaut`).

    scikit-image's own are those that come inside its wheel: astronaut, camera, chelsea, coffee, rocket and more.
    """
    if "." in name:
        return Image.open(shared(f"images/{name}")).convert("RGB")
    import skimage.data

    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


def input_for(
    detail: Mapping[str, Any], source: str | Image.Image | int, low: float = 0.0, high: float = 1.0
) -> NDArray[Any]:
    """An array for one entry of `get_input_details()`: a picture scaled to it, or noise where `source` is a seed.

    Values run from `low` to `high`, quantised as the entry says; a byte input without quantisation gets 0..255.
    """
    shape, dtype = tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"])
    scale, zero_point = detail["quantization"]
    if isinstance(source, int):
        unit = np.random.default_rng(source).random(shape)
    else:
        unit = _unit_picture(picture(source) if isinstance(source, str) else source, shape)
    if dtype.kind == "f":
        return (low + unit * (high - low)).astype(dtype)
    if scale:
        real = low + unit * (high - low)
        limits = np.iinfo(dtype)
        return np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max).astype(dtype)
    black = np.iinfo(dtype).min if dtype.itemsize == 1 else 0
    return np.rint(black + unit * 255).astype(dtype)


def _unit_picture(image: Image.Image, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A picture in 0..1 resized (bilinear) to an NHWC shape of 1 or 3 channels, the same for every batch entry."""
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise ValueError(f"a picture does not fit an input of shape {list(shape)}")
    _, height, width, channels = shape
    resized = image.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized, np.float64).reshape(1, height, width, channels) / 255
    return np.broadcast_to(pixels, shape)

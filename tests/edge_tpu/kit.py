"""A library and devices that stand for Coral's, and the pairs of models that run on them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import models
from delegraph import EdgeTPUDelegate
from delegraph.delegates.edgetpu.package import compiled
from delegraph.graph.read import read

PAIRS = (
    "deeplabv3_mnv2_dm05_pascal_quant",
    "keras_lstm_mnist_ptq",
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v2_1.0_224_quant",
    "movenet_single_pose_lightning_ptq",
)
VERSION = "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"
USB, PCI = "usb /sys/bus/usb/devices/2-1", "pci /dev/apex_0"


def pair(name: str) -> tuple[Path, Path]:
    """A compiled model and the one that it was made from."""
    return models.shared(f"coral/{name}_edgetpu.tflite"), models.shared(f"coral/{name}.tflite")


@dataclass
class Bench:
    """A folder that the double is told by, and the library."""

    folder: Path
    library: Path

    def plug(self, *devices: str) -> None:
        """Have these devices, and no others."""
        (self.folder / "devices").write_text("".join(f"{device}\n" for device in devices))

    def version(self, text: str) -> None:
        (self.folder / "version").write_text(text)

    def act(self, what: str) -> None:
        """What befalls the next run."""
        (self.folder / "act").write_text(what)

    def calm(self) -> None:
        (self.folder / "act").unlink(missing_ok=True)

    def knows(self, *pairs: tuple[Path, Path]) -> None:
        """Have it know what these compiled models were made from."""
        made = {
            hashlib.sha256(bytes(op.options["custom_options"])).hexdigest(): [str(path), str(twin)]
            for path, twin in pairs
            for op in compiled(read(path).graphs[0])
        }
        (self.folder / "models").write_text(json.dumps(made))

    def slow(self, seconds: float) -> None:
        """Have each run take so long, and be noted."""
        (self.folder / "slow").write_text(str(seconds))

    def overlaps(self) -> int:
        """How often a run began on one device while another was at work."""
        runs = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        found = [(pid, float(begun), float(ended)) for pid, begun, ended in runs]
        return sum(a < c < b for p, a, b in found for q, c, _ in found if p != q)

    def delegate(self, device: str | None = None, **options: Any) -> EdgeTPUDelegate:
        return EdgeTPUDelegate(device, library=self.library, **options)


def build(folder: Path) -> Path:
    """The double's libedgetpu.so.1; raises CalledProcessError or OSError where there is no C compiler."""
    library = folder / "libedgetpu.so.1"
    source = Path(__file__).with_name("libedgetpu.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True, capture_output=True)
    return library


def noise(interpreter: Any, seed: int = 0) -> list[NDArray[Any]]:
    """A value for each input."""
    rng = np.random.default_rng(seed)
    details = interpreter.get_input_details()
    return [rng.integers(0, 256, tuple(d["shape"]), np.uint8).view(d["dtype"]) for d in details]


def outputs(interpreter: Any, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """What an interpreter that is allocated makes of inputs."""
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def same(found: list[NDArray[Any]], wanted: list[NDArray[Any]]) -> None:
    """Assert that outputs agree to the bit."""
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f, w)

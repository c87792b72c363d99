"""ncnn, on the model's conversion beside it (`model.ncnn.param`, `.bin`; pnnx makes them), on Vulkan if it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .foreign import Foreign, Reals, left_to_cpu

HALF = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic")
BRAIN = ("use_bf16_storage", "use_bf16_packed")


class Ncnn(Foreign):
    """A Net; inputs go in without their batch of one, and outputs come out so."""

    def open(self) -> None:
        """See whether Vulkan has a device. Raises ImportError without ncnn."""
        self._ncnn = self.module("ncnn", "ncnn")
        self._vulkan = self._ncnn.get_gpu_count() > 0

    def load(self) -> None:
        """Read the network. Raises OSError without the files, RuntimeError for those that ncnn refuses."""
        param = self.companion(".ncnn.param", ".param")
        net = self._net = self._ncnn.Net()
        net.opt.use_vulkan_compute = self._vulkan
        if self.configuration.threads:
            net.opt.num_threads = self.configuration.threads
        for name in (*HALF, *BRAIN):
            if hasattr(net.opt, name):
                setattr(net.opt, name, self.configuration.precision == "fp16" and name in HALF)
        if self._vulkan:
            net.set_vulkan_device(0)
        if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
            raise RuntimeError(f"ncnn does not read {param.name}, or its .bin: see which layer pnnx did not convert")

    def compile(self) -> None:
        """Done when it was loaded. pnnx numbers outputs in the model's order; ncnn tells them as layers make them."""
        self._names = sorted(self._net.output_names(), key=lambda name: (len(name), name))
        self.infer = self._infer

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Make ncnn's matrices. Raises ValueError for what has more than a batch of one."""
        if any(array.shape[:1] != (1,) for array in arrays):
            raise ValueError("ncnn takes a batch of one")
        self._mats = [self._ncnn.Mat(np.ascontiguousarray(array[0])).clone() for array in arrays]

    def _infer(self) -> None:
        extractor = self._net.create_extractor()
        for name, mat in zip(self._net.input_names(), self._mats, strict=True):
            extractor.input(name, mat)
        self._made = []
        for name in self._names:
            code, mat = extractor.extract(name)
            if code:
                raise RuntimeError(f"ncnn does not compute {name} (code {code})")
            self._made.append(np.array(mat))

    def outputs(self) -> dict[str, Reals]:
        """What was extracted."""
        return self.real(self._made)

    def describe(self) -> dict[str, Any]:
        """Vulkan's device, or the CPU, and which layers have no shader."""
        if not self._vulkan:
            return self.described(self._ncnn.__version__, "CPU", "all of it runs on the CPU: Vulkan has no device here")
        layers = self._net.layers()
        left = left_to_cpu((layer.type for layer in layers if not layer.support_vulkan), len(layers))
        return self.described(self._ncnn.__version__, self._ncnn.get_gpu_info(0).device_name(), left)

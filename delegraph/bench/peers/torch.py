"""PyTorch: the model's own float ops, by cuDNN and a CUDA graph where there is CUDA, else on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graph.read import read
from .foreign import Foreign, Reals

WARM = 3  # inferences before a graph is recorded, as PyTorch asks for; cuDNN chooses its algorithms in them
TRIES = 5  # inferences by which a layout is chosen
LAYOUTS = ("contiguous_format", "channels_last")


class Torch(Foreign):
    """A module of the graph's ops, in the layout that is the faster here. Float32 products are no TF32."""

    def open(self) -> None:
        """See whether CUDA is here. Raises ImportError without PyTorch."""
        torch = self._torch = self.module("torch", "torch")
        self._results: Sequence[Any] = ()
        self._cuda = torch.cuda.is_available()
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        if self.configuration.threads:
            torch.set_num_threads(self.configuration.threads)

    def load(self) -> None:
        """Read the model. Raises ValueError for an op or a type that is not told in PyTorch's words here."""
        from .torch_ops import Network

        self._network = Network(read(self.path).graphs[0])

    def compile(self) -> None:
        """Make memory for the inputs, choose a layout by measuring, and record a graph in it where there is CUDA."""
        empty = [self._torch.from_numpy(np.zeros(d["shape"], d["dtype"])) for d in self.inputs]
        self._inputs = [x.pin_memory() for x in empty] if self._cuda else empty
        self._layout = min(LAYOUTS, key=self._taken)
        if self._cuda:  # what was tried is no memory of the model's
            self._torch.cuda.empty_cache()
            self._torch.cuda.reset_peak_memory_stats()
        self.infer = self._made(self._layout)

    def _taken(self, layout: str) -> float:
        step = self._made(layout)
        step()
        start = time.perf_counter()
        for _ in range(TRIES):
            step()
        return time.perf_counter() - start

    def _made(self, layout: str) -> Callable[[], None]:
        """What an inference is, in a layout of images."""
        dtype = self._torch.float16 if self.configuration.precision == "fp16" else self._torch.float32
        self._network.arrange("cuda" if self._cuda else "cpu", dtype, getattr(self._torch, layout))
        return self._recorded() if self._cuda else self._plain

    def _plain(self) -> None:
        with self._torch.inference_mode():
            self._results = self._network(*self._inputs)

    def _recorded(self) -> Callable[[], None]:
        """Copies to the device, the replay of a CUDA graph, and copies back."""
        cuda = self._torch.cuda
        with self._torch.inference_mode():
            inside = [x.to("cuda") for x in self._inputs]
            side = cuda.Stream()
            side.wait_stream(cuda.current_stream())
            with cuda.stream(side):
                for _ in range(WARM):
                    self._network(*inside)
            cuda.current_stream().wait_stream(side)
            graph = cuda.CUDAGraph()
            with cuda.graph(graph):
                results = self._network(*inside)
            outside = [self._torch.empty_like(x, device="cpu", pin_memory=True) for x in results]

        def step() -> None:
            with self._torch.inference_mode():
                for there, here in zip(inside, self._inputs, strict=True):
                    there.copy_(here, non_blocking=True)
                graph.replay()
                for here, there in zip(outside, results, strict=True):
                    here.copy_(there, non_blocking=True)
                cuda.synchronize()

        self._results = outside
        return step

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Set the inputs."""
        for held, array in zip(self._inputs, arrays, strict=True):
            held.copy_(self._torch.from_numpy(np.array(array)))

    def outputs(self) -> dict[str, Reals]:
        """What came back."""
        return self.real([x.numpy() for x in self._results])

    def device_bytes(self) -> dict[str, int]:
        """The most that PyTorch reserved on the GPU."""
        return {"cuda": self._torch.cuda.max_memory_reserved()} if self._cuda else {}

    def describe(self) -> dict[str, Any]:
        """The device, and the layout."""
        layout = "NHWC" if self._layout == "channels_last" else "NCHW"
        if not self._cuda:
            note = "all of it runs on the CPU: PyTorch finds no CUDA here"
            return self.described(self._torch.__version__, f"CPU, {layout}", note)
        return self.described(self._torch.__version__, f"{self._torch.cuda.get_device_name()}, CUDA graph, {layout}")

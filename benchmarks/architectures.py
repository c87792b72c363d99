"""Well-known architectures with seeded random weights, made without TensorFlow: for speed, whose weights do not matter.

    python benchmarks/architectures.py FOLDER [--only resnet50] [--batch 32] [--size 224]

Batch norms are folded into the weights, which are scaled so that activations keep their size (He et al., 2015).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from delegraph.graph.builder import GraphBuilder

SEED = 7
CLASSES = 1000

# EfficientNet-B0 (Tan and Le, 2019): expansion, channels, repeats, stride, kernel of each stage
STAGES_B0 = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)  # fmt: skip
# MobileNet v2 (Sandler et al., 2018): expansion, channels, repeats, stride
STAGES_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# MobileNet v1 (Howard et al., 2017): channels, stride of each pair of a depthwise and a pointwise convolution
PAIRS_V1 = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)
)  # fmt: skip


class Net:
    """A network in the making: methods take a tensor and return the next."""

    def __init__(self, batch: int, size: int) -> None:
        self.b = GraphBuilder()
        self._rng = np.random.default_rng(SEED)
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.image = self._made(self.b.input((batch, size, size, 3), name="image"), (batch, size, size, 3))

    def _made(self, tensor: int, shape: tuple[int, ...]) -> int:
        self.shapes[tensor] = shape
        return tensor

    def op(self, kind: str, inputs: list[int], shape: tuple[int, ...], **options: object) -> int:
        return self._made(self.b.op(kind, inputs, shape, **options), shape)  # type: ignore[call-overload]

    def _weights(self, shape: tuple[int, ...], fan: int, channels: int, gain: float = 1.0) -> list[int]:
        weights = self._rng.standard_normal(shape, np.float32) * np.float32(gain * np.sqrt(2 / fan))
        return [self.b.constant(weights), self.b.constant(self._rng.standard_normal(channels, np.float32) * 0.1)]

    def conv(
        self, x: int, channels: int, kernel: int = 1, stride: int = 1, act: str = "NONE", padding: str = "SAME",
        gain: float = 1.0,
    ) -> int:  # fmt: skip
        """`gain` below 1 is for branches that are added to something."""
        n, h, w, depth = self.shapes[x]
        given = self._weights((channels, kernel, kernel, depth), kernel * kernel * depth, channels, gain)
        size = [(s - kernel) // stride + 1 if padding == "VALID" else -(-s // stride) for s in (h, w)]
        options = {"stride_h": stride, "stride_w": stride, "padding": padding, "fused_activation_function": act}
        return self.op("CONV_2D", [x, *given], (n, *size, channels), **options)

    def depthwise(self, x: int, kernel: int, stride: int, act: str) -> int:
        n, h, w, depth = self.shapes[x]
        given = self._weights((1, kernel, kernel, depth), kernel * kernel, depth)
        options = {"stride_h": stride, "stride_w": stride, "padding": "SAME", "fused_activation_function": act}
        shape = (n, -(-h // stride), -(-w // stride), depth)
        return self.op("DEPTHWISE_CONV_2D", [x, *given], shape, depth_multiplier=1, **options)

    def add(self, x: int, y: int, act: str = "NONE") -> int:
        return self.op("ADD", [x, y], self.shapes[x], fused_activation_function=act)

    def swish(self, x: int) -> int:
        return self.op("MUL", [x, self.op("LOGISTIC", [x], self.shapes[x])], self.shapes[x])

    def mean(self, x: int, keep: bool = False) -> int:
        n, *_, depth = self.shapes[x]
        shape = (n, 1, 1, depth) if keep else (n, depth)
        return self.op("MEAN", [x, self.b.constant([1, 2], "INT32")], shape, keep_dims=keep)

    def pad(self, x: int, edge: int) -> int:
        n, h, w, depth = self.shapes[x]
        edges = self.b.constant([[0, 0], [edge, edge], [edge, edge], [0, 0]], "INT32")
        return self.op("PAD", [x, edges], (n, h + 2 * edge, w + 2 * edge, depth))

    def finish(self, x: int) -> bytes:
        """Scores of the mean over all pixels."""
        n, *_, depth = self.shapes[x]
        scores = self.op(
            "FULLY_CONNECTED", [self.mean(x), *self._weights((CLASSES, depth), depth, CLASSES)], (n, CLASSES)
        )
        self.b.output(self.op("SOFTMAX", [scores], (n, CLASSES), beta=1.0))
        return self.b.build()


def mobilenet_v1(batch: int = 1, size: int = 224) -> bytes:
    net = Net(batch, size)
    x = net.conv(net.image, 32, 3, 2, "RELU6")
    for channels, stride in PAIRS_V1:
        x = net.conv(net.depthwise(x, 3, stride, "RELU6"), channels, act="RELU6")
    return net.finish(x)


def mobilenet_v2(batch: int = 1, size: int = 224) -> bytes:
    net = Net(batch, size)
    x = net.conv(net.image, 32, 3, 2, "RELU6")
    for expansion, channels, repeats, first in STAGES_V2:
        for k in range(repeats):
            before, depth, stride = x, net.shapes[x][3], first if k == 0 else 1
            x = net.conv(x, depth * expansion, act="RELU6") if expansion > 1 else x
            x = net.conv(net.depthwise(x, 3, stride, "RELU6"), channels, gain=0.5)
            x = net.add(before, x) if stride == 1 and depth == channels else x
    return net.finish(net.conv(x, 1280, act="RELU6"))


def efficientnet_b0(batch: int = 1, size: int = 224) -> bytes:
    net = Net(batch, size)
    x = net.swish(net.conv(net.image, 32, 3, 2))
    for expansion, channels, repeats, first, kernel in STAGES_B0:
        for k in range(repeats):
            before, depth, stride = x, net.shapes[x][3], first if k == 0 else 1
            x = net.swish(net.conv(x, depth * expansion)) if expansion > 1 else x
            x = net.swish(net.depthwise(x, kernel, stride, "NONE"))
            gate = net.swish(net.conv(net.mean(x, keep=True), max(1, depth // 4)))
            gate = net.conv(gate, net.shapes[x][3])
            gate = net.op("LOGISTIC", [gate], net.shapes[gate])
            x = net.conv(net.op("MUL", [x, gate], net.shapes[x]), channels, gain=0.5)
            x = net.add(x, before) if stride == 1 and depth == channels else x
    return net.finish(net.swish(net.conv(x, 1280)))


def resnet50(batch: int = 1, size: int = 224) -> bytes:
    """He et al., 2015, strides in the 1x1 convolutions as there."""
    net = Net(batch, size)
    x = net.conv(net.pad(net.image, 3), 64, 7, 2, "RELU", "VALID")
    x = net.pad(x, 1)
    n, h, w, depth = net.shapes[x]
    window = {"filter_height": 3, "filter_width": 3, "stride_h": 2, "stride_w": 2, "padding": "VALID"}
    x = net.op("MAX_POOL_2D", [x], (n, (h - 1) // 2, (w - 1) // 2, depth), **window)
    for stage, repeats in enumerate((3, 4, 6, 3)):
        for k in range(repeats):
            stride = 2 if k == 0 and stage else 1
            y = net.conv(x, 64 << stage, stride=stride, act="RELU")
            y = net.conv(net.conv(y, 64 << stage, 3, act="RELU"), 256 << stage, gain=0.3)
            x = net.add(net.conv(x, 256 << stage, stride=stride) if k == 0 else x, y, "RELU")
    return net.finish(x)


ARCHITECTURES: dict[str, Callable[[int, int], bytes]] = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_b0": efficientnet_b0,
    "resnet50": resnet50,
}


def written(folder: Path, name: str, batch: int, size: int) -> Path:
    """The file of an architecture in a folder."""
    path = folder / f"{name}{'' if batch == 1 else f'_x{batch}'}.tflite"
    path.write_bytes(ARCHITECTURES[name](batch, size))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="Make models with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=ARCHITECTURES, action="append")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=224)
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    for name in told.only or ARCHITECTURES:
        print(written(told.folder, name, told.batch, told.size))


if __name__ == "__main__":
    main()

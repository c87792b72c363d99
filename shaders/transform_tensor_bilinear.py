"""TransformTensorBilinear (and version 1, TransformTensor), MediaPipe's: an image under an affine map, bilinear.

Refuses batches, a matrix of fewer than two rows of 4.
"""

from __future__ import annotations

from ..graph.custom import CustomOptions
from ..graph.model import Graph, Op
from .arguments import Refused, Shape, answering, custom_options, result, values
from .program import Arg, Limits, Lowered, Program, groups_for

CUSTOM = ("TransformTensor", "TransformTensorBilinear")


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: image 1HWC and a matrix 4x4 that leads from places of the output to those of the image."""
    size = custom_options(graph, op, size_of, 2)
    source, matrix = values(graph, op, 0), values(graph, op, 1)
    image, shape = graph.tensors[source].shape, graph.tensors[matrix].shape
    if len(image) != 4 or image[0] != 1 or graph.tensors[matrix].size < 8:
        raise Refused("shape", f"a matrix {list(shape)} over {list(image)}", "two rows of 4 at least over 1HWC")
    declared = graph.tensors[op.outputs[0]].shape
    size = size or (declared[1:3] if len(declared) == 4 else (1, 1))
    output = result(graph, op, limits, (1, *size, image[-1]))
    value, channels = ("vec4", image[-1] // 4) if image[-1] % 4 == 0 else ("float", image[-1])
    constants = {
        "IN_H": image[1], "IN_W": image[2], "OUT_W": size[1], "CHANNELS": channels, "MIDDLES": op.version > 1
    }  # fmt: skip
    args = (Arg("source", source, value), Arg("matrix", matrix))
    groups = groups_for(size[0] * size[1] * channels, 64, limits)
    return (Program("transform_tensor_bilinear", constants, args, output, groups, value=value, includes=("bilinear",)),)


def size_of(options: CustomOptions) -> Shape:
    """The height and width that the options say; empty where they leave it to the model. Raises ValueError."""
    if options.version not in (1, 2):
        raise ValueError(f"version {options.version} is not 1 or 2")
    if not options:
        return ()
    if options.version == 2:
        size = (options.integer("output_height"), options.integer("output_width"))
        return size if any(size) else ()
    if options.fields.get("mode", "bilinear") != "bilinear":
        raise ValueError(f"mode is {options.fields['mode']!r}, not 'bilinear'")
    found = options.integers("output_size") if "output_size" in options.fields else ()
    if len(found) not in (0, 2):
        raise ValueError(f"output_size is {list(found)}, not a height and a width")
    return found

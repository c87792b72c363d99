"""Real models, whole, on the GPU delegate: every op there, outputs as LiteRT's reference kernels give them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ops.harness import delegate, es_delegate
from PIL import Image

import models
from delegraph import CPUDelegate, GPUDelegate, Interpreter, UnsupportedOp
from delegraph.data import digits, held_out
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.read import read
from delegraph.partitioner.planner import make_plan

TOLERANCE = 1e-4  # of max(range, largest absolute value) of the reference's output

PICTURES = {
    "face_detection_full_range_sparse": "astronaut",
    "face_detection_short_range": "astronaut",
    "face_landmark": "grace_hopper.bmp",
    "hand_landmark_full": "astronaut",
    "hand_landmark_lite": "coffee",
    "hand_recrop": "chelsea",
    "iris_landmark": "grace_hopper.bmp",
    "palm_detection_full": "squat.bmp",
    "palm_detection_lite": "squat.bmp",
    "pose_detection": "squat.bmp",
    "pose_landmark_full": "squat.bmp",
}


def outputs_of(it: Any, inputs: dict[int, NDArray[Any]]) -> list[NDArray[Any]]:
    it.allocate_tensors()
    for index, value in inputs.items():
        it.set_tensor(index, value)
    it.invoke()
    return [it.get_tensor(d["index"]) for d in it.get_output_details()]


def error(got: NDArray[Any], want: NDArray[Any]) -> float:
    """Largest difference as a part of max(range, largest absolute value) of what is wanted."""
    scale = max(float(np.ptp(want)), float(np.abs(want).max()), 1e-30)
    return float(np.abs(got.astype(np.float64) - want).max()) / scale


def check_on_gpu(
    path: Path, inputs: dict[int, NDArray[Any]] | None = None, source: str | int = 0, gpu: GPUDelegate | None = None
) -> None:
    """All ops on the GPU, by the plan and by what is launched with no other delegate, and outputs within TOLERANCE."""
    content = path.read_bytes()
    gpu = gpu or delegate()
    graph = read(content).graphs[0]
    alone = make_plan(graph, [gpu])
    assert {d.delegate for d in alone.decisions} == {"gpu"}
    assert [p.delegate for p in alone.partitions] == ["gpu"]
    launched = len({d.op for d in alone.decisions if not d.folded and d.fused is None})
    shared = gpu.lower(graph, alone.partitions[0].ops).aliases
    ends = [(op.inputs[0], op.outputs[0]) for op in graph.ops if op.inputs]
    renamed = sum(shared.get(a, (a, 0)) == shared.get(b, (b, 0)) for a, b in ends)
    assert launched - renamed <= alone.launches[0], "each op that is not folded, fused or a rename runs"
    reference = load_runtime().open(content, experimental_op_resolver_type=load_runtime().resolver("BUILTIN_REF"))
    if inputs is None:
        inputs = {d["index"]: models.input_for(d, source) for d in reference.get_input_details()}
    wanted = outputs_of(reference, inputs)
    xnnpack = outputs_of(load_runtime().open(content), inputs)
    with Interpreter(model_content=content, delegates=[gpu]) as it:
        got = outputs_of(it, inputs)
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
    ours = max(error(g, w) for g, w in zip(got, wanted, strict=True))
    theirs = max(error(x, w) for x, w in zip(xnnpack, wanted, strict=True))
    folded = sum(d.folded for d in alone.decisions)
    print(f"\n{path.stem}: {len(graph.ops)} ops, {folded} folded, {alone.launches[0]} launches, "
          f"error {ours:.1e} (XNNPACK {theirs:.1e})")  # fmt: skip
    assert all(np.isfinite(g).all() for g in got)
    assert ours <= TOLERANCE


@pytest.mark.parametrize("name", models.thinned(models.MEDIAPIPE_PLAIN, "face_detection_short_range"))
def test_mediapipe(name: str) -> None:
    check_on_gpu(models.mediapipe(name), source=PICTURES[name])


@pytest.mark.slow
def test_mediapipe_by_opengl_es() -> None:
    check_on_gpu(models.mediapipe("face_landmark"), source=PICTURES["face_landmark"], gpu=es_delegate())


@pytest.mark.parametrize("name", models.made())
def test_zoo(name: str) -> None:
    path = models.zoo(name)
    high = 255.0 if "efficientnet" in name else 1.0
    details = load_runtime().open(path.read_bytes()).get_input_details()
    check_on_gpu(path, {d["index"]: models.input_for(d, "parrot.jpg", 0.0, high) for d in details})


@pytest.mark.parametrize("name", models.thinned(models.MEDIAPIPE_CUSTOM))
def test_custom_ops_run_on_the_gpu_as_their_definitions_say(name: str) -> None:
    """Every op on the GPU; wanted is what numpy makes of the custom ops and the reference kernels of the others."""
    content = models.mediapipe(name).read_bytes()
    with (
        Interpreter(model_content=content, delegates=[delegate()]) as it,
        Interpreter(model_content=content, delegates=[CPUDelegate(op_resolver="BUILTIN_REF")]) as plain,
    ):
        face = models.picture("astronaut").crop((156, 40, 316, 200))
        inputs = {d["index"]: models.input_for(d, face) for d in it.get_input_details()}
        got, wanted = outputs_of(it, inputs), outputs_of(plain, inputs)
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
        assert [p.delegate for p in it.plan.partitions] == ["gpu"]
        custom = {d.kind for d in plain.plan.decisions if d.delegate == "host" and not d.folded}
        assert custom == {op.label for op in plain.graph.ops if op.kind == "CUSTOM"} and custom
        assert {d.delegate for d in plain.plan.decisions} == {"cpu", "host"}
    ours = max(error(g, w) for g, w in zip(got, wanted, strict=True))
    print(f"\n{name}: {', '.join(sorted(custom))}, error {ours:.1e}")
    assert all(np.ptp(w) > 0 or w.size == 1 for w in wanted)
    assert ours <= TOLERANCE
    if name == "face_landmark_with_attention":
        _, lips, *eyes, left_iris, right_iris, is_face = got
        assert is_face.item() > 0
        for eye, iris in zip(eyes, (left_iris, right_iris), strict=True):
            around, (x, y) = eye.reshape(-1, 2), iris.reshape(-1, 2)[0]
            assert (around.min(axis=0) < (x, y)).all() and ((x, y) < around.max(axis=0)).all()
            assert y < lips.reshape(-1, 2)[:, 1].min()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in models.MEDIAPIPE_CUSTOM if name.startswith("selfie")])
def test_custom_ops_give_what_a_runtime_that_has_them_gives(name: str) -> None:
    content = models.mediapipe(name).read_bytes()
    reference = load_runtime().open(content)
    inputs = {d["index"]: models.input_for(d, "astronaut") for d in reference.get_input_details()}
    try:
        wanted = outputs_of(reference, inputs)
    except RuntimeError as refusal:
        pytest.skip(f"this runtime has no such op: {refusal}")
    with Interpreter(model_content=content, delegates=[delegate()]) as it:
        got = outputs_of(it, inputs)
    assert max(error(g, w) for g, w in zip(got, wanted, strict=True)) <= 2 * TOLERANCE


EXACT = (
    "coral/deeplabv3_mnv2_dm05_pascal_quant", "coral/mobilenet_v1_0.25_128_quant", "coral/mobilenet_v2_1.0_224_quant",
    "zoo/mobilenet_v2_int8",
)  # fmt: skip
SEEN = {"parrot.jpg": "macaw", "cat.bmp": "Egyptian cat", "grace_hopper.bmp": "military uniform"}


ON_GL = [pytest.param(name, delegate, id=name) for name in EXACT]
BY_ES = [pytest.param(EXACT[1], es_delegate, id="mobilenet_v1_0.25_128_quant by OpenGL ES")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "gpu"), [*ON_GL, *BY_ES])
def test_int8_has_the_bits_of_the_reference_kernels(name: str, gpu: Callable[[], GPUDelegate]) -> None:
    """Every op on the GPU, on pictures; of these models, mobilenet_v2_1.0_224_quant also names what it sees."""
    content = models.shared(f"{name}.tflite").read_bytes()
    labels = models.shared("images/imagenet_labels.txt").read_text("utf-8").splitlines()
    reference = load_runtime().open(content, experimental_op_resolver_type=load_runtime().resolver("BUILTIN_REF"))
    with Interpreter(model_content=content, delegates=[gpu()]) as it:
        for picture, label in SEEN.items():
            inputs = {d["index"]: models.input_for(d, picture, -1.0) for d in reference.get_input_details()}
            wanted, got = outputs_of(reference, inputs), outputs_of(it, inputs)
            assert {d.delegate for d in it.plan.decisions} == {"gpu"}
            for g, w in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(g, w)
            if name == "coral/mobilenet_v2_1.0_224_quant":
                assert labels[int(got[0].argmax())] == label


@pytest.mark.parametrize("kind", models.thinned(["f32", "int8"], "f32"))
def test_digits_by_opengl_es(kind: str) -> None:
    images, labels = held_out()
    reference = load_runtime().open(digits(kind), experimental_op_resolver_type=load_runtime().resolver("BUILTIN_REF"))
    (detail,) = reference.get_input_details()
    scale, zero = detail["quantization"] if kind == "int8" else (1, 0)
    right = 0
    with Interpreter(model_content=digits(kind), delegates=[es_delegate()]) as it:
        for image, label in zip(images[:100], labels, strict=False):
            inputs = {detail["index"]: (image[None] / scale + zero).astype(detail["dtype"])}
            (wanted,), (got,) = outputs_of(reference, inputs), outputs_of(it, inputs)
            assert error(got, wanted) <= (TOLERANCE if kind == "f32" else 0)
            right += int(got.argmax()) == label
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
    assert right >= 97


@pytest.mark.slow
def test_movenet_has_the_bits_of_the_reference_kernels_and_finds_the_joints() -> None:
    """Every op on the GPU: positions that are computed, quotients and roots in float that become integers again."""
    content = models.shared("coral/movenet_single_pose_lightning_ptq.tflite").read_bytes()
    table = models.shared("images/movenet_single_pose_lightning_ptq_reference.csv").read_text("utf-8").splitlines()
    columns = table[0].split(",")
    known = np.array([[float(row.split(",")[columns.index(f"keypoint_{c}")]) for c in "yx"] for row in table[1:]])
    reference = load_runtime().open(content, experimental_op_resolver_type=load_runtime().resolver("BUILTIN_REF"))
    with Interpreter(model_content=content, delegates=[delegate()]) as it:
        for name in ("grace_hopper.bmp", "squat.bmp"):
            picture = models.picture(name).resize((192, 192), Image.Resampling.LANCZOS)  # as where the table is from
            inputs = {d["index"]: models.input_for(d, picture) for d in reference.get_input_details()}
            (wanted,), (got,) = outputs_of(reference, inputs), outputs_of(it, inputs)
            np.testing.assert_array_equal(got, wanted)
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
        np.testing.assert_allclose(got[0, 0, :, :2], known, atol=0.03)


def test_an_lstm_has_the_bits_of_the_reference_kernels_and_keeps_its_state() -> None:
    """Every op on the GPU, on digits one after another, between which its variables are reset or not, and on noise."""
    content = models.shared("coral/keras_lstm_mnist_ptq.tflite").read_bytes()
    images, labels = held_out()
    noise = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(np.uint8)
    digits = np.pad(np.kron(images[:40, :, :, 0] * 255, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    reference = load_runtime().open(content, experimental_op_resolver_type=load_runtime().resolver("BUILTIN_REF"))
    right = 0
    with Interpreter(model_content=content, delegates=[delegate()]) as it:
        for k, picture in enumerate([*digits, *noise]):
            (wanted,), (got,) = outputs_of(reference, {0: picture[None]}), outputs_of(it, {0: picture[None]})
            np.testing.assert_array_equal(got, wanted)
            right += k < len(digits) and int(got.argmax()) == labels[k]
            if k % 4 != 3:  # else the next picture follows on this one
                reference.reset_all_variables()
                it.reset_all_variables()
        assert {d.delegate for d in it.plan.decisions} == {"gpu"}
    assert right >= 26


def test_an_edgetpu_model_names_its_op() -> None:
    content = models.shared("coral/mobilenet_v1_0.25_128_quant_edgetpu.tflite").read_bytes()
    with pytest.raises(UnsupportedOp, match=r"op 0 \(edgetpu-custom-op\).*cpu.*EdgeTPUDelegate\(cpu_twin"):
        Interpreter(model_content=content, delegates=[CPUDelegate(), delegate()]).allocate_tensors()

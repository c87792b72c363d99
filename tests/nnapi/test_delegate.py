"""The delegate behind an Interpreter: levels, recordings, what the device refuses, failure, and over a bridge."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from ops.harness import Loaded

from bridge.kit import Process, infer, sums, vectors
from delegraph import CPUDelegate, Interpreter, NNAPIDelegate
from delegraph.data import digits, held_out
from delegraph.delegates.nnapi.abi import LEVELS
from delegraph.delegates.nnapi.node import lowered
from delegraph.delegates.nnapi.recording import Recording
from delegraph.delegates.nnapi.samples import sample, samples
from delegraph.doctor import check
from delegraph.errors import DelegateError, Reason
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.read import read
from nnapi.conftest import Phone

POW = sums(kind="POW")


@pytest.mark.parametrize("kind", ["f32", "int8"])
def test_digits_run_on_it(kind: str, phone: Phone) -> None:
    images, _ = held_out()
    answers = []
    cpu = CPUDelegate(op_resolver="BUILTIN_REF")
    for delegates in ([NNAPIDelegate(library=phone.path), cpu], [cpu]):
        with Interpreter(model_content=digits(kind), delegates=delegates) as it:
            it.allocate_tensors()
            if len(delegates) > 1:
                assert "nnapi" in {decision.delegate for decision in it.plan.decisions}
            detail = it.get_input_details()[0]
            image = images[:1].reshape(detail["shape"]).astype(detail["dtype"])
            answers.append(infer(it, image))
    assert np.argmax(answers[0]) == np.argmax(answers[1])
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-4, atol=1e-5 if kind == "f32" else 1)


@pytest.mark.parametrize("phone", [27], indirect=True)
def test_weights_in_half_are_floats_there(phone: Phone) -> None:
    """So converters store them: as constants of FLOAT16, each behind a DEQUANTIZE."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    x = b.input((1, 4, 4, 2))
    halves = [rng.standard_normal(shape).astype(np.float16) for shape in ((3, 3, 3, 2), (3,))]
    floats = [b.op("DEQUANTIZE", [b.constant(half)], half.shape, dtype="FLOAT32") for half in halves]
    y = b.op("CONV_2D", [x, *floats], (1, 4, 4, 3), stride_h=1, stride_w=1, padding="SAME")
    b.output(b.op("RELU", [y], (1, 4, 4, 3)))
    graph = read(b.build()).graphs[0]
    assert all(NNAPIDelegate(feature_level=27).supports(graph, op).ok for op in graph.ops)  # a plugin asks of each
    image, answers = rng.standard_normal((1, 4, 4, 2)).astype(np.float32), []
    for delegate in (NNAPIDelegate(library=phone.path), CPUDelegate(op_resolver="BUILTIN_REF")):
        with Interpreter(model_content=b.build(), delegates=[delegate]) as it:  # each takes all of it
            it.allocate_tensors()
            answers.append(infer(it, image))
    np.testing.assert_allclose(*answers, rtol=1e-5, atol=1e-5)


def test_doctor_computes_a_sum(phone: Phone) -> None:
    found = check(NNAPIDelegate(library=phone.path))
    assert found.here and found.sum == "ok" and "reference-accelerator" in found.detail


def test_where_there_is_none_it_says_what_helps() -> None:
    probe = NNAPIDelegate(library="/nowhere/libneuralnetworks.so").probe()
    assert not probe.here and "no Neural Networks API here" in probe.detail and "bridge" in probe.remedy


@pytest.mark.parametrize("level", LEVELS)
def test_planning_for_a_level_needs_no_phone(level: int) -> None:
    delegate = NNAPIDelegate(library="/nowhere", feature_level=level)
    graph = sample("EXP", "FLOAT32")
    verdict = delegate.supports(graph, graph.ops[0])
    assert verdict.ok == (level >= 29)
    if level < 29:
        (reason,) = verdict.reasons
        assert (reason.code, reason.met) == ("feature_level", "EXP needs 29")


def test_a_plan_is_made_elsewhere_and_run_where_the_phone_is(phone: Phone, tmp_path: Path) -> None:
    def opened(delegate: NNAPIDelegate, **options: Any) -> Interpreter:
        return Interpreter(model_content=digits("f32"), delegates=[delegate, CPUDelegate()], **options)

    with opened(NNAPIDelegate(library="/nowhere", feature_level=27)) as it:
        assert {decision.delegate for decision in it.plan.decisions} == {"cpu"}
        plan = it.plan_for_elsewhere()
        assert {decision.delegate for decision in plan.decisions} == {"nnapi", "cpu"}  # MEAN came with 28
        it.allocate_tensors()  # the plan of this machine is as it was
        wanted = infer(it, held_out()[0][:1])
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    with opened(NNAPIDelegate(library=phone.path), plan=tmp_path / "plan.json") as it:
        assert (it.plan.steps, it.plan.partitions) == (plan.steps, plan.partitions)
        it.allocate_tensors()
        np.testing.assert_allclose(infer(it, held_out()[0][:1]), wanted, rtol=1e-4, atol=1e-5)


def test_a_bridge_that_cannot_be_reached_says_itself_what_helps() -> None:
    probe = NNAPIDelegate(bridge="tcp://127.0.0.1:1").probe()
    assert not probe.here and "adb forward" in probe.detail and not probe.remedy


@pytest.mark.parametrize("phone", [27, 28, 29, 30, 31, 1000007], indirect=True)
def test_what_fits_a_level_is_accepted_by_a_library_of_that_level(phone: Phone) -> None:
    delegate = NNAPIDelegate(library=phone.path)
    assert delegate.probe().here
    assert delegate.recorded is not None
    level = delegate.recorded.level
    asked = {f"{kind} {type}" for kind, type, graph in samples() if not _refused(lowered(graph, graph.ops[0], level))}
    assert len(asked) > 40
    refused = {key for key, taken in delegate.recorded.answers.items() if not taken}
    assert not refused, "the mapping says that these fit the level, and the library that they do not"


def _refused(nodes: object) -> bool:
    return isinstance(nodes, Reason)


def test_what_the_device_refuses_is_recorded_and_read(phone: Phone, tmp_path: Path) -> None:
    delegate = NNAPIDelegate(library=phone.path, device="accelerator")
    assert delegate.probe().here and delegate.recorded is not None
    assert not delegate.recorded.answers["POW/TENSOR_FLOAT32"]
    assert delegate.recorded.answers["ADD/TENSOR_FLOAT32"]
    delegate.recorded.save(tmp_path / "phone.json")
    planner = NNAPIDelegate(library="/nowhere", recording=tmp_path / "phone.json")
    with Interpreter(model_content=POW, delegates=[delegate, CPUDelegate()]) as it:
        (decision,) = it.plan.decisions
        assert decision.delegate == "cpu"
        assert "does not take POW/TENSOR_FLOAT32" in str(decision.reasons["nnapi"][0])
    graph = sample("POW", "FLOAT32")
    assert [r.code for r in planner.supports(graph, graph.ops[0]).reasons] == ["device"]
    assert planner.level == 1000007


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "device": "a", "level": 30, "answers": {"ADD": 1}}',
             '{"version": 1, "device": "a", "level": 12, "answers": {}}'],
)  # fmt: skip
def test_a_recording_that_is_none_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "phone.json").write_text(text)
    with pytest.raises(ValueError, match=r"phone\.json"):
        Recording.load(tmp_path / "phone.json")


def test_a_failure_goes_on_without_it(phone: Phone) -> None:
    x, y = vectors()
    delegates = [NNAPIDelegate(library=phone.path), CPUDelegate()]
    with Interpreter(model_content=sums(), delegates=delegates, on_failure="replan") as it:
        it.allocate_tensors()
        assert it.plan.decisions[0].delegate == "nnapi"
        np.testing.assert_array_equal(infer(it, x, y), x + y)
        phone.asked.fail("Execution_burstCompute", 14)
        np.testing.assert_array_equal(infer(it, x, y), x + y)
        assert it.plan.decisions[0].delegate == "cpu"
        assert "DEAD_OBJECT" in str(it.plan.decisions[0].reasons["nnapi"][0])


@pytest.mark.parametrize("kind", ["SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"])
def test_what_is_remembered_goes_on_and_is_taken_over(kind: str, phone: Phone) -> None:
    graph = sample(kind, "FLOAT32")
    content, shape = graph.model.content, graph.tensors[graph.inputs[0]].shape
    frames = np.random.default_rng(0).standard_normal((6, *shape)).astype(np.float32)
    cpu = CPUDelegate(op_resolver="BUILTIN_REF")
    with Interpreter(model_content=content, delegates=[cpu]) as it:
        it.allocate_tensors()
        wanted = [infer(it, frame) for frame in frames]
        it.reset_all_variables()
        again = infer(it, frames[0])
    with Interpreter(
        model_content=content, delegates=[NNAPIDelegate(library=phone.path), cpu], on_failure="replan"
    ) as it:
        it.allocate_tensors()
        assert it.plan.decisions[0].delegate == "nnapi"
        for k, frame in enumerate(frames):
            if k == 3:  # from here on the CPU goes on with what was remembered
                phone.asked.fail("Execution_burstCompute", 14)
            np.testing.assert_allclose(infer(it, frame), wanted[k], rtol=1e-5, atol=1e-6)
            assert it.plan.decisions[0].delegate == ("nnapi" if k < 3 else "cpu")
        it.reset_all_variables()
        np.testing.assert_allclose(infer(it, frames[0]), again, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
def test_places_of_64_bits(kind: str, phone: Phone) -> None:
    """NNAPI tells them in 32; what is negative there would be so in 64."""
    b = GraphBuilder()
    x = b.input((3, 200, 4))
    places = b.op(kind, [x, b.constant(np.array(1, np.int32))], (3, 4), dtype="INT64", output_type="INT64")
    b.output(places, b.op("RELU", [x], (3, 200, 4)))
    values = np.random.default_rng(0).standard_normal((3, 200, 4)).astype(np.float32)
    with Interpreter(model_content=b.build(), delegates=[NNAPIDelegate(library=phone.path)]) as it:
        it.allocate_tensors()
        for sign in (1, -1):
            it.set_tensor(0, sign * values)
            it.invoke()
            found = it.get_tensor(it.get_output_details()[0]["index"])
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, getattr(np, kind.lower().replace("_", ""))(sign * values, 1))


def test_what_is_remembered_is_given_back(phone: Phone) -> None:
    """SVDF's memory is moved on at another moment there than in TensorFlow Lite, whose it is outside."""
    graph = sample("SVDF", "FLOAT32")
    frames = np.random.default_rng(0).standard_normal((8, 2, 3)).astype(np.float32)
    with ExitStack() as stack:
        one, other = (
            Loaded(stack, cast(Any, NNAPIDelegate(library=phone.path)), graph, False) for _ in range(2)
        )  # fmt: skip
        for frame in frames[:6]:
            one.run([frame])
        (remembered,) = one.executable.state().values()
        newest = remembered.reshape(2, 8, 5)[:, :, -1]
        np.testing.assert_allclose(newest, np.repeat(frames[5].sum(1, keepdims=True), 8, 1), rtol=1e-5)
        other.executable.restore(one.executable.state())
        for frame in frames[6:]:
            np.testing.assert_array_equal(other.run([frame]), one.run([frame]))


def test_inputs_of_another_size(phone: Phone) -> None:
    """A program for each size, with what the model works out of it; what has no elements is for the CPU."""
    b = GraphBuilder()
    x = b.input((1, 2, 3), shape_signature=(-1, 2, 3))
    y = b.op("MUL", [x, b.constant(np.float32([1, 2, 3]))], (1, 2, 3))
    ends = [b.constant(np.array([k], np.int32)) for k in (0, 1, 1)]
    rows = b.op(
        "STRIDED_SLICE", [b.op("SHAPE", [y], (3,), dtype="INT32", out_type="INT32"), *ends], (), shrink_axis_mask=1
    )
    shape = b.op("PACK", [rows, b.constant(np.array(6, np.int32))], (2,), values_count=2)
    b.output(b.op("RESHAPE", [y, shape], (1, 6)))
    with Interpreter(model_content=b.build(), delegates=[NNAPIDelegate(library=phone.path), CPUDelegate()]) as it:
        for rows_now in (1, 4, 1, 0):
            it.resize_tensor_input(0, [rows_now, 2, 3])
            it.allocate_tensors()
            values = np.arange(6 * rows_now, dtype=np.float32).reshape(rows_now, 2, 3)
            np.testing.assert_array_equal(infer(it, values), (values * [1, 2, 3]).reshape(rows_now, 6))
            used = {partition.delegate for partition in it.plan.partitions}
            assert used == ({"nnapi"} if rows_now else {"cpu"})


def test_arguments_that_are_none(tmp_path: Path) -> None:
    for arguments, message in (
        ({"feature_level": 26}, "feature_level 26 is none"), ({"preference": "fast"}, "preference 'fast' is none"),
        ({"bridge": "tcp://127.0.0.1:7200", "cache_dir": "/tmp"}, "where the bridge is served"),
        ({"bridge": "nowhere"}, "nowhere"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            NNAPIDelegate(**arguments)  # type: ignore[arg-type]


def test_relaxed_programs_and_preferences_run(phone: Phone) -> None:
    x, y = vectors()
    for preference in ("low_power", "fast_single_answer", "sustained_speed"):
        delegate = NNAPIDelegate(library=phone.path, preference=preference, relaxed=True, feature_level=30)
        with Interpreter(model_content=sums(), delegates=[delegate]) as it:
            it.allocate_tensors()
            np.testing.assert_array_equal(infer(it, x, y), x + y)


def test_scalars_have_one_dimension_there(phone: Phone) -> None:
    b = GraphBuilder()
    b.output(b.op("ADD", [b.input(()), b.input(())], ()))
    with Interpreter(model_content=b.build(), delegates=[NNAPIDelegate(library=phone.path)]) as it:
        it.allocate_tensors()
        assert infer(it, np.array(2, np.float32), np.array(3, np.float32)).shape == ()


def test_over_a_bridge_in_another_process(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELEGRAPH_NNAPI_LIBRARY", phone.path)
    x, y = vectors()
    alone = Process("--lend", "nnapi", alone=True)  # a phone with numpy and nothing else
    with alone as process, closing(NNAPIDelegate(bridge=process.uri, device="accelerator")) as far:
        probe = far.probe()
        assert probe.here and "reference-accelerator" in probe.detail
        assert far.recorded is not None and not far.recorded.answers["POW/TENSOR_FLOAT32"]
        with Interpreter(model_content=sums(), delegates=[far]) as it:
            it.allocate_tensors()
            assert it.plan.decisions[0].delegate == "nnapi"
            for _ in range(2):
                np.testing.assert_array_equal(infer(it, x, y), x + y)
        process.end()
        with pytest.raises(DelegateError), Interpreter(model_content=sums(), delegates=[far]) as it:
            it.allocate_tensors()

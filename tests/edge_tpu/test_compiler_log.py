"""Logs of edgetpu_compiler as people published them, each with where it stands; a row or two of the longer tables."""

from __future__ import annotations

import pytest

from delegraph.delegates.edgetpu.compiler_log import CODES, Row, parse

# google-coral/edgetpu, issue 490
DETECTOR = """
Number of Edge TPU subgraphs: 1
Total number of operations: 267
Operation log: detector_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 261
Number of operations that will run on CPU: 6

Operator                       Count      Status

DEQUANTIZE                     2          Operation is working on an unsupported data type
DEPTHWISE_CONV_2D              80         Mapped to Edge TPU
LOGISTIC                       1          Operation is otherwise supported, but not mapped due to some unspecified limitation
CONCATENATION                  1          Mapped to Edge TPU
CONCATENATION                  1          More than one subgraph is not supported
"""  # noqa: E501
# google-coral/edgetpu, issue 342
TRANSPOSES = """
Number of operations that will run on Edge TPU: 2
Number of operations that will run on CPU: 153

Operator                       Count      Status


TRANSPOSE                      70         Operation not supported
PAD                            1          Mapped to Edge TPU
PAD                            17         More than one subgraph is not supported
"""
# google-coral/edgetpu, issue 356
FPNLITE = """Edge TPU Compiler version 15.0.340273435

Model compiled successfully in 2006 ms.

Input model: ssd_mobilenet_v2_fpnlite_640x640_coco17_tpu-8_full_integer.tflite
Input size: 4.17MiB
Output model: ssd_mobilenet_v2_fpnlite_640x640_coco17_tpu-8_full_integer_edgetpu.tflite
Output size: 4.75MiB
On-chip memory used for caching model parameters: 3.21MiB
On-chip memory remaining for caching model parameters: 3.78MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 161
"""
# WongKinYiu/yolov7, pull request 1672
YOLO = """Edge TPU Compiler version 16.0.384591198
Searching for valid delegate with step 10
Try to compile segment with 246 ops
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 3133 ms.

On-chip memory used for caching model parameters: 5.90MiB
On-chip memory remaining for caching model parameters: 1.16MiB
Off-chip memory used for streaming uncached model parameters: 41.75KiB
Number of Edge TPU subgraphs: 1
"""
PROBLEMS = {
    # google-coral/edgetpu, issue 313
    "Edge TPU Compiler version 15.0.340273435\nInvalid model: mobilenet_v2_1.0_224_quant.tflite\n"
    "Model not quantized\n": ("Model not quantized"),
    # google-coral/edgetpu, issue 49
    "Edge TPU Compiler version 2.0.267685300\n\nInternal compiler error. Aborting! \n": "Internal compiler error",
    # google-coral/edgetpu, issue 643
    "Edge TPU Compiler version 16.0.384591198\n/usr/bin/edgetpu_compiler: line 3:  1531 Segmentation fault      (core "
    "dumped) ${d}/edgetpu_compiler_bin/ld-linux-x86-64.so.2\n": "Segmentation fault",
    # PINTO0309/PINTO_model_zoo, issue 135
    "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
    "ERROR: Restored original execution plan after delegate application failure.\n"
    "Compilation failed: Compilation failed due to large activation tensors in model.\n"
    "Compilation child process completed within timeout period.\nCompilation failed!\n": (
        "large activation tensors in model."
    ),
    # DebeshJha/NanoNet, issue 2
    "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
    "ERROR: Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized "
    "tensors.\nCompilation failed: Model failed in Tflite interpreter. Please ensure model can be loaded/run in Tflite "
    "interpreter.\n": (
        "Model failed in Tflite interpreter. Please ensure model can be loaded/run in Tflite interpreter."
    ),
    # google-coral/edgetpu, issue 903
    "Edge TPU Compiler version 16.0.384591198\nSearching for valid delegate with step 1\n"
    "Compilation child process completed within timeout period.\nCompilation failed! \n": "Compilation failed",
    "": "it said nothing",
}


def test_rows() -> None:
    report = parse(DETECTOR)
    assert report.subgraphs == 1
    assert report.rows[1] == Row("DEPTHWISE_CONV_2D", 80, "Mapped to Edge TPU") and report.rows[1].reason is None
    assert [row.reason.code for row in report.rows if row.reason] == ["type", "unspecified", "subgraph"]
    assert report.reason("CONCATENATION").code == "subgraph"
    assert "unsupported data type" in str(report.reason("DEQUANTIZE"))


def test_rows_after_two_empty_lines() -> None:
    found = {(row.kind, row.count): row.reason for row in parse(TRANSPOSES).rows}
    assert found["PAD", 1] is None
    assert found["TRANSPOSE", 70] is not None and found["TRANSPOSE", 70].code == "kind"
    assert len(found) == 3


def test_a_status_that_is_not_known_is_passed_on() -> None:
    (row,) = parse("FILL                           4          Some new words\n").rows
    assert row.reason is not None and (row.reason.code, row.reason.met) == (
        "status",
        "edgetpu_compiler: Some new words",
    )


def test_statuses_are_told_apart() -> None:
    assert len(set(CODES.values())) == len(CODES)


def test_memory() -> None:
    report = parse(FPNLITE)
    assert (report.version, report.problem) == ("15.0.340273435", "")
    assert report.memory == {"cached": round(3.21 * 2**20), "free": round(3.78 * 2**20), "streamed": 0}
    assert parse(YOLO).memory["streamed"] == round(41.75 * 2**10)


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.items(), ids=range(len(PROBLEMS)))
def test_problems(text: str, problem: str) -> None:
    report = parse(text)
    assert report.problem == problem
    assert report.reason("CONV_2D").met == problem

"""Numbers and signatures of libneuralnetworks.so, as Android's NeuralNetworks.h and NeuralNetworksTypes.h give them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_void_p
from enum import IntEnum
from typing import Any

import numpy as np

# Feature levels: API levels up to Android 12 (31), numbers of their own from then on.
LEVELS = (27, 28, 29, 30, 31, 1000006, 1000007, 1000008)
L1, L2, L3, L4, L5, L6, L7, L8 = LEVELS
ANDROID = dict(zip(LEVELS, ("8.1", "9", "10", "11", "12", "12 updated", "13", "14"), strict=True))


class Type(IntEnum):
    """Types of operands (OperandCode)."""

    FLOAT32 = 0
    INT32 = 1
    UINT32 = 2
    TENSOR_FLOAT32 = 3
    TENSOR_INT32 = 4
    TENSOR_QUANT8_ASYMM = 5
    BOOL = 6
    TENSOR_QUANT16_SYMM = 7
    TENSOR_FLOAT16 = 8
    TENSOR_BOOL8 = 9
    FLOAT16 = 10
    TENSOR_QUANT8_SYMM_PER_CHANNEL = 11
    TENSOR_QUANT16_ASYMM = 12
    TENSOR_QUANT8_SYMM = 13
    TENSOR_QUANT8_ASYMM_SIGNED = 14

    @property
    def scalar(self) -> bool:
        """Whether an operand of this type is one value without dimensions."""
        return not self.name.startswith("TENSOR_")


DTYPES: Mapping[Type, np.dtype[Any]] = {
    Type[name]: np.dtype(code)
    for name, code in {
        "FLOAT32": "<f4", "INT32": "<i4", "UINT32": "<u4", "TENSOR_FLOAT32": "<f4", "TENSOR_INT32": "<i4",
        "TENSOR_QUANT8_ASYMM": "u1", "BOOL": "?", "TENSOR_QUANT16_SYMM": "<i2", "TENSOR_FLOAT16": "<f2",
        "TENSOR_BOOL8": "?", "FLOAT16": "<f2", "TENSOR_QUANT8_SYMM_PER_CHANNEL": "i1", "TENSOR_QUANT16_ASYMM": "<u2",
        "TENSOR_QUANT8_SYMM": "i1", "TENSOR_QUANT8_ASYMM_SIGNED": "i1",
    }.items()
}  # fmt: skip

# The level that a type of operand needs, whatever reads it.
TYPE_LEVELS: Mapping[Type, int] = {
    kind: L4 if kind is Type.TENSOR_QUANT8_ASYMM_SIGNED else L1 if kind < Type.BOOL else L3 for kind in Type
}


class Operation(IntEnum):
    """The operations that lowering makes use of (OperationCode)."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONCATENATION = 2
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEPTH_TO_SPACE = 5
    DEQUANTIZE = 6
    EMBEDDING_LOOKUP = 7
    FLOOR = 8
    FULLY_CONNECTED = 9
    HASHTABLE_LOOKUP = 10
    L2_NORMALIZATION = 11
    L2_POOL_2D = 12
    LOCAL_RESPONSE_NORMALIZATION = 13
    LOGISTIC = 14
    LSTM = 16
    MAX_POOL_2D = 17
    MUL = 18
    RELU = 19
    RELU1 = 20
    RELU6 = 21
    RESHAPE = 22
    RESIZE_BILINEAR = 23
    RNN = 24
    SOFTMAX = 25
    SPACE_TO_DEPTH = 26
    SVDF = 27
    TANH = 28
    BATCH_TO_SPACE_ND = 29
    DIV = 30
    MEAN = 31
    PAD = 32
    SPACE_TO_BATCH_ND = 33
    SQUEEZE = 34
    STRIDED_SLICE = 35
    SUB = 36
    TRANSPOSE = 37
    ABS = 38
    ARGMAX = 39
    ARGMIN = 40
    BIDIRECTIONAL_SEQUENCE_LSTM = 42
    BIDIRECTIONAL_SEQUENCE_RNN = 43
    CAST = 45
    EQUAL = 48
    EXP = 49
    EXPAND_DIMS = 50
    GATHER = 51
    GREATER = 53
    GREATER_EQUAL = 54
    GROUPED_CONV_2D = 55
    LESS = 58
    LESS_EQUAL = 59
    LOG = 60
    LOGICAL_AND = 61
    LOGICAL_NOT = 62
    LOGICAL_OR = 63
    LOG_SOFTMAX = 64
    MAXIMUM = 65
    MINIMUM = 66
    NEG = 67
    NOT_EQUAL = 68
    PAD_V2 = 69
    POW = 70
    PRELU = 71
    QUANTIZE = 72
    QUANTIZED_16BIT_LSTM = 73
    REDUCE_ALL = 75
    REDUCE_ANY = 76
    REDUCE_MAX = 77
    REDUCE_MIN = 78
    REDUCE_PROD = 79
    REDUCE_SUM = 80
    RSQRT = 83
    SELECT = 84
    SIN = 85
    SLICE = 86
    SPLIT = 87
    SQRT = 88
    TILE = 89
    TOPK_V2 = 90
    TRANSPOSE_CONV_2D = 91
    UNIDIRECTIONAL_SEQUENCE_LSTM = 92
    UNIDIRECTIONAL_SEQUENCE_RNN = 93
    RESIZE_NEAREST_NEIGHBOR = 94
    QUANTIZED_LSTM = 95
    ELU = 98
    HARD_SWISH = 99
    FILL = 100
    BATCH_MATMUL = 102
    PACK = 103
    MIRROR_PAD = 104
    REVERSE = 105


SIGN = 0x80  # the bit that tells signed bytes from unsigned ones with 128 added
FUSED = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
PADDING = {"SAME": 1, "VALID": 2}
PREFERENCES = {"low_power": 0, "fast_single_answer": 1, "sustained_speed": 2}
DEVICE_TYPES = {0: "unknown", 1: "other", 2: "cpu", 3: "gpu", 4: "accelerator"}

RESULTS = (
    "NO_ERROR", "OUT_OF_MEMORY", "INCOMPLETE", "UNEXPECTED_NULL", "BAD_DATA", "OP_FAILED", "BAD_STATE", "UNMAPPABLE",
    "OUTPUT_INSUFFICIENT_SIZE", "UNAVAILABLE_DEVICE", "MISSED_DEADLINE_TRANSIENT", "MISSED_DEADLINE_PERSISTENT",
    "RESOURCE_EXHAUSTED_TRANSIENT", "RESOURCE_EXHAUSTED_PERSISTENT", "DEAD_OBJECT",
)  # fmt: skip


class OperandType(ctypes.Structure):
    """ANeuralNetworksOperandType."""

    _fields_ = (
        ("type", c_int32), ("dimensionCount", c_uint32), ("dimensions", POINTER(c_uint32)), ("scale", ctypes.c_float),
        ("zeroPoint", c_int32),
    )  # fmt: skip


class PerChannel(ctypes.Structure):
    """ANeuralNetworksSymmPerChannelQuantParams."""

    _fields_ = (("channelDim", c_uint32), ("scaleCount", c_uint32), ("scales", POINTER(ctypes.c_float)))


_U32S, _NEW, _TYPE = POINTER(c_uint32), POINTER(c_void_p), POINTER(OperandType)

# Function, without "ANeuralNetworks" -> the level that brought it, and the types of its arguments. All give a result
# code, but for those that end in "free", which give nothing.
FUNCTIONS: Mapping[str, tuple[int, tuple[Any, ...]]] = {
    "Memory_createFromFd": (L1, (c_size_t, c_int, c_int, c_size_t, _NEW)),
    "Memory_free": (L1, (c_void_p,)),
    "Model_create": (L1, (_NEW,)),
    "Model_free": (L1, (c_void_p,)),
    "Model_finish": (L1, (c_void_p,)),
    "Model_addOperand": (L1, (c_void_p, _TYPE)),
    "Model_setOperandValue": (L1, (c_void_p, c_int32, c_void_p, c_size_t)),
    "Model_setOperandValueFromMemory": (L1, (c_void_p, c_int32, c_void_p, c_size_t, c_size_t)),
    "Model_addOperation": (L1, (c_void_p, c_int32, c_uint32, _U32S, c_uint32, _U32S)),
    "Model_identifyInputsAndOutputs": (L1, (c_void_p, c_uint32, _U32S, c_uint32, _U32S)),
    "Model_relaxComputationFloat32toFloat16": (L2, (c_void_p, c_bool)),
    "Model_setOperandSymmPerChannelQuantParams": (L3, (c_void_p, c_int32, POINTER(PerChannel))),
    "Model_getSupportedOperationsForDevices": (L3, (c_void_p, POINTER(c_void_p), c_uint32, POINTER(c_bool))),
    "Compilation_create": (L1, (c_void_p, _NEW)),
    "Compilation_createForDevices": (L3, (c_void_p, POINTER(c_void_p), c_uint32, _NEW)),
    "Compilation_free": (L1, (c_void_p,)),
    "Compilation_setPreference": (L1, (c_void_p, c_int32)),
    "Compilation_setCaching": (L3, (c_void_p, c_char_p, POINTER(c_uint8))),
    "Compilation_finish": (L1, (c_void_p,)),
    "Execution_create": (L1, (c_void_p, _NEW)),
    "Execution_free": (L1, (c_void_p,)),
    "Execution_setInput": (L1, (c_void_p, c_int32, _TYPE, c_void_p, c_size_t)),
    "Execution_setOutput": (L1, (c_void_p, c_int32, _TYPE, c_void_p, c_size_t)),
    "Execution_setReusable": (L5, (c_void_p, c_bool)),
    "Execution_startCompute": (L1, (c_void_p, _NEW)),
    "Execution_compute": (L3, (c_void_p,)),
    "Execution_burstCompute": (L3, (c_void_p, c_void_p)),
    "Execution_getOutputOperandRank": (L3, (c_void_p, c_int32, _U32S)),
    "Execution_getOutputOperandDimensions": (L3, (c_void_p, c_int32, _U32S)),
    "Event_wait": (L1, (c_void_p,)),
    "Event_free": (L1, (c_void_p,)),
    "Burst_create": (L3, (c_void_p, _NEW)),
    "Burst_free": (L3, (c_void_p,)),
    "_getDeviceCount": (L3, (_U32S,)),
    "_getDevice": (L3, (c_uint32, _NEW)),
    "Device_getName": (L3, (c_void_p, POINTER(c_char_p))),
    "Device_getType": (L3, (c_void_p, POINTER(c_int32))),
    "Device_getVersion": (L3, (c_void_p, POINTER(c_char_p))),
    "Device_getFeatureLevel": (L3, (c_void_p, POINTER(c_int64))),
}

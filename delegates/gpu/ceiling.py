"""What a GPU could do at most: its own rates of arithmetic and memory, by work that is nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...errors import DelegateError
from ..base import Ceiling
from .arena import new_buffer
from .device import Device
from .shader import of_no_kernel

GROUP = 64
CHAINS, ROUNDS = 4, 256  # of four multiply-adds each: a thread does CHAINS * ROUNDS * 4 * 2 operations
BYTES = 128 << 20  # copied at once, or less where a storage block is: beyond the caches of all but the largest GPUs
SOFTWARE_BYTES = 32 << 20
LONG = 0.05  # seconds that a measurement lasts, whatever starting it costs
TRIES = 3  # of which the fastest counts: it is a ceiling

ARITHMETIC = """
layout(local_size_x = %(group)d) in;
layout(std430, binding = 0) buffer Made { vec4 made[]; };
layout(location = 0) uniform int seed;  // which the compiler does not know
void main() {
    vec4 by = 1.0 / float(seed) + vec4(0, 1e-6, 2e-6, 3e-6), sums[%(chains)d];
    for (int k = 0; k < %(chains)d; ++k) sums[k] = by * float(k + 1);
    for (int round = 0; round < %(rounds)d; ++round)
        for (int k = 0; k < %(chains)d; ++k) sums[k] = sums[k] * by + by;
    vec4 sum = sums[0];
    for (int k = 1; k < %(chains)d; ++k) sum += sums[k];
    made[gl_GlobalInvocationID.x] = sum;
}
"""
COPY = """
layout(local_size_x = %(group)d) in;
layout(std430, binding = 0) readonly buffer Given { vec4 given[]; };
layout(std430, binding = 1) writeonly buffer Made { vec4 made[]; };
void main() {
    uint i = gl_GlobalInvocationID.x;
    made[i] = given[i];
}
"""


def measured_ceiling(device: Device) -> Ceiling:
    """Measure it; takes less than a second. Raises DelegateError where the device fails."""
    with device.current() as ctx:
        flops = _arithmetic(device)
        bandwidth = _copying(device, ctx)
        device.check("measuring its rates")
    return Ceiling(flops, bandwidth)


def _arithmetic(device: Device) -> float:
    groups = 64 if device.software else 4096
    told = {"group": GROUP, "chains": CHAINS, "rounds": ROUNDS}
    shader = of_no_kernel(device, ARITHMETIC % told, "measures arithmetic")
    shader.telling([2])()
    made = new_buffer(device, groups * GROUP * 16)
    try:
        made.bind_to_storage_buffer(0)
        return groups * GROUP * CHAINS * ROUNDS * 4 * 2 / _least(device, lambda: shader.run(groups))
    finally:
        made.release()
        shader.release()


def _copying(device: Device, ctx: Any) -> float:
    nbytes = min(SOFTWARE_BYTES if device.software else BYTES, device.limits.storage_bytes, 16 * GROUP * 65535)
    nbytes -= nbytes % (16 * GROUP)
    shader = of_no_kernel(device, COPY % {"group": GROUP}, "measures copying")
    buffers = [new_buffer(device, nbytes) for _ in range(2)]
    try:
        for k, buffer in enumerate(buffers):
            buffer.clear()
            buffer.bind_to_storage_buffer(k)
        by_shader = _least(device, lambda: shader.run(nbytes // 16 // GROUP))
        by_driver = _least(device, lambda: ctx.copy_buffer(buffers[1], buffers[0], nbytes))
        return 2 * nbytes / min(by_shader, by_driver)
    finally:
        for buffer in (*buffers, shader):
            buffer.release()


def _least(device: Device, launch: Callable[[], Any]) -> float:
    """The fewest seconds that a launch takes among many in a row."""
    count, found = 1, list[float]()
    while len(found) < TRIES:
        start = time.perf_counter()
        for _ in range(count):
            launch()
        device.launched()
        device.wait()
        seconds = time.perf_counter() - start
        if seconds < LONG and count < 1 << 16:
            count *= 2
            continue
        found.append(seconds / count)
    if min(found) <= 0:
        raise DelegateError(f"the time on {device.name} cannot be measured")
    return min(found)

"""Reports made up for tests: seeded, so that the same arguments give the same report."""

from __future__ import annotations

import numpy as np

from delegraph.bench.record import (
    SCHEMA,
    Accuracy,
    Cell,
    Configuration,
    Energy,
    Machine,
    Memory,
    ModelRecord,
    OpRecord,
    OutputError,
    Phases,
    PlanRecord,
    Report,
    Settings,
    Steady,
    StepRecord,
    Stream,
)

CONFIGURATIONS = (
    Configuration("cpu", threads=1),
    Configuration("cpu", threads=2),
    Configuration("gpu,cpu"),
    Configuration("gpu,cpu", precision="fp16", placement="fastest"),
)
KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "SOFTMAX")


def steady(seconds: float, spread: float = 0.05, turns: int = 20, each: int = 5, seed: int = 0) -> Steady:
    """Latencies around a median, log-normal with a standard deviation of `spread` of it."""
    rng = np.random.default_rng(seed)
    samples = seconds * np.exp(spread * rng.standard_normal((turns, each)))
    return Steady(tuple(tuple(map(float, row)) for row in samples), warmup=8)


def cell(model: int, configuration: Configuration, seconds: float, machine: str = "bench", seed: int = 0) -> Cell:
    """A cell with every part measured; a GPU's has transfers and two partitions."""
    gpu = "gpu" in configuration.delegates
    where = [("gpu" if gpu and k < 3 else "cpu", 0 if k < 3 or not gpu else 1) for k in range(4)]
    share = (0.5, 0.3, 0.0, 0.2)
    ops = tuple(
        OpRecord(k, KINDS[k], who, part, "fused" if k == 2 else "launched", 1 if k == 2 else None,
                 None if k == 2 else seconds * share[k], "" if k == 2 else "host",
                 way="" if k else "tiles of 4 by 16, measured")
        for k, (who, part) in enumerate(where)
    )  # fmt: skip
    steps = (StepRecord("run", "ops 0 to 3", seconds * 0.9, "cpu", 0),)
    if gpu:
        steps = (
            StepRecord("transfer", "input", seconds * 0.1, source="host", target="gl", nbytes=4096),
            StepRecord("run", "ops 0 to 2", seconds * 0.6, "gpu", 0),
            StepRecord("transfer", "features", seconds * 0.1, source="gl", target="host", nbytes=1024),
            StepRecord("run", "op 3", seconds * 0.2, "cpu", 1),
        )
    error = 1e-4 if configuration.precision == "fp16" else 1e-7
    return Cell(
        ModelRecord(f"model_{model}", f"{model:064x}", 10_000 * (model + 1), 4),
        configuration,
        machine,
        devices={"cpu": "ai-edge-litert 2.3.0", **({"gpu": "llvmpipe"} if gpu else {})},
        plan=PlanRecord(f"{model:064x}", configuration.placement, tuple(configuration.delegates.split(",")),
                        2 if gpu else 1, 3, {"gl": 4096} if gpu else {}, seconds),
        phases=Phases(0.01, 0.02, 0.03, 0.3 if gpu else 0.01, 2 * seconds),
        steady=steady(seconds, seed=seed),
        stream=Stream(100, 80 * seconds, 3),
        memory=Memory(50_000_000, 80_000_000, 90_000_000, {"gl": 5_000_000} if gpu else {},
                      ((0.0, 50_000_000), (0.1, 80_000_000), (0.2, 79_000_000))),
        steps=steps,
        ops=ops,
        energy=(Energy("rapl:package-0", seconds * 1000, 100, seconds * 100),),
        accuracy=Accuracy("PASS", (OutputError("scores", error, error / 3, error, 0, 1.0, 1.0, 1.0),), 3),
    )  # fmt: skip


def machine(name: str = "bench") -> Machine:
    """A machine that tells everything."""
    return Machine(name, "Linux 6.1", "Some CPU", 2, 8 << 30, {"performance": 2}, (0.1, 0.3), {"coretemp": 45.0},
                   ("llvmpipe, OpenGL 4.5",), {"delegraph": "0.1.0", "numpy": "2.0"}, "0123abc")  # fmt: skip


def report(models: int = 2, configurations: tuple[Configuration, ...] = CONFIGURATIONS, seed: int = 0) -> Report:
    """Models whose later configurations are faster, on one machine."""
    cells = tuple(
        cell(m, c, 0.01 * (m + 1) / (k + 1), seed=seed + 100 * m + k)
        for m in range(models)
        for k, c in enumerate(configurations)
    )
    settings = Settings(1.0, 0.02, 0.0, 0.0, seed, "random, seed 0")
    return Report(SCHEMA, "2025-01-02T03:04:05Z", True, settings, (machine(),), cells)

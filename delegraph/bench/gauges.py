"""Energy, as far as this machine counts it: RAPL (package and memory), NVML (GPUs), a battery's gauge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .extra import have

POWERCAP = Path("/sys/class/powercap")
SUPPLIES = Path("/sys/class/power_supply")


@dataclass(frozen=True)
class Gauge:
    """What counts energy: `read` tells joules since some moment, up to `limit` (0: none), where it begins again."""

    source: str
    read: Callable[[], float]
    limit: float = 0.0

    def since(self, before: float) -> float:
        """Joules since it told `before`."""
        spent = self.read() - before
        return spent + self.limit if spent < 0 else spent


def gauges() -> list[Gauge]:
    """Those of this machine that may be read. Raises nothing."""
    found = []
    for gauge in (*_rapl(), *_nvml(), *_batteries()):
        try:
            gauge.read()
        except Exception:  # RAPL is often root's alone, NVML raises errors of its own: then there is none
            continue
        found.append(gauge)
    return found


def _rapl() -> list[Gauge]:
    """Intel's and AMD's counters, by the kernel's powercap interface (microjoules)."""
    found = []
    for zone in sorted(POWERCAP.glob("*-rapl:*")):
        if zone.name.count(":") > 1 and _text(zone / "name") != "dram":
            continue  # a part of a package that was counted with it
        name, most = _text(zone / "name") or zone.name, _text(zone / "max_energy_range_uj")
        limit = int(most) / 1e6 if most.isdigit() else 0.0
        found.append(Gauge(f"rapl:{name}", lambda zone=zone: int((zone / "energy_uj").read_text()) / 1e6, limit))  # type: ignore[misc]
    return found


def _nvml() -> list[Gauge]:
    """NVIDIA's counters (millijoules), where nvidia-ml-py is installed."""
    if not have("pynvml"):
        return []
    import pynvml

    try:
        pynvml.nvmlInit()
        handles: list[Any] = [pynvml.nvmlDeviceGetHandleByIndex(k) for k in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    count = pynvml.nvmlDeviceGetTotalEnergyConsumption
    return [Gauge(f"nvml:{k}", lambda handle=handle: count(handle) / 1e3) for k, handle in enumerate(handles)]  # type: ignore[misc]


def _batteries() -> list[Gauge]:
    """What batteries that are being drained tell: power in microwatts, or current and voltage, over time."""
    folders = [f for f in sorted(SUPPLIES.glob("*")) if _text(f / "type") == "Battery"]
    return [Gauge(f"battery:{f.name}", _Drain(f).joules) for f in folders if _text(f / "status") == "Discharging"]


class _Drain:
    """Power added up between one look and the next, half of it by each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: tuple[float, float] | None = None
        self._joules = 0.0

    def joules(self) -> float:
        now, watts = time.monotonic(), self._watts()
        if self._last is not None:
            then, before = self._last
            self._joules += (now - then) * (watts + before) / 2
        self._last = now, watts
        return self._joules

    def _watts(self) -> float:
        power = self._folder / "power_now"
        if power.is_file():
            return abs(int(power.read_text())) / 1e6
        current, voltage = (int((self._folder / name).read_text()) for name in ("current_now", "voltage_now"))
        return abs(current) * voltage / 1e12


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""

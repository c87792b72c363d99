"""Energy as the kernel tells it: counters that wrap, parts that were counted with their whole, batteries that drain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from delegraph.bench import gauges

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the files of one device, in a /sys of the test's own."""
    monkeypatch.setattr(gauges, "POWERCAP", tmp_path / "powercap")
    monkeypatch.setattr(gauges, "SUPPLIES", tmp_path / "power_supply")
    monkeypatch.setattr(gauges, "have", lambda package: False)

    def files(folder: str, **contents: object) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (path / name).write_text(f"{content}\n")
        return path

    return files


def test_nothing_is_told_where_there_is_nothing(write: Write) -> None:
    assert gauges.gauges() == []


def test_counters_of_packages_and_memory_count_once(write: Write) -> None:
    zone = write("powercap/intel-rapl:0", name="package-0", energy_uj=5_000_000, max_energy_range_uj=9_000_000)
    write("powercap/intel-rapl:0:0", name="core", energy_uj=1, max_energy_range_uj=9_000_000)
    write("powercap/intel-rapl:0:1", name="dram", energy_uj=2_000_000, max_energy_range_uj=9_000_000)
    write("powercap/intel-rapl:1", name="package-1")  # may not be read
    package, memory = gauges.gauges()
    assert (package.source, memory.source) == ("rapl:package-0", "rapl:dram")
    before = package.read()
    assert before == 5
    (zone / "energy_uj").write_text("8000000")
    assert package.since(before) == 3
    (zone / "energy_uj").write_text("1000000")  # began again at 9 J
    assert package.since(before) == 5


def test_a_battery_counts_while_it_drains(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("power_supply/AC", type="Mains")
    write("power_supply/BAT1", type="Battery", status="Charging", power_now=1)
    folder = write(
        "power_supply/BAT0", type="Battery", status="Discharging", current_now=500_000, voltage_now=12_000_000
    )
    now = 10.0
    monkeypatch.setattr(gauges.time, "monotonic", lambda: now)
    (gauge,) = gauges.gauges()
    assert gauge.source == "battery:BAT0"
    before = gauge.read()
    now += 2
    assert gauge.since(before) == pytest.approx(12)  # 6 W for 2 s
    (folder / "current_now").write_text("1000000")
    now += 1
    assert gauge.since(before) == pytest.approx(12 + 9)  # from 6 to 12 W within 1 s

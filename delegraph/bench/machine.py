"""The machine's record: what figures depend on and a reader wants to know."""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from pathlib import Path

from ..delegates.cpu import processor
from ..doctor import versions
from .record import Machine

CPUS = Path("/sys/devices/system/cpu")


def this_machine(name: str = "") -> Machine:
    """This machine as it is now; what it does not tell is empty. Raises nothing but MissingExtra."""
    import psutil

    return Machine(
        name=name or platform.node() or "this machine",
        system=f"{platform.system()} {platform.release()}, {platform.machine()}{_distribution()}",
        cpu=processor(),
        cores=psutil.cpu_count(logical=False) or 0,
        memory=psutil.virtual_memory().total,
        governors=dict(Counter(p.read_text().strip() for p in CPUS.glob("cpu[0-9]*/cpufreq/scaling_governor"))),
        load=(load(),),
        temperatures=_temperatures(),
        gpus=(),
        versions=versions(),
        commit=commit(),
    )


def load() -> float:
    """The load average of the last minute: how many threads wanted a processor."""
    import psutil

    return round(float(psutil.getloadavg()[0]), 2)


def _distribution() -> str:
    try:
        return f", {platform.freedesktop_os_release()['PRETTY_NAME']}"
    except (OSError, KeyError, AttributeError):
        return ""


def _temperatures() -> dict[str, float]:
    """The hottest of each kind of sensor."""
    import psutil

    try:
        found = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return {}
    return {name: max(float(s.current) for s in sensors) for name, sensors in found.items() if sensors}


def commit() -> str:
    """The commit of the checkout that this package is run from, "+" behind it where files differ; else empty."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    found = _git(root, "rev-parse", "--short=12", "HEAD")
    return found + ("+" if found and _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

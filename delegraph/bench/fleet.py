"""The same matrix on many machines, through Ray, which finds them by the resources that they have; one report."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..partitioner.explain import plain, shorten
from ..tables import read_tables
from .driver import Progress, Run
from .files import InvalidReport, from_json, to_json
from .matrix import AXES, Matrix, make_matrix, unknown
from .record import SCHEMA, Cell, Machine, ModelRecord, Report

LOOK = 0.5  # seconds between looks at who is done
KEYS = ("resources", "cpus", "gpus", *AXES)


@dataclass(frozen=True)
class Host:
    """A machine: its name in the report, what Ray has to find there, and axes of the matrix that are its own."""

    name: str
    cpus: float
    gpus: float
    resources: Mapping[str, float]
    axes: Mapping[str, Any]


@dataclass(frozen=True)
class Fleet:
    """Hosts, and the address of the Ray cluster that they are in; "local" starts one on this machine."""

    address: str
    hosts: tuple[Host, ...]


def read_fleet(path: Path) -> Fleet:
    """A fleet from a TOML (or JSON) file: `address`, and a table `[host.NAME]` a machine.

    A host has `resources` ({coral = 1}), `cpus` (1), `gpus` (0), and any of `delegates`, `precision`, `threads`,
    `batch` and `placement` for itself. Raises ValueError naming what is unknown or makes no sense, and OSError.
    """
    told = read_tables(path)
    if not isinstance(told, dict) or not isinstance(told.get("host"), dict) or not told["host"]:
        raise ValueError(f"{path} names no host: it needs a table for each, such as [host.pi]")
    for key in told:
        unknown(key, ("address", "host"), f"{path}: ")
    hosts = []
    for name, table in told["host"].items():
        where = f"{path}: [host.{name}]"
        if not isinstance(table, dict):
            raise ValueError(f"{where} is a table")
        for key in table:
            unknown(key, KEYS, f"{where}: ")
        resources = table.get("resources", {})
        numbers = [
            table.get("cpus", 1),
            table.get("gpus", 0),
            *(resources.values() if isinstance(resources, dict) else "?"),
        ]
        if not all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < 1e6 for n in numbers):
            raise ValueError(f"{where}: cpus, gpus and each of resources, such as {{coral = 1}}, are numbers from 0")
        axes = {axis: table[axis] for axis in AXES if axis in table}
        hosts.append(Host(name, float(numbers[0]), float(numbers[1]), resources, axes))
    return Fleet(str(told.get("address", "auto")), tuple(hosts))


class FleetRun:
    """A matrix being measured on every host, with the interface of `Run`."""

    def __init__(
        self, matrix: Matrix, values: Mapping[str, Any], fleet: Fleet, progress: Progress = lambda done, what: None
    ) -> None:
        """`values` are those that `matrix` was made of. Raises ValueError where an axis of a host makes no sense."""
        self._fleet, self._progress = fleet, progress
        self._content = {name: path.read_bytes() for name, path in matrix.named.items()}
        self._values = {host.name: {**values, **host.axes} for host in fleet.hosts}
        self._matrices = {host.name: make_matrix(self._values[host.name]) for host in fleet.hosts}
        self._settings = matrix.settings
        self._made = ""
        self._reports: dict[str, Report] = {}
        self._problems: dict[str, str] = {}
        self.total = len(fleet.hosts)

    def carry_out(self) -> None:
        """Measure on all hosts at once. Raises RuntimeError or OSError where there is no cluster."""
        import ray

        local = self._fleet.address == "local"
        ray.init(
            address=None if local else self._fleet.address, ignore_reinit_error=True, log_to_driver=False,
            **(_all_of(self._fleet) if local else {}),
        )  # fmt: skip
        waiting: dict[Any, Host] = {}
        try:
            for host in self._fleet.hosts:
                wanted = {"num_cpus": host.cpus, "num_gpus": host.gpus, "resources": dict(host.resources)}
                task = ray.remote(measured).options(**wanted, max_retries=0, name=host.name)
                waiting[task.remote(host.name, self._values[host.name], self._content)] = host
            while waiting:
                self._progress(len(self._reports), f"waiting for {', '.join(h.name for h in waiting.values())}")
                done, _ = ray.wait(list(waiting), timeout=LOOK)
                for reference in done:
                    self._take(waiting.pop(reference), reference)
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)
            ray.shutdown()

    def _take(self, host: Host, reference: Any) -> None:
        """What a host answered: its report, or what kept it from one."""
        import ray

        try:
            self._reports[host.name] = from_json(ray.get(reference), f"the report of {host.name}")
        except (ray.exceptions.RayError, InvalidReport) as error:
            self._problems[host.name] = shorten(plain(" ".join(str(getattr(error, "cause", error)).split())), 300)

    def report(self) -> Report:
        """The reports so far as one; a host that failed has its cells in it, failed."""
        machines: list[Machine] = []
        cells: list[Cell] = []
        for host in self._fleet.hosts:
            if host.name in self._reports:
                machines += self._reports[host.name].machines
                cells += self._reports[host.name].cells
            elif host.name in self._problems:
                machines.append(Machine(host.name, "unknown", "unknown", 0, 0, {}, (), {}, (), {}))
                cells += self._failed(host)
        made = min((r.made for r in self._reports.values()), default="")
        complete = len(self._reports) == self.total and all(r.complete for r in self._reports.values())
        return Report(SCHEMA, made, complete, self._settings, tuple(machines), tuple(cells))

    def _failed(self, host: Host) -> list[Cell]:
        problem = self._problems[host.name]
        return [
            Cell(ModelRecord(name, "", len(content), 0), configuration, host.name, "failed", problem)
            for name, content in self._content.items()
            for configuration in self._matrices[host.name].configurations
        ]


def _all_of(fleet: Fleet) -> dict[str, Any]:
    """What a cluster on this machine says that it has: whatever the hosts ask for, one after another."""
    resources: dict[str, float] = {}
    for host in fleet.hosts:
        for name, number in host.resources.items():
            resources[name] = max(resources.get(name, 0.0), number)
    most = max(host.cpus for host in fleet.hosts), max(host.gpus for host in fleet.hosts)
    return {"num_cpus": most[0], "num_gpus": most[1], "resources": resources, "include_dashboard": False}


def measured(name: str, values: Mapping[str, Any], content: Mapping[str, bytes]) -> str:
    """On a host: the report of the matrix, as JSON. Raises what `Run` does."""
    with tempfile.TemporaryDirectory(prefix="delegraph-fleet-") as folder:
        paths = []
        for model, data in content.items():
            paths.append(Path(folder) / f"{model}.tflite")
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            paths[-1].write_bytes(data)
        matrix = make_matrix({**values, "models": [str(path) for path in paths]})
        run = Run(matrix, machine=name)
        run.carry_out()
        report = run.report()
        cells = tuple(
            replace(cell, model=replace(cell.model, name=_as_sent(cell.model.name, content))) for cell in report.cells
        )
        return to_json(replace(report, cells=cells))


def _as_sent(name: str, content: Mapping[str, bytes]) -> str:
    """The name under which a model was sent: where it was told apart by folders, that has them all."""
    return next(sent for sent in content if sent == name or sent.endswith(f"/{name}") or name.endswith(f"/{sent}"))

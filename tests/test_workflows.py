"""The workflows are valid, pinned, and keep code from outside away from runners that are somebody's own machines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import models

yaml = pytest.importorskip("ruamel.yaml", reason="needs the extra test (check-jsonschema)")
FILES = sorted((models.ROOT / ".github" / "workflows").glob("*.yml"))
FORK = "github.event.pull_request.head.repo.full_name == github.repository"


def read(name: str) -> Any:
    return yaml.YAML(typ="safe").load(models.ROOT / ".github" / "workflows" / name)


def uses(node: Any) -> Iterator[str]:
    """Every action or workflow that is used."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "uses")
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from uses(inner)


def test_they_follow_the_schema() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, FILES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_and_permissions_are_few(path: Any) -> None:
    text = path.read_text("utf-8")
    for action in uses(read(path.name)):
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)
            assert re.search(rf"{re.escape(action)} # v\d+\.\d+\.\d+\n", text), f"{action}: no version is told"
    assert "pull_request_target" not in text and "workflow_run" not in text  # they hand secrets to others' code
    assert set(read(path.name)["permissions"].items()) == {("contents", "read")}
    for job in read(path.name)["jobs"].values():
        assert "timeout-minutes" in job or "uses" in job
        writes = {scope for scope, level in job.get("permissions", {}).items() if level == "write"}
        assert not writes or "self-hosted" not in str(job["runs-on"])
    assert not re.search(r"run:.*\$\{\{", text)  # what is put into a script's text is run


def test_forks_never_reach_a_self_hosted_runner() -> None:
    owning = {
        path.name
        for path in FILES
        if "self-hosted" in str([j.get("runs-on") for j in read(path.name)["jobs"].values()])
    }
    assert owning == {"device.yml"}
    assert list(read("device.yml")["on"]) == ["workflow_call"]
    calling = [
        (path.name, job)
        for path in FILES
        for job in read(path.name)["jobs"].values()
        if job.get("uses", "").endswith("/device.yml")
    ]
    assert {name for name, _ in calling} == {"hardware.yml"} and len(calling) == 3
    for _, job in calling:
        asked, inside = job["if"].split(" && (", 1)
        assert re.fullmatch(r"vars\.HAS_\w+_RUNNER == 'true'", asked)
        assert inside == f"github.event_name != 'pull_request' || github.event.label.name == 'hardware' && {FORK})"
    assert set(read("hardware.yml")["on"]) == {"schedule", "workflow_dispatch", "pull_request"}

"""delegraph is imported on Windows and macOS: nothing needs what only Linux's Python has before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, ctypes, importlib, mmap, multiprocessing, os, pkgutil, platform, signal, socket, subprocess, sys
import tempfile
from pathlib import Path
import jinja2, moderngl, numpy, PIL.Image, rich.console, rich.progress, rich.table, typer

gone = {
    os: "O_ASYNC O_CLOEXEC O_NONBLOCK MFD_CLOEXEC fork geteuid getuid getloadavg memfd_create pread pwrite statvfs "
        "sched_getaffinity posix_fadvise killpg setsid register_at_fork",
    signal: "SIGKILL SIGALRM SIGUSR1 SIGCHLD SIGHUP SIGPIPE SIGQUIT alarm setitimer pthread_kill",
    socket: "AF_UNIX CMSG_LEN SCM_RIGHTS recv_fds send_fds",
    mmap: "MAP_SHARED MAP_PRIVATE PROT_READ PROT_WRITE",
}
for module, names in gone.items():
    for name in names.split():
        if name in vars(module):
            delattr(module, name)
sys.modules.update(dict.fromkeys(["fcntl", "resource", "termios", "pwd", "grp", "pty", "tty", "readline", "syslog"]))
sys.platform = sys.argv[1]

def walk(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "torch":  # an extra, which some modules are all about
            raise
        return 1
    inside = [info.name for info in pkgutil.iter_modules(getattr(module, "__path__", [])) if info.name != "__main__"]
    return 1 + sum(walk(f"{name}.{inner}") for inner in inside)

import delegraph
count = sum(walk(f"delegraph{part}") for part in ("", ".delegates", ".partitioner", ".shaders"))
for name in delegraph.__all__:
    getattr(delegraph, name)

from delegraph.costbook import CostBook
from delegraph.delegates.cpu import CPUDelegate
from delegraph.delegates.bridge.address import parse_address
cpu, path = CPUDelegate(), Path(sys.argv[2])
for seconds in (1.0, 2.0):
    book = CostBook(path)
    book.add_partition(cpu, "key", seconds)
    book.save()
assert CostBook(path).partition(cpu, "key") == 2.0
parse_address("tcp://127.0.0.1:0").listen().close()
print(count)
"""


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_every_module_is_imported_without_what_other_systems_lack(system: str, tmp_path: object) -> None:
    command = [sys.executable, "-c", SCRIPT, system, f"{tmp_path}/costs.jsonl"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200

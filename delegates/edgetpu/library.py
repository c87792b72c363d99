"""libedgetpu's C API through ctypes: which devices there are, and of which version it is.

Names, numbers and layouts are those of `edgetpu_c.h` in google-coral/libedgetpu.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

from ...errors import DeviceAbsent
from .devices import Device

NAME = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}.get(sys.platform, "libedgetpu.so.1")
KINDS = {0: "pci", 1: "usb"}  # edgetpu_device_type
REMEDY = "install libedgetpu1-std (docs/edgetpu.md)"
FOLDERS = ("/usr/lib", "/usr/local/lib", "/lib", "/usr/lib64", "/opt/homebrew/lib")
CACHE = Path("/etc/ld.so.cache")  # of glibc's loader: the names of what it finds lie in there as they are


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("path", ctypes.c_char_p)]


def installed(path: str | None) -> bool:
    """Whether a library seems to be there, found without loading it."""
    if path is not None:
        return Path(path).is_file()
    if CACHE.is_file() and f"{NAME}\0".encode() in CACHE.read_bytes():
        return True
    folders = [*os.environ.get("LD_LIBRARY_PATH", "").split(":"), *FOLDERS]
    return sys.platform == "win32" or any(Path(folder, NAME).is_file() for folder in folders if folder)


class Library:
    """One libedgetpu, loaded into this process."""

    def __init__(self, path: str | None = None) -> None:
        """Load it from a path, or by its name. Raises DeviceAbsent, saying why it does not load and what helps."""
        self.path = path or NAME
        try:
            self._library = ctypes.CDLL(self.path)
        except OSError as error:
            raise DeviceAbsent(f"{self.path} does not load ({error}): {REMEDY}") from error
        try:
            self._list = self._library.edgetpu_list_devices
            self._free = self._library.edgetpu_free_devices
            self._version = self._library.edgetpu_version
        except AttributeError as error:
            raise DeviceAbsent(f"{self.path} is no libedgetpu ({error}): {REMEDY}") from error
        self._list.argtypes, self._list.restype = [ctypes.POINTER(ctypes.c_size_t)], ctypes.POINTER(_Device)
        self._free.argtypes, self._free.restype = [ctypes.POINTER(_Device)], None
        self._version.argtypes, self._version.restype = [], ctypes.c_char_p

    def devices(self) -> list[Device]:
        """The devices, in the order by which they are numbered."""
        count = ctypes.c_size_t()
        found = self._list(ctypes.byref(count))
        try:
            return [
                Device(KINDS.get(found[i].type, f"type {found[i].type}"), (found[i].path or b"").decode())
                for i in range(count.value)
            ]
        finally:
            if found:
                self._free(found)

    def version(self) -> str:
        """What it calls itself: "BuildLabel(...), RuntimeVersion(14)"."""
        return (self._version() or b"").decode("utf-8", "replace")


def runtime_version(version: str) -> int | None:
    """The number in "RuntimeVersion(14)"; None where there is none."""
    found = re.search(r"RuntimeVersion\((\d+)\)", version)
    return int(found[1]) if found else None

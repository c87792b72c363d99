"""Which Edge TPU is meant, and which there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DeviceAbsent, UnknownDevice

WRITTEN = re.compile(r"(usb|pci|)(?::(\d{1,3}))?")
# (vendor, product) of Coral's USB Accelerator before its firmware is loaded and after, from libedgetpu's udev rules.
USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}


@dataclass(frozen=True)
class Device:
    """An Edge TPU as libedgetpu lists it: "usb" or "pci", and a path of the system's."""

    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind} Edge TPU {self.path}"


@dataclass(frozen=True)
class Wanted:
    """What a device string asks for: a kind or any, and which of those by libedgetpu's order, or any."""

    kind: str = ""
    index: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> Wanted:
        """From None (any), ":N", "usb", "usb:N", "pci" or "pci:N". Raises UnknownDevice (a ValueError)."""
        found = WRITTEN.fullmatch("" if text is None else text) if isinstance(text, str | None) else None
        if found is None:
            raise UnknownDevice(f"no Edge TPU is called {text!r}: say ':N', 'usb', 'usb:N', 'pci', 'pci:N', or None")
        return cls(found[1], None if found[2] is None else int(found[2]))

    def __str__(self) -> str:
        return self.kind + ("" if self.index is None else f":{self.index}")

    def pick(self, devices: Sequence[Device]) -> Device:
        """The first device that is meant. Raises DeviceAbsent, saying which there are."""
        able = [device for device in devices if self.kind in ("", device.kind)]
        if (self.index or 0) < len(able):
            return able[self.index or 0]
        if devices:
            raise DeviceAbsent(f"there is no Edge TPU {str(self)!r}; there are {', '.join(map(str, devices))}")
        raise DeviceAbsent(f"libedgetpu finds no Edge TPU{_seen()}")


def _seen() -> str:
    """What the system itself sees of Edge TPUs, where libedgetpu sees none: then it may lack permission."""
    usb = Path("/sys/bus/usb/devices")
    for folder in sorted(usb.iterdir()) if usb.is_dir() else ():
        ids = tuple(_line(folder / name) for name in ("idVendor", "idProduct"))
        if ids in USB_IDS:
            return (
                f", but the system has one at USB {folder.name} ({':'.join(ids)}): this user may not open it. Add the "
                "user to the group plugdev, install libedgetpu's udev rules, and plug it in again"
            )
    if Path("/sys/class/apex").is_dir():
        return ", but the system has /sys/class/apex: this user may not open /dev/apex_0. Add the user to its group"
    return ": plug one in (into USB 3), or look whether it is (lsusb shows 1a6e:089a or 18d1:9302; ls /dev/apex_*)"


def _line(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""

"""What goes wrong and why: the errors raised, each also the type that TensorFlow Lite raises there, and Reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why something was refused: `code` for programs, what was `met` against what was `wanted` for people."""

    code: str
    met: str = ""
    wanted: str = ""

    def __str__(self) -> str:
        """One line: `code: met (wanted ...)`."""
        tail = f": {self.met}" if self.met else ""
        return f"{self.code}{tail}" + (f" (wanted {self.wanted})" if self.wanted else "")


class DelegraphError(Exception):
    """Base of every error that is this library's own."""


class InvalidModel(DelegraphError, ValueError):
    """The bytes are not a usable .tflite model; the message names the field."""

    def __init__(self, field: str, problem: str) -> None:
        """`field` is a path such as `subgraphs[0].tensors[3].buffer`; `problem` says what is wrong with it."""
        super().__init__(f"invalid model: {field}: {problem}")
        self.field = field
        self.problem = problem


class UnsupportedOp(DelegraphError, RuntimeError):
    """No delegate can run an op; the message names the op and gives every delegate's reasons."""


class PlacementError(DelegraphError, RuntimeError):
    """What was demanded of a placement cannot be had; the message says which demand, and what stands against it."""


class DelegateError(DelegraphError, RuntimeError):
    """A delegate could not start, compile or run; the message says what would mend it."""


class DeviceAbsent(DelegateError):
    """A delegate's device, or the library that leads to it, is not here; the message says what helps."""


class VersionMismatch(DelegateError):
    """Two parts that have to fit are of versions that do not; the message names both, and which to change."""


class UnknownDevice(DelegraphError, ValueError):
    """A device was asked for in words that no delegate knows; the message says which it knows."""


class TwinMismatch(DelegraphError, ValueError):
    """A CPU twin is not the model that a compiled one was made from; the message names the tensor that differs."""


class StepFailed(DelegateError):
    """What a delegate raised at a step of a plan: `delegate` names it, `ops` are at stake, all that it has if empty."""

    def __init__(self, message: str, delegate: str, ops: tuple[int, ...] = ()) -> None:
        """`ops` are those of the partition that failed; empty where it was the device's memory or a copy."""
        super().__init__(message)
        self.delegate = delegate
        self.ops = ops


class Learned(DelegateError):
    """A delegate met values that it did not expect; it knows now, and a new plan with it runs them."""


class BridgeError(DelegateError):
    """Something is wrong between here and a device behind a bridge."""


class BridgeUnreachable(BridgeError):
    """Nobody answers at the other end, or not in time."""


class BridgeCut(BridgeError):
    """The connection ended, perhaps in the middle of a message."""


class BridgeVersion(BridgeError):
    """The two ends speak different versions of the protocol."""


class BridgeSecret(BridgeError):
    """The two ends do not have the same shared secret, or one has none."""


class BridgeMalformed(BridgeError):
    """What came over a bridge is not what the protocol allows there."""


class BridgeTooLarge(BridgeError):
    """A message or a request over a bridge claims more memory than is allowed; none was taken."""


class InvalidPlan(DelegraphError, ValueError):
    """A plan's JSON is malformed or belongs to another model; the message names the field."""

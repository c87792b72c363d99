"""What happens beside the results: a device that is missing, a step that failed, a plan made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something worth knowing that happened.

    `kind` is "absent" (a device is not here), "failed" (a step raised), "replanned" (there is a new plan without what
    failed), "retried" (what failed is tried again), "restarted" (what stands behind a delegate was lost, and is there
    anew: another child process, another connection) or "learned" (values did not fit as they were stored; there is a
    new plan for them).
    """

    kind: str
    delegate: str
    message: str


Note = Callable[[Event], None]

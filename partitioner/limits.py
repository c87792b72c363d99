"""Limits on partitions: what is in too small a partition, or in one too many, goes to another delegate."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..delegates.base import Partition, no
from ..errors import PlacementError
from .capability import Table
from .fastest import Placed
from .rules import Rules, ban


def limited(
    assign: Callable[[Table], Placed], table: Table, spared: Collection[str], rules: Rules
) -> tuple[Placed, Table]:
    """A placement within the limits, and the table that led to it, in which what a limit ruled out is refused.

    `assign` places by a table; no limit moves anything away from the delegates in `spared`. Raises
    PlacementError where no way is found to have few enough partitions.
    """
    while True:
        placed = assign(table)
        small = [
            p for p in placed.partitions
            if p.delegate not in spared and len(_live(p, placed)) < rules.min_partition_ops and _free(p, placed, table)
        ]  # fmt: skip
        why = no("min_partition_ops", "a smaller partition", f"at least {rules.min_partition_ops} ops")
        if not small and rules.max_partitions is not None and len(placed.partitions) > rules.max_partitions:
            small = _surplus(placed, table, spared, rules.max_partitions)
            why = no("max_partitions", "a partition too many", f"at most {rules.max_partitions}")
        if not small:
            return placed, table
        rows = [dict(row) for row in table]
        for p in small:
            ban(rows, _free(p, placed, table), {p.delegate}, why)
        table = tuple(rows)


def _live(partition: Partition, placed: Placed) -> list[int]:
    return [op for op in partition.ops if op in placed.chosen]


def _free(partition: Partition, placed: Placed, table: Table) -> list[int]:
    """The ops of a partition that another delegate could run."""
    return [i for i in _live(partition, placed) if sum(verdict.ok for verdict in table[i].values()) > 1]


def _surplus(placed: Placed, table: Table, spared: Collection[str], most: int) -> list[Partition]:
    """The smallest partitions that can go away, as many as would do if each makes its two neighbours one."""
    able = [p for p in placed.partitions if p.delegate not in spared]
    whole = [p for p in able if len(_free(p, placed, table)) == len(_live(p, placed))]
    if not whole:
        raise PlacementError(
            f"max_partitions is {most}, but the fewest that were found are {len(placed.partitions)}: "
            f"no delegate can run more of the graph in one piece"
        )
    whole.sort(key=lambda p: len(p.ops))
    return whole[: max(1, (len(placed.partitions) - most) // 2)]

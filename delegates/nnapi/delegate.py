"""The NNAPI delegate: parts of a graph as programs for Android's Neural Networks API, here or on a phone elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ...buffers import Arena
from ...errors import DelegateError, Reason
from ...graph.model import Graph, Op
from ..base import YES, Cost, Executable, Lowering, Partition, Probe, Rates, Use, Verdict, no, shapes_unknown
from ..bridge.remote import Far, over_a_bridge
from ..engine import Near, Port, Program, Site
from ..on_host import HostForms
from ..work import roofline
from .abi import LEVELS, PREFERENCES
from .engine import NNAPIEngine
from .float_weights import hybrid, with_float_weights
from .folding import folded
from .node import Node, assemble, lowered, variables
from .recording import Recording, record
from .unsigned import at_level

# A phone's accelerator behind its driver, by guess: a few hundred microseconds a run, little an operation.
RATES = Rates(flops=1e11, bandwidth=1e10, launch=1e-5, run=3e-4)
ASSUMED = LEVELS[-1]  # where nothing is known of the phone: what it lacks is an error when it is met
# What an operation does otherwise than TFLite's, where the documentation of NNAPI says so.
NOTES = {
    "LOCAL_RESPONSE_NORMALIZATION": "NNAPI sums as many neighbours on either side, the reference kernel one less",
    "TOPK_V2": "of equal values NNAPI gives the place that is further on, TFLite the first",
}
WIDENED = "its quantised weights are handed over as floats, and what meets them is not quantised"


class NNAPIDelegate(HostForms):
    """Claims what NNAPI's documentation has, at the feature level of the phone; runs it there.

    Planning needs no phone: the level is given, or recorded by `probe()` with what the device says it takes.
    """

    name = "nnapi"
    holds_state = False
    learns = False

    def __init__(
        self,
        library: str | None = None,
        device: str | None = None,
        preference: str = "fast_single_answer",
        relaxed: bool = False,
        cache_dir: str | None = None,
        feature_level: int | None = None,
        bridge: str | None = None,
        secret: str | bytes | None = None,
        recording: str | Path | Recording | None = None,
        float_weights: bool = False,
    ) -> None:
        """`device` is a type ("cpu", "gpu", "accelerator", "other"), a name or part of one; None: Android chooses.

        `preference` is "low_power", "fast_single_answer" or "sustained_speed". `relaxed` lets floats be reckoned in
        half. `cache_dir` keeps what was compiled. `feature_level` is one of 27 to 31 and 1000006 to 1000008; by
        default the phone's. `library` is the API's file, if it is in no usual place. With `bridge`, the address of
        `delegraph bridge serve` on a phone ("tcp://127.0.0.1:7200"), programs run there; `secret` is as RemoteDelegate
        has it, and `library` and `cache_dir` are that side's to say. `recording` is what another delegate recorded
        (`delegate.recorded.save(path)`): to plan for that phone without it. With `float_weights` layers of floats with
        quantised weights are taken, too, and these handed over as floats (`float_weights.py`). Raises ValueError for a
        level, a preference, an address or a recording that is none, and OSError.
        """
        if feature_level is not None and feature_level not in LEVELS:
            raise ValueError(f"feature_level {feature_level!r} is none: say one of {', '.join(map(str, LEVELS))}")
        if preference not in PREFERENCES:
            raise ValueError(f"preference {preference!r} is none: say {', '.join(PREFERENCES)}")
        if bridge is not None and (library or cache_dir):
            raise ValueError("library and cache_dir are said where the bridge is served, not here")
        self._options = f"{device or 'any device'}, {preference}{', relaxed' if relaxed else ''}, {bridge or 'here'}"
        self._device, self._preference = device or "", PREFERENCES[preference]
        self._relaxed, self._given, self._float_weights = relaxed, feature_level, float_weights
        self.site: Site = (
            Near(NNAPIEngine(library, cache_dir)) if bridge is None else Far(bridge, self.name, self.name, secret)
        )
        self.space = self.site.space
        self.recorded = recording if isinstance(recording, Recording | None) else Recording.load(recording)
        self.rates = RATES if bridge is None else over_a_bridge(RATES)

    @property
    def level(self) -> int:
        """The feature level that is planned for."""
        if self._given is not None:
            return self._given
        return self.recorded.level if self.recorded is not None else ASSUMED

    def probe(self) -> Probe:
        """Here where the API answers; what it takes is then recorded, once."""
        try:
            detail = self.site.here()
            if self.recorded is None:
                self.recorded = record(self.site, self._device, self._device or detail)
        except DelegateError as error:
            far = isinstance(self.site, Far)  # then the error itself says what helps
            remedy = "" if far else "run it on Android, or reach a phone with bridge='tcp://...' (docs/nnapi.md)"
            return Probe(False, str(error), remedy)
        return Probe(True, detail)

    def fingerprint(self) -> str:
        """The devices with their drivers, and the options."""
        return f"{self.probe().detail}, {self._options}"

    def supports(self, graph: Graph, op: Op) -> Verdict:
        """By the mapping at the feature level, and by what the device said of such operations."""
        if op.index in graph.folded_ops:
            return YES
        unknown = shapes_unknown(graph, op)
        if not unknown.ok:
            return unknown
        view = self._view(graph)
        nodes = lowered(view, view.ops[op.index], self.level)
        if isinstance(nodes, Reason):
            return Verdict((nodes,))
        refused = self.recorded.refusal(view, nodes) if self.recorded is not None else ""
        if refused:
            return no("device", refused, "an operation that the device said it takes")
        widened = self._float_weights and any(hybrid(graph, op))
        return Verdict(note=WIDENED if widened else NOTES.get(op.kind, ""))

    def _view(self, graph: Graph) -> Graph:
        """The graph as the phone gets it."""
        return at_level(with_float_weights(graph) if self._float_weights else graph, self.level)

    def estimate(self, graph: Graph, ops: Iterable[int]) -> Cost:
        """Each op's arithmetic and bytes over the device's rates."""
        live = (graph.ops[i] for i in ops if i not in graph.folded_ops)
        return self.rates.cost(roofline(graph, live, self.rates))

    def lower(self, graph: Graph, ops: tuple[int, ...], keep: frozenset[int] = frozenset()) -> Lowering:
        """One launch: the API runs the whole partition."""
        return Lowering((Use(*graph.boundary(ops, keep)),), folded=frozenset(ops) & graph.folded_ops)

    def allocate(self, nbytes: int) -> Arena:
        """Memory where the device is. Raises DelegateError."""
        return self.site.allocate(nbytes)

    def program(self, graph: Graph, partition: Partition, keep: frozenset[int] = frozenset()) -> Program:
        """What the engine gets for a partition. Pure. Raises DelegateError where an op of it is not taken."""
        nodes: list[Node] = []
        view = self._view(graph)
        for op in (view.ops[i] for i in partition.ops if i not in graph.folded_ops):
            found = lowered(view, op, self.level)
            if isinstance(found, Reason):
                raise DelegateError(f"nnapi: op {op.index} ({op.label}): {found}")
            nodes += found
        inputs, outputs, remembered = (
            {t: Port(graph.tensors[t].name, graph.tensors[t].shape, graph.tensors[t].dtype) for t in side}
            for side in (partition.inputs, partition.outputs, variables(nodes))
        )
        made = assemble(view, folded(nodes, partition.outputs), partition.inputs, partition.outputs)
        made = replace(made, relaxed=self._relaxed, device=self._device, preference=self._preference)
        return Program(made.write(), inputs, outputs, remembered)

    def compile(
        self,
        graph: Graph,
        partition: Partition,
        arena: Arena,
        offsets: Mapping[int, int],
        keep: frozenset[int] = frozenset(),
    ) -> Executable:
        """Load a partition's program into the engine. Raises DelegateError."""
        return self.site.load(self.program(graph, partition, keep), arena, offsets)

    def close(self) -> None:
        """Give the device back."""
        self.site.close()

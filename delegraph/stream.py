"""Many frames through one plan: several at once, each in memory of its own, so that its stages overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from .graph.model import Graph
from .graph.ties import assigns
from .session import Session

Frame = NDArray[Any] | Sequence[NDArray[Any]] | Mapping[str, NDArray[Any]]
Made = NDArray[Any] | tuple[NDArray[Any], ...]
Frames = Iterable[Frame] | AsyncIterable[Frame]
Inference = Callable[[Session, Frame], Made]


class Stream(Iterator[Made], AsyncIterator[Made]):
    """The outputs of frames, in their order, in a `for` or an `async for` loop.

    A frame is taken in when one of the sessions is free: there are never more under way than sessions. Where a frame
    fails, its turn raises the exception, and iteration may go on with the next.
    """

    def __init__(
        self, sessions: Sequence[Session], frames: Frames, own: Sequence[Session], run: Inference | None = None
    ) -> None:
        """`sessions` are allocated and carry out one plan; `own` are those of them that are closed at the end.

        `run` is what carries out a frame, `inference` unless given.
        """
        self._run = run or inference
        self._frames = frames
        self._source: Any = None
        self._free = deque(sessions)
        self._own = own
        self._under_way: deque[tuple[Future[Made], Session | None]] = deque()
        self._pool = ThreadPoolExecutor(len(sessions), "delegraph-stream")
        self._over = False

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Made:
        if self._source is None:
            if not isinstance(self._frames, Iterable):
                raise TypeError("these frames come asynchronously: take them with `async for`")
            self._source = iter(self._frames)
        while self._free and not self._over:
            try:
                self._begin(next(self._source))
            except StopIteration:
                self._over = True
            except Exception as error:
                self._end_with(error)
        if not self._under_way:
            self.close()
            raise StopIteration
        future, session = self._under_way[0]
        try:
            return future.result()
        finally:
            self._done(session)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Made:
        if self._source is None:
            frames = self._frames
            self._source = aiter(frames) if isinstance(frames, AsyncIterable) else _in_time(iter(frames))
        while self._free and not self._over:
            try:
                self._begin(await anext(self._source))
            except StopAsyncIteration:
                self._over = True
            except Exception as error:
                self._end_with(error)
        if not self._under_way:
            self.close()
            raise StopAsyncIteration
        future, session = self._under_way[0]
        import asyncio  # takes 0.04 s, and most never need it

        await asyncio.wait([asyncio.wrap_future(future)])
        try:
            return future.result()
        finally:
            self._done(session)

    def _begin(self, frame: Frame) -> None:
        session = self._free.popleft()
        self._under_way.append((self._pool.submit(self._run, session, frame), session))

    def _end_with(self, error: Exception) -> None:
        """The frames themselves broke off: the last turn raises why."""
        self._over = True
        broken: Future[Made] = Future()
        broken.set_exception(error)
        self._under_way.append((broken, None))

    def _done(self, session: Session | None) -> None:
        self._under_way.popleft()
        if session is not None:
            self._free.append(session)

    def close(self) -> None:
        """Wait for what is under way and give back what it took. May be called twice; the end of a loop does it."""
        self._over = True
        self._pool.shutdown(cancel_futures=True)
        for session in self._own:
            session.close()

    def __enter__(self) -> Stream:
        """The stream itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()


async def _in_time(frames: Iterator[Frame]) -> AsyncIterator[Frame]:
    """Frames that come synchronously, waited for in another thread."""
    import asyncio

    end = object()
    while (frame := await asyncio.to_thread(next, frames, end)) is not end:
        yield frame  # type: ignore[misc]


def inference(session: Session, frame: Frame) -> Made:
    """One frame's outputs: an array where the model has one output, else all, in the model's order.

    Raises ValueError where the frame does not fit the model's inputs, DelegateError where a step fails.
    """
    for index, value in assigned(session, frame).items():
        session.set_tensor(index, value)
    session.invoke()
    made = tuple(session.get_tensor(t) for t in session.graph.outputs)
    return made[0] if len(made) == 1 else made


def assigned(session: Session, frame: Frame) -> dict[int, NDArray[Any]]:
    """Input index -> value. Raises ValueError for too few, too many or unknown ones."""
    graph = session.graph
    names = {graph.tensors[t].name: t for t in graph.inputs}
    if isinstance(frame, Mapping):
        if frame.keys() != names.keys():
            raise ValueError(f"a frame has {sorted(frame)}, the model's inputs are {sorted(names)}")
        return {names[name]: value for name, value in frame.items()}
    values: list[Any] = list(frame) if isinstance(frame, (list, tuple)) else [frame]
    if len(values) != len(graph.inputs):
        raise ValueError(f"a frame has {len(values)} arrays, the model has {len(graph.inputs)} inputs")
    return dict(zip(graph.inputs, values, strict=True))


def remembers(graph: Graph) -> str:
    """Which op keeps something from one inference to the next; empty if none does."""
    for op in graph.ops:
        held = (graph.tensors[t] for t in (*op.inputs, *op.outputs) if t >= 0)
        if any(t.is_variable or t.type == "RESOURCE" for t in held) or assigns(graph, op):
            return f"op {op.index} ({op.label}) remembers what it saw"
    return ""

"""10,000 pictures through two workers of Ray's, one of which is killed on the way: none is lost, and all are right."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delegraph.data import digits, held_out
from delegraph.predictor import Predictor

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'delegraph[ray]'"),
]

COUNT = 10_000


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # where workers find this module
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    yield ray
    ray.shutdown()


class Killed(Predictor):
    """A predictor whose worker dies once: the first that finds the file takes it away, and goes."""

    def __init__(self, fuse: str, notes: str, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._fuse, self._notes, self._batches = Path(fuse), Path(notes), 0

    def __call__(self, batch: Any) -> dict[str, Any]:
        (self._notes / str(os.getpid())).touch()
        self._batches += 1
        if self._batches == 3:
            try:
                self._fuse.unlink()
            except FileNotFoundError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def test_ten_thousand_pictures_survive_the_kill_of_a_worker(ray: Any, tmp_path: Path) -> None:
    images, labels = held_out()
    fuse, notes = tmp_path / "fuse", tmp_path / "workers"
    fuse.touch()
    notes.mkdir()
    order = np.arange(COUNT) % len(images)
    frames = ray.data.range(COUNT, override_num_blocks=40).map_batches(
        lambda b: {"row": b["id"], "image": images[b["id"] % len(images)]}, batch_size=250
    )
    made = frames.map_batches(
        Killed,
        fn_constructor_args=(str(fuse), str(notes), digits("f32"), "cpu"),
        batch_size=250,
        concurrency=2,
        num_cpus=0.5,
    )
    found = {}
    for batch in made.iter_batches(batch_size=1000):
        found |= dict(zip(batch["row"].tolist(), scores_of(batch), strict=True))
    assert sorted(found) == list(range(COUNT)) and not fuse.exists()
    assert len(list(notes.iterdir())) >= 3  # two workers, and one in the place of the dead
    single = Predictor(digits("f32"), "cpu")({"row": np.arange(len(images)), "image": images})
    assert all(np.array_equal(found[row], scores_of(single)[k]) for row, k in enumerate(order))
    assert np.mean([found[row].argmax() == labels[k] for row, k in enumerate(order)]) > 0.95


def scores_of(batch: Any) -> Any:
    (name,) = batch.keys() - {"row", "image"}
    return batch[name]

"""Matrices from options and files: the product, what makes no difference left out, and what is misspelt named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from delegraph.bench.matrix import make_matrix
from delegraph.bench.record import Configuration
from delegraph.bench.words import name_of

MODEL = "m.tflite"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / MODEL).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_the_product_of_what_makes_a_difference(folder: Path) -> None:
    axes = {"delegates": ["cpu", "gpu,cpu"], "precision": ["fp32", "fp16"], "threads": [1, 2]}
    made = make_matrix({"models": [MODEL], **axes, "placement": ["priority", "fastest"]})
    assert [c.delegates for c in made.configurations].count("cpu") == 2
    assert [c.delegates for c in made.configurations].count("gpu,cpu") == 8
    assert len(set(map(name_of, made.configurations))) == 10
    assert name_of(Configuration("gpu,cpu", "fp16", 2, 4, "fastest")) == "gpu,cpu (fp16, 2 threads, batch 4, fastest)"


def test_peers_take_the_axes_that_they_have(folder: Path) -> None:
    axes = {"delegates": ["cpu"], "precision": ["fp32", "fp16"], "threads": [2], "peer": ["litert-cpu", "ncnn"]}
    made = make_matrix({"models": [MODEL], **axes}).configurations
    assert [name_of(c) for c in made] == [
        "cpu (2 threads)", "litert-cpu (2 threads)", "ncnn (2 threads)", "ncnn (fp16, 2 threads)"
    ]  # fmt: skip


def test_by_default_it_is_the_cpu_against_all_that_is_here(folder: Path) -> None:
    made = make_matrix({"models": [MODEL]})
    assert [(c.delegates, c.placement) for c in made.configurations] == [("cpu", "priority"), ("auto", "fastest")]


def test_models_of_one_name_are_told_apart(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "old" / MODEL).write_bytes(b"")
    made = make_matrix({"models": [MODEL, f"old/{MODEL}", f"./{MODEL}"]})
    assert list(made.named) == [f"{folder.name}/m", "old/m"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib comes with Python 3.11")
def test_a_file_says_the_same(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / MODEL).write_bytes(b"")
    (folder / "sub" / "bench.toml").write_text(
        'models = ["m.tflite"]\ndelegates = ["cpu"]\nthreads = [1, 2]\nseconds = 3\n'
        '[[configuration]]\ndelegates = "gpu,cpu"\nprecision = "fp16"\n[thresholds]\nrelative_warn = 0.1\n'
    )
    made = make_matrix({"seconds": 1.5, "threads": None}, folder / "sub" / "bench.toml")
    assert made.models == (folder / "sub" / MODEL,)
    assert [name_of(c) for c in made.configurations] == ["cpu (1 thread)", "cpu (2 threads)", "gpu,cpu (fp16)"]
    assert made.settings.seconds == 1.5 and made.settings.thresholds.relative_warn == 0.1


@pytest.mark.parametrize(
    "told, said",
    [
        ({"delegate": ["cpu"]}, "unknown setting 'delegate'; did you mean 'delegates'"),
        ({"delegates": ["gpu,cpus"]}, "unknown delegate 'cpus'; did you mean 'cpu'"),
        ({"delegates": ["gpu,gpu"]}, "'gpu' is named twice"),
        ({"delegates": ["gpu:precision=fp61,cpu"]}, "option 'precision' of delegate 'gpu'"),
        ({"delegates": [3]}, "delegates is text, not 3"),
        ({"precision": "fp61"}, "unknown precision 'fp61'; did you mean 'fp16'"),
        ({"placement": ["fast"]}, "unknown placement 'fast'"),
        ({"threads": [-1]}, "threads is a whole number from 0, not -1"),
        ({"threads": [True]}, "threads is a whole number"),
        ({"batch": 0}, "batch is a number of at least 1, not 0"),
        ({"seconds": "long"}, "seconds is a number from 0, not 'long'"),
        ({"rate": float("nan")}, "rate is a number"),
        ({"peer": ["ncn"]}, "unknown peer 'ncn'"),
        ({"configuration": [{"delegates": "cpu", "thread": 1}]}, r"\[\[configuration\]\]: unknown setting 'thread'"),
        ({"python": {"ncn": "python3"}}, "unknown peer of a python 'ncn'; did you mean 'ncnn'"),
        ({"python": {"ncnn": "gone/bin/python"}}, "python of ncnn: '.*gone/bin/python' is no program"),
        ({"python": {"ncnn": 3}}, "python of ncnn: '3' is no program"),
        ({"configuration": [3]}, "configuration"),
        ({"thresholds": {"cosine": 1}}, r"\[thresholds\]: unknown setting 'cosine'; did you mean 'cosine_"),
        ({"thresholds": 1}, "thresholds is a table"),
        ({"models": []}, "no model is named"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(folder: Path, told: dict[str, Any], said: str) -> None:
    import json

    file = folder / "bench.json"
    file.write_text(json.dumps({"models": [MODEL], **told}))
    with pytest.raises(ValueError, match=rf"bench\.json: .*{said}"):
        make_matrix({}, file)


def test_a_peer_has_a_python_of_its_own(folder: Path) -> None:
    import json

    (folder / "sub").mkdir()
    (folder / "sub" / "python").symlink_to(sys.executable)
    file = folder / "sub" / "bench.json"
    file.write_text(json.dumps({"models": [f"../{MODEL}"], "python": {"ncnn": "./python"}}))
    assert make_matrix({}, file).pythons == {"ncnn": str(folder / "sub" / "python")}
    assert make_matrix({"python": [f"ncnn={sys.executable}"]}, file).pythons == {"ncnn": sys.executable}
    with pytest.raises(ValueError, match="python of onnxruntime: '' is no program; say onnxruntime=VENV/bin/python"):
        make_matrix({"models": [MODEL], "python": ["onnxruntime"]})


def test_a_missing_model_and_a_broken_file_are_named(folder: Path) -> None:
    with pytest.raises(OSError, match=r"gone\.tflite"):
        make_matrix({"models": ["gone.tflite"]})
    (folder / "bench.json").write_text("{")
    with pytest.raises(ValueError, match=r"bench\.json: .*line 1"):
        make_matrix({}, folder / "bench.json")

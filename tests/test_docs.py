"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import inspect
import runpy

import models
from delegraph.delegates.gpu.kernels import kernels


def test_the_page_of_ops_is_up_to_date() -> None:
    made = runpy.run_path(str(models.ROOT / "docs" / "make_ops.py"))
    page = (models.ROOT / "docs" / "ops.md").read_text("utf-8")
    assert page == made["page"](), "run python docs/make_ops.py"


def test_the_table_of_nnapi_is_up_to_date() -> None:
    made = runpy.run_path(str(models.ROOT / "docs" / "make_nnapi.py"))
    page = (models.ROOT / "docs" / "nnapi.md").read_text("utf-8")
    assert page == made["page"](), "run python docs/make_nnapi.py"
    count = page.partition(" kinds of op:")[0].rpartition("\n")[2]
    assert f"| {count} kinds of op" in (models.ROOT / "README.md").read_text("utf-8")


def test_every_kernel_tells_what_it_refuses() -> None:
    modules = {module for found in kernels().values() for module in found}
    assert [m.__name__ for m in modules if "Refuses " not in (inspect.getdoc(m) or "")] == []

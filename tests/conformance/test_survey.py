"""What the reference runs, the GPU runs, but for refusals that `survey/_allowed.py` explains: of some 92,000 models.

The quick tier asks a few models of each kind of op, always the same ones.
"""

from __future__ import annotations

import pytest

from survey import makers
from survey._allowed import allowed
from survey._ask import Survey, grouped, sampled, survey

FEW = 5


def unexplained(found: Survey) -> list[str]:
    """Refusals that no entry covers: each reason once, and how many models it is of."""
    bare = [one for one in found.refused if not any(e.covers(one.form.kind, one.reason) for e in allowed())]
    return [f"{reason}: {len(group)} models, such as {group[0].form.label}" for reason, group in grouped(bare).items()]


def test_some_models_that_the_reference_runs() -> None:
    found = survey([form for kind in sorted(makers()) for form in sampled(kind, FEW)])
    assert found.ran > 300
    assert unexplained(found) == []


def test_what_is_allowed_is_asked() -> None:
    assert {entry.kind for entry in allowed()} <= makers().keys()


@pytest.mark.soak
@pytest.mark.parametrize("kind", sorted(makers()))
def test_all_models_that_the_reference_runs(kind: str) -> None:
    found = survey(sampled(kind))
    assert unexplained(found) == []
    met = [one.reason for one in found.refused]
    unused = [e.pattern for e in allowed() if e.kind == kind and not any(e.covers(kind, reason) for reason in met)]
    assert unused == [], "of these entries of survey/_allowed.py there is nothing any more: take them out"

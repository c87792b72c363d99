"""python tests/survey [KIND ...]"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from survey import makers  # noqa: E402
from survey._ask import grouped, sampled, survey, types  # noqa: E402

for kind in sys.argv[1:] or sorted(makers()):
    found = survey(sampled(kind))
    print(f"{kind}: the reference runs {found.ran}; the GPU refuses {len(found.refused)} of them", flush=True)
    for reason, group in grouped(found.refused).items():
        print(f"    {reason}: {len(group)}, such as {group[0].form.label}")
        print(f"        {'; '.join(sorted({types(one.form) for one in group}))}")
    if found.deadly:
        print(f"    the reference dies of {len(found.deadly)}, such as {found.deadly[0].label}")

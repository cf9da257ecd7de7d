"""`python -m tests.bench [measure…]`: measure on a fresh copy, print the table, write reports/bench/summary.json.

Named measures only are taken after the clone's first start; exit code 1 when a figure exceeds its limit.
"""

import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.bench.measures import MEASURES, Figure
from tests.ground import REPOSITORY, ground

REPORT = REPOSITORY / "reports" / "bench" / "summary.json"


def main(names: list[str]) -> int:
    """Take the measures; the exit code."""
    known = {measure.__name__: measure for measure in MEASURES}
    if strange := set(names) - set(known):
        print(f"bench: no measure {', '.join(sorted(strange))}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    first, *others = MEASURES
    wanted = [first, *(measure for measure in others if not names or measure.__name__ in names)]
    figures: list[Figure] = []
    place = Path(tempfile.gettempdir()) / f"twin-bench-{os.getpid()}"
    with ground(place, twin_id=int(os.environ.get("BENCH_TWIN_ID", "3")), fresh=True) as clone:
        for measure in wanted:
            for figure in measure(clone):
                figures.append(figure)
                print(_line(figure), flush=True)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "system": " ".join(os.uname()[:3:2])}
    REPORT.write_text(json.dumps({"machine": machine, "figures": [asdict(one) for one in figures]}, indent=2) + "\n")
    over = [one.name for one in figures if one.limit is not None and one.value > one.limit]
    if over:
        print(f"bench: over the limit: {'; '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def _line(figure: Figure) -> str:
    limit = f"  (at most {figure.limit:g})" if figure.limit is not None else ""
    detail = "".join(f"\n    {name} {value:g}" for name, value in figure.detail.items())
    return f"{figure.name:<52} {figure.value:8.2f} {figure.unit}{limit}{detail}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

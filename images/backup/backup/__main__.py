"""`python3 -m backup save` makes a snapshot, and `list` prints those that there are.

Both print lines of JSON, as restic has them. The exit code is restic's.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from backup.copies import copy_first, left_out
from backup.plan import Plan, parse
from backup.restic import NO_REPOSITORY, opens, restic, save


@dataclass(frozen=True)
class Paths:
    """Where everything is in the container."""

    plan: Path = Path("/backup/plan.json")
    copies: Path = Path("/copies")
    """What is saved beside the volumes: copies of them, and what the command puts there."""
    left_out: Path = Path("/backup/left-out")


def main(argv: list[str], paths: Paths) -> int:
    """Run one command. Returns the exit code."""
    plan = parse(paths.plan.read_text(encoding="utf-8"))
    paths.plan.unlink()  # so that a container that nobody removes holds no secret
    match argv:
        case ["save"]:
            return _save(plan, paths)
        case ["list"]:
            return opens(plan) or restic(plan, "snapshots", "--host", plan.host)
    print("usage: python3 -m backup save | list", file=sys.stderr)
    return 2


def _save(plan: Plan, paths: Paths) -> int:
    code = opens(plan)
    if code == NO_REPOSITORY:
        code = restic(plan, "init")
    if code:
        return code
    # Of runs that were killed: only locks that are stale, so nobody else's.
    restic(plan, "unlock", quiet=True)
    for source in plan.sources:
        if source.first:
            copy_first(source, paths.copies)
    lines = [line for source in plan.sources for line in left_out(source, time.time())]
    paths.left_out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    tops = [paths.copies, *(source.at for source in plan.sources)]
    return save(plan, paths=tops, left_out=paths.left_out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Paths()))

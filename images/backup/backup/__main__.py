"""`python3 -m backup save` makes a snapshot, and `list` prints those that there are. `forget`
prints which of them are too old, and `prune` removes those. `serve` does all that each day. `look`
prints what a snapshot holds, `restore` puts its data back, and `replace` that of one source in the
place of what is there.

All but `serve` print lines of JSON, as restic has them. The exit code is restic's, or 28 if the
store is full. What only reads takes no lock, for which a full store has no room.
"""

from __future__ import annotations

import sys

from backup.in_place import replace
from backup.plan import parse
from backup.restic import opens, restic
from backup.restore import look, restore
from backup.saving import Paths, make_snapshot
from backup.service import serve
from backup.upkeep import forget


def main(argv: list[str], paths: Paths) -> int:
    """Run one command. Returns the exit code."""
    if argv == ["serve"]:
        serve()
    plan = parse(paths.plan.read_text(encoding="utf-8"))
    paths.plan.unlink()  # so that a container that nobody removes holds no secret
    match argv:
        case ["save"]:
            return make_snapshot(plan, paths)
        case ["list"]:
            return opens(plan) or restic(plan, "snapshots", "--no-lock", "--host", plan.host)
        case ["forget"]:
            return opens(plan) or forget(plan, "--dry-run", "--no-lock")
        case ["prune"]:
            restic(plan, "unlock", quiet=True)
            return forget(plan, "--prune")
        case ["look", wanted]:
            return opens(plan) or look(plan, wanted, paths.copies)
        case ["replace", snapshot]:
            return opens(plan) or replace(plan, snapshot, paths.copies)
        case ["restore", snapshot]:
            return opens(plan) or restore(plan, snapshot, paths.copies)
    usage = "save | list | forget | prune | look ID | replace ID | restore ID | serve"
    print(f"usage: python3 -m backup {usage}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Paths()))

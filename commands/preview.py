"""`preview`: what `up` would change."""

from __future__ import annotations

import json

from commands import name_lookup
from commands.context import Context
from commands.pulumi_cli import deployment, steps_file, told


def run(context: Context) -> int:
    """Show what `up` would change; with `--refresh` it looks at the host first, as `up` does. A
    program that asks for the steps is told where the names of sites lead as well.
    """
    refresh = ["--refresh"] if context.given.get("refresh") else []
    with steps_file(context) as steps:
        leading = name_lookup.begin(context.stack, context.estate) if steps else None
        code = told(context, "preview", *refresh, known=deployment(context))
        for sentence in leading() if leading else ():
            print(json.dumps({"leads": sentence}), file=steps)
    return code

"""`down`: takes the stack down, except its data."""

from __future__ import annotations

from commands import leftovers, live, pulumi_cli
from commands.context import Context


def run(context: Context) -> int:
    """Destroy everything but the data volumes; nothing where another state made something."""
    asks = not context.may_act("destroying")
    known = pulumi_cli.deployment(context)
    leftovers.of_this_state(context, known, pulumi_cli.backend())
    if asks and not context.says_yes(f"This takes down stack {context.stack}, except its data."):
        return 1
    code = pulumi_cli.told(context, "destroy", "--yes", "--skip-preview", known=known)
    if code == 0:
        live.note(context.stack, {})
    return code

"""Why Caddy refuses something, out of all that it prints then."""

from __future__ import annotations

import contextlib
import json
import re

# What it was about to do, and how its admin endpoint wraps an answer.
_AROUND = re.compile(
    r"^Error: |^adapting config using caddyfile: "
    r"|^sending configuration to instance: caddy responded with error: HTTP \d+: "
)


def reason_in(output: str) -> str:
    """The last line's reason alone; all of the output where Caddy ended without one.

    Its log is JSON where no terminal is.
    """
    last = output.strip().rpartition("\n")[2]
    if last.startswith("Error: "):
        return _AROUND.sub("", last.removeprefix("Error: "))
    try:
        entry = json.loads(last)
        if entry["level"] != "error":
            return output
        reason = _AROUND.sub("", entry["msg"]).strip()
    except (ValueError, LookupError, TypeError):
        return output
    with contextlib.suppress(ValueError, LookupError, TypeError):
        reason = str(json.loads(reason)["error"])
    return reason

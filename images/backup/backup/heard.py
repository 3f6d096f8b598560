"""What restic says in a run that nobody watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Heard:
    """Tells the log what matters, and counts what couldn't be read."""

    secrets: Iterable[str] = field(default=(), repr=False)
    """What is never repeated."""
    unread: int = 0
    answer: Any = None
    """The list that restic printed, if it printed one."""

    def __call__(self, line: str) -> None:
        """Take a line of restic's, which is JSON, or else words on what went wrong."""
        try:
            message = json.loads(line)
        except ValueError:
            message = line.strip()
        if isinstance(message, list):
            self.answer = message
        elif not isinstance(message, dict):
            self.say(str(message))
        elif message.get("message_type") == "error":
            self.unread += 1
            if "error" in message:  # of a file; a check has plain sentences
                self.say(f"{message.get('item', '')}: {message['error'].get('message', '')}")
            else:
                self.say(str(message.get("message", "")))
        elif message.get("message_type") == "exit_error":
            self.say(str(message.get("message", "")))
        elif message.get("message_type") == "summary" and "snapshot_id" in message:
            read, new = (message.get(key, 0) for key in ("total_bytes_processed", "data_added"))
            self.say(f"saved snapshot {message['snapshot_id'][:8]}: {read} bytes, {new} new")

    def say(self, text: str) -> None:
        """One line of the log."""
        for secret in sorted(filter(None, self.secrets), key=len, reverse=True):
            text = text.replace(secret, "…")
        if text:
            print(" ".join(text.split()), file=sys.stderr, flush=True)

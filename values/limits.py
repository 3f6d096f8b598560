"""What one site may take of the publisher."""

from __future__ import annotations

from typing import Annotated

from values.model import Model, between


class Limits(Model):
    """What one run of git may take. What would take more isn't published."""

    seconds: Annotated[int, between(1, 3600)] = 300
    mib: Annotated[int, between(1, 100_000)] = 512
    """Both of what is fetched and of what is published."""
    files: Annotated[int, between(1, 500_000)] = 50_000

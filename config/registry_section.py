"""The section `homeport:registry`: the package index and the image registry."""

from __future__ import annotations

from typing import Annotated

from values.model import Model, between


class RegistrySettings(Model):
    """A package index at `pypi.<domain>` and an image registry at `registry.<domain>`."""

    upload_mib: Annotated[int, between(1, 10_000)] = 512
    """Size of the largest package that can be uploaded."""

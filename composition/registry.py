"""The registries."""

from __future__ import annotations

from config.settings import ROOT


def packages_server() -> str:
    """The settings of the server in front of the package index."""
    return (ROOT / "components/registry/pypi_gunicorn.py").read_text()

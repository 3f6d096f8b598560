"""Processes that a killed update left: the engine's plugins outlive it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil

from config.settings import ROOT

_ENGINE = "pulumi"
_PLUGINS = ("pulumi-resource-", "pulumi-language-", "pulumi.dynamic")


def end() -> None:
    """End those of this checkout whose engine is gone, and say so."""
    left = list(_orphans())
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if left:
        print(f"ended what an interrupted update left running ({len(left)})")


def _orphans() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if (
                process.cwd() == str(ROOT)
                and any(plugin in word for word in process.cmdline()[:4] for plugin in _PLUGINS)
                and all(each.name() != _ENGINE for each in (process, *process.parents()))
            ):
                yield process

"""Which tests share a stack, and so one worker, and which of them begin first."""

from __future__ import annotations

import re
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

_OVER_SSH = re.compile(r"[\[-]ssh[]-]")
_SHARED = {
    "test_bad_lines": "estate",
    "test_console": "few",
    "test_downloads": "few",
    "test_gateway": "estate",
    "test_healing": "few",
    "test_hosting": "few",
    "test_isolation": "estate",
    "test_nuisance": "estate",
    "test_site_changes": "few",
    "test_site_rules": "estate",
    "test_sites": "estate",
    "test_upgrades": "few",
    "test_websockets": "few",
    "test_without_restarts": "few",  # the last by its name, as it leaves the stack changed
}
"""Files that share a stack, which has its fixture's name; all others have one of their own."""
_STACKS_OF_THEIR_OWN = {"test_acme", "test_restore", "test_stack", "test_volume_files"}
"""Files whose stack isn't the whole one over SSH, though its host is the same."""
_SECONDS = {
    "ssh": 700,
    "few": 650,
    "test_prometheus": 300,
    "test_faults": 280,
    "test_vault_server": 280,
    "test_publisher": 270,
    "test_remote": 265,
    "test_registry": 250,
    "test_vault": 190,
    "test_newcomer": 140,
    "estate": 140,
    "test_backup": 130,
    "test_bad_versions": 115,
    "test_older_checkout": 105,
    "test_stack": 100,
    "test_official": 90,
    "test_daily_backup": 85,
    "test_console_secrets": 75,
    "test_bare_host": 65,
    "test_console_pages": 55,
}
"""How long the longest groups take, roughly."""


def group(nodeid: str) -> str:
    """What a test shares a worker with: the second host, a stack, or else its file."""
    file = _file(nodeid)
    return "ssh" if _OVER_SSH.search(nodeid) else _SHARED.get(file, file)


def turn(nodeid: str) -> tuple[int, str, bool]:
    """Sorts tests. The longest group is first, so that all workers end at about the same time. Over
    SSH small stacks come and go before the one with every part.
    """
    name = group(nodeid)
    return -_SECONDS.get(name, 0), name, _file(nodeid) not in _STACKS_OF_THEIR_OWN


def _file(nodeid: str) -> str:
    return Path(nodeid.partition("::")[0]).stem


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each group to one worker. xdist's own groups need a pytest before 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

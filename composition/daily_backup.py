"""What saves the stack's data each day, where the stack's file has a time for it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.backup.backup import BackupArgs
from components.backup.container import TARGETS, environment, plan
from components.targets import Target
from components.vault import server_config as vault
from composition.backup import what_is_saved
from config.backup_section import BackupSection
from config.estate import Estate
from config.settings import PROJECT
from host.docker_host import DockerHost
from values.model import opened


def backup_args(
    estate: Estate, section: BackupSection, host: DockerHost, after: Sequence[pulumi.Resource]
) -> BackupArgs:
    """What saves each day. `after` is what makes the volumes."""
    saved = what_is_saved(estate, section)
    told = environment(
        section.repository,
        is_folder=bool(section.folder),
        password=opened(section.password) or "",
        credential={name: value.get_secret_value() for name, value in section.env.items()},
    )
    login = {
        "url": f"http://{vault.COMPONENT}:{vault.PORT}",
        "role_id": opened(section.role_id),
        "secret_id": opened(section.secret_id),
    }
    return BackupArgs(
        host=host,
        image=estate.images.backup,
        plan=plan(
            f"{PROJECT}-{estate.stack}",
            told,
            saved,
            at=section.at,
            keep=section.keep.model_dump(),
            verify=section.verify,
            prunes=not section.prune_env,
            vault=login if estate.settings.vault else {},
        ),
        volumes=[one.volume for one in saved],
        folder=section.folder,
        outside=estate.settings.outside and not section.folder,
        after=after,
    )


def targets_of_the_backup(estate: Estate) -> tuple[Target, ...]:
    """Where it tells its figures. As data, because it comes after Prometheus, whose volumes it
    reads.
    """
    return TARGETS if estate.settings.daily_backup else ()

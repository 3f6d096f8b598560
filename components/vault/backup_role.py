"""The login by which a backup on the host gets the vault's snapshot, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.vault.server_config import APPROLE, PROGRAM_POLICY, rules

if TYPE_CHECKING:
    import pulumi

NAME = "homeport-backup"
"""The role, and its policy."""
AT = f"auth/{APPROLE}/role/{NAME}"
POLICY = rules({"sys/storage/raft/snapshot": "read"})
ROLE = {
    "token_type": "batch",
    "token_ttl": 15 * 60,
    "token_policies": [NAME],
    "token_no_default_policy": True,
}
"""A batch token costs the storage nothing, and ends by itself."""
_MAKES_THE_LOGIN = rules(
    {f"{AT}/role-id": "create update", f"{AT}/custom-secret-id": "create update"}
)


@dataclass(frozen=True, kw_only=True)
class BackupLogin:
    """What the backup logs in with."""

    role_id: pulumi.Input[str] = field(repr=False)
    secret_id: pulumi.Input[str] = field(repr=False)

    @property
    def props(self) -> dict[str, pulumi.Input[str]]:
        """As a resource's property."""
        return {"role_id": self.role_id, "secret_id": self.secret_id}


def program_policy(*, backup: bool) -> str:
    """What the program may do. It makes no login but that of a declared backup."""
    return PROGRAM_POLICY + (_MAKES_THE_LOGIN if backup else "")

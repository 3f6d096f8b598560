"""`python -m commands NAME --stack STACK`: the table of commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial

from commands import (
    backup,
    backup_key,
    ca,
    console,
    down,
    drift,
    logs,
    outdated,
    preview,
    probe,
    purge,
    registry_gc,
    restore,
    restore_only,
    status,
    up,
    user,
    vault_key,
    vault_reset,
    vault_snapshot,
)
from commands.context import Context
from commands.error import CommandError
from config import loading
from config.model import ConfigError
from host.provider import sentence


def main(argv: list[str]) -> int:
    """Run one command. Exit codes: its own, 1 for an error told in a sentence, 2 for usage."""
    parser = argparse.ArgumentParser(prog="python -m commands")
    names = parser.add_subparsers(dest="command", required=True)
    for name, (help_text, _) in COMMANDS.items():
        sub = names.add_parser(name, help=help_text)
        sub.add_argument("--stack", default="local")
        for option in OPTIONS.get(name, ()):
            sub.add_argument(f"--{option}", default="")
    args = vars(parser.parse_args(argv))
    _, run = COMMANDS[args.pop("command")]
    try:
        code = run(Context(args.pop("stack"), loading.of_files, args))
        sys.stdout.flush()
    except (CommandError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has read enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets to read it
        print(sentence(error, {}), file=sys.stderr)
        return 1
    return code


def _restore(context: Context) -> int:
    if context.given["only"]:
        return restore_only.run(context)
    ready = partial(up.ready, restores=True)
    return restore.run(context, restore.Up(ready, up.update, up.whole))


COMMANDS: Mapping[str, tuple[str, Callable[[Context], int]]] = {
    "up": ("bring the host to what the files say", up.run),
    "preview": ("show what up would change", preview.run),
    "drift": ("show where the host differs from the files", drift.run),
    "outdated": ("show newer versions of images and packages", outdated.run),
    "down": ("remove everything except data volumes", down.run),
    "purge": ("delete the data volumes that down left", purge.run),
    "status": ("show the components, their health and URLs", status.run),
    "logs": ("follow the log of a component", logs.run),
    "user": ("store the hash of somebody's password", user.run),
    "users": ("list who has a password, and their rights", user.users),
    "registry-gc": ("remove images that no tag names", registry_gc.run),
    "backup": ("save all data in the backup's repository", backup.run),
    "backup-prune": ("show and remove snapshots that are too old", backup.prune),
    "backup-key": (
        "add the missing secrets of the backup, and print what opens it",
        backup_key.run,
    ),
    "backups": ("list the snapshots of the backup", backup.snapshots),
    "restore": (
        "bring the data of a snapshot, and the stack, to a host that has neither",
        _restore,
    ),
    "restore-state": (
        "take over the state of the newest snapshot, where this checkout has none",
        restore.state,
    ),
    "ca": ("print the certificate of the stack's own CA", ca.run),
    "trust": ("print the line that makes this machine trust that CA", ca.trust),
    "vault-key": ("add the missing secrets that open the vault", vault_key.run),
    "vault-snapshot": ("write everything that the vault holds to a file", vault_snapshot.save),
    "vault-restore": ("replace what the vault holds with a snapshot", vault_snapshot.restore),
    "vault-reset": ("empty the vault's storage after a failed first start", vault_reset.run),
    "console": ("serve the sites' pages to a browser on this machine", console.run),
    "probe": ("ask every URL through the gateway", probe.run),
}

OPTIONS = {
    "up": ["steps"],
    "preview": ["steps", "refresh"],
    "logs": ["name"],
    "user": ["name", "file", "registry"],
    "registry-gc": ["keep"],
    "backup-key": ["file"],
    "restore": ["snapshot", "only"],
    "vault-snapshot": ["file"],
    "vault-restore": ["file"],
}
"""Options of each command besides --stack, by the names that the make targets use; those of `up`
and `preview` are for the console."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A place without a network: the words "nothing contacted outside", for a command.

What a command asks a Docker daemon to do isn't on its island. Containers that must not reach
outside run on a `SecondHost`, which has no route out either.
"""

from __future__ import annotations


def on_island(*command: str) -> list[str]:
    """The command line that runs `command` with loopback as its only network.

    Needs root. Sockets of the file system, such as Docker's, work as usual.
    """
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]

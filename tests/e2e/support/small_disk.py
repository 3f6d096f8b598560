"""A disk of its own for one volume, so that it can be full while the machine's isn't."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import docker

from . import containers
from .waiting import wait_until

_AT = "/disk"


class SmallDisk:
    """A volume on a file system in a file. It lasts as long as its block, or the test run.

    Needs root, and Docker on this machine. A container of its own keeps it mounted, so that
    when that ends, the loop device goes as well.
    """

    def __init__(
        self, client: docker.DockerClient, volume: str, stack: str, *, image: str, folder: Path
    ) -> None:
        """The volume is the stack's, by its labels; `image` is any that has a shell."""
        file = folder / f"{volume}.ext4"
        subprocess.run(["truncate", "--size=400M", file], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", "100000", file], check=True)
        loop = _output("losetup", "--find", "--show", str(file))
        try:
            client.volumes.create(
                volume,
                driver_opts={"type": "ext4", "device": loop},
                labels={containers.STACK: stack, containers.COMPONENT: "publisher"},
            )
            self._keeper = client.containers.run(
                image,
                ["infinity"],
                entrypoint="sleep",
                user="0:0",
                init=True,
                detach=True,
                network_mode="none",
                volumes={volume: {"bind": _AT, "mode": "rw"}},
                labels=containers.of_this_run(),
            )
        finally:
            # In use it stays until nothing has it mounted any more.
            subprocess.run(["losetup", "--detach", loop], check=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._keeper.remove(force=True, v=True)

    def fill(self) -> None:
        """Leave no byte of it."""
        another = f"{_AT}/filler-$(cat /proc/sys/kernel/random/uuid)"
        fill = "".join(
            f"dd if=/dev/zero of={another} bs={block} || true\n" for block in ("1M", "1k")
        )
        free = f"df {_AT} | awk 'NR == 2 {{ print $4 }}'"

        def full() -> bool:
            # Again, because somebody may be deleting what he doesn't need any more.
            containers.run_in(self._keeper, fill)
            return containers.run_in(self._keeper, free).strip() == "0"

        wait_until(full, "the disk is full")

    def free(self) -> None:
        """Take away what `fill` wrote."""
        containers.run_in(self._keeper, f"rm {_AT}/filler-*")


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

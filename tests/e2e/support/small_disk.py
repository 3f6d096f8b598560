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
_FILLING = "/tmp/filling"  # noqa: S108 - in a container of its own
# A file that is open has blocks in advance, so small files take what a large one gives back.
_FILL = f"""
while [ -e {_FILLING} ]; do
    n=$((n + 1))
    for block in 1M 1k; do dd if=/dev/zero of={_AT}/filler-$n-$block bs=$block; done
    sleep 0.1
done
rm {_AT}/filler-*
"""


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
        """Leave no byte of it, also where somebody deletes what he doesn't need any more."""
        containers.run_in(self._keeper, f"touch {_FILLING}")
        self._keeper.exec_run(["sh", "-c", _FILL], detach=True)
        free = f"df {_AT} | awk 'NR == 2 {{ print $4 }}'"
        wait_until(lambda: containers.run_in(self._keeper, free).strip() == "0", "the disk is full")

    def free(self) -> None:
        """Take away what `fill` wrote."""
        gone = f"while ls {_AT}/filler-*; do sleep 0.1; done"
        containers.run_in(self._keeper, f"rm {_FILLING}; {gone}")


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

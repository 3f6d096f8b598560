"""What of a host a container is given: ports, volumes and folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port published on the host; the number inside is the same."""

    number: int
    protocol: Literal["tcp", "udp"]
    address: str


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A volume in the container.

    `at` is a path that the image hasn't, where a volume can be empty: Docker copies the
    image's folder there into it, owner included. (The provider can't say `nocopy` to a
    Docker older than 26.)
    """

    volume: pulumi.Input[str]
    at: pulumi.Input[str]
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class Bind:
    """A folder or file of the Docker host in the container."""

    path: str
    at: str
    read_only: bool = True

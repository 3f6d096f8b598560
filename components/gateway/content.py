"""The volume with the content of sites: what the gateway serves itself, and all that is in git."""

from __future__ import annotations

import pulumi

from components.content import CONTENT
from components.entrance import GATEWAY
from host.docker_host import DockerHost
from host.user import USER
from host.volumes import data_volume


def content_volume(host: DockerHost, image: str) -> pulumi.Output[str]:
    """Declare the volume: its name. It is the gateway's, and there in every stack, so that the
    first site in it replaces no container. `image` is any image of the host.
    """
    return data_volume(CONTENT, host, host, component=GATEWAY, image=image, owner=USER)

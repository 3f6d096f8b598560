"""An image on the Docker host, by exact version.

The provider class is stored in the state by reference, as `components.host_image`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from typing import Any, cast

import docker
import pulumi
from pulumi.dynamic import ReadResult, Resource

from components import engine
from components.apply_provider import ApplyProvider
from components.provider import Props, gone

# Built from images/, never pulled: whoever owned that name at a registry could run code here.
_OWN = "homeport/"
# Seconds in which an engine may say nothing: one that hands an image on writes all of it to its
# disk before the first byte, one that is given it unpacks all of it before it answers.
_PATIENCE = 900


class HostImageProvider(ApplyProvider):
    """Create, read, update of `HostImage`. An image that nobody uses any more is left alone."""

    named_after = "ref"
    compared = ("docker_host", "ref")

    def apply(self, props: Props) -> None:
        _bring(props["docker_host"], props["ref"])

    def read(self, id_: str, props: Props) -> ReadResult:
        there = engine.has_image(engine.connect(props["docker_host"]), props["ref"])
        return ReadResult(id_, props) if there else gone()


class HostImage(Resource, module="homeport", name="HostImage"):
    """Brings an image to the host: there already, else pulled, else carried over from here.

    Carrying over serves hosts that reach no registry: this machine's own engine hands the
    image on. It fails naming both reasons where neither way works. Images are never
    removed: another stack may use them.
    """

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        ref: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {"docker_host": docker_host, "ref": ref}
        super().__init__(HostImageProvider(), name, props, opts)


def _bring(docker_host: str, ref: str) -> None:
    host = engine.connect(docker_host, timeout=_PATIENCE)
    if engine.has_image(host, ref):
        return
    here = _this_machines_engine()
    if here and docker_host.startswith("ssh://") and engine.has_image(here, ref):
        # Carried over before a pull is tried: what was built here must be what runs there.
        stream = here.images.get(ref).save(named=ref)  # an image may have other names
        host.images.load(cast("bytes", stream))  # the SDK takes an iterator just as well
        return
    if ref.startswith(_OWN):
        raise engine.EngineError(
            f"image {ref} is built from images/ on this machine and isn't here; `make setup` "
            "builds it"
        )
    try:
        host.images.pull(ref)
    except docker.errors.APIError as error:
        raise engine.EngineError(
            f"image {ref} is not on the host and can't be pulled ({error.explanation}), and this "
            "machine's Docker has none to carry over; `make setup` builds it here"
        ) from error


def _this_machines_engine() -> docker.DockerClient | None:
    try:
        return docker.from_env(timeout=_PATIENCE)
    except docker.errors.DockerException:
        return None

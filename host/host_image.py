"""An image on the Docker host, by exact version.

The provider class is stored in the state by reference, as `host.host_image`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, cast

import docker
import pulumi
from pulumi.dynamic import ReadResult, Resource

from host import engine
from host.apply_provider import ApplyProvider
from host.provider import Props, gone

# Built from images/, never pulled: whoever owned that name at a registry could run code here.
_OWN = "homeport/"
_LOGS = Path(".engine/output")
# Seconds in which an engine may be silent: when it exports an image it first writes all of it to
# its disk, and when it imports one it unpacks all of it before it answers.
_PATIENCE = 900


class HostImageProvider(ApplyProvider):
    """Create, read and update of `HostImage`. It never removes an image."""

    named_after = "ref"
    compared = ("docker_host", "ref")

    def apply(self, props: Props) -> None:
        bring(props["docker_host"], props["ref"])

    def read(self, id_: str, props: Props) -> ReadResult:
        there = engine.has_image(engine.connect(props["docker_host"]), props["ref"])
        return ReadResult(id_, props) if there else gone()


class HostImage(Resource, module="homeport", name="HostImage"):
    """Brings an image to the host: there already, else pulled, else built by this machine.

    A host over SSH is handed what this machine's own engine has. It fails in a sentence where no
    way works. Images are never removed: another stack may use them.
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


def bring(docker_host: str, ref: str) -> None:
    """Have the host have an image. Raises EngineError where no way works."""
    host = engine.connect(docker_host, timeout=_PATIENCE)
    if engine.has_image(host, ref):
        return
    if not docker_host.startswith("ssh://"):
        _get_here(ref, f"DOCKER_HOST={docker_host}")
        return
    # Carried over before a pull is tried: what was built here must be what runs there.
    if _carry_over(host, ref) or not (refused := _pull(host, ref)):
        return
    try:
        _get_here(ref)
    except engine.EngineError as error:
        raise engine.EngineError(f"{error}; the host itself: {refused}") from error
    if not _carry_over(host, ref):
        raise engine.EngineError(
            f"image {ref} is not on the host, which can't pull it ({refused}), and this machine's "
            "Docker, which has it, is another one than DOCKER_HOST names; set DOCKER_HOST to it"
        )


def _carry_over(host: docker.DockerClient, ref: str) -> bool:
    """Whether this machine's engine had the image to hand on."""
    try:
        here = docker.from_env(timeout=_PATIENCE)
    except docker.errors.DockerException:
        return False
    if not engine.has_image(here, ref):
        return False
    stream = here.images.get(ref).save(named=ref)  # an image may have other names
    host.images.load(cast("bytes", stream))  # the SDK takes an iterator just as well
    return True


def _pull(host: docker.DockerClient, ref: str) -> str:
    """Why the host couldn't pull it; empty where it could."""
    if ref.startswith(_OWN):
        return "it is in no registry"
    try:
        host.images.pull(ref)
    except docker.errors.APIError as error:
        return str(error.explanation)
    return ""


def _get_here(ref: str, *env: str) -> None:
    """Have this machine's engine pull or build it. What that says is in a log."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    log = _LOGS / f"image-{ref.replace('/', '-')}.log"
    with log.open("w") as out:
        command = ["env", *env, "setup/images", ref]
        done = subprocess.run(command, stdout=out, stderr=out, check=False)
    if done.returncode != 0:
        last = log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise engine.EngineError(
            f"image {ref} is not on the host, and can neither be pulled nor built: {last} "
            f"({log} has all of it)"
        )

"""A git server beside a stack: repositories to push to, and remotes that fail.

    with GitServer(client, stack, image) as git:
        git.push("blog", {"index.html": "marker"})

Sites name `https://git.example.org/<repository>`, and the stack's `sources.mirror` leads from
there to the container, which stands on the stack's own network `services`. Pushing is git's,
inside that container, as some person's machine would do it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import docker

from . import containers, git_http
from .waiting import wait_until

URL = "https://git.example.org/"
"""What repositories' URLs begin with, in the files of sites."""
MIRROR = {URL: "http://git-server:8080/"}
"""The stack's setting that leads from there to the server."""

_PUSH = """
mkdir -p /clones/{name}
cd /clones/{name}
{before}
[ -d .git ] || git init -q
tar -xf /files.tar
{script}
# Git takes a file for unchanged that has its size, its time to the second and its inode.
rm -f .git/index
git add -A
git -c user.name=e2e -c user.email=e2e@localhost commit -qm 'a change'
[ -d {remote} ] || git init -q --bare -b {branch} {remote}
git push -q --force {remote} HEAD:refs/heads/{branch}
git rev-parse HEAD
"""


class GitServer:
    """Lives as long as its block."""

    def __init__(self, client: docker.DockerClient, stack: str, image: str) -> None:
        """`image` is any that has Python and git; the stack must be up, for its network."""
        networks = client.networks.list(filters=containers.labelled(stack))
        (services,) = [net for net in networks if (net.name or "").startswith("services-")]
        name = str(services.name)
        self._container = client.containers.create(
            image,
            ["/git_http.py"],
            entrypoint="python3",
            user="0:0",
            init=True,
            labels=containers.of_this_run(),
            network=name,
            networking_config={name: client.api.create_endpoint_config(aliases=["git-server"])},
        )

    def __enter__(self) -> Self:
        try:
            self._put({"git_http.py": Path(git_http.__file__).read_text()})
            self._container.start()
            ask = "wget -q -O - http://localhost:8080 || echo $?"
            wait_until(lambda: self.run(ask) == "8\n", "the git server answers (404, here)")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove it, repositories and all."""
        self._container.remove(force=True, v=True)

    def push(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        branch: str = "main",
        script: str = "",
        anew: bool = False,
    ) -> str:
        """Push a commit that adds these files, and what a shell script makes: the commit's id.

        The first push makes the repository. `anew` makes a history that has nothing in common
        with the one before.
        """
        self._put({"files.tar": _tar(files)})
        before = "find . -mindepth 1 -delete" if anew else ""
        remote = git_http.REPOSITORIES / name
        pushed = self.run(
            _PUSH.format(name=name, branch=branch, before=before, script=script, remote=remote)
        )
        return pushed.strip()

    def run(self, script: str) -> str:
        """What a shell script prints inside the server."""
        return containers.run_in(self._container, script)

    def fault(self, name: str, fault: str, text: str = "") -> None:
        """Give a repository one of the faults of `git_http`."""
        folder = git_http.REPOSITORIES / name
        self._put({f"{folder}/e2e-{fault}".removeprefix("/"): text})

    def heal(self, name: str, fault: str) -> None:
        """Take a fault away."""
        self.run(f"rm {git_http.REPOSITORIES / name}/e2e-{fault}")

    def delete(self, name: str) -> None:
        """Delete a repository."""
        self.run(f"rm -r {git_http.REPOSITORIES / name}")

    def _put(self, files: Mapping[str, str | bytes]) -> None:
        self._container.put_archive("/", _tar(files))


def _tar(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, text in files.items():
            content = text if isinstance(text, bytes) else text.encode()
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()

"""A copy of the program with a stack, a state and sites of its own, driven as a person would."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import psutil
import yaml

from host import engine
from tests.e2e.support import containers
from tests.e2e.support.client import Address, Answer, Http, get, refusal, serves
from tests.e2e.support.load import Load
from tests.e2e.support.second_host import SecondHost

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "e2e-passphrase-f3b1c9"
WELCOME_MARKER = "homeport-welcome-marker"
_LINES_OF_A_FAILURE = 60
_LEFT_OUT = (".git", ".venv", ".engine", ".state", "tests", "offline", ".*_cache")


@dataclass(frozen=True)
class Place:
    """A Docker host that a stack is brought to."""

    name: str
    docker_host: str
    """As the stack's file names it."""
    socket: str
    """The same engine, for a test to look at directly."""
    address: str
    """Where the gateway's ports are published, reachable from this machine."""
    environment: Mapping[str, str]


def this_machine() -> Place:
    """This machine's engine."""
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return Place("socket", engine, engine, "127.0.0.1", os.environ)


def over_ssh(host: SecondHost) -> Place:
    """A second host's engine, over SSH."""
    return Place("ssh", host.docker_host, host.docker, host.address, host.environment())


class Checkout:
    """One stack in a copy of the program. `close` takes all of it away again."""

    def __init__(self, folder: Path, place: Place, stack: str) -> None:
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        for site in (folder / "config/sites").glob("*.yaml"):
            if site.stem != "welcome":  # a test declares the sites that it is about
                site.unlink()
        (folder / ".venv").symlink_to(ROOT / ".venv")  # named in Pulumi.yaml
        self.stack, self.label = stack, f"homeport/{stack}"
        self._stand(folder, place)
        self.http, self.https = free_port(place.address), free_port(place.address)
        self.extra: dict[str, object] = {}
        """Settings beyond the local stack's that every `configure` keeps."""
        self.configure()
        self.pulumi("stack", "init", "--no-select")

    def _stand(self, folder: Path, place: Place) -> None:
        """Have no state yet, in a folder that has the files."""
        self.folder, self.place, self.ca = folder, place, folder / "ca.pem"
        self.environment = {
            **place.environment,
            "PULUMI_HOME": str(ROOT / ".engine"),
            "PULUMI_BACKEND_URL": f"file://{folder}/.state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_CONTINUE_ON_ERROR": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONDONTWRITEBYTECODE": "",  # an update has four processes that read the same code
            "YES": "1",
        }
        ours = [str(folder / "bin"), str(ROOT / ".venv/bin"), str(ROOT / ".engine/bin")]
        self.environment["PATH"] = os.pathsep.join([*ours, place.environment["PATH"]])
        (folder / ".state").mkdir()

    def start_anew(self, folder: Path, place: Place) -> None:
        """Lose this checkout with its state. What goes on, in a new folder, is what git has, and
        what visitors know; for another host, if `place` is one.
        """
        self.__dict__.pop("docker", None)
        git_has_not = shutil.ignore_patterns(".state", ".engine", "__pycache__")
        shutil.copytree(self.folder, folder, symlinks=True, ignore=git_has_not)
        shutil.rmtree(self.folder)
        self._stand(folder, place)
        self.configure()

    @cached_property
    def docker(self) -> docker.DockerClient:
        """The engine, asked directly."""
        return docker.DockerClient(base_url=self.place.socket)

    def configure(self, **changes: object) -> None:
        """Write the stack's file: the local one's settings at this place, and `changes`."""
        values: dict[str, object] = {
            "docker_host": self.place.docker_host,
            "domain": "localhost",
            "host_suffix": "localhost",
            "restart": "always",
            "tls": {"issuer": "internal"},
            "listen": {"address": self.place.address, "http": self.http, "https": self.https},
            "plain_http": ["welcome"],
            "outside": False,
        }
        values |= self.extra | changes
        file = self.folder / f"Pulumi.{self.stack}.yaml"
        known = yaml.safe_load(file.read_text()) if file.exists() else {}
        known["config"] = {f"homeport:{key}": value for key, value in values.items()}
        file.write_text(yaml.safe_dump(known))

    def set_secrets(self, values: Mapping[str, str]) -> None:
        """Set secrets, by their path below the project's name. Every `configure` keeps them."""
        pairs = [("--secret", f"homeport:{path}={value}") for path, value in values.items()]
        self.pulumi("config", "set-all", "--path", *(word for pair in pairs for word in pair))
        config = yaml.safe_load((self.folder / f"Pulumi.{self.stack}.yaml").read_text())["config"]
        for key in {path.split(".")[0] for path in values}:
            self.extra[key] = config[f"homeport:{key}"]

    def run(
        self, *argv: str, check: bool = True, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy, with `given` as standard input; its output is one text, as a
        terminal shows it.
        """
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,  # a first update carries all images over
        )
        if check and done.returncode:
            # Why is at the end: many failures at once are cut where CI shows them.
            end = "\n".join(done.stdout.splitlines()[-_LINES_OF_A_FAILURE:])
            raise AssertionError(f"{' '.join(argv)} failed:\n{end}")
        return done

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` on the stack."""
        return self.run("pulumi", *arguments, "--stack", self.stack, check=check)

    def command(
        self, name: str, *arguments: str, check: bool = True, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run what `make NAME` runs."""
        argv = [sys.executable, "-m", "commands", name, "--stack", self.stack, *arguments]
        return self.run(*argv, check=check, given=given)

    def up(self, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`make up`, and then the CA's certificate is at hand."""
        done = self.command("up", check=check)
        if done.returncode == 0:
            self.ca.write_text(self._certificate())
        return done

    def apply(self) -> str:
        """`pulumi up`, which believes the state: half of the work of `make up`. Use it where the
        host is as the last update or `make down` left it. Returns what the engine prints.
        """
        return self.pulumi("up", "--yes", "--skip-preview").stdout

    def _certificate(self) -> str:
        """The gateway's root: what `make ca` prints, which looks into the gateway as well."""
        router = containers.one(self.docker, self.label, "router")
        show = 'cat "$XDG_DATA_HOME/caddy/pki/authorities/local/root.crt"'
        shown = engine.run_in(router, ["sh", "-c", show])
        if shown.code == 0:
            return shown.output.decode()
        printed = self.command("ca").stdout  # of an older checkout
        return printed[printed.index("-----BEGIN") :]

    def killed_up(self, *, when: Callable[[], object]) -> None:
        """Begin an update and kill it, plugins and all, as soon as `when()` is true."""
        process = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--stack", self.stack],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not when():
                assert process.poll() is None, "the update ended before it could be killed"
                time.sleep(0.02)  # the cores are the update's
        finally:
            # One by one: plugins are in process groups of their own.
            engine = psutil.Process(process.pid)
            for one in [engine, *engine.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()

    def state(self) -> dict[str, Any]:
        """The exported state, with secrets as they are stored."""
        exported: dict[str, Any] = json.loads(self.pulumi("stack", "export").stdout)
        return exported

    def get(
        self, url: str, *, http: Http = "1.1", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the gateway for a URL, over verified TLS where it is https."""
        return get(url, address=self._address(url), ca=self.ca, http=http, headers=headers)

    def serves(self, url: str, marker: str, *, http: Http = "1.1") -> Answer:
        """The answer to a URL, which must be 200 and the page's own marker."""
        return serves(url, marker, address=self._address(url), ca=self.ca, http=http)

    def load(
        self, name: str, *, marker: str = "", share: float = 1, kind: type[Load] = Load
    ) -> Load:
        """Visitors of a site, in number; its page has `marker-of-<name>` unless another is given.

        `share` of the pace is theirs, where several sites are asked at once.
        """
        return kind(
            self.url(name),
            marker=marker or f"marker-of-{name}",
            address=(self.place.address, self.https),
            ca=self.ca,
            share=share,
        )

    def own_address(self, network: str) -> str:
        """This machine's address on the stack's network that is called so (`edge`, `services`)."""
        there = self.docker.networks.list(filters=containers.labelled(self.label))
        (found,) = [each for each in there if str(each.name).startswith(f"{network}-")]
        return str(found.attrs["IPAM"]["Config"][0]["Gateway"])

    def url(self, host: str, *, scheme: str = "https") -> str:
        """The URL of a host below `localhost`."""
        return f"{scheme}://{host}.localhost:{self.https if scheme == 'https' else self.http}/"

    def ids(self) -> set[str]:
        """The ids of all containers."""
        return containers.ids(self.docker, self.label)

    def assert_changes_nothing(self) -> None:
        """A preview expects no change, `make up` finds none, and every container is the same."""
        before = self.ids()
        self.pulumi("preview", "--expect-no-changes")
        said = self.up().stdout
        assert re.search(r"^\d+ unchanged, in ", said, re.MULTILINE), said
        assert self.ids() == before

    def refusal(self, host: str) -> str:
        """The alert with which the gateway refuses TLS for a host; "" where it agrees."""
        return refusal(f"{host}.localhost", address=(self.place.address, self.https))

    def image(self, role: str) -> str:
        """The image of a role."""
        images = yaml.safe_load((self.folder / "config/images.yaml").read_text())
        return str(images[role])

    def use_image(self, role: str, ref: str) -> None:
        """Give a role another image."""
        file = self.folder / "config/images.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), role: ref}))

    def write_site(self, name: str, text: str) -> Path:
        """A site file."""
        file = self.folder / f"config/sites/{name}.yaml"
        file.write_text(text)
        return file

    def close(self) -> None:
        """Remove everything of the stack, whatever state it is in."""
        containers.remove_all(self.docker, self.label)
        self.docker.close()

    def _address(self, url: str) -> Address:
        return self.place.address, self.https if url.startswith("https") else self.http


def free_port(address: str) -> int:
    """A port that is free here for TCP and UDP; on another host any number is.

    Below those that the kernel gives to whoever connects: between `down` and `up` nobody takes it.
    """
    at = address if address.startswith("127.") else "127.0.0.1"
    for port in random.sample(range(10_000, 32_768), 50):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((at, port))
                udp.bind((at, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free for both TCP and UDP")

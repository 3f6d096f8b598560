"""A stack whose sites follow git: the six real ones, and some of a git server of the tests'."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Self

import yaml
from docker.models.containers import Container

from tests.e2e.checkout import ROOT, Checkout
from tests.e2e.support import containers, git_server
from tests.e2e.support.client import Answer
from tests.e2e.support.git_server import GitServer
from tests.e2e.support.small_disk import SmallDisk
from tests.e2e.support.waiting import wait_until
from tests.e2e.support.webhook import Webhook, push_of

_REAL = ("evan", "evan_bombercir", "evan_design", "kestrel", "portfolio", "portfolio_new")
EXAMPLES = {
    "kestrel.brendanabolivier.com/birds/falco.html": "kestrel-marker-2b7d",
    "www.brendanabolivier.com": "portfolio-marker-3f9a",
    "www.brendanabolivier.com/new/": "portfolio-new-marker-c604",
    "www.evanguelard.fr": "evan-marker-d913",
    "www.evanguelard.fr/BomberCIR/": "bombercir-marker-e85b",
    "design.evanguelard.fr": "design-marker-0b27",
}
"""Where the six real sites answer, by host and path, with the marker of each one's page."""
HOOKED = ("journal", "journal_old")
"""Sites that learn of a push by a webhook alone, at one path of one host."""
OTHERS = ("live", "private", "huge", "silent", "deleted", "rewritten", "many", "linked")
"""Sites that look for themselves, every five seconds."""

CONTAINED = ("journal_old", "live", "linked")
"""Sites of these that have a container."""

_SECRETS = {"journal": "webhook", "journal_old": "webhook", "private": "token"}


def page(marker: str) -> dict[str, str]:
    """The files of a site of one page."""
    return {"index.html": f"<!doctype html><p>{marker}</p>\n"}


class Following:
    """The stack, the git server and what a test asks of both.

    The server lives as long as the block; the stack is its owner's to close. Who brings the stack
    up with other parts does without the block: an update, `declare`, another update, `close`.
    """

    def __init__(
        self, checkout: Checkout, sites: tuple[str, ...], *, small_disk: bool = False
    ) -> None:
        """`sites` are those of the git server that are wanted beside the six."""
        self.checkout = checkout
        self.secrets = {
            f"{site}.{kind}": f"{kind}-{secrets.token_hex(12)}"
            for site, kind in _SECRETS.items()
            if site in sites
        }
        """By site and kind, as the stack's file names them."""
        self.told = ""
        """What all updates have printed."""
        self.disk: SmallDisk | None = None
        """What the content is on, where that was asked for."""
        self._sites = sites
        self._small_disk = small_disk
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with self._open:  # which closes what is open already, if the rest fails
            self._bring_up()
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what stands beside the stack."""
        self._open.close()

    def declare(self) -> None:
        """Start the git server, on the network of a stack that is up, and declare all sites."""
        checkout = self.checkout
        server = GitServer(checkout.docker, checkout.label, checkout.image("publisher"))
        self.git = self._open.enter_context(server)
        for name in _REAL:
            shutil.copy(ROOT / f"config/sites/{name}.yaml", checkout.folder / "config/sites")
        local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
        sources, others = local["homeport:sources"], checkout.extra.get("sources", {})
        assert isinstance(others, dict)
        checkout.extra["sources"] = {
            "folders": {**sources["folders"], **others.get("folders", {})},
            "mirror": {**sources["mirror"], **git_server.MIRROR},
            "limits": {"seconds": 60, "mib": 8, "files": 30_000},
        }
        checkout.configure()
        checkout.set_secrets(
            {f"site_secrets.{name}": value for name, value in self.secrets.items()}
        )
        for name in self._sites:
            self._declare(name)

    def _bring_up(self) -> None:
        checkout = self.checkout
        if self._small_disk:
            self.disk = self._open.enter_context(
                SmallDisk(
                    checkout.docker,
                    f"{checkout.label.replace('/', '-')}-content",
                    checkout.label,
                    image=checkout.image("publisher"),
                    folder=checkout.folder,
                )
            )
        self.up()  # for its network
        self.declare()
        self.apply()

    def _declare(self, name: str) -> None:
        repository = name.removesuffix("_old")
        host, path, source = name, "", f"git: {git_server.URL}{repository}"
        if name in HOOKED:
            host = "journal"
            source += ", every: 1h, webhook: /push"
        else:
            source += ", every: 5s"
        if name == "journal_old":
            path = ".localhost/old"
            source += ", branch: old, as: old"
        self.git.push(repository, page(f"first-of-{name}"), branch="old" if path else "main")
        if name == "private":
            self.git.fault(name, "token", self.secrets["private.token"])
        hosting = "hosting: container\n" if name in CONTAINED else ""
        self.checkout.write_site(name, f"hosts: [{host}{path}]\nsource: {{{source}}}\n{hosting}")

    def up(self) -> None:
        """`make up`."""
        self.told += self.checkout.up().stdout

    def apply(self) -> None:
        """`pulumi up`."""
        self.told += self.checkout.apply()

    @property
    def publisher(self) -> Container:
        """The publisher's container."""
        return containers.one(self.checkout.docker, self.checkout.label, "publisher")

    def url(self, name: str) -> str:
        """Where visitors find a site of the git server."""
        if name == "journal_old":
            return f"{self.checkout.url('journal')}old/"
        return self.checkout.url(name)

    def push(self, name: str, marker: str) -> str:
        """Push another page of a site: the commit's id."""
        branch = "old" if name == "journal_old" else "main"
        return self.git.push(name.removesuffix("_old"), page(marker), branch=branch)

    def shows(self, name: str, marker: str, *, seconds: float = 60) -> Answer:
        """Wait until a site of the git server shows a page: the answer."""
        url = self.url(name)
        wait_until(
            lambda: self.checkout.serves(url, marker), f"{url} shows {marker}", seconds=seconds
        )
        return self.checkout.serves(url, marker)

    def webhook(
        self, name: str, *, secret: str | None = None, signed: bool = True, path: str = "push"
    ) -> Webhook:
        """The webhook of a site, signed with its own secret unless another is given."""
        return Webhook(
            self.checkout.url("journal") + path,
            secret=(secret or self.secrets[f"{name}.webhook"]) if signed else None,
            address=(self.checkout.place.address, self.checkout.https),
            ca=self.checkout.ca,
        )

    def announce(self, name: str) -> None:
        """Announce a push as the hosting service does."""
        with self.webhook(name) as webhook:
            answer = webhook.send(announcement(name))
        assert answer.status_code == 202, answer.text

    def log(self) -> str:
        """All that the publisher has said."""
        return str(self.publisher.logs().decode())

    def says(self, pattern: str) -> None:
        """Wait until the publisher has said it."""

        def said() -> bool:
            log = self.log()
            assert re.search(pattern, log, re.MULTILINE), log[-2000:]
            return True

        wait_until(said, f"the publisher says {pattern}")

    def publications(self, name: str) -> int:
        """How often a site was published, as the log says."""
        return len(re.findall(rf"\b{name}: published ", self.log()))

    def ask_publisher(self, path: str) -> str:
        """What the publisher answers to who stands on the network of services."""
        return self.git.run(f"wget -q -O - http://publisher:8000{path}")

    def metric(self, name: str, site: str) -> tuple[Mapping[str, str], float] | None:
        """Labels and value of a site's metric, None where there is none."""
        for labels, value in re.findall(
            rf"^{name}\{{(.*)\}} (\S+)$", self.ask_publisher("/metrics"), re.MULTILINE
        ):
            found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if found["site"] == site:
                return found, float(value)
        return None


def announcement(name: str) -> bytes:
    """What the hosting service sends after a push to a site's branch."""
    repository = git_server.URL + name.removesuffix("_old")
    return push_of(repository, branch="old" if name == "journal_old" else "main")

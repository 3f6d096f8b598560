"""A stack with everything that can be watched, and who is told when something goes wrong."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from docker.models.containers import Container

from components.vault.server_config import PROGRAM, PROGRAM_POLICY
from tests.e2e import sites
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers, git_server, vault
from tests.e2e.support.alert_receiver import AlertReceiver
from tests.e2e.support.git_server import GitServer
from tests.e2e.support.small_disk import SmallDisk
from tests.e2e.support.waiting import wait_until

SETTINGS: dict[str, Any] = {
    "interval": "2s",
    "alerts": {
        "gateway": "2s",
        "restarts": "40s",
        "site": "8s",
        "certificate": "20h",  # of a certificate that lives for twelve
        "content": "4s",
        "disk": "2s",
        "registry": "2s",
        "target": "2s",
        "vault": "2s",
    },
    "notify": {"wait": "1s", "between": "1s"},
}
OWN_JOB = """\
scrape_configs:
  - job_name: workstation
    static_configs:
      - targets: ['{target}']
"""


class Watched:
    """The stack, who is told, and what its publisher follows.

    Git server and receiver live as long as the block; the stack is its owner's to close. Who brings
    the stack up with other parts does without the block, and calls `declare`: then nobody is told.
    """

    def __init__(self, checkout: Checkout, *, small_disk: bool = False) -> None:
        """With `small_disk` Prometheus' data has a disk of its own."""
        self.checkout = checkout
        self.secrets = {
            "prometheus.notify.email.password": f"mail-{secrets.token_hex(12)}",
            "vault.seal_key": secrets.token_hex(32),
            "vault.role_id": secrets.token_hex(16),
            "vault.secret_id": secrets.token_hex(16),
        }
        """By their path in the stack's file."""
        self._receiver: AlertReceiver | None = None
        self.log = ""
        """What all updates have printed."""
        self.small_disk = small_disk
        self._beside, self._open = ExitStack(), ExitStack()

    def __enter__(self) -> Self:
        with self._open:  # which closes what is open already, if the rest fails
            self._bring_up()
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def receiver(self) -> AlertReceiver:
        """Who is told."""
        if not self._receiver:
            raise RuntimeError("nobody is told of this stack")
        return self._receiver

    @property
    def troubles(self) -> dict[str, Trouble]:
        """What can go wrong here: without a disk of its own, none is filled."""
        return {
            name: trouble
            for name, trouble in TROUBLES.items()
            if name != "DiskFilling" or self.small_disk
        }

    def leave_alone(self) -> None:
        """Take away what stands beside the stack, so that it can be destroyed."""
        self._beside.close()

    def declare(self) -> None:
        """Write what the stack's files say of Prometheus, and sites for it to ask."""
        checkout = self.checkout
        checkout.extra["prometheus"] = SETTINGS
        checkout.configure()
        sites.page(checkout, "blog", "marker-of-blog")
        sites.page(checkout, "escape", "marker-of-escape", more="egress: true\n")
        checkout.write_site("moved", "hosts: [moved]\nredirect: {to: https://blog.localhost}\n")
        checkout.write_site("outside", "hosts: [outside]\nupstream: http://192.0.2.1:9\n")

    def _bring_up(self) -> None:
        checkout = self.checkout
        checkout.extra["registry"] = {}
        checkout.extra["sources"] = {"mirror": git_server.MIRROR}
        self.declare()
        keys = {path: text for path, text in self.secrets.items() if path.startswith("vault.")}
        checkout.set_secrets(keys)
        image = checkout.image("publisher")
        if self.small_disk:
            volume = f"{checkout.label.replace('/', '-')}-prometheus-data"
            disk = SmallDisk(
                checkout.docker, volume, checkout.label, image=image, folder=checkout.folder
            )
            self._open.enter_context(disk)
        self.up()
        self._open.enter_context(self._beside)
        self.git = self._beside.enter_context(GitServer(checkout.docker, checkout.label, image))
        self.git.push("journal", {"index.html": "marker-of-journal"})
        journal = f"{{git: {git_server.URL}journal, every: 5s}}"
        checkout.write_site("journal", f"hosts: [journal]\nsource: {journal}\n")
        before = self.checkout.ids()
        self._receiver = self._beside.enter_context(
            AlertReceiver(self.checkout.own_address("services"))
        )
        self._tell(self._receiver)
        self.apply()
        # Whom to tell and what to scrape are files; what is new is who fetches the site.
        assert self.checkout.ids() == before | {self.container("publisher").id}

    def _tell(self, receiver: AlertReceiver) -> None:
        """Have the receiver told, and scraped."""
        sites.write(
            self.checkout, "config/prometheus/scrape.yml", OWN_JOB.format(target=receiver.target)
        )
        email = {
            "server": receiver.mail,
            "tls": False,
            "from": "homeport@example.org",
            "to": "ada@example.org",
            "user": "homeport",
        }
        self.configure(notify={"wait": "1s", "between": "1s", "email": email})
        self.secrets["prometheus.notify.webhook"] = receiver.webhook
        told = {path: text for path, text in self.secrets.items() if "notify" in path}
        self.checkout.set_secrets(told)

    def up(self) -> None:
        """`make up`."""
        self.log += self.checkout.up().stdout

    def apply(self) -> None:
        """`pulumi up`."""
        self.log += self.checkout.apply()

    def configure(self, **different: Any) -> None:
        """Change the section, keeping its secrets."""
        section = copy.deepcopy(self.checkout.extra["prometheus"])
        assert isinstance(section, dict)
        self.checkout.extra["prometheus"] = section | different
        self.checkout.configure()

    def restart_router(self) -> None:
        """Kill it, and wait until Prometheus sees that it is back."""
        started = 'process_start_time_seconds{instance="proxy:2023"}'
        ((_, before),) = self.query(started)
        containers.signal_service(self.container("router"), "KILL")
        wait_until(lambda: self.query(started)[0][1] > before, "the router is back")

    def container(self, component: str) -> Container:
        return containers.one(self.checkout.docker, self.checkout.label, component)

    def asked(self, path: str) -> Any:
        """What Prometheus' API answers to who stands beside it."""
        ask = f"wget -q -O - 'http://127.0.0.1:9090/api/v1/{path}'"
        return json.loads(containers.run_in(self.container("prometheus"), ask))["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series."""
        found = self.asked(f"query?query={quote(expression)}")["result"]
        return [(series["metric"], float(series["value"][1])) for series in found]

    def targets(self) -> dict[str, str]:
        """The health of everything that is scraped, by its instance."""
        active = self.asked("targets?state=active")["activeTargets"]
        return {target["labels"]["instance"]: target["health"] for target in active}

    def jobs(self) -> set[str]:
        active = self.asked("targets?state=active")["activeTargets"]
        return {target["labels"]["job"] for target in active}

    def sites(self) -> dict[str, float]:
        """Whether each URL answers as it should, by its site."""
        return {labels["site"]: value for labels, value in self.query("probe_success")}

    def all_is_well(self) -> None:
        """Wait until everything is scraped and every URL answers."""
        wait_until(lambda: set(self.targets().values()) == {"up"}, "all targets are up")
        wait_until(lambda: set(self.sites().values()) == {1.0}, "all URLs answer")


def _fill(watched: Watched) -> None:
    assert watched.small_disk, "this would fill the machine's own"
    containers.run_in(
        watched.container("prometheus"),
        "free=$(df -k /state | awk 'NR == 2 { print $4 }')\n"
        "dd if=/dev/zero of=/state/filler bs=1024 count=$((free * 95 / 100))",
    )


def _drain(watched: Watched) -> None:
    containers.run_in(watched.container("prometheus"), "rm /state/filler")


def _seal(watched: Watched) -> None:
    checkout = watched.checkout
    address = (checkout.place.address, checkout.https)
    client = vault.connect("vault.localhost", address=address, ca=checkout.ca)
    client.auth.approle.login(watched.secrets["vault.role_id"], watched.secrets["vault.secret_id"])
    # Nobody may seal it, but who writes policies could give themselves the right.
    more = 'path "sys/seal" { capabilities = ["update", "sudo"] }'
    client.sys.create_or_update_acl_policy(PROGRAM, PROGRAM_POLICY + more)
    _wait_for_health_check(watched, "vault")  # the next but one restarts a sealed vault
    client.adapter.put("/v1/sys/seal")


def _unseal(watched: Watched) -> None:
    """It does so by itself, once its health check has restarted it."""
    url = watched.checkout.url("vault") + "v1/sys/health"
    wait_until(lambda: watched.checkout.serves(url, '"sealed":false'), "the vault is unsealed")


def _wait_for_health_check(watched: Watched, component: str) -> None:
    def begun() -> str:
        state = watched.container(component).attrs["State"]
        return str(state["Health"]["Log"][-1]["Start"])

    before = begun()
    wait_until(lambda: begun() != before, f"{component} is looked at")


def _target(*, well: bool) -> Callable[[Watched], None]:
    def turn(watched: Watched) -> None:
        watched.receiver.target_is_well = well

    return turn


def _lock(watched: Watched) -> None:
    watched.git.fault("journal", "token", "nobody-knows-it")


def _unlock(watched: Watched) -> None:
    watched.git.heal("journal", "token")


@dataclass(frozen=True)
class Trouble:
    """How something goes wrong, how it is mended, and what the alert says."""

    provoke: Callable[[Watched], None]
    mend: Callable[[Watched], None]
    labels: dict[str, str]


def _nothing(_: Watched) -> None:
    pass


TROUBLES = {
    "SiteDown": Trouble(
        lambda watched: watched.container("blog").stop(timeout=1),
        lambda watched: watched.container("blog").start(),
        {"job": "probe", "site": "blog", "severity": "critical"},
    ),
    # Its certificates are short from the start, as the stack sees it; another setting ends that.
    "CertificateNearEnd": Trouble(_nothing, _nothing, {"job": "probe", "site": "blog"}),
    "ContentNotSynced": Trouble(_lock, _unlock, {"job": "publisher", "site": "journal"}),
    "DiskFilling": Trouble(_fill, _drain, {"job": "node", "severity": "warning"}),
    "RegistryDown": Trouble(
        lambda watched: watched.container("registry").stop(timeout=1),
        lambda watched: watched.container("registry").start(),
        {"job": "registry", "severity": "critical"},
    ),
    # Its health check ends it, and it unseals itself.
    "VaultSealed": Trouble(_seal, _unseal, {"job": "vault", "severity": "critical"}),
    "TargetMissing": Trouble(_target(well=False), _target(well=True), {"job": "workstation"}),
}

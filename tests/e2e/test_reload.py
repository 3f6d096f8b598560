"""The scripts that run and reload the router: where visitors are led, whatever happens."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import docker
import pytest
import yaml
from docker.models.containers import Container

from host import engine
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.waiting import wait_until
from tests.unit.program import ROOT

_SCRIPTS = ROOT / "components/gateway/scripts"
_AT = "/etc/caddy"

_CADDYFILE = """\
{{
	admin unix//tmp/admin.sock
	persist_config off
	grace_period 1s
	shutdown_delay 1s
	auto_https off
}}
http:// {{
	bind unix//sockets/{revision}/https.sock
	respond {revision}
}}
{more}
"""
# Another server that can't listen: no host has this address.
_FAILS = "http://:81 {\n\tbind 203.0.113.1\n}"


@dataclass(frozen=True)
class Router:
    """Caddy with the router's scripts, and nothing else of a stack."""

    container: Container

    def write(self, revision: str, more: str = "") -> None:
        """Have other files be current, as `VolumeFiles` does: all of them at once."""
        files = {
            "Caddyfile": _CADDYFILE.format(revision=revision, more=more),
            "revision": revision,
            **{name: (_SCRIPTS / name).read_text() for name in ("run.sh", "reload.sh")},
        }
        buffer = io.BytesIO()
        folder = f"release-{time.monotonic_ns()}"
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, text in files.items():
                info = tarfile.TarInfo(f"{folder}/{name}")
                info.size, info.mode = len(text.encode()), 0o644
                tar.addfile(info, io.BytesIO(text.encode()))
            link = tarfile.TarInfo("current")
            link.type, link.linkname = tarfile.SYMTYPE, folder
            tar.addfile(link)
        self.container.put_archive(_AT, buffer.getvalue())

    def reload(self) -> int:
        """Its exit code."""
        return engine.run_in(self.container, ["sh", f"{_AT}/current/reload.sh"]).code

    def leads_to(self) -> str:
        """The revision whose sockets visitors get to, where somebody listens; else nothing."""
        led = self._said("readlink /sockets/current || true")
        listening = self._said(f"grep -c ' 00010000 .*/sockets/{led}/https.sock$' /proc/net/unix")
        return led if led and listening == "1" else ""

    def folders(self) -> set[str]:
        """The folders of sockets that are there."""
        return set(self._said("cd /sockets && ls -d */").replace("/", "").split()) - {"current"}

    def _said(self, script: str) -> str:
        return containers.run_in(self.container, f"{{ {script}; }} || true").strip()


@pytest.fixture
def router() -> Iterator[Router]:
    """It runs, with revision `a`."""
    image = yaml.safe_load((ROOT / "config/images.yaml").read_text())["gateway"]
    stack = f"homeport/{stack_name('reload')}"
    with closing(docker.from_env()) as client:
        try:
            container = client.containers.create(
                image,
                entrypoint=["sh"],
                command=[f"{_AT}/current/run.sh"],
                init=True,
                tmpfs={"/sockets": ""},
                network_mode="none",
                labels={containers.STACK: stack},
            )
            router = Router(container)
            router.write("a")
            container.start()
            wait_until(lambda: router.leads_to() == "a", "visitors are led to it", seconds=20)
            yield router
        finally:
            containers.remove_all(client, stack)


def test_one_configuration_after_the_other_and_back(router: Router) -> None:
    for revision in ("b", "a", "b"):
        router.write(revision)
        assert router.reload() == 0
        assert router.leads_to() == revision
        assert router.folders() == {revision}


def test_the_same_configuration_changes_nothing(router: Router) -> None:
    assert router.reload() == 0
    assert router.leads_to() == "a"


@pytest.mark.parametrize("more", ["unknown {\n", _FAILS], ids=["refused", "listens first"])
def test_what_caddy_does_not_take_leads_nobody_astray(router: Router, more: str) -> None:
    for _ in range(5):  # which server listens first, differs
        router.write("b", more)
        assert router.reload() != 0
        assert router.leads_to() == "a"
    router.write("a")
    assert router.reload() == 0
    assert router.leads_to() == "a"


@pytest.mark.parametrize("after", [0, 0.05, 0.2, 0.5, 1])
def test_a_reload_that_is_killed_is_made_good_by_the_next(router: Router, after: float) -> None:
    router.write("b")
    containers.run_in(
        router.container,
        f"sh /etc/caddy/current/reload.sh & sleep {after}; kill -9 $! 2>/dev/null || true",
    )
    assert router.reload() == 0
    assert router.leads_to() == "b"
    assert router.folders() == {"b"}


def test_a_container_of_an_older_checkout_is_left_as_it_is(router: Router) -> None:
    """Its files are the new ones before it is replaced, and it can't take them."""
    containers.run_in(
        router.container, "sed 's#/sockets#/nowhere#' /etc/caddy/current/reload.sh | sh"
    )
    assert router.leads_to() == "a"


def test_a_router_that_starts_again_leads_to_what_is_current(router: Router) -> None:
    router.write("b")
    router.container.restart(timeout=10)
    wait_until(lambda: router.leads_to() == "b", "visitors are led to it", seconds=20)
    assert router.folders() == {"b"}


def test_a_router_that_stops_leads_nobody_to_itself(router: Router) -> None:
    router.container.kill("TERM")
    wait_until(lambda: not router.leads_to(), "visitors are held", seconds=1)
    router.container.wait(timeout=10)

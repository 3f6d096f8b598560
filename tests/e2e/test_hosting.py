"""Static sites that the gateway serves: what they cost, how they change, and what nobody reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Timer

import pytest
from docker.models.containers import Container

from host.user import USER
from tests.e2e.checkout import WELCOME_MARKER, Checkout
from tests.e2e.sites import page, write
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until

# What visitors meet is the host's own; over SSH, test_remote.py writes and mends such content.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


def resources(checkout: Checkout) -> int:
    """How many the stack has."""
    return len(checkout.state()["deployment"]["resources"])


def test_a_site_goes_from_a_container_to_the_gateway_and_back_without_a_failed_request(
    few: Checkout,
) -> None:
    for contained, shared in (("beta", "alpha"), ("alpha", "beta")):
        with few.load("alpha", share=0.7) as alpha, few.load("beta", share=0.7) as beta:
            page(few, contained, f"marker-of-{contained}")
            page(few, shared, f"marker-of-{shared}", hosting="shared")
            few.apply()
        alpha.check()
        beta.check()
        assert {"alpha", "beta"} & components(few) == {contained}


def test_a_site_is_two_resources_and_no_process_and_comes_beside_new_content(
    few: Checkout,
) -> None:
    before, ids = resources(few), few.ids()
    with few.load("beta") as beta:
        page(few, "small", "marker-of-small", hosting="shared")
        write(few, "sites/beta/more.html", "marker-of-more")
        few.apply()
        few.serves(few.url("small"), "marker-of-small")
        few.serves(few.url("beta") + "more.html", "marker-of-more")
        assert (resources(few) - before, few.ids()) == (2, ids)
        (few.folder / "config/sites/small.yaml").unlink()
        (few.folder / "sites/beta/more.html").unlink()
        few.apply()
    beta.check()
    assert "/logs/access.log" in open_files(few), "open files are seen"
    wait_until(lambda: "/content" not in open_files(few), "no page is open", seconds=5)
    assert resources(few) == before
    assert few.get(few.url("beta") + "more.html").status == 404
    there = in_content(few, "ls -d /content/sites/* /content/sites/beta/releases/*").split()
    assert "/content/sites/small" not in there
    assert len([path for path in there if "/releases/" in path]) <= 2


def test_a_link_in_content_leads_to_no_key(few: Checkout) -> None:
    """Whoever may write content can place a link in it, and the gateway follows links."""
    router = containers.one(few.docker, few.label, "router")
    router.restart(timeout=5)  # runc gives a mount point that is there already another mode
    containers.wait_healthy(few.docker, few.label, "router")
    state_at = next(e for e in router.attrs["Config"]["Env"] if e.startswith("XDG_DATA_HOME="))
    secret = state_at.rpartition("/")[2]
    assert len(secret) >= 32
    top = "/content/sites/beta/current"
    unlisted = ("/state/", "/unlisted/", "/state/unlisted/")
    told = ("environ", "mountinfo", "mounts", "cmdline", "maps", "task/1/environ")
    roots = ("", "state", "proc", "proc/1", "sys", "tmp", "etc/caddy/current", "sockets")
    targets = [
        f"/{each}" for each in (*roots, *(f"proc/self/{each}" for each in ("", "fd", *told)))
    ]
    links = " ".join(f"ln -s {target} {top}/l{at};" for at, target in enumerate(targets))
    page(few, "beta", "marker-of-beta", hosting="shared", more="listing: true\n")
    few.apply()
    in_content(few, links)
    try:
        for at, target in enumerate(targets):
            for below in ("", "/", *(f"/{each}" for each in told), *unlisted, "/self/environ"):
                answer = few.get(f"{few.url('beta')}l{at}{below}")
                assert secret not in answer.text, (target, below)
                assert "PRIVATE KEY" not in answer.text, (target, below)
        keys = f"/state/unlisted/{secret}/caddy/pki/authorities/local/root.key"
        in_content(few, f"ln -s {keys} {top}/known")
        assert "PRIVATE KEY" in few.get(few.url("beta") + "known").text, "the link was followed"
    finally:
        page(few, "beta", "marker-of-beta", hosting="shared")
        in_content(few, f"rm -f {top}/l* {top}/known")


def test_content_that_was_changed_on_the_host_is_told_and_mended(few: Checkout) -> None:
    page_at = "/content/sites/beta/current/index.html"
    in_content(
        few,
        f"cd $(dirname {page_at}); rm -f index.html; echo other >index.html; "
        "ln -s index.html added; rm -r /content/sites/welcome",
    )
    few.serves(few.url("beta") + "added", "other")
    drift = few.command("drift", check=False)
    assert drift.returncode == 2
    assert "files beta" in drift.stdout
    assert "files welcome" in drift.stdout
    few.up()
    few.serves(few.url("beta"), "marker-of-beta")
    assert few.get(few.url("beta") + "added").status == 404
    few.serves(few.url("welcome", scheme="http"), WELCOME_MARKER)


def test_a_log_is_that_of_the_site(few: Checkout) -> None:
    few.get(few.url("alpha") + "?not=this-one")
    few.get(few.url("beta") + "?seen=in-the-log")
    few.get(few.url("alpha") + "?not=this-one")
    few.get(few.url("beta") + "?last=line")
    said = []
    with following_log(few, "beta") as lines:
        for line in lines:
            said.append(line)
            if "last=line" in line:
                break
    assert [line for line in said if "seen=in-the-log" in line]
    assert not [line for line in said if "not=this-one" in line]
    router = containers.one(few.docker, few.label, "router")
    wait_until(
        lambda: "tail" not in str(router.top()["Processes"]), "nothing follows the log any more"
    )


@contextmanager
def following_log(checkout: Checkout, name: str) -> Iterator[Iterator[str]]:
    """What `make logs` prints, which follows until it is ended, or for a minute."""
    with subprocess.Popen(
        [sys.executable, "-m", "commands", "logs", "--stack", checkout.stack, f"--name={name}"],
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as Ctrl-C ends all of it
    ) as process:
        end = partial(os.killpg, process.pid, signal.SIGTERM)
        timer = Timer(60, end)
        timer.start()
        try:
            yield iter(process.stdout or ())
        finally:
            timer.cancel()
            end()


def components(checkout: Checkout) -> set[str]:
    """What has a container."""
    there = containers.all_of(checkout.docker, checkout.label)
    return {container.labels[containers.COMPONENT] for container in there}


def open_files(checkout: Checkout) -> str:
    """What the gateway has open."""
    router = containers.one(checkout.docker, checkout.label, "router")
    return containers.run_in(router, "ls -l /proc/[0-9]*/fd || true")


def in_content(checkout: Checkout, script: str) -> str:
    """What a script says that runs where the content is, as its owner."""
    with _beside_router(checkout) as container:
        return containers.run_in(container, script)


@contextmanager
def _beside_router(checkout: Checkout) -> Iterator[Container]:
    container = checkout.docker.containers.run(
        checkout.image("gateway"),
        ["sleep", "60"],
        detach=True,
        user=f"{USER}:{USER}",
        network_mode="none",
        volumes={f"{checkout.label.replace('/', '-')}-content": {"bind": "/content"}},
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)

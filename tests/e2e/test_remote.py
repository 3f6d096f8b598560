"""A stack on a remote host: what happens to one, from reboots to mistakes. In this order."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from docker.models.containers import Container

from host import engine
from tests.e2e.checkout import WELCOME_MARKER, Checkout, Place
from tests.e2e.sites import page
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import BARE, GUEST, SecondHost, requires_root
from tests.e2e.support.waiting import wait_until

_SITES = ("alpha", "beta")


@pytest.fixture(scope="module")
def host() -> Iterator[SecondHost]:
    if reason := requires_root():
        pytest.skip(reason)
    with SecondHost(disk_mib=1024) as host:
        yield host


@pytest.fixture(scope="module")
def remote(host: SecondHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack that is up, with two sites beside the welcome page."""
    place = Place("remote", host.docker_host, host.docker, host.address, host.environment())
    folder = tmp_path_factory.mktemp("remote") / "checkout"
    checkout = Checkout(folder, place, stack_name("remote"))
    try:
        for site in _SITES:
            page(checkout, site, f"marker-of-{site}")
        checkout.up()
        yield checkout
    finally:
        checkout.close()


def test_after_a_reboot_everything_serves_with_nobody_there(
    remote: Checkout, host: SecondHost
) -> None:
    host.stop_everything()
    host.start_daemon()
    took = wait_until(lambda: _all_serve(remote), "every site serves")
    print(f"every site serves {took:.1f} s after Docker answers")
    drift = remote.command("drift")
    assert "the host is what the files say" in drift.stdout


def test_drift_of_each_kind_is_listed_and_mended_by_one_up(remote: Checkout) -> None:
    router, alpha, beta = (_container(remote, name) for name in ("router", "alpha", "beta"))
    alpha_config = containers.volume_at(alpha, "/etc/caddy")
    content = containers.volume_at(beta, "/srv")
    _edit(remote, alpha_config)
    router.stop(timeout=5)
    beta.remove(force=True)
    remote.docker.volumes.get(content).remove()
    networks = alpha.attrs["NetworkSettings"]["Networks"]
    visitors = next(name for name in networks if name.startswith("web-"))
    remote.docker.networks.get(visitors).disconnect(alpha)
    _lose(remote, f"{remote.label.replace('/', '-')}-content", "sites/welcome/current/index.html")
    before = _seen(remote)

    drift = remote.command("drift", check=False)
    assert drift.returncode == 2
    assert [re.split("  +", line) for line in drift.stdout.splitlines()[1:-2]] == [
        ["alpha", "container alpha", "out of visitors' reach"],
        ["alpha", "files alpha-config", "changed: Caddyfile"],
        ["beta", "container beta", "missing"],
        ["beta", "volume beta-content", "missing"],
        ["router", "container router", "stopped"],
        ["welcome", "files welcome", "changed: folders"],
    ], drift.stdout
    assert _seen(remote) == before

    remote.up()
    assert _all_serve(remote)
    remote.command("drift")


@pytest.mark.parametrize(
    ("host_is", "sentence"),
    [
        ("unreachable", "it can't be reached (connect to host"),
        ("unknown", "its host key isn't known here; connect by hand once"),
        ("changed", "its host key differs from the known one"),
        ("refusing", "it refuses every key that ssh offers (Permission denied (publickey).)"),
        ("forbidding", "this user may not use Docker; on the host, type `sudo usermod -aG "),
        ("bare", "Docker isn't installed there; put `docker` among the steps"),
    ],
)  # fmt: skip
def test_a_host_that_cannot_be_used_is_one_sentence(
    remote: Checkout, host_is: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = {"refusing": "stranger", "forbidding": GUEST, "bare": BARE}
    port = ":1" if host_is == "unreachable" else ""
    target = f"ssh://{logins.get(host_is, 'root')}@{remote.place.address}{port}"
    known_hosts = tmp_path / "known_hosts"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    known_hosts.write_text(f"{remote.place.address} {(tmp_path / 'key.pub').read_text()}")
    options = {
        "unknown": ["-o", "UserKnownHostsFile=/dev/null"],
        "changed": ["-o", f"UserKnownHostsFile={known_hosts}"],
    }.get(host_is, [])
    path = remote.environment["PATH"]
    ssh = tmp_path / "ssh"
    real = shutil.which("ssh", path=path)
    ssh.write_text(f'#!/bin/sh\nexec {real} -o ControlPath=none {shlex.join(options)} "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setitem(remote.environment, "PATH", f"{tmp_path}:{path}")
    before = _seen(remote)
    remote.configure(docker_host=target)
    try:
        preview = remote.pulumi("preview", check=False)
        others = [remote.command(name, check=False) for name in ("status", "drift")]
    finally:
        remote.configure()
    assert preview.returncode
    assert f"error: {target}: {sentence}" in preview.stdout
    assert "Traceback" not in preview.stdout
    diagnostics = preview.stdout.partition("Diagnostics:")[2].partition("Resources:")[0]
    assert len(diagnostics.split("\n\n")) == 2, f"something beside the sentence: {diagnostics}"
    for done in others:
        assert done.returncode == 1
        assert done.stdout.startswith(f"{target}: {sentence}")
        assert done.stdout.count("\n") == 1, done.stdout
    assert _seen(remote) == before


def test_another_machine_is_never_taken_for_this_one(remote: Checkout) -> None:
    here = "unix:///var/run/docker.sock"
    remote.configure(docker_host=here)
    done = remote.pulumi("preview", check=False)
    remote.configure()
    assert done.returncode
    assert f"homeport:docker_host is '{here}', and stack {remote.stack} stands on" in done.stdout
    assert (
        f"`make down STACK={remote.stack}` there first, or make a stack of another name"
        in done.stdout
    )


def test_the_same_machine_under_another_name_is_taken(remote: Checkout) -> None:
    before = _seen(remote)
    remote.extra = {"docker_host": f"{remote.place.docker_host}:22"}
    remote.configure()
    preview = remote.pulumi("preview").stdout
    assert not re.search("docker:index:.* (update|replace|delete)", preview)
    remote.up()
    assert _seen(remote) == before
    remote.pulumi("preview", "--expect-no-changes")


def test_a_second_up_names_who_holds_the_lock(remote: Checkout) -> None:
    page(remote, "alpha", "marker-of-a-new-alpha")
    first = subprocess.Popen(
        [sys.executable, "-m", "commands", "up", "--stack", remote.stack],
        cwd=remote.folder,
        env=remote.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    locks = remote.folder / ".state/.pulumi/locks"
    wait_until(lambda: list(locks.rglob("*.json")), "the first update holds the lock")
    second = remote.up(check=False)
    output, _ = first.communicate(timeout=300)
    assert second.returncode == 1
    assert f"stack {remote.stack} is being updated by" in second.stdout
    assert f"@{_run('hostname')} (process " in second.stdout
    assert second.stdout.count("\n") == 1, second.stdout
    assert first.returncode == 0, output
    remote.serves(remote.url("alpha"), "marker-of-a-new-alpha")


@pytest.mark.parametrize("cut", ["before the first resource", "a container's create", "a write"])
def test_an_update_that_is_cut_off_is_mended_by_the_next(remote: Checkout, cut: str) -> None:
    page(remote, "alpha", f"marker-of-alpha, cut off: {cut}")
    page(remote, "beta", "marker-of-beta", more="egress: true\n" if "create" in cut else "")

    locks = remote.folder / ".state/.pulumi/locks"

    def reached() -> bool:
        there = [each.labels for each in containers.all_of(remote.docker, remote.label)]
        betas = [each for each in there if each[containers.COMPONENT] == "beta"]
        return {
            "before the first resource": any(locks.rglob("*.json")),
            "a container's create": len(betas) > 1,
            "a write": any(containers.THROWAWAY in each for each in there),
        }[cut]

    remote.killed_up(when=reached)
    remote.up()
    assert _all_serve(remote)
    remote.serves(remote.url("alpha"), f"cut off: {cut}")
    known = {resource.get("id") for resource in remote.state()["deployment"]["resources"]}
    assert remote.ids() <= known, "nothing is left over"


def test_a_full_disk_fails_an_update_in_a_sentence_and_costs_nothing(remote: Checkout) -> None:
    filler = {"e2e-filler": {"bind": "/filler", "mode": "rw"}}
    fill = "for size in 1M 1k; do dd if=/dev/zero of=/filler/$size bs=$size; done; true"
    run = partial(remote.docker.containers.run, remote.image("site"), entrypoint="sh", user="0:0",
                  network_mode="none", volumes=filler, remove=True)  # fmt: skip
    before = remote.serves(remote.url("alpha"), "marker-of-").text
    keeper = cast("Container", run(["-c", "sleep 600"], detach=True))
    try:
        engine.run_in(keeper, ["sh", "-c", fill])
        page(remote, "alpha", "marker-of-alpha after" + "." * 100_000)
        done = remote.up(check=False)
        assert done.returncode
        assert "no space left on device" in done.stdout
        assert remote.serves(remote.url("alpha"), "marker-of-").text == before
    finally:
        keeper.remove(force=True)
        remote.docker.volumes.get("e2e-filler").remove(force=True)
    remote.up()
    remote.serves(remote.url("alpha"), "marker-of-alpha after")


def _all_serve(remote: Checkout) -> bool:
    for site in _SITES:
        remote.serves(remote.url(site), f"marker-of-{site}")
    remote.serves(remote.url("welcome", scheme="http"), WELCOME_MARKER)
    return True


def _container(remote: Checkout, component: str) -> Container:
    return containers.one(remote.docker, remote.label, component)


def _seen(remote: Checkout) -> set[tuple[object, ...]]:
    """Each container with its state and networks."""
    return {
        (each.id, each.status, *sorted(each.attrs["NetworkSettings"]["Networks"]))
        for each in containers.all_of(remote.docker, remote.label)
    }


def _lose(remote: Checkout, volume: str, path: str) -> None:
    remote.docker.containers.run(
        remote.image("gateway"),
        ["rm", "-f", f"/volume/{path}"],
        network_mode="none",
        volumes={volume: {"bind": "/volume", "mode": "rw"}},
        remove=True,
    )


def _edit(remote: Checkout, volume: str) -> None:
    """As an owner would who is logged in there."""
    remote.docker.containers.run(
        remote.image("site"),
        ["-c", "cd /volume/current && chmod u+w Caddyfile && echo '# by hand' >>Caddyfile"],
        entrypoint="sh",
        user="0:0",
        network_mode="none",
        volumes={volume: {"bind": "/volume", "mode": "rw"}},
        remove=True,
    )


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

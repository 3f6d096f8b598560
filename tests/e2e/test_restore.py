"""A host is lost with all of its data, and the checkout with its state: files, passphrase and the
backup's repository bring everything back on another host, over SSH. The tests run in this order.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
import yaml

from tests.e2e.certified import acme_server, challenged_at, site, url, use
from tests.e2e.checkout import ROOT, WELCOME_MARKER, Checkout, Place, this_machine
from tests.e2e.registries import READER, WRITER, Registries, at_an_address_of_its_own, wheel
from tests.e2e.sites import page
from tests.e2e.support import clients, containers
from tests.e2e.support.acme import TOOLS
from tests.e2e.support.clean import stack_name
from tests.e2e.support.rest_server import rest_server_at
from tests.e2e.support.second_host import SecondHost
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.waiting import wait_until
from tests.e2e.vaulted import Vaulted

pytestmark = [
    pytest.mark.parametrize("place", ["ssh"], indirect=True),
    pytest.mark.skipif(bool(clients.missing()), reason=clients.missing()),
]

USER = "prod"
PASSWORD, CREDENTIAL = (f"{name}-{secrets.token_hex(12)}" for name in ("planted", "credential"))
OPENS = {
    "backup.password": PASSWORD,
    "backup.env.RESTIC_REST_USERNAME": USER,
    "backup.env.RESTIC_REST_PASSWORD": CREDENTIAL,
}
"""The repository, by the path of the setting."""
BY_HAND = secrets.token_hex(8)
PACKAGE = wheel("kept")
_DAY = 86400
Digests = Mapping[str, Mapping[str, str]]


@dataclass
class Drill:
    """A stack, and what is known of it while its host is gone."""

    checkout: Checkout
    registries: Registries
    vault: Vaulted
    elsewhere: Place
    """The host that it is brought back on."""
    told: str = ""
    before: Digests = field(default_factory=dict)
    """Each volume's files."""
    generated: str = ""
    """What the vault made itself."""
    image: str = ""
    """The digest of the image that was pushed before the backup."""

    @property
    def client(self) -> docker.DockerClient:
        return self.checkout.docker

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """What a command ends with, and what it prints."""
        done = self.checkout.command(name, *arguments, check=False)
        self.told += done.stdout
        return done.returncode, done.stdout

    def volume(self, name: str) -> str:
        return f"homeport-{self.checkout.stack}-{name}"

    def volumes(self) -> set[str]:
        found = self.client.volumes.list(filters=containers.labelled(self.checkout.label))
        return {str(volume.name) for volume in found}

    def lose(self, folder: Path) -> None:
        """Lose host and checkout. Names lead to the new host; visitors know the CA of before."""
        self.checkout.close()
        self.checkout.start_anew(folder, self.elsewhere)
        self.registries.follow()


@pytest.fixture(scope="module")
def repository(second_host: SecondHost) -> Iterator[str]:
    """A repository on a server that this machine and the second host reach."""
    image = yaml.safe_load((ROOT / "config/images.yaml").read_text())["backup"]
    with (
        closing(docker.from_env()) as client,
        rest_server_at(client, image, second_host.neighbour, user=USER, password=CREDENTIAL) as url,
    ):
        yield f"rest:{url}"


@pytest.fixture(scope="module")
def drill(
    place: Place, repository: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Drill]:
    """The stack on this machine, as long as it isn't lost."""
    top: Path = tmp_path_factory.mktemp("restore")
    here = at_an_address_of_its_own(this_machine())
    checkout = Checkout(top / "checkout", here, stack_name("restore"))
    with ExitStack() as opened:
        opened.callback(checkout.close)
        checkout.extra |= {"outside": True, "backup": {"repository": repository}}
        registries = opened.enter_context(Registries(checkout, top / "clients"))
        registries.let_write()
        page(checkout, "alpha", "marker-of-alpha")
        vault = Vaulted(checkout)
        checkout.set_secrets(OPENS)
        checkout.up()
        registries.clients.trust(registries.name, checkout.ca)
        yield Drill(checkout, registries, vault, place)


def test_a_stack_is_saved_while_images_are_pushed(drill: Drill) -> None:
    registries = drill.registries
    for user in (WRITER, READER):
        registries.log_in(user)
    registries.log_in(WRITER)
    drill.image = registries.push(registries.build(f"{registries.name}/app:first"))
    assert registries.upload(WRITER, PACKAGE).status_code == 200
    containers.run_in(
        registries.container("pypi"),
        "head -c 96M /dev/urandom >/state/large-1.0.tar.gz; chmod 640 /state/large-1.0.tar.gz; "
        "find /state -type f -exec touch -d '2026-01-02 03:04:05' {} +",
    )
    drill.vault.patch("shop/prod", mail_password=BY_HAND)
    drill.generated = drill.vault.values("shop/prod")["database_password"]
    others = [registries.build(f"{registries.name}/app:during{n}") for n in range(6)]
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(drill.run, "backup")
        for name in others:
            registries.push(name)
            assert not run.done() or name != others[0], (
                "the backup ended before anything was pushed"
            )
        code, said = run.result(timeout=300)
    assert code == 0, said
    drill.before = containers.volume_digests(drill.client, drill.checkout.label)


def test_on_an_empty_host_what_can_not_be_restored_changes_nothing(
    drill: Drill, tmp_path_factory: pytest.TempPathFactory
) -> None:
    drill.lose(tmp_path_factory.mktemp("clone") / "checkout")
    code, said = drill.run("restore", "--snapshot=ffff")
    assert code == 1, said
    assert re.search(
        r"^SNAPSHOT is 'ffff', and there is no such snapshot; the newest are", said, re.MULTILINE
    )
    small = drill.client.volumes.create(
        drill.volume("pypi"),
        driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"},
        labels={containers.STACK: drill.checkout.label, containers.COMPONENT: "pypi"},
    )
    try:
        code, said = drill.run("restore")
        assert code == 1, said
        assert re.search(r"MiB: [0-9.]+ MiB are needed, and 1\.0 MiB are free on a disk of ", said)
        assert drill.volumes() == {small.name}
    finally:
        small.remove()


def test_half_a_restore_is_neither_brought_up_nor_saved(drill: Drill) -> None:
    checkout = drill.checkout
    process = subprocess.Popen(
        [sys.executable, "-m", "commands", "restore", "--stack", checkout.stack],
        cwd=checkout.folder,
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _size(drill, "pypi") > 2**20, "data is being restored", every=0.01)
    finally:
        process.kill()
        process.wait()
    drill.client.containers.get(drill.volume("restore")).kill()
    assert list(containers.volume_files(drill.client, drill.volume("restore")))
    names = {
        info.name for info, _ in containers.volume_files(drill.client, drill.volume("restore"))
    }
    assert "done" not in names, "it was killed too late"
    for command in ("up", "backup"):
        code, said = drill.run(command)
        assert code == 1, said
        assert f"stack {checkout.stack} has half of snapshot " in said
    code, said = drill.run("restore", "--snapshot=ffff")
    assert code == 1, said
    assert "SNAPSHOT is 'ffff', and the stack has half of snapshot " in said


def test_everything_comes_back(drill: Drill) -> None:
    checkout = drill.checkout
    start = time.monotonic()
    with LeakSearch({"the password": PASSWORD, "the credential": CREDENTIAL}) as search:
        code, said = drill.run("restore")
    assert code == 0, said
    print(f"restored in {time.monotonic() - start:.0f} s")
    assert "Restoring snapshot " in said
    search.assert_absent(
        state=str(checkout.state()),
        texts={"what was printed": drill.told},
        clients=[drill.client],
        stack=checkout.label,
        files=[checkout.folder / ".engine"],
    )
    assert drill.volume("restore") not in drill.volumes()
    checkout.serves(checkout.url("alpha"), "marker-of-alpha")
    checkout.serves(checkout.url("welcome", scheme="http"), WELCOME_MARKER)


def test_files_owners_and_modes_are_as_they_were(drill: Drill) -> None:
    after = containers.volume_digests(drill.client, drill.checkout.label)
    pypi, proxy, images = (drill.volume(name) for name in ("pypi", "proxy-data", "registry"))
    assert after[pypi] == drill.before[pypi]
    kept = ("caddy/pki/", "caddy/certificates/")
    for digests in (drill.before, after):
        assert any(path.startswith(kept) for path in digests[proxy])
    assert _below(after[proxy], *kept) == _below(drill.before[proxy], *kept)
    assert (
        _below(after[images], "docker/").items() <= _below(drill.before[images], "docker/").items()
    )


def test_each_tag_pulls_and_the_package_installs(drill: Drill) -> None:
    registries = drill.registries
    tags = registries.ask("GET", "registry", "/v2/app/tags/list", READER).json()["tags"]
    assert "first" in tags
    for tag in tags:
        digest = registries.pull(f"{registries.name}/app:{tag}")
        assert tag != "first" or digest == drill.image
    (registries.clients.home / ".netrc").write_text(
        f"machine pypi.localhost login {READER} password rita-pw\n"
    )
    ca, index = str(drill.checkout.ca), f"{registries.index}simple/"
    installed = registries.clients.ok("pip", "install", "--cert", ca, "-i", index, "kept")
    assert "Successfully installed kept-1.0" in installed


def test_the_vault_has_what_it_had(drill: Drill) -> None:
    values = drill.vault.values("shop/prod")
    assert values["mail_password"] == BY_HAND
    assert values["database_password"] == drill.generated


def test_a_preview_shows_no_change(drill: Drill) -> None:
    drill.checkout.pulumi("preview", "--refresh", "--expect-no-changes")


def test_one_component_gets_its_data_back_while_all_others_go_on(drill: Drill) -> None:
    checkout, pypi = drill.checkout, drill.volume("pypi")
    spoil = "rm -f /state/kept*; echo stray >/state/stray-1.0.tar.gz"
    containers.run_in(drill.registries.container("pypi"), spoil)
    drill.vault.patch("shop/prod", mail_password="spoilt")
    before = drill.registries.started()
    for only in ("pypi", "vault"):
        code, said = drill.run("restore", f"--only={only}")
        assert code == 0, said
    after = containers.volume_digests(drill.client, checkout.label)
    assert after[pypi] == drill.before[pypi]
    assert drill.vault.values("shop/prod")["mail_password"] == BY_HAND
    again = drill.registries.started()
    assert before.keys() == again.keys()
    restarted = {id_ for id_, since in again.items() if since != before[id_]}
    assert restarted == {drill.registries.container("pypi").id}


@pytest.mark.drill
def test_a_new_laptop_takes_over_the_state_of_a_host_that_lives(
    drill: Drill, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = drill.checkout
    code, said = drill.run("restore-state")
    assert code == 1
    assert f"stack {checkout.stack} has a state, of " in said
    code, said = drill.run("backup")
    assert code == 0, said
    before = checkout.ids()
    checkout.start_anew(tmp_path_factory.mktemp("laptop") / "checkout", checkout.place)
    code, said = drill.run("restore-state")
    assert code == 0, said
    assert re.search(
        rf"^stack {checkout.stack} has the state of 20\S+ \S+ again; ", said, re.MULTILINE
    )
    checkout.pulumi("preview", "--refresh", "--expect-no-changes")
    code, said = drill.run("drift")
    assert code == 0, said
    assert "the host is what the files say" in said
    assert checkout.ids() == before


def test_nothing_is_restored_onto_a_stack_or_its_data(drill: Drill) -> None:
    checkout = drill.checkout
    before = checkout.ids()
    code, said = drill.run("restore")
    assert code == 1, said
    assert f"stack {checkout.stack} has containers: " in said
    assert checkout.ids() == before
    checkout.command("down")
    digests = containers.volume_digests(drill.client, checkout.label)
    code, said = drill.run("restore")
    assert code == 1, said
    assert re.search(rf"has data in .*{drill.volume('pypi')}.*Nothing was changed", said)
    assert containers.volume_digests(drill.client, checkout.label) == digests


@pytest.mark.drill
def test_a_lost_passphrase_is_replaced_by_the_sheet(
    drill: Drill, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout, vault = drill.checkout, drill.vault
    code, said = drill.run("backup-key")
    assert code == 0, said
    sheet = dict(re.findall(r"^  (\w+): (.+)$", said, re.MULTILINE))
    drill.lose(tmp_path_factory.mktemp("sheet") / "checkout")
    checkout.environment["PULUMI_CONFIG_PASSPHRASE"] = secrets.token_hex(8)
    for line in _typed("The passphrase is lost"):
        given = sheet[re.split("[.:]", line)[-1]] if "config set" in line else ""
        checkout.run("sh", "-c", line.replace("prod", checkout.stack, 1), given=given)
    for user, password in {**drill.registries.passwords, **vault.passwords}.items():
        checkout.command("user", f"--name={user}", given=password)
    code, said = drill.run("restore")
    assert code == 0, said
    checkout.serves(checkout.url("alpha"), "marker-of-alpha")
    registries = drill.registries
    assert registries.pull(f"{registries.name}/app:first") == drill.image
    values = vault.values("shop/prod")
    assert values["mail_password"] == BY_HAND
    assert values["database_password"] == drill.generated
    assert values["api_token"] == vault.given["shop.prod.api_token"]
    checkout.pulumi("preview", "--refresh", "--expect-no-changes")


@pytest.mark.drill
@pytest.mark.skipif(
    not (TOOLS / "pebble").exists(), reason="setup/test-tools builds Pebble where Go is"
)
def test_no_certificate_is_asked_for_again(
    place: Place, repository: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    top: Path = tmp_path_factory.mktemp("certificates")
    public = Checkout(top / "checkout", place, stack_name("certificates"))
    with ExitStack() as opened:
        opened.callback(public.close)
        (public.folder / "config/sites/welcome.yaml").unlink()
        ports = challenged_at(public, "TLS-ALPN-01")
        acme = opened.enter_context(
            acme_server(public, tmp_path_factory, ports, lifetime=_DAY),
        )
        use(public, acme)
        public.extra["backup"] = {"repository": repository}
        public.configure()
        public.set_secrets(OPENS)
        site(public, "alpha")
        for command in ("up", "backup"):
            public.command(command)
        asked = acme.ordered()  # twice, where Caddy first chose a challenge that can't pass
        assert asked
        public.close()
        public.start_anew(top / "clone", place)
        public.command("restore")
        public.serves(url(public, "alpha"), "marker-of-alpha")
        assert acme.ordered() == asked


def _typed(section: str) -> list[str]:
    """What a section of the page has for this checkout's Pulumi, and for its files."""
    page = (ROOT / "docs/how-to/restore.md").read_text()
    block = page.partition(f"## {section}\n")[2].split("```\n")[1]
    return [line for line in block.splitlines() if line.startswith(("pulumi ", "perl "))]


def _size(drill: Drill, name: str) -> int:
    """Bytes of the files of a volume, whose folder this machine sees."""
    at = Path(drill.client.volumes.get(drill.volume(name)).attrs["Mountpoint"])
    return sum(file.stat().st_blocks * 512 for file in at.iterdir())


def _below(digests: Mapping[str, str], *tops: str) -> dict[str, str]:
    return {path: digest for path, digest in digests.items() if path.startswith(tops)}

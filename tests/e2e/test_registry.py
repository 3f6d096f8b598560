"""The registries, with the programs that people use. The tests run in this order."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256

import pytest

from tests.e2e.checkout import ROOT, Checkout, Place
from tests.e2e.registries import (
    IMAGES,
    LEAVER,
    PACKAGES,
    READER,
    WRITER,
    Registries,
    at_an_address_of_its_own,
    wheel,
)
from tests.e2e.sites import page
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.clients import missing
from tests.e2e.support.load import Load
from tests.e2e.support.passwords import hashed
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.waiting import wait_until

pytestmark = pytest.mark.skipif(missing() != "", reason=missing() or "nothing is missing")

# What follows doesn't depend on how the host is reached.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)
_OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def registries(
    place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registries]:
    """A stack with registries, and whom they are for. The first test brings it up."""
    if place.name == "ssh":
        yield request.getfixturevalue("whole").registries
        return
    folder = tmp_path_factory.mktemp(f"registry-{place.name}")
    checkout = Checkout(
        folder / "checkout", at_an_address_of_its_own(place), stack_name(f"registry-{place.name}")
    )
    try:
        with Registries(checkout, folder / "clients") as registries:
            page(checkout, "inside", "marker-of-inside")
            page(checkout, "outgoing", "marker-of-outgoing", more="egress: true\n")
            yield registries
    finally:
        checkout.close()


@once
def test_the_page_takes_a_person_from_nothing_to_every_client(registries: Registries) -> None:
    clients, checkout = registries.clients, registries.checkout
    registries.build("hello")
    page = (ROOT / "docs/how-to/registry.md").read_text()
    shown = ""
    for script in re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        shown += clients.type(
            script,
            [
                (r"[Uu]ser(name| for [^\n]*):", WRITER),
                (r"([Pp]assword|again)[^\n]*: ?", registries.passwords[WRITER]),
                (r"\[y/N\]", "n"),
            ],
        )
    for said in (
        '{"repositories":["hello"]}',
        '{"name":"hello","tags":["1.0"]}',
        "registry.localhost:8443/hello:1.0\r\n",
        "freed 1.0 MiB",
        "Successfully installed greet-0.1.0",  # by pip
        " + greet==0.2.0",  # by uv
        "Installing greet (0.3.0)",  # by Poetry
    ):
        assert said in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown), shown
    (checkout.ca).write_bytes((clients.home / "ca.pem").read_bytes())
    there = registries.ask("GET", PACKAGES, "/simple/greet/", WRITER).text
    assert set(re.findall(r">greet-([0-9.]+)-py3", there)) == {"0.2.0", "0.3.0"}
    told = checkout.command("trust").stdout
    ours = re.search(r"^make --silent ca >ca.pem\n(sudo .*)$", page, re.MULTILINE)
    assert ours
    assert ours[1] in told


def test_packages_are_uploaded_and_installed_images_pushed_and_pulled(
    registries: Registries,
) -> None:
    assert "Login Succeeded" in registries.log_in(WRITER)
    image = registries.build(f"{registries.name}/team/small:1")
    pushed = registries.push(image)
    assert registries.pull(image) == pushed
    assert "200 OK" in registries.twine(WRITER, wheel("first"))
    netrc = registries.clients.home / ".netrc"
    netrc.write_text(f"machine pypi.localhost login {READER} password rita-pw\n")
    netrc.chmod(0o600)
    ca, index = str(registries.checkout.ca), f"{registries.index}simple/"
    installed = registries.clients.ok("pip", "install", "--cert", ca, "-i", index, "first")
    assert "Successfully installed first-1.0" in installed
    assert (registries.clients.home / "installed/first.py").exists()


# --- Who may do what.


@once
@pytest.mark.parametrize(
    ("method", "service", "path"),
    [
        ("GET", PACKAGES, "/"),
        ("GET", PACKAGES, "/simple/first/"),
        ("GET", PACKAGES, "/packages/first-1.0-py3-none-any.whl"),
        ("POST", PACKAGES, "/"),
        ("GET", IMAGES, "/v2/"),
        ("GET", IMAGES, "/v2/team/small/manifests/1"),
        ("POST", IMAGES, "/v2/team/small/blobs/uploads/"),
    ],
)
def test_nobody_gets_in_without_the_right_password(
    registries: Registries, method: str, service: str, path: str
) -> None:
    assert registries.ask(method, service, path).status_code == 401
    registries.passwords["nobody"] = registries.passwords[WRITER]
    assert registries.ask(method, service, path, "nobody").status_code == 401
    right, registries.passwords[WRITER] = registries.passwords[WRITER], "wrong"
    refused = registries.ask(method, service, path, WRITER)
    registries.passwords[WRITER] = right
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert registries.ask(method, service, path, WRITER).status_code != 401


@once
def test_who_guesses_names_keeps_nobody_busy(registries: Registries) -> None:
    """Caddy itself would compare for a second with a hash of its own, each time."""
    began = time.monotonic()
    for number in range(10):
        registries.passwords["nobody"] = f"guess {number}"
        assert registries.ask("GET", IMAGES, "/v2/", "nobody").status_code == 401
    assert time.monotonic() - began < 5


@once
@pytest.mark.parametrize(
    ("method", "service", "path"),
    [
        ("POST", PACKAGES, "/"),
        ("PUT", PACKAGES, "/anything"),
        ("DELETE", PACKAGES, "/packages/first-1.0-py3-none-any.whl"),
        ("POST", IMAGES, "/v2/team/small/blobs/uploads/"),
        ("PATCH", IMAGES, "/v2/team/small/blobs/uploads/1"),
        ("PUT", IMAGES, "/v2/team/small/manifests/2"),
        ("DELETE", IMAGES, "/v2/team/small/manifests/1"),
    ],
)
def test_a_reader_can_not_write(
    registries: Registries, method: str, service: str, path: str
) -> None:
    refused = registries.ask(method, service, path, READER)
    assert refused.status_code == 403
    assert "you may read but not write" in refused.text
    if service == IMAGES:
        assert refused.headers["Content-Type"] == "application/json"
        assert refused.json()["errors"][0]["code"] == "DENIED"
    if method != "DELETE":
        assert registries.ask(method, service, path, WRITER).status_code != 403


@once
def test_no_page_can_have_a_writers_browser_write(registries: Registries) -> None:
    form = {":action": "remove_pkg", "name": "first", "version": "1.0"}
    sent = {"Authorization": registries.authorization(WRITER), "Sec-Fetch-Site": "cross-site"}
    assert registries.ask("POST", PACKAGES, "/", data=form, headers=sent).status_code == 403
    assert registries.ask("GET", PACKAGES, "/simple/first/", headers=sent).status_code == 200


@once
def test_programs_tell_a_reader_why(registries: Registries) -> None:
    image = f"{registries.name}/team/small:1"
    registries.log_in(READER)
    registries.pull(image)
    for said in (
        registries.clients.run("docker", "push", image).stdout,
        registries.twine(READER, wheel("second")),
    ):
        assert "you may read but not write" in said
    registries.clients.ok("docker", "logout", registries.name)
    assert registries.clients.run("docker", "pull", image).returncode
    registries.log_in(WRITER)


@once
def test_what_docker_says_of_a_wrong_password_is_explained(registries: Registries) -> None:
    said = registries.clients.run(
        *("docker", "login", registries.name, "--username", READER, "--password-stdin"),
        given="wrong",
    )
    assert said.returncode
    words = f"http://{registries.name}/v2/ failed with status: 400 Bad Request"
    assert words in said.stdout
    page = (ROOT / "docs/how-to/registry.md").read_text()
    assert re.search(rf"^\| Docker: .*{re.escape(words)}.*password", page, re.MULTILINE)
    registries.log_in(WRITER)


@once
def test_a_file_is_never_overwritten(registries: Registries) -> None:
    path = f"/packages/{wheel('first')[0]}"
    before = registries.ask("GET", PACKAGES, path, READER).content
    assert registries.upload(WRITER, wheel("first")).status_code == 409
    assert "400 Bad Request" in registries.twine(WRITER, wheel("first"))
    assert registries.ask("GET", PACKAGES, path, READER).content == before


@once
def test_of_an_upload_that_is_too_large_or_broken_off_nothing_is_left(
    registries: Registries,
) -> None:
    before = registries.stored(PACKAGES)
    large = wheel("large", mib=9)
    assert "413" in (said := registries.twine(WRITER, large))
    assert "a package may have 8 MiB (registry.upload_mib)" in said
    assert registries.upload(WRITER, large).status_code == 413
    name, content = wheel("slow", mib=6)
    (registries.clients.home / name).write_bytes(content)
    header = registries.clients.home / "header"
    header.write_text(f"Authorization: {registries.authorization(WRITER)}")
    with registries.clients.running(
        *("curl", "--silent", "--cacert", str(registries.checkout.ca), "--limit-rate", "1M"),
        *("--header", f"@{header}", "--form", ":action=file_upload", "--form", f"content=@{name}"),
        registries.index,
    ) as curl:
        wait_until(lambda: _reading(registries), "half of it is there")
        assert curl.poll() is None
    log = registries.container(PACKAGES).logs
    wait_until(lambda: b"the upload was broken off" in log(), "the rest is given up")
    assert registries.stored(PACKAGES) == before
    assert registries.upload(WRITER, wheel("slow", mib=6)).status_code == 200
    assert registries.stored(PACKAGES) - before == {f"/state/{name}"}


def _reading(registries: Registries) -> str:
    """What the package index has open of an upload, once there are some MiB."""
    script = "find -L /proc/[0-9]*/fd -type f -size +2048k 2>/dev/null || true"
    return containers.run_in(registries.container(PACKAGES), script)


@once
def test_a_version_is_deleted_by_its_name_and_another_build_takes_its_place(
    registries: Registries,
) -> None:
    clients = registries.clients
    for size in (1, 2):
        file = wheel("two_words", mib=size)
        assert registries.upload(WRITER, file).status_code == 200
        there = registries.ask("GET", PACKAGES, "/simple/two-words/", READER).text
        assert f"#sha256={sha256(file[1]).hexdigest()}" in there
        if size == 1:
            built_again = file[0].replace("-1.0-", "-1.0-2_ci-"), file[1]
            assert registries.upload(WRITER, built_again).status_code == 200
            form = {":action": "remove_pkg", "name": "Two-Words", "version": "v1.0.0"}
            assert registries.ask("POST", PACKAGES, "/", WRITER, data=form).status_code == 200
            assert not registries.stored(PACKAGES, "*/two_words-*")
    ca, index = str(registries.checkout.ca), f"{registries.index}simple/"
    installed = clients.ok("pip", "install", "--cert", ca, "-i", index, "two-words")
    assert "Successfully installed two-words-1.0" in installed
    assert (clients.home / "installed/two_words.bin").stat().st_size == 2 * 2**20


@once
@pytest.mark.parametrize(
    "name", ["-1.0.tar.gz", "noversion.tar.gz", "greet-1.0.tar.gz.asc", f"{'x' * 290}-1.0.tar.gz"]
)
def test_what_could_not_be_deleted_by_its_name_is_refused(
    registries: Registries, name: str
) -> None:
    before = registries.stored(PACKAGES)
    refused = registries.upload(WRITER, (name, b"content"))
    assert refused.status_code == 400
    assert "those of a wheel or a source distribution" in refused.text
    assert registries.stored(PACKAGES) == before


# --- Who is slow.


@once
def test_a_slow_body_without_a_password_occupies_nothing(registries: Registries) -> None:
    lengths = {
        "Content-Length: 2": ("x", "y"),
        "Transfer-Encoding: chunked": ("1\r\nx\r\n", "0\r\n\r\n"),
    }
    before = registries.started()
    with ExitStack() as left:
        slow = [
            (
                left.enter_context(
                    registries.connected(
                        PACKAGES, f"{method} {path} HTTP/1.1\r\n{length}\r\n\r\n{begun}"
                    )
                ),
                rest,
            )
            for method in ("GET", "HEAD", "POST", "PUT")
            for path in ("/health", "//Health?x")
            for length, (begun, rest) in lengths.items()
            # Of those that the index would wait for, more than it has threads.
            for _ in range(300 if (method, path, begun) == ("GET", "/health", "1\r\nx\r\n") else 1)
        ]
        other = registries.ask("GET", PACKAGES, "/simple/", READER)
        assert other.status_code == 200
        assert other.elapsed.total_seconds() < 3
        for connection, rest in slow:
            connection.sendall(rest.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert registries.ask("GET", PACKAGES, "/healthy").status_code == 401
    assert registries.ask("GET", PACKAGES, "/health/").status_code == 401
    assert registries.started() == before


@once
def test_many_slow_downloads_leave_room_for_others(registries: Registries) -> None:
    before, name = registries.started(), "large-1.0-py3-none-any.whl"
    index = registries.container(PACKAGES)
    # More than all buffers on its way take, and put there by hand, which is seen as well.
    containers.run_in(index, f"truncate -s 64M /state/{name}")
    there = registries.ask("GET", PACKAGES, "/simple/large/", READER)
    assert name in there.text
    sent = f"Authorization: {registries.authorization(READER)}"
    with ExitStack() as left:
        for _ in range(60):
            request = f"GET /packages/{name} HTTP/1.1\r\n{sent}\r\n\r\n"
            connection = left.enter_context(registries.connected(PACKAGES, request))
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        for _ in range(3):
            time.sleep(3)  # longer than a connection without a request is kept
            assert registries.served() >= 60
            other = registries.ask("GET", PACKAGES, "/packages/first-1.0-py3-none-any.whl", READER)
            assert other.status_code == 200
            assert other.elapsed.total_seconds() < 3
    containers.run_in(index, f"rm /state/{name}")
    wait_until(
        lambda: registries.ask("GET", PACKAGES, "/simple/large/", READER).status_code == 404,
        "it isn't listed any more",
    )
    assert registries.started() == before


@once
@pytest.mark.parametrize(("slow", "other"), [(WRITER, READER), (READER, WRITER)])
def test_three_hundred_slow_requests_of_one_leave_room_for_others(
    registries: Registries, slow: str, other: str
) -> None:
    """Uploads by the writer, downloads by the reader."""
    before, name = registries.started(), "large-1.0-py3-none-any.whl"
    index = registries.container(PACKAGES)
    containers.run_in(index, f"truncate -s 64M /state/{name}")
    said = f"Authorization: {registries.authorization(slow)}\r\n"
    request = f"GET /packages/{name} HTTP/1.1\r\n{said}\r\n"
    if slow == WRITER:
        form = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000"
        request = f"POST / HTTP/1.1\r\n{said}{form}\r\n\r\n--x"
    with ExitStack() as left:
        for _ in range(300):
            left.enter_context(registries.connected(PACKAGES, request))
        for _ in range(3):
            time.sleep(2)
            answer = registries.ask("GET", PACKAGES, "/simple/", other)
            assert answer.status_code == 200
            assert answer.elapsed.total_seconds() < 5
        refused = registries.ask("GET", PACKAGES, "/simple/", slow)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert f"{slow} has 64 requests under way" in refused.text
    wait_until(
        lambda: registries.ask("GET", PACKAGES, "/simple/", slow).status_code == 200,
        "whoever was slow is served again",
    )
    containers.run_in(index, f"rm /state/{name}")
    assert registries.started() == before, "nobody ended a service that was busy"


@once
def test_nobody_but_the_gateway_reaches_the_registries(registries: Registries) -> None:
    docker = registries.checkout.docker
    guarded = {f"{IMAGES}:5000/", f"{PACKAGES}:8080/"}
    paths = {5000: "/", 5001: "/metrics", 8080: "/"}
    everything = _asking(
        f"{host}:{port}{path}"
        for component in (IMAGES, PACKAGES)
        for host in [component, "registry-figures", *_addresses(registries, component)]
        for port, path in paths.items()
    )
    assert guarded <= set(containers.run_in(registries.container("router"), everything).split())
    for site in ("inside", "outgoing"):
        assert containers.run_in(registries.container(site), everything) == ""
    asked = _asking(
        f"{host}:{port}/"
        for component, port in ((IMAGES, 5000), (PACKAGES, 8080))
        for host in [component, *_addresses(registries, component)]
    )
    networks = registries.container(IMAGES).attrs["NetworkSettings"]["Networks"]
    services = next(name for name in networks if name.startswith("services-"))
    neighbour = docker.containers.run(
        registries.checkout.image("site"), ["-c", "sleep 60"], entrypoint="sh", init=True,
        network=services, labels=containers.of_this_run(), detach=True,
    )  # fmt: skip
    try:
        assert containers.run_in(neighbour, asked) == ""
        figures = containers.run_in(neighbour, "wget -q -O - http://registry-figures:5001/metrics")
    finally:
        neighbour.remove(force=True)
    assert "registry_http_requests_total" in figures


def _asking(urls: Iterable[str]) -> str:
    """A shell script that asks all of them at once and prints those that answer."""
    ask = "(timeout 5 wget -q -O /dev/null http://{url} && echo {url}) &"
    return " ".join([*(ask.format(url=url) for url in urls), "wait"])


def _addresses(registries: Registries, component: str) -> list[str]:
    networks = registries.container(component).attrs["NetworkSettings"]["Networks"]
    return [network["IPAddress"] for network in networks.values()]


# --- Users.


@once
def test_users_come_and_go_while_another_one_pulls(registries: Registries) -> None:
    checkout, before = registries.checkout, registries.started()
    marker = f"marker-{secrets.token_hex(8)}"
    registries.passwords |= {"vera": f"ve:ra \"{marker}'", "walt": "walt-pw"}
    file = registries.clients.folder / ".htpasswd"
    file.write_text(f"walt:{(of_walt := hashed('walt-pw'))}\n")
    in_hash = max(re.findall(r"[A-Za-z0-9]{12,}", of_walt), key=len)
    told = ""
    blob = _config_blob(registries, "team/small")
    assert "Login Succeeded" in registries.log_in(LEAVER)
    with (
        LeakSearch({"vera's password": marker, "walt's hash": in_hash}) as search,
        Load(
            checkout.url(IMAGES).rstrip("/") + blob,
            marker="rootfs",
            address=(checkout.place.address, checkout.https),
            ca=checkout.ca,
            authorization=registries.authorization(READER),
        ) as load,
    ):
        given = ("--name", "vera", "--registry", "write")
        told += checkout.command("user", *given, given=registries.passwords["vera"]).stdout
        told += checkout.command("user", "--file", str(file)).stdout
        told += checkout.pulumi("config", "rm", "--path", f"homeport:users.{LEAVER}").stdout
        assert registries.ask("GET", IMAGES, blob, LEAVER).status_code == 200
        told += checkout.up().stdout
        assert registries.ask("GET", IMAGES, blob, LEAVER).status_code == 401
        assert registries.upload("vera", wheel("of_vera")).status_code == 200
        assert registries.ask("GET", IMAGES, blob, "walt").status_code == 200
        assert registries.upload("walt", wheel("of_walt")).status_code == 403
    load.check()
    assert registries.started() == before
    registries.log_in(WRITER)
    search.assert_absent(
        state=json.dumps(checkout.state()),
        texts={"engine log": told},
        clients=[checkout.docker],
        stack=checkout.label,
        files=[checkout.folder / f"Pulumi.{checkout.stack}.yaml"],
    )


def _config_blob(registries: Registries, repository: str) -> str:
    """The path of a blob that an image's pull begins with."""
    manifest = registries.ask("GET", IMAGES, f"/v2/{repository}/manifests/1", READER).json()
    return f"/v2/{repository}/blobs/{manifest['config']['digest']}"


# --- Images.


@once
def test_an_image_of_20_layers_is_pushed_in_two_goes_and_comes_back_equal(
    registries: Registries,
) -> None:
    image = registries.build(f"{registries.name}/big:1", layers=20, mib=10)
    pattern = "*/repositories/big/_layers/*/link"
    with registries.clients.running("docker", "push", image):
        wait_until(
            lambda: len(registries.stored(IMAGES, pattern)) >= 5, "some layers are there", every=0.1
        )
    there = len(registries.stored(IMAGES, pattern))
    assert there < 20
    said = registries.clients.ok("docker", "push", image)
    assert said.count("Layer already exists") >= 5
    digest = said[said.index("sha256:") :].split()[0]
    assert registries.pull(image) == digest
    registries.container(IMAGES).restart()
    assert registries.pull(image) == digest


@once
def test_what_no_tag_names_is_removed_while_the_rest_is_pulled(registries: Registries) -> None:
    name = registries.name
    images = [registries.build(f"{name}/many:{n}", mib=3) for n in range(4)]
    digests = [registries.push(image) for image in images]
    about = [_about(registries, "many", digest) for digest in digests]
    gone = registries.ask("DELETE", IMAGES, "/v2/team/small/manifests/1", WRITER)
    assert gone.status_code == 202
    blob = _config_blob(registries, "big")
    pushes, pulls = [], []
    with ThreadPoolExecutor(1) as beside:
        collecting = beside.submit(registries.checkout.command, "registry-gc", "--keep", "2")
        while not collecting.done():
            start = "/v2/during/blobs/uploads/"
            pushes.append(registries.ask("POST", IMAGES, start, WRITER))
            pulls.append(registries.ask("GET", IMAGES, blob, READER).status_code)
        said = collecting.result().stdout
    assert set(pulls) == {200}
    assert {answer.status_code for answer in pushes} == {202, 503}
    refused = next(answer for answer in pushes if answer.status_code == 503)
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["errors"][0]["code"] == "UNAVAILABLE"
    freed = re.search(r"freed ([0-9.]+) MiB", said)
    assert freed
    assert 6.9 < float(freed[1]) < 8, said  # two of many, and small
    tags = registries.ask("GET", IMAGES, "/v2/many/tags/list", READER).json()["tags"]
    signatures = {f"sha256-{digest[7:]}.sig" for digest in digests[2:]}
    assert set(tags) == {"2", "3", *signatures}, "signatures stay and go with what they sign"
    accept = {"Accept": _OCI}
    kept = [
        registries.ask("GET", IMAGES, path, READER, headers=accept).status_code for path in about
    ]
    assert kept == [404, 404, 200, 200], "so does what has no tag"
    assert registries.pull(images[3]) == digests[3]
    assert registries.clients.run("docker", "pull", f"{name}/team/small:1").returncode
    assert registries.push(images[0]) == digests[0], "what was removed can be pushed again"
    assert registries.pull(images[0]) == digests[0]


def _about(registries: Registries, repository: str, digest: str) -> str:
    """Push an image's signature as cosign does, and something about it that has no tag, as OCI 1.1
    has it: the path of the latter.
    """
    empty = b"{}"
    of_empty = f"sha256:{sha256(empty).hexdigest()}"
    start = registries.ask("POST", IMAGES, f"/v2/{repository}/blobs/uploads/", WRITER)
    at = f"{start.headers['Location']}&digest={of_empty}"
    assert registries.ask("PUT", IMAGES, at, WRITER, content=empty).status_code == 201
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": of_empty, "size": 2}
    said = {"schemaVersion": 2, "mediaType": _OCI, "config": config, "layers": [config]}
    about = {**said, "subject": {"mediaType": _OCI, "digest": digest, "size": 1}}
    body = json.dumps(about, indent=1).encode()
    path = f"/v2/{repository}/manifests/sha256:{sha256(body).hexdigest()}"
    for to, content in (
        (f"/v2/{repository}/manifests/sha256-{digest[7:]}.sig", json.dumps(said).encode()),
        (path, body),
    ):
        sent = {"Content-Type": _OCI}
        answer = registries.ask("PUT", IMAGES, to, WRITER, content=content, headers=sent)
        assert answer.status_code == 201, answer.text
    return path


@pytest.mark.parametrize("place", ["ssh"], indirect=True)
def test_what_no_tag_names_is_removed_from_a_remote_host(registries: Registries) -> None:
    image = f"{registries.name}/team/small:1"
    digest = registries.pull(image)
    registries.push(registries.build(f"{registries.name}/gone:1", mib=3))
    said = registries.checkout.command("registry-gc", "--keep", "1").stdout
    assert "freed 0.0 MiB" in said, "all of it has a tag"
    gone = registries.ask("DELETE", IMAGES, "/v2/gone/manifests/1", WRITER)
    assert gone.status_code == 202
    said = registries.checkout.command("registry-gc").stdout
    freed = re.search(r"freed ([0-9.]+) MiB", said)
    assert freed
    assert 2.9 < float(freed[1]) < 4, said
    assert registries.pull(image) == digest


@once
def test_data_is_kept_when_all_else_goes(registries: Registries) -> None:
    checkout, image = registries.checkout, f"{registries.name}/big:1"
    digest = registries.ask("HEAD", IMAGES, "/v2/big/manifests/1", READER).headers
    data = {
        containers.volume_at(registries.container(component), "/state")
        for component in (IMAGES, PACKAGES)
    }
    before = _content(checkout, data)
    checkout.pulumi("preview", "--expect-no-changes")
    checkout.pulumi("destroy", "--yes", "--skip-preview")
    assert checkout.ids() == set()
    checkout.apply()
    assert _content(checkout, data) == before
    assert registries.pull(image) == digest["Docker-Content-Digest"]


def _content(checkout: Checkout, volumes: set[str]) -> dict[str, dict[str, str]]:
    """Each path in these volumes, with a digest."""
    found = containers.volume_digests(checkout.docker, checkout.label)
    assert volumes <= set(found)
    return {name: found[name] for name in volumes}

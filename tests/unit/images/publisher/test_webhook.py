"""Pushes as GitHub announces them, answered by the service's own application."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publisher.app import App
from publisher.scheduler import Job, Scheduler
from publisher.sources import parse
from publisher.webhook import BadPayloadError, credentials, genuine, payload, pushed, receivers

from tests.unit.images.publisher.support import LIMITS, Box, Json, entry

PORTFOLIO = "https://github.com/babolivier/portfolio"
SSH = "git@github.com:babolivier/portfolio.git"
HOOK = [{"host": "www.example.org", "path": "/portfolio-webhook"}]
FORM = "application/x-www-form-urlencoded"
SITES = {
    "portfolio": entry(url=PORTFOLIO, ref={"branch": "old"}, webhooks=HOOK),
    "portfolio_new": entry(url=f"{PORTFOLIO}.git", ref={"branch": "master"}, webhooks=HOOK),
    "tagged": entry(url="git@github.com:babolivier/portfolio", ref={"tag": "v1"}, webhooks=HOOK),
    "fixed": entry(url=PORTFOLIO, ref={"commit": "0" * 40}, webhooks=HOOK),
    "default": entry(
        url="https://github.com/EvanGuelard/Portfolio",
        ref=None,
        webhooks=[{"host": "www.evan.org", "path": "/push"}],
    ),
}
SECRETS = {"portfolio": "s1", "portfolio_new": "s1", "tagged": "s1", "fixed": "s1", "default": "s2"}


def push(ref: str = "refs/heads/old", repository: str = PORTFOLIO, **more: object) -> Json:
    return {
        "ref": ref,
        "repository": {"html_url": repository, "clone_url": f"{repository}.git"} | more,
    }


class Hook:
    """The service, asked without a network. It notes whom it triggers."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.scheduler = Scheduler(box.paths)
        self.app = App(box.paths, self.scheduler)
        self.secrets(SECRETS)
        for site in parse(json.dumps({"limits": LIMITS, "sites": SITES})).sites:
            self.scheduler.jobs[site.name] = Job(site)

    def secrets(self, secrets: Mapping[str, str]) -> None:
        self.box.configure({}, {f"webhooks/{name}": text for name, text in secrets.items()})

    def ask(
        self,
        said: object = None,
        *,
        secret: str | None = SECRETS["portfolio"],
        host: str = "www.example.org",
        path: str = "/portfolio-webhook",
        method: str = "POST",
        body: bytes | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> httpx.Response:
        content = json.dumps(said).encode() if body is None else body
        sent: dict[str, str | bytes] = {
            "Host": host,
            "X-GitHub-Event": "push",
            "Content-Type": "application/json",
        }
        if secret is not None:
            digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
            sent["X-Hub-Signature-256"] = f"sha256={digest}"
        sent |= headers or {}

        encoded = [
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in sent.items()
        ]

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app.asgi)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, path, content=content, headers=encoded)

        return anyio.run(send)

    @property
    def triggered(self) -> list[str]:
        return [name for name, job in self.scheduler.jobs.items() if job.wake.is_set()]


@pytest.fixture
def hook(box: Box) -> Hook:
    return Hook(box)


def answered(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.text


NOTHING = (202, "nothing to do\n")


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (push(), ["portfolio"]),
        (push("refs/heads/master"), ["portfolio_new"]),
        (push("refs/tags/v1"), ["tagged"]),
        (push("refs/heads/v1"), []),
        (push("refs/heads/gone"), []),
        (push(repository="https://github.com/babolivier/other"), []),
        (push(repository="https://github.org/babolivier/portfolio"), []),
        (push(repository="https://GitHub.com/Babolivier/portfolio"), ["portfolio"]),
        ({"ref": "refs/heads/old", "repository": {"ssh_url": SSH}}, ["portfolio"]),
        ({"ref": "refs/heads/old", "repository": PORTFOLIO}, []),
        ({"ref": ["refs/heads/old"], "repository": {"html_url": 3}}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_a_push_runs_the_sites_whose_repository_and_ref_it_names(
    hook: Hook, said: Json, names: list[str]
) -> None:
    assert answered(hook.ask(said)) == (202, f"{', '.join(names)}\n" if names else NOTHING[1])
    assert hook.triggered == names


def test_a_push_to_the_default_branch_concerns_a_site_without_a_ref(hook: Hook) -> None:
    evan: dict[str, Any] = {"secret": "s2", "host": "www.evan.org:8443", "path": "/push"}
    repository = "https://github.com/EvanGuelard/Portfolio"
    to_main = push("refs/heads/main", repository, default_branch="main")
    assert answered(hook.ask(to_main, **evan)) == (202, "default\n")
    to_other = push("refs/heads/other", repository, default_branch="main")
    assert answered(hook.ask(to_other, **evan)) == NOTHING
    assert hook.triggered == ["default"]


def test_sites_that_share_a_path_have_secrets_of_their_own(hook: Hook) -> None:
    hook.secrets({"portfolio": "s1", "portfolio_new": "other"})
    assert answered(hook.ask(push("refs/heads/master"), secret="s1")) == NOTHING
    assert answered(hook.ask(push("refs/heads/master"), secret="other")) == (202, "portfolio_new\n")


def test_a_form_is_what_github_sends_by_default(hook: Hook) -> None:
    body = urlencode({"payload": json.dumps(push())}).encode()
    assert answered(hook.ask(body=body, headers={"Content-Type": FORM})) == (202, "portfolio\n")


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        "\xff",
        hmac.new(b"s1", json.dumps(push()).encode(), hashlib.sha256).hexdigest(),
        "sha256=" + hmac.new(b"", json.dumps(push()).encode(), hashlib.sha256).hexdigest(),
        "sha256=" + hmac.new(b"s2", json.dumps(push()).encode(), hashlib.sha256).hexdigest(),
    ],
)
def test_a_wrong_or_missing_signature_is_refused_without_a_word(
    hook: Hook, signature: str | None
) -> None:
    headers = {} if signature is None else {"X-Hub-Signature-256": signature.encode("latin-1")}
    response = hook.ask(push(), secret=None, headers=headers)
    assert answered(response) == (403, "")
    assert hook.triggered == []


GITLAB = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "project": {
        "git_http_url": "https://gitlab.example/evan/portfolio.git",
        "git_ssh_url": "git@github.com:EvanGuelard/Portfolio.git",
        "default_branch": "main",
    },
    "repository": {"url": "git@gitlab.example:evan/portfolio.git", "homepage": "https://x"},
}


@pytest.mark.parametrize("event", ["Push Hook", "Tag Push Hook"])
def test_gitlab_sends_the_secret_itself(hook: Hook, event: str) -> None:
    def ask(token: str, event: str) -> tuple[int, str]:
        headers = {"X-GitHub-Event": "", "X-Gitlab-Event": event, "X-Gitlab-Token": token}
        asked = hook.ask(GITLAB, secret=None, host="www.evan.org", path="/push", headers=headers)
        return answered(asked)

    assert ask("s1", event) == (403, "")
    assert ask("", event) == (403, "")
    assert ask("s2", "Issue Hook") == NOTHING
    assert hook.triggered == []
    assert ask("s2", event) == (202, "default\n")


def test_gitea_signs_without_a_prefix(hook: Hook) -> None:
    for secret, answer in (("wrong", (403, "")), ("s1", (202, "portfolio\n"))):
        body = json.dumps(push()).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": "", "X-Gitea-Event": "push", "X-Gitea-Signature": digest}
        assert answered(hook.ask(body=body, secret=None, headers=headers)) == answer


def test_a_push_to_a_repository_that_no_site_follows_is_told(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    assert answered(hook.ask(push("refs/heads/other"))) == NOTHING
    assert caplog.messages == [], "a branch that no site follows is nothing new"
    assert answered(hook.ask(push(repository="https://github.com/babolivier/n\x1bew"))) == NOTHING
    assert caplog.messages == [
        "portfolio, portfolio_new, tagged, fixed: ignored a push to "
        "github.com/babolivier/new, because no site with this webhook follows it"
    ]


def test_the_signature_is_that_of_the_body(hook: Hook) -> None:
    digest = hmac.new(b"s1", b"{}", hashlib.sha256).hexdigest()
    response = hook.ask(push(), secret=None, headers={"X-Hub-Signature-256": f"sha256={digest}"})
    assert answered(response) == (403, "")


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_secret_is_none(hook: Hook, text: str) -> None:
    hook.secrets({"portfolio": text})
    assert hook.ask(push(), secret=text.strip()).status_code == 404


def test_without_a_secret_there_is_no_such_path(hook: Hook) -> None:
    hook.secrets({})
    assert hook.ask(push()).status_code == 404


def test_a_changed_secret_counts_at_once(hook: Hook) -> None:
    hook.secrets({"portfolio": "new\n"})
    assert answered(hook.ask(push())) == (403, "")
    assert answered(hook.ask(push(), secret="new")) == (202, "portfolio\n")


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/portfolio-webhook/"},
        {"path": "/portfolio-webhook/x"},
        {"path": "/"},
        {"host": "www.evan.org"},
        {"host": ""},
    ],
)
def test_another_path_or_host_is_not_found(hook: Hook, other: dict[str, Any]) -> None:
    assert hook.ask(push(), **other).status_code == 404


def test_only_post_announces(hook: Hook) -> None:
    response = hook.ask(method="GET")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_ping_is_answered_and_other_events_are_nothing(hook: Hook) -> None:
    assert answered(hook.ask({"zen": "x"}, headers={"X-GitHub-Event": "ping"})) == (200, "pong\n")
    assert answered(hook.ask(push(), headers={"X-GitHub-Event": "issues"})) == NOTHING
    assert answered(hook.ask({}, secret="wrong", headers={"X-GitHub-Event": "ping"})) == (403, "")
    assert hook.triggered == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b"\xff", "application/json"),
     (b"x=1", FORM), (b"payload={", FORM), (b"payload=%ff", FORM), (b"[" * 100_000, "text/plain")],
)  # fmt: skip
def test_bad_json_is_said(hook: Hook, body: bytes, kind: str) -> None:
    assert hook.ask(body=body, headers={"Content-Type": kind}).status_code == 400


def test_a_body_over_5_mib_is_refused(hook: Hook) -> None:
    allowed = json.dumps(push()).encode().ljust(5 * 1024 * 1024)
    assert answered(hook.ask(body=allowed)) == (202, "portfolio\n")
    assert hook.ask(body=allowed + b" ").status_code == 413
    assert hook.triggered == ["portfolio"]


def test_many_large_bodies_at_once_are_bounded(hook: Hook) -> None:
    """Nobody needs a secret to send one."""
    release, started = anyio.Event(), []

    async def send(client: httpx.AsyncClient, statuses: list[int]) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b" " * (4 * 1024 * 1024 - 1)
            started.append(1)
            await release.wait()
            yield b" "

        headers = {"Host": "www.example.org", "X-Hub-Signature-256": "sha256=x"}
        response = await client.post("/portfolio-webhook", content=body(), headers=headers)
        statuses.append(response.status_code)

    async def send_all() -> list[int]:
        statuses: list[int] = []
        transport = httpx.ASGITransport(hook.app.asgi)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(12):
                group.start_soon(send, client, statuses)
            while len(started) < 12:
                await anyio.sleep(0.01)
            release.set()
        return statuses

    assert sorted(anyio.run(send_all)) == [403] * 8 + [503] * 4
    assert answered(hook.ask(push())) == (202, "portfolio\n"), "and then there is room again"


def test_metrics_and_health_are_below_webhooks(hook: Hook) -> None:
    plain: dict[str, Any] = {"secret": None, "method": "GET", "host": "publisher"}
    assert "publisher_failures_total" in hook.ask(path="/metrics", **plain).text
    assert answered(hook.ask(path="/healthz", **plain)) == (200, "ok\n")
    assert hook.ask(path="/healthz", **plain | {"method": "HEAD"}).status_code == 200
    assert hook.ask(path="/elsewhere", **plain).status_code == 404
    assert hook.ask(path="/metrics", **plain | {"method": "POST"}).status_code == 404


def test_health_fails_where_the_scheduler_stands_still(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.scheduler._ALIVE_SECONDS", 0)
    response = hook.ask(path="/healthz", secret=None, method="GET", host="publisher")
    assert response.status_code == 503


@given(
    body=st.binary() | st.text().map(str.encode),
    kind=st.sampled_from(["application/json", FORM, f"{FORM}; charset=x", ""]) | st.text(),
)
def test_any_body_is_an_object_or_bad(body: bytes, kind: str) -> None:
    try:
        said = payload(body, kind)
    except BadPayloadError:
        return
    assert isinstance(said, dict)


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
STRANGE = st.dictionaries(
    st.sampled_from(["ref", "repository", "zen"]),
    JSON | st.dictionaries(st.sampled_from(["clone_url", "ssh_url", "default_branch"]), JSON),
)


@given(STRANGE)
def test_any_genuine_message_names_only_sites_that_it_means(said: Json) -> None:
    sites = parse(json.dumps({"limits": LIMITS, "sites": SITES})).sites
    assert pushed(sites, said) == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Hook:
    return Hook(Box(tmp_path_factory.mktemp("shared") / "box"))


@given(
    signature=st.text(st.characters(max_codepoint=255)),
    body=st.binary(),
    secret=st.text(min_size=1),
)
def test_no_signature_but_the_secret_s_own_is_genuine(
    shared: Hook, signature: str, body: bytes, secret: str
) -> None:
    sites = [job.site for job in shared.scheduler.jobs.values()]
    asked = receivers(sites, shared.box.paths, "www.example.org", "/portfolio-webhook")
    names = [receiver.site.name for receiver in asked]
    assert names == ["portfolio", "portfolio_new", "tagged", "fixed"]
    headers = ("x-hub-signature-256", "x-gitea-signature", "x-gitlab-token")
    given = credentials(dict.fromkeys(headers, signature))
    assert genuine(asked, given, body) == [] or signature == "s1"
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    for name, proof in zip(headers, (f"sha256={digest}", digest, secret), strict=True):
        if proof.isascii():
            given = credentials({name: proof})
            assert bool(genuine(asked, given, body)) == (secret == "s1")

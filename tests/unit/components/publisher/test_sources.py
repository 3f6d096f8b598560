"""What the publisher is given: compared with what was approved, and with what it can read."""

import base64
import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publisher.sources import parse

from components.publisher.sources import (
    GITHUB_KEYS,
    GitSource,
    Sources,
    public_files,
    secret_files,
    webhook_routes,
)
from components.routes import Refusal, Route, Upstream
from composition.sites import what_is_published
from config import loading
from tests.unit.approved import GOLDEN, approved
from tests.unit.program import ROOT, an_estate, own_config
from values.limits import Limits

LIMITS = Limits(seconds=300, mib=512, files=50000)
KEY = "-----BEGIN PRIVATE KEY-----\nplanted-key\n-----END PRIVATE KEY-----"
HOOK = ("www.example.org", "/push")
SOURCES = Sources(
    sites={
        "shop": GitSource(url="git@example.org:shop.git", fetch="git@example.org:shop.git"),
        "blog": GitSource(
            url="https://example.org/blog",
            fetch=Path("sites/mirror/blog"),
            ref=("branch", "old"),
            directory="public/html",
            into="new",
            every=3600,
            webhooks=[HOOK, ("blog.example.org", "/push")],
            webhook_secret="planted-webhook",
            token="planted-token",
        ),
        "notes": GitSource(
            url="https://example.org/notes",
            fetch=None,
            ref=("tag", "v1"),
            webhooks=[HOOK, ("notes.example.org", "/push")],
        ),
    },
    limits=LIMITS,
    known_hosts=["example.org ssh-ed25519 AAAA"],
)


@pytest.mark.parametrize("name", ["sources.json", "known_hosts"])
def test_a_generated_file_is_as_it_was_approved(name: str) -> None:
    made = public_files(SOURCES)[name]
    assert made == approved(GOLDEN / f"publisher-{name}", made)


def test_the_order_of_sites_changes_nothing() -> None:
    turned = replace(SOURCES, sites=dict(list(SOURCES.sites.items())[::-1]))
    assert public_files(turned) == public_files(SOURCES)
    assert webhook_routes(turned) == webhook_routes(SOURCES)


def test_githubs_keys_have_the_fingerprints_that_it_publishes() -> None:
    fingerprints = {}
    for line in GITHUB_KEYS:
        host, kind, key = line.split()
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
        fingerprints[f"{host} {kind}"] = base64.b64encode(digest).decode().rstrip("=")
    assert fingerprints == {
        "github.com ssh-ed25519": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "github.com ecdsa-sha2-nistp256": "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
        "github.com ssh-rsa": "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
    }


def test_secrets_are_files_of_their_own_and_in_no_other() -> None:
    assert secret_files(SOURCES) == {
        "webhooks/blog": "planted-webhook",
        "credentials/blog.token": "planted-token",
    }
    assert "planted" not in "".join(public_files(SOURCES).values())
    assert "planted" not in repr(SOURCES)


@pytest.mark.parametrize("end", ["", "\n", "\r\n\n"])
def test_a_key_ends_as_ssh_wants_it(end: str) -> None:
    source = replace(SOURCES.sites["shop"], key=KEY + end)
    files = secret_files(replace(SOURCES, sites={"shop": source}))
    assert files == {"credentials/shop.key": KEY + "\n"}


def test_a_webhook_is_one_route_for_all_that_share_it_and_without_any_secret_says_404() -> None:
    taken, nothing = (
        Upstream(address="publisher:8000", patience="60s", repeatable=True),
        Refusal(status=404, text=""),
    )
    assert webhook_routes(SOURCES) == [
        Route(
            component="publisher",
            host=host,
            path="/push",
            handler=handler,
            secret_headers=["X-Gitlab-Token"],
            visited=False,
        )
        for host, handler in (
            ("blog.example.org", taken),
            ("notes.example.org", nothing),
            ("www.example.org", taken),
        )
    ]


# What the service itself makes of it.

WORDS = st.text("abcXYZ019._-~", min_size=1, max_size=12)
PATHS = st.lists(WORDS.filter(lambda word: word.strip(".")), min_size=1, max_size=3).map("/".join)
HOSTS = st.sampled_from(["git.example.net", "a-b.example.org:8443", "192.0.2.7", "localhost:22"])
URLS = st.builds("https://{}/{}".format, HOSTS, PATHS) | st.builds(
    "{}{}/{}".format, st.sampled_from(["ssh://", "ssh://git@", "ssh://_a.b-c@"]), HOSTS, PATHS
) | st.builds("git@example.org:{}".format, PATHS)  # fmt: skip
FOLDERS = st.text(min_size=1, max_size=20).filter(
    lambda text: text.isprintable() and text.strip("./") and ".." not in text and text[0] != "/"
)
SITES = st.fixed_dictionaries(
    {"git": URLS},
    optional={
        "directory": FOLDERS,
        "as": FOLDERS,
        "every": st.from_regex(r"[1-9][0-9]{0,4}[smh]", fullmatch=True),
        "webhook": PATHS.map("/{}".format),
        "branch": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,20}", fullmatch=True),
    },
)


@settings(max_examples=100)
@given(stack=st.sampled_from(["local", "prod"]), source=SITES)
def test_the_service_reads_whatever_site_the_program_takes(
    stack: str, source: dict[str, str]
) -> None:
    # YAML has no pairs of surrogates, which JSON would escape a character beyond 16 bits with.
    fields = {"hosts": ["a", "www.example.org/a"], "source": source}
    site = json.dumps(fields, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as folder:
        root = an_estate(Path(folder), {"a_1-b.yaml": site})
        estate = loading.load(stack, own_config(stack), root)
    made = public_files(what_is_published(estate))["sources.json"]
    (read,) = parse(made).sites
    assert (read.name, read.url) == ("a_1-b", source["git"])
    assert read.fetch == (source["git"] if stack == "prod" else None)
    assert (read.ref.name if read.ref else None) == source.get("branch")
    assert {webhook.path for webhook in read.webhooks} == set(filter(None, [source.get("webhook")]))
    assert len(read.webhooks) == (2 if "webhook" in source else 0)


def test_the_service_reads_the_examples_of_the_local_stack() -> None:
    made = public_files(what_is_published(loading.of_files("local")))["sources.json"]
    fetched = {site.name: site.fetch for site in parse(made).sites}
    assert set(fetched) == {"evan", "evan_bombercir", "evan_design", "portfolio", "portfolio_new"}
    assert all((ROOT / str(at).removeprefix("mirror:")).is_dir() for at in fetched.values())


@pytest.mark.parametrize(
    ("hosts", "given", "into"),
    [
        ("www.example.org/New/x", "", "New/x"),
        ("a.org/new, b.org/new", "", "new"),
        ("blog, www.example.org", "", ""),
        ("blog, www.example.org/new", "", ""),
        ("a.org/new, a.org/old", "", ""),
        ("www.example.org/new", ", as: other", "other"),
        ("www.example.org/new", ", as: .", ""),
    ],
)
def test_content_goes_to_the_sites_only_path_unless_its_file_says_where(
    hosts: str, given: str, into: str, tmp_path: Path
) -> None:
    site = f"hosts: [{hosts}]\nsource: {{git: https://a.org/b{given}}}\n"
    estate = loading.load("prod", own_config("prod"), an_estate(tmp_path, {"a.yaml": site}))
    made = public_files(what_is_published(estate))["sources.json"]
    assert json.loads(made)["sites"]["a"]["as"] == into
    assert parse(made).sites

"""Settings: what is taken, and the whole message for each that is not.

Whoever reads a message shall know the file, the key, its value, what is allowed, and what to
do. So the messages are compared whole.
"""

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pulumi
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from config import loading
from config.estate import Estate
from config.model import ConfigError
from config.settings import LOCAL_PASSPHRASE, Settings
from tests.unit.program import (
    EVERY_KIND,
    ROOT,
    SEVERAL_SITES,
    an_estate,
    engine_config,
    own_config,
    write_files,
)
from values.entrance import Entrance

GOOD = {
    "docker_host": "ssh://root@server.example.org",
    "domain": "example.org",
    "restart": "always",
    "tls": "{issuer: letsencrypt}",
    "listen": "{address: 0.0.0.0, http: 80, https: 443}",
}

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza\n-----END OPENSSH PRIVATE KEY-----"
NO_STAND_IN = (
    "must be a folder of this repository, or the beginning of URLs without a password, such as "
    "https://git.example.org/"
)
NO_BEGINNING = "must be the beginning of repositories' URLs, such as https://github.com/"
NO_KNOWN_HOST = "must be a line of known_hosts, such as git.example.org ssh-ed25519 AAAA…"
NO_KEY = "must be a private key from its line BEGIN to its line END, as ssh-keygen writes it"

NO_HOST_NAME = (
    "not a host name; use letters, digits and hyphens between dots, each part 1 to 63 "
    "characters, such as blog or www.example.org"
)
NO_DOCKER_HOST = "must be unix:///var/run/docker.sock or ssh://user@host, with an optional :port"
NO_DURATION = "must be a time such as 1h"
HASH = "$2y$10$" + "a./Z9" * 10 + "abc"
NO_HASH = (
    "must be a hash of bcrypt, which begins with $2a$, $2b$ or $2y$, of cost 10 to 14, as "
    "`make user NAME=… STACK=prod` makes them"
)
FIELDS = (
    "docker_host, domain, host_suffix, restart, hosting, tls, listen, plain_http, outside, "
    "prepare, stream_close_delay, sources, site_secrets, users, registry, vault, prometheus, backup"
)
SERVICE_IMAGES = """
registry: x:1
pypi: x:1
vault: x:1
prometheus: x:1
alertmanager: x:1
blackbox: x:1
node_exporter: x:1
backup: x:1
"""


def as_the_engine_hands_over(yaml_text: str) -> str:
    value = yaml.safe_load(yaml_text)
    return value if isinstance(value, str) else json.dumps(value)


def problems(settings: dict[str, str], stack: str = "prod") -> list[str]:
    """What is wrong with the good settings, changed in these; each as the stack's file has it."""
    handed = {key: as_the_engine_hands_over(text) for key, text in (GOOD | settings).items()}
    try:
        Settings.parse(stack, handed)
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("docker_host", "unix:///var/run/docker.sock"),
        ("docker_host", "ssh://server"),
        ("docker_host", "ssh://deploy.user@10.0.0.1:2222"),
        ("domain", "Bücher.Example."),
        ("domain", "localhost"),
        ("host_suffix", ""),
        ("host_suffix", "localhost"),
        ("restart", "'no'"),
        ("hosting", "container"),
        ("tls", "{issuer: internal}"),
        ("listen", "{address: 10.1.2.3, http: 1, https: 65535}"),
        ("plain_http", "[]"),
        ("plain_http", "[welcome, www.example.org]"),
        ("outside", "true"),
        ("stream_close_delay", "90s"),
        ("sources", "{}"),
        ("sources", "{folders: {/srv/photos: sites/photos}}"),
        ("sources", "{mirror: {'https://github.com/': sites/a, 'git@b.org:': 'http://c.org:1/'}}"),
        ("sources", "{mirror: {'ssh://git@a.org:22/x': 'git@b.org:', 'https://a.org/b/c': d}}"),
        ("sources", "{limits: {seconds: 1, mib: 100000, files: 500000}}"),
        ("sources", "{known_hosts: ['[a.org]:22 ssh-rsa AAAA', '@cert-authority *.b ssh-rsa A']}"),
        ("users", f"{{alice: {{hash: {HASH}}}, b.o-b@c: {{hash: {HASH}, registry: write}}}}"),
        ("users", "{alice: {hash: {secure: 'v1:a:b'}}}"),
        ("registry", "{}"),
        ("registry", "{upload_mib: 5}"),
        ("site_secrets", "{blog: {webhook: a b, token: x}, 2: {}}"),
        ("site_secrets", "{blog: {webhook: {secure: 'v1:a:b'}, key: {secure: 'v1:c:d'}}}"),
        ("site_secrets", json.dumps({"blog": {"key": KEY}})),
    ],
)
def test_good_settings_are_taken(key: str, value: str) -> None:
    assert problems({key: value}) == []


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("colour", "red", f": there is no such field; allowed here: {FIELDS}"),
        ("docker_host", "tcp://10.0.0.1:2375", f" is 'tcp://10.0.0.1:2375': {NO_DOCKER_HOST}"),
        ("docker_host", "unix://docker.sock", f" is 'unix://docker.sock': {NO_DOCKER_HOST}"),
        ("docker_host", "ssh://", f" is 'ssh://': {NO_DOCKER_HOST}"),
        # ssh would take it for an option.
        (
            "docker_host",
            "ssh://-oProxyCommand=x",
            f" is 'ssh://-oProxyCommand=x': {NO_DOCKER_HOST}",
        ),
        ("docker_host", "ssh://a@-oX", f" is 'ssh://a@-oX': {NO_DOCKER_HOST}"),
        ("domain", "''", f" is '': {NO_HOST_NAME}"),
        ("domain", "exa mple.org", f" is 'exa mple.org': {NO_HOST_NAME}"),
        ("domain", "a..b", f" is 'a..b': {NO_HOST_NAME}"),
        ("domain", "-a.org", f" is '-a.org': {NO_HOST_NAME}"),
        ("domain", "example.org/x", f" is 'example.org/x': {NO_HOST_NAME}"),
        (
            "domain",
            "10.0.0.1",
            " is '10.0.0.1': an IP address isn't a host name; use a name such as blog or "
            "www.example.org",
        ),
        ("host_suffix", "local host", f" is 'local host': {NO_HOST_NAME}"),
        (
            "restart",
            "on-failure",
            " is 'on-failure': must be 'no' or 'always', such as restart: always",
        ),
        ("restart", "no", " is 'false': must be 'no' or 'always', such as restart: always"),
        ("hosting", "vm", " is 'vm': must be 'shared' or 'container'"),
        (
            "tls",
            "{issuer: acme}",
            ".issuer is 'acme': must be 'internal' or 'letsencrypt', such as issuer: internal",
        ),
        ("tls", "{}", ".issuer is missing; add it, such as issuer: internal"),
        (
            "tls",
            "internal",
            " is 'internal': must be fields with values, such as tls: {issuer: letsencrypt}",
        ),
        (
            "listen",
            "{address: 0.0.0.0, http: 80, https: 443, admin: 2019}",
            ".admin: there is no such field; allowed here: address, http, https, "
            "connections_per_address",
        ),
        (
            "listen",
            "{address: localhost, http: 80, https: 443}",
            ".address is 'localhost': must be an IPv4 address, such as 127.0.0.1",
        ),
        (
            "listen",
            "{address: '::', http: 80, https: 443}",
            ".address is '::': must be an IPv4 address, such as 127.0.0.1",
        ),
        (
            "listen",
            "{address: 0.0.0.0, http: 0, https: 443}",
            ".http is 0: must be a port, 1 to 65535",
        ),
        (
            "listen",
            "{address: 0.0.0.0, http: 80, https: 65536}",
            ".https is 65536: must be a port, 1 to 65535",
        ),
        (
            "listen",
            "{address: 0.0.0.0, http: eighty, https: 443}",
            ".http is 'eighty': must be a whole number",
        ),
        (
            "listen",
            "{address: 0.0.0.0, http: 80, https: 80}",
            ' is {"address": "0.0.0.0", "http": 80, "https": 80}: http and https are both 80; '
            "give each a port of its own",
        ),
        ("plain_http", "welcome", " is 'welcome': must be a list, such as plain_http: [welcome]"),
        ("plain_http", "[a, 'b c']", f".1 is 'b c': {NO_HOST_NAME}"),
        ("outside", "perhaps", " is 'perhaps': must be true or false"),
        ("stream_close_delay", "1 hour", f" is '1 hour': {NO_DURATION}"),
        ("stream_close_delay", "-1h", f" is '-1h': {NO_DURATION}"),
        ("sources", "sites", " is 'sites': must be fields with values"),
        (
            "sources",
            "{mirrors: {}}",
            ".mirrors: there is no such field; allowed here: folders, mirror, limits, known_hosts",
        ),
        (
            "sources",
            "{folders: {/srv/photos: ../photos}}",
            ".folders./srv/photos is '../photos': must be a relative path without .., such as "
            "sites/blog",
        ),
        *(
            ("sources", f"{{mirror: {{'https://a.org/': '{place}'}}}}", f".mirror.{problem}")
            for place, problem in (
                ("file:///srv/git", f"https://a.org/ is 'file:///srv/git': {NO_STAND_IN}"),
                ("ext::sh -c true", f"https://a.org/ is 'ext::sh -c true': {NO_STAND_IN}"),
                ("https://-a.org/", f"https://a.org/ is 'https://-a.org/': {NO_STAND_IN}"),
                ("http://me:pw@b.org/", f"https://a.org/ is 'http://…@b.org/': {NO_STAND_IN}"),
                ("ssh://me:pw@b.org/", f"https://a.org/ is 'ssh://me:…@b.org/': {NO_STAND_IN}"),
                (
                    "/srv/git",
                    "https://a.org/ is '/srv/git': must be a relative path without .., such as "
                    "sites/blog",
                ),
            )
        ),
        *(
            ("sources", f"{{mirror: {{'{url}': sites/a}}}}", f".mirror.{url}: {NO_BEGINNING}")
            for url in ("github.com", "https://", "file:///srv", "/srv")
        ),
        (
            "sources",
            "{mirror: {'https://me:pw@a.org/': sites/a}}",
            f".mirror.https://…@a.org/: {NO_BEGINNING}",
        ),
        ("sources", "{limits: {mib: 0}}", ".limits.mib is 0: must be a number from 1 to 100000"),
        (
            "sources",
            "{limits: {bytes: 1}}",
            ".limits.bytes: there is no such field; allowed here: seconds, mib, files",
        ),
        ("sources", "{known_hosts: [a.org]}", f".known_hosts.0 is 'a.org': {NO_KNOWN_HOST}"),
        (
            "sources",
            '{known_hosts: ["a.org ssh-rsa A\\nb.org ssh-rsa B"]}',
            f".known_hosts.0 is 'a.org ssh-rsa A\\nb.org ssh-rsa B': {NO_KNOWN_HOST}",
        ),
        (
            "site_secrets",
            "{blog: {webhok: s3cr3t}}",
            ".blog.webhok: there is no such field; allowed here: webhook, token, key",
        ),
        (
            "site_secrets",
            "{blog: {webhook: ''}}",
            ".blog.webhook is [secret]: must be text of one line",
        ),
        (
            "site_secrets",
            "{blog: {token: s3cr3t s3cr3t}}",
            ".blog.token is [secret]: must be a token, which has no spaces",
        ),
        ("site_secrets", "{blog: {key: s3cr3t}}", f".blog.key is [secret]: {NO_KEY}"),
        (
            "site_secrets",
            "{blog: {token: 57341}}",
            ".blog.token is [secret]: must be text, put in quotes",
        ),
        *(
            (
                "users",
                f"{{alice: {{hash: '{bad}'}}}}",
                f".alice.hash is [secret]: {what}; {NO_HASH}",
            )
            for bad, what in [
                (HASH.replace("$10$", "$09$"), "this is bcrypt of cost 9"),
                (HASH.replace("$10$", "$15$"), "this is bcrypt of cost 15"),
                (HASH.replace("$2y$", "$2x$"), "this is no hash of bcrypt"),
                (HASH[:-1], "this is no hash of bcrypt"),
                ("s3cr3t", "this is no hash of bcrypt"),
                ("$apr1$s3cr3t$", "this is Apache's MD5"),
                ("{SHA}s3cr3t=", "this is SHA-1 without salt"),
            ]
        ),
        (
            "users",
            f"{{'a:b': {{hash: {HASH}}}}}",
            ".a:b is [secret]: not a user's name; use 1 to 64 letters, digits and . _ @ + -, a "
            "letter or digit first",
        ),
        (
            "users",
            f"{{import: {{hash: {HASH}}}}}",
            ".import is [secret]: a word of the gateway's own configuration; use another name",
        ),
        (
            "users",
            f"{{alice: {{hash: {HASH}, registry: admin}}}}",
            ".alice.registry is 'admin': must be 'read' or 'write'",
        ),
        ("users", "{alice: s3cr3t}", ".alice is [secret]: must be fields with values"),
        ("users", "{registry: s3cr3t}", ".registry is [secret]: must be fields with values"),
        ("users", "{hash: s3cr3t}", ".hash is [secret]: must be fields with values"),
        ("users", "s3cr3t", " is [secret]: must be fields with values"),
        (
            "users",
            "{alice: {hash: [s3cr3t]}}",
            ".alice.hash is [secret]: must be text, put in quotes",
        ),
        ("registry", "{upload_mib: 0}", ".upload_mib is 0: must be a number from 1 to 10000"),
        # Set without the rest of its path.
        ("site_secrets", "{blog: s3cr3t}", ".blog is [secret]: must be fields with values"),
        ("site_secrets", "s3cr3t", " is [secret]: must be fields with values"),
        ("site_secrets", "'{s3cr3t'", " is [secret]: must be fields with values"),
    ],
)
def test_a_bad_setting_is_told_in_one_sentence(key: str, value: str, problem: str) -> None:
    assert problems({key: value}) == [f"Pulumi.prod.yaml: homeport:{key}{problem}"]


@pytest.mark.parametrize(
    ("key", "example"),
    [
        ("docker_host", "unix:///var/run/docker.sock"),
        ("domain", "example.org"),
        ("restart", "always"),
        ("tls", "{issuer: letsencrypt}"),
        ("listen", "{address: 0.0.0.0, http: 80, https: 443}"),
    ],
)
def test_a_missing_setting_is_told_with_an_example(key: str, example: str) -> None:
    settings = {name: as_the_engine_hands_over(text) for name, text in GOOD.items() if name != key}
    with pytest.raises(ConfigError) as caught:
        Settings.parse("prod", settings)
    assert caught.value.problems == (
        f"Pulumi.prod.yaml: homeport:{key} is missing; add it, such as {key}: {example}",
    )


def test_lets_encrypt_can_not_be_asked_from_an_island() -> None:
    assert problems({"outside": "false"}) == [
        "Pulumi.prod.yaml: homeport:tls.issuer is 'letsencrypt', but outside is false, so it can't "
        "be asked for certificates; set tls.issuer to internal, or outside to true"
    ]


def test_the_local_stack_listens_on_loopback_alone(tmp_path: Path) -> None:
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    with pytest.raises(ConfigError) as caught:
        loading.load("local", config, an_estate(tmp_path, {}))
    assert caught.value.problems == (
        "Pulumi.local.yaml: homeport:listen.address is '0.0.0.0': the local stack listens on "
        "loopback alone; set it to 127.0.0.1, or use a stack of another name",
    )
    loopback = {"listen": as_the_engine_hands_over("{address: 127.0.0.9, http: 80, https: 443}")}
    assert loading.load("local", config | loopback, tmp_path).settings.listen.http == 80


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {"a.yaml": "hosts: [x, y z]", "B.yaml": "", "c.yaml": "text"})
    images = "gateway: caddy\nsite: caddy:2.11.7\nphp: x:1\nold: x:1\npublisher: x:1\nproxy: x:1\n"
    write_files(root, {"config/images.yaml": images + SERVICE_IMAGES})
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    with pytest.raises(ConfigError) as caught:
        loading.load("prod", config | {"domain": "..", "colour": "red"}, root)
    assert str(caught.value).splitlines() == [
        f"Pulumi.prod.yaml: homeport:domain is '..': {NO_HOST_NAME}",
        f"Pulumi.prod.yaml: homeport:colour: there is no such field; allowed here: {FIELDS}",
        "config/images.yaml:1: gateway is 'caddy': must be a name and an exact version, such as "
        "caddy:2.11.7",
        "config/images.yaml:4: old: there is no such field; allowed here: proxy, gateway, site, "
        "php, publisher, registry, pypi, vault, prometheus, alertmanager, blackbox, node_exporter, "
        "backup",
        "config/sites/B.yaml: a site's file name is 1 to 40 lower-case letters, digits, hyphens "
        "and underscores before .yaml, such as blog.yaml; rename it",
        f"config/sites/a.yaml:1: hosts.1 is 'y z': {NO_HOST_NAME}",
        "config/sites/c.yaml:1: must be a mapping of fields to values",
    ]


@pytest.mark.parametrize(
    "ref", ["caddy", "caddy:latest", "Caddy:2", "caddy:", ":2", "caddy:2 ", "ca ddy:2", "caddy:-2"]
)
def test_an_image_needs_an_exact_version(tmp_path: Path, ref: str) -> None:
    root = an_estate(tmp_path, {})
    images = f"proxy: x:1\nsite: '{ref}'\ngateway: x:1\nphp: homeport/php:1\npublisher: x:1\n"
    write_files(root, {"config/images.yaml": images + SERVICE_IMAGES})
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    with pytest.raises(ConfigError) as caught:
        loading.load("prod", config, root)
    assert caught.value.problems == (
        f"config/images.yaml:2: site is {ref!r}: must be a name and an exact version, such as "
        "caddy:2.11.7",
    )


# The files of this repository


def test_pulumi_yaml_declares_exactly_the_keys_that_the_program_takes() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    # A declared key always has a value, and a section is there or not.
    keys = [key for key in Settings.model_fields if key not in Settings.sections()]
    assert list(declared) == keys
    for key, declaration in declared.items():
        assert declaration["description"], key
        field = Settings.model_fields[key]
        assert ("default" in declaration) == (not field.is_required()), key


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_engine_and_the_commands_read_the_same_from_a_stacks_file(
    tmp_path: Path, stack: str
) -> None:
    root = an_estate(tmp_path, EVERY_KIND)
    name = f"Pulumi.{stack}.yaml"
    write_files(root, {name: (ROOT / name).read_text()})
    assert without_secrets(loading.of_files(stack, root)) == without_secrets(
        loading.load(stack, own_config(stack, services=True), root)
    )


def without_secrets(estate: Estate) -> Estate:
    """The commands see which secrets are set, and the engine alone what they are."""
    known = {
        name: set(given.model_fields_set) for name, given in estate.settings.site_secrets.items()
    }
    vault = estate.settings.vault and estate.settings.vault.model_fields_set
    closed = {"site_secrets": known, "vault": vault}
    return replace(estate, settings=estate.settings.model_copy(update=closed))


def test_the_real_sites_are_here() -> None:
    """What the first real set-up serves, and the welcome page."""
    sites = {site.name: site for site in loading.of_files("local").sites}
    assert {name: site.hosts for name, site in sites.items()} == {
        "abolivier": ("b.abolivier.me",),
        "brendanabolivier": ("brendanabolivier.com",),
        "cozy": ("cozy.brendanabolivier.com",),
        "evan": ("www.evanguelard.fr",),
        "evan_bombercir": ("www.evanguelard.fr/BomberCIR",),
        "evan_design": ("design.evanguelard.fr",),
        "evanguelard": ("evanguelard.fr",),
        "kestrel": ("kestrel.brendanabolivier.com",),
        "portfolio": ("www.brendanabolivier.com",),
        "portfolio_new": ("www.brendanabolivier.com/new",),
        "welcome": ("welcome",),
    }
    assert {s.email for s in sites.values() if s.name != "welcome"} == {
        "brendan@example.org",
        "evan@example.org",
    }


def test_prod_refuses_the_examples_and_says_which_files_to_delete() -> None:
    with pytest.raises(ConfigError) as caught:
        loading.of_files("prod")
    assert caught.value.problems == (
        "config/sites/abolivier.yaml, config/sites/brendanabolivier.yaml, config/sites/cozy.yaml, "
        "config/sites/evan.yaml, config/sites/evan_bombercir.yaml, config/sites/evan_design.yaml, "
        "config/sites/evanguelard.yaml, config/sites/kestrel.yaml, config/sites/portfolio.yaml, "
        "config/sites/portfolio_new.yaml: email is at example.org, so these are the examples that "
        "come with Homeport; delete them before asking letsencrypt for certificates, or give the "
        "owner's real address where a site is yours",
    )


def test_a_stack_that_asks_nobody_for_certificates_takes_the_examples() -> None:
    own = own_config("prod") | {"tls": as_the_engine_hands_over("{issuer: internal}")}
    assert len(loading.load("prod", own).sites) == 11


def test_a_stack_without_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loading.of_files("staging", an_estate(tmp_path, {}))
    assert caught.value.problems == ("there is no stack staging: Pulumi.staging.yaml is missing",)


# What follows from settings


def settings(stack: str, **changes: str) -> Settings:
    changed = {key: as_the_engine_hands_over(text) for key, text in changes.items()}
    return Settings.parse(stack, own_config(stack) | changed)


@pytest.mark.parametrize(
    ("stack", "host", "full"),
    [
        ("local", "welcome", "welcome.localhost"),
        ("local", "www.example.org", "www.example.org.localhost"),
        ("local", "blog.localhost", "blog.localhost"),
        ("prod", "welcome", "welcome.example.org"),
        ("prod", "www.example.com", "www.example.com"),
    ],
)
def test_a_host_is_served_under_the_name_that_visitors_type(
    stack: str, host: str, full: str
) -> None:
    assert settings(stack).full_host(host) == full
    assert settings(stack).full_host(full) == full


@pytest.mark.parametrize(
    ("location", "full"),
    [
        ("blog", ("blog.localhost", "")),
        ("blog/new", ("blog.localhost", "/new")),
        ("www.example.org/New/x", ("www.example.org.localhost", "/New/x")),
    ],
)
def test_the_path_of_a_location_stays_as_it_is(location: str, full: tuple[str, str]) -> None:
    assert settings("local").full_location(location) == full


def test_a_url_has_a_port_where_it_is_not_the_schemes_own() -> None:
    at = Entrance(
        docker_host="unix:///x",
        stack="homeport/test",
        address=IPv4Address("127.0.0.1"),
        http=8080,
        https=8443,
        internal_ca=True,
        plain_hosts=("welcome.localhost",),
    )
    assert at.url("welcome.localhost") == "http://welcome.localhost:8080"
    assert at.url("welcome.localhost", "https") == "https://welcome.localhost:8443"
    assert at.url("a.localhost") == "https://a.localhost:8443"
    usual = at.model_copy(update={"http": 80, "https": 443})
    assert usual.url("welcome.localhost") == "http://welcome.localhost"
    assert usual.url("a.localhost") == "https://a.localhost"


# The published passphrase


@pytest.mark.parametrize("given", ["in the environment", "in a file"])
def test_the_published_word_protects_no_other_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    root, load = an_estate(tmp_path / "root", {}), loading.load
    monkeypatch.setattr(loading, "load", lambda s, c: load(s, c, root))
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(engine_config("prod")))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    assert loading.of_program().stack == "prod"

    if given == "in a file":
        (tmp_path / "word").write_text(f"{LOCAL_PASSPHRASE}\n")
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "word"))
    else:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", LOCAL_PASSPHRASE)
    with pytest.raises(pulumi.RunError) as caught:
        loading.of_program()
    assert str(caught.value) == (
        "stack prod: its passphrase is the local stack's published word, which protects nothing; "
        "change it with `pulumi stack change-secrets-provider passphrase --stack prod`"
    )

    monkeypatch.setattr(pulumi, "get_stack", lambda: "local")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(engine_config("local")))
    assert loading.of_program().stack == "local"


def test_urls_name_every_host_of_every_site(tmp_path: Path) -> None:
    root = an_estate(tmp_path, SEVERAL_SITES)
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    assert [url["url"] for url in loading.load("prod", config, root).urls()] == [
        "https://blog.example.org",
        "https://www.example.org",
        "https://example.org",
        "https://xn--bcher-kva.example",
        "https://welcome.example.org",
    ]


def test_urls_name_the_kind_of_each_and_its_path(tmp_path: Path) -> None:
    config = own_config("local", services=True)
    estate = loading.load("local", config, an_estate(tmp_path, EVERY_KIND))
    assert [(url["name"], url["kind"], url["url"]) for url in estate.urls()] == [
        ("asks", "site", "https://asks.localhost:8443"),
        ("away", "redirect", "https://away.localhost:8443"),
        ("bare", "site", "https://bare.localhost:8443"),
        ("blog", "site", "https://blog.localhost:8443"),
        ("blog", "site", "https://example.org.localhost:8443/blog"),
        ("forum", "site", "https://forum.localhost:8443"),
        ("lines", "site", "https://lines.localhost:8443"),
        ("moved", "redirect", "https://example.org.localhost:8443"),
        ("moved", "redirect", "https://old.localhost:8443"),
        ("notes", "site", "https://notes.localhost:8443"),
        ("notes", "site", "https://forum.localhost:8443/notes"),
        ("outside", "upstream", "https://outside.localhost:8443"),
        ("outside", "upstream", "https://example.org.localhost:8443/api"),
        ("photos", "site", "https://photos.localhost:8443"),
        ("shop", "site", "https://shop.localhost:8443"),
        ("pypi", "service", "https://pypi.localhost:8443"),
        ("registry", "service", "https://registry.localhost:8443"),
        ("vault", "service", "https://vault.localhost:8443"),
        ("prometheus", "service", "https://prometheus.localhost:8443"),
    ]


def test_a_service_is_there_where_its_section_stands() -> None:
    settings = Settings.parse("prod", own_config("prod"))
    assert settings.services == {}
    settings = Settings.parse("prod", own_config("prod") | {"registry": "{}"})
    assert [(s.name, s.host, s.section) for s in settings.services.values()] == [
        ("pypi", "pypi.example.org", "homeport:registry"),
        ("registry", "registry.example.org", "homeport:registry"),
    ]


@pytest.mark.parametrize("host", ["pypi", "registry/new", "Registry.example.org"])
def test_the_host_of_a_service_is_no_sites_host_while_it_is_there(
    tmp_path: Path, host: str
) -> None:
    root = an_estate(tmp_path, {"blog.yaml": f"hosts: [{host}]\nsource: {{folder: sites/blog}}\n"})
    without = own_config("prod") | {"tls": as_the_engine_hands_over("{issuer: internal}")}
    assert len(loading.load("prod", without, root).urls()) == 1
    with pytest.raises(ConfigError) as caught:
        loading.load("prod", without | {"registry": "{}"}, root)
    (problem,) = caught.value.problems
    name = host[:8].lower()
    assert problem.startswith(f"config/sites/blog.yaml: hosts has {host.lower()!r}, where the ")
    assert problem.endswith(
        f"service {name} answers, which homeport:registry turns on; choose another host, or "
        "remove that section"
    )


def test_no_service_takes_passwords_in_clear(tmp_path: Path) -> None:
    config = own_config("prod") | {"registry": "{}", "plain_http": '["pypi", "www"]'}
    with pytest.raises(ConfigError) as caught:
        loading.load("prod", config, an_estate(tmp_path, {}))
    assert caught.value.problems == (
        "Pulumi.prod.yaml: homeport:plain_http has 'pypi.example.org', where the service pypi "
        "answers, and people send it passwords; remove it",
    )


def test_a_redirect_to_a_service_follows_its_port(tmp_path: Path) -> None:
    estate = loading.load("local", own_config("local", services=True), an_estate(tmp_path, {}))
    assert estate.redirect_target("https://pypi/simple") == "https://pypi.localhost:8443/simple"


def test_only_images_that_are_used_are_brought_to_the_host(tmp_path: Path) -> None:
    sites, all_ = own_config("local"), own_config("local", services=True)
    several = loading.load("local", sites, an_estate(tmp_path / "a", SEVERAL_SITES))
    every = loading.load("local", all_, an_estate(tmp_path / "b", EVERY_KIND))
    images = every.images
    shared = {name: text for name, text in SEVERAL_SITES.items() if "container" not in text}
    none = loading.load("local", sites, an_estate(tmp_path / "c", shared))
    assert none.images_used() == [[images.proxy, images.gateway]]
    contained = loading.load("local", sites | {"hosting": "container"}, tmp_path / "c")
    assert contained.images_used() == several.images_used()
    assert several.images_used() == [[images.proxy, images.gateway, images.site]]
    assert every.images_used() == [
        *several.images_used(),
        [images.php],
        [images.publisher],
        [images.pypi, images.registry],
        [images.vault],
        [images.node_exporter, images.blackbox, images.alertmanager, images.prometheus],
    ]


@pytest.mark.parametrize(
    ("stack", "to", "location"),
    [
        ("local", "https://welcome", "http://welcome.localhost:8080"),
        ("local", "https://www.example.org", "https://www.example.org.localhost:8443"),
        ("local", "http://BLOG.localhost/a?b=c#d", "https://blog.localhost:8443/a?b=c#d"),
        ("local", "https://bücher.example/", "https://xn--bcher-kva.example.localhost:8443/"),
        ("prod", "https://welcome/a", "https://welcome.example.org/a"),
        ("prod", "http://www.example.org", "https://www.example.org"),
        # What isn't this stack's stays as it is.
        *(
            (stack, to, to)
            for stack in ("local", "prod")
            for to in (
                "https://elsewhere.example.net/a?b",
                "http://192.0.2.7/a",
                "http://[2001:db8::7]:8080",
                "https://www.example.org:9443/a",
            )
        ),
    ],
)
def test_a_redirect_to_a_host_of_the_stack_follows_its_naming_and_port(
    tmp_path: Path, stack: str, to: str, location: str
) -> None:
    estate = loading.load(stack, own_config(stack), an_estate(tmp_path, SEVERAL_SITES))
    assert estate.redirect_target(to) == location


# Sites that follow git


GIT = "hosts: [{host}]\nsource: {{git: '{url}'}}\n"
MIRROR = {
    "https://git.example.org/": "sites/mirror",
    "https://git.example.org/ada/": "https://other.example.org/a",
    "https://git.example.org/ada/forum": "sites/blog",
    "git@git.example.org:": "git@other.example.org:",
    "ssh://git@git.example.org/": "http://other.example.org/",
}


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://git.example.org/notes", Path("sites/mirror/notes")),
        ("https://git.example.org/notes.git/", Path("sites/mirror/notes")),
        # Nothing stands in for what the mirror hasn't.
        ("https://git.example.org/none", None),
        ("https://git.example.org/../blog", None),
        ("https://git.example.org/page.html", None),
        ("https://git.example.org.example.net/notes", None),
        ("https://example.net/x", None),
        # The longest that fits, by whole parts.
        ("https://git.example.org/ada/x.git", "https://other.example.org/a/x.git"),
        ("https://git.example.org/ada/forum", Path("sites/blog")),
        ("https://git.example.org/ada/forum2", "https://other.example.org/a/forum2"),
        ("git@git.example.org:notes.git", "git@other.example.org:notes.git"),
        ("ssh://git@git.example.org/a/b", "http://other.example.org/a/b"),
    ],
)
@pytest.mark.parametrize("outside", ["true", "false"])
def test_a_repository_is_fetched_from_what_stands_in_for_it(
    tmp_path: Path, url: str, place: Path | str | None, outside: str
) -> None:
    root = an_estate(tmp_path, {"blog.yaml": GIT.format(host="blog", url=url)})
    write_files(root, {"sites/mirror/notes/main/index.html": "", "sites/mirror/page.html": ""})
    own = own_config("local") | {
        "sources": json.dumps({"mirror": MIRROR}),
        "outside": outside,
    }
    away = url if outside == "true" else None
    assert loading.load("local", own, root).remotes == {"blog": place or away}


def test_every_example_has_a_repository_in_the_local_stack() -> None:
    remotes = loading.of_files("local").remotes
    assert set(remotes) == {"evan", "evan_bombercir", "evan_design", "portfolio", "portfolio_new"}
    assert all(isinstance(place, Path) for place in remotes.values()), remotes
    assert loading.warnings(loading.of_files("local")) == []


@pytest.mark.parametrize(
    ("key", "place"), [("https://git.example.org/", "sites/none"), ("git@a.org:", "sites/none")]
)
def test_a_mirror_that_is_missing_is_told_where_a_site_needs_it(
    tmp_path: Path, key: str, place: str
) -> None:
    site = GIT.format(host="blog", url=f"{key}x")
    root = an_estate(tmp_path, {"blog.yaml": site})
    mirror = {key: place, "https://unused.example.org/": "sites/none"}
    with pytest.raises(ConfigError) as caught:
        loading.load(
            "local", own_config("local") | {"sources": json.dumps({"mirror": mirror})}, root
        )
    assert caught.value.problems == (
        f"Pulumi.local.yaml: homeport:sources.mirror.{key} is 'sites/none': there is no such "
        "folder in this repository; create it, or name one that is there",
    )


SET = "`pulumi config set --stack prod --secret --path homeport:site_secrets."
REMOVE = "`pulumi config rm --stack prod --path homeport:site_secrets."
HOOKED = "hosts: [{host}]\nsource: {{git: https://a.org/b, webhook: {path}}}\n"


def warnings(
    root: Path, sites: dict[str, str], *, stack: str = "prod", **settings: object
) -> list[str]:
    own = own_config(stack) | {key: json.dumps(value) for key, value in settings.items()}
    return loading.warnings(loading.load(stack, own, an_estate(root, sites)))


def test_a_webhook_without_a_secret_is_told_with_the_command_that_sets_it(tmp_path: Path) -> None:
    sites = {"blog.yaml": HOOKED.format(host="blog", path="/push")}
    assert warnings(tmp_path / "without", sites) == [
        "config/sites/blog.yaml: source.webhook is '/push', and there is no secret for it, so "
        f"every push is refused; set the secret that signs pushes: {SET}blog.webhook`"
    ]
    for text in ("s3cr3t", {"secure": "v1:a:b"}):
        root = tmp_path / str(len(text))
        assert warnings(root, sites, site_secrets={"blog": {"webhook": text}}) == []


def test_a_secret_that_is_used_nowhere_is_told(tmp_path: Path) -> None:
    sites = {
        "blog.yaml": GIT.format(host="blog", url="git@a.org:x"),
        "shop.yaml": GIT.format(host="shop", url="https://a.org/x"),
        "wiki.yaml": GIT.format(host="wiki", url="http://a.org/x"),
        "photos.yaml": "hosts: [photos]\nsource: {folder: sites/photos}\n",
    }
    every = {"webhook": "s3cr3t", "token": "s3cr3t", "key": KEY}
    secrets = {
        "blog": every,
        "shop": every,
        "wiki": every,
        "photos": {"token": "s3cr3t"},
        "none": {"key": KEY},
    }
    assert warnings(tmp_path, sites, site_secrets=secrets) == [
        f"Pulumi.prod.yaml: homeport:site_secrets.{key} is used nowhere: no site "
        f"{key.partition('.')[0]} {why}; {REMOVE}{key}` removes it"
        for key, why in (
            ("blog.webhook", "has a webhook"),
            ("blog.token", "follows git over https"),
            ("shop.webhook", "has a webhook"),
            ("shop.key", "follows git over SSH"),
            ("wiki.webhook", "has a webhook"),
            ("wiki.token", "follows git over https"),
            ("wiki.key", "follows git over SSH"),
            ("photos.token", "follows git over https"),
            ("none.key", "follows git over SSH"),
        )
    ]


def test_the_island_says_that_it_fetches_nothing(tmp_path: Path) -> None:
    sites = {"blog.yaml": GIT.format(host="blog", url="https://a.org/x")}
    assert warnings(tmp_path, sites, stack="local", site_secrets={}) == [
        "config/sites/blog.yaml: source.git is 'https://a.org/x', and nothing is fetched: "
        "homeport:outside is false in Pulumi.local.yaml, and no folder of homeport:sources.mirror "
        "has that repository; add it to one, or set outside to true"
    ]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (
            "/New",
            "source.webhook is '/New', and config/sites/shop.yaml is at 'shop.example.org/New'; "
            "give the webhook a path of its own",
        ),
        (
            "/PUSH",
            "source.webhook is '/PUSH', and config/sites/photos.yaml has '/push' at the same "
            "host, shop.example.org; write both alike, or give each its own path",
        ),
    ],
)
def test_a_webhook_that_another_path_hides_is_told(tmp_path: Path, path: str, problem: str) -> None:
    sites = {
        "photos.yaml": HOOKED.format(host="photos, shop/photos", path="/push"),
        "shop.yaml": "hosts: [shop/new, shop]\nsource: {folder: sites/shop}\n",
        "wares.yaml": HOOKED.format(host="shop/wares", path=path),
    }
    with pytest.raises(ConfigError) as caught:
        warnings(tmp_path, sites)
    assert caught.value.problems == (f"config/sites/wares.yaml: {problem}",)


def test_several_sites_may_share_a_webhook(tmp_path: Path) -> None:
    sites = {
        "photos.yaml": HOOKED.format(host="shop/photos", path="/push"),
        "wares.yaml": HOOKED.format(host="shop/wares", path="/push"),
    }
    secrets = {name: {"webhook": "s3cr3t"} for name in ("photos", "wares")}
    assert warnings(tmp_path, sites, site_secrets=secrets) == []


@settings_of_hypothesis(max_examples=200)
@given(
    secret=st.text(min_size=12).filter(lambda text: text[:1] not in "[{"),
    shape=st.sampled_from(["text", "site", "list", "token", "key", "webhook"]),
)
def test_no_secret_is_in_an_error(secret: str, shape: str) -> None:
    shapes: dict[str, object] = {
        "text": secret,
        "site": {"blog": secret},
        "list": {"blog": {"token": [secret]}},
        # No text is of these forms.
        "token": {"blog": {"token": f" {secret}"}},
        "key": {"blog": {"key": secret}},
        "webhook": {"blog": {"webhook": f"\n{secret}"}},
    }
    handed = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    with pytest.raises(ConfigError) as caught:
        Settings.parse("prod", handed | {"site_secrets": json.dumps(shapes[shape])})
    assert secret not in str(caught.value)
    assert " is [secret]: must be " in str(caught.value)


def test_a_secret_is_not_in_what_a_debugger_prints() -> None:
    own = own_config("prod") | {"site_secrets": json.dumps({"blog": {"token": "s3cr3t"}})}
    parsed = Settings.parse("prod", own)
    assert "s3cr3t" not in repr(parsed)
    assert "s3cr3t" not in repr(parsed.site_secrets)


@pytest.mark.parametrize(
    "users",
    [
        HASH,
        [HASH],
        {"alice": HASH},
        {"registry": HASH},
        {"hash": [HASH]},
        {"alice": {"hash": [HASH]}},
        {"alice": {"hash": {"closed": HASH}}},
        {"alice": {"hash": HASH[:-1]}},
        {"alice": {"hash": HASH, "registry": "all"}},
        {"a b": {"hash": HASH}},
    ],
)
def test_no_hash_is_in_an_error(users: object) -> None:
    handed = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    given = users if isinstance(users, str) else json.dumps(users)
    with pytest.raises(ConfigError) as caught:
        Settings.parse("prod", handed | {"users": given})
    assert "a./Z9" not in str(caught.value)


def test_no_hash_is_in_what_a_debugger_prints() -> None:
    own = own_config("prod") | {"users": json.dumps({"alice": {"hash": HASH}})}
    shown = repr(Settings.parse("prod", own))
    assert "alice" in shown
    assert "a./Z9" not in shown


def test_a_stand_in_that_is_missing_is_told_where_a_site_needs_it(tmp_path: Path) -> None:
    stand_ins = '{"folders": {"/srv/photos": "sites/none", "/srv/other": "sites/none"}}'
    with pytest.raises(ConfigError) as caught:
        loading.load(
            "local",
            own_config("local") | {"sources": stand_ins},
            an_estate(tmp_path, EVERY_KIND),
        )
    assert caught.value.problems == (
        "Pulumi.local.yaml: homeport:sources.folders./srv/photos is 'sites/none': there is no such "
        "folder in this repository; create it, or name one that is there",
    )

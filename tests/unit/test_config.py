"""Settings: what is taken, and the whole message for each that is not.

Whoever reads a message shall know the file, the key, its value, what is allowed, and what to
do. So the messages are compared whole.
"""

import json
from pathlib import Path

import pulumi
import pytest
import yaml

from config.estate import Estate
from config.model import ConfigError
from config.settings import LOCAL_PASSPHRASE, PROJECT, Settings
from tests.unit.program import ROOT, SEVERAL_SITES, an_estate, engine_config, write_files

GOOD = {
    "docker_host": "ssh://root@server.example.org",
    "domain": "example.org",
    "restart": "always",
    "tls": "{issuer: letsencrypt}",
    "listen": "{address: 0.0.0.0, http: 80, https: 443}",
}

NO_HOST_NAME = (
    "not a host name; use letters, digits and hyphens between dots, each part 1 to 63 "
    "characters, such as blog or www.example.org"
)
NO_DOCKER_HOST = "must be unix:///var/run/docker.sock or ssh://user@host, with an optional :port"
FIELDS = "docker_host, domain, host_suffix, restart, tls, listen, plain_http, outside"


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
        ("tls", "{issuer: internal}"),
        ("listen", "{address: 10.1.2.3, http: 1, https: 65535}"),
        ("plain_http", "[]"),
        ("plain_http", "[welcome, www.example.org]"),
        ("outside", "true"),
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
            " is '10.0.0.1': an address is no host name; use a name such as blog or "
            "www.example.org",
        ),
        ("host_suffix", "local host", f" is 'local host': {NO_HOST_NAME}"),
        (
            "restart",
            "on-failure",
            " is 'on-failure': must be 'no' or 'always', such as restart: always",
        ),
        ("restart", "no", " is 'false': must be 'no' or 'always', such as restart: always"),
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
            ".admin: there is no such field; allowed here: address, http, https",
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
        Estate.load("local", config, an_estate(tmp_path, {}))
    assert caught.value.problems == (
        "Pulumi.local.yaml: homeport:listen.address is '0.0.0.0': the local stack listens on "
        "loopback alone; set it to 127.0.0.1, or use a stack of another name",
    )
    loopback = {"listen": as_the_engine_hands_over("{address: 127.0.0.9, http: 80, https: 443}")}
    assert Estate.load("local", config | loopback, tmp_path).settings.listen.http == 80


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {"a.yaml": "hosts: [x, y z]", "B.yaml": "", "c.yaml": "text"})
    write_files(root, {"config/images.yaml": "gateway: caddy\nsite: caddy:2.11.7\nold: x:1\n"})
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    with pytest.raises(ConfigError) as caught:
        Estate.load("prod", config | {"domain": "..", "colour": "red"}, root)
    assert str(caught.value).splitlines() == [
        f"Pulumi.prod.yaml: homeport:domain is '..': {NO_HOST_NAME}",
        f"Pulumi.prod.yaml: homeport:colour: there is no such field; allowed here: {FIELDS}",
        "config/images.yaml:1: gateway is 'caddy': must be a name and an exact version, such as "
        "caddy:2.11.7",
        "config/images.yaml:3: old: there is no such field; allowed here: gateway, site",
        "config/sites/B.yaml: a site's file name is 1 to 40 lower-case letters, digits, hyphens "
        "and underscores before .yaml, such as blog.yaml; rename it",
        f"config/sites/a.yaml:1: hosts.1 is 'y z': {NO_HOST_NAME}",
        "config/sites/a.yaml:1: source is missing; add it, such as source: {folder: sites/blog}",
        "config/sites/c.yaml:1: must be a mapping of fields to values",
    ]


@pytest.mark.parametrize(
    "ref", ["caddy", "caddy:latest", "Caddy:2", "caddy:", ":2", "caddy:2 ", "ca ddy:2", "caddy:-2"]
)
def test_an_image_needs_an_exact_version(tmp_path: Path, ref: str) -> None:
    root = an_estate(tmp_path, {})
    write_files(root, {"config/images.yaml": f"gateway: caddy:2.11.7\nsite: '{ref}'\n"})
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    with pytest.raises(ConfigError) as caught:
        Estate.load("prod", config, root)
    assert caught.value.problems == (
        f"config/images.yaml:2: site is {ref!r}: must be a name and an exact version, such as "
        "caddy:2.11.7",
    )


# The files of this repository


def test_pulumi_yaml_declares_exactly_the_keys_that_the_program_takes() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert list(declared) == list(Settings.model_fields)
    for key, declaration in declared.items():
        assert declaration["description"], key
        field = Settings.model_fields[key]
        assert ("default" in declaration) == (not field.is_required()), key


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_engine_and_the_commands_read_the_same_from_a_stacks_file(stack: str) -> None:
    config = engine_config(stack)
    own = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}
    assert Estate.of_files(stack) == Estate.load(stack, own)


def test_a_stack_without_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Estate.of_files("staging", an_estate(tmp_path, {}))
    assert caught.value.problems == ("there is no stack staging: Pulumi.staging.yaml is missing",)


# What follows from settings


def settings(stack: str, **changes: str) -> Settings:
    config = engine_config(stack) | {
        f"{PROJECT}:{key}": as_the_engine_hands_over(text) for key, text in changes.items()
    }
    own = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}
    return Settings.parse(stack, own)


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


def test_a_url_has_a_port_where_it_is_not_the_schemes_own() -> None:
    assert settings("local").public_url("welcome.localhost") == "http://welcome.localhost:8080"
    assert settings("local").public_url("a.localhost") == "https://a.localhost:8443"
    assert settings("prod").public_url("a.example.org") == "https://a.example.org"
    plain = settings("prod", plain_http="[a]")
    assert plain.public_url("a.example.org") == "http://a.example.org"


# The published passphrase


@pytest.mark.parametrize("given", ["in the environment", "in a file"])
def test_the_published_word_protects_no_other_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(engine_config("prod")))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    assert Estate.of_program().stack == "prod"

    if given == "in a file":
        (tmp_path / "word").write_text(f"{LOCAL_PASSPHRASE}\n")
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "word"))
    else:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", LOCAL_PASSPHRASE)
    with pytest.raises(pulumi.RunError) as caught:
        Estate.of_program()
    assert str(caught.value) == (
        "stack prod: its passphrase is the local stack's published word, which protects nothing; "
        "change it with `pulumi stack change-secrets-provider passphrase --stack prod`"
    )

    monkeypatch.setattr(pulumi, "get_stack", lambda: "local")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(engine_config("local")))
    assert Estate.of_program().stack == "local"


def test_urls_name_every_host_of_every_site(tmp_path: Path) -> None:
    root = an_estate(tmp_path, SEVERAL_SITES)
    config = {key: as_the_engine_hands_over(text) for key, text in GOOD.items()}
    assert [url["url"] for url in Estate.load("prod", config, root).urls()] == [
        "https://blog.example.org",
        "https://www.example.org",
        "https://example.org",
        "https://xn--bcher-kva.example",
        "https://welcome.example.org",
    ]

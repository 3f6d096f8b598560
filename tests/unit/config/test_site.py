"""Site files: what is taken, and the whole message for each that is not."""

import contextlib
import string
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config import loading, site_file
from config.estate import Estate
from config.hosts import canonical_host
from config.model import ConfigError
from config.names import Hosting
from config.site import SiteFile
from config.source import Source
from config.yaml_file import YamlFile
from tests.unit.program import an_estate, own_config

GOOD = "hosts: [blog]\nsource: {folder: sites/blog}\n"

NO_HOST_NAME = (
    "not a host name; use letters, digits and hyphens between dots, each part 1 to 63 "
    "characters, such as blog or www.example.org"
)
NO_PATH = "not a path; use letters, digits and . _ ~ - between slashes, such as www.example.org/new"
NO_FOLDER = "must be a relative path without .., such as sites/blog"
NO_URL = "must be a URL, such as https://www.example.org"
NO_ORIGIN = "must be http or https, a host and a port alone, such as http://192.0.2.7:9104"
NO_PAGE = "must be a page of the content, such as 404/index.html"
NO_REPOSITORY = (
    "must be a repository's URL without a password, such as https://github.com/owner/name"
)
FIELDS_OF_A_SITE = (
    "hosts, source, redirect, upstream, hosting, runtime, listing, not_found, email, memory_mib, "
    "cpus, egress, caddyfile"
)
FIELDS_OF_A_SOURCE = "folder, host_folder, git, branch, tag, commit, directory, as, every, webhook"
ONLY_CONTAINER = (
    "a shared site can't do that, but a container can; change hosting to container, or remove "
    "hosting"
)
NO_KIND = (
    "none of source, redirect, upstream is given; add one, such as source: {folder: sites/blog}"
)
ONE_OF_THEM = "only one of them can be given; keep one"
NOT_THERE = "there is no such folder in this repository; create it, or name one that is there"


def load(root: Path) -> Estate:
    return loading.load("prod", own_config("prod"), root)


def problems(root: Path, sites: dict[str, str]) -> list[str]:
    """What is wrong with these site files, by name, in a repository with a folder for each."""
    try:
        load(an_estate(root, sites))
    except ConfigError as error:
        return list(error.problems)
    return []


# What is taken


def test_two_keys_are_a_site(tmp_path: Path) -> None:
    """The first sentence of the documentation, and it stays true."""
    (site,) = load(an_estate(tmp_path, {"blog.yaml": GOOD})).sites
    assert len(yaml.safe_load(GOOD)) == 2
    assert site.source
    assert (site.name, site.hosts, site.source.folder) == ("blog", ("blog",), "sites/blog")
    assert {name for name, field in SiteFile.model_fields.items() if field.is_required()} == {
        "hosts"
    }
    assert not any(field.is_required() for field in Source.model_fields.values())


@pytest.mark.parametrize(
    "text",
    [
        "source: {host_folder: /srv/photos}\nlisting: true\nnot_found: 404/index.html\n",
        "source: {folder: sites/blog}\nruntime: php\nmemory_mib: 32\ncpus: 0.1\negress: true\n",
        "source: {folder: sites/blog}\ncaddyfile: |\n  header A b\nemail: a.b+c@example.com\n",
        "source: {folder: sites/blog}\nnot_found: überall~1/nicht_da.html\n",
        "source: {folder: sites/blog}\nemail:\nmemory_mib:\ncaddyfile:\n",
        "source: {git: https://github.com/owner/name, branch: a/x.1, directory: a/b, as: c}\n",
        "source: {git: 'git@example.org:name.git', tag: v1, every: 90s, webhook: /a-b/c}\n",
        "source: {git: 'ssh://git@example.org:22/name'}\n",
        "source: {git: 'http://192.0.2.7:3000/owner/name'}\n",
        f"source: {{git: https://example.org/x, commit: {'0a' * 20}}}\n",
        f"source: {{git: https://example.org/x, commit: {'0a' * 32}}}\n",
        "redirect: {to: https://www.example.org/a}\n",
        "redirect: {to: 'http://192.0.2.7:8080/?a=b', permanent: false, keep_path: false}\n",
        "upstream: http://192.0.2.7:9104\n",
        "upstream: https://www.example.org/\n",
        "upstream: 'http://[2001:db8::7]:80'\nemail: a@example.com\n",
    ],
)
def test_each_kind_of_site_and_field_is_taken(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, {"blog.yaml": f"hosts: [blog, a.org/x]\n{text}"}) == []


@pytest.mark.parametrize(
    ("text", "of_stack", "shared"),
    [
        (GOOD, "shared", True),
        (GOOD, "container", False),
        (f"{GOOD}hosting: shared\n", "container", True),
        (f"{GOOD}hosting: container\n", "shared", False),
        ("hosts: [blog]\nsource: {git: https://a.org/b}\n", "shared", True),
        (
            f"{GOOD}caddyfile: |\n  # reverse_proxy a.org:80\n  header A reverse_proxy\n",
            "shared",
            True,
        ),
        # What only a container can do has one, without a word.
        (f"{GOOD}runtime: php\n", "shared", False),
        (f"{GOOD}egress: true\n", "shared", False),
        (f"{GOOD}memory_mib: 64\n", "shared", False),
        (f"{GOOD}caddyfile: |\n  handle {{\n    reverse_proxy a.org:80\n  }}\n", "shared", False),
        ("hosts: [blog]\nsource: {host_folder: /srv/photos}\n", "shared", False),
        ("hosts: [blog]\nupstream: http://a.org\n", "shared", False),
    ],
)
def test_what_serves_a_site_is_said_by_its_file_else_by_the_stack(
    tmp_path: Path, text: str, of_stack: Hosting, shared: bool
) -> None:
    (site,) = load(an_estate(tmp_path, {"blog.yaml": text})).sites
    assert site.shared(of_stack) is shared


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("caddyfile: header A b\n", 3),
        ("caddyfile: |\n  header A b\n", 4),
        ("caddyfile: >-\n  header A b\n", 4),
        ("caddyfile:\n  header A b\n", 4),
        ("listing: true\n# a comment\ncaddyfile: |\n  header A b\n", 6),
        ("", 0),
    ],
)
def test_the_line_of_free_lines_is_known(tmp_path: Path, text: str, line: int) -> None:
    (site,) = load(an_estate(tmp_path, {"blog.yaml": GOOD + text})).sites
    assert site.caddyfile_line == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("source:\n  host_folder: /srv/photos\n", 3),
        ("listing: true\nsource: {host_folder: /srv/photos}\n", 3),
        ("redirect:\n  permanent: false\n  to: https://a.org\n", 4),
    ],
)
def test_the_line_of_what_is_checked_later_is_known(tmp_path: Path, text: str, line: int) -> None:
    (site,) = load(an_estate(tmp_path, {"blog.yaml": f"hosts: [blog]\n{text}"})).sites
    at = site.host_folder_at if site.source else site.redirect_at
    assert at == f"config/sites/blog.yaml:{line}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://Bücher.Example/Über?a=ü", "https://xn--bcher-kva.example/Über?a=ü"),
        ("http://ada@faß.de:8080/", "http://ada@xn--fa-hia.de:8080/"),
        ("https://WWW.Example.org/A", "https://WWW.Example.org/A"),
        ("http://[2001:db8::7]:8080", "http://[2001:db8::7]:8080"),
    ],
)
def test_a_redirect_leads_to_the_name_that_dns_has(
    tmp_path: Path, written: str, meant: str
) -> None:
    text = f"hosts: [blog]\nredirect: {{to: '{written}', keep_path: false}}\n"
    (site,) = load(an_estate(tmp_path, {"blog.yaml": text})).sites
    assert site.redirect
    assert site.redirect.to == meant


def test_an_upstream_is_asked_by_the_name_that_dns_has(tmp_path: Path) -> None:
    text = "hosts: [blog]\nupstream: 'https://Bücher.example:8443/'\n"
    (site,) = load(an_estate(tmp_path, {"blog.yaml": text})).sites
    assert site.upstream == "https://xn--bcher-kva.example:8443"


def test_a_folder_of_sites_may_be_empty(tmp_path: Path) -> None:
    assert load(an_estate(tmp_path, {})).sites == ()


def test_what_an_editor_leaves_behind_is_no_site(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {"blog.yaml": GOOD})
    (root / "config/sites/.blog.yaml.swp").write_bytes(b"\0\xff")
    assert len(load(root).sites) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("blog", "blog"),
        ("WWW.Example.ORG.", "www.example.org"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("my_blog.Bücher。example", "my_blog.xn--bcher-kva.example"),
        ("3com.org", "3com.org"),
        ("a" * 63, "a" * 63),
    ],
)
def test_a_host_is_known_by_the_name_that_dns_has(written: str, meant: str) -> None:
    assert canonical_host(written) == meant


# What is not


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{GOOD}host: x\n", f"3: host: there is no such field; allowed here: {FIELDS_OF_A_SITE}"),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog\n  url: x\n",
            f"4: source.url: there is no such field; allowed here: {FIELDS_OF_A_SOURCE}",
        ),
        (
            "hosts: [blog]\nredirect:\n  to: https://a.org\n  status: 301\n",
            "4: redirect.status: there is no such field; allowed here: to, permanent, keep_path",
        ),
        # What serves it
        (
            f"{GOOD}hosting: vm\n",
            "3: hosting is 'vm': must be 'shared' or 'container', such as hosting: container",
        ),
        (f"{GOOD}hosting: shared\nruntime: php\n", f"3: hosting, runtime: {ONLY_CONTAINER}"),
        (f"{GOOD}memory_mib: 64\nhosting: shared\n", f"4: hosting, memory_mib: {ONLY_CONTAINER}"),
        (f"{GOOD}hosting: shared\ncpus: 0.5\n", f"3: hosting, cpus: {ONLY_CONTAINER}"),
        (
            f"{GOOD}hosting: shared\negress: true\ncpus: 1\n",
            f"3: hosting, cpus, egress: {ONLY_CONTAINER}",
        ),
        (
            "hosts: [blog]\nhosting: shared\nsource: {host_folder: /srv/photos}\n",
            f"2: hosting, source.host_folder: {ONLY_CONTAINER}",
        ),
        *(
            (
                f"{GOOD}hosting: shared\ncaddyfile: |\n  header A b\n  handle /x {{\n    {line}\n"
                "  }\n",
                f"3: hosting, caddyfile: {ONLY_CONTAINER}",
            )
            for line in ("reverse_proxy a.org:80", "php_fastcgi a:9000", "forward_auth a.org:80")
        ),
        (
            "hosts: [blog]\nredirect: {to: https://a.org}\nhosting: shared\n",
            "3: hosting: only for a site with a source, and this one has redirect; leave it out",
        ),
        # What a site is
        ("hosts: [blog]\n", f"1: {NO_KIND}"),
        ("hosts: [blog]\nsource:\nredirect:\n", f"1: {NO_KIND}"),
        (f"{GOOD}redirect: {{to: https://a.org}}\n", f"2: source, redirect: {ONE_OF_THEM}"),
        (
            f"{GOOD}upstream: http://a.org\nredirect: {{to: https://a.org}}\n",
            f"2: source, redirect, upstream: {ONE_OF_THEM}",
        ),
        (
            "hosts: [blog]\nredirect: {to: https://a.org}\nlisting: true\nruntime: php\n",
            "4: runtime, listing: only for a site with a source, and this one has redirect; leave "
            "it out",
        ),
        (
            "hosts: [blog]\nupstream: http://a.org\ncaddyfile: header A b\n",
            "3: caddyfile: only for a site with a source, and this one has upstream; leave it out",
        ),
        (
            "source: {folder: sites/blog}\n",
            "1: hosts is missing; add it, such as hosts: [blog]",
        ),
        (
            "hosts: [blog]\nsource: {}\n",
            "2: source is {}: none of folder, host_folder, git is given; add one, such as folder: "
            "sites/blog",
        ),
        # hosts
        (
            "source: {folder: sites/blog}\nhosts: blog\n",
            "2: hosts is 'blog': must be a list, such as hosts: [blog]",
        ),
        (
            "source: {folder: sites/blog}\nhosts:\n",
            "2: hosts is empty: must be a list, such as hosts: [blog]",
        ),
        (
            "source: {folder: sites/blog}\nhosts: []\n",
            "2: hosts is []: must have at least one host, such as [blog]",
        ),
        (
            "source: {folder: sites/blog}\nhosts:\n  - blog\n  - no\n",
            "4: hosts.1 is false: must be text, put in quotes",
        ),
        (
            "source: {folder: sites/blog}\nhosts:\n  - blog\n  - a b\n",
            f"4: hosts.1 is 'a b': {NO_HOST_NAME}",
        ),
        *(
            (
                f"source: {{folder: sites/blog}}\nhosts: [a, '{host}']\n",
                f"2: hosts.1 is '{host}': {NO_HOST_NAME}",
            )
            for host in (
                "",
                "http://example.org",
                "example.org:80",
                "a" * 55 + "!",
            )
        ),
        (
            "source: {folder: sites/blog}\nhosts: [a, 192.168.0.1]\n",
            "2: hosts.1 is '192.168.0.1': an IP address isn't a host name; use a name such as "
            "blog or "
            "www.example.org",
        ),
        *(
            (f"source: {{folder: sites/blog}}\nhosts: ['{at}']\n", f"2: hosts.0 is '{at}': {why}")
            for at, why in (
                ("/new", NO_HOST_NAME),
                ("example.org:80/new", NO_HOST_NAME),
                ("example.org/a b", NO_PATH),
                ("example.org/a//b", NO_PATH),
                ("example.org/../b", NO_PATH),
                ("example.org/./b", NO_PATH),
                ("example.org/a?b", NO_PATH),
                ("example.org/a*", NO_PATH),
                ("example.org/{path}", NO_PATH),
                ("example.org/é", NO_PATH),
            )
        ),
        # redirect and upstream
        (
            "hosts: [blog]\nredirect: https://a.org\n",
            "2: redirect is 'https://a.org': must be fields with values, such as redirect: {to: "
            "https://www.example.org}",
        ),
        (
            "hosts: [blog]\nredirect: {}\n",
            "2: redirect.to is missing; add it, such as to: https://www.example.org",
        ),
        (
            "hosts: [blog]\nredirect: {to: https://a.org, permanent: 301}\n",
            "2: redirect.permanent is 301: must be true or false, such as permanent: false",
        ),
        (
            "hosts: [blog]\nredirect:\n  to: https://a.org/?a=b\n",
            "3: redirect.to: no path can follow its query or fragment; add keep_path: false",
        ),
        *(
            (f"hosts: [blog]\nredirect: {{to: '{to}'}}\n", f"2: redirect.to is {to!r}: {NO_URL}")
            for to in (
                "www.example.org",
                "ftp://example.org",
                "https://",
                "https://exa mple.org",
                "https://example.org/{uri}",
                'https://example.org/"',
                "https://example.org/\\",
                "https://*.example.org",
                "https://example.org:99999",
                "https://example.org:0",
                "https://[::1",
            )
        ),
        *(
            (f"hosts: [blog]\nupstream: '{to}'\n", f"2: upstream is {to!r}: {NO_ORIGIN}")
            for to in (
                "192.0.2.7:9104",
                "unix//tmp/admin.sock",
                "http://192.0.2.7:9104/app",
                "http://192.0.2.7?a",
                "http://192.0.2.7#a",
                "http://192.0.2.7:http",
                "http://{env.HOME}",
            )
        ),
        (
            "hosts: [blog]\nupstream: 'http://ada:secret@192.0.2.7'\n",
            f"2: upstream is 'http://…@192.0.2.7': {NO_ORIGIN}",
        ),
        # what content has
        (
            f"{GOOD}runtime: ruby\n",
            "3: runtime is 'ruby': must be 'static' or 'php', such as runtime: php",
        ),
        (
            f"{GOOD}listing: perhaps\n",
            "3: listing is 'perhaps': must be true or false, such as listing: true",
        ),
        (f"{GOOD}egress: 3\n", "3: egress is 3: must be true or false, such as egress: true"),
        *(
            (f"{GOOD}not_found: '{page}'\n", f"3: not_found is {page!r}: {NO_PAGE}")
            for page in ("/404.html", "not found.html", "{env.HOME}", "a?b", "a//b", "a/", "")
        ),
        (f"{GOOD}not_found: ../404.html\n", f"3: not_found is '../404.html': {NO_FOLDER}"),
        (
            f"{GOOD}email: Ada <ada@example.com>\n",
            "3: email is 'Ada <ada@example.com>': must be an e-mail address, such as "
            "owner@example.com",
        ),
        (f"{GOOD}memory_mib: 8\n", "3: memory_mib is 8: must be a number from 32 to 65536"),
        (
            f"{GOOD}memory_mib: 1.5\n",
            "3: memory_mib is 1.5: must be a whole number, such as memory_mib: 256",
        ),
        (
            f"{GOOD}memory_mib: 64M\n",
            "3: memory_mib is '64M': must be a whole number, such as memory_mib: 256",
        ),
        (f"{GOOD}cpus: 0\n", "3: cpus is 0: must be a number from 0.1 to 64"),
        (f"{GOOD}cpus: .nan\n", "3: cpus is NaN: must be a number from 0.1 to 64"),
        (f"{GOOD}cpus: half\n", "3: cpus is 'half': must be a number, such as cpus: 0.5"),
        (
            f"{GOOD}caddyfile: [a]\n",
            '3: caddyfile is ["a"]: must be text, put in quotes, such as caddyfile: header '
            "X-Robots-Tag noindex",
        ),
        # source
        (
            "hosts: [blog]\nsource: {folder: sites/blog, git: https://a.org/b}\n",
            f"2: source.folder, source.git: {ONE_OF_THEM}",
        ),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog\n  every: 1h\n  branch: x\n",
            "5: source.branch, source.every: only for a git source; leave it out",
        ),
        (
            "hosts: [blog]\nsource: {host_folder: /srv/a, as: x}\n",
            "2: source.as: only for a git source; leave it out",
        ),
        (
            "hosts: [blog]\nsource: {git: https://a.org/b, branch: x, tag: y}\n",
            f"2: source.branch, source.tag: {ONE_OF_THEM}",
        ),
        *(
            (
                f"hosts: [blog]\nsource: {{host_folder: {folder}}}\n",
                f"2: source.host_folder is {folder!r}: must be an absolute path without .., such "
                "as /srv/photos",
            )
            for folder in ("srv/photos", "/", "/srv/../etc", "~/photos")
        ),
        *(
            (
                f"hosts: [blog]\nsource: {{host_folder: {folder}}}\n",
                f"2: source.host_folder is {folder!r}: is the system's own, with its sockets; name "
                "a folder of files",
            )
            for folder in ("/var/run/docker.sock", "/run", "/proc/1/root")
        ),
        *(
            (
                f"hosts: [blog]\nsource: {{git: '{url}'}}\n",
                f"2: source.git is {url!r}: {NO_REPOSITORY}",
            )
            for url in (
                "ftp://a.org/b",
                "file:///srv/git",
                "ext::sh -c true",
                "/srv/git",
                "https://a b",
                "https://a.org",
                "https://-a.org/b",
                "ssh://-oProxyCommand=x/b",
                "ssh://git@-a.org/b",
                "-a@a.org:b",
            )
        ),
        *(
            (
                f"hosts: [blog]\nsource: {{git: '{url}'}}\n",
                f"2: source.git is '{shown}': {NO_REPOSITORY}",
            )
            for url, shown in (
                ("https://ada:secret@a.org/b", "https://…@a.org/b"),
                ("https://t0ken@a.org/b", "https://…@a.org/b"),
                ("ssh://git:secret@a.org/b", "ssh://git:…@a.org/b"),
            )
        ),
        (
            "hosts: [blog]\nsource: {git: https://a.org/b, branch: '-x'}\n",
            "2: source.branch is '-x': must be a name of letters, digits, dots and slashes",
        ),
        (
            "hosts: [blog]\nsource: {git: https://a.org/b, commit: 0a1b2c}\n",
            "2: source.commit is '0a1b2c': must be all 40 digits of it, or 64 of SHA-256",
        ),
        (
            "hosts: [blog]\nsource: {git: https://a.org/b, as: /new}\n",
            f"2: source.as is '/new': {NO_FOLDER}",
        ),
        (
            "hosts: [blog]\nsource: {git: https://a.org/b, every: often}\n",
            "2: source.every is 'often': must be a time such as 15m",
        ),
        (
            "hosts: [blog]\nsource: {git: https://a.org/b, webhook: push}\n",
            "2: source.webhook is 'push': must be a path such as /push",
        ),
        (
            "hosts: [blog]\nsource: sites/blog\n",
            "2: source is 'sites/blog': must be fields with values, such as source: {folder: "
            "sites/blog}",
        ),
        (
            "hosts: [blog]\nsource: {folder: 7}\n",
            "2: source.folder is 7: must be text, put in quotes, such as folder: sites/blog",
        ),
        ("hosts: [blog]\nsource: {folder: /etc}\n", f"2: source.folder is '/etc': {NO_FOLDER}"),
        ("hosts: [blog]\nsource: {folder: ../x}\n", f"2: source.folder is '../x': {NO_FOLDER}"),
        (
            "hosts: [blog]\nsource: {folder: sites/../../x}\n",
            f"2: source.folder is 'sites/../../x': {NO_FOLDER}",
        ),
        ("hosts: [blog]\nsource: {folder: .}\n", f"2: source.folder is '.': {NO_FOLDER}"),
        ("hosts: [blog]\nsource: {folder: ''}\n", f"2: source.folder is '': {NO_FOLDER}"),
        (
            "hosts: [blog]\nsource:\n  folder: sites/log\n",
            f"3: source.folder is 'sites/log': {NOT_THERE}",
        ),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog/index.html\n",
            f"3: source.folder is 'sites/blog/index.html': {NOT_THERE}",
        ),
        # YAML
        ("- hosts\n- source\n", "1: must be a mapping of fields to values"),
        (
            "hosts: [blog\nsource: x\n",
            "2: is not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'",
        ),
        (
            "\thosts: [blog]\n",
            "1: is not YAML: while scanning for the next token, found character '\\t' that cannot "
            "start any token",
        ),
        (
            f"{GOOD}---\n{GOOD}",
            "3: is not YAML: expected a single document in the stream, but found another document",
        ),
        ("hosts: *blog\n", "1: is not YAML: found undefined alias 'blog'"),
        (f"{GOOD}hosts: [x]\n", "3: hosts is given twice; keep one"),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog\n  folder: sites/log\n",
            "4: folder is given twice; keep one",
        ),
        ("? [a]\n: b\n", "1: a field's name must be plain text"),
        (
            f"{GOOD}not_found: lost.PHP\n",
            "3: not_found: is a script, and runtime is static, so visitors would read its text; "
            "name a page, or add runtime: php",
        ),
        ("a: 2026-13-01\n", "1: '2026-13-01' can't be read: month must be in 1..12"),
        ("a: !b c\n", "1: 'c' can't be read: could not determine a constructor for the tag '!b'"),
    ],
)
def test_a_bad_site_file_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, {"blog.yaml": text}) == [f"config/sites/blog.yaml:{problem}"]


def test_an_empty_file_is_told_what_goes_into_it(tmp_path: Path) -> None:
    assert problems(tmp_path, {"blog.yaml": ""}) == [
        "config/sites/blog.yaml: hosts is missing; add it, such as hosts: [blog]",
    ]


def test_an_alias_within_what_it_names_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path, {"blog.yaml": "hosts: &all [blog, *all]\n"}) == [
        "config/sites/blog.yaml:1: holds more than 50 nested values, or an alias (*) is inside "
        "what it names; nest less"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)),
            "has more than 20000 values, each counted as often as aliases (*) repeat it; write "
            "them out, or leave some out",
        ),
        *(
            (text, "holds more than 50 nested values, or an alias")
            for text in ("hosts: " + "[" * 60 + "]" * 60, "[" * 100_000, "- " * 20_000)
        ),
    ],
    ids=["aliases", "deep", "too deep to be read", "too deep without brackets"],
)
def test_a_small_file_of_endless_values_is_told_at_once(
    tmp_path: Path, text: str, said: str
) -> None:
    began = time.process_time()
    (problem,) = problems(tmp_path, {"blog.yaml": text})
    assert problem.startswith("config/sites/blog.yaml:")
    assert said in problem
    assert time.process_time() - began < 5, "it once took for ever"


def test_a_host_that_is_too_long_with_the_stacks_suffix_is_told_with_its_line(
    tmp_path: Path,
) -> None:
    host = ".".join(["a" * 60] * 4 + ["bcdef"])
    text = f"hosts:\n  - {host}\nsource: {{folder: sites/blog}}\n"
    root = an_estate(tmp_path, {"blog.yaml": text})
    assert [str(place) for place in load(root).sites[0].hosts_at] == ["config/sites/blog.yaml:2"]
    with pytest.raises(ConfigError) as caught:
        loading.load("local", own_config("local"), root)
    assert caught.value.problems == (
        f"config/sites/blog.yaml:2: hosts has {host!r}, which is '{host}.localhost' in this stack: "
        "259 characters, and DNS allows 253; take a shorter one",
    )


@pytest.mark.parametrize("host", ["console", "console.localhost/news"])
def test_no_site_is_where_the_console_answers(tmp_path: Path, host: str) -> None:
    """A browser would send it the console's cookie."""
    root = an_estate(tmp_path, {"blog.yaml": f"hosts: [{host}]\nsource: {{folder: sites/blog}}\n"})
    with pytest.raises(ConfigError) as caught:
        loading.load("local", own_config("local"), root)
    assert caught.value.problems == (
        f"config/sites/blog.yaml:1: hosts has {host!r}, which is 'console.localhost' in this "
        "stack, where the console answers; choose another host",
    )


def test_a_site_of_another_stack_may_be_called_console(tmp_path: Path) -> None:
    text = "hosts: [console]\nsource: {folder: sites/blog}\n"
    estate = loading.load("prod", own_config("prod"), an_estate(tmp_path, {"blog.yaml": text}))
    assert estate.sites[0].full_hosts == ["console.example.org"]


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {})
    (root / "config/sites/blog.yaml").write_bytes(b"hosts: [\xff]\n")
    (root / "config/sites/shop.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert caught.value.problems == (
        "config/sites/blog.yaml: is not UTF-8 text; save it as UTF-8",
        "config/sites/shop.yaml: can't be read: is a directory",
    )


@pytest.mark.parametrize("name", ["Blog", "my blog", "a" * 41, "-blog", "blog-", "blög", "a.b"])
def test_a_sites_file_has_a_name_that_docker_takes_too(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {f"{name}.yaml": GOOD.replace("blog}", f"{name}}}")}) == [
        f"config/sites/{name}.yaml: a site's file name is 1 to 40 lower-case letters, digits, "
        "hyphens and underscores before .yaml, such as blog.yaml; rename it"
    ]


@pytest.mark.parametrize("name", ["blog.yml", "blog.yaml.bak", "blog.json", "README"])
def test_a_file_that_is_no_site_is_not_passed_over_silently(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {name: GOOD}) == [
        f"config/sites/{name}: a site's file ends in .yaml, such as blog.yaml; rename or move it"
    ]


@pytest.mark.parametrize(
    "name",
    ["host", "proxy", "router", "publisher", "registry", "pypi", "vault", "prometheus", "smoke"],
)
def test_the_name_of_a_part_is_no_sites_name(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {f"{name}.yaml": GOOD}) == [
        f"config/sites/{name}.yaml: {name} is the name of a part of Homeport; rename the file"
    ]


def test_a_host_belongs_to_one_site(tmp_path: Path) -> None:
    a = "hosts: [x.org, blog]\nsource: {folder: sites/a}\n"
    b = "hosts: [y.org, BLOG.example.org]\nsource: {folder: sites/b}\n"
    assert problems(tmp_path, {"a.yaml": a, "b.yaml": b}) == [
        "config/sites/b.yaml: hosts has 'blog.example.org', which config/sites/a.yaml has as well; "
        "keep it in one of them"
    ]


def test_a_host_is_named_once(tmp_path: Path) -> None:
    text = "hosts: [blog, x.org, blog.example.org]\nsource: {folder: sites/blog}\n"
    assert problems(tmp_path, {"blog.yaml": text}) == [
        "config/sites/blog.yaml: hosts has 'blog.example.org' twice; keep one"
    ]


def test_a_path_belongs_to_one_site_and_has_no_case(tmp_path: Path) -> None:
    """The gateway's paths have none, so the second would never be reached."""
    a = "hosts: [x.org, x.org/new]\nsource: {folder: sites/a}\n"
    b = "hosts: [x.org/news, X.org/New/]\nsource: {folder: sites/b}\n"
    assert problems(tmp_path, {"a.yaml": a, "b.yaml": b}) == [
        "config/sites/b.yaml: hosts has 'x.org/New', which config/sites/a.yaml has as well; keep "
        "it in one of them"
    ]


@pytest.mark.parametrize(
    ("hosts", "to"),
    [
        ("www.a.org", "to: https://www.a.org"),
        ("a.org, www.a.org", "to: https://www.a.org/"),
        ("blog", "to: http://BLOG.example.org:443"),
        ("Bücher.example", "to: https://bücher.example"),
        ("a.org", "to: https://a.org/new"),
        ("a.org/x", "to: https://A.org"),
        ("a.org/x", "to: https://a.org/X/y, keep_path: false"),
        ("a.org", "to: https://a.org/other/place, keep_path: false"),
    ],
)
def test_a_redirect_to_what_its_site_answers_itself_is_refused(
    tmp_path: Path, hosts: str, to: str
) -> None:
    text = f"hosts: [{hosts}]\nredirect:\n  {{{to}}}\n"
    (problem,) = problems(tmp_path, {"a.yaml": text})
    assert problem.startswith("config/sites/a.yaml:3: redirect.to is 'http")
    assert problem.endswith(
        "': this site answers there itself, so a visitor would be redirected for ever; name a URL "
        "that it doesn't answer, or take that host out of hosts"
    )


@pytest.mark.parametrize(
    ("hosts", "to"),
    [
        ("a.org", "to: https://www.a.org"),
        ("a.org", "to: https://b.org"),
        ("a.org", "to: https://b.org/a, keep_path: false"),
        ("a.org", "to: https://a.org:9443"),
        ("a.org/new", "to: https://a.org/newsletter, keep_path: false"),
        ("a.org/new", "to: https://a.org, keep_path: false"),
        ("b.org", "to: https://b.org/blog/a"),
        ("a.org", "to: http://192.0.2.7"),
    ],
)
def test_a_redirect_to_what_another_answers_is_taken(tmp_path: Path, hosts: str, to: str) -> None:
    """Also on the same host: the longest path wins."""
    other = "hosts: [b.org/blog]\nsource: {folder: sites/other}\n"
    text = f"hosts: [{hosts}]\nredirect: {{{to}}}\n"
    assert problems(tmp_path, {"a.yaml": text, "other.yaml": other}) == []


def test_a_link_does_not_lead_out_of_the_repository(tmp_path: Path) -> None:
    root = an_estate(tmp_path / "root", {"blog.yaml": "hosts: [b]\nsource: {folder: sites/link}\n"})
    (tmp_path / "elsewhere").mkdir()
    (root / "sites/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert caught.value.problems == (
        f"config/sites/blog.yaml:2: source.folder is 'sites/link': {NOT_THERE}",
    )


def test_a_name_that_no_file_system_takes_is_no_folder(tmp_path: Path) -> None:
    name = "a" * 300
    text = f"hosts: [b]\nsource: {{folder: {name}}}\n"
    assert problems(tmp_path, {"blog.yaml": text}) == [
        f"config/sites/blog.yaml:2: source.folder is {name!r}: {NOT_THERE}"
    ]


# Whatever is in a file

SYNTAX = "[]{}:,-?#'\"\n \t\0é"
PHRASES = [
    "hosts",
    "source",
    "folder",
    "blog",
    "sites/blog",
    "..",
    "&a",
    "*a",
    "!x",
    "<<",
    "|",
    "~",
]
WORDS = st.sampled_from([*PHRASES, *SYNTAX])
TEXTS = st.text() | st.lists(WORDS).map(" ".join) | st.lists(WORDS).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["hosts", "source", "folder"]) | st.text(max_size=3)
MAPPINGS = st.dictionaries(
    FIELDS, VALUES | st.dictionaries(FIELDS, VALUES, max_size=3) | st.lists(st.text()), max_size=4
)
HOSTS = st.text() | st.text(string.ascii_letters + string.digits + ".-_ßü。\uff11")


@given(TEXTS)
def test_no_text_breaks_the_reading_of_a_file(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.write(text.encode(errors="replace").decode())
        file.flush()
        with contextlib.suppress(ConfigError):
            assert isinstance(YamlFile(Path(file.name), "the/file.yaml").data, dict)


@given(MAPPINGS)
def test_no_mapping_breaks_the_reading_of_a_site(mapping: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "blog.yaml")
        file.write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
        try:
            site = site_file.read(file, "config/sites/blog.yaml", Path(folder))
        except ConfigError as error:
            told = error.problems
        else:
            told = (f"config/sites/{site.name}.yaml: is fine",)
    assert told
    assert all(problem.startswith("config/sites/blog.yaml:") for problem in told)
    assert all(problem.isprintable() for problem in told)


@given(HOSTS)
def test_a_host_is_refused_or_has_one_form(text: str) -> None:
    with contextlib.suppress(ValueError):
        host = canonical_host(text)
        assert canonical_host(host) == host
        assert canonical_host(host.upper()) == host
        assert host.isascii()

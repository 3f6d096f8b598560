"""What becomes of pasted Caddyfiles."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import site_file
from config.site import Site
from console.caddyfile_import.importer import Imported, ImportedSite, sites_from_caddyfile
from tests.unit.console.caddyfile_import.pasted import FILES, VERSION_1

ALL = FILES | VERSION_1


def read(site: ImportedSite) -> Site:
    """The site, by the reader of all sites' files."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "sites" / site.name).mkdir(parents=True)
        file = root / f"{site.name}.yaml"
        file.write_text(site.yaml)
        return site_file.read(file, file.name, root)


def said_at(imported: Imported, line: int) -> str:
    texts = [one.text for one in imported.sentences if one.line <= line <= one.last]
    return "\n".join(texts)


@pytest.mark.parametrize("name", ALL)
def test_a_block_becomes_the_file_that_a_person_would_write(name: str) -> None:
    text, yaml, said = ALL[name]
    imported = sites_from_caddyfile(text)
    assert [site.yaml for site in imported.sites] == ([yaml] if yaml else [])
    for line, part in said.items():
        assert part in said_at(imported, line)
    assert {one.line for one in imported.sentences} == set(said)


@pytest.mark.parametrize("name", [name for name in ALL if ALL[name][1]])
def test_the_lines_of_a_file_stay_as_they_were_pasted(name: str) -> None:
    text, _, _ = ALL[name]
    site = read(sites_from_caddyfile(text).sites[0])
    words = set((site.caddyfile or "").split())
    assert words - set(text.split()) <= {"/srv/current/dl", "https://example.com"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no directive"),
        ("# only a comment\n", "there is no directive"),
        ("hosts: [blog]\nsource: {folder: sites/blog}\n", "this is YAML"),
        ("services:\n  web:\n    image: nginx\n", "this is YAML"),
        ("<!doctype html>\n<title>x</title>", "this is a page"),
        ("<VirtualHost *:80>\n</VirtualHost>", "Apache's configuration"),
        ("server {\n  listen 80;\n  server_name example.org;\n}", "this is nginx's"),
        ('{"apps": {"http": {}}}', "this is JSON"),
        ("\\", "this isn't a Caddyfile"),
        ("Dear Bob, how are you?\nAlice", "this isn't a Caddyfile"),
        ("example.org {\n\tfile_server\n", "its { isn't closed"),
        ("file_server\n}\n", "this } closes nothing"),
        ('example.org {\n\trespond "hello\n}\n', "isn't closed"),
        ("example.org {\n\trespond <<HTML\n\thello\n}\n", "has no end"),
        ("example.org {\n\tfile_server\x00\n}\n", "which no editor shows"),
        ("x {\n" * 60, "more than 50 blocks are nested"),
        ("(a) {\n\timport a\n}\nexample.org {\n\timport a\n}", "imports a in itself"),
    ],
)
def test_another_text_gets_one_sentence(text: str, said: str) -> None:
    imported = sites_from_caddyfile(text)
    assert imported.sites == ()
    (sentence,) = imported.sentences
    assert said in sentence.text


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("reverse_proxy localhost:3000", "localhost:3000 is a program or a container of yours"),
        ("reverse_proxy app:3000", "app:3000 is a program or a container of yours"),
        ("reverse_proxy {$APP}", "placeholders aren't read"),
        ("handle_path /static/* {\nfile_server\n}\nreverse_proxy 127.0.0.1:80", "127.0.0.1:80"),
        ("tls {\nclient_auth {\nmode require\n}\n}\nfile_server", "visitors have to show a cert"),
        ("gzip\nbasicauth /admin bob secret", "its password is clear text"),
        ("root * /proc\nfile_server", "is the system's own"),
    ],
)
def test_what_would_be_open_to_all_or_dead_has_no_file(block: str, said: str) -> None:
    imported = sites_from_caddyfile(f"example.org {{\n{block}\n}}")
    assert imported.sites == ()
    (sentence,) = imported.sentences
    assert said in sentence.text
    assert "secret" not in sentence.text
    assert (sentence.line, sentence.last) == (1, block.count("\n") + 3)


@pytest.mark.parametrize(
    "line",
    [
        "basic_auth {\nbob x\n}",
        "@a not remote_ip 10.0.0.0/8\nabort @a",
        "import auth",
        "forward_auth auth:9091",
        "crowdsec",
        "bind 127.0.0.1",
        "respond /admin/* 403",
    ],
)
def test_what_protects_stays_before_a_server_outside(line: str) -> None:
    imported = sites_from_caddyfile(f"example.org {{\n{line}\nreverse_proxy 192.0.2.7:80\n}}")
    (site,) = imported.sites
    lines = read(site).caddyfile or ""
    assert line.split(maxsplit=1)[0] in lines
    assert "reverse_proxy 192.0.2.7:80" in lines
    assert read(site).egress


def test_a_password_around_what_is_left_out_stays() -> None:
    block = "handle /admin/* {\nbasic_auth {\nbob x\n}\nphp_fastcgi fpm:9000\n}\nfile_server"
    (site,) = sites_from_caddyfile(f"example.org {{\n{block}\n}}").sites
    assert "handle /admin/* {\n  basic_auth {" in (read(site).caddyfile or "")


@pytest.mark.parametrize(
    ("addresses", "hosts", "said"),
    [
        ("example.org, www.example.org", "[example.org, www.example.org]", ""),
        ("example.org,\nwww.example.org", "[example.org, www.example.org]", ""),
        ("https://example.org", "[example.org]", ""),
        ("http://example.org, https://example.org", "[example.org]", "homeport:plain_http"),
        ("example.org:8443", "[example.org]", "port 8443"),
        ("example.org/blog*", "[example.org/blog]", ""),
        ("blog.localhost", "[blog]", ""),
        (":8080", "[site]", "no host is named"),
        ("192.0.2.7, example.org", "[example.org]", "an IP address isn't a host name"),
        ("*.example.org, example.org", "[example.org]", "wildcard"),
        ("Bücher.example", "[Bücher.example]", ""),
    ],
)
def test_addresses_become_hosts(addresses: str, hosts: str, said: str) -> None:
    imported = sites_from_caddyfile(f"{addresses} {{\n\tfile_server\n}}")
    (site,) = imported.sites
    assert site.yaml.splitlines()[0] == f"hosts: {hosts}"
    assert said in "".join(one.text for one in imported.sentences)
    assert bool(said) == bool(imported.sentences)
    assert read(site).hosts


def test_each_block_becomes_a_site_of_its_own_name() -> None:
    text = (
        "{\n\temail owner@example.org\n}\n"
        "(unused) {\n\tencode gzip\n}\n"
        "www.example.org {\n\tredir https://example.org{uri}\n}\n"
        "example.org {\n\tfile_server\n}\n"
        "vault.example.org {\n\tfile_server browse\n}\n"
        "blog.example.org {\n\timport /etc/caddy/common\n\tfile_server\n}\n"
    )
    imported = sites_from_caddyfile(text, taken=["blog"])
    names = [site.name for site in imported.sites]
    assert names == ["www-example-org", "example", "vault-example-org", "blog-example-org"]
    assert {read(site).email for site in imported.sites} == {"owner@example.org"}
    assert imported.sites[0].yaml.splitlines()[1:4] == [
        "redirect:", "  to: https://example.org", "  permanent: false",
    ]  # fmt: skip
    for line, part in {1: "global options", 4: "imports unused", 17: "import reads"}.items():
        assert part in said_at(imported, line)


@pytest.mark.parametrize("text", ["example.org\nroot * /srv/x\nfile_server", "root * /srv/x\nlog"])
def test_lines_need_no_braces_around_them(text: str) -> None:
    (site,) = sites_from_caddyfile(text).sites
    assert "source: {host_folder: /srv/x}\n" in site.yaml


def test_secrets_of_a_repository_are_repeated_nowhere() -> None:
    block = "git https://bob:s3cret@example.org/a {\nhook /push s3cret\nkey s3cret\n}"
    imported = sites_from_caddyfile(f"example.org {{\n{block}\n}}")
    assert "s3cret" not in repr(imported)
    assert "site_secrets.example.token" in said_at(imported, 2)
    assert read(imported.sites[0])


def test_only_a_part_of_a_folder_being_sent_is_told() -> None:
    imported = sites_from_caddyfile("example.org {\nroot * /srv/app\nfile_server /static/*\n}")
    assert "a site sends every file of /srv/app" in said_at(imported, 2)


LINES = {
    "root * /var/www": "host_folder: /var/www",
    "file_server": "source:",
    "file_server browse": "listing: true",
    "encode zstd gzip": "encode zstd gzip",
    "log": "",
    "tls internal": "",
    "tls owner@example.org": "email: owner@example.org",
    "handle /api/* {\n\t\treverse_proxy app:80\n\t}": "",
    "handle {\n\t\trespond hi\n\t}": "respond hi",
    "redir /a /b": "redir /a /b",
    "redir https://example.com{uri}": "to: https://example.com",
    "reverse_proxy 192.0.2.7": "192.0.2.7",
    "reverse_proxy /x/* 192.0.2.7": "reverse_proxy /x/* 192.0.2.7",
    "php_fastcgi php:9000": "runtime: php",
    "@a path /a": "@a path /a",
    "respond @a 403": "respond @a 403",
    "rate_limit 5": "",
    "bind 10.0.0.1": "bind 10.0.0.1",
    "nonsense {\n\t\tmore\n\t}": "nonsense {",
    "handle_errors 404 {\n\t\trewrite * /404.html\n\t\tfile_server\n\t}": "not_found: 404.html",
    "gzip": "",
    "git https://example.org/owner/repo": "git: https://example.org/owner/repo",
    "import other": "import other",
}
"""Directives, each with what of the file shows it; a sentence may show it instead."""


@given(st.lists(st.sampled_from(sorted(LINES)), min_size=1, unique=True))
def test_each_line_is_in_the_file_or_in_a_sentence(lines: list[str]) -> None:
    imported = sites_from_caddyfile("example.org {\n\t" + "\n\t".join(lines) + "\n}\n")
    yaml = imported.sites[0].yaml if imported.sites else ""
    at = 2
    for line in lines:
        shown = bool(LINES[line]) and LINES[line] in yaml
        end = at + line.count("\n") + 1
        assert shown or any(said_at(imported, number) for number in range(at, end)), line
        at = end
    assert all(read(site).hosts for site in imported.sites)


WORDS = [
    "example.org", "www.example.org", ":80", "{", "}", "\n", " ", "\t", '"', "`", "\\", "#", ",",
    "<<A\n", "A\n", "(s) {\n", "import s ", "{args[0]}", "{args[:]}", "{$X}", "@m ", "path /x",
    "*",
    "root ", "/srv/x", "git ", "repo ", "branch ", "hook ", "proxy / ", "redir ", "https://",
    "{uri}",
    "tls ", "a@example.org", "errors {\n404 ", "handle {\n", "file_server ", "browse ", "301", "é",
    "reverse_proxy ", "localhost:1", "192.0.2.7:80", "php_fastcgi ", "handle_errors 404 {\n", "[",
    "'",
    "rewrite * /x.html\n", "bind ", "&(r) {\n", "http://", "interval 60", "..", "/", "\r\n",
    "\u2028",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map("".join)))
def test_any_text_becomes_sites_or_sentences(text: str) -> None:
    imported = sites_from_caddyfile(text)
    assert imported.sites or imported.sentences
    assert all(read(site).name == site.name for site in imported.sites)
    last = text.count("\n") + 1
    assert all(1 <= one.line <= one.last <= last for one in imported.sentences)


@given(st.lists(st.sampled_from(WORDS)).map("".join))
def test_any_lines_of_a_block_become_a_site_or_sentences(lines: str) -> None:
    imported = sites_from_caddyfile(f"example.org {{\n{lines}\n}}\n")
    assert imported.sites or imported.sentences
    assert all(read(site).name == site.name for site in imported.sites)


SIZE = 256 * 1024


@pytest.mark.parametrize(
    "text",
    [
        "a" * SIZE,
        "a.b,\n" * (SIZE // 5),
        "x {\n" * (SIZE // 4),
        "example.org {\n" + "header X y\n" * (SIZE // 11) + "}",
        "example.org {\n" + "@m path /x\n" * (SIZE // 11) + "}",
        "example.org {\n" + "reverse_proxy /x a:1\n" * (SIZE // 21) + "}",
        "example.org {\nfile_server\n}\n" * (SIZE // 29),
        ", ".join(f"{number}.example" for number in range(SIZE // 14)) + " {\nfile_server\n}",
        "(s) {\nheader X {args[0]}\n}\nexample.org {\n" + "import s y\n" * (SIZE // 11) + "}",
        "".join(f"(a{n}) {{\n" + f"import a{n + 1}\n" * 9 + "}\n" for n in range(15))
        + "(a15) {\nheader X y\n}\nexample.org {\nimport a0\n}",
        'x "' + '\\"' * (SIZE // 2),
        '\\" ' * (SIZE // 3),
    ],
    ids=range(12),
)
def test_the_largest_text_takes_no_minutes(text: str) -> None:
    """Half a second on an idle machine; the bound is for one that does much else."""
    begun = time.process_time()
    imported = sites_from_caddyfile(text)
    assert time.process_time() - begun < 3
    assert imported.sites or imported.sentences


def test_a_part_that_is_redirected_elsewhere_is_a_site_of_its_own() -> None:
    text = "example.org {\nredir /old/* https://example.net\nredir https://example.com{uri}\n}"
    imported = sites_from_caddyfile(text)
    assert "hosts: [example.org/old]" in said_at(imported, 2)

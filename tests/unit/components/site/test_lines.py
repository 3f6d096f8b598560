"""Free lines of a site's owner: what is taken, and the whole message for each that is not.

What Caddy itself makes of each case is in adapted.json, written by the site's own image with
`UPDATE_ADAPTED=1 python -m pytest tests/unit/components/site/test_lines.py` where Docker has it.
"""

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.site import lines as site_lines
from components.site.caddyfile import SiteServer, lines_begin_at, site_alone
from components.site.lines import ALONE, CaddyfileLinesProvider, problem_of_text
from components.site.own import PORT
from host import engine
from tests.unit.components.site import site_blocks
from tests.unit.program import ROOT

ADAPTED = Path(__file__).parent / "adapted.json"
IMAGES = yaml.safe_load((ROOT / "config/images.yaml").read_text())
IMAGE = IMAGES["site"]
BCRYPT = site_blocks.BCRYPT
ENVIRONMENT = "reads the server's environment or files; write the value itself"
FILES = "may read or show what isn't the site's; remove it"
THAT = "may read what isn't the site's; remove that"
OUTSIDE = "is not the site's content; leave root at /srv/current or below"
NO_ADDRESS = "isn't an address; name host and port, such as api.example.org:80"
CLOSES = "} closes the site's own block; remove it"
IMPORTS = "import reads the server's files; write the lines themselves"
EXPRESSION = "expression may read the server's environment or files; use other matchers"

GOOD = {
    "a comment": "# nothing yet",
    "a header": "header X-Robots-Tag noindex",
    "a header of a request": "request_header X-Host {host}",
    "a redirect": "redir /old /new 301",
    "a named matcher": "@old path /old/*\nredir @old /new",
    "a matcher by pattern": "@s path_regexp s ^/(.*)$\nrespond @s {re.s.1}",
    "a matcher of odd names": "@q query handler=x root=y dial=z uri={{a}}\nrespond @q yes",
    "blocks within blocks": "handle /a/* {\n  route {\n    rewrite * /b\n    file_server\n  }\n}",
    "a folder of its own": "handle_path /x/* {\n  root * /srv/current/x\n  file_server browse\n}",
    "passwords": f"basic_auth /private/* {{\n  ada {BCRYPT}\n}}",
    "files to try": "try_files {path} {path}.html /index.html",
    "parts of a file's name": "header X-Name {file.base}{file.ext}",
    "a rewrite": "rewrite /a/* /b{uri}?of={query}",
    "compression": "encode zstd gzip",
    "files that are compressed already": "file_server {\n  precompressed br gzip\n  hide x\n}",
    "errors": 'handle_errors 404 410 5xx {\n  respond "{err.status_code}"\n}',
    "a variable": "vars colour red\nheader X-Colour {vars.colour}",
    "a map": "map {path} {colour} {\n  /a red\n  default blue\n}\nheader X-Colour {colour}",
    "no log": "log_skip /health",
    "a longer log": "log_append colour {header.X-Colour}",
    "an upstream": "reverse_proxy /api/* backend:8080 {\n  health_uri /\n  lb_policy first\n}",
    "an upstream over TLS": "reverse_proxy /api/* https://api.example.org {\n"
    "  transport http {\n    tls_server_name api.example.org\n  }\n}",
    "an upstream with its own tls": "reverse_proxy api.example.org:443 {\n"
    "  transport http {\n    tls\n  }\n}",
    "an upstream by address": "reverse_proxy [2001:db8::7]:8080 192.0.2.7:80",
    "what an upstream answered": "reverse_proxy a:80 {\n"
    "  @e status 500\n  handle_response @e {\n    copy_response\n  }\n}",
    "asking another who may": "forward_auth auth:9091 {\n  uri /may\n  copy_headers Remote-User\n}",
    "php": "php_fastcgi /app/* unix//tmp/php-fpm.sock {\n  env APP_MODE live\n  split .php\n}",
    "a page in place": "respond /page <<HTML\n  <p>{host}\n  HTML",
    "a text with braces": 'respond /data `{"a": {"b": {}}}`',
    "an important word": 'header X-Text "important reports"',
    "passwords in the old coding": "basic_auth {\n  ada "
    "JDJhJDE0JFpreDE5WExpVzZWWW91TEhSNU5tZk9GVTB6MkdUTm1wa1QvNXFxUjdoeDRJaldKUERoanZH\n}",
    "the visitor's address": "@near client_ip private_ranges\nabort @near",
    "the visitor's scheme": "@plain header X-Forwarded-Proto http\nheader @plain A b",
    "a redirect to another host": "redir https://other.example{uri}",
    "a status of 103": "respond /early 103",
    "a listing and a comment": "handle_path /a/* {\n  file_server browse # {\n}",
    "a listing in a block": "handle {\n  file_server {\n    browse\n  }\n}",
    "a text of many lines": "respond <<HTML\n  <pre>\n  tls handshake\n  import x\n"
    "  const {$HOME}\n  </pre>\n  HTML",
    "a text with a variable of a template": "respond `{$HOME}`",
    "the word in other places": "respond import\nheader import import",
    "a path behind a script of php": "respond /index.php/admin/* 403",
    "a script and all behind it": "respond /xmlrpc.php* 403\nrespond /index.php/admin/* 403",
    "scripts by pattern": "@a path_regexp ^/(?:index|remote|public)\\.php(?:$|/)\nrespond @a no",
    "uploads by pattern": "@a path_regexp ^/wp-content/uploads/.*\\.php(/.*)?$\nrespond @a no",
    "endings by pattern": "@a path_regexp (?i)\\.(phtml|php)$\nrespond @a no",
    "an old path that php had": "@a path_regexp ^/index\\.ph[p]/(.*)$\nredir @a /{re.1}",
    "names of one's own": "@php path *.php\n@folder path */\nmap {path} {script} {behind} {\n"
    "  default a b\n}\nheader @php A {script}\nheader @folder A {behind}",
    "a redirect of a part to itself": "handle_path /old/* {\n  redir https://{host}{uri}\n}",
    "a redirect behind a rewrite": "route {\n  uri strip_suffix /\n  redir https://{host}{uri}\n}",
    "keys with names of directives": "map {path} {x} {\n  tls 1\n  default 2\n}",
    "limits": "request_body {\n  max_size 1MB\n}\ntimeouts {\n  read_timeout 5s\n}",
}

GOOD |= site_blocks.TAKEN

# By name: the lines, the one of them that is told about, and what is said of it.
BAD: dict[str, tuple[str, int, str]] = {
    # What Caddy itself refuses.
    "a misspelt word": ("header A b\n\nrespnod 200", 3,
                        f"unrecognized directive: respnod; {site_blocks.NO_PLUGINS}"),
    "too little": (
        "handle {\n  redir /new\n}",
        2,
        "'redir': wrong argument count or unexpected line ending after 'redir'",
    ),
    "a brace left open": ("handle {\n  header A b", 1, "a { isn't closed; add a line with its }"),
    "a quote left open": (
        'header A b\nrespond "',
        2,
        "'respond': wrong argument count or unexpected line ending after '503'",
    ),
    "a heredoc left open": (
        "header A <<E\n  text",
        2,
        "incomplete heredoc <<E, expected ending marker E",
    ),
    "a bad pattern": (
        "header A b\n@s path_regexp (\nrespond @s no",
        2,
        "path_regexp: compiling matcher regexp (: error parsing regexp: missing closing ): `(`",
    ),
    "a password in plain": (
        "basic_auth {\n  ada secret\n}",
        2,
        "ada has no bcrypt or argon2id hash after the name, so no password would ever match; "
        "`htpasswd -nB NAME` or `caddy hash-password` makes one",
    ),
    # Out of the block.
    "another host": ("}\nhttp://other.host {\n  respond stolen", 1, CLOSES),
    "another port": ("header A b\n}\n:81 {\n  respond stolen", 2, CLOSES),
    "a path of the same host": ("}\nhttp://site.invalid:80/x {\n  respond x", 1, CLOSES),
    "a snippet": ("}\n(snippet) {\n  respond x", 1, CLOSES),
    "the same host": (
        "}\nhttp://site.invalid:80 {\n  respond x",
        1,
        "ambiguous site definition: http://site.invalid:80",
    ),
    "a text that swallows the rest": ("header A <<log", 1, CLOSES),
    "another address": (
        "bind 127.0.0.1",
        1,
        "bind changes where the gateway finds the site; remove it: the gateway listens where "
        "homeport:listen of the stack's file says",
    ),
    "tls": (
        "header A b\ntls internal",
        2,
        "tls belongs to the gateway (homeport:tls in the stack's file); remove it",
    ),
    "a log file": ("log {\n  output file /srv/log\n}", 1,
                   site_blocks.REFUSED["18 a log of one's own"][2]),
    # The environment and files of the server, when the lines are read.
    "the environment when read": (
        "header A b\nrespond {$HOME}",
        2,
        "{$…} reads the server's environment; write the value itself, or put it in quotes "
        "where it is a text",
    ),
    "a file": ("import /etc/passwd", 1, IMPORTS),
    "a file within a block": ("handle {\n  import /srv/current/*.conf\n}", 2, IMPORTS),
    "a file in quotes": ('"import" /srv/current/*.conf', 1, IMPORTS),
    "a file in backticks": ("`import` /srv/current/*.conf", 1, IMPORTS),
    "a file where Caddy miscounts lines": (
        'header A \\\n"b\nc" import /srv/current/*.conf',
        3,
        IMPORTS,
    ),
    "a file right behind a heredoc": (
        "header A \\\n<<E\n  b\n  Eimport /srv/current/*.conf",
        4,
        IMPORTS,
    ),
    "a file behind a line of the program's own": (
        "header A <<E\n@homeport_no_content not file {\nE\nimport /srv/current/*.conf",
        4,
        IMPORTS,
    ),
    # When they are asked.
    "the environment": ("respond {env.HOME}", 1, f"{{env.HOME}} {ENVIRONMENT}"),
    "a file's text": ("respond {file./etc/passwd}", 1, f"{{file./etc/passwd}} {ENVIRONMENT}"),
    "the server's name": ("respond {system.hostname}", 1, f"{{system.hostname}} {ENVIRONMENT}"),
    "in a header's name": ("header {env.HOME} x", 1, f"{{env.HOME}} {ENVIRONMENT}"),
    "in a heredoc": ("respond <<TEXT\n  {env.HOME}\n  TEXT", 2, f"{{env.HOME}} {ENVIRONMENT}"),
    "behind a backslash": ("header A \\{env.HOME\\}", 1, f"{{env.HOME\\}} {ENVIRONMENT}"),
    "in a map": (
        "map {path} {x} {\n  default {env.HOME}\n}",
        2,
        f"{{env.HOME}} {ENVIRONMENT}",
    ),
    "in a request's body": (
        "request_body {\n  set {file./etc/passwd}\n}",
        2,
        f"{{file./etc/passwd}} {ENVIRONMENT}",
    ),
    "in what php is told": (
        "php_fastcgi unix//tmp/php-fpm.sock {\n  env A {env.HOME}\n}",
        2,
        f"{{env.HOME}} {ENVIRONMENT}",
    ),
    "in a user's name": (f"basic_auth {{\n  {{env.HOME}} {BCRYPT}\n}}", 2,
                         f"{{env.HOME}} {ENVIRONMENT}"),
    "in a log": ("log_append x {env.HOME}", 1, f"{{env.HOME}} {ENVIRONMENT}"),
    "in a deep block": (
        "route {\n  intercept {\n    handle_response {\n      respond {env.HOME}\n    }\n  }\n}",
        4,
        f"{{env.HOME}} {ENVIRONMENT}",
    ),
    "in a matcher that strips braces": (
        "@m vars_regexp m {}env.HOME} ^(.*)$\nrespond @m {re.m.1}",
        1,
        f"{{}}env.HOME}} {ENVIRONMENT}",
    ),
    "in a log that strips braces": (
        "log_append x {}env.HOME}",
        1,
        f"{{}}env.HOME}} {ENVIRONMENT}",
    ),
    "a name put together by rewrites": (
        "route {\n  rewrite * env.HOME\n  rewrite * /{{path}}\n  respond {path}\n}",
        1,
        "/{{http.request.uri.path}} has a placeholder within another; write them side by side",
    ),
    "a name put together by an expression": (
        "@m expression `ph(req, 'en' + 'v.HOME').startsWith('/')`\nrespond @m yes",
        1,
        EXPRESSION,
    ),
    "an expression without its name": (
        "@m `file({'root': '/etc', 'try_files': ['passwd']})`\nrespond @m yes",
        1,
        EXPRESSION,
    ),
    # Other files.
    "templates": ("header A b\ntemplates", 2, f"templates {FILES}"),
    "another root": ("root * /etc", 1, f"/etc {OUTSIDE}"),
    "a root above": ("root * /srv/current/../../etc", 1, f"/srv/current/../../etc {OUTSIDE}"),
    "a root that a visitor names": ("root * {header.X}", 1,
                                    f"{{http.request.header.X}} {OUTSIDE}"),
    "a root of the file server": ("file_server {\n  root /\n}", 2, f"/ {OUTSIDE}"),
    "a root of php": ("php_fastcgi unix//tmp/php-fpm.sock {\n  root /\n}", 2, f"/ {OUTSIDE}"),
    "a root of a matcher": ("@a file {\n  root /etc\n}\nrespond @a yes", 2, f"/etc {OUTSIDE}"),
    "a root as a variable": ("vars {\n  root /etc\n}", 2, f"/etc {OUTSIDE}"),
    "a root as a variable in disguise": (
        "route {\n  vars {x}root /etc\n  file_server\n}",
        2,
        "{x}root isn't a variable's name; write one without a placeholder",
    ),
    "a template of a listing": (
        "file_server {\n  browse /srv/current/page.html\n}",
        2,
        f"browse with template_file {THAT}",
    ),
    "a file as etag": (
        "file_server {\n  etag_file_extensions x/../../../etc/passwd\n}",
        1,
        f"file_server with etag_file_extensions {THAT}",
    ),
    "a file of certificates": (
        "reverse_proxy https://a {\n  transport http {\n"
        "    tls_trust_pool file /etc/ssl/certs/ca-certificates.crt\n  }\n}",
        3,
        f"tls with ca {THAT}",
    ),
    # Other doors.
    "the admin endpoint": (
        "reverse_proxy /admin/* unix//tmp/admin.sock",
        1,
        f"unix//tmp/admin.sock {NO_ADDRESS}",
    ),
    "the admin endpoint by another word": (
        "forward_auth unix//tmp/admin.sock {\n  uri /config/\n}",
        1,
        f"unix//tmp/admin.sock {NO_ADDRESS}",
    ),
    "an upstream that a visitor names": (
        "reverse_proxy {header.X}",
        1,
        f"{{http.request.header.X}} {NO_ADDRESS}",
    ),
    "an upstream that a name's answer names": (
        "reverse_proxy {\n  dynamic a {header.X} 80\n}",
        1,
        f"reverse_proxy with dynamic_upstreams {THAT}",
    ),
    # What looks like protection.
    "the visitor's address of before": ("@me vars {remote_host} 192.0.2.1\nabort @me", 1,
                                        "{remote_host} is the gateway for every visitor; "
                                        "write {client_ip}"),
    "a map of it": ("map {remote_host} {who} {\n  192.0.2.1 me\n}\nheader A {who}", 1,
                    "{remote_host} is the gateway for every visitor; write {client_ip}"),
    "a matcher within a handle": ("handle {\n  @a {\n    not remote_ip 192.0.2.0/24\n  }\n"
                                  "  abort @a\n}", 3,
                                  "remote_ip is the gateway for every visitor; write client_ip, "
                                  "which is the visitor"),
    "every visitor sent to https": ("header A b\nredir https://{host}{uri}", 2,
                                    "redir redirects every visitor to the same URL, for ever; "
                                    "remove it: the gateway sends visitors to HTTPS by itself"),
    "a password that is no hash": (
        "basic_auth {\n  bob JDEkYWJj\n}",
        2,
        "bob has no bcrypt or argon2id hash after the name, so no password would ever match; "
        "`htpasswd -nB NAME` or `caddy hash-password` makes one",
    ),
    "a status of 1": ("respond no 1", 1, "1 isn't a valid status; write one from 200 to 599"),
    "an error of 999": ("error 999", 1, "999 isn't a valid status; write one from 200 to 599"),
    "a path behind a script by pattern": (
        "@a path_regexp ^/index\\.php/admin\nrespond @a no",
        1,
        "^/index\\.php/admin asks for a path behind a script, and rules see the script's path "
        "alone; write it as a path, such as /index.php/admin/*",
    ),
    "a script whose rule another line undoes": (
        "respond /xmlrpc.php 403\nheader /xmlrpc.php/* A b",
        1,
        "/xmlrpc.php doesn't hold for /xmlrpc.php/x where other lines name a path behind the "
        "script; write /xmlrpc.php* as well",
    ),
    "all scripts whose rule another line undoes": (
        "@a path *.php\nrespond @a 403\nheader /x.php/* A b",
        1,
        "*.php doesn't hold for *.php/x where other lines name a path behind the script; write "
        "*.php* as well",
    ),
    "a path behind a script by variable": (
        "@a vars {path} /index.php/secret\nrespond @a no",
        1,
        "php/ asks for a path behind a script, and rules see the script's path alone; write it as "
        "a path, such as /index.php/admin/*",
    ),
    "a script that is stripped": (
        "uri strip_prefix /index.php",
        1,
        ".php asks for a path behind a script, and rules see the script's path alone; write it as "
        "a path, such as /index.php/admin/*",
    ),
    "nobody's password": (
        "basic_auth {\n}",
        1,
        "basic_auth has no account, so no password would ever match; add one",
    ),
    "a file in an escaped word": ("import\\ /srv/current/*.caddy", 1, IMPORTS),
    "a file in an escaped quote": ("\\`import` /srv/current/*.caddy", 1, IMPORTS),
    "a file behind what is no heredoc": ("header X <<A B\nimport /srv/current/*.c", 2, IMPORTS),
    "a file behind an escaped comment": (
        'header X \\# "\ny\nimport /srv/current/*.caddy\n# "',
        3,
        IMPORTS,
    ),
    "an upstream in the site": ("reverse_proxy [::1]:80", 1, f"[::1]:80 {site_blocks.HERE}"),
    "php-fpm by another name": (
        "reverse_proxy localhost:9000 {\n  transport fastcgi {\n    split .php\n  }\n}",
        1,
        "localhost:9000 isn't needed: PHP runs inside the site without such a line; remove the "
        "line, and set runtime: php in the site's file",
    ),
    "the folder of releases": ("handle {\n  file_server {\n    root /srv\n  }\n}", 3,
                               f"/srv {OUTSIDE}"),
    "the program's own route": ("}\n&(script) {\n  respond x", 1, CLOSES),
    "metrics": ("metrics /metrics", 1, f"metrics {FILES}"),
    "traces": ("tracing {\n  span x\n}", 1, f"tracing {FILES}"),
}  # fmt: skip
BAD |= site_blocks.REFUSED


ALONE_AT = f"http://{ALONE}:{PORT}"
OWN = {
    "a plain site": SiteServer(lines="header A b"),
    "a listing": SiteServer(listing=True, lines="header A b"),
    "a page for what is not there": SiteServer(not_found="404/index.html", lines="header A b"),
    "a php site": SiteServer(runtime="php", lines="header A b"),
    "a php site that lists": SiteServer(runtime="php", listing=True, lines="header A b"),
    "a php site with such a page": SiteServer(
        runtime="php", not_found="x.html", lines="header A b"
    ),
    "a php site with such a script": SiteServer(
        runtime="php", not_found="x.php", lines="header A b"
    ),
    "a php site that names a path behind a script": SiteServer(
        runtime="php", lines="respond /index.php/admin/* 403"
    ),
}
"""What the program itself writes around free lines has to pass, too."""

SHARED_ROOT = "/content/sites/blog/current"
SHARED = {
    f"shared: {name}": SiteServer(root=SHARED_ROOT, lines=GOOD[name])
    for name in ("a header", "a folder of its own", "passwords", "errors", "a variable")
}
ASKS = "asks other servers, and a shared site can't; add hosting: container to its file"
LOGS = "is the gateway's own, as it logs each request of a shared site; remove it"
ELSEWHERE = "is not the site's content; leave root at /srv/current or below"
SHARED_BAD = {
    f"shared: {name}": (SiteServer(root=SHARED_ROOT, lines=lines), number, said)
    for name, (lines, number, said) in {
        "an upstream": (
            "header A b\nreverse_proxy https://a.example.org",
            2,
            f"reverse_proxy {ASKS}",
        ),
        "an upstream of a part": (
            'handle /api {\n  "reverse_proxy" a.org:80\n}',
            2,
            f"reverse_proxy {ASKS}",
        ),
        "another that says who may": (
            "forward_auth a.org:80 {\n  uri /\n}",
            1,
            f"reverse_proxy {ASKS}",
        ),
        "php elsewhere": ("header A b\nphp_fastcgi a.org:9000", 2, f"php_fastcgi {ASKS}"),
        "another site's log": ("header A b\nlog_name shop", 2, f"log_name {LOGS}"),
        "another site's log by a variable": (
            "header A b\nvars access_logger_names shop",
            2,
            f"access_logger_names {LOGS}",
        ),
        "no log": ("header A b\nlog_skip /x", 2, f"log_skip {LOGS}"),
        "another visitor": ("vars client_ip 192.0.2.1", 1, f"client_ip {LOGS}"),
        "another site's errors": ("vars homeport_site shop", 1, f"homeport_site {LOGS}"),
        "another site's files": (
            "root * /content/sites/shop/current",
            1,
            f"/content/sites/shop/current {ELSEWHERE}",
        ),
        "all sites' files": ("header A b\nroot * /content", 2, f"/content {ELSEWHERE}"),
        "a neighbour by its name": (
            "root * /content/sites/blog/current2",
            1,
            f"/content/sites/blog/current2 {ELSEWHERE}",
        ),
        "the gateway's own files": (
            "handle /x {\n  root * /etc/caddy/current\n  file_server\n}",
            2,
            f"/etc/caddy/current {ELSEWHERE}",
        ),
        "its keys": ("file_server {\n  root /state\n}", 2, f"/state {ELSEWHERE}"),
        "all files of its content": (
            "root * /srv/current/../releases",
            1,
            f"{SHARED_ROOT}/../releases {ELSEWHERE}",
        ),
    }.items()
}
"""Sites that the gateway serves: from its place lines would reach more."""


def server(lines: str) -> SiteServer:
    """A static site with these lines, or a PHP site where they speak of php-fpm."""
    return SiteServer(lines=lines, runtime="php" if "php" in lines else "static")


def props(site: SiteServer | str, **different: Any) -> dict[str, Any]:
    """Properties as the engine sends them: numbers arrive as floats."""
    site = server(site) if isinstance(site, str) else site
    block = site_alone(site, ALONE_AT)
    return {
        "docker_host": "unix:///var/run/docker.sock",
        "image": IMAGES["php"] if site.runtime == "php" else IMAGE,
        "block": block,
        "first_line": float(lines_begin_at(block, site.root)),
        "lines": site.lines,
        "numbers": [float(number) for number in site.owner_lines.numbers],
        "hidden": list(site.hidden),
        "runtime": site.runtime,
        "egress": site.lines not in [lines for lines, _, _ in site_blocks.REFUSED.values()],
        "root": site.root,
        "shared": site.root == SHARED_ROOT,
        "shown_as": "config/sites/blog.yaml",
        "shown_line": 4.0,
        "labels": {},
    } | different


provider = CaddyfileLinesProvider()
adapt = site_lines._adapt


def cases() -> dict[str, SiteServer]:
    """Sites by name, without those whose lines are refused before Caddy would read them."""
    lines = GOOD | {name: lines for name, (lines, _, _) in BAD.items()}
    shared = SHARED | {name: site for name, (site, _, _) in SHARED_BAD.items()}
    return (
        OWN
        | shared
        | {name: server(text) for name, text in lines.items() if not problem_of_text(text)}
    )


@functools.cache
def stored() -> dict[str, Any]:
    """By name: the block, what Caddy made of it, and why it refused that."""
    known: dict[str, Any] = json.loads(ADAPTED.read_text())
    if os.environ.get("UPDATE_ADAPTED") == "1":
        before = {text: [text, *said] for text, *said in known.values()}
        sent = {name: props(site) for name, site in cases().items()}
        known = {n: before.get(one["block"]) or really_adapted(one) for n, one in sent.items()}
        ADAPTED.write_text(json.dumps(known, indent=0) + "\n")
    return known


def really_adapted(sent: dict[str, Any]) -> list[str]:
    made, refusal = adapt(engine.connect("unix:///var/run/docker.sock"), sent)
    return [sent["block"], made, refusal.rpartition("\n")[2]]


@pytest.fixture
def engine_that_knows(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Docker engine that adapts the cases in adapted.json; the list is what it was asked."""
    asked = []
    known = {text: (made, refusal) for text, made, refusal in stored().values()}

    def answer(_client: object, sent: dict[str, Any]) -> tuple[str, str]:
        asked.append(sent["block"])
        return known[sent["block"]]

    monkeypatch.setattr(site_lines, "_adapt", answer)
    monkeypatch.setattr(engine, "connect", lambda _: None)
    monkeypatch.setattr(engine, "reachable", lambda _: True)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: True)
    return asked


def problems(sent: dict[str, Any]) -> list[str]:
    found = site_lines.problem(sent)
    return [found] if found else []


def test_what_caddy_said_is_of_these_cases() -> None:
    """Else what is tested here isn't what runs: write adapted.json anew."""
    sent = {name: props(site)["block"] for name, site in cases().items()}
    assert {name: text for name, (text, _, _) in stored().items()} == sent


@pytest.mark.usefixtures("engine_that_knows")
@pytest.mark.parametrize("name", OWN)
def test_what_the_program_writes_around_the_lines_is_taken(name: str) -> None:
    assert problems(props(OWN[name])) == []


@pytest.mark.usefixtures("engine_that_knows")
@pytest.mark.parametrize("name", GOOD)
def test_lines_that_stay_within_the_site_are_taken(name: str) -> None:
    assert problems(props(GOOD[name])) == []


@pytest.mark.usefixtures("engine_that_knows")
@pytest.mark.parametrize("name", BAD)
def test_lines_that_leave_the_site_are_told_with_their_line(name: str) -> None:
    lines, number, said = BAD[name]
    told = [f"config/sites/blog.yaml:{3 + number}: caddyfile: {said}"]
    assert problems(props(lines)) == told
    with pytest.raises(engine.EngineError) as caught:
        provider.create(props(lines))
    assert [str(caught.value)] == told


@pytest.mark.usefixtures("engine_that_knows")
@pytest.mark.parametrize("name", SHARED)
def test_lines_of_a_shared_site_are_taken_as_those_of_a_container_are(name: str) -> None:
    assert problems(props(SHARED[name])) == []


@pytest.mark.usefixtures("engine_that_knows")
@pytest.mark.parametrize("name", SHARED_BAD)
def test_lines_by_which_a_shared_site_would_reach_more_are_told(name: str) -> None:
    site, number, said = SHARED_BAD[name]
    assert problems(props(site)) == [f"config/sites/blog.yaml:{3 + number}: caddyfile: {said}"]


def test_what_would_be_read_while_adapting_is_not_even_adapted(
    engine_that_knows: list[str],
) -> None:
    """What is imported could also be read again, unchecked, when the site starts."""
    for lines, _, _ in BAD.values():
        if problem_of_text(lines):
            assert problems(props(lines))
    assert engine_that_knows == []


def test_only_other_lines_or_another_server_are_a_change() -> None:
    old, bad = props(GOOD["a header"]), props(BAD["templates"][0])
    same = old | {"labels": {"a": "b"}, "shown_line": 9.0}
    assert provider.diff("x", old, same).changes is False
    different: list[dict[str, Any]] = [
        {"image": "caddy:3"},
        {"egress": not old["egress"]},
        {"shared": True},
    ]
    for other in (bad, *(old | one for one in different)):
        assert provider.diff("x", old, other).changes is True


@pytest.mark.usefixtures("engine_that_knows")
def test_what_could_not_be_asked_in_preview_is_asked_by_up() -> None:
    bad = props(BAD["templates"][0])
    for change in (
        lambda: provider.create(bad),
        lambda: provider.update("x", props("header A b"), bad),
    ):
        with pytest.raises(engine.EngineError, match="templates"):
            change()

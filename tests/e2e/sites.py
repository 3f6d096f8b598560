"""Sites of every kind, for a stack under test."""

from __future__ import annotations

from tests.e2e.checkout import Checkout
from tests.unit.components.site.site_blocks import BCRYPT

_PHP = "<?php echo 'marker-of-program PHP/' . PHP_VERSION . ' HTTPS=' . ($_SERVER['HTTPS'] ?? '');"


HOSTINGS = ("container", "shared")


def page(
    checkout: Checkout, name: str, marker: str, *, more: str = "", hosting: str = "container"
) -> None:
    """A site of one page, with its file. The welcome page of each stack is a shared one."""
    write(checkout, f"sites/{name}/index.html", f"<!doctype html><p>{marker}</p>\n")
    checkout.write_site(
        name, f"hosts: [{name}]\nsource: {{folder: sites/{name}}}\nhosting: {hosting}\n{more}"
    )


def program(checkout: Checkout) -> None:
    """A site of PHP."""
    write(checkout, "sites/program/index.php", _PHP)
    write(checkout, "sites/program/lost.html", "<p>marker-of-404")
    checkout.write_site(
        "program",
        "hosts: [program]\nsource: {folder: sites/program}\nruntime: php\nnot_found: lost.html\n"
        "caddyfile: header Referrer-Policy no-referrer\n",
    )


def of_folders(checkout: Checkout) -> None:
    """A site of a folder, one of PHP, and one of a folder of the host."""
    page(checkout, "alpha", "marker-of-alpha", more="not_found: lost.html\n")
    write(checkout, "sites/alpha/lost.html", "<p>marker-of-404")
    program(checkout)
    write(checkout, "sites/photos/index.html", "<p>marker-of-photos")
    write(checkout, "sites/photos/album/holiday.txt", "sun")
    checkout.write_site(
        "photos", "hosts: [photos]\nsource: {host_folder: /srv/photos}\nlisting: true\n"
    )
    checkout.extra["sources"] = {"folders": {"/srv/photos": "sites/photos"}}


def every_kind(checkout: Checkout) -> None:
    """One site of each kind beside the welcome page, and look-alikes of a path."""
    of_folders(checkout)
    page(checkout, "neighbour", "marker-of-neighbour")
    for hosting in HOSTINGS:
        _ruled(checkout, hosting)
    write(checkout, "sites/alpha/newsletter/index.html", "<p>marker-of-newsletter")
    write(checkout, "sites/alpha/news/index.html", "<p>marker-of-news")
    write(checkout, "sites/new/new/index.html", "<p>marker-of-new")
    checkout.write_site("new", "hosts: [alpha.localhost/new]\nsource: {folder: sites/new}\n")
    write(checkout, "sites/deep/new/deep/index.html", "<p>marker-of-new-deep")
    checkout.write_site("deep", "hosts: [alpha.localhost/new/deep]\nsource: {folder: sites/deep}\n")
    _walled(checkout)
    _curious(checkout)
    checkout.write_site("empty", "hosts: [empty]\nsource: {git: https://git.invalid/empty}\n")
    to = "https://elsewhere.example.net"
    (checkout.folder / "sites/hollow").mkdir(parents=True)
    checkout.write_site(
        "hollow", "hosts: [hollow]\nsource: {folder: sites/hollow}\nlisting: true\n"
    )
    checkout.write_site("moved", f"hosts: [moved]\nredirect: {{to: {to}/base}}\n")
    checkout.write_site(
        "moved-for-now",
        f"hosts: [moved-for-now]\n"
        f"redirect: {{to: {to}/landing, permanent: false, keep_path: false}}\n",
    )
    checkout.write_site(
        "moved-here", "hosts: [moved-here]\nredirect: {to: https://alpha.localhost}\n"
    )
    checkout.write_site("outside", "hosts: [outside]\nupstream: http://192.0.2.1:9\n")
    checkout.configure()


SCRIPT = (
    "<?php echo 'ran ' . basename(__FILE__) . ' with ' . ($_SERVER['PATH_INFO'] ?? '') . '.';\n"
    "foreach (array_filter($_SERVER, 'is_string') as $name => $value) echo \"\\n$name=$value\";"
)
WALLED = (
    "index.php", "admin/tool.php", "admin/index.php", "xmlrpc.php", "wiki/page.php",
    "two words.php", "folder.php/tool.php", "folder.php/index.php", "100%25.php", "up.PHP",
    ".git/hook.php",
)  # fmt: skip
"""Scripts of the site `walled`; each says that it ran, and what it was told."""
KEPT = (
    ".env", ".env.local", ".git/config", ".gitignore", ".htaccess", ".htpasswd", ".user.ini",
    ".svn/entries", "pub/.git/config", "pub/.env",
)  # fmt: skip
"""Files of `walled` and of `shelf` that nobody gets to see."""
TEXTS = ("settings.phtml", "settings.phar", "index.php.bak", "index.php~", "Old.PHP5")
"""Files of `walled` whose text is a program's."""
SENT = ("pub/page.html", "folder.php/style.css", "photo.php.jpg")
"""Files of `walled` that are nothing but files."""


_RULES = """
  @old path /old /old/*
  redir @old /new.txt 301
  basic_auth /private/* {
    bob %s
  }
  header /new.txt X-Rule "of its owner"
  handle_path /deep/* {
    root * /srv/current/below
    file_server
  }
  try_files {path} {path}.txt
  respond /greeting <<TEXT
    hello,
    you
    TEXT
  error /gone 410
  error /broken 500
  handle_errors 410 {
    header @old X-Never yes
    respond "marker-of-410 {err.status_code}"
  }
  handle_errors 5xx {
    header X-Said of-errors
    respond "marker-of-own-5xx"
  }
"""


def _ruled(checkout: Checkout, hosting: str) -> None:
    """A site of files with all that its owner may say."""
    name = f"ruled-{hosting}"
    write(checkout, f"sites/{name}/index.html", f"<p>marker-of-{name}")
    for path in ("new.txt", "private/page.txt", "below/page.txt", "folder/page.txt"):
        write(checkout, f"sites/{name}/{path}", f"marker-of-{path}")
    write(checkout, f"sites/{name}/lost.html", "<p>marker-of-404")
    checkout.write_site(
        name,
        f"hosts: [{name}]\nsource: {{folder: sites/{name}}}\nhosting: {hosting}\nlisting: true\n"
        f"not_found: lost.html\ncaddyfile: |{_RULES % BCRYPT}",
    )


def _walled(checkout: Checkout) -> None:
    """A site of PHP with rules, and a static one with lines that list and send folders."""
    for name in WALLED:
        write(checkout, f"sites/walled/{name}", SCRIPT)
    for name in (*KEPT, *TEXTS, "pub/secret.php", *SENT):
        write(checkout, f"sites/walled/{name}", "marker-of-source")
    lines = f"""
  basic_auth /admin/* {{
    bob {BCRYPT}
  }}
  basic_auth /index.php/inner/* {{
    bob {BCRYPT}
  }}
  respond /xmlrpc.php 403
  rewrite /rewritten/* /wiki/page.php{{path}}
  redir /moved/* https://elsewhere.example.net{{uri}}
  @away query away=1
  redir @away https://elsewhere.example.net{{uri}}
  handle_path /app/* {{
    respond /wiki/page.php 403
  }}
  uri /stripped/* strip_prefix /stripped
  handle_path /pub/* {{
    root * /srv/current/pub
    file_server browse
  }}
  handle /as-files/* {{
    try_files {{path}} /index.php?{{query}}
    file_server
  }}
  handle_path /all/* {{
    file_server browse {{
      index none
    }}
  }}
"""
    checkout.write_site(
        "walled",
        f"hosts: [walled]\nsource: {{folder: sites/walled}}\nruntime: php\ncaddyfile: |{lines}",
    )
    for name in (*KEPT, "page.html", ".well-known/here.txt"):
        write(checkout, f"sites/shelf/{name}", "marker-of-shelf")
    for hosting in HOSTINGS:
        checkout.write_site(
            f"shelf-{hosting}",
            f"hosts: [shelf-{hosting}]\nsource: {{folder: sites/shelf}}\nlisting: true\n"
            f"hosting: {hosting}\n"
            "caddyfile: |\n  handle_path /all/* {\n    file_server browse\n  }\n"
            "  rewrite /renamed /.env\n  respond /text `{$HOME} import`\n",
        )


# All at once: what is dropped on the way, and not refused, takes the whole two seconds.
_ASK = """<?php
foreach ($_GET['at'] as $at)
    $asked[$at] = @stream_socket_client(
        "tcp://$at", $code, $why, 2, STREAM_CLIENT_CONNECT | STREAM_CLIENT_ASYNC_CONNECT);
$asked = array_filter($asked);
$reached = [];
$until = microtime(true) + 2;
while ($asked && ($left = $until - microtime(true)) > 0) {
    [$read, $write, $except] = [[], $asked, []];
    stream_select($read, $write, $except, 0, (int) ($left * 1e6));
    foreach ($write as $at => $socket) {
        if (stream_socket_get_name($socket, true) !== false) $reached[] = $at;
        unset($asked[$at]);
    }
}
echo json_encode($reached);
"""
_READ = "<?php echo json_encode(['text' => @file_get_contents($_GET['path'])]);"


def _curious(checkout: Checkout) -> None:
    """Sites whose pages ask from inside, one of them with a way out."""
    for name, more in (("inside", ""), ("outgoing", "egress: true\n")):
        write(checkout, f"sites/{name}/ask.php", _ASK)
        write(checkout, f"sites/{name}/read.php", _READ)
        checkout.write_site(
            name, f"hosts: [{name}]\nsource: {{folder: sites/{name}}}\nruntime: php\n{more}"
        )


def write(checkout: Checkout, path: str, text: str) -> None:
    """A file of the checkout, with its folders."""
    file = checkout.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)

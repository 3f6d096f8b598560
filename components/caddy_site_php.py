"""The part of a PHP site's Caddyfile that runs scripts.

A script is the file that the path names; what stands behind it is PATH_INFO. Caddy's own
`php_fastcgi` decides that after the owner's rules, so a rule for /tool.php lets /tool.php/x pass,
and it takes the first .php for the script's end, be it a folder's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from components.caddy import block
from components.caddy_site_content import HIDDEN, ROOT, hidden_paths
from components.caddyfile_tokens import tokens

FPM_SOCKET = "unix//tmp/php-fpm.sock"
# The image's own: a socket and a script for the health check alone (images/php).
FPM_HEALTH_SOCKET = "unix//tmp/php-fpm-health.sock"
FPM_HEALTH_ROOT = "/etc/homeport"

NAMED_ROUTE = "script"
"""What a site's block runs before anything else."""
# The owner's own php_fastcgi comes before the program's reverse_proxy.
GLOBAL_OPTIONS = ("order invoke first", "order php_fastcgi before reverse_proxy")
"""Where the parts have their places among the owner's lines, which Caddy sorts by their names."""


def _any_case(ending: str) -> str:
    return "".join(f"[{char}{char.upper()}]" for char in ending)


SCRIPT = f"*.{_any_case('php')}"
LEFTOVERS = (
    *(f"*.{_any_case(ending)}" for ending in ("phtml", "phar", "phps", "pht")),
    *(f"{SCRIPT}{more}" for more in ("[0-9]", "~", ".bak", ".old", ".orig", ".save", ".sw?")),
)
"""What other servers run, and what editors and upgrades leave of a script: no file server sends
them, as their text is a program's, with its passwords."""

_SPLIT = r"^(.*\.php)(/.*)$"
_FOLLOWED = r"\.php/"
_SCRIPT = r"\.php$"
PATTERNS = frozenset({_SPLIT, _FOLLOWED, _SCRIPT})
"""What the program itself asks paths for."""
_BEHIND = re.compile(r"[/*]\S*\.php/\S*", re.IGNORECASE)


def script_route(lines: str) -> str:
    """The named route that makes the script's path of a path with something behind a script.

    So rules see the path that runs. Where the owner's lines themselves name a path behind a
    script (`/index.php/admin/*`), that path stays whole for them.
    """
    whole = sorted({word.text for word in tokens(lines) if _BEHIND.fullmatch(word.text)})
    there = block("file", f"root {ROOT}", "try_files {path}")
    return block(
        f"&({NAMED_ROUTE})",
        block(
            "route",
            # Looked up where they are used, with the path of that moment.
            block(
                "map {path} {script} {behind_script}",
                r"~^(.*?\.php)(/.*)$ ${1} ${2}",
            ),
            block(
                "@behind",
                f"path_regexp longest {_SPLIT}",
                block("not", f"path_regexp {_SCRIPT}", there),
                *([f"not path {' '.join(whole)}"] if whole else []),
            ),
            block(
                "route @behind",
                block("@longest file", f"root {ROOT}", "try_files {re.longest.1}"),
                block("@first file", f"root {ROOT}", "try_files {script}"),
                block("@any file", f"root {ROOT}", "try_files {re.longest.1} {script}"),
                block(
                    "route",
                    "vars @first path_info {behind_script}",
                    "vars @longest path_info {re.longest.2}",
                    "rewrite @any {file_match.relative}",
                ),
            ),
        ),
    )


def php(*, front: bool) -> Iterator[str]:
    """The lines of the site's own block.

    With `front`, what is no file is answered by /index.php, as today's programs expect.
    """
    yield _VISITOR
    yield block("@folder", "file {path}/index.php", "not path */")
    # Redirects to the folder with its slash; php-fpm isn't asked.
    yield f"php_fastcgi @folder {FPM_SOCKET}"
    # A path that the owner's lines asked to see whole, or made themselves.
    yield block("@behind_script", f"path_regexp {_FOLLOWED}", "file {script}", *_NOT_HIDDEN)
    yield _run("@behind_script", "{behind_script}")
    yield block(
        "@php",
        f"file {{path}} {{path}}/index.php{' /index.php' if front else ''}",
        # A file of another kind is sent as it is.
        block("not", "file {path}", "not path *.php"),
        *_NOT_HIDDEN,
    )
    yield _run("@php", "{vars.path_info}")


def run_page(page: str) -> Iterator[str]:
    """Lines that answer with the page that a script makes, and with status 404."""
    yield f"rewrite * /{page}"
    yield _run("", "", "handle_response {\n\tcopy_response 404\n}")


_NOT_HIDDEN = (f"not path {' '.join(hidden_paths(HIDDEN))}",)

# As if there were no gateway between the visitor and PHP.
_VISITOR = block(
    "map {header.X-Forwarded-Proto} {visitor_https} {visitor_scheme} {visitor_usual_port}",
    "https on https 443",
    'default "" http 80',
) + block("map {hostport} {visitor_port}", r"~:(\d+)$ ${1}", "default {visitor_usual_port}")


def _run(matcher: str, path_info: str, *more: str) -> str:
    return block(
        " ".join(filter(None, ("reverse_proxy", matcher, FPM_SOCKET))),
        *(["rewrite {file_match.relative}"] if matcher else []),
        "header_up X-Forwarded-For {client_ip}",
        block(
            "transport fastcgi",
            # Never found: what is passed is the script's path whole.
            "split //",
            # The real path of a release is what opcache knows a script by, so a switched release
            # is another script.
            "resolve_root_symlink",
            f"env PATH_INFO {path_info}" if path_info else 'env PATH_INFO ""',
            "env HTTPS {visitor_https}",
            "env REQUEST_SCHEME {visitor_scheme}",
            "env SERVER_PORT {visitor_port}",
            "env REMOTE_ADDR {client_ip}",
            "env REMOTE_HOST {client_ip}",
            'env REMOTE_PORT ""',
        ),
        *more,
    )


def health() -> Iterable[str]:
    """What answers the health check: whether php-fpm still starts a process."""
    return (
        f"root * {FPM_HEALTH_ROOT}",
        "rewrite * /health.php",
        block(f"reverse_proxy {FPM_HEALTH_SOCKET}", block("transport fastcgi", "split .php")),
    )

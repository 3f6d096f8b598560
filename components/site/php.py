"""The part of a PHP site's Caddyfile that runs scripts.

The path names the script; the rest of the path is PATH_INFO. Caddy's own `php_fastcgi` decides this
only after the owner's rules, so a rule for /tool.php would let /tool.php/x pass. It also takes the
first .php for the end of the script, even if that is a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from components.caddy import block
from components.site.content import HIDDEN, ROOT, hidden_paths, hidden_regexp
from components.site.own import (
    FPM_HEALTH_ROOT,
    FPM_HEALTH_SOCKET,
    FPM_SOCKET,
    PATTERN_FOLLOWED,
    PATTERN_SCRIPT,
    PATTERN_SPLIT,
    SCRIPT,
    any_case,
)
from values.tokens import tokens

# The owner's own php_fastcgi comes before the program's reverse_proxy.
ORDER = "order php_fastcgi before reverse_proxy"


LEFTOVERS = (
    *(
        f"*.{any_case(ending)}"
        for ending in ("phtml", "phar", "phps", "pht", "phpt", "inc", "module", "install")
    ),
    *(f"{SCRIPT}{more}" for more in ("[0-9]", "~", "_", "#")),
    *(
        f"{SCRIPT}.{any_case(more)}"
        for more in ("bak", "old", "orig", "save", "dist", "tmp", "gz", "br", "zst")
    ),
    f"{SCRIPT}.save.?",
    f"{SCRIPT}.sw?",
)
"""What other servers run, and what editors and upgrades leave of a script: no file server sends
them, as their text is a program's, with its passwords."""

# A path behind a script, as `path` takes it. Quotes and placeholders are left to whoever reads it.
_BEHIND = re.compile(r"[/*][^\s{}\"`\\]*\.php/[^\s{}\"`\\]*", re.IGNORECASE)


def paths_behind(lines: str) -> list[str]:
    """The paths behind a script that rules of the owner's lines name: `/index.php/admin/*`."""
    found, line = set(), list[str]()
    for word in tokens(lines):
        line = [word.text] if word.first else [*line, word.text]
        asks = "path" in line[:3] and line[0].startswith(("@", "path", "not"))
        inline = len(line) == 2 and not line[0].startswith("@")
        if (asks or inline) and _BEHIND.fullmatch(word.text):
            found.add(word.text)
    return sorted(found)


def script_lines(lines: str) -> Sequence[str]:
    """The lines of a route that make the script's path of one with something behind a script.

    So rules see the path that runs. Where the owner's lines themselves name a path behind a
    script, that path stays whole for them.
    """
    whole = paths_behind(lines)
    there = block("file", f"root {ROOT}", "try_files {path}")
    return (
        # Looked up where they are used, with the path of that moment.
        block(
            "map {path} {homeport_script} {homeport_behind}",
            r"~(?s)^(.*?\.php)(/.*)$ ${1} ${2}",
        ),
        block(
            "@behind",
            f"path_regexp longest {PATTERN_SPLIT}",
            block("not", f"path_regexp {PATTERN_SCRIPT}", there),
            *([f"not path {' '.join(whole)}"] if whole else []),
        ),
        block(
            "route @behind",
            block("@longest file", f"root {ROOT}", "try_files {re.longest.1}"),
            block("@first file", f"root {ROOT}", "try_files {homeport_script}"),
            # Below another root the owner's lines may find it. A folder with such a name is
            # left alone.
            block(
                "@unknown not file",
                f"root {ROOT}",
                "try_files {homeport_script}/",
            ),
            block(
                "handle @longest",
                "vars path_info {re.longest.2}",
                "rewrite {file_match.relative}",
            ),
            block(
                "handle @first",
                "vars path_info {homeport_behind}",
                "rewrite {file_match.relative}",
            ),
            block(
                "handle @unknown",
                "vars path_info {homeport_behind}",
                "rewrite {homeport_script}",
            ),
        ),
    )


def php(*, front: bool) -> Iterator[str]:
    """The lines of the site's own block.

    With `front`, what is no file is answered by /index.php, as today's programs expect.
    """
    yield _VISITOR
    yield block(
        "@homeport_folder",
        "file {path}/index.php",
        "not path */",
        # It would lead a browser to another host: //evil.example/..
        r"not vars_regexp homeport_doubled {orig_path} ^[/\\]{2}",
    )
    # Redirects to the folder with its slash; php-fpm isn't asked.
    yield f"php_fastcgi @homeport_folder {FPM_SOCKET}"
    # A path that the owner's lines asked to see whole, or made themselves.
    yield block(
        "@homeport_behind",
        f"path_regexp {PATTERN_FOLLOWED}",
        "file {homeport_script}",
        f"not vars_regexp homeport_hidden {{homeport_script}} {_HIDDEN}",
    )
    yield _run("@homeport_behind", "{homeport_behind}")
    yield block("@homeport_script", f"path_regexp {PATTERN_SCRIPT}", "file {path}", _NOT_HIDDEN)
    yield _run("@homeport_script", "{vars.path_info}")
    # A file of another kind is sent as it is.
    index = f"file {{path}}/index.php{' /index.php' if front else ''}"
    yield block("@homeport_index", index, "not file {path}")
    yield _run("@homeport_index", "")


def run_page(page: str) -> Iterator[str]:
    """Lines that answer with the page that a script makes, and with status 404."""
    yield f"rewrite * /{page}"
    yield _run("", "", "handle_response {\n\tcopy_response 404\n}")


_NOT_HIDDEN = f"not path {' '.join(hidden_paths(HIDDEN))}"
_HIDDEN = hidden_regexp(HIDDEN)

# As if there were no gateway between the visitor and PHP.
_VISITOR = block(
    "map {header.X-Forwarded-Proto} {homeport_https} {homeport_scheme} {homeport_usual_port}",
    "https on https 443",
    'default "" http 80',
) + block("map {hostport} {homeport_port}", r"~:(\d+)$ ${1}", "default {homeport_usual_port}")


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
            "env HTTPS {homeport_https}",
            "env REQUEST_SCHEME {homeport_scheme}",
            "env SERVER_PORT {homeport_port}",
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

"""A site's own Caddyfile: content on port 80, without TLS, behind the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from components.caddy import GLOBAL_OPTIONS, block

PORT = 80
CONTENT_AT = "/srv"
ROOT = f"{CONTENT_AT}/current"
"""The web root: a link that is switched to the next release."""
HEALTH_HOST = "health.invalid"
FPM_SOCKET = "unix//tmp/php-fpm.sock"
# The image's own: a socket and a script for the health check alone (images/php).
FPM_HEALTH_SOCKET = "unix//tmp/php-fpm-health.sock"
FPM_HEALTH_ROOT = "/etc/homeport"

# A folder that isn't there at all: nothing was published yet.
_NO_CONTENT = f"""\
@no_content not file {{
	root {CONTENT_AT}
	try_files /current/
}}
header @no_content Retry-After 60
respond @no_content "This site has no content yet; please try again in a minute." 503"""


_VISITORS_HTTPS = """\
map {header.X-Forwarded-Proto} {visitors_https} {
	https on
	default ""
}"""


@dataclass(frozen=True, kw_only=True)
class SiteServer:
    """What a site's Caddyfile says."""

    runtime: Literal["static", "php"] = "static"
    listing: bool = False
    not_found: str | None = None
    """Page of the content that is shown with status 404."""
    lines: str = ""
    """Lines of the site's owner for its own block."""


def site_caddyfile(server: SiteServer) -> str:
    """The whole Caddyfile.

    The health check has a host of its own: its answer depends on no content, and no visitor
    reaches it, because the gateway passes on the site's own hosts alone.
    """
    health = ["respond 200"]
    if server.runtime == "php":
        health = [
            f"root * {FPM_HEALTH_ROOT}",
            "rewrite * /health.php",
            block(f"reverse_proxy {FPM_HEALTH_SOCKET}", block("transport fastcgi", "split .php")),
        ]
    return "\n".join(
        [
            block(
                "",
                *GLOBAL_OPTIONS,
                "auto_https off",
                # The gateway alone reaches a site from another machine's address.
                block("servers", "trusted_proxies static private_ranges"),
            ),
            block(f"http://{HEALTH_HOST}:{PORT}", *health),
            site_block(server),
        ]
    )


def site_block(server: SiteServer, address: str = f":{PORT}") -> str:
    """The block that visitors reach, with the owner's lines in it and nothing beside it."""
    not_found = []
    if server.not_found:
        page = block(
            "handle_errors 404",
            f"root * {ROOT}",
            f"rewrite * /{server.not_found}",
            block("file_server", "status 404"),
        )
        not_found = [page]
    php = []
    if server.runtime == "php":
        # The real path of a release is what opcache knows a script by, so a switched release
        # is another script.
        # Caddy's own way is that of today's programs: what isn't a file is index.php's to answer.
        # A page for what isn't there says that this one isn't such a program.
        own_404 = ["try_files {path} {path}/index.php =404"] if server.not_found else []
        php = [
            _VISITORS_HTTPS,
            block(
                f"php_fastcgi {FPM_SOCKET}",
                "resolve_root_symlink",
                # As if there were no gateway between the visitor and PHP.
                "env HTTPS {visitors_https}",
                "env REMOTE_ADDR {client_ip}",
                *own_404,
            ),
        ]
    files = block(f"file_server{' browse' if server.listing else ''}", "hide .git .user.ini")
    return block(
        address,
        f"root * {ROOT}",
        *server.lines.splitlines(),
        _NO_CONTENT,
        *php,
        files,
        *not_found,
        "log",
    )


def lines_begin_at(caddyfile: str) -> int:
    """The number of the line of a rendered Caddyfile at which the owner's lines begin."""
    return caddyfile.split("\n").index(f"\troot * {ROOT}") + 2


def lines_end_at(caddyfile: str) -> int:
    """The number of the line of a rendered Caddyfile at which the owner's lines end."""
    # The last one: the owner may write the same line.
    before, _, _ = caddyfile.rpartition(f"\n\t{_NO_CONTENT.splitlines()[0]}\n")
    return before.count("\n") + 1

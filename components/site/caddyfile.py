"""A site's own Caddyfile: content on port 80, without TLS, behind the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from components.caddy import GLOBAL_OPTIONS, block, no_content
from components.routes import ASKED
from components.site import php as php_site
from components.site.content import HIDDEN, ROOT
from components.site.own import NAMED_ROUTE, PORT, SCRIPT
from components.site.owner_lines import OwnerLines, owner_lines

HEALTH_HOST = "health.invalid"
_FIRST = f"invoke {NAMED_ROUTE}"


# A folder that isn't there at all: nothing was published yet.
_NO_CONTENT = f"""\
@homeport_no_content not file {{
	root %s
	try_files /
}}
{no_content("@homeport_no_content")}"""
# A folder of the host is empty while its disk isn't mounted. An empty list would be a normal
# answer, so no alert would fire. The policy matches folders as well.
_EMPTY = f"""\
@homeport_empty {{
	path /
	not file {{
		root %s
		try_files /*
		try_policy most_recently_modified
	}}
}}
{no_content("@homeport_empty")}"""


@dataclass(frozen=True, kw_only=True)
class SiteServer:
    """What a site's Caddyfile says."""

    runtime: Literal["static", "php"] = "static"
    listing: bool = False
    not_found: str | None = None
    """Page of the content that is shown with status 404."""
    lines: str = ""
    """Lines of the site's owner for its own block."""
    root: str = ROOT
    """The web root, where the server sees it."""

    @property
    def hidden(self) -> Sequence[str]:
        """Files that no file server sends or lists."""
        return (*HIDDEN, *(php_site.LEFTOVERS if self.runtime == "php" else ()))

    @cached_property
    def owner_lines(self) -> OwnerLines:
        """The owner's lines as they stand in the block.

        Scripts that reach a file server of theirs weren't run.
        """
        script = [SCRIPT] if self.runtime == "php" else []
        return self.owned(self.lines, [*self.hidden, *script])

    def owned(self, lines: str, hidden: Sequence[str]) -> OwnerLines:
        """Some of the owner's lines, as the block contains them."""
        return owner_lines(lines, hidden, root=self.root, php=self.runtime == "php")

    @property
    def hide(self) -> str:
        """What a file server's block says of files that aren't sent."""
        return f"hide {' '.join(self.hidden)}"


def site_caddyfile(address: str, server: SiteServer) -> str:
    """The whole Caddyfile of a site that the gateway finds at this `name:port`.

    The health check has a host of its own: its answer depends on no content, and no visitor
    reaches it, because the gateway passes on the site's own hosts alone.
    """
    health = php_site.health() if server.runtime == "php" else ["respond 200"]
    return "\n".join(
        [
            block(
                "",
                *GLOBAL_OPTIONS,
                "auto_https off",
                *_order(server),
                # The gateway alone reaches a site from another machine's address.
                block("servers", "trusted_proxies static private_ranges"),
            ),
            block(f"http://{HEALTH_HOST}:{PORT}", *health),
            _named_route(*_meant_for_others(address), *_script_lines(server)),
            site_block(server, first=[_FIRST]),
        ]
    )


def site_alone(server: SiteServer, address: str) -> str:
    """A Caddyfile of nothing but the block that visitors reach, at another address.

    Its last line is `log`, which shows that the owner's lines don't end the block.
    """
    if server.runtime != "php":
        return site_block(server, address, last=["log"])
    return "\n".join(
        [
            block("", *_order(server)),
            _named_route(*_script_lines(server)),
            site_block(server, address, first=[_FIRST], last=["log"]),
        ]
    )


def site_block(
    server: SiteServer,
    address: str = f":{PORT}",
    *,
    first: Sequence[str] = (),
    last: Sequence[str] = (),
) -> str:
    """The block that visitors reach, with the owner's lines in it and nothing beside it."""
    return block(
        address,
        *first,
        f"root * {server.root}",
        *server.owner_lines.rendered,
        _NO_CONTENT % server.root,
        *file_lines(server),
        *(
            [block("handle_errors 404", f"root * {server.root}", *not_found_lines(server))]
            if server.not_found
            else []
        ),
        *last,
    )


def file_lines(server: SiteServer) -> Sequence[str]:
    """What sends files of the root, or runs them."""
    return (
        *([_EMPTY % server.root] if server.listing else []),
        # A page for what isn't there says that this is no program that answers it all.
        *(php_site.php(front=not server.not_found) if server.runtime == "php" else ()),
        block(f"file_server{' browse' if server.listing else ''}", server.hide).rstrip(),
    )


def _order(server: SiteServer) -> Sequence[str]:
    """Where the program's parts stand among the owner's lines, which Caddy sorts by name."""
    return ("order invoke first", *([php_site.ORDER] if server.runtime == "php" else []))


def _named_route(*lines: str) -> str:
    return block(f"&({NAMED_ROUTE})", block("route", *lines))


def _meant_for_others(address: str) -> Sequence[str]:
    """What hangs up on a request that the gateway meant for another site.

    Docker gives the address of a stopped container to the next one that starts. So a connection
    that the gateway was opening to the one may reach the other. The gateway sends a GET again, on a
    new connection.
    """
    others = block("@others", f"header {ASKED} *", f"not header {ASKED} {address}")
    return (others, "abort @others", f"request_header -{ASKED}")


def _script_lines(server: SiteServer) -> Sequence[str]:
    return php_site.script_lines(server.lines) if server.runtime == "php" else ()


def not_found_lines(server: SiteServer) -> Sequence[str]:
    """What shows the page for what isn't there."""
    page, php = server.not_found or "", server.runtime == "php"
    if php and page.endswith(".php"):
        return list(php_site.run_page(page))
    script = [f"hide {SCRIPT}"] if php else []
    shown = block("file_server", "status 404", server.hide, *script)
    return [f"rewrite * /{page}", shown.rstrip()]


def lines_begin_at(caddyfile: str, root: str) -> int:
    """The number of the line of a rendered Caddyfile at which the owner's lines begin."""
    return caddyfile.split("\n").index(f"\troot * {root}") + 2

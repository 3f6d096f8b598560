"""Free lines of a site's owner: kept inside the site's own block.

The provider class is stored in the state by reference, as `components.site.lines`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import docker
import pulumi
from pulumi.dynamic import Resource

from components.caddy_reason import reason_in
from components.site.caddyfile import SiteServer, lines_begin_at, site_alone
from components.site.lines_adapted import CLOSES, Problem, problem_of
from components.site.lines_rules import Server, problem_of_rules
from components.site.own import PORT
from host import engine, file_tree
from host.apply_provider import ApplyProvider
from host.file_tree import Entry
from host.provider import Props
from values.tokens import tokens

ALONE = "site.invalid"
"""The host under which a site's block is adapted alone: what it says of itself shows there."""

_AT_LINE = re.compile(r"(?:, at )?/tmp/Caddyfile:(\d+)(?:: )?|(?: on line #)(\d+)")
_OUTSIDE = "directive 'log' is not an ordered HTTP handler"
_UNKNOWN = re.compile(r"unrecognized directive: (\S+)")
_NO_PLUGINS = "the official Caddy has no such directive, as plugins aren't part of it"
_OF_PLUGINS = {
    "rate_limit": f"{_NO_PLUGINS}; a site is bounded by memory_mib and cpus of its file",
}
# Where in Caddy's own parts it failed, before what failed.
_AROUND = re.compile(r"^.*parsing caddyfile tokens for |^validation: .*provision (?:[a-z_]+\.)+")


class CaddyfileLinesProvider(ApplyProvider):
    """Checks; there is nothing to create."""

    named_after = "shown_as"
    compared = ("block", "image", "egress", "shared", "shown_as")

    def apply(self, props: Props) -> None:
        if found := problem(props):
            raise engine.EngineError(found)


class CaddyfileLines(Resource, module="homeport", name="CaddyfileLines"):
    """Fails if lines leave the site's block, or read what doesn't belong to the site.

    Preview asks the same before it begins (`composition/host_problems.py`), if the host can answer.

    The site's own image adapts the block alone, under the host `ALONE`. The result must be one
    server with one route for that host. It may have only allowed handlers, no placeholder of
    environment or files, and no other root than the site's content, and it must hide what no site
    shows. Rules that look like protection but protect nothing are refused as well.
    """

    def __init__(self, name: str, asked: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        """`asked` is what `question` answers."""
        super().__init__(CaddyfileLinesProvider(), name, asked, opts)


def question(
    *,
    docker_host: str,
    image: str,
    server: SiteServer,
    egress: bool,
    shared: bool = False,
    shown_as: str,
    shown_line: int,
    labels: dict[str, str],
) -> Props:
    """All that it takes to look at the lines of `server`, as plain values.

    They begin at the line `shown_line` of the person's file `shown_as`; with `egress`, the site
    reaches the outside. A `shared` site has no server of its own.
    """
    block = site_alone(server, f"http://{ALONE}:{PORT}")
    return {
        "docker_host": docker_host,
        "image": image,
        "block": block,
        "first_line": lines_begin_at(block, server.root),
        "lines": server.lines,
        "numbers": list(server.owner_lines.numbers),
        "hidden": list(server.hidden),
        "runtime": server.runtime,
        "egress": egress,
        "root": server.root,
        "shared": shared,
        "shown_as": shown_as,
        "shown_line": shown_line,
        "labels": labels,
    }


def problem_of_text(lines: str) -> Problem | None:
    """Why free lines can't even be adapted: Caddy would read the server doing so."""
    words = list(tokens(lines))
    for at, word in enumerate(words):
        if word.text == "import" and word.first:
            return "import", " reads the server's files; write the lines themselves"
        # A transport's own `tls` has nothing behind it.
        behind = words[at + 1] if at + 1 < len(words) else None
        if word.text == "tls" and word.first and not word.depth and behind and not behind.first:
            return "tls", " belongs to the gateway (homeport:tls in the stack's file); remove it"
        if "{$" in word.text and not word.quoted:
            return "{$", (
                "…} reads the server's environment; write the value itself, or put it in quotes "
                "where it is a text"
            )
    return None


def problem(props: Props) -> str:
    """What is wrong with the lines, at their line; empty where nothing is. The host must have the
    image.
    """
    lines = str(props["lines"]).split("\n")
    if found := problem_of_text(str(props["lines"])):
        fault, why = found
        return _told(props, _at(fault, lines), fault + why)
    adapted, refusal = _adapt(engine.connect(props["docker_host"]), props)
    if adapted and (found := _problem_of_configuration(json.loads(adapted), props)):
        fault, why = found
        return _told(props, _at(fault, lines), fault + why)
    if refusal:
        number, why = _said(refusal, lines)
        index = number - int(props["first_line"])
        at = _owner_line(props["numbers"], index) if number else _at(why.partition(":")[0], lines)
        return _told(props, at, why)
    return ""


def _problem_of_configuration(adapted: dict[str, Any], props: Props) -> Problem | None:
    server = Server(runtime=props["runtime"], egress=props["egress"], shared=props["shared"])
    found = problem_of(adapted, ALONE, props["hidden"], props["root"])
    return found or problem_of_rules(adapted, server)


def _owner_line(numbers: Sequence[float], index: int) -> int:
    """The owner's line that a line of the block comes from; what shows behind began in them."""
    return int(numbers[min(max(index, 0), len(numbers) - 1)])


def _at(fault: str, lines: list[str]) -> int:
    """The index of the line that has it, as a word of its own if any has."""
    whole = (number for number, line in enumerate(lines) if fault in line.split())
    part = (number for number, line in enumerate(lines) if fault in line)
    return next(whole, next(part, 0))


def _told(props: Props, at: int, why: str) -> str:
    """Why, at the line of the person's own file."""
    return f"{props['shown_as']}:{int(props['shown_line']) + at}: caddyfile: {why}"


def _said(refusal: str, lines: list[str]) -> tuple[int, str]:
    """The number of the line in the block, or 0, and what Caddy says of it."""
    if sum(line.endswith("{") for line in lines) > sum(line.strip() == "}" for line in lines):
        return 0, "a { isn't closed; add a line with its }"
    said = reason_in(refusal.splitlines()[-1]).splitlines()[0]
    if _OUTSIDE in said:  # the block's own last line
        return 0, CLOSES
    found = _AT_LINE.search(said)
    number = int(found[1] or found[2]) if found else 0
    why = _AROUND.sub("", _AT_LINE.sub("", said))
    if unknown := _UNKNOWN.search(why):
        why += f"; {_OF_PLUGINS.get(unknown[1], _NO_PLUGINS)}"
    return number, why


def _adapt(client: docker.DockerClient, props: Props) -> tuple[str, str]:
    """The configuration that Caddy makes of the block, and why it refuses; either may be empty."""
    config = ["--config", "/tmp/Caddyfile", "--adapter", "caddyfile"]  # noqa: S108 - in the container
    command = ["caddy", "adapt", *config, "--validate"]
    with engine.throwaway(
        client,
        props["image"],
        command,
        user="1000:1000",
        capabilities=["NET_BIND_SERVICE"],
        labels=props["labels"],
    ) as container:
        tree = {"Caddyfile": Entry(str(props["block"]).encode())}
        container.put_archive("/", file_tree.archive(tree, "tmp"))
        container.start()
        code = int(container.wait()["StatusCode"])
        adapted = container.logs(stderr=False).decode(errors="replace").strip()
        said = container.logs(stdout=False).decode(errors="replace").strip()
    return adapted, (said or "Caddy refuses it") if code else ""

"""Free lines of a site's owner: kept inside the site's own block.

The provider class is stored in the state by reference, as `components.caddyfile_lines`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import json
import re
from typing import Any

import docker
import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, Resource

from components import engine, file_tree
from components.apply_provider import ApplyProvider, Props
from components.caddy_reason import caddy_reason
from components.caddy_site_caddyfile import lines_end_at
from components.caddyfile_lines_adapted import Problem, problem_of
from components.file_tree import Entry

ALONE = "site.invalid"
"""The host under which a site's block is adapted alone: what it says of itself shows there."""

# Wherever a token may start: Caddy's idea of a line's beginning follows quotes, heredocs and
# escaped line ends. What is imported is read again when the site starts, and then unchecked.
_IMPORT = re.compile(r"import(?=[\s\"`\\]|\Z)")
# A transport's own `tls` has nothing behind it.
_TLS = re.compile(r"^\s*tls[ \t]+\S", re.MULTILINE)
_AT_LINE = re.compile(r"(?:, at )?/tmp/Caddyfile:(\d+)(?:: )?|(?: on line #)(\d+)")
# Where in Caddy's own parts it failed, before what failed.
_AROUND = re.compile(r"^.*parsing caddyfile tokens for |^validation: .*provision (?:[a-z_]+\.)+")


class CaddyfileLinesProvider(ApplyProvider):
    """Checks; there is nothing to create."""

    named_after = "shown_as"
    compared = ("block", "image", "first_line", "shown_as")

    def check(self, olds: Props, news: Props) -> CheckResult:
        problem = _problem(news) if self.changed(olds, news) and _can_check(news) else ""
        return CheckResult(news, [CheckFailure("", problem)] if problem else [])

    def apply(self, props: Props) -> None:
        if problem := _problem(props):
            raise engine.EngineError(problem)


class CaddyfileLines(Resource, module="homeport", name="CaddyfileLines"):
    """Stops in preview where lines leave the site's block, or read what isn't the site's.

    The site's block is adapted alone by the site's own image, under the host `ALONE`: the result
    must be one server with one route for that host, made of handlers that are allowed, without a
    placeholder of environment or files, and with no other root than the site's content.
    """

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        image: str,
        block: str,
        first_line: int,
        shown_as: str,
        shown_line: int,
        labels: dict[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`first_line` of `block` is the line `shown_line` of the person's file `shown_as`."""
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "image": image,
            "block": block,
            "first_line": first_line,
            "shown_as": shown_as,
            "shown_line": shown_line,
            "labels": labels,
        }
        super().__init__(CaddyfileLinesProvider(), name, props, opts)


def problem_of_text(lines: str) -> Problem | None:
    """Why free lines can't even be adapted: Caddy would read the server doing so."""
    if "{$" in lines:
        return "{$", "…} reads the server's environment; write the value itself"
    if _IMPORT.search(lines):
        return "import", " reads the server's files; write the lines themselves"
    if _TLS.search(lines):
        return "tls", " is the gateway's matter; remove it"
    return None


def _can_check(props: Props) -> bool:
    host = props["docker_host"]
    return engine.reachable(host) and engine.has_image(engine.connect(host), props["image"])


def _problem(props: Props) -> str:
    first = int(props["first_line"])
    lines = str(props["block"]).split("\n")[first - 1 : lines_end_at(props["block"])]
    refusal = ""
    problem = problem_of_text("\n".join(lines))
    if not problem:
        adapted, refusal = _adapt(engine.connect(props["docker_host"]), props)
        problem = problem_of(json.loads(adapted), ALONE) if adapted else None
    if problem:
        fault, why = problem
        return _told(props, _at(fault, lines), lines, fault + why)
    if refusal:
        number, why = _said(refusal, lines)
        at = number - first if number else _at(why.partition(":")[0], lines)
        return _told(props, at, lines, why)
    return ""


def _at(fault: str, lines: list[str]) -> int:
    """The index of the line that has it, as a word of its own if any has."""
    whole = (number for number, line in enumerate(lines) if fault in line.split())
    part = (number for number, line in enumerate(lines) if fault in line)
    return next(whole, next(part, 0))


def _told(props: Props, at: int, lines: list[str], why: str) -> str:
    """Why, at the line of the person's own file; what shows behind the lines began in them."""
    line = int(props["shown_line"]) + min(max(at, 0), len(lines) - 1)
    return f"{props['shown_as']}:{line}: caddyfile: {why}"


def _said(refusal: str, lines: list[str]) -> tuple[int, str]:
    """The number of the line in the block, or 0, and what Caddy says of it."""
    if sum(line.endswith("{") for line in lines) > sum(line.strip() == "}" for line in lines):
        return 0, "a { isn't closed; add a line with its }"
    said = caddy_reason(refusal.splitlines()[-1]).splitlines()[0]
    found = _AT_LINE.search(said)
    number = int(found[1] or found[2]) if found else 0
    return number, _AROUND.sub("", _AT_LINE.sub("", said))


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

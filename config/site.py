"""One website: a file in `config/sites/`, named after the site."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.hosts import canonical_location
from config.names import Hosting
from config.places import inside
from config.source import Source
from config.urls import origin, redirect_target
from values.model import FieldsError, Model, between, matching

_CONTROL = re.compile(r"[^\n\t\x20-\x7e\x85\xa0-\U0010ffff]")
_BY_CASE = re.compile(r"\.(?!php\Z)(?i:php)\Z")

KINDS = ("source", "redirect", "upstream")
"""What a site can be: one of them."""
OF_CONTENT = (
    "hosting", "runtime", "listing", "not_found", "memory_mib", "cpus", "egress", "caddyfile",
)  # fmt: skip
"""What only a site with a source can say."""
_ASKS_OTHERS = re.compile(r"^\s*(reverse_proxy|php_fastcgi|forward_auth)\b", re.MULTILINE)


def _at_least_one(hosts: tuple[str, ...]) -> tuple[str, ...]:
    # Not `min_length`: it counts valid hosts, and complains a second time about each bad one.
    if not hosts:
        raise ValueError("must have at least one host, such as [blog]")
    return hosts


Location = Annotated[str, AfterValidator(canonical_location)]
Email = Annotated[
    str,
    matching(
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        "an e-mail address, such as owner@example.com",
    ),
]


Page = Annotated[
    str,
    matching(r"[\w.~-]+(/[\w.~-]+)*", "a page of the content, such as 404/index.html"),
    AfterValidator(inside),
]


class Redirect(Model):
    """Visitors are sent elsewhere."""

    to: Annotated[str, AfterValidator(redirect_target)] = Field(
        examples=["https://www.example.org"]
    )
    """The URL they are sent to. A host of this stack follows the stack's own naming and port."""
    permanent: bool = Field(default=True, examples=["false"])
    """If true the status is 301, if false 302."""
    keep_path: bool = Field(default=True, examples=["false"])
    """Whether the requested path and query are appended to the URL."""

    @model_validator(mode="after")
    def _path_can_follow(self) -> Self:
        if self.keep_path and ("?" in self.to or "#" in self.to):
            raise FieldsError(
                ["to"], "no path can follow its query or fragment; add keep_path: false"
            )
        return self


class SiteFile(Model):
    """What a site's file says."""

    hosts: Annotated[tuple[Location, ...], AfterValidator(_at_least_one)] = Field(
        examples=["[blog]", "[www.example.org, example.org/blog]"]
    )
    """Host names the site answers to, each with an optional path: `www.example.org/new` is
    `/new` and everything below it. A single label (`blog`) gets the stack's domain."""
    source: Source | None = Field(default=None, examples=["{folder: sites/blog}"])
    """Where the content comes from. A site has exactly one of source, redirect and upstream."""
    redirect: Redirect | None = Field(default=None, examples=["{to: https://www.example.org}"])
    """Where visitors are redirected."""
    upstream: Annotated[str, AfterValidator(origin)] | None = Field(
        default=None, examples=["http://192.0.2.7:9104"]
    )
    """The URL of another server that answers for the site."""
    hosting: Hosting | None = Field(default=None, examples=["container"])
    """What serves the content: the gateway itself (`shared`), or the site's own container. By
    default the stack's `homeport:hosting`, or a container if another field needs one."""
    runtime: Literal["static", "php"] = Field(default="static", examples=["php"])
    """What runs the content: Caddy alone, or Caddy with php-fpm."""
    listing: bool = Field(default=False, examples=["true"])
    """Whether a folder without an index page is listed."""
    not_found: Page | None = Field(default=None, examples=["404/index.html"])
    """The page that visitors see, with status 404, if a page doesn't exist."""
    email: Email | None = Field(default=None, examples=["owner@example.com"])
    """The owner's address, given to the certificate authority."""
    memory_mib: Annotated[int, between(32, 65536)] | None = Field(default=None, examples=["256"])
    """Memory limit in MiB; by default 128, and 256 with php."""
    cpus: Annotated[float, between(0.1, 64)] | None = Field(default=None, examples=["0.5"])
    """CPU limit; by default none."""
    egress: bool = Field(default=False, examples=["true"])
    """Whether the site's own code may reach the internet."""
    caddyfile: str | None = Field(default=None, examples=["header X-Robots-Tag noindex"])
    """Lines of a Caddyfile for the site's own block. They can't leave that block, nor read the
    server's environment or files."""

    @property
    def needs_container(self) -> list[str]:
        """The fields that say what only a container can do."""
        source = self.source
        needs = {
            "runtime": self.runtime == "php",
            "source.host_folder": bool(source and source.host_folder),
            "memory_mib": self.memory_mib is not None,
            "cpus": self.cpus is not None,
            "egress": self.egress,
            # From the gateway's place they would reach what asks others for a password.
            "caddyfile": bool(_ASKS_OTHERS.search(self.caddyfile or "")),
        }
        return [field for field, is_needed in needs.items() if is_needed]

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in KINDS if getattr(self, name)]
        if not given:
            raise ValueError(
                f"none of {', '.join(KINDS)} is given; add one, such as "
                "source: {folder: sites/blog}"
            )
        if len(given) > 1:
            raise FieldsError(given, "only one of them can be given; keep one")
        if not self.source and (stray := [n for n in OF_CONTENT if n in self.model_fields_set]):
            raise FieldsError(
                stray, f"only for a site with a source, and this one has {given[0]}; leave it out"
            )
        if self.hosting == "shared" and (needs := self.needs_container):
            raise FieldsError(
                ["hosting", *needs],
                "a shared site can't do that, but a container can; change hosting to container, "
                "or remove hosting",
            )
        if self.caddyfile and (odd := _CONTROL.search(self.caddyfile)):
            raise FieldsError(
                ["caddyfile"], f"has {odd[0]!r} in it, which no editor shows; leave it out"
            )
        if self.runtime == "php" and _BY_CASE.search(self.not_found or ""):
            raise FieldsError(
                ["not_found"], f"is {self.not_found!r}: PHP runs what ends in .php; rename it"
            )
        if self.runtime == "static" and (self.not_found or "").lower().endswith(".php"):
            raise FieldsError(
                ["not_found"],
                "is a script, and runtime is static, so visitors would read its text; name a "
                "page, or add runtime: php",
            )
        return self


class Site(SiteFile):
    """A website: what its file says, and its name, which is the file's without `.yaml`."""

    name: str
    caddyfile_line: int = 0
    """The line of its file at which the first line of `caddyfile` stands."""
    host_folder_at: str = ""
    """The file and line that names the folder of the host, for errors that are found later."""
    hosts_at: tuple[str, ...] = ()
    """The file and line of each of its hosts."""
    redirect_at: str = ""
    """The file and line that says where a redirect leads."""
    locations: tuple[tuple[str, str], ...] = ()
    """Each of its hosts as visitors type it in this stack, with its path (`""` or `/new`)."""

    @property
    def file(self) -> str:
        """The site's file, as errors name it."""
        return f"config/sites/{self.name}.yaml"

    @property
    def full_hosts(self) -> list[str]:
        """The hosts of its locations, sorted."""
        return sorted({host for host, _ in self.locations})

    def shared(self, default: Hosting) -> bool:
        """Whether the gateway serves it, in a stack with that default."""
        hosting = "container" if self.needs_container else self.hosting or default
        return self.source is not None and hosting == "shared"

    @property
    def published_at(self) -> str:
        """Where in the web root what it has in git is published; `""` is the top."""
        if self.source and self.source.as_ is not None:
            return self.source.as_
        paths = {path for _, path in self.locations}
        return paths.pop().removeprefix("/") if len(paths) == 1 else ""

    def located(self, full_location: Callable[[str], tuple[str, str]]) -> Site:
        """The same in a stack, which names hosts by this function."""
        return self.model_copy(update={"locations": tuple(map(full_location, self.hosts))})

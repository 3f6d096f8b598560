"""Builds the images that the command line names: `offline/images/build ROLE…`."""

import re
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import yaml

from offline.images import (
    alertmanager,
    caddy,
    exporters,
    haproxy,
    openbao,
    php,
    prometheus,
    pypiserver,
    python,
    registry,
)
from offline.images.image import fail


class Recipe(NamedTuple):
    """What builds an image, given its reference, and as keywords what its tag says."""

    build: Callable[..., None]
    tag: str
    example: str


VERSION = r"\d+(\.\d+)+"

# By the end of the image's name, for a registry may stand before it.
RECIPES = {
    "caddy": Recipe(caddy.build, f"(?P<version>{VERSION})", "1.2.3"),
    "haproxy": Recipe(haproxy.build, f"(?P<version>{VERSION})-alpine", "1.2.3-alpine"),
    "homeport/backup": Recipe(python.ours, rf"(?P<python>{VERSION})-\d+", "1.2.3-1"),
    "homeport/php": Recipe(
        php.build, rf"(?P<php>{VERSION})-caddy(?P<caddy>{VERSION})-\d+", "1.2.3-caddy1.2.3-1"
    ),
    "homeport/publisher": Recipe(python.ours, rf"(?P<python>{VERSION})-\d+", "1.2.3-1"),
    "openbao/openbao": Recipe(openbao.build, f"(?P<version>{VERSION})", "1.2.3"),
    "prom/alertmanager": Recipe(alertmanager.build, f"v(?P<version>{VERSION})", "v1.2.3"),
    "prom/blackbox-exporter": Recipe(exporters.blackbox, f"v(?P<version>{VERSION})", "v1.2.3"),
    "prom/node-exporter": Recipe(exporters.node, f"v(?P<version>{VERSION})", "v1.2.3"),
    "prom/prometheus": Recipe(prometheus.build, r"v3\.(?P<minor>\d+)\.(?P<patch>\d+)", "v3.2.1"),
    "pypiserver/pypiserver": Recipe(pypiserver.build, f"v(?P<version>{VERSION})", "v1.2.3"),
    "registry": Recipe(registry.build, f"(?P<version>{VERSION})", "1.2.3"),
}


def main(arguments: list[str]) -> None:
    """Build each image once, also where several roles run it."""
    roles: dict[str, str] = yaml.safe_load(Path("config/images.yaml").read_text())
    if not arguments:
        fail(f"say what to build; the roles in config/images.yaml are {', '.join(roles)}.")
    for tool in ("docker", "apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            fail(f"{tool} is needed to build images, on Debian or a system made from it.")
    for reference, build in [
        plan(roles, argument) for argument in dict.fromkeys(roles.get(a, a) for a in arguments)
    ]:
        start = time.monotonic()
        print(f"Building {reference}…", file=sys.stderr)
        build()
        seconds = time.monotonic() - start
        print(f"Building {reference}: done in {seconds:.0f} s", file=sys.stderr)


def plan(roles: dict[str, str], reference: str) -> tuple[str, Callable[[], None]]:
    """Return an image's name and what builds it."""
    name, _, tag = reference.rpartition(":")
    if not name:
        fail(f"{reference} is no role in config/images.yaml; those are {', '.join(roles)}.")
    recipe = next((r for end, r in RECIPES.items() if f"/{name}".endswith(f"/{end}")), None)
    if recipe is None:
        fail(f"nothing here builds {name}; what can be built is {', '.join(RECIPES)}.")
    versions = re.fullmatch(recipe.tag, tag)
    if versions is None:
        fail(f"the tag of {reference} is no exact version such as {recipe.example}.")
    return reference, partial(recipe.build, reference, **versions.groupdict())


if __name__ == "__main__":
    main(sys.argv[1:])

"""Builds the images that the command line names: `offline/images/build ROLE…`."""

import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from offline.images import caddy
from offline.images.image import fail

# By the image's name, without registry and tag: what builds it, given reference and version.
RECIPES: dict[str, Callable[[str, str], None]] = {
    "caddy": caddy.build,
}


def main(arguments: list[str]) -> None:
    """Build each image once, also where several roles run it."""
    roles: dict[str, str] = yaml.safe_load(Path("config/images.yaml").read_text())
    if not arguments:
        fail(f"say what to build; the roles in config/images.yaml are {', '.join(roles)}.")
    for tool in ("docker", "apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            fail(f"{tool} is needed to build images, on Debian or a system made from it.")
    for reference, recipe, version in [
        _plan(roles, argument) for argument in dict.fromkeys(roles.get(a, a) for a in arguments)
    ]:
        start = time.monotonic()
        print(f"Building {reference}…", file=sys.stderr)
        recipe(reference, version)
        seconds = time.monotonic() - start
        print(f"Building {reference}: done in {seconds:.0f} s", file=sys.stderr)


def _plan(roles: dict[str, str], reference: str) -> tuple[str, Callable[[str, str], None], str]:
    name, _, tag = reference.rpartition(":")
    if not name:
        fail(f"{reference} is no role in config/images.yaml; those are {', '.join(roles)}.")
    recipe = RECIPES.get(name.rpartition("/")[2])
    if recipe is None:
        fail(f"nothing here builds {name}; what can be built is {', '.join(RECIPES)}.")
    if not re.fullmatch(r"\d+(\.\d+)+", tag):
        fail(f"the tag of {reference} is no exact version such as 1.2.3.")
    return reference, recipe, tag


if __name__ == "__main__":
    main(sys.argv[1:])

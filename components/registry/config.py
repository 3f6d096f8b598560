"""What the registries are told: distribution's configuration, pypiserver's command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import yaml

from components.saved import Saved

IMAGES = "registry"
"""The image registry: its component, and its name on the network `guarded`."""
PACKAGES = "pypi"
"""The package index: its component, and its name on the network `guarded`."""
CONFIG_AT = "/etc/registry"
CONFIG = f"{CONFIG_AT}/current/config.yml"
PACKAGES_CONFIG_AT = "/etc/pypi"
DATA_AT = "/state"
IMAGES_PORT = 5000
FIGURES_PORT = 5001
PACKAGES_PORT = 8080
PACKAGES_HEALTH = "/health"
"""Answers while the package index does; it has no figures that could be scraped."""

SAVED = (
    # A link in `repositories` is written after the blob that it names. Uploads under way are begun
    # again by who made them.
    Saved(
        volume=IMAGES,
        component=IMAGES,
        first="docker/registry/v2/repositories",
        without_names=("_uploads",),
    ),
    Saved(volume=PACKAGES, component=PACKAGES, settled=60),
)
"""What a backup has of both."""

READ_ONLY_ERROR = "you may read but not write; `registry: write` in the stack file allows it"
DENIED = json.dumps({"errors": [{"code": "DENIED", "message": READ_ONLY_ERROR}]})
"""As the distribution specification has errors, which Docker shows."""


def closed(gc: str) -> str:
    """The same of what is said while unused layers are removed; `gc` is the command that does."""
    message = (
        "unused layers are being removed, so pushes are refused for now; try again in a minute "
        f"(if this lasts, `{gc}` was killed: run it again to allow pushes)"
    )
    return json.dumps({"errors": [{"code": "UNAVAILABLE", "message": message}]})


def distribution_config() -> Mapping[str, str]:
    """The configuration file of distribution 3.

    It listens on the network `guarded` alone, by the name that it has only there, so no container
    gets past the gateway, which asks for passwords; its figures are for `services`. No cache of
    what the volume holds, which the removal of unused layers would make untrue.
    """
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}},  # the gateway writes one
        "storage": {
            "filesystem": {"rootdirectory": DATA_AT},
            "delete": {"enabled": True},
            "maintenance": {
                "uploadpurging": {
                    "enabled": True,
                    "age": "168h",
                    "interval": "24h",
                    "dryrun": False,
                }
            },
        },
        "http": {
            "addr": f"{IMAGES}:{IMAGES_PORT}",
            "relativeurls": True,
            "draintimeout": "25s",
            "debug": {
                "addr": f":{FIGURES_PORT}",
                "prometheus": {"enabled": True, "path": "/metrics"},
            },
        },
    }
    return {"config.yml": yaml.safe_dump(config, sort_keys=False)}


def pypiserver_command() -> Sequence[str]:
    """Without passwords (`-a . -P .`), as the gateway asks for them. A file stays as it was
    uploaded: overwriting is off. What isn't here is looked for nowhere else.
    """
    serve = (
        f"pypi-server run --interface 0.0.0.0 --port {PACKAGES_PORT} --authenticate . "
        "--passwords . --disable-fallback --hash-algo sha256 --server gunicorn "
        f"--health-endpoint {PACKAGES_HEALTH} {DATA_AT}"
    )
    return ["sh", "-c", f"mkdir -p $TMPDIR && exec {serve}"]


def pypiserver_env(upload_mib: int) -> Mapping[str, str]:
    """What the server in front of pypiserver is told."""
    return {
        "GUNICORN_CMD_ARGS": f"--config {PACKAGES_CONFIG_AT}/current/gunicorn.conf.py",
        "UPLOAD_MIB": str(upload_mib),
        # Uploads are written there first. pypiserver looks into no folder with a dot.
        "TMPDIR": f"{DATA_AT}/.uploads",
    }

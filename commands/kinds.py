"""What a person calls the things that the engine knows by their types."""

from __future__ import annotations

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
PROMOTION = "pulumi-python:dynamic/homeport:Promotion"
FILES = "pulumi-python:dynamic/homeport:VolumeFiles"
OWNER = "pulumi-python:dynamic/homeport:VolumeOwner"

WORDS = {
    CONTAINER: "container",
    "docker:index/network:Network": "network",
    VOLUME: "volume",
    "command:local:Command": "command",
    "pulumi-python:dynamic/homeport:HostImage": "image",
    FILES: "files",
    OWNER: "owner of",
    PROMOTION: "visitors' way to",
    "pulumi-python:dynamic/homeport:ContentFolder": "content of",
    "pulumi-python:dynamic/homeport:CaddyfileLines": "lines of",
    "pulumi-python:dynamic/homeport:HostFolder": "folder of",
    "pulumi-python:dynamic/homeport:RootCertificate": "certificate for",
    "pulumi-python:dynamic/homeport:VaultAccess": "access of",
    "pulumi-python:dynamic/homeport:VaultService": "values of",
    "pulumi-python:dynamic/homeport:StackId": "id of the",
}


_NAMES = {("command:local:Command", "smoke"): "check of every URL"}


def called(kind: str, name: str) -> str:
    """A resource of this type and name, such as `container blog`."""
    if (kind, name) in _NAMES:
        return _NAMES[kind, name]
    return f"{WORDS[kind]} {name}" if kind in WORDS else name

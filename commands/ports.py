"""Ports that the gateway wants and something else has."""

from __future__ import annotations

import errno
import socket

import psutil

from commands.context import Context
from commands.error import CommandError
from components.entrance import GATEWAY
from config.settings import PROJECT


def check_free(context: Context) -> None:
    """Raise CommandError naming setting and process of a port that is taken on this machine.

    A remote host's ports are left to its Docker, which names the port.
    """
    settings = context.settings
    if settings.docker_host.startswith("ssh://") or _gateway_runs(context):
        return
    listen = settings.listen
    for key, port, kind in (
        ("http", listen.http, socket.SOCK_STREAM),
        ("https", listen.https, socket.SOCK_STREAM),
        ("https", listen.https, socket.SOCK_DGRAM),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((str(listen.address), port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    continue  # a port below 1024 is Docker's to bind, not this user's
                raise CommandError(
                    f"{listen.address}:{port} is taken by {_holder(context, port)}; end it, or "
                    f"choose another port: {PROJECT}:listen.{key} in Pulumi.{context.stack}.yaml"
                ) from error


def _gateway_runs(context: Context) -> bool:
    return any(c.status == "running" for c in context.containers(component=GATEWAY))


def _holder(context: Context, port: int) -> str:
    for container in context.docker.containers.list(filters={"publish": str(port)}):
        return f"container {container.name}"
    for connection in psutil.net_connections("inet"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "a process of another user"

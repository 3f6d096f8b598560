"""`python -m console --stack STACK`: serve the console on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import functools
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from commands import locks, pulumi_cli
from commands.context import Context
from commands.error import CommandError
from commands.health import health
from config import loading
from config.model import ConfigError
from config.settings import LOCAL_STACK, ROOT
from console import answers, reading
from console.app import make_app
from console.doors import Doors
from console.dropped import Dropped
from console.guard import LOGIN, Address
from console.repository import Repository
from console.runs import Runs
from console.seen import Host
from console.state import Console


def main(argv: list[str]) -> int:
    """Serve until Ctrl-C. 1 for what is told in a sentence."""
    parser = argparse.ArgumentParser(prog="python -m console")
    parser.add_argument("--stack", default="local")
    stack = parser.parse_args(argv).stack
    try:
        _serve(stack)
    except (CommandError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


def _serve(stack: str) -> None:
    if not (ROOT / f"Pulumi.{stack}.yaml").is_file():
        raise CommandError(f"there is no stack {stack}: Pulumi.{stack}.yaml is missing")
    context = Context(stack, loading.of_files)
    environment = pulumi_cli.unlocked(context)
    kept = ROOT / f".engine/console/{stack}"
    repository = Repository(ROOT)
    load = functools.partial(loading.of_files, stack, ROOT)
    listening = loopback()
    address = Address(listening[0].getsockname()[1])
    console = Console(
        stack=stack,
        root=ROOT,
        load=load,
        urls=lambda edited: reading.urls(lambda: load(edited)),
        overview=lambda: reading.overview(lambda: load({}), stack, repository),
        repository=repository,
        address=address,
        doors=Doors(),
        host=Host(functools.partial(_health, stack), kept / "seen.json"),
        runs=Runs(
            folder=kept / "runs",
            command=(sys.executable, "-m", "commands"),
            stack=stack,
            tries_on=LOCAL_STACK,
            environment=environment,
            updating=functools.partial(locks.holder, stack),
            mend=functools.partial(_mend, context),
        ),
        dropped=Dropped(kept / "pages"),
        answers=lambda site: answers.of_site(Context(stack, loading.of_files), site),
    )
    print(f"The console of stack {stack}. Enter prints another link, Ctrl-C ends it.")
    _print_hosts_line(address)
    _print_link(console)
    threading.Thread(target=_print_links, args=(console,), daemon=True).start()
    serving(make_app(console)).run(sockets=listening)


def serving(app: ASGIApp) -> uvicorn.Server:
    """What serves the console on sockets that listen already."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # a line of it would have the link
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=2,
        )
    )


def loopback() -> list[socket.socket]:
    """A free port of this machine's loopback. Of IPv6 too, where the machine has it: a browser
    tries that first, and somebody else could listen there.
    """
    while True:
        found = [socket.create_server(("127.0.0.1", 0))]
        try:
            found.append(
                socket.create_server(
                    ("::1", found[0].getsockname()[1]),
                    family=socket.AF_INET6,
                    dualstack_ipv6=False,
                )
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                found[0].close()
                continue
        for listening in found:
            # What it accepts inherits this. Else the body of an answer waits for the browser to
            # acknowledge the headers: 40 ms. asyncio sets it only where the protocol is named.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found


def _print_link(console: Console) -> None:
    print(f"\n  {console.address.origin}{LOGIN}?link={console.doors.new_link()}\n", flush=True)


def _print_links(console: Console) -> None:
    for _ in sys.stdin:
        _print_link(console)


def _print_hosts_line(address: Address) -> None:
    name = address.host.partition(":")[0]
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        print("Most browsers find it by themselves. For Safari, add to /etc/hosts:")
        print(f"127.0.0.1 {name}")


def _mend(context: Context) -> None:
    with suppress(CommandError):  # somebody else's lock is theirs
        locks.release_dead(context)


def _health(stack: str) -> Mapping[str, str]:
    containers = Context(stack, loading.of_files).containers()
    return {str(each.labels["homeport.component"]): health(each) for each in containers}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

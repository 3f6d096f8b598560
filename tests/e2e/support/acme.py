"""A certificate authority of the test's own: Pebble, which Let's Encrypt tests its clients with."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.checkout import ROOT, free_port

from .waiting import wait_until

TOOLS = ROOT / ".engine/tools"
"""Where setup/test-tools puts Pebble and its name server."""


class Acme:
    """An ACME server on this machine, with a name server that only it asks."""

    def __init__(
        self, folder: Path, *, listen: str, gateway: str, http: int, https: int, lifetime: int
    ) -> None:
        """`gateway` is where every name leads, at the ports `http` and `https`; certificates
        live `lifetime` seconds."""
        folder.mkdir()
        self._folder, self._gateway = folder, gateway
        self._acme, self._manage, self._dns = (free_port(listen) for _ in range(3))
        self._listen = listen
        self._names_at = free_port(listen)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._certificate()
        (folder / "config.json").write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"{listen}:{self._acme}",
                        "managementListenAddress": f"{listen}:{self._manage}",
                        "certificate": str(folder / "cert.pem"),
                        "privateKey": str(folder / "key.pem"),
                        "httpPort": http,
                        "tlsPort": https,
                        "profiles": {
                            "default": {"description": "short", "validityPeriod": lifetime}
                        },
                    }
                }
            )
        )
        self.directory = f"https://{listen}:{self._acme}/dir"

    def __enter__(self) -> Self:
        at = f"{self._listen}:{self._dns}"
        self._start(
            "pebble-challtestsrv", "-dnsserver", at, "-defaultIPv4", self._gateway,
            "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "",
            "-management", f"{self._listen}:{self._names_at}",
        )  # fmt: skip
        self._start("pebble", "-config", str(self._folder / "config.json"), "-dnsserver", at)
        wait_until(self._answers, "the ACME server answers")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()

    def roots(self) -> str:
        """What the server itself and the certificates that it issues are known by, as PEM."""
        return (self._folder / "cert.pem").read_text() + self._manage_get("/roots/0")

    def mislead(self, host: str) -> None:
        """Let a name lead to nowhere."""
        body = json.dumps({"host": f"{host}.", "addresses": ["192.0.2.1"]}).encode()
        url = f"http://{self._listen}:{self._names_at}/add-a"
        urllib.request.urlopen(url, data=body, timeout=5).close()

    def issued(self) -> int:
        """How many certificates it has issued."""
        return (self._folder / "log").read_text(errors="replace").count("Issued certificate serial")

    def ordered(self) -> int:
        """How many times it was asked for a certificate."""
        return (self._folder / "log").read_text(errors="replace").count(" orders in the db")

    def _start(self, program: str, *arguments: str) -> None:
        with (self._folder / "log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    # A test run that is killed takes them along.
                    ["setpriv", "--pdeathsig", "KILL", str(TOOLS / program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
                )
            )

    def _certificate(self) -> None:
        openssl = shutil.which("openssl")
        assert openssl, "openssl is missing; setup/test-tools installs it"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=acme", "-addext",
             f"subjectAltName=IP:{self._listen}", "-keyout", str(self._folder / "key.pem"),
             "-out", str(self._folder / "cert.pem")],
            check=True, capture_output=True,
        )  # fmt: skip

    def _answers(self) -> bool:
        with suppress(OSError):
            return bool(self._manage_get("/roots/0"))
        return False

    def _manage_get(self, path: str) -> str:
        trust = ssl.create_default_context(cafile=str(self._folder / "cert.pem"))
        url = f"https://{self._listen}:{self._manage}{path}"
        with urllib.request.urlopen(url, context=trust, timeout=5) as answer:
            return str(answer.read().decode())

"""`ca` and `trust`: the local CA, for whoever is to believe it."""

from __future__ import annotations

import shlex
import sys

from commands.context import Context
from commands.door import root_certificate
from config.settings import LOCAL_STACK


def run(context: Context) -> int:
    """Print the certificate of the stack's own CA, as PEM."""
    sys.stdout.write(root_certificate(context))
    return 0


def trust(context: Context) -> int:
    """Print the one line that makes this machine trust it."""
    root_certificate(context)
    stack = "" if context.stack == LOCAL_STACK else f" STACK={shlex.quote(context.stack)}"
    name = f"homeport-{context.stack}"
    if sys.platform == "darwin":
        install = (
            f"> /tmp/{name}.pem && sudo security add-trusted-cert -d -r trustRoot "
            f"-k /Library/Keychains/System.keychain /tmp/{name}.pem"
        )
    else:
        install = (
            f"| sudo tee /usr/local/share/ca-certificates/{name}.crt >/dev/null "
            "&& sudo update-ca-certificates"
        )
    print(f"make --silent ca{stack} {install}")
    return 0

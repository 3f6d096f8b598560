"""`ca` and `trust`: the local CA, for whoever is to believe it."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from commands.context import Context


def run(context: Context) -> int:
    """Print the certificate of the stack's own CA, as PEM."""
    sys.stdout.write(context.root_certificate())
    return 0


def trust(context: Context) -> int:
    """Print the line that makes this machine trust it, and what Docker and pip want besides."""
    context.root_certificate()
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
    print(f"{context.make('--silent ca')} {install}")
    if registry := context.estate.services.get("registry"):
        at = urlsplit(context.estate.entrance.url(registry.host)).netloc
        print("\n# Docker's daemon, and pip, uv, twine and Poetry, don't ask this machine:")
        print(f"{context.make('--silent ca')} >ca.pem")
        print(f"sudo install -D -m 644 ca.pem /etc/docker/certs.d/{at}/ca.crt")
        print('export SSL_CERT_FILE="$PWD/ca.pem"  # pip and twine: --cert ca.pem')
    return 0

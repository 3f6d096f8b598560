"""Alertmanager on a small base, with what a container can notice of the official image.

But for its page: that is written in Elm, whose packages are in no registry of packages.
"""

import gzip

from offline.images import prom
from offline.images.go_source import go_source, programs
from offline.images.image import busybox

NO_PAGE = b"""<!doctype html><title>Alertmanager</title>
<p>Alertmanager runs. This image was built without its page: ask its API, or amtool.</p>
"""


def build(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon."""
    with go_source("github.com/prometheus/alertmanager", f"v{version}") as source:
        page = source / "ui/app/dist"
        page.mkdir()
        (page / "index.html.gz").write_bytes(gzip.compress(NO_PAGE))
        alertmanager, amtool = programs(
            source,
            "./cmd/alertmanager",
            "./cmd/amtool",
            ldflags=prom.says_version(version),
            # The official base has the time zones as files.
            tags="timetzdata",
        )
        config = (source / "examples/ha/alertmanager.yml").read_bytes()
    image = busybox()
    image.file("/bin/alertmanager", alertmanager, 0o755)
    image.file("/bin/amtool", amtool, 0o755)
    image.file("/etc/alertmanager/alertmanager.yml", config)
    image.folder("/alertmanager", 0o1777)
    settings = [
        "USER nobody",
        "EXPOSE 9093",
        "VOLUME /alertmanager",
        "WORKDIR /alertmanager",
        'ENTRYPOINT ["/bin/alertmanager"]',
        'CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]',
    ]
    prom.import_as(image, reference, version, settings)

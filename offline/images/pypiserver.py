"""pypiserver on Debian's Python, with what a container can notice of the official image."""

from offline.images.image import run
from offline.images.python import slim

# The newest patch version of Python that Debian has.
PYTHON = "3.13.5"

# The servers that the official image brings, and what passlib needs for its passwords: it fails
# with bcrypt 5, and with 4.1 complains at each start.
BESIDE = ("bcrypt==4.0.1", "gevent==25.9.1", "gunicorn==23.0.0", "waitress==3.0.2")

# Gunicorn reads it in the folder that it starts in.
GUNICORN = r'errorlog = "-"\npreload_app = True\nworkers = 1\nworker_class = "gevent"\n'


def build(reference: str, version: str) -> None:
    """Build the image and what it stands on, where that is missing.

    pypiserver asks for a newer pip than Debian's, which can't be uninstalled: ignored, it stays
    beside the newer one.
    """
    dockerfile = f"""
FROM {slim(PYTHON)}
RUN apt-get update \\
    && apt-get install --yes wget \\
    && rm -rf /var/lib/apt/lists/* \\
    && groupadd --system --gid 9898 pypiserver \\
    && useradd --system --uid 9898 --gid 9898 --home-dir /data pypiserver \\
    && install --directory --owner pypiserver --group pypiserver /data/packages \\
    && printf '{GUNICORN}' >/data/gunicorn.conf.py
RUN pip install --no-cache-dir --root-user-action=ignore --ignore-installed \\
    pypiserver[cache,passlib]=={version} {" ".join(BESIDE)}
ENV PYPISERVER_PORT=8080 PYTHONUNBUFFERED=t
EXPOSE 8080
VOLUME /data/packages
WORKDIR /data
USER pypiserver
ENTRYPOINT ["pypi-server"]
CMD ["run", "--port", "8080", "--server", "gunicorn"]
LABEL org.opencontainers.image.version=v{version}
LABEL org.opencontainers.image.description="A stand-in for the official pypiserver image, \\
built by homeport from package registries"
"""
    run("docker", "build", "--tag", reference, "-", stdin=dockerfile.encode())

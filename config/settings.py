"""The settings of one stack: the `homeport:` keys of `Pulumi.<stack>.yaml`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from config.backup_section import BackupSection
from config.hosts import canonical_host
from config.model import ConfigError, problems_of
from config.names import Hosting
from config.places import AT_HTTP, AT_SSH, Inside, inside
from config.registry_section import RegistrySettings
from config.services import SERVICES, Service
from config.site_secrets import SiteSecrets
from config.users import Users
from config.vault_section import VaultSection
from values.entrance import Listen
from values.limits import Limits
from values.model import FieldsError, Model, matching
from values.prometheus import PrometheusSettings

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: all paths in `config/` are relative to it."""
PROJECT: str = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
"""The project's name: namespace of the settings, and first half of every label."""
LOCAL_STACK = "local"
LOCAL_PASSPHRASE = "homeport-local"  # noqa: S105 - a published word that protects nothing
"""The fixed word that opens the local stack; `bin/pulumi` hands it out."""

_DOCKER_HOST = re.compile(
    r"unix:///[^\s]+|ssh://([a-z_][a-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?"
)


def _docker_host(text: str) -> str:
    if not _DOCKER_HOST.fullmatch(text):
        raise ValueError(
            "must be unix:///var/run/docker.sock or ssh://user@host, with an optional :port"
        )
    return text


Domain = Annotated[str, AfterValidator(canonical_host)]


class Tls(Model):
    """Where certificates come from: the stack's own CA, or Let's Encrypt by ACME."""

    issuer: Literal["internal", "letsencrypt"] = Field(examples=["internal"])
    directory: (
        Annotated[str, matching(r"https://[^\s/]+/\S+", "an https URL of an ACME directory")] | None
    ) = Field(default=None, examples=["https://acme-staging-v02.api.letsencrypt.org/directory"])
    """Another ACME server's directory, such as Let's Encrypt's for trying things out."""
    root: Inside | None = Field(default=None, examples=["config/ca.pem"])
    """A file of this repository with the certificates, as PEM, that this server and those
    that it issues are known by, where machines don't know them anyway."""

    @property
    def internal(self) -> bool:
        """Whether they come from the stack's own CA."""
        return self.issuer == "internal"

    @model_validator(mode="after")
    def _acme_has_them(self) -> Self:
        stray = [name for name in ("directory", "root") if getattr(self, name)]
        if stray and self.internal:
            raise FieldsError(
                stray, "only with issuer letsencrypt; leave it out, or change the issuer"
            )
        return self


_BEGINNING = rf"({AT_HTTP}|{AT_SSH})[^\s@]*"
_KNOWN_HOST = "a line of known_hosts, such as git.example.org ssh-ed25519 AAAA…"


def _stand_in(text: str) -> str:
    if re.fullmatch(_BEGINNING, text):
        return text
    if ":" in text:
        raise ValueError(
            "must be a folder of this repository, or the beginning of URLs without a password, "
            "such as https://git.example.org/"
        )
    return inside(text)


def _beginnings(mirror: Mapping[str, str]) -> Mapping[str, str]:
    for url in mirror:
        if not re.fullmatch(_BEGINNING, url):
            raise FieldsError(
                [url], "must be the beginning of repositories' URLs, such as https://github.com/"
            )
    return mirror


class Sources(Model):
    """How this stack gets what sites are made of."""

    folders: Mapping[str, Inside] = {}
    """Folders of the host (`host_folder`) by the folder of this repository that is served
    instead, so that a site's file stays as it is."""
    mirror: Annotated[
        Mapping[str, Annotated[str, AfterValidator(_stand_in)]], AfterValidator(_beginnings)
    ] = {}
    """Beginnings of repositories' URLs by what takes their place: a folder of this repository,
    where it has the repository, or the beginning of other URLs. The longest that fits is taken."""
    limits: Limits = Limits()
    known_hosts: tuple[Annotated[str, matching(r"[^\s#]+ \S+ \S.*", _KNOWN_HOST)], ...] = ()
    """Public keys of servers that are reached over SSH; GitHub's are known."""


class Settings(Model):
    """One stack's settings. `Pulumi.yaml` declares and describes the same keys."""

    docker_host: Annotated[str, AfterValidator(_docker_host)] = Field(
        examples=["unix:///var/run/docker.sock"]
    )
    domain: Domain = Field(examples=["example.org"])
    host_suffix: Annotated[str, AfterValidator(lambda text: text and canonical_host(text))] = ""
    restart: Literal["no", "always"] = Field(examples=["always"])
    hosting: Hosting = "shared"
    tls: Tls = Field(examples=["{issuer: letsencrypt}"])
    listen: Listen = Field(examples=["{address: 0.0.0.0, http: 80, https: 443}"])
    plain_http: tuple[Domain, ...] = Field(default=(), examples=["[welcome]"])
    outside: bool = True
    prepare: tuple[Literal["docker", "start_at_boot", "live_restore", "log_rotation"], ...] = Field(
        default=(), examples=["[docker, start_at_boot]"]
    )
    stream_close_delay: Annotated[str, matching(r"[0-9]+[smh]", "a time such as 1h")] = "1h"
    sources: Sources = Sources()
    site_secrets: Mapping[str, SiteSecrets] = Field(default={}, repr=False)
    users: Users = Field(default={})
    registry: RegistrySettings | None = None
    vault: VaultSection | None = Field(default=None, repr=False)
    prometheus: PrometheusSettings | None = None
    backup: BackupSection | None = None

    @classmethod
    def sections(cls) -> set[str]:
        """The keys that a service exists by."""
        return {key for key, field in cls.model_fields.items() if field.default is None}

    @classmethod
    def parse(cls, stack: str, config: Mapping[str, object]) -> Settings:
        """The settings in `config`: the project's keys without their namespace. Values may be
        as the engine hands them over, with structures as JSON text.

        Raises ConfigError with every problem, each naming the stack's file and the key.
        """
        try:
            values = {key: _decoded(value) for key, value in config.items()}
            return cls.model_validate(values, context=stack)  # for sentences that name it
        except ValidationError as error:
            raise ConfigError(
                problems_of(error, cls, lambda _path: f"Pulumi.{stack}.yaml", PROJECT + ":")
            ) from error

    @model_validator(mode="after")
    def _certificates_can_be_had(self) -> Self:
        if not self.outside and not self.tls.internal:
            raise ValueError(
                f"{PROJECT}:tls.issuer is {self.tls.issuer!r}, but outside is "
                "false, so it can't be asked for certificates; set tls.issuer to internal, or "
                "outside to true"
            )
        return self

    @model_validator(mode="after")
    def _a_folder_is_elsewhere(self) -> Self:
        if self.backup and self.backup.folder and self.docker_host.startswith("ssh://"):
            raise FieldsError(
                ["backup.repository"],
                f"is {self.backup.folder!r}, a folder of the host whose data it is to replace; "
                "must be on a server (rest:…, s3:… or sftp:…) where docker_host is reached over "
                "SSH",
            )
        return self

    def full_host(self, host: str) -> str:
        """A host name as visitors type it in this stack.

        `blog` is below the domain; with a `host_suffix`, every host ends in it:
        locally `www.example.org` is served as `www.example.org.localhost`.
        """
        name = host if "." in host else f"{host}.{self.domain}"
        if self.host_suffix and not name.endswith(f".{self.host_suffix}"):
            name = f"{name}.{self.host_suffix}"
        return name

    def full_location(self, location: str) -> tuple[str, str]:
        """The host, as visitors type it, and the path (`""` or `/new`) of a site's location."""
        host, slash, rest = location.partition("/")
        return self.full_host(host), slash + rest

    @property
    def services(self) -> dict[str, Service]:
        """The services that this stack has, by name."""
        return {
            name: Service(name=name, host=self.full_host(name), section=f"{PROJECT}:{section}")
            for section, names in SERVICES.items()
            if getattr(self, section) is not None
            for name in names
        }

    @property
    def daily_backup(self) -> BackupSection | None:
        """The section of the backup, where it says when the host saves by itself."""
        return self.backup if self.backup and self.backup.at else None

    @property
    def plain_hosts(self) -> tuple[str, ...]:
        """Full hosts that answer over plain HTTP as well, instead of redirecting to HTTPS."""
        return tuple(self.full_host(host) for host in self.plain_http)


def _decoded(value: object) -> object:
    """Structures arrive as JSON text; other text is converted by the models."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value

"""Prometheus, as a stack's file asks for it, and what its owner adds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from values.model import FieldsError, Model, matching, secret
from values.time import seconds

_ADDRESS = matching(r"[^@\s\"']+@[^@\s\"']+", "an e-mail address, such as ada@example.com")

_SITE = "2m"
Time = Annotated[str, matching(r"[1-9][0-9]{0,4}[smhd]", "a time such as 5m")]
Address = Annotated[str, _ADDRESS]


def _often(time: str) -> str:
    if seconds(time) > 120:
        # Prometheus forgets what it saw five minutes ago.
        raise ValueError("must be 2m or less")
    return time


def _server(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not (re.fullmatch(r"[A-Za-z0-9.-]+", host) and re.fullmatch(r"[0-9]{1,5}", port)):
        raise ValueError("must be host:port")
    if not 1 <= int(port) <= 65535:
        raise ValueError("must have a port from 1 to 65535")
    return text


class Retention(Model):
    """How much of the past is kept: what comes first deletes the oldest."""

    time: Time = "30d"
    size: Annotated[str, matching(r"[1-9][0-9]{0,3}(MB|GB|TB)", "a size such as 2GB")] = "2GB"


class Alerts(Model):
    """How long something must last before it is an alert, unless it says otherwise."""

    gateway: Time = "1m"
    """The gateway doesn't answer."""
    restarts: Time = "1h"
    """Three restarts of the gateway within this time are an alert."""
    site: Time | None = None
    """A site, redirect or service doesn't answer as it should; by default 2m, or the time within
    which a dead gateway is known, where that is longer."""
    certificate: Time | None = None
    """How much of a certificate's life may be left; by default as the issuer renews."""
    content: Time = "30m"
    """A site isn't what its repository has."""
    disk: Time = "5m"
    """A disk has less than a tenth free."""
    memory: Time = "10m"
    """The host has less than a tenth of its memory available."""
    vault: Time = "1m"
    """The vault is sealed."""
    registry: Time = "2m"
    """The image registry doesn't answer."""
    backup: Time = "26h"
    """The newest snapshot of the backup is older, or there is none."""
    target: Time = "5m"
    """Anything else that is scraped doesn't answer."""
    reboot: Time = "15m"
    """For how long a reboot of the host is told."""


class Email(Model):
    """A mail server, and who gets mail from whom."""

    server: Annotated[str, AfterValidator(_server)] = Field(examples=["smtp.example.org:587"])
    tls: bool = True
    """Without it all is said in the open, the password as well, whatever the server offers."""
    from_: Address = Field(alias="from", examples=["homeport@example.org"])
    to: Address = Field(examples=["ada@example.org"])
    user: str | None = None
    password: Annotated[SecretStr, secret(r"[^\x00-\x1f\x7f]+", "text of one line")] | None = Field(
        default=None, repr=False
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise FieldsError(["user", "password"], "only one of them is given; give both or none")
        return self


class Notify(Model):
    """Who is told of an alert, and of its end. Without webhook and e-mail nobody is."""

    webhook: Annotated[SecretStr, secret(r"https?://[^\s/]+\S*", "an http or https URL")] | None = (
        Field(default=None, repr=False)
    )
    """A URL that Alertmanager posts to."""
    email: Email | None = None
    wait: Time = "30s"
    """How long is waited for more of the same before a message is sent."""
    between: Time = "5m"
    """Least time between two messages of the same alert, while more of it comes."""
    repeat: Time = "4h"
    """When an alert that lasts is told again."""


class PrometheusSettings(Model):
    """Prometheus at `prometheus.<domain>`, and all that it needs to watch the stack."""

    behind_users: bool = False
    """Whether `homeport:users` alone see its pages, with their passwords."""
    interval: Annotated[Time, AfterValidator(_often)] = "15s"
    """From one look at everything to the next."""
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    notify: Notify = Notify()

    @property
    def site_down_after(self) -> str:
        """How long a site must be down to be told."""
        usual = _SITE if seconds(_SITE) >= self._gateway_known else f"{self._gateway_known}s"
        return self.alerts.site or usual

    @property
    def _gateway_known(self) -> int:
        """Seconds after which a dead gateway is known: figures and rules are each looked at once
        in an interval, at moments of their own.
        """
        return seconds(self.alerts.gateway) + 3 * seconds(self.interval)

    @model_validator(mode="after")
    def _alerts_can_be_told(self) -> Self:
        often, alerts = seconds(self.interval), self.alerts
        if alerts.site and seconds(alerts.site) < self._gateway_known:
            raise FieldsError(
                ["alerts.site", "alerts.gateway", "interval"],
                f"site is {alerts.site}, gateway {alerts.gateway}, and every {self.interval} is "
                f"looked; make site {self._gateway_known}s or more, or a dead gateway is told as "
                "many dead sites",
            )
        if seconds(alerts.restarts) < 4 * often:
            raise FieldsError(
                ["alerts.restarts"],
                f"is {alerts.restarts}: three restarts can't be seen within it, every "
                f"{self.interval}; must be {4 * often}s or more",
            )
        return self


@dataclass(frozen=True)
class OwnFiles:
    """The jobs and rules that a person adds, as they stand in their files."""

    shown_as: str = ""
    """Their folder, for errors."""
    scrapes: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)
    """By file name."""

"""What Alertmanager reads: who is told, and what isn't worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from components.prometheus.config import PROBE
from components.prometheus.rules import BEHIND_GATEWAY, GATEWAY_DOWN, TARGET_MISSING

CONFIG_AT = "/config"
CONFIG = "alertmanager.yml"
_WEBHOOK = "webhook"
_PASSWORD = "smtp-password"  # noqa: S105 - a file's name
_NOBODY, _EVERYBODY = "nobody", "everybody"


@dataclass(frozen=True, kw_only=True)
class Email:
    """A mail server, and who gets mail from whom."""

    server: str
    tls: bool
    sender: str
    to: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """Who is told, and how often; nobody where there is neither webhook nor e-mail."""

    webhook: str | None = field(default=None, repr=False)
    email: Email | None = None
    wait: str
    between: str
    repeat: str


def alertmanager_yml(receivers: Receivers) -> str:
    """The whole file, without secrets: those stand in files beside it."""
    told: dict[str, object] = {}
    if receivers.webhook:
        url = f"{CONFIG_AT}/current/{_WEBHOOK}"
        told["webhook_configs"] = [{"url_file": url, "send_resolved": True}]
    if receivers.email:
        told["email_configs"] = [_email(receivers.email)]
    said = {
        "route": {
            "receiver": _EVERYBODY if told else _NOBODY,
            # One message for all sites that are down, and so for each kind of alert.
            "group_by": ["alertname"],
            "group_wait": receivers.wait,
            "group_interval": receivers.between,
            "repeat_interval": receivers.repeat,
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{GATEWAY_DOWN}"'],
                "target_matchers": matchers,
            }
            for matchers in (
                [f'alertname=~"{"|".join(BEHIND_GATEWAY)}"'],
                [f'alertname="{TARGET_MISSING}"', f'job="{PROBE}"'],
            )
        ],
        "receivers": [{"name": _NOBODY}, *([{"name": _EVERYBODY, **told}] if told else [])],
    }
    return yaml.safe_dump(said, sort_keys=False, width=1000)


def alertmanager_secrets(receivers: Receivers) -> Mapping[str, str]:
    """What Alertmanager alone may read."""
    files = {}
    if receivers.webhook:
        files[_WEBHOOK] = receivers.webhook
    if receivers.email and receivers.email.password:
        files[_PASSWORD] = receivers.email.password
    return files


def _email(email: Email) -> Mapping[str, object]:
    account = {
        "auth_username": email.user,
        "auth_password_file": f"{CONFIG_AT}/current/{_PASSWORD}",
    }
    return {
        "to": email.to,
        "from": email.sender,
        "smarthost": email.server,
        "require_tls": email.tls,
        **(account if email.user else {}),
        "send_resolved": True,
    }

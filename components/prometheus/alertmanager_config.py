"""Alertmanager's configuration: who gets alerts, and which alerts are suppressed."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from components.prometheus.config import CONFIG_AT, PROBE
from components.prometheus.rules import BEHIND_GATEWAY, GATEWAY_DOWN, TARGET_MISSING
from values.model import opened
from values.prometheus import Email, Notify

CONFIG = "alertmanager.yml"
_WEBHOOK = "webhook"
_PASSWORD = "smtp-password"  # noqa: S105 - a file's name
_NOBODY, _EVERYBODY = "nobody", "everybody"


def alertmanager_yml(notify: Notify) -> str:
    """The whole file, without secrets: those stand in files beside it."""
    told: dict[str, object] = {}
    if notify.webhook:
        url = f"{CONFIG_AT}/current/{_WEBHOOK}"
        told["webhook_configs"] = [{"url_file": url, "send_resolved": True}]
    if notify.email:
        told["email_configs"] = [_email(notify.email)]
    said = {
        "route": {
            "receiver": _EVERYBODY if told else _NOBODY,
            # One message for all sites that are down, and so for each kind of alert.
            "group_by": ["alertname"],
            "group_wait": notify.wait,
            "group_interval": notify.between,
            "repeat_interval": notify.repeat,
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


def alertmanager_secrets(notify: Notify) -> Mapping[str, str]:
    """What Alertmanager alone may read."""
    password = notify.email.password if notify.email else None
    files = {_WEBHOOK: opened(notify.webhook), _PASSWORD: opened(password)}
    return {name: text for name, text in files.items() if text}


def _email(email: Email) -> Mapping[str, object]:
    account = {
        "auth_username": email.user,
        "auth_password_file": f"{CONFIG_AT}/current/{_PASSWORD}",
    }
    return {
        "to": email.to,
        "from": email.from_,
        "smarthost": email.server,
        "require_tls": email.tls,
        **(account if email.user else {}),
        "send_resolved": True,
    }

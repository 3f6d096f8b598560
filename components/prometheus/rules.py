"""The alerts that every stack has, as Prometheus reads them.

Each has a page of its own in docs/runbooks, by its name. What a stack doesn't have, such as a
vault, has no series, and so no alert.
"""

from __future__ import annotations

import yaml

from components.prometheus.config import PROBE
from values.prometheus import Alerts, PrometheusSettings
from values.time import seconds

GATEWAY_DOWN = "GatewayDown"
BEHIND_GATEWAY = ("SiteDown", "CertificateNearEnd")
"""Alerts that a dead gateway raises as well. Nobody needs them while it is dead."""
TARGET_MISSING = "TargetMissing"
_OWN_ALERT = ("gateway", "registry", PROBE)
"""Jobs whose silence another alert reports, or reports under more conditions."""
_NODE = '{job="node"}'
"""The host's own; a person may scrape other machines."""
_BACKUP = '{job="backup"}'
_UNCHECKED = "14d"  # twice as long as from one check to the next
_UNTESTED = "40d"  # a restore is tried each month
# By whether the CA is the gateway's own: between what is renewed in time and what ends. The gateway
# renews with a third of a certificate's life left: four of its own CA's twelve hours, thirty days
# of ninety.
_CERTIFICATE = {True: "30m", False: "3d"}


def rules_yml(settings: PrometheusSettings, *, internal_ca: bool, backup: bool) -> str:
    """The whole file. `internal_ca` is whether the gateway's certificates are of its own CA,
    `backup` whether the host saves its data by itself.
    """
    alerts = settings.alerts
    groups = {
        "gateway": _gateway(alerts, seconds(settings.interval)),
        "sites": _sites(settings, alerts.certificate or _CERTIFICATE[internal_ca]),
        "services": _services(alerts),
        "host": _host(alerts),
        **({"backup": _backup(alerts)} if backup else {}),
    }
    said = {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}
    return yaml.safe_dump(said, sort_keys=False, width=1000)


def _gateway(alerts: Alerts, interval: int) -> list[dict[str, object]]:
    return [
        _alert(
            GATEWAY_DOWN,
            'up{job="gateway"} == 0',
            "The gateway ({{ $labels.instance }}) doesn't answer",
            lasting=alerts.gateway,
            severity="critical",
            # Until the sites were asked again and that was looked at: what they suffered from it
            # is no news.
            keep_firing_for=f"{3 * interval}s",
        ),
        _alert(
            "GatewayRestarting",
            f'changes(process_start_time_seconds{{job="gateway"}}[{alerts.restarts}]) >= 3',
            "The gateway ({{ $labels.instance }}) started {{ $value }} times within "
            f"{alerts.restarts}",
        ),
    ]


def _sites(settings: PrometheusSettings, certificate: str) -> list[dict[str, object]]:
    attempt = "publisher_last_attempt_timestamp_seconds"
    success = "publisher_last_success_timestamp_seconds"
    site = settings.site_down_after
    return [
        _alert(
            "SiteDown",
            f'probe_success{{job="{PROBE}"}} == 0',
            "{{ $labels.instance }} ({{ $labels.site }}) doesn't answer as it should",
            lasting=site,
            severity="critical",
        ),
        _alert(
            "CertificateNearEnd",
            f'probe_ssl_earliest_cert_expiry{{job="{PROBE}"}} - time() < {seconds(certificate)}',
            "The certificate of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}",
            # One that has ended is read no more. This lasts until the site is told to be down.
            keep_firing_for=f"{seconds(site) + 3 * seconds(settings.interval)}s",
        ),
        _alert(
            "ContentNotSynced",
            # The last try failed, or none ever succeeded.
            f"{attempt} > {success} or ({attempt} unless {success})",
            "{{ $labels.site }} isn't what its repository has",
            lasting=settings.alerts.content,
        ),
    ]


def _services(alerts: Alerts) -> list[dict[str, object]]:
    return [
        _alert(
            "VaultSealed",
            # What it says of being sealed, it forgets, or says under another label.
            'up{job="vault"} == 1 unless on (job, instance) vault_core_unsealed == 1',
            "The vault is sealed",
            lasting=alerts.vault,
            severity="critical",
        ),
        _alert(
            "RegistryDown",
            'up{job="registry"} == 0',
            "The registry ({{ $labels.instance }}) doesn't answer",
            lasting=alerts.registry,
            severity="critical",
        ),
        _alert(
            TARGET_MISSING,
            # The exporter runs but couldn't probe this URL, so nobody knows whether the site works.
            f'up{{job!~"{"|".join(_OWN_ALERT)}"}} == 0 or '
            f'(up{{job="{PROBE}"}} == 0 unless on () up{{job="blackbox"}} == 0)',
            "{{ $labels.instance }} of job {{ $labels.job }} can't be scraped",
            lasting=alerts.target,
        ),
    ]


def _host(alerts: Alerts) -> list[dict[str, object]]:
    return [
        _alert(
            "DiskFilling",
            # One alert for a disk, however many of its folders are seen.
            "min by (job, instance, device) "
            f"(node_filesystem_avail_bytes{_NODE} / node_filesystem_size_bytes{_NODE}) < 0.1",
            "{{ $labels.device }} of the host has {{ $value | humanizePercentage }} free",
            lasting=alerts.disk,
        ),
        _alert(
            "MemoryShort",
            f"node_memory_MemAvailable_bytes{_NODE} / node_memory_MemTotal_bytes{_NODE} < 0.1",
            "The host has {{ $value | humanizePercentage }} of its memory available",
            lasting=alerts.memory,
        ),
        _alert(
            "HostRebooted",
            f"time() - node_boot_time_seconds{_NODE} < {seconds(alerts.reboot)}",
            "The host started {{ $value | humanizeDuration }} ago",
        ),
    ]


def _backup(alerts: Alerts) -> list[dict[str, object]]:
    newest = f"backup_newest_snapshot_timestamp_seconds{_BACKUP}"
    return [
        _alert(
            "BackupOld",
            # Where the repository has none, since the backup began.
            f"time() - ({newest} > 0 or backup_began_timestamp_seconds{_BACKUP}) > "
            f"{seconds(alerts.backup)}",
            "There is no snapshot of the last {{ $value | humanizeDuration }}",
            severity="critical",
        ),
        _alert(
            "BackupIncomplete",
            f"backup_unread{_BACKUP} > 0",
            "The newest snapshot lacks what couldn't be read: {{ $value }} files or folders",
        ),
        _alert(
            "BackupShrank",
            f"backup_newest_snapshot_bytes{_BACKUP} < backup_snapshot_before_bytes{_BACKUP} / 2",
            "The newest snapshot has {{ $value | humanize1024 }}B, less than half of before",
        ),
        _alert(
            "BackupDamaged",
            f"backup_check_failed{_BACKUP} == 1 or "
            f"time() - backup_last_good_check_timestamp_seconds{_BACKUP} > {seconds(_UNCHECKED)}",
            "The backup's repository is damaged, or wasn't found well for two weeks",
            severity="critical",
        ),
        _alert(
            "RestoreUntested",
            f"backup_drill_failed{_BACKUP} == 1 or "
            f"time() - backup_last_good_drill_timestamp_seconds{_BACKUP} > {seconds(_UNTESTED)}",
            "A trial restore failed, or none brought all back for forty days",
            severity="critical",
        ),
    ]


def _alert(
    name: str,
    expression: str,
    summary: str,
    *,
    lasting: str | None = None,
    severity: str = "warning",
    **more: str,
) -> dict[str, object]:
    return {
        "alert": name,
        "expr": expression,
        **({"for": lasting} if lasting else {}),
        **more,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook": f"docs/runbooks/{name}.md"},
    }

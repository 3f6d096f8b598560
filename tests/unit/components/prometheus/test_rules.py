"""The alerts, unit-tested by Prometheus' own `promtool test rules`."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from components.prometheus.rules import (
    BEHIND_GATEWAY,
    GATEWAY_DOWN,
    rules_yml,
)
from tests.unit.program import ROOT
from values.prometheus import Alerts, PrometheusSettings

IMAGE = yaml.safe_load((ROOT / "config/images.yaml").read_text())["prometheus"]
# Unchecked: a stack's file would be refused, because so rare a look tells a dead gateway as sites.
# promtool evaluates every minute until the last look, so no alert is to wait for a day.
SETTINGS = PrometheusSettings.model_construct(interval="1m", alerts=Alerts(site="2m", backup="2h"))
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(rules_yml(SETTINGS, internal_ca=True, backup=True))["groups"]
    for rule in group["rules"]
}

SITE = '{job="probe", instance="https://blog.example.org", site="blog"}'
GATEWAY = '{job="gateway", instance="proxy:2021"}'
NODE = '{job="node", instance="node-exporter:9100"}'
ELSEWHERE = '{job="workstation", instance="desk:9100"}'
BLOG = '{job="publisher", instance="publisher:8000", site="blog"}'
DISK = 'job="node", instance="node-exporter:9100", device="/dev/vda"'
BACKUP = '{job="backup", instance="backup:9120"}'
NEWEST = f"backup_newest_snapshot_timestamp_seconds{BACKUP}"
BACKUP_BEGAN = f"backup_began_timestamp_seconds{BACKUP}"
OF_BACKUP = {"instance": "backup:9120", "job": "backup"}
VAULT = '{job="vault", instance="vault:8201"}'

# By the alert's name, and what is special where it has several: series, one sample a minute; then
# at which times the alert is there, and at which not.
# What happens begins at ten minutes.
CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, bool]]] = {
    "GatewayDown": (
        {f"up{GATEWAY}": "1x9 0x9 1x20"},
        {"instance": "proxy:2021", "job": "gateway"},
        {"9m": False, "10m": False, "12m": True, "18m": True, "25m": False},
    ),
    "GatewayRestarting": (
        # Three starts, 90 minutes after one that is normal.
        {f"process_start_time_seconds{GATEWAY}": "10x5 20x90 30x5 40x5 50x100"},
        {"instance": "proxy:2021", "job": "gateway"},
        {"30m": False, "104m": False, "110m": True, "150m": True, "170m": False},
    ),
    "SiteDown": (
        {f"probe_success{SITE}": "1x9 0x9 1x9"},
        {"instance": "https://blog.example.org", "job": "probe", "site": "blog"},
        {"9m": False, "11m": False, "13m": True, "21m": False},
    ),
    "CertificateNearEnd": (
        {f"probe_ssl_earliest_cert_expiry{SITE}": "3600x60 90000x60"},
        {"instance": "https://blog.example.org", "job": "probe", "site": "blog"},
        # It is told for longer than it lasts, so that one that has ended isn't called well.
        {"29m": False, "31m": True, "64m": True, "67m": False},
    ),
    "ContentNotSynced": (
        {
            f"publisher_last_attempt_timestamp_seconds{BLOG}": "600x9 1200x50 1260x50",
            f"publisher_last_success_timestamp_seconds{BLOG}": "601x9 601x50 1261x50",
        },
        {"instance": "publisher:8000", "job": "publisher", "site": "blog"},
        {"9m": False, "39m": False, "42m": True, "61m": False},
    ),
    "VaultSealed": (
        {
            f"up{VAULT}": "1x60",
            # What OpenBao says under this label, it never takes back.
            'vault_core_unsealed{job="vault", instance="vault:8201", cluster=""}': "0x60",
            'vault_core_unsealed{job="vault", instance="vault:8201", cluster="c"}': (
                "1x9 0x5 stale _x5 1x30"
            ),
        },
        {"instance": "vault:8201", "job": "vault"},
        {"9m": False, "12m": True, "18m": True, "24m": False},
    ),
    "RegistryDown": (
        {'up{job="registry", instance="registry:5001"}': "1x9 0x9 1x9"},
        {"instance": "registry:5001", "job": "registry"},
        {"9m": False, "11m": False, "13m": True, "21m": False},
    ),
    "TargetMissing": (
        {'up{job="workstation", instance="host:9090"}': "1x9 0x19 1x9"},
        {"instance": "host:9090", "job": "workstation"},
        {"9m": False, "14m": False, "16m": True, "31m": False},
    ),
    "TargetMissing: nobody can ask for a site": (
        {
            f"up{SITE}": "1x9 0x19 1x9",
            'up{job="blackbox", instance="blackbox:9115"}': "1x60",
        },
        {"instance": "https://blog.example.org", "job": "probe", "site": "blog"},
        {"9m": False, "14m": False, "16m": True, "31m": False},
    ),
    "TargetMissing: who asks for sites is away": (
        {f"up{SITE}": "0x60", 'up{job="blackbox", instance="blackbox:9115"}': "0x60"},
        {"instance": "blackbox:9115", "job": "blackbox"},
        {"4m": False, "16m": True},
    ),
    "DiskFilling": (
        {
            f'node_filesystem_size_bytes{{{DISK}, mountpoint="/disks/{at}"}}': "100x60"
            for at in ("root", "docker")
        }
        | {
            f'node_filesystem_avail_bytes{{{DISK}, mountpoint="/disks/{at}"}}': "11x9 9x20 50x30"
            for at in ("root", "docker")
        },
        {"instance": "node-exporter:9100", "job": "node", "device": "/dev/vda"},
        {"9m": False, "14m": False, "16m": True, "31m": False},
    ),
    "MemoryShort": (
        {
            f"node_memory_MemTotal_bytes{NODE}": "100x60",
            f"node_memory_MemAvailable_bytes{NODE}": "11x9 9x20 50x30",
        },
        {"instance": "node-exporter:9100", "job": "node"},
        {"9m": False, "19m": False, "21m": True, "31m": False},
    ),
    "HostRebooted": (
        {f"node_boot_time_seconds{NODE}": "-90000x9 600x60"},
        {"instance": "node-exporter:9100", "job": "node"},
        {"9m": False, "11m": True, "24m": True, "26m": False},
    ),
    "BackupOld": (
        {NEWEST: "60x150 9060x60", BACKUP_BEGAN: "30x210"},
        OF_BACKUP,
        {"2h": False, "122m": True, "149m": True, "160m": False},
    ),
    "BackupOld: there never was one": (
        {NEWEST: "0x150", BACKUP_BEGAN: "60x150"},
        OF_BACKUP,
        {"2h": False, "122m": True},
    ),
    "BackupOld: the repository was emptied": (
        {NEWEST: "7200x150 0x60", BACKUP_BEGAN: "60x210"},
        OF_BACKUP,
        {"149m": False, "152m": True},
    ),
    "BackupIncomplete": (
        {f"backup_unread{BACKUP}": "0x9 2x9 0x9"},
        OF_BACKUP,
        {"9m": False, "11m": True, "21m": False},
    ),
    "BackupShrank": (
        {
            f"backup_newest_snapshot_bytes{BACKUP}": "100x9 49x9 50x9",
            f"backup_snapshot_before_bytes{BACKUP}": "100x60",
        },
        OF_BACKUP,
        {"9m": False, "11m": True, "21m": False},
    ),
    "BackupShrank: the first one has none before it": (
        {
            f"backup_newest_snapshot_bytes{BACKUP}": "0x60",
            f"backup_snapshot_before_bytes{BACKUP}": "0x60",
        },
        OF_BACKUP,
        {"30m": False},
    ),
    "BackupDamaged": (
        {
            f"backup_check_failed{BACKUP}": "0x9 1x9 0x9",
            f"backup_last_good_check_timestamp_seconds{BACKUP}": "0x60",
        },
        OF_BACKUP,
        {"9m": False, "11m": True, "21m": False},
    ),
    "BackupDamaged: nobody looked": (
        {
            f"backup_check_failed{BACKUP}": "0x120",
            # Fourteen days before the twentieth minute.
            f"backup_last_good_check_timestamp_seconds{BACKUP}": "-1208400x60 3600x60",
        },
        OF_BACKUP,
        {"20m": False, "21m": True, "61m": False},
    ),
    "RestoreUntested": (
        {
            f"backup_drill_failed{BACKUP}": "0x9 1x9 0x9",
            f"backup_last_good_drill_timestamp_seconds{BACKUP}": "0x60",
        },
        OF_BACKUP,
        {"9m": False, "11m": True, "21m": False},
    ),
    "RestoreUntested: nobody tried": (
        {
            f"backup_drill_failed{BACKUP}": "0x120",
            # Forty days before the twentieth minute.
            f"backup_last_good_drill_timestamp_seconds{BACKUP}": "-3454800x60 3600x60",
        },
        OF_BACKUP,
        {"20m": False, "21m": True, "61m": False},
    ),
    # Other machines, which a person has scraped.
    "DiskFilling: of another machine": (
        {
            f"node_filesystem_size_bytes{ELSEWHERE}": "100x60",
            f"node_filesystem_avail_bytes{ELSEWHERE}": "0x60",
        },
        {"instance": "desk:9100", "job": "workstation"},
        {"30m": False},
    ),
    "MemoryShort: of another machine": (
        {
            f"node_memory_MemTotal_bytes{ELSEWHERE}": "100x60",
            f"node_memory_MemAvailable_bytes{ELSEWHERE}": "1x60",
        },
        {"instance": "desk:9100", "job": "workstation"},
        {"30m": False},
    ),
    "HostRebooted: another machine": (
        {f"node_boot_time_seconds{ELSEWHERE}": "0x60"},
        {"instance": "desk:9100", "job": "workstation"},
        {"5m": False},
    ),
}


def promtool(folder: Path, tests: Mapping[str, Any]) -> tuple[int, str]:
    """The exit code of `promtool test rules`, and what it said."""
    (folder / "alerts.yml").write_text(rules_yml(SETTINGS, internal_ca=True, backup=True))
    (folder / "tests.yml").write_text(yaml.safe_dump(dict(tests)))
    folder.chmod(0o755)
    done = subprocess.run(
        ["docker", "run", "--rm", "--network=none", f"--volume={folder}:/rules:ro",
         "--entrypoint=promtool", IMAGE, "test", "rules", "/rules/tests.yml"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def alert_of(case: str) -> str:
    return case.partition(":")[0]


def case(name: str, *, turned: bool = False) -> dict[str, Any]:
    """The test of one alert; turned around, it expects it when it isn't there."""
    series, labels, times = CASES[name]
    name = alert_of(name)
    labels = labels | {
        "alertname": name,
        "alertstate": "firing",
        "severity": RULES[name]["labels"]["severity"],
    }
    shown = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    firing = {"labels": f"ALERTS{{{shown}}}", "value": 1}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": s, "values": values} for s, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{name}", alertstate="firing"}}',
                "eval_time": at,
                "exp_samples": [firing] if there is not turned else [],
            }
            for at, there in times.items()
        ],
    }


@pytest.fixture(scope="module", autouse=True)
def _the_image_is_there() -> None:
    try:
        docker.from_env().images.get(IMAGE)
    except docker.errors.DockerException:
        pytest.skip(f"{IMAGE} isn't on this machine: `make test` brings it")


def test_each_alert_comes_and_goes_when_it_shall(tmp_path: Path) -> None:
    groups = [case(name) for name in CASES]
    code, said = promtool(tmp_path, {"rule_files": ["alerts.yml"], "tests": groups})
    assert code == 0, said


def test_one_that_did_not_would_be_found(tmp_path: Path) -> None:
    groups = [case(name, turned=True) for name in CASES]
    code, said = promtool(tmp_path, {"rule_files": ["alerts.yml"], "tests": groups})
    assert code == 1
    assert [name for name in CASES if f'alertname="{alert_of(name)}"' not in said] == []


def test_every_alert_has_a_test_and_a_page_that_tells_what_to_do() -> None:
    assert {alert_of(name) for name in CASES} == set(RULES)
    pages = {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")}
    assert pages == set(RULES)
    for name, rule in RULES.items():
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{name}.md"


def test_what_a_page_has_typed_names_the_stack_that_tells() -> None:
    for page in (ROOT / "docs/runbooks").glob("*.md"):
        for command in re.findall(r"`(make [^`]*)`", page.read_text()):
            # Locally nobody is told, so who reads this means another stack.
            assert "STACK=" in command, (page.name, command)


def test_a_stack_that_saves_nothing_by_itself_has_no_alert_of_it() -> None:
    assert "Backup" not in rules_yml(SETTINGS, internal_ca=True, backup=False)


def test_a_backup_is_old_after_26_hours() -> None:
    settings = SETTINGS.model_copy(update={"alerts": Alerts()})
    assert "> 93600" in rules_yml(settings, internal_ca=True, backup=True)


def test_what_a_dead_gateway_silences_exists() -> None:
    assert {GATEWAY_DOWN, *BEHIND_GATEWAY} <= set(RULES)


def test_the_durations_are_the_rules() -> None:
    alerts = Alerts(site="7s", certificate="3h", restarts="5m", reboot="2d", backup="3d")
    settings = SETTINGS.model_copy(update={"alerts": alerts})
    rules = rules_yml(settings, internal_ca=True, backup=True)
    assert "for: 7s" in rules
    for part in ("< 10800", "[5m]", "< 172800", "> 259200"):
        assert part in rules

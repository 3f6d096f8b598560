"""What a time in `homeport:backup` adds to a stack: one container, and no more than it needs."""

import json
from pathlib import Path

import pytest
from pulumi.runtime import rpc

from tests.unit.program import Graph, an_estate, run_main
from tests.unit.test_graph import in_plain, needs, one

PLANTED = "planted-secret-1c9d2e"
NIGHTLY = {
    "repository": "rest:https://backup.example.org/prod",
    "password": PLANTED,
    "env": {"RESTIC_REST_PASSWORD": PLANTED},
    "at": "03:17",
    "role_id": PLANTED,
    "secret_id": PLANTED,
}


def a_stack(root: Path, **settings: object) -> Graph:
    """A stack with every service."""
    if not (root / "config").exists():
        an_estate(root, {"blog.yaml": "hosts: [blog]\nsource: {folder: sites/blog}"})
    return run_main("local", root, services=True, settings=settings)


def nightly(root: Path, **more: object) -> Graph:
    """The same with a backup that has a schedule."""
    return a_stack(root, backup={**NIGHTLY, **more})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def with_all_data(root: Path) -> Graph:
    return nightly(root, include=["content", "metrics"])


@pytest.fixture(scope="module")
def with_it(root: Path) -> Graph:
    return nightly(root)


def test_a_backup_with_a_time_adds_its_container_and_changes_no_other(
    root: Path, with_it: Graph
) -> None:
    without = a_stack(root)
    before = {r.urn: r.inputs for r in without.resources}
    new = [r for r in with_it.resources if r.urn not in before]
    names = {f"{r.type.rpartition(':')[2]} {r.name}" for r in new}
    assert names == {
        "Backup backup",
        "Volume backup-plan",
        "VolumeFiles backup-plan",
        "Volume backup-state",
        "Volume backup-copies",
        "Container backup",
        f"HostImage {with_it.estate.images.backup}",
    }
    changed = {r.name for r in with_it.resources if before.get(r.urn, r.inputs) != r.inputs}
    # What Prometheus scrapes, and who may do what in the vault.
    assert changed == {"prometheus-config", "vault-people"}


def test_the_backup_reads_data_and_writes_none_of_it(with_all_data: Graph) -> None:
    said = one([c for c in with_all_data.containers if c.name == "backup"]).inputs
    assert said["user"] == "0:0"
    assert said["capabilities"] == {"drops": ["ALL"], "adds": ["CAP_DAC_READ_SEARCH"]}
    assert said["memory"] == said["memorySwap"] == 512
    assert {m["type"] for m in said["mounts"]} == {"volume"}, "no socket of Docker's"
    assert {m["target"]: m["readOnly"] for m in said["mounts"]} == {
        "/plan": True,
        "/state": False,
        "/copies": False,
        **{
            f"/data/{name}": True
            for name in (
                "proxy-data",
                "registry",
                "pypi",
                "alertmanager-data",
                "prometheus-data",
                "content",
            )
        },
    }
    assert said["ports"] == []
    networks = {network["name"].partition("-")[0] for network in said["networksAdvanced"]}
    assert networks == {"services"}, "the local stack reaches nothing outside"


def test_a_stack_that_may_go_outside_saves_there(tmp_path: Path) -> None:
    graph = run_main("prod", an_estate(tmp_path, {}), settings={"backup": NIGHTLY})
    said = one([c for c in graph.containers if c.name == "backup"]).inputs
    networks = {network["name"].partition("-")[0] for network in said["networksAdvanced"]}
    assert networks == {"services", "edge"}


def test_the_backup_comes_after_what_makes_the_volumes_that_it_reads(with_all_data: Graph) -> None:
    graph = with_all_data
    container = one([c for c in graph.containers if c.name == "backup"])
    sources = {m["source"] for m in container.inputs["mounts"]}
    made = [v for v in graph.of("Volume") if v.inputs.get("name") in sources]
    assert len(made) == 6
    waited, more = set(), {container.urn}
    by_urn = {r.urn: r for r in graph.resources}
    while more:
        waited |= more
        more = {urn for each in more for urn in needs(by_urn[each])} - waited
    assert {v.urn for v in made} <= waited


def test_a_folder_as_repository_is_written_to_without_a_way_out(root: Path) -> None:
    graph = nightly(root, repository="/mnt/disk")
    said = one([c for c in graph.containers if c.name == "backup"]).inputs
    (bind,) = [m for m in said["mounts"] if m["type"] == "bind"]
    assert (bind["source"], bind["target"], bind["readOnly"]) == ("/mnt/disk", "/repository", False)
    assert set(said["capabilities"]["adds"]) == {"CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE"}
    assert len(said["networksAdvanced"]) == 1


def test_what_opens_the_backup_is_in_no_plain_input(with_it: Graph) -> None:
    assert in_plain(with_it, PLANTED) == []
    files = one([r for r in with_it.of("VolumeFiles") if r.name == "backup-plan"])
    (text,) = files.inputs["secret_files"].values()
    plan = json.loads(rpc.unwrap_rpc_secret(text))
    assert plan["environment"]["RESTIC_PASSWORD"] == PLANTED
    assert plan["vault"] == {
        "url": "http://vault:8200",
        "role_id": PLANTED,
        "secret_id": PLANTED,
    }
    assert plan["host"] == "homeport-local"
    assert (plan["prunes"], plan["verify"]) == (True, "5%")
    assert files.inputs["owner"] == 0


def test_the_credential_that_deletes_stays_off_the_host(root: Path) -> None:
    planted = "planted-owner-5b70"
    graph = nightly(root, prune_env={"RESTIC_REST_PASSWORD": planted})
    assert planted not in repr([r.inputs for r in graph.resources])
    files = one([r for r in graph.of("VolumeFiles") if r.name == "backup-plan"])
    (text,) = map(rpc.unwrap_rpc_secret, files.inputs["secret_files"].values())
    assert planted not in text
    assert PLANTED in text
    assert json.loads(text)["prunes"] is False

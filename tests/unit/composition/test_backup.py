"""What a backup saves: of each part that a stack has, and nothing that isn't there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from components.saved import Saved
from composition.backup import what_is_saved
from config import loading
from config.backup_section import BackupSection
from tests.unit.program import an_estate, own_config, run_main

EVERYTHING: Sequence[Literal["content", "metrics"]] = ("content", "metrics")


def saved(
    *, services: bool, include: Sequence[Literal["content", "metrics"]] = ()
) -> dict[str, Saved]:
    estate = loading.load("local", own_config("local", services=services))
    section = BackupSection(repository="/mnt/disk", include=tuple(include))
    return {one.volume: one for one in what_is_saved(estate, section)}


def test_each_part_is_saved_while_the_stack_has_it() -> None:
    assert set(saved(services=False)) == {"proxy-data"}
    assert set(saved(services=True)) == {"proxy-data", "registry", "pypi", "alertmanager-data"}


def test_content_and_metrics_are_saved_where_somebody_asks() -> None:
    assert set(saved(services=False, include=EVERYTHING)) == {"proxy-data", "content"}
    more = set(saved(services=True, include=EVERYTHING)) - set(saved(services=True))
    assert more == {"content", "prometheus-data"}


def test_every_data_volume_is_saved_but_the_vaults_which_gives_a_snapshot(tmp_path: Path) -> None:
    graph = run_main("local", an_estate(tmp_path, {}), services=True)
    volumes = {
        str(volume.inputs["name"]).removeprefix("homeport-local-"): volume.inputs["labels"]
        for volume in graph.of("Volume")
        if "name" in volume.inputs
    }
    del volumes["vault-data"]
    every = saved(services=True, include=EVERYTHING)
    assert set(every) == set(volumes)
    for name, labels in volumes.items():  # a restore makes them as they are declared
        assert {"label": "homeport.component", "value": every[name].component} in labels


def test_links_of_the_image_registry_are_copied_before_what_they_name() -> None:
    one = saved(services=True)["registry"]
    assert one.first == "docker/registry/v2/repositories"
    assert one.without_names == ("_uploads",)


def test_a_package_that_is_being_uploaded_is_left_out() -> None:
    assert saved(services=True)["pypi"].settled == 60

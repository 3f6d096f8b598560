"""setup/engine: Pulumi and its plugins, from whoever has them, with one try at the vendor."""

from pathlib import Path

import pytest

from tests.unit.setup.machine import Machine

BUILD = """
mkdir -p $1/bin $1/plugins
for part in "${@:2}"; do
    case $part in
    pulumi)
        printf '#!/bin/sh\\necho v3.255.0\\n' >$1/bin/pulumi; chmod +x $1/bin/pulumi
        continue ;;
    docker) folder=$1/plugins/resource-docker-v5.2.0 ;;
    command) folder=$1/plugins/resource-command-v1.2.1 ;;
    esac
    rm -rf $folder; mkdir $folder; cp /bin/true $folder/pulumi-resource-$part
done
"""
# The vendor's installer, as far as it is used: it unpacks a Pulumi that can install plugins.
INSTALLER = """
echo "installer HOME=$HOME $*" >>{log}
while [ $# -gt 0 ]; do
    case $1 in --install-root) to=$2 ;; esac
    shift
done
mkdir -p $to/bin
cp {pulumi} $to/bin/pulumi
"""
PULUMI = """
case "$1" in
version) echo v${VERSION-3.255.0} ;;
plugin)
    [[ ! -e NO_PLUGINS ]] || exit 1
    folder=$PULUMI_HOME/plugins/resource-$4-v$5
    mkdir -p $folder; cp /bin/true $folder/pulumi-resource-$4 ;;
esac
"""
BUILT = "build .engine pulumi docker command"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.write(
        "requirements.txt", "pulumi==3.255.0\npulumi_docker==5.2.0\npulumi_command==1.2.1\n"
    )
    machine.has("build", BUILD, machine.root / "offline/engine")
    machine.has("curl", "exit 6")
    return machine


def lets_vendor_be_reached(machine: Machine) -> None:
    machine.has("pulumi", PULUMI, machine.root.parent / "vendor")
    script = machine.root.parent / "install.sh"
    pulumi = machine.root.parent / "vendor/pulumi"
    script.write_text(INSTALLER.format(log=machine.log, pulumi=pulumi))
    machine.has("curl", f"grep -q 'connect-timeout = 10' $CURL_HOME/.curlrc && cp {script} $3")


def test_out_of_the_vendors_reach_everything_is_built_after_one_try(machine: Machine) -> None:
    done = machine.run("setup/engine")
    assert done.returncode == 0
    calls = machine.calls()
    assert [call for call in calls if call.startswith("build")] == [BUILT]
    assert len([call for call in calls if call.startswith("curl")]) == 1
    what = "what can't be downloaded of Pulumi 3.255.0: pulumi docker command"
    assert f"Building {what}…\n" in done.stderr
    assert not (machine.root / ".engine/scratch").exists()


def test_the_second_time_nothing_is_done(machine: Machine) -> None:
    machine.run("setup/engine")
    machine.calls()
    done = machine.run("setup/engine")
    assert done.returncode == 0
    assert done.stderr == ""
    assert machine.calls() == []


def test_no_folder_for_pulumis_own_logs_is_left(machine: Machine) -> None:
    folder = machine.root / ".engine/logs"
    folder.mkdir(parents=True)
    (folder / "pulumi-20261128T000000-1-preview.log").touch()
    for _ in range(2):
        assert machine.run("setup/engine").returncode == 0
        assert folder.is_file()


def test_without_curl_everything_is_built(machine: Machine) -> None:
    (machine.programs / "curl").unlink()
    assert machine.run("setup/engine").returncode == 0
    assert machine.calls() == [BUILT]


def test_the_vendors_are_taken_where_they_can_be_reached(machine: Machine) -> None:
    lets_vendor_be_reached(machine)
    done = machine.run("setup/engine")
    assert done.returncode == 0
    calls = machine.calls()
    assert not [call for call in calls if call.startswith("build")]
    assert [call for call in calls if call.startswith("pulumi plugin")] == [
        "pulumi plugin install resource docker 5.2.0",
        "pulumi plugin install resource command 1.2.1",
    ]
    (installer,) = (call for call in calls if call.startswith("installer"))
    assert f"HOME={machine.root}/.engine/scratch " in installer
    assert "--no-edit-path --version 3.255.0" in installer
    assert "Downloading Pulumi 3.255.0…\n" in done.stderr
    assert machine.run("setup/engine").stderr == ""


def test_what_the_vendor_fails_to_give_is_built(machine: Machine) -> None:
    lets_vendor_be_reached(machine)
    machine.write("NO_PLUGINS", "")
    assert machine.run("setup/engine").returncode == 0
    assert [call for call in machine.calls() if call.startswith("build")] == [
        "build .engine docker command"
    ]


@pytest.mark.parametrize("version", ["3.255.0", "3.255.7", "3.300.1"])
def test_the_persons_own_pulumi_is_used(machine: Machine, version: str) -> None:
    machine.has("pulumi", PULUMI)
    machine.has("pulumi-language-python")
    assert machine.run("setup/engine", VERSION=version).returncode == 0
    assert machine.calls()[-1] == "build .engine docker command"
    assert not (machine.root / ".engine/bin/pulumi").exists()


@pytest.mark.parametrize("version", ["3.254.9", "3.99.0", "2.300.0", "4.0.0"])
def test_one_that_does_not_fit_is_passed_over(machine: Machine, version: str) -> None:
    machine.has("pulumi", PULUMI)
    machine.has("pulumi-language-python")
    assert machine.run("setup/engine", VERSION=version).returncode == 0
    assert any(call.startswith("build .engine pulumi") for call in machine.calls())


def test_one_without_its_language_host_is_passed_over(machine: Machine) -> None:
    machine.has("pulumi", PULUMI)
    assert machine.run("setup/engine").returncode == 0
    assert any(call.startswith("build .engine pulumi") for call in machine.calls())


def test_the_wrapper_on_path_is_not_the_persons(machine: Machine) -> None:
    machine.has("pulumi", PULUMI, machine.root / "bin")
    machine.has("pulumi-language-python", "", machine.root / ".venv/bin")
    path = f"{machine.root}/bin:{machine.root}/.venv/bin:{machine.programs}"
    assert machine.run("setup/engine", PATH=path).returncode == 0
    assert any(call.startswith("build .engine pulumi") for call in machine.calls())


def test_an_engine_of_another_version_is_replaced(machine: Machine) -> None:
    machine.run("setup/engine")
    machine.calls()
    machine.has("pulumi", "echo v3.254.0", machine.root / ".engine/bin")
    assert machine.run("setup/engine").returncode == 0
    assert any(call.startswith("build .engine pulumi") for call in machine.calls())


def test_a_plugin_that_was_left_unfinished_is_made_again(machine: Machine) -> None:
    machine.run("setup/engine")
    machine.calls()
    machine.write(".engine/plugins/resource-docker-v5.2.0.partial", "")
    assert machine.run("setup/engine").returncode == 0
    assert "build .engine docker" in machine.calls()
    assert machine.run("setup/engine").stderr == ""


def test_a_build_that_fails_stops_it(machine: Machine) -> None:
    machine.has("build", "echo 'Go is needed.' >&2; exit 1", machine.root / "offline/engine")
    done = machine.run("setup/engine")
    assert done.returncode == 1
    assert done.stderr.endswith("Go is needed.\n")
    assert len([call for call in machine.calls() if call.startswith("build")]) == 1

"""Rules for all that a stack declares, whatever its settings and sites are."""

import ast
import base64
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import rpc

from config import loading
from config.settings import Settings
from config.site import Site
from host.container import health_script
from host.files import Files
from host.volume_files import VolumeFiles, VolumeFilesArgs
from tests.unit.program import (
    CONTENT,
    EVERY_KIND,
    ROOT,
    SEVERAL_SITES,
    Graph,
    Registered,
    an_estate,
    own_config,
    run_main,
    run_program,
)

CAPABILITIES = {"CAP_NET_BIND_SERVICE"}
"""All that any container may have. A new one is a decision: write here what needs it."""
# - NET_BIND_SERVICE: the official Caddy's binary carries it and doesn't start without it.

FIELDS = {
    "labels", "mounts", "networksAdvanced", "ports", "image", "entrypoints", "command", "user",
    "envs", "capabilities", "securityOpts", "readOnly", "tmpfs", "memory", "memorySwap", "ulimits",
    "logDriver", "logOpts", "healthcheck", "init", "restart", "mustRun", "wait", "waitTimeout",
    "destroyGraceSeconds", "stopTimeout", "cpus",
}  # fmt: skip
"""All that a container may say. What would let it out (privileged, devices, the host's folders,
network or processes) is missing."""

COMMAND_PROPERTIES = {"create", "stdin", "triggers"}
"""What the program uses of local.Command. The stand-in that offline/engine builds has the
official semantics for these and refuses all others."""

PROVIDERS = {
    "pulumi-python:dynamic/homeport:CaddyfileLines": (
        "components.site.lines CaddyfileLinesProvider"
    ),
    "pulumi-python:dynamic/homeport:ContentFolder": ("host.content_view ContentFolderProvider"),
    "pulumi-python:dynamic/homeport:HostFolder": "host.host_folder HostFolderProvider",
    "pulumi-python:dynamic/homeport:HostImage": "host.host_image HostImageProvider",
    "pulumi-python:dynamic/homeport:Promotion": "host.promotion PromotionProvider",
    "pulumi-python:dynamic/homeport:RootCertificate": (
        "components.prometheus.root RootCertificateProvider"
    ),
    "pulumi-python:dynamic/homeport:StackId": "host.stack_id StackIdProvider",
    "pulumi-python:dynamic/homeport:VaultAccess": "components.vault.access VaultAccessProvider",
    "pulumi-python:dynamic/homeport:VaultService": "components.vault.service VaultServiceProvider",
    "pulumi-python:dynamic/homeport:VolumeFiles": "host.volume_files VolumeFilesProvider",
    "pulumi-python:dynamic/homeport:VolumeOwner": "host.volumes VolumeOwnerProvider",
}
"""Dynamic resources, and where every state written so far looks for their code."""


ASKING = {"alertmanager", "blackbox", "node-exporter"}
"""What Prometheus works with. Visitors never meet it."""

LEAVING = {"publisher", "prometheus", "alertmanager"}
"""Who may leave the host where `homeport:outside` is true."""

DATA = {
    "proxy-data", "content", "registry", "pypi", "vault-data", "prometheus-data",
    "alertmanager-data",
}  # fmt: skip
"""Data volumes, whose names are the same for ever."""

ASKED = (
    ("router", "router-config", "Caddyfile", r"reverse_proxy (?!site-)([a-z-]+):\d+"),
    ("prometheus", "prometheus-config", "prometheus.yml", r"- ([a-z-]+):\d+\n"),
    ("blackbox", "prometheus-config", "prometheus.yml", r"__param_target: https?://([a-z-]+):"),
)
"""Who asks other containers, and the file in which their names stand."""


def settings(graph: Graph) -> Settings:
    return graph.estate.settings


def sites(graph: Graph) -> Iterator[tuple[Site, Registered]]:
    """The sites that have a container, each with that."""
    for site in graph.estate.sites:
        if site.source and not graph.estate.shared(site):
            yield site, one([c for c in graph.containers if c.name == site.name])


def shared_sites(graph: Graph) -> list[Site]:
    """The sites whose files the gateway serves."""
    return [site for site in graph.estate.sites if graph.estate.shared(site)]


def router_caddyfile(graph: Graph) -> str:
    config = one([r for r in graph.of("VolumeFiles") if r.name == "router-config"])
    return str(config.inputs["files"]["Caddyfile"])


def registries(graph: Graph) -> set[str]:
    return {"registry", "pypi"} if settings(graph).registry else set()


def networks(container: Registered) -> set[str]:
    """The networks that a container stands in, by what they are for."""
    names = {network["name"] for network in container.inputs["networksAdvanced"]}
    return {name.rpartition("-")[0] for name in names}


def aliases(container: Registered) -> dict[str, str]:
    """The names by which others find a container, by network."""
    return {
        network["name"].rpartition("-")[0]: alias
        for network in container.inputs["networksAdvanced"]
        for alias in network["aliases"]
    }


def labels(resource: Registered) -> dict[str, str]:
    return {label["label"]: label["value"] for label in resource.inputs["labels"]}


def needs(resource: Registered) -> set[str]:
    """URNs of all that has to be there before."""
    return set(resource.options.dependencies)


def one(resources: list[Registered]) -> Registered:
    assert len(resources) == 1, [str(resource) for resource in resources]
    return resources[0]


# Containers


def test_every_container_is_hardened(graph: Graph) -> None:
    for container in graph.containers:
        said = container.inputs
        assert said["capabilities"]["drops"] == ["ALL"], container
        assert set(said["capabilities"]["adds"]) <= CAPABILITIES, container
        assert said["securityOpts"] == ["no-new-privileges:true"], container
        assert said["readOnly"] is True, container
        assert said["init"] is True, container
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said["user"]), f"{container} runs as root"
        for options in said["tmpfs"].values():
            assert {"noexec", "nosuid", "nodev"} <= set(options.split(",")), container
            assert "size=" in options, f"{container} could fill the host's memory"


def test_no_container_says_what_could_let_it_out(graph: Graph) -> None:
    for container in graph.containers:
        assert set(container.inputs) <= FIELDS, container


def test_every_container_is_bounded(graph: Graph) -> None:
    for container in graph.containers:
        said = container.inputs
        assert 0 < said["memory"] <= 512, container
        assert said["memorySwap"] == said["memory"], f"{container} may swap"
        limits = {limit["name"]: limit for limit in said["ulimits"]}
        assert 0 < limits["nproc"]["soft"] == limits["nproc"]["hard"], container
        assert said["logDriver"] == "json-file", container
        assert set(said["logOpts"]) == {"max-size", "max-file"}, f"{container} fills the disk"


def test_every_container_says_what_runs_whatever_its_image_says(graph: Graph) -> None:
    for container in graph.containers:
        assert len(container.inputs["entrypoints"]) == 1, container
        assert container.inputs["command"], container


def test_every_container_has_the_one_health_check(graph: Graph) -> None:
    always = settings(graph).restart == "always"
    for container in graph.containers:
        check = container.inputs["healthcheck"]
        *shell, script = check["tests"]
        assert shell == ["CMD", "sh", "-c"], container
        probe = shlex.split(script.splitlines()[1].partition(" sh -c ")[2])[0]
        assert script == health_script(probe, kill=always), container
        own = {"127.0.0.1", *aliases(container).values()}
        asked = re.findall(r"//([^:/]+)", probe)
        assert asked, container
        assert set(asked) <= own, f"{container} asks something other than itself"
        slowest = sum(int(s) for s in re.findall(r"(?:sleep|timeout) (\d+)", script))
        assert slowest < int(check["timeout"].removesuffix("s")), f"{container}: Docker ends it"


def test_durations_are_spelt_as_go_prints_them_or_every_preview_shows_a_change(
    graph: Graph,
) -> None:
    for container in graph.containers:
        check = container.inputs["healthcheck"]
        for duration in (check["interval"], check["timeout"], check["startPeriod"]):
            assert re.fullmatch(r"[1-5]?\ds|\d+m[1-5]?\ds", duration), f"{container}: {duration}"


def test_every_container_restarts_as_the_stack_says_and_is_waited_for(graph: Graph) -> None:
    for container in graph.containers:
        assert container.inputs["restart"] == settings(graph).restart, container
        assert container.inputs["mustRun"] is True, container
        # A site is waited for by its promotion.
        promoted = [p for p in graph.of("Promotion") if container.urn in needs(p)]
        assert container.inputs["wait"] is not bool(promoted), container


def test_every_container_ends_gracefully(graph: Graph) -> None:
    for container in graph.containers:
        assert container.inputs["destroyGraceSeconds"] >= 10, f"{container} is killed at once"
        assert container.inputs["stopTimeout"] == container.inputs["destroyGraceSeconds"]


def test_what_the_provider_forgets_to_update_replaces_the_container(graph: Graph) -> None:
    for container in graph.containers:
        replacing = set(container.options.replaceOnChanges)
        forgotten = {"healthcheck", "tmpfs", "init", "cpus", "mounts", "#initerror"}
        assert forgotten <= replacing, container


def test_what_owns_a_port_or_writes_a_volume_is_replaced_in_place_and_nothing_else(
    graph: Graph,
) -> None:
    for container in graph.containers:
        writes = any(not mount["readOnly"] for mount in container.inputs["mounts"])
        # Of what nobody promotes, two would answer to one name.
        alone = bool(writes or container.inputs.get("ports") or container.name in ASKING)
        assert container.options.deleteBeforeReplaceDefined, container
        assert container.options.deleteBeforeReplace == alone, container


def test_a_container_has_no_name_of_its_own_so_that_a_second_one_may_stand_beside_it(
    graph: Graph,
) -> None:
    for container in graph.containers:
        assert "name" not in container.inputs, container


def test_every_image_is_brought_to_the_host_before_it_is_used(graph: Graph) -> None:
    images = {image.inputs["ref"]: image.urn for image in graph.of("HostImage")}
    users = [r for r in graph.resources if "image" in r.inputs]
    assert users
    for user in users:
        assert images[user.inputs["image"]] in needs(user), user


# The way in


def test_only_the_gateway_publishes_and_only_on_the_stacks_address(graph: Graph) -> None:
    listen = settings(graph).listen
    published = {
        container.name: container.inputs["ports"]
        for container in graph.containers
        if container.inputs.get("ports")
    }
    ports = {
        "proxy": [(listen.http, "tcp"), (listen.https, "tcp")],
        "router": [(listen.https, "udp")],
    }
    assert published == {
        name: [
            {"internal": port, "external": port, "protocol": protocol, "ip": str(listen.address)}
            for port, protocol in sorted(of_name)
        ]
        for name, of_name in ports.items()
    }


def test_only_the_gateway_and_who_asks_for_it_stand_on_the_network_with_a_way_out(
    graph: Graph,
) -> None:
    asking = {site.name for site, _ in sites(graph) if site.egress}
    if settings(graph).outside:
        asking |= LEAVING & {container.name for container in graph.containers}
    out = {container.name for container in graph.containers if "edge" in networks(container)}
    assert out == {"proxy", "router"} | asking


def test_a_site_meets_the_gateway_alone_and_only_once_it_is_promoted(graph: Graph) -> None:
    for _, container in sites(graph):
        assert networks(container) - {"edge"} == {"idle"}, container
    there = {container.name for container in graph.containers if "web" in networks(container)}
    assert there == {"router"}


def test_nobody_gets_past_the_gateway_to_what_leaves_passwords_to_it(graph: Graph) -> None:
    """The registries ask for none: they answer on their network alone, where only the router is."""
    there = {container.name for container in graph.containers if "guarded" in networks(container)}
    assert there == {"router"} | registries(graph)
    for container in graph.containers:
        if container.name in registries(graph):
            assert networks(container).isdisjoint({"web", "edge", "idle"}), container
    if registries(graph):
        config = one([r for r in graph.of("VolumeFiles") if r.name == "registry-config"])
        listening = yaml.safe_load(config.inputs["files"]["config.yml"])["http"]["addr"]
        registry = one([c for c in graph.containers if c.name == "registry"])
        assert listening.partition(":")[0] == aliases(registry)["guarded"], "not on `services` too"


def test_every_network_is_internal_but_edge_which_joins_nobody(graph: Graph) -> None:
    others = {network.name: network for network in graph.of("Network")}
    edge = others.pop("edge")
    assert edge.inputs["internal"] is False
    assert edge.inputs["options"] == {"com.docker.network.bridge.enable_icc": "false"}
    assert set(others) == {"web", "idle", "services", "guarded"}
    for network in others.values():
        assert network.inputs["internal"] is True, network


def test_a_site_is_shown_to_visitors_by_its_promotion_alone(graph: Graph) -> None:
    web = one([network for network in graph.of("Network") if network.name == "web"])
    gateway = one([r for r in graph.of("VolumeFiles") if r.name == "router-config"])
    upstreams = set(
        re.findall(r"reverse_proxy (site-\S+):80", gateway.inputs["files"]["Caddyfile"])
    )
    promotions = graph.of("Promotion")
    assert upstreams == {promotion.inputs["alias"] for promotion in promotions}
    for promotion in promotions:
        site = one([c for c in graph.containers if c.name == promotion.name])
        assert promotion.inputs["container"] == f"{site.name}-id"
        assert promotion.inputs["network"] == f"{web.name}-id"
        assert needs(promotion) >= {site.urn, web.urn}
        assert all(not n["aliases"] for n in site.inputs["networksAdvanced"]), site


def test_the_gateway_depends_on_no_site_so_a_failing_one_holds_back_no_other(
    graph: Graph,
) -> None:
    for resource in graph.resources:
        if component_of(graph, resource) in ("proxy", "router"):
            needed = [r for r in graph.resources if r.urn in needs(resource)]
            assert {component_of(graph, r) for r in needed} <= {"host", "proxy", "router"}, resource


def test_a_redirect_or_an_upstream_is_a_route_and_nothing_that_runs(graph: Graph) -> None:
    gateway = one([r for r in graph.of("VolumeFiles") if r.name == "router-config"])
    for site in graph.estate.sites:
        component = one([r for r in graph.of("CaddySite") if r.name == site.name])
        children = [r for r in graph.resources if r.options.parent == component.urn]
        assert bool(children) == bool(site.source), children
        assert f"log_name {site.name}\n" in gateway.inputs["files"]["Caddyfile"]


def test_a_php_site_runs_the_image_with_php_and_others_run_caddy_alone(graph: Graph) -> None:
    images = graph.estate.images
    for site, container in sites(graph):
        php = site.runtime == "php"
        assert container.inputs["image"] == (images.php if php else images.site), container
        first = [*container.inputs["entrypoints"], *container.inputs["command"]][:3]
        assert first == (["serve", "caddy", "run"] if php else ["caddy", "run", "--config"])
    used = {r.inputs["ref"] for r in graph.of("HostImage")}
    assert used == {r.inputs["image"] for r in graph.resources if "image" in r.inputs}


def test_a_site_is_limited_as_its_file_says(graph: Graph) -> None:
    for site, container in sites(graph):
        usual = 256 if site.runtime == "php" else 128
        assert container.inputs["memory"] == (site.memory_mib or usual), container
        assert container.inputs.get("cpus") == (str(float(site.cpus)) if site.cpus else None), (
            container
        )


def test_free_lines_are_checked_before_they_are_written(graph: Graph) -> None:
    checks = {check.name: check for check in graph.of("CaddyfileLines")}
    of_site = {site.name: site for site in graph.estate.sites if site.caddyfile}
    assert set(checks) == set(of_site)
    for name, check in checks.items():
        is_shared = graph.estate.shared(of_site[name])
        assert check.inputs["shared"] == is_shared
        if not is_shared:
            files = one([r for r in graph.of("VolumeFiles") if r.name == f"{name}-config"])
            assert check.urn in needs(files)
        assert check.inputs["shown_as"] == f"config/sites/{name}.yaml"
        # The line of the person's own file is the line of the block that is adapted.
        text = (graph.root / check.inputs["shown_as"]).read_text().split("\n")
        block = check.inputs["block"].split("\n")
        at = int(check.inputs["shown_line"]), int(check.inputs["first_line"])
        assert text[at[0] - 1].strip() == block[at[1] - 1].strip() == "header A b"


def component_of(graph: Graph, resource: Registered) -> str:
    return resource.name if resource.is_component else graph.parent(resource).name


# Volumes


def test_containers_mount_volumes_of_this_stack_and_the_one_folder_that_a_site_shows(
    graph: Graph,
) -> None:
    """No Docker socket, and no other folder of the host."""
    stand_ins = settings(graph).sources.folders
    shown = {s.name: s.source.host_folder for s in graph.estate.sites if s.source}
    volumes = {volume_name(volume) for volume in graph.of("Volume")}
    for container in graph.containers:
        folder = shown.get(container.name)
        binds = [m for m in container.inputs["mounts"] if m["type"] != "volume"]
        if folder and folder not in stand_ins:
            content = {"type": "bind", "source": folder, "target": "/srv/current", "readOnly": True}
            assert binds == [content], container
            looked = one([r for r in graph.of("HostFolder") if r.name == container.name])
            assert looked.inputs["path"] == folder
            assert looked.urn in needs(container), "Docker would create a folder that is missing"
        elif container.name == "node-exporter":
            # A file that every host has and anybody may read.
            file, at = "/etc/os-release", "/disks/root"
            assert binds == [{"type": "bind", "source": file, "target": at, "readOnly": True}]
        else:
            assert binds == [], container
        for mount in container.inputs["mounts"]:
            assert mount in binds or mount["source"] in volumes, container
        assert "docker.sock" not in json.dumps(container.inputs), container
    for volume in graph.of("Volume"):
        if set(volume.inputs) - {"name", "labels"} and volume != in_memory(graph):
            assert volume.name.endswith("-view"), f"{volume} could be a folder of the host"


def test_a_site_that_follows_git_sees_its_own_content_and_no_other(graph: Graph) -> None:
    views = [volume for volume in graph.of("Volume") if "driverOpts" in volume.inputs]
    views.remove(in_memory(graph))
    contained = [site.name for site, _ in sites(graph) if site.name in graph.estate.remotes]
    assert {view.name for view in views} == {f"{name}-view" for name in contained}
    for name in contained:
        view = one([volume for volume in views if volume.name == f"{name}-view"])
        device = {"type": "none", "o": "bind", "device": f"{CONTENT}/{name}"}
        assert view.inputs["driverOpts"] == device
        folder = one([r for r in graph.of("ContentFolder") if r.name == name])
        assert folder.inputs["site"] == name
        assert folder.urn in needs(view), "Docker mounts no folder that is missing"
        container = one([c for c in graph.containers if c.name == name])
        (content,) = (m for m in container.inputs["mounts"] if m["target"] == "/srv")
        assert (content["source"], content["readOnly"]) == (volume_name(view), True)
        assert view.urn in needs(container)
        assert view.options.retainOnDelete is False, "what is in it stays where it is"


def test_all_content_is_written_by_the_publisher_and_read_by_the_router_alone(
    graph: Graph,
) -> None:
    whole = f"homeport-{graph.stack}-content"
    mounts = {
        (container.name, mount["target"], mount["readOnly"])
        for container in graph.containers
        for mount in container.inputs["mounts"]
        if mount["source"] == whole
    }
    writes = {("publisher", "/state", False)} if graph.estate.remotes else set()
    assert mounts == {("router", "/content", True)} | writes


def test_data_volumes_survive_a_destroy_under_a_name_that_the_next_up_finds(graph: Graph) -> None:
    for volume in (volume for volume in graph.of("Volume") if "name" in volume.inputs):
        assert volume.name in DATA, f"{volume}: another name would lose what stands under the old"
        assert volume.inputs["name"] == f"homeport-{graph.stack}-{volume.name}"
        assert volume.options.retainOnDelete is True, volume


def test_whatever_is_written_lasts_and_whatever_lasts_is_data(graph: Graph) -> None:
    written = {
        mount["source"]
        for container in graph.containers
        for mount in container.inputs["mounts"]
        if not mount["readOnly"]
    }
    # Of sites too: folders of it are written by the program itself.
    written.add(f"homeport-{graph.stack}-content")
    data = {v.inputs["name"] for v in graph.of("Volume") if v.options.retainOnDelete}
    assert written == data | {volume_name(in_memory(graph))}


def test_nothing_is_protected_so_that_destroy_can_go_through(graph: Graph) -> None:
    assert not [str(resource) for resource in graph.resources if resource.options.protect]


def test_a_container_starts_with_its_files_written_and_its_data_its_own(graph: Graph) -> None:
    for container in graph.containers:
        mounted = {mount["source"] for mount in container.inputs["mounts"]}
        for done in graph.of("VolumeFiles", "VolumeOwner"):
            # A folder of the volume of all content is a site's, and may fail with that alone.
            if done.inputs["volume"] in mounted and not done.inputs.get("folder"):
                assert done.urn in needs(container), f"{container} doesn't wait for {done}"


def in_memory(graph: Graph) -> Registered:
    """The volume that lasts as long as the gateway's containers, with what they have between them:
    who visits, and nothing that is read by anybody else."""
    sockets = one([v for v in graph.of("Volume") if v.name == "proxy-sockets"])
    assert sockets.inputs["driverOpts"]["type"] == "tmpfs"
    mounted = {
        container.name: mount["readOnly"]
        for container in graph.containers
        for mount in container.inputs["mounts"]
        if mount["source"] == volume_name(sockets)
    }
    assert mounted == {"proxy": True, "router": False}
    return sockets


def volume_name(volume: Registered) -> str:
    return str(volume.inputs.get("name", f"{volume.name}-0a1b2c3"))


# The whole


def test_containers_and_networks_carry_the_three_labels(graph: Graph) -> None:
    for resource in graph.of("Container", "Network"):
        network = resource in graph.of("Network")
        assert labels(resource) == {
            "homeport.stack": f"homeport/{graph.stack}",
            "homeport.component": "host" if network else resource.name,
            "homeport.state": "state-value",
        }, resource


def test_volumes_carry_labels_that_outlive_the_state(graph: Graph) -> None:
    of_the_gateway = {"proxy-data", "proxy-sockets", "content"}  # by who is asked, not who writes
    for volume in graph.of("Volume"):
        (component,) = (
            {"proxy"}
            if volume.name in of_the_gateway
            else {
                container.name
                for container in graph.containers
                if graph.parent(container) == graph.parent(volume)
                and volume_name(volume) in [mount["source"] for mount in container.inputs["mounts"]]
            }
        )
        assert labels(volume) == {
            "homeport.stack": f"homeport/{graph.stack}",
            "homeport.component": component,
        }, volume


def test_no_two_resources_of_a_type_and_a_parent_have_the_same_name(graph: Graph) -> None:
    """The engine refuses that, and mocks don't."""
    seen = Counter((r.type, r.options.parent, r.name) for r in graph.resources)
    assert [key for key, count in seen.items() if count > 1] == []


def test_every_component_registers_its_outputs(graph: Graph) -> None:
    for component in (r for r in graph.resources if r.is_component):
        assert component.urn in graph.with_outputs, component


def test_everything_belongs_to_a_component(graph: Graph) -> None:
    for resource in graph.resources:
        assert resource.is_component or graph.parent(resource).is_component, resource


def test_everything_of_docker_goes_to_the_stacks_own_host(graph: Graph) -> None:
    provider = one(graph.of("docker"))
    assert provider.inputs["host"] == settings(graph).docker_host
    for resource in graph.resources:
        if resource.type.startswith("docker:"):
            assert resource.options.provider.startswith(f"{provider.urn}::"), resource
        if resource.type.startswith("pulumi-python:") and "docker_host" in resource.inputs:
            assert resource.inputs["docker_host"] == settings(graph).docker_host, resource


def test_the_code_of_dynamic_resources_stays_where_existing_states_look_for_it(
    graph: Graph,
) -> None:
    """The state holds module and class by name. A class of a script would be in it whole."""
    for resource in graph.resources:
        if resource.type.startswith("pulumi-python:"):
            stored = base64.b64decode(resource.inputs["__provider"])
            assert len(stored) < 100, f"{resource} is stored by value"
            for name in PROVIDERS[resource.type].split():
                assert name.encode() in stored, resource


def test_the_probe_asks_when_all_that_visitors_could_notice_is_done(graph: Graph) -> None:
    probe = one([command for command in graph.of("Command") if command.name == "smoke"])
    assert {c.urn for c in graph.containers} <= needs(probe)
    assert {r.urn for r in graph.of("VolumeFiles")} <= needs(probe)
    assert probe.inputs["create"] == f"python3 -m commands probe --stack {graph.stack}"
    configured = ["router", *registries(graph), *(site.name for site, _ in sites(graph))]
    written = {f"{name}-config-digest" for name in configured}
    noticed = {word for trigger in probe.inputs["triggers"] for word in trigger.split()}
    visited = {c.name for c in graph.containers} - ASKING
    assert noticed == written | {f"{name}-id" for name in visited}


def test_the_command_plugins_stand_in_knows_all_that_is_used_of_it(graph: Graph) -> None:
    used = {name for command in graph.of("Command") for name in command.inputs}
    assert used <= COMMAND_PROPERTIES
    source = (ROOT / "offline/engine/command/local/command.go").read_text()
    known = re.search(r"var known = \[\]string\{(.*)\}", source)
    assert known
    assert used <= {name.strip(' "') for name in known[1].split(",")}


# Secrets


def plain_texts(value: Any) -> Iterator[str]:
    """Every text of a resource's inputs that stands outside the wrapper of a secret."""
    if rpc.is_rpc_secret(value):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from plain_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from plain_texts(item)
    else:
        yield str(value)


def in_plain(graph: Graph, secret: str) -> list[str]:
    """The resources in which a secret can be read."""
    return [
        str(resource)
        for resource in graph.resources
        if any(secret in text for text in plain_texts(dict(resource.inputs)))
    ]


PLANTED = {
    "webhook": "planted-webhook-1f0a",
    "token": "planted-token-72bc",
    "key": "-----BEGIN PRIVATE KEY-----\nplanted-key-e95d\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_secrets_of_sites_are_the_publishers_alone(tmp_path: Path, stack: str) -> None:
    root = an_estate(tmp_path, EVERY_KIND)
    graph = run_main(stack, root, settings={"site_secrets": {"notes": PLANTED}})
    for planted in ("planted-webhook-1f0a", "planted-token-72bc", "planted-key-e95d"):
        assert in_plain(graph, planted) == []
    files = one([r for r in graph.of("VolumeFiles") if r.name == "publisher-config"])
    secret_files = {
        path: rpc.unwrap_rpc_secret(text) for path, text in files.inputs["secret_files"].items()
    }
    assert secret_files == {
        "webhooks/notes": PLANTED["webhook"],
        "credentials/notes.token": PLANTED["token"],
        "credentials/notes.key": PLANTED["key"] + "\n",
    }
    assert files.inputs["owner"] == 1000


def test_hashes_of_passwords_are_the_gateways_alone(tmp_path: Path) -> None:
    hashed = {
        "ada": "$2b$11$" + "planted.ada" * 4 + "/ABCDEFGH",
        "bob": "$2y$10$" + "b." * 26 + "b",
    }
    users = {"ada": {"hash": hashed["ada"]}, "bob": {"hash": hashed["bob"], "registry": "write"}}
    given = {"users": users, "registry": {}}
    graph = run_main("prod", an_estate(tmp_path, {}), settings=given)
    for planted in hashed.values():
        assert in_plain(graph, planted) == []
    gateway = one([r for r in graph.of("VolumeFiles") if r.inputs["secret_files"]])
    assert gateway.name == "router-config"
    for path, text in gateway.inputs["secret_files"].items():
        assert path in ("accounts/registry", "accounts/pypi")
        lines = [f"{name} {text}\n" for name, text in hashed.items()]
        assert rpc.unwrap_rpc_secret(text) == "".join(lines)
    assert len(gateway.inputs["secret_files"]) == 2
    read_only = re.findall(r"not vars .*", gateway.inputs["files"]["Caddyfile"])
    assert read_only == ["not vars {http.auth.user.id} bob"] * 2


def test_a_change_of_users_replaces_nothing_and_restarts_nothing(tmp_path: Path) -> None:
    ada = {"ada": {"hash": "$2b$11$" + "a" * 53}}
    root = an_estate(tmp_path, {})
    before, after = (
        {
            (r.type, r.name): r.inputs
            for r in run_main("prod", root, settings={"registry": {}, "users": users}).resources
        }
        for users in ({}, ada)
    )
    assert before.keys() == after.keys()
    assert [name for kind, name in before if before[kind, name] != after[kind, name]] == [
        "router-config"
    ]


def test_a_user_without_a_hash_stops_the_update_and_no_command(tmp_path: Path) -> None:
    users = {"ada": {"registry": "write"}, "bob": {"hash": None}}
    root = an_estate(tmp_path, {})
    with pytest.raises(pulumi.RunError) as caught:
        run_main("prod", root, settings={"registry": {}, "users": users})
    assert str(caught.value).splitlines() == [
        "Pulumi.prod.yaml: homeport:users.ada has no hash; `make user NAME=ada STACK=prod` makes "
        "it",
        "Pulumi.prod.yaml: homeport:users.bob has no hash; `make user NAME=bob STACK=prod` makes "
        "it",
    ]
    config = own_config("prod") | {"users": json.dumps(users)}
    assert loading.load("prod", config, root).settings.users["ada"].registry == "write"


def test_secret_files_stay_in_their_wrappers_and_a_secret_elsewhere_is_found() -> None:
    def program() -> None:
        secret = pulumi.Output.secret("planted-7c1f")
        VolumeFiles("good", volume_files(public={"a": "public"}, secret={"b": secret}))
        VolumeFiles("leak", volume_files(public={"a": "with planted-7c1f in it"}))

    graph = run_program(program)
    assert in_plain(graph, "planted-7c1f") == ["pulumi-python:dynamic/homeport:VolumeFiles leak"]
    good = next(r.inputs for r in graph.resources if r.name == "good")
    assert rpc.is_rpc_secret(good["secret_files"]["b"])
    assert good["files"] == {"a": "public"}


def volume_files(**different: Any) -> VolumeFilesArgs:
    return VolumeFilesArgs(
        docker_host="unix:///d", volume="v", mount="/m", image="i:1", files=Files(**different)
    )


@pytest.mark.parametrize(
    ("given", "declared"), [("1", "1.0"), ("0.5", "0.5"), ("1.125", "1.125"), ("10", "10.")]
)
def test_a_limit_is_declared_as_the_provider_reads_it_back(
    tmp_path: Path, given: str, declared: str
) -> None:
    site = f"hosts: [blog]\nsource: {{folder: sites/blog}}\ncpus: {given}\n"
    graph = run_main("local", an_estate(tmp_path, {"blog.yaml": site}))
    (container,) = [c for c in graph.containers if component_of(graph, c) == "blog"]
    assert container.inputs["cpus"] == declared


# The publisher


def test_there_is_a_publisher_where_a_site_follows_git(graph: Graph) -> None:
    publishers = [c.name for c in graph.containers if component_of(graph, c) == "publisher"]
    assert publishers == (["publisher"] if graph.estate.remotes else [])
    assert (graph.estate.images.publisher in images(graph)) == bool(graph.estate.remotes)


def test_another_site_replaces_no_publisher(tmp_path: Path) -> None:
    more = {"more.yaml": "hosts: [more]\nsource: {git: https://a.org/b, webhook: /x}\n"}
    few = run_main("prod", an_estate(tmp_path / "few", EVERY_KIND))
    many = run_main(
        "prod",
        an_estate(tmp_path / "many", EVERY_KIND | more),
        settings={"site_secrets": {"more": PLANTED}},
    )
    by_name = [
        {
            (r.type, r.name): r.inputs
            for r in graph.resources
            if component_of(graph, r) == "publisher"
        }
        for graph in (few, many)
    ]
    assert by_name[0].keys() == by_name[1].keys()
    changed = {key for key in by_name[0] if by_name[0][key] != by_name[1][key]}
    assert changed == {("pulumi-python:dynamic/homeport:VolumeFiles", "publisher-config")}


def test_what_stands_in_for_repositories_is_mounted_where_a_stack_has_it(tmp_path: Path) -> None:
    root = an_estate(tmp_path, EVERY_KIND)
    mirror = {"https://git.example.org/": "sites/blog", "git@git.example.org:": "https://b.org/"}
    for sources, folders in (({"mirror": mirror}, {"sites/blog"}), ({}, set())):
        graph = run_main("local", root, settings={"sources": sources})
        publisher = one([c for c in graph.containers if c.name == "publisher"])
        targets = {mount["target"]: mount["readOnly"] for mount in publisher.inputs["mounts"]}
        mounted = {"/mirror": True} if folders else {}
        assert targets == {"/state": False, "/etc/publisher": True} | mounted
        files = {r.name: r for r in graph.of("VolumeFiles")}
        written = files["publisher-mirror"].inputs["folders"] if folders else {}
        assert set(written) == folders


def test_whoever_is_asked_for_is_found_on_a_network_of_who_asks(graph: Graph) -> None:
    """By one alone: of two with one name, Docker's DNS would give either."""
    by_name = {container.name: container for container in graph.containers}
    names = [alias for container in graph.containers for alias in aliases(container).items()]
    assert len(names) == len(set(names))
    all_asked = set()
    for who, config, file, name in ASKED:
        for written in (r for r in graph.of("VolumeFiles") if r.name == config):
            asked = set(re.findall(name, written.inputs["files"][file]))
            found = {alias for network, alias in names if network in networks(by_name[who])}
            assert asked <= found, who
            all_asked |= asked
    if settings(graph).prometheus:
        assert all_asked == {alias for _, alias in names}, "nobody has a name in vain"


@pytest.mark.parametrize("secret", ["nobody's", "one of two sites'"])
def test_a_webhook_is_answered_by_the_publisher_once_it_has_a_secret(
    tmp_path: Path, secret: str
) -> None:
    sites = {
        "a.yaml": "hosts: [www]\nsource: {git: https://a.org/a, webhook: /push}\n",
        "b.yaml": "hosts: [www/b, b]\nsource: {git: https://a.org/b, webhook: /push}\n",
    }
    given = {} if secret == "nobody's" else {"b": {"webhook": "planted"}}
    graph = run_main("prod", an_estate(tmp_path, sites), settings={"site_secrets": given})
    gateway = one([r for r in graph.of("VolumeFiles") if r.name == "router-config"])
    blocks = gateway.inputs["files"]["Caddyfile"].split("header_regexp Host ")
    for host in (r"b\.example\.org", r"www\.example\.org"):
        (text,) = [block for block in blocks if block.startswith(f"(?i)^{host}\\.")]
        hook = text.partition("path /push /push/*\n")[2].partition("log_name publisher\n")[2]
        hook = hook.replace("request_header -X-Forwarded*\n", "").lstrip()
        answer = "reverse_proxy publisher:8000 {" if given else 'respond "" 404'
        assert hook.startswith(f"{answer}\n"), host


def images(graph: Graph) -> set[str]:
    return {str(image.inputs["ref"]) for image in graph.of("HostImage")}


# Particular estates


def test_a_stack_without_sites_is_a_gateway_alone(tmp_path: Path) -> None:
    graph = run_main("local", an_estate(tmp_path, {}))
    assert {container.name for container in graph.containers} == {"proxy", "router"}
    assert graph.exports["urls"] == []


def test_only_the_welcome_page_is_given_what_the_stack_serves(tmp_path: Path) -> None:
    graph = run_main("local", an_estate(tmp_path, SEVERAL_SITES))
    generated = {
        r.name.removesuffix("-content"): r.inputs["files"]
        for r in graph.of("VolumeFiles")
        if not r.name.endswith("-config")
    }
    urls = [
        {"name": "blog", "kind": "site", "url": "https://blog.localhost:8443"},
        {"name": "blog", "kind": "site", "url": "https://www.example.org.localhost:8443"},
        {"name": "blog", "kind": "site", "url": "https://example.org.localhost:8443"},
        {"name": "shop_2", "kind": "site", "url": "https://xn--bcher-kva.example.localhost:8443"},
        {"name": "welcome", "kind": "site", "url": "http://welcome.localhost:8080"},
    ]
    listed = json.loads(generated.pop("welcome").pop("stack.json"))
    assert listed == {"stack": "local", "urls": urls}
    assert generated == {"blog": {}, "shop_2": {}}
    assert graph.exports["urls"] == [url["url"] for url in urls]


TWO_OF_EACH = SEVERAL_SITES | {
    "box.yaml": "hosts: [box]\nsource: {folder: sites/box}\nhosting: container\n"
}


@pytest.mark.parametrize("failing", ["shop_2-config", "blog"])
def test_a_failing_site_is_left_out_and_everything_else_goes_on(
    tmp_path: Path, failing: str
) -> None:
    graph = run_main("local", an_estate(tmp_path, TWO_OF_EACH), failing=f"VolumeFiles::{failing}")
    assert f"what depends on {failing} was left as it was" in graph.error
    contained = ["box"] if failing == "shop_2-config" else ["box", "shop_2"]
    assert sorted(c.name for c in graph.containers) == sorted(["proxy", "router", *contained])
    assert sorted(p.name for p in graph.of("Promotion")) == contained
    for name in ("blog", "welcome"):
        assert f"invoke site-{name}\n" in router_caddyfile(graph), "what it had is still served"
    assert graph.of("Command") == [], "the probe would ask for what can't answer"


def test_of_a_site_whose_lines_are_refused_nothing_is_served_and_others_are(
    tmp_path: Path,
) -> None:
    sites = SEVERAL_SITES | {"lines.yaml": EVERY_KIND["lines.yaml"]}
    root = an_estate(tmp_path, sites)
    well = router_caddyfile(run_main("local", root))
    assert "header A b\n" in well
    graph = run_main("local", root, failing="CaddyfileLines::lines")
    refused = router_caddyfile(graph)
    assert "header A b\n" not in refused
    assert 'respond "This site\'s configuration was refused." 503\n' in refused
    for name in ("blog", "welcome"):
        assert f"invoke site-{name}\n" in refused
    assert one([r for r in graph.of("VolumeFiles") if r.name == "lines"]), "its pages are brought"


def test_a_shared_site_is_its_content_and_its_lines_alone(graph: Graph) -> None:
    """No container, volume or network, and nothing for each of its hosts."""
    for site in shared_sites(graph):
        component = one([r for r in graph.of("CaddySite") if r.name == site.name])
        assert site.source
        content = "ContentFolder" if site.source.git else "VolumeFiles"
        expected = {content} | ({"CaddyfileLines"} if site.caddyfile else set())
        children = [r for r in graph.resources if r.options.parent == component.urn]
        assert {child.type.rpartition(":")[2].rpartition("/")[2] for child in children} == expected
        assert len(children) == len(expected)
        assert f"invoke site-{site.name}\n" in router_caddyfile(graph)


def test_a_shared_site_is_written_below_its_own_folder_of_all_content(graph: Graph) -> None:
    folders = set()
    for site in shared_sites(graph):
        (content,) = (r for r in graph.of("VolumeFiles", "ContentFolder") if r.name == site.name)
        assert content.inputs["volume"] == f"homeport-{graph.stack}-content"
        if content in graph.of("VolumeFiles"):
            assert (content.inputs["mount"], content.inputs["owner"]) == ("/content", 1000)
            folders.add(content.inputs["folder"])
        else:
            folders.add(f"sites/{content.inputs['site']}")
        assert f"root * /content/sites/{site.name}/current\n" in router_caddyfile(graph)
    assert folders == {f"sites/{site.name}" for site in shared_sites(graph)}


def test_what_the_router_serves_can_name_none_of_its_keys(graph: Graph) -> None:
    """Their path has a part that nobody can list, guess, or read in the router's own files."""
    router = one([c for c in graph.containers if c.name == "router"])
    (keys,) = (m for m in router.inputs["mounts"] if m["source"].endswith("-proxy-data"))
    assert keys["target"] == "/state/unlisted/state-value"
    assert "mode=0711" in router.inputs["tmpfs"]["/state/unlisted"].split(",")
    assert "/state" in router.inputs["tmpfs"], "the mount point is new at each start"
    assert "state-value" not in json.dumps(
        [dict(r.inputs) for r in graph.of("VolumeFiles") if r.name == "router-config"]
        + [router.inputs["command"], router.inputs["healthcheck"]]
    )


def test_bad_files_stop_the_program_with_all_their_problems_and_no_traceback(
    tmp_path: Path,
) -> None:
    root = an_estate(tmp_path, {"blog.yaml": "hosts: []", "shop.yaml": "nothing"})
    with pytest.raises(pulumi.RunError) as caught:
        run_main("local", root)
    assert str(caught.value).count("\n") == 1
    assert caught.value.__cause__ is None


# The source


def sources(*folders: str) -> dict[str, ast.Module]:
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text()) for file in files}


def imports(module: ast.Module) -> set[str]:
    """Names of all modules that a module imports, also within functions."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "modules are imported by their full names"
            found.add(str(node.module))
    return found


def last_name(called: ast.expr) -> str:
    """The last part of a called name, such as `docker.Container`. `ast.unparse` is slow."""
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ast.unparse(called)


def attributes(module: ast.Module) -> set[str]:
    """Every dotted name that a module uses, such as `docker.Container`."""
    return {ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Attribute)}


def test_one_module_constructs_containers() -> None:
    calls = {
        path
        for path, module in sources("components", "host", "config", "values", "commands").items()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and last_name(node.func).endswith("Container")
    }
    assert calls == {"host/container.py"}


def test_components_get_arguments_and_read_no_configuration_and_no_environment() -> None:
    for path, module in sources("components", "host").items():
        if path == "components/registry/pypi_gunicorn.py":
            continue  # runs in the package index's container
        used = {name.partition(".")[0] for name in imports(module)}
        assert used.isdisjoint({"config", "commands", "os"}), path
        assert attributes(module).isdisjoint(
            {"pulumi.Config", "pulumi.runtime.config", "pulumi.config", "os.environ"}
        ), path


def test_the_program_knows_nothing_of_how_images_and_engine_are_built_offline() -> None:
    for folder in ("components", "host", "config", "values"):
        for file in (ROOT / folder).rglob("*.*"):
            if file.suffix in (".py", ".yaml"):
                assert "offline" not in file.read_text(), file


def test_the_steps_of_a_preparation_come_first_and_one_after_the_other(graph: Graph) -> None:
    steps = [command for command in graph.of("Command") if command.name != "smoke"]
    assert tuple(step.name for step in steps) == settings(graph).prepare
    for before, step in pairwise(steps):
        assert before.urn in needs(step)
    for first in (*graph.of("StackId"), *graph.of("HostImage")):
        assert {step.urn for step in steps[-1:]} <= needs(first)


def test_the_proxy_is_replaced_before_the_router_which_has_a_port_of_the_old_one(
    graph: Graph,
) -> None:
    by_name = {container.name: container for container in graph.containers}
    assert by_name["proxy"].urn in needs(by_name["router"])


def test_a_backup_on_demand_declares_nothing(tmp_path: Path) -> None:
    """`make backup` alone brings its image, so previews take as long as without it."""
    root = an_estate(tmp_path, SEVERAL_SITES)
    section = {"repository": "rest:https://backup.example.org/prod", "password": "p" * 20}
    without, with_it = (
        run_main("prod", root, settings=settings) for settings in ({}, {"backup": section})
    )
    assert {r.urn: r.inputs for r in with_it.resources} == {
        r.urn: r.inputs for r in without.resources
    }
    assert not [r for r in without.resources if "backup" in repr((r.urn, r.inputs))]

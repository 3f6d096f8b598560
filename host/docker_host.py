"""The Docker host: the provider, the images and the networks that everything stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from host.host_image import HostImage
from host.labels import plain_labels
from host.stack_id import StackId
from values.command_line import make


@dataclass(frozen=True, kw_only=True)
class DockerHostArgs:
    """Which host, and how its containers behave."""

    docker_host: str
    """`unix:///…` or `ssh://user@host`."""
    restart: str
    """Restart policy of every container: `no` or `always`."""
    images: Sequence[Sequence[str]]
    """References (name and version) of all images that containers use, in groups. Those of the
    first group come first; the other groups come beside each other, in each one after the other:
    a provider has four threads, which images that are built hold for minutes."""
    after: Sequence[pulumi.CustomResource] = ()
    """What prepares a host that may have no Docker yet."""


class DockerHost(pulumi.ComponentResource):
    """The docker provider, every image, and five networks.

    - `edge` has a way out, and no way from one container to another;
    - `web` joins the gateway and the sites that visitors may see;
    - `idle` is where a site starts, unseen;
    - `services` joins the gateway and the services;
    - `guarded` joins the gateway and what leaves passwords to it: nobody else gets there.

    All but `edge` are internal: no route out of the host. Installing Docker on the host is
    left to `HostPreparation` and to the host's owner.
    """

    def __init__(
        self, name: str, args: DockerHostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:DockerHost", name, None, opts)
        self.docker_host = args.docker_host
        self.restart = args.restart
        self.stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        child = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        self.stack_id = StackId(
            "state",
            stack=pulumi.get_stack(),
            docker_host=args.docker_host,
            may_be_bare=bool(args.after),
            opts=child,
        ).value
        # Known once the host is prepared: the provider of a known host asks it, in preview too.
        prepared = pulumi.Output.all(*(resource.id for resource in args.after))
        self.provider = docker.Provider(
            "docker", host=prepared.apply(lambda _: args.docker_host), opts=child
        )
        self._images: dict[str, HostImage] = {}
        first, *others = args.images
        last = self._bring(first, child)
        for group in others:
            self._bring(group, last)
        # Traffic between containers is off: a way out of the host, never a way to a peer.
        self.edge = self._network("edge", options={"com.docker.network.bridge.enable_icc": "false"})
        self.web = self._network("web", internal=True)
        self.idle = self._network("idle", internal=True)
        self.services = self._network("services", internal=True)
        self.guarded = self._network("guarded", internal=True)
        self.register_outputs({"stack_id": self.stack_id})

    def image(self, ref: str) -> HostImage:
        """The resource that brings an image; whatever uses the image depends on it."""
        return self._images[ref]

    def child(
        self, parent: pulumi.Resource, image: str, *, after: Sequence[pulumi.Resource] = ()
    ) -> pulumi.ResourceOptions:
        """Options of whatever is declared on this host, uses `image` and comes `after` others."""
        return pulumi.ResourceOptions(
            parent=parent, provider=self.provider, depends_on=[self.image(image), *after]
        )

    def labels(self, component: str) -> dict[str, pulumi.Input[str]]:
        """Labels of a container or network: whose it is, and which state knows it."""
        return {**self.plain_labels(component), "homeport.state": self.stack_id}

    def plain_labels(self, component: str) -> dict[str, str]:
        """Labels that never change, for volumes that outlive the state."""
        return plain_labels(self.stack, component)

    def volume_labels(self, component: str) -> list[docker.VolumeLabelArgs]:
        """The same, as a volume takes them."""
        return [
            docker.VolumeLabelArgs(label=label, value=value)
            for label, value in self.plain_labels(component).items()
        ]

    def among_services(self, *, outside: bool) -> dict[str, pulumi.Output[str]]:
        """Networks of a service by what they are for, with a way out where it may go `outside`."""
        networks = {"services": self.services.name}
        return networks | ({"edge": self.edge.name} if outside else {})

    def make(self, target: str) -> str:
        """What a person types for a make target on this stack."""
        return make(pulumi.get_stack(), target)

    def volume_name(self, name: str) -> str:
        """The fixed name of a data volume: the next `up` finds it, also after a destroy."""
        return f"{self.stack.replace('/', '-')}-{name}"

    def _bring(self, refs: Sequence[str], opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Images one after the other; returns the options of what comes after the last."""
        for ref in refs:
            if ref not in self._images:
                self._images[ref] = HostImage(ref, docker_host=self.docker_host, ref=ref, opts=opts)
            after = pulumi.ResourceOptions(depends_on=[self._images[ref]])
            opts = pulumi.ResourceOptions.merge(opts, after)
        return opts

    def _network(
        self, name: str, *, internal: bool = False, options: dict[str, str] | None = None
    ) -> docker.Network:
        return docker.Network(
            name,
            driver="bridge",
            internal=internal,
            options=options,
            labels=[
                docker.NetworkLabelArgs(label=label, value=value)
                for label, value in self.labels("host").items()
            ],
            opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
        )

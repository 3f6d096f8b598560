"""The program under Pulumi's mocks: all that it asks the engine for, options included.

Mocks check less than the engine does. They take two resources of one name, and they hand
plain text on where a secret belongs, so the tests of the whole graph look for both.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import runpy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pulumi.runtime import resource as pulumi_resource
from pulumi.runtime import stack as pulumi_stack
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.rpc_manager import RPCManager

from config import loading
from config.estate import Estate
from config.settings import PROJECT, Settings
from host import engine

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, repr=False)
class Registered:
    """One resource as the program declared it."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    """What the engine gets, secrets still in their wrappers."""
    options: Any  # a RegisterResourceRequest; Pulumi ships no types for it

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"

    @property
    def is_component(self) -> bool:
        return not self.options.custom


@dataclass(frozen=True)
class Graph:
    """All that one run of a program registered."""

    stack: str
    root: Path
    """Whose site files and folders it was made of."""
    config: Mapping[str, str]
    """The stack's configuration, in the engine's form."""
    resources: tuple[Registered, ...]
    with_outputs: frozenset[str]
    """URNs of the components that registered their outputs."""
    exports: Mapping[str, Any]
    error: str
    """How the program ended, where a resource could not be made."""

    def of(self, *types: str) -> list[Registered]:
        """The resources of these types, by the last part of the type's token."""
        return [r for r in self.resources if r.type.rpartition(":")[2] in types]

    @property
    def containers(self) -> list[Registered]:
        return self.of("Container")

    @property
    def estate(self) -> Estate:
        """What its files say."""
        return loading.load(self.stack, _own(self.config), self.root)

    def parent(self, child: Registered) -> Registered:
        return next(r for r in self.resources if r.urn == child.options.parent)


CONTENT = "/where/docker/keeps/content/sites"
"""The folder of the host that has a folder for each site that follows git."""


class _Mocks(pulumi.runtime.Mocks):
    """Gives each resource an id, and the outputs that the program goes on with."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        computed = {
            "name": f"{args.name}-0a1b2c3",  # as the docker provider names what has no name
            "value": f"{args.name}-value",
            "digest": f"{args.name}-digest",
            "path": f"{CONTENT}/{args.name}",
        }
        return f"{args.name}-id", computed | args.inputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program asks a provider for {args.token}")


class _Monitor(MockMonitor):
    """Keeps each request: options and parents are in it, and not in what mocks are told."""

    def __init__(self, failing: str | None) -> None:
        super().__init__(_Mocks())
        self.failing = failing
        self.registered: list[Registered] = []
        self.with_outputs: set[str] = set()
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name for it
        response: Any = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            inputs = MessageToDict(request.object)
            with self._lock:
                self.registered.append(
                    Registered(response.urn, request.type, request.name, inputs, request)
                )
        if self.failing and response.urn.endswith(self.failing):
            response.result = resource_pb2.Result.FAIL
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the engine's name
        with self._lock:
            self.with_outputs.add(request.urn)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def run_program(
    program: Callable[[], object],
    *,
    stack: str = "local",
    root: Path = ROOT,
    config: Mapping[str, str] | None = None,
    failing: str | None = None,
) -> Graph:
    """Run `program` as the engine would, with this configuration, and return what it declared.

    A resource whose URN ends in `failing` can't be made, and the engine goes on without it.
    All of Pulumi's settings, configuration included, are context variables: a context of
    its own keeps them from the next test.
    """
    monitor = _Monitor(failing)
    error = ""
    config = dict(config or {})

    def run() -> Mapping[str, Any]:
        pulumi.runtime.set_all_config(config)
        pulumi.runtime.set_mocks(monitor.mocks, PROJECT, stack, preview=False, monitor=monitor)
        # Waits for every registration, so absence is provable after it.
        pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
        exports: Mapping[str, Any] = getattr(pulumi.runtime.get_root_resource(), "outputs", {})
        return exports

    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        # The SDK tells the engine by which calls each resource came about. With those of pytest
        # among them that takes a sixth of the time, and no test reads it.
        patch.setattr(pulumi_resource, "_get_stack_trace", source_pb2.StackTrace)
        # Nobody reads the results that depend on a failed resource. Told about when they are
        # collected, they would crash Pythons before 3.11.8 in the midst of pytest's own work.
        runner.get_loop().set_exception_handler(lambda _loop, _context: None)
        asyncio.set_event_loop(runner.get_loop())
        exports: Mapping[str, Any] = {}
        try:
            exports = contextvars.Context().run(run)
        except pulumi.RunError as caught:
            if not failing:
                raise
            error = str(caught)
        asyncio.set_event_loop(None)
    registered = tuple(monitor.registered)
    return Graph(stack, root, config, registered, frozenset(monitor.with_outputs), exports, error)


OPENED_SEAL_KEY = "5ea1" * 16
"""A secret that has to be of a form."""


def opened(value: Any) -> Any:
    """A value of a stack's file as the engine hands it over: with its secrets in plain."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"secure"}:
        return "opened-by-the-engine"
    return {
        key: OPENED_SEAL_KEY if key == "seal_key" else opened(item) for key, item in value.items()
    }


def engine_config(stack: str, *, services: bool = False) -> dict[str, str]:
    """The stack's configuration in the engine's form: texts, structures as JSON, defaults set.

    Services are left out unless they are asked for, as most tests are about sites.
    """
    return {
        key: text
        for key, text in _stacks_config(stack).items()
        if services or key.removeprefix(f"{PROJECT}:") not in Settings.sections()
    }


@functools.cache
def _stacks_config(stack: str) -> Mapping[str, str]:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    file = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values = {f"{PROJECT}:{key}": d["default"] for key, d in project.items() if "default" in d}
    return {
        key: value if isinstance(value, str) else json.dumps(opened(value))
        for key, value in (values | file).items()
    }


def own_config(stack: str, *, services: bool = False) -> dict[str, str]:
    """The same without the project's name, as `loading.load` takes it."""
    return _own(engine_config(stack, services=services))


def _own(config: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(f"{PROJECT}:"): text for key, text in config.items()}


def run_main(
    stack: str,
    root: Path = ROOT,
    *,
    failing: str | None = None,
    services: bool = False,
    settings: Mapping[str, object] | None = None,
) -> Graph:
    """The graph of the real program, with the site files and folders below `root`.

    `settings` are the stack's that are different, without the project's name.
    """

    def main() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    with pytest.MonkeyPatch.context() as patch:
        # The program patches the SDK when it starts; here it must be undone.
        patch.setattr(RPCManager, "do_rpc", RPCManager.do_rpc)
        patch.setattr(pulumi_stack, "wait_for_rpcs", pulumi_stack.wait_for_rpcs)
        patch.setattr(pulumi.log, "debug", pulumi.log.debug)
        patch.setattr(engine, "reachable", lambda _: False)  # no test of the graph asks a host
        load = loading.load
        patch.setattr(loading, "load", lambda s, c: load(s, c, root))
        patch.chdir(root)
        different = {f"{PROJECT}:{key}": json.dumps(v) for key, v in (settings or {}).items()}
        config = engine_config(stack, services=services) | different
        return run_program(main, stack=stack, root=root, config=config, failing=failing)


@functools.cache
def every_service() -> Graph:
    """This repository's own local stack, as it is. Tests that share it only read it."""
    return run_main("local", services=True)


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Files by their path below `root`."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def an_estate(root: Path, sites: Mapping[str, str]) -> Path:
    """A root with this repository's images and vault, these site files, and a folder for each."""
    own = ("config/images.yaml", "config/vault.yaml")
    write_files(root, {path: (ROOT / path).read_text() for path in own})
    (root / "config/sites").mkdir()
    write_files(root, {f"config/sites/{name}": text for name, text in sites.items()})
    write_files(root, {f"sites/{Path(n).stem}/index.html": f"<p>{n}</p>" for n in sites})
    return root


SEVERAL_SITES = {
    "blog.yaml": "hosts: [blog, www.example.org, example.org]\nsource: {folder: sites/blog}\n",
    "shop_2.yaml": "hosts: [Bücher.example]\nsource: {folder: sites/shop_2}\nhosting: container\n",
    "welcome.yaml": "hosts: [welcome]\nsource: {folder: sites/welcome}\n",
}

EVERY_KIND = {
    "blog.yaml": "hosts: [blog, example.org/blog]\nsource: {folder: sites/blog}\nlisting: true\n"
    "not_found: lost.html\nemail: ada@example.com\nmemory_mib: 64\ncpus: 0.5\n",
    "bare.yaml": "hosts: [bare]\nsource: {folder: sites/bare}\n",
    "lines.yaml": "hosts: [lines]\nsource: {folder: sites/lines}\ncaddyfile: |\n  header A b\n",
    "asks.yaml": "hosts: [asks]\nsource: {git: https://git.example.org/asks}\n"
    "hosting: container\ncaddyfile: |\n  header A b\n",
    "shop.yaml": "hosts: [shop]\nsource: {folder: sites/shop}\nruntime: php\negress: true\n",
    "forum.yaml": "hosts: [forum]\nsource: {git: https://git.example.org/forum}\nruntime: php\n",
    "notes.yaml": "hosts: [notes, forum/notes]\nsource: {git: git@git.example.org:notes, "
    "branch: main, as: notes, every: 1h, webhook: /push}\n",
    "photos.yaml": "hosts: [photos]\nsource: {host_folder: /srv/photos}\negress: true\n",
    "moved.yaml": "hosts: [example.org, old]\nredirect: {to: https://blog.example.org/}\n",
    "away.yaml": "hosts: [away]\n"
    "redirect: {to: 'https://example.net/?a', permanent: false, keep_path: false}\n",
    "outside.yaml": "hosts: [outside, example.org/api]\nupstream: http://192.0.2.7:9104\n",
}

SHAPES: dict[str, tuple[str, Mapping[str, str] | None, bool]] = {
    "local with every service": ("local", None, True),
    "local without sites": ("local", {}, False),
    "local with every kind": ("local", EVERY_KIND, False),
    "prod with several sites": ("prod", SEVERAL_SITES, False),
    "prod with every kind": ("prod", EVERY_KIND, False),
}
"""Stacks by name: whose settings, which sites instead of this repository's own, whose examples
`prod` refuses, and whether it has services."""

"""What folders and the Docker host say against sites: all of it, before anything is declared.

The engine stops at the first resource that refuses its properties, and names the resource.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.site import lines, lines_adapted, lines_paths, lines_rules
from components.site.served import Content
from config.estate import Estate
from config.settings import PROJECT, ROOT
from host import engine, host_folder
from host.labels import plain_labels
from host.provider import Props, ToldError
from host.volume_files import folder_digest
from values import tokens

_TAKEN = ROOT / ".engine/taken"
"""A file for each set of lines that Caddy and the rules took: they are looked at once."""
_RULES = (
    lines,
    lines_adapted,
    lines_paths,
    lines_rules,
    tokens,
)
_KEPT = 1000


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something to ask the host about one site."""

    ask: Callable[[Props], str]
    """What is wrong; empty where nothing is."""
    props: Props
    taken: Path | None = None
    """Where a yes is remembered; None where it may be a no the next time."""

    def answer(self) -> str:
        """What is wrong; empty where nothing is, or where the host can't be asked yet."""
        if self.taken and self.taken.exists():
            return ""
        client = engine.connect(self.props["docker_host"])
        if not engine.has_image(client, self.props["image"]):
            return ""  # `up` asks, once it has brought the image
        problem = self.ask(self.props)
        if not problem and self.taken:
            _remember(self.taken)
        return problem


def refuse_what_the_host_refuses(estate: Estate, sites: Mapping[str, object]) -> None:
    """Raise pulumi.RunError with every problem of these sites, by name."""
    problems = list(_folders(sites))
    questions = list(_questions(estate, sites))
    # Where it doesn't answer, the provider of the containers tells why.
    if questions and engine.reachable(estate.settings.docker_host):
        with ThreadPoolExecutor(max_workers=4) as threads:
            problems += filter(None, threads.map(Question.answer, questions))
    if problems:
        raise pulumi.RunError("\n".join(problems))


def _folders(sites: Mapping[str, object]) -> Iterator[str]:
    """What can't be served of folders of this repository. What they hold is read once."""
    folder_digest.cache_clear()
    for name, content in sites.items():
        if isinstance(content, Content) and content.folder:
            try:
                folder_digest(content.folder)
            except ToldError as error:
                yield f"config/sites/{name}.yaml: {error}"


def _questions(estate: Estate, sites: Mapping[str, object]) -> Iterator[Question]:
    docker_host = estate.settings.docker_host
    for name, content in sites.items():
        if not isinstance(content, Content):
            continue
        labels = plain_labels(f"{PROJECT}/{estate.stack}", name)
        if content.host_folder:
            props: Props = {
                "docker_host": docker_host,
                "path": content.host_folder,
                "shown_as": content.host_folder_at,
                "image": content.image,
                "labels": labels,
            }
            yield Question(ask=host_folder.problem, props=props)
        if content.server.lines:
            props = content.question_of_lines(docker_host, labels)
            yield Question(ask=lines.problem, props=props, taken=_taken(props))


def _taken(props: Props) -> Path:
    """By all that the answer depends on: what is asked, and who answers."""
    asked = [props["image"], props["block"], props["egress"], props["runtime"]]
    return _TAKEN / hashlib.sha256(repr((asked, _rules())).encode()).hexdigest()


@functools.cache
def _rules() -> tuple[bytes, ...]:
    """The rules as they are written: other rules look at all lines again."""
    return tuple(Path(str(module.__file__)).read_bytes() for module in _RULES)


def _remember(taken: Path) -> None:
    with suppress(OSError):  # then it is asked again
        taken.parent.mkdir(parents=True, exist_ok=True)
        taken.touch()
        known = sorted(taken.parent.iterdir(), key=lambda file: file.stat().st_mtime)
        for old in known[:-_KEPT]:
            old.unlink()

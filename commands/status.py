"""`status`: what runs, how it is, and where it answers."""

from __future__ import annotations

from commands.context import Context
from commands.error import CommandError
from commands.health import health
from commands.probe import Answer, ask
from commands.table import table
from host.engine import THROWAWAY


def run(context: Context) -> int:
    """Print components with their health and URLs with their answers; 1 where one is not well."""
    containers = [c for c in context.containers() if THROWAWAY not in c.labels]
    if not containers:
        print(f"stack {context.stack}: nothing runs; `{context.make('up')}` brings it up")
        return 1
    rows = [(c.labels["homeport.component"], health(c), c.attrs["Config"]["Image"])
            for c in containers]  # fmt: skip
    print(table(("component", "health", "image"), rows))
    print()
    urls = context.estate.urls()
    try:
        with context.door() as door:
            answers = [ask(door, url) for url in urls]
    except CommandError as error:
        answers = [Answer(str(error), well=False)] * len(urls)
    print(
        table(("url", "answer"), [(u["url"], a.text) for u, a in zip(urls, answers, strict=True)])
    )
    well = all(how == "healthy" for _, how, _ in rows) and all(a.well for a in answers)
    return 0 if well else 1

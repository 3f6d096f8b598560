"""Decides when to publish each site: at start, at its interval, after a push, after a failure."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from publisher.git import Git, RefusedError
from publisher.paths import Paths
from publisher.processes import Processes, StoppedError
from publisher.publish import Status, publish, read_status
from publisher.sources import Limits, Site, Sources, SourcesError, load, server

log = logging.getLogger("publisher")

_JOBS, _JOBS_OF_SERVER = 4, 2
_LOOK_SECONDS = 1.0
_DEBOUNCE_SECONDS = 1.0
_RETRY_SECONDS = 15
_ALIVE_SECONDS = 10

Publish = Callable[[Git], Status]


@dataclass
class Job:
    """A site, and the outcome of its runs."""

    site: Site
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    removed: bool = False
    failures: int = 0
    """Failed runs in a row."""
    failed: int = 0
    """Failed runs since the service started."""
    status: Status | None = None
    seconds: float | None = None
    last_attempt: float | None = None
    last_success: float | None = None


class Scheduler:
    """Runs every site when it is due, a few at once. One event loop uses it."""

    def __init__(self, paths: Paths, run: Publish = publish) -> None:
        self.jobs: dict[str, Job] = {}
        self._paths, self._run = paths, run
        self._processes = Processes()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._limits = Limits(seconds=300, mib=512, files=50_000)
        self._seen: str | None = None
        self._looked = time.monotonic()
        self._slots = asyncio.Semaphore(_JOBS)
        self._slots_of = defaultdict[str, asyncio.Semaphore](
            lambda: asyncio.Semaphore(_JOBS_OF_SERVER)
        )

    @property
    def alive(self) -> bool:
        return time.monotonic() - self._looked < _ALIVE_SECONDS

    async def follow(self) -> None:
        """Follow sources.json until cancelled; then end all runs."""
        shutil.rmtree(self._paths.temporary, ignore_errors=True)
        try:
            while True:
                self._look()
                self._looked = time.monotonic()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._processes.stop()
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def trigger(self, name: str) -> None:
        """Run a site soon, because a push was announced."""
        if name in self.jobs:
            self.jobs[name].wake.set()

    def _look(self) -> None:
        """Read sources.json if it was switched."""
        try:
            release = str(self._paths.configured.readlink())
        except OSError as error:
            release = str(error)
        if release == self._seen:
            return
        self._seen = release
        try:
            sources = load(self._paths.sources)
        except SourcesError as error:
            log.error("the previous sources stay in use: %s", error)  # noqa: TRY400 - no traceback needed
            return
        self._take(sources)

    def _take(self, sources: Sources) -> None:
        self._limits = sources.limits
        sites = {site.name: site for site in sources.sites}
        for name in self.jobs.keys() - sites.keys():
            self.jobs[name].removed = True
            self.jobs.pop(name).wake.set()
        for name, site in sites.items():
            job = self.jobs.get(name)
            if not job:
                self._add(site)
            elif job.site != site or job.failures:
                # A failed site may now have what it lacked, such as a token.
                job.site = site
                job.wake.set()
        log.info("following %d sites", len(sites))

    def _add(self, site: Site) -> None:
        file = self._paths.status(site.name)
        job = Job(site, status=read_status(file))
        if job.status:
            with contextlib.suppress(OSError):
                job.last_success = file.stat().st_mtime
        self.jobs[site.name] = job
        before = self._tasks.get(site.name)
        self._tasks[site.name] = asyncio.create_task(self._keep(job, before))

    async def _keep(self, job: Job, before: asyncio.Task[None] | None) -> None:
        """Run a site as long as it is configured, starting when the task `before` has ended."""
        if before:
            await before
        while not job.removed:
            if job.site.fetch is not None:
                async with self._slots_of[server(job.site.fetch)], self._slots:
                    if job.removed:
                        break
                    job.wake.clear()  # this run includes every push announced so far
                    await asyncio.to_thread(self._once, job)
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(self._pause(job)):
                    await job.wake.wait()
                await asyncio.sleep(_DEBOUNCE_SECONDS)
        await asyncio.to_thread(
            shutil.rmtree, self._paths.repository(job.site.name), ignore_errors=True
        )

    def _pause(self, job: Job) -> float:
        """Seconds until the next run, with some randomness so that sites don't run all at once."""
        every = float(job.site.every)
        if job.failures:
            every = min(every, _RETRY_SECONDS * 2.0 ** min(job.failures - 1, 20))
        return every * random.uniform(0.9, 1.1)  # noqa: S311 - no secret

    def _once(self, job: Job) -> None:
        """One run, in its own thread."""
        site = job.site
        job.last_attempt = time.time()
        git = Git(
            self._processes, self._paths, site, self._limits, self._paths.repository(site.name)
        )
        try:
            job.status = self._run(git)
        except StoppedError:
            return
        except RefusedError as error:
            self._failed(job, f"{site.url}: {error}")
        except Exception:
            log.exception("%s: an unexpected error", site.name)
            self._failed(job, "nothing was published, because of the unexpected error above")
        else:
            job.failures = 0
            job.last_success = time.time()
        job.seconds = time.monotonic() - git.started

    @staticmethod
    def _failed(job: Job, reason: str) -> None:
        job.failures += 1
        job.failed += 1
        log.warning("%s: %s", job.site.name, reason)

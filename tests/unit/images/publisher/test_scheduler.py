"""When sites are run, with runs that only note themselves."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress

import pytest
from publisher import scheduler as scheduling
from publisher.git import Git, RefusedError
from publisher.publish import Status
from publisher.scheduler import Job, Scheduler

from tests.unit.images.publisher.support import Box, Json, entry

STATUS = Status(commit="0" * 40, directory="", as_="", release="x", size=1)


# In seconds: how often the scheduler looks here, and what a burst may last.
LOOK, BURST = 0.1, 0.3


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes sooner than where the publisher runs."""
    monkeypatch.setattr(scheduling, "_LOOK_SECONDS", LOOK)
    monkeypatch.setattr(scheduling, "_DEBOUNCE_SECONDS", BURST)


class Runs:
    """What stands in for publishing: it notes each run, and can be held and made to fail."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.now = self.most = 0
        self.gate = threading.Event()
        self.gate.set()
        self.fails = False
        self._lock = threading.Lock()

    def __call__(self, git: Git) -> Status:
        with self._lock:
            self.noted.append(git.site.name)
            self.now += 1
            self.most = max(self.most, self.now)
        self.gate.wait(30)
        with self._lock:
            self.now -= 1
        if self.fails:
            raise RefusedError("no")
        return STATUS


async def until(is_so: Callable[[], object]) -> None:
    for _ in range(3000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it doesn't come about")


@asynccontextmanager
async def scheduled(box: Box, runs: Runs, sites: Mapping[str, Json]) -> AsyncIterator[Scheduler]:
    box.configure(sites)
    scheduler = Scheduler(box.paths, runs)
    following = asyncio.create_task(scheduler.follow())
    try:
        await until(lambda: scheduler.jobs)
        yield scheduler
    finally:
        runs.gate.set()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


def test_a_burst_is_one_run(box: Box) -> None:
    runs = Runs()

    async def burst() -> None:
        async with scheduled(box, runs, {"blog": entry()}) as scheduler:
            await until(lambda: scheduler.jobs["blog"].last_success)
            for _ in range(60):
                scheduler.trigger("blog")
                await asyncio.sleep(0)  # others run; a busy machine takes long to wake this
            await until(lambda: len(runs.noted) == 2)
            await asyncio.sleep(2 * BURST)
        assert runs.noted == ["blog"] * 2

    in_a_loop(burst)


def test_what_is_announced_during_a_run_is_one_run_more(box: Box) -> None:
    runs = Runs()

    async def during() -> None:
        async with scheduled(box, runs, {"blog": entry()}) as scheduler:
            runs.gate.clear()
            scheduler.trigger("blog")
            await until(lambda: runs.now == 1)
            for _ in range(20):
                scheduler.trigger("blog")
            before = len(runs.noted)
            runs.gate.set()
            await until(lambda: len(runs.noted) == before + 1)
            await asyncio.sleep(2 * BURST)
        assert len(runs.noted) == before + 1

    in_a_loop(during)


def test_four_run_at_once_and_two_of_one_server(box: Box) -> None:
    runs = Runs()
    runs.gate.clear()
    same = {f"same{number}": entry() for number in range(5)}
    others = {f"o{number}": entry(fetch=f"https://host{number}/a/b") for number in range(5)}

    async def many() -> None:
        async with scheduled(box, runs, same | others):
            await until(lambda: runs.now == 4)
            await asyncio.sleep(2 * LOOK)
            assert sum(name.startswith("same") for name in runs.noted) == 2
            runs.gate.set()
            await until(lambda: len(runs.noted) == 10)
        assert runs.most == 4

    in_a_loop(many)


def test_a_site_that_is_removed_in_mid_run_runs_no_more(box: Box) -> None:
    runs = Runs()

    async def removed() -> None:
        async with scheduled(box, runs, {"blog": entry(every=1)}) as scheduler:
            runs.gate.clear()
            await until(lambda: runs.now == 1)
            repository = box.paths.repository("blog")
            repository.mkdir(parents=True)
            box.configure({"other": entry(fetch=None)})
            await until(lambda: "blog" not in scheduler.jobs)
            assert repository.exists(), "the run still works in it"
            before = len(runs.noted)
            runs.gate.set()
            await until(lambda: not repository.exists())
            await asyncio.sleep(1.5)  # longer than its interval
        assert len(runs.noted) == before

    in_a_loop(removed)


def test_a_site_that_comes_back_in_mid_run_is_run_after_it(box: Box) -> None:
    runs = Runs()

    async def back() -> None:
        async with scheduled(box, runs, {"blog": entry()}) as scheduler:
            runs.gate.clear()
            scheduler.trigger("blog")
            await until(lambda: runs.now == 1)
            first = scheduler.jobs["blog"]
            box.configure({})
            await until(lambda: not scheduler.jobs)
            box.configure({"blog": entry()})
            await until(lambda: scheduler.jobs.get("blog") not in (None, first))
            await asyncio.sleep(2 * LOOK)
            runs.gate.set()
            await until(lambda: scheduler.jobs["blog"].last_success)
        assert runs.most == 1, "never two in one repository"

    in_a_loop(back)


def test_nothing_is_fetched_where_nothing_may_be(box: Box) -> None:
    runs = Runs()

    async def island() -> None:
        async with scheduled(box, runs, {"blog": entry(fetch=None, every=1)}) as scheduler:
            scheduler.trigger("blog")
            await asyncio.sleep(1.5)  # longer than its interval

    in_a_loop(island)
    assert runs.noted == []


@pytest.mark.parametrize(
    ("failures", "every", "seconds"),
    [(0, 900, 900), (1, 900, 15), (2, 900, 30), (4, 900, 120), (9, 900, 900), (99, 900, 900),
     (1, 5, 5)],
)  # fmt: skip
def test_the_pause_grows_with_failures_up_to_the_interval(
    box: Box, failures: int, every: int, seconds: int
) -> None:
    site = box.git(every=every).site
    scheduler = Scheduler(box.paths)
    pauses = [scheduler._pause(Job(site, failures=failures)) for _ in range(200)]
    assert 0.9 * seconds <= min(pauses) < max(pauses) <= 1.1 * seconds


def test_a_success_ends_the_failures(box: Box) -> None:
    runs = Runs()
    runs.fails = True

    async def recover() -> None:
        async with scheduled(box, runs, {"blog": entry()}) as scheduler:
            job = scheduler.jobs["blog"]
            await until(lambda: job.failed == 1)
            runs.fails = False
            scheduler.trigger("blog")
            await until(lambda: job.last_success)
            assert (job.failures, job.failed) == (0, 1)

    in_a_loop(recover)


def test_an_error_that_nobody_foresaw_ends_nothing(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    def run(_: Git) -> Status:
        raise KeyError("surprise")

    async def surprise() -> None:
        box.configure({"blog": entry(every=1)})
        scheduler = Scheduler(box.paths, run)
        following = asyncio.create_task(scheduler.follow())
        await until(lambda: "blog" in scheduler.jobs and scheduler.jobs["blog"].failed > 1)
        assert scheduler.alive
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    in_a_loop(surprise)
    assert "surprise" in caplog.text

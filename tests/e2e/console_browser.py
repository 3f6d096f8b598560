"""The console of a checkout with the real engine, and somebody who opened it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import Self

import httpx

from tests.e2e.checkout import Checkout
from tests.e2e.support.waiting import wait_until


class Browser:
    """`python -m console` on a checkout, and somebody who opened its link."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.said = ""
        """What its terminal showed, once it has ended."""
        self.answers: list[str] = []
        """All that was answered, with headers."""
        self.git("init", "--quiet")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.org")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=before the console")

    def git(self, *arguments: str) -> str:
        return self.checkout.run("git", *arguments).stdout

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console", "--stack", self.checkout.stack],
            cwd=self.checkout.folder,
            env=self.checkout.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if link := re.search(r"http://(console\.localhost:(\d+))(/login\S+)", line):
                break
        else:
            raise AssertionError("the console printed no link")
        headers = {"host": link[1], "origin": f"http://{link[1]}"}
        url = f"http://127.0.0.1:{link[2]}"
        hooks = {"response": [self._keep]}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=30, event_hooks=hooks)
        assert self.client.get(link[3]).status_code == 200
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGINT)
        self.said = self.process.communicate(timeout=30)[0]

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        self.answers.append(f"{answer.headers}\n{answer.text}")

    def post(self, path: str, **form: str) -> str:
        """What a form leads to: the path of a run."""
        answer = self.client.post(path, data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def preview(self, text: str) -> str:
        """A preview of the site `pasted`, once it ended."""
        page = self.client.get("/sites/pasted")
        is_new = page.status_code == 404
        base = page.text.partition('name="base" value="')[2].partition('"')[0]
        form = {"new": "yes"} if is_new else {"base": base}
        return self.ended(self.post("/preview", name="pasted", text=text, **form))

    def ended(self, run: str) -> str:
        wait_until(lambda: 'class="state running"' not in self.page(run), "an end", seconds=300)
        return run

    def page(self, path: str) -> str:
        return self.client.get(path).text

    def is_well(self, run: str) -> bool:
        return 'class="state well"' in self.page(run)

    def publish(self, preview: str) -> None:
        run = self.ended(self.post(f"{preview}/publish"))
        assert self.is_well(run), self.page(run)

"""The console with the real engine: paste or zip, preview, publish, undo, cancel."""

from __future__ import annotations

import html
import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.e2e.checkout import PASSPHRASE, Checkout
from tests.e2e.console_browser import Browser
from tests.e2e.support.waiting import wait_until

# How files reach a host over SSH is what test_stack.py and test_volume_files.py are about.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

CADDYFILE = "pasted.localhost {\n\tfile_server\n\tencode gzip\n}\n"
SHARED = "hosts: [pasted]\nsource: {folder: sites/pasted}\n"
CONTAINED = "hosts: [pasted]\nsource: {folder: sites/pasted}\nhosting: container\n"
REFUSED = (
    "hosts: [pasted]\nsource: {folder: sites/pasted}\ncaddyfile: |\n  header A b\n  nonsense\n"
)


@pytest.fixture(scope="module")
def browser(few: Checkout) -> Iterator[Browser]:
    folder = few.folder / "sites/pasted"
    folder.mkdir()
    (folder / "index.html").write_text("<p>marker-of-pasted</p>")
    with Browser(few) as opened:
        yield opened


def test_a_sites_page_tells_what_it_answers_and_how_long_its_certificate_lasts(
    few: Checkout, browser: Browser
) -> None:
    shown = browser.page("/sites/alpha/answers")
    assert few.url("alpha").rstrip("/") in shown
    assert '<span class="mark well">200</span>' in shown
    assert re.search(r"certificate for \d+ more hours", shown), shown
    shown = browser.page("/sites/welcome/answers")
    assert ">http://welcome.localhost:" in shown
    assert "certificate" not in shown, "plain HTTP has none"


def test_nothing_edited_changes_nothing(few: Checkout, browser: Browser) -> None:
    run = browser.ended(browser.post("/waiting"))
    assert "Nothing would change." in browser.page(run), browser.page(run)
    assert "/publish" not in browser.page(run)
    assert "healthy" in browser.page("/")
    assert "since it was put live" not in browser.page("/")


def test_a_caddyfile_becomes_the_sites_file(few: Checkout, browser: Browser) -> None:
    form = {"name": "pasted", "text": CADDYFILE, "new": "yes"}
    made = browser.client.post("/preview", data=form)
    assert made.status_code == 200
    assert f"{SHARED}caddyfile: |\n  encode gzip\n" in html.unescape(made.text)
    preview = browser.preview(f"{SHARED}caddyfile: |\n  encode gzip\n")
    assert browser.is_well(preview), browser.page(preview)
    assert few.refusal("pasted")  # nothing was put live


def test_a_name_and_a_zip_are_a_site_and_undo_takes_both_away(
    few: Checkout, browser: Browser
) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("site/index.html", "<p>marker-of-packed</p>")
        archive.writestr("site/styles/a.css", "p{}")
    form = {"name": "packed", "new": "yes"}
    head, ids, state = browser.git("rev-parse", "HEAD"), few.ids(), few.state()
    with few.load("alpha", share=0.7) as alpha:
        answer = browser.client.post("/preview", data=form, files={"zip": ("s.zip", content)})
        assert answer.status_code == 303, answer.text
        preview = browser.ended(answer.headers["location"])
        assert browser.is_well(preview), browser.page(preview)
        shown = html.unescape(browser.page(preview))
        assert "In the Caddyfile of the gateway" in shown
        assert '<span class="add">+&(site-packed) {</span>' in shown
        assert "revision/https.sock" not in shown, "that changes each time"
        assert browser.git("rev-parse", "HEAD") == head
        assert browser.git("status", "--porcelain") == ""
        assert (few.ids(), few.state()) == (ids, state)
        browser.publish(preview)
        few.serves(few.url("packed"), "marker-of-packed")
        few.serves(f"{few.url('packed')}styles/a.css", "p{}")
        assert browser.git("log", "--format=%s", f"{head.strip()}..") == "Add the site packed\n"
        assert sorted(browser.git("show", "--format=", "--name-only").split()) == [
            "config/sites/packed.yaml",
            "sites/packed/index.html",
            "sites/packed/styles/a.css",
        ]
        again = browser.ended(browser.post("/waiting"))
        assert "Nothing would change." in browser.page(again), "the preview's folder isn't declared"
        undo = browser.ended(browser.post("/sites/packed/undo"))
        assert browser.is_well(undo), browser.page(undo)
        browser.publish(undo)
        assert few.refusal("packed"), "in the handshake"
    alpha.check()
    assert not (few.folder / "sites/packed").exists()
    assert few.ids() == ids
    assert browser.git("status", "--porcelain") == ""


def test_lines_that_caddy_refuses_can_not_be_published(few: Checkout, browser: Browser) -> None:
    head = browser.git("rev-parse", "HEAD")
    run = browser.preview(REFUSED)
    page = browser.page(run)
    assert 'class="state failed"' in page
    assert "<strong>Line 5</strong>" in page
    assert "nonsense" in page
    assert "/publish" not in page
    assert browser.client.post(f"{run}/publish").status_code == 409
    assert browser.git("rev-parse", "HEAD") == head


def test_cancel_leaves_no_process_and_no_lock_and_the_next_one_succeeds(
    few: Checkout, browser: Browser
) -> None:
    head = browser.git("rev-parse", "HEAD").strip()
    run = browser.post(f"{browser.preview(CONTAINED)}/publish")
    locks = few.folder / ".state/.pulumi/locks"
    wait_until(lambda: "Changing…" in browser.page(run), "a change", seconds=120, every=0.1)
    assert list(locks.rglob("*.json"))
    folder = few.folder / f".engine/console/{few.stack}{run}"
    session = int((folder / "session").read_text())
    browser.client.post(f"{run}/cancel")
    browser.ended(run)
    assert 'class="state cancelled"' in browser.page(run), browser.page(run)
    wait_until(lambda: not in_session(session), "no process", seconds=30)
    assert list(locks.rglob("*.json")) == []
    again = browser.ended(browser.post("/waiting"))
    assert browser.is_well(again), browser.page(again)
    browser.publish(again)
    few.serves(few.url("pasted"), "marker-of-pasted")
    assert browser.git("log", "--format=%s", f"{head}..") == "Add the site pasted\n"
    assert browser.git("show", "--format=", "--name-only").split() == ["config/sites/pasted.yaml"]
    assert browser.client.post("/sites/pasted/remove", data={"typed": "past"}).status_code == 422
    browser.publish(browser.ended(browser.post("/sites/pasted/remove", typed="pasted")))
    assert few.refusal("pasted")


def test_the_passphrase_is_in_nothing_that_the_console_keeps_or_shows(
    few: Checkout, browser: Browser
) -> None:
    kept = [file for file in (few.folder / ".engine/console").rglob("*") if file.is_file()]
    assert kept
    assert [file for file in kept if PASSPHRASE.encode() in file.read_bytes()] == []
    runs = sorted({file.parent.name for file in kept if file.name == "about.json"})
    assert runs
    assert [run for run in runs if PASSPHRASE in browser.page(f"/runs/{run}")] == []


def in_session(session: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and os.getsid(process.pid) == session:
                found.append(process.pid)
    return found

"""One thing at a time, in a session of its own, told to the end whatever happens to the page."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.unit.console.desk import Desk, run_of, text_of

STEPS = [
    {
        "step": "planned",
        "op": "create",
        "name": "files <b>new",
        "urn": "a",
        "keys": ["files.Caddyfile"],
    },
    {"changes": {"create": 1}, "seconds": 1, "planned": True},
]


def begun(desk: Desk) -> None:
    """Wait until the command that was started is at work."""
    began = desk.commands.parent / "began"
    until = time.monotonic() + 20
    while not began.exists() and time.monotonic() < until:
        time.sleep(0.02)
    began.unlink()


def running_in_session_of(desk: Desk, run: str) -> list[int]:
    session = int((desk.root / f".engine/console/local/runs/{run}/session").read_text())
    pids = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and os.getsid(process.pid) == session:
                pids.append(process.pid)
        except (psutil.NoSuchProcess, OSError):
            continue
    return pids


def test_a_preview_runs_the_projects_own_command(desk: Desk) -> None:
    desk.does(steps=STEPS, says="<script>alert(1)</script>")
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    assert desk.ends(run) == "well"
    ((arguments, edited),) = desk.calls()
    steps = str(desk.root / f".engine/console/local/runs/{run}/steps")
    assert arguments == ["preview", "--stack", "local", "--steps", steps, "--refresh", "1"]
    assert edited == {}
    page = browser.get(f"/runs/{run}")
    assert "files &lt;b&gt;new" in page.text
    assert "files.Caddyfile" in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text


def test_a_preview_shows_what_changes_in_a_caddyfile(desk: Desk) -> None:
    lines = ["--- live", "+++ new", "@@ -1 +1 @@", "-respond <old>", "+respond <new>"]
    changed = {"step": "planned", "op": "update", "name": "files router-config", "urn": "a"}
    desk.does(steps=[changed | {"keys": [], "of": "router", "lines": lines}])
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    desk.ends(run)
    page = browser.get(f"/runs/{run}").text
    assert "In the Caddyfile of the gateway" in page
    assert '<span class="del">-respond &lt;old&gt;</span>' in page
    assert '<span class="add">+respond &lt;new&gt;</span>' in page


def test_a_preview_tells_where_names_lead(desk: Desk) -> None:
    desk.does(steps=[{"leads": "blog.example.org leads nowhere."}])
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    desk.ends(run)
    page = text_of(browser.get(f"/runs/{run}"))
    assert "blog.example.org leads nowhere." in page.partition("Where the names lead")[2]
    assert "Nothing would change." in page  # a name is no change


def test_what_a_run_told_is_for_its_owner_alone(desk: Desk) -> None:
    run = run_of(desk.browser().post("/waiting"))
    desk.ends(run)
    folder = desk.root / f".engine/console/local/runs/{run}"
    assert folder.stat().st_mode & 0o077 == 0


def test_nothing_to_do_has_no_button(desk: Desk) -> None:
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    desk.ends(run)
    page = browser.get(f"/runs/{run}")
    assert "Nothing would change." in text_of(page)
    assert "/publish" not in page.text


def test_a_page_that_comes_back_has_every_line_once(desk: Desk) -> None:
    desk.does(waits="")
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    begun(desk)
    first = browser.get(f"/runs/{run}")
    assert first.text.count("preview: hello") == 1
    assert "every 1s" in first.text
    part = {"hx-request": "true"}
    seen = first.text.partition(f'hx-get="/runs/{run}?seen=')[2].partition('"')[0]
    assert browser.get(f"/runs/{run}?seen={seen}", headers=part).status_code == 204
    desk.does(says="goodbye")
    assert desk.ends(run) == "well"
    last = browser.get(f"/runs/{run}?seen={seen}", headers=part)
    assert "<html" not in last.text
    assert last.text.count("preview: hello") == 1
    assert last.text.count("goodbye") == 1
    assert "every 1s" not in last.text


def test_an_answer_that_nothing_is_new_takes_nothing_off_the_page(desk: Desk) -> None:
    """htmx takes the first entry that fits the status, and an empty answer for the new part."""
    page = desk.browser().get("/").text
    config = re.search(r"name=\"htmx-config\" content='(.*?)'", page)
    assert config
    handling = json.loads(config[1])["responseHandling"]
    first = next(entry for entry in handling if re.fullmatch(entry["code"], "204"))
    assert first["swap"] is False


def test_while_one_runs_another_is_refused_and_names_it(desk: Desk) -> None:
    desk.does(waits="")
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    for _ in range(3):
        browser.get(f"/runs/{run}")  # looking is no operation
        refused = browser.post("/waiting")
        assert refused.status_code == 409
        assert "“Put live what waits” is under way." in text_of(refused)
        assert f'href="/runs/{run}"' in refused.text
    assert f'href="/runs/{run}"' in browser.get("/").text
    desk.does()
    assert desk.ends(run) == "well"
    assert desk.ends(run_of(browser.post("/waiting"))) == "well"
    assert len(desk.calls()) == 2


def test_what_a_terminal_does_is_shown_and_not_broken(desk: Desk) -> None:
    desk.updating = "ada@desk (process 7, since 2026-11-28T08:00:00Z)"
    browser = desk.browser()
    assert f"is being updated by {desk.updating}" in text_of(browser.get("/"))
    refused = browser.post("/waiting")
    assert refused.status_code == 409
    assert f"is being updated by {desk.updating}" in text_of(refused)
    assert desk.calls() == []


def test_cancel_lets_it_finish_and_leaves_no_process(desk: Desk) -> None:
    desk.does(waits="")
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    begun(desk)
    assert running_in_session_of(desk, run)
    assert browser.post(f"/runs/{run}/cancel").status_code == 303
    assert desk.ends(run) == "cancelled"
    assert "ended in good order" in browser.get(f"/runs/{run}").text
    assert "Cancelled. Nothing was changed." in text_of(browser.get(f"/runs/{run}"))
    assert running_in_session_of(desk, run) == []
    desk.does()
    assert desk.ends(run_of(browser.post("/waiting"))) == "well"


def test_what_does_not_end_is_ended_with_all_that_it_started(desk: Desk) -> None:
    desk.does(waits="", stubborn="")
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    begun(desk)
    browser.post(f"/runs/{run}/cancel")
    assert "Ending" in text_of(browser.get(f"/runs/{run}"))
    assert desk.ends(run) == "cancelled"
    child = desk.commands.parent / "child"
    assert child.exists()
    until = time.monotonic() + 10
    while running_in_session_of(desk, run) and time.monotonic() < until:
        time.sleep(0.05)
    assert running_in_session_of(desk, run) == []
    mended = desk.commands.parent / "mended"
    while not mended.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert mended.exists()
    desk.does()
    assert desk.ends(run_of(browser.post("/waiting"))) == "well"


def test_a_console_that_starts_again_tells_how_it_ended(desk: Desk) -> None:
    desk.does(waits="")
    run = run_of(desk.browser().post("/waiting"))
    begun(desk)
    desk.start()
    browser = desk.browser()
    assert "is under way" in text_of(browser.get("/"))
    assert browser.post("/waiting").status_code == 409
    desk.does(code="1", says="it broke")
    assert desk.ends(run) == "failed"
    assert "(preview, 20" in text_of(browser.get("/"))
    assert "failed" in text_of(browser.get("/"))
    assert "it broke" in browser.get(f"/runs/{run}").text


def test_a_run_that_was_killed_is_told_so(desk: Desk) -> None:
    desk.does(waits="")
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    begun(desk)
    for pid in running_in_session_of(desk, run):
        os.kill(pid, signal.SIGKILL)
    assert desk.ends(run) == "lost"
    assert "was killed before it could tell" in text_of(browser.get("/"))
    desk.does()
    assert desk.ends(run_of(browser.post("/waiting"))) == "well"


def test_a_preview_that_fails_shows_its_sentences_and_no_button(desk: Desk) -> None:
    """What only the servers' own programs find, such as free lines that Caddy refuses."""
    desk.does(code="1", steps=STEPS, says="config/sites/new.yaml:4: unrecognized directive: foo")
    browser = desk.browser()
    text = "hosts: [new]\nsource: {folder: sites/blog}\ncaddyfile: |\n  foo\n"
    run = run_of(
        browser.post("/preview", data={"name": "new", "text": text, "new": "yes", "base": ""})
    )
    assert desk.ends(run) == "failed"
    page = browser.get(f"/runs/{run}")
    assert "<strong>Line 4</strong> unrecognized directive: foo" in page.text
    assert "/publish" not in page.text
    head = desk.git("rev-parse", "HEAD")
    assert browser.post(f"/runs/{run}/publish").status_code == 409
    assert desk.git("rev-parse", "HEAD") == head
    assert text in browser.get(f"/sites/new?from={run}").text


def test_the_passphrase_reaches_the_command_by_its_environment_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "planted-passphrase")
    monkeypatch.setenv("HOMEPORT_EDITED", "/left/by/somebody")
    desk.start()
    desk.commands.write_text(
        "import os, sys\n"
        "assert os.environ['PULUMI_CONFIG_PASSPHRASE'] == 'planted-passphrase'\n"
        "assert os.environ['YES'] == '1'\n"
        "assert os.environ['HOMEPORT_EDITED'].endswith('edited.json')\n"
    )
    browser = desk.browser()
    run = run_of(browser.post("/waiting"))
    assert desk.ends(run) == "well"
    assert "planted" not in browser.get(f"/runs/{run}").text
    kept = [file for file in (desk.root / ".engine").rglob("*") if file.is_file()]
    assert kept
    assert [file for file in kept if b"planted" in file.read_bytes()] == []
    assert sys.executable not in browser.get(f"/runs/{run}").text


def test_old_runs_are_forgotten(desk: Desk) -> None:
    browser = desk.browser()
    for _ in range(23):
        run = run_of(browser.post("/waiting"))
        desk.ends(run)
    names = [Path(each.folder).name for each in desk.console.runs.all()]
    assert names == [f"{number:06}" for number in range(23, 3, -1)]


@pytest.mark.parametrize("run", ["0", "999999", "%2e%2e", "x", "lock"])
def test_a_run_that_is_not_there_is_no_page(desk: Desk, run: str) -> None:
    browser = desk.browser()
    assert browser.get(f"/runs/{run}").status_code == 404
    assert browser.post(f"/runs/{run}/publish").status_code == 404

"""What was previewed is written, committed by itself and put live; and the way back."""

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from console import repository
from tests.unit.console.desk import Desk, run_of, text_of
from tests.unit.console.test_runs import STEPS, begun
from tests.unit.program import SEVERAL_SITES

TEXT = "hosts: [new]\nsource: {folder: sites/blog}\n"
NEW = "config/sites/new.yaml"


def previewed(desk: Desk, browser: httpx.Client, name: str = "new", text: str = TEXT) -> str:
    """A preview of a site's text that went well."""
    page = browser.get(f"/sites/{name}")
    form = {"name": name, "text": text, "new": "yes", "base": ""}
    if page.status_code == 200:
        base = page.text.partition('name="base" value="')[2].partition('"')[0]
        form = {"name": name, "text": text, "base": base}
    run = run_of(browser.post("/preview", data=form))
    assert desk.ends(run) == "well"
    return run


def published(desk: Desk, browser: httpx.Client, preview: str) -> str:
    run = run_of(browser.post(f"/runs/{preview}/publish"))
    assert desk.ends(run) == "well"
    return run


def commits(desk: Desk) -> list[str]:
    return desk.git("log", "--format=%s").splitlines()


def files_of_last_commit(desk: Desk) -> list[str]:
    return desk.git("show", "--format=", "--name-only", "HEAD").split()


def test_paste_preview_publish_is_one_commit_and_one_update(desk: Desk) -> None:
    desk.does(steps=STEPS)
    browser = desk.browser()
    before, head, status = desk.tree(), desk.git("rev-parse", "HEAD"), desk.git("status", "-s")
    preview = previewed(desk, browser)
    assert desk.calls()[-1][1] == {"new.yaml": TEXT}
    assert (desk.tree(), desk.git("rev-parse", "HEAD"), desk.git("status", "-s")) == (
        before,
        head,
        status,
    )
    page = browser.get(f"/runs/{preview}")
    assert '<span class="add">+hosts: [new]</span>' in page.text
    run = published(desk, browser, preview)
    assert commits(desk) == ["Add the site new", "The first sites"]
    assert files_of_last_commit(desk) == [NEW]
    assert (desk.root / NEW).read_text() == TEXT
    assert desk.git("status", "-s") == ""
    arguments, edited = desk.calls()[-1]
    assert arguments[:3] == ["up", "--stack", "local"]
    assert "--refresh" not in arguments
    assert edited is None
    assert "It is live." in text_of(browser.get(f"/runs/{run}"))


TRY = "Try it on local"


def test_a_preview_for_another_stack_is_tried_on_the_local_one_and_then_published(
    desk: Desk,
) -> None:
    browser = desk.browser()
    preview = previewed(desk, browser)
    assert TRY not in browser.get(f"/runs/{preview}").text
    assert browser.post(f"/runs/{preview}/try").status_code == 409
    desk.stack = "prod"
    desk.start()
    browser, before = desk.browser(), (desk.tree(), desk.git("rev-parse", "HEAD"))
    assert TRY in browser.get(f"/runs/{preview}").text
    tried = run_of(browser.post(f"/runs/{preview}/try"))
    assert desk.ends(tried) == "well"
    arguments, edited = desk.calls()[-1]
    assert arguments[:3] == ["up", "--stack", "local"]
    assert edited == {"new.yaml": TEXT}
    assert (desk.tree(), desk.git("rev-parse", "HEAD")) == before
    page = browser.get(f"/runs/{tried}").text
    assert "It is on the stack local. Stack prod is as it was." in page
    assert f'href="/runs/{preview}">Back to the preview' in page
    for action in ("/publish", "/undo", "/try"):
        assert f'{action}"' not in page
    assert browser.post(f"/runs/{tried}/publish").status_code == 409
    run = published(desk, browser, preview)
    assert desk.calls()[-1][0][:3] == ["up", "--stack", "prod"]
    assert TRY not in browser.get(f"/runs/{run}").text
    waiting = run_of(browser.post("/waiting"))
    assert desk.ends(waiting) == "well"
    assert TRY not in browser.get(f"/runs/{waiting}").text  # make up does the same


def test_what_is_tried_on_the_local_stack_tells_nothing_of_another(desk: Desk) -> None:
    desk.stack = "prod"
    desk.start()
    browser = desk.browser()
    preview = previewed(desk, browser, "blog", TEXT)
    desk.does(code="1")
    tried = run_of(browser.post(f"/runs/{preview}/try"))
    assert desk.ends(tried) == "failed"
    page = text_of(browser.get(f"/runs/{tried}"))
    assert "It went wrong on the stack local. Stack prod is as it was." in page
    desk.does()
    waiting = run_of(browser.post("/waiting"))
    assert desk.ends(waiting) == "well"
    at = "It was at"
    assert at in text_of(browser.get("/sites/blog"))
    preview = previewed(desk, browser, "blog", TEXT)
    assert desk.ends(run_of(browser.post(f"/runs/{preview}/try"))) == "well"
    assert at in text_of(browser.get("/sites/blog"))


def test_a_change_says_so_and_keeps_the_files_mode(desk: Desk) -> None:
    (desk.root / "config/sites/blog.yaml").chmod(0o600)
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser, "blog", TEXT))
    assert commits(desk)[0] == "Change the site blog"
    assert (desk.root / "config/sites/blog.yaml").stat().st_mode & 0o777 == 0o600


def test_other_edits_are_neither_committed_nor_lost_and_are_told(desk: Desk) -> None:
    (desk.root / "sites/blog/index.html").write_text("edited")
    (desk.root / "sites/blog/staged.html").write_text("staged")
    desk.git("add", "sites/blog/staged.html")
    (desk.root / "sites/blog/new.html").write_text("untracked")
    before = desk.git("status", "--porcelain", "--untracked-files=all")
    browser = desk.browser()
    preview = previewed(desk, browser)
    page = text_of(browser.get(f"/runs/{preview}"))
    for name in ("index", "staged", "new"):
        assert f"sites/blog/{name}.html" in page.partition("Also applied")[2]
    published(desk, browser, preview)
    assert files_of_last_commit(desk) == [NEW]
    assert desk.git("status", "--porcelain", "--untracked-files=all") == before
    assert (desk.root / "sites/blog/index.html").read_text() == "edited"


def test_a_file_that_changed_after_the_preview_is_a_conflict_with_both_versions(
    desk: Desk,
) -> None:
    browser = desk.browser()
    preview = previewed(desk, browser, "blog", TEXT)
    theirs = SEVERAL_SITES["blog.yaml"] + "# somebody else\n"
    (desk.root / "config/sites/blog.yaml").write_text(theirs)
    answer = browser.post(f"/runs/{preview}/publish")
    assert answer.status_code == 409
    assert "# somebody else" in answer.text
    assert TEXT in answer.text
    assert (desk.root / "config/sites/blog.yaml").read_text() == theirs
    assert commits(desk) == ["The first sites"]
    assert len(desk.calls()) == 1
    # The form on that page starts from what is there now.
    base = answer.text.partition('name="base" value="')[2].partition('"')[0]
    again = browser.post("/preview", data={"name": "blog", "text": TEXT, "base": base})
    assert desk.ends(run_of(again)) == "well"


def test_a_file_that_changed_while_it_was_edited_is_a_conflict_too(desk: Desk) -> None:
    browser = desk.browser()
    base = browser.get("/sites/blog").text.partition('name="base" value="')[2].partition('"')[0]
    (desk.root / "config/sites/blog.yaml").write_text(TEXT)
    answer = browser.post("/preview", data={"name": "blog", "text": TEXT + "#\n", "base": base})
    assert answer.status_code == 409
    assert desk.calls() == []


@pytest.mark.parametrize("file", ["config/sites/blog.yaml", "config/images.yaml"])
def test_another_file_that_changed_wants_a_new_preview(desk: Desk, file: str) -> None:
    browser = desk.browser()
    preview = previewed(desk, browser)
    with (desk.root / file).open("a") as text:
        text.write("# somebody else\n")
    answer = browser.post(f"/runs/{preview}/publish")
    assert answer.status_code == 409
    assert f"{file} changed after the preview" in text_of(answer)
    assert not (desk.root / NEW).exists()


def test_undo_keeps_every_byte(desk: Desk) -> None:
    file = desk.root / "config/sites/blog.yaml"
    file.write_bytes(b"hosts: [blog]\r\nsource: {folder: sites/blog}")
    before = file.read_bytes()
    desk.git("commit", "--all", "--quiet", "--message=Of another machine")
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser, "blog", TEXT))
    undone(desk, browser, "blog")
    assert file.read_bytes() == before


def test_of_two_publishes_one_runs_and_the_other_names_it(desk: Desk) -> None:
    browser = desk.browser()
    preview = previewed(desk, browser)
    desk.does(waits="")
    answers: list[httpx.Response] = []
    cookies = dict(browser.cookies)

    def press() -> None:
        with desk.stranger() as client:
            client.cookies.update(cookies)
            answers.append(client.post(f"/runs/{preview}/publish"))

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    begun(desk)
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "“Add the site new” is under way." in text_of(refused)
    desk.does()
    assert desk.ends("000002") == "well"
    assert commits(desk) == ["Add the site new", "The first sites"]
    late = browser.post(f"/runs/{preview}/publish")
    assert late.status_code == 409
    assert "Something was started after this preview." in text_of(late)


def test_an_update_that_fails_keeps_the_commit_and_offers_the_way_back(desk: Desk) -> None:
    browser = desk.browser()
    preview = previewed(desk, browser)
    desk.does(code="1", says="router is unhealthy; its last lines:\nno such thing")
    run = run_of(browser.post(f"/runs/{preview}/publish"))
    assert desk.ends(run) == "failed"
    page = browser.get(f"/runs/{run}")
    assert "Visitors keep what worked before." in text_of(page)
    assert "no such thing" in page.text
    assert 'action="/sites/new/undo"' in page.text
    assert 'action="/waiting"' in page.text
    assert commits(desk)[0] == "Add the site new"


def undone(desk: Desk, browser: httpx.Client, name: str) -> str:
    """The run that undid it."""
    preview = run_of(browser.post(f"/sites/{name}/undo"))
    assert desk.ends(preview) == "well"
    return published(desk, browser, preview)


def test_undo_brings_back_the_text_by_a_new_commit(desk: Desk) -> None:
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser, "blog", TEXT))
    before = desk.tree()
    preview = run_of(browser.post("/sites/blog/undo"))
    assert desk.ends(preview) == "well"
    assert desk.tree() == before  # previewed first
    assert desk.calls()[-1][1] == {"blog.yaml": SEVERAL_SITES["blog.yaml"]}
    published(desk, browser, preview)
    assert (desk.root / "config/sites/blog.yaml").read_text() == SEVERAL_SITES["blog.yaml"]
    assert commits(desk) == [
        "Undo the last change of the site blog",
        "Change the site blog",
        "The first sites",
    ]
    undone(desk, browser, "blog")  # and again: it is there once more
    assert (desk.root / "config/sites/blog.yaml").read_text() == TEXT


def test_undo_of_adding_a_site_removes_it_and_undo_of_that_brings_it_back(desk: Desk) -> None:
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser))
    desk.git("commit", "--allow-empty", "--quiet", "--message=Something else")
    undone(desk, browser, "new")
    assert not (desk.root / NEW).exists()
    assert desk.calls()[-2][1] == {"new.yaml": None}
    assert files_of_last_commit(desk) == [NEW]
    undone(desk, browser, "new")
    assert (desk.root / NEW).read_text() == TEXT


@pytest.mark.parametrize("way", ["undo", "remove"])
def test_no_edit_is_lost_that_nobody_committed(desk: Desk, way: str) -> None:
    (desk.root / "config/sites/blog.yaml").write_text(TEXT)
    answer = desk.browser().post(f"/sites/blog/{way}", data={"typed": "blog"})
    assert answer.status_code == 409
    assert "config/sites/blog.yaml has changes that no commit has" in text_of(answer)
    assert (desk.root / "config/sites/blog.yaml").read_text() == TEXT
    assert desk.calls() == []


def test_undo_writes_no_text_that_no_page_can_show(desk: Desk) -> None:
    file = desk.root / "config/sites/blog.yaml"
    file.write_bytes(SEVERAL_SITES["blog.yaml"].encode() + b"# caf\xe9\n")
    desk.git("commit", "--all", "--quiet", "--message=Of another age")
    file.write_text(SEVERAL_SITES["blog.yaml"])
    desk.git("commit", "--all", "--quiet", "--message=Of today")
    answer = desk.browser().post("/sites/blog/undo")
    assert answer.status_code == 409
    assert "wasn't UTF-8 text in the commit before" in answer.text.replace("&#39;", "'")


def test_removing_a_site_asks_for_its_name_and_can_be_undone(desk: Desk) -> None:
    browser = desk.browser()
    file = desk.root / "config/sites/blog.yaml"
    for typed in ({}, {"typed": ""}, {"typed": "shop_2"}):
        answer = browser.post("/sites/blog/remove", data=typed)
        assert answer.status_code == 422
        assert "Type blog beside the button" in text_of(answer)
    assert desk.calls() == []
    preview = run_of(browser.post("/sites/blog/remove", data={"typed": "blog"}))
    assert desk.ends(preview) == "well"
    assert file.exists()  # previewed first
    assert desk.calls()[-1][1] == {"blog.yaml": None}
    text = browser.get(f"/sites/blog?from={preview}").text  # back to the form
    assert "hosts: [blog," in text
    published(desk, browser, preview)
    assert not file.exists()
    assert commits(desk)[0] == "Remove the site blog"
    assert files_of_last_commit(desk) == ["config/sites/blog.yaml"]
    assert (desk.root / "sites/blog").is_dir()
    assert browser.post("/sites/blog/remove", data={"typed": "blog"}).status_code == 404
    undone(desk, browser, "blog")
    assert file.read_text() == SEVERAL_SITES["blog.yaml"]


REFUSALS: dict[str, tuple[Callable[[Desk], object], str]] = {
    "no identity": (
        lambda desk: (
            desk.git("config", "--unset", "user.email"),
            desk.git("config", "user.useConfigOnly", "true"),
        ),
        "doesn't know who you are",
    ),
    "a hook": (lambda desk: hook(desk, "echo 'the hook says no' >&2; exit 1"), "the hook says no"),
    "a hook that hangs": (lambda desk: hook(desk, "sleep 60"), "was ended after 2 s"),
    "a rebase": (
        lambda desk: (desk.root / ".git/rebase-merge").mkdir(),
        "a rebase is under way in this checkout; end it first",
    ),
    "a merge": (
        lambda desk: (desk.root / ".git/MERGE_HEAD").write_text(desk.git("rev-parse", "HEAD")),
        "a merge is under way",
    ),
    "a locked index": (lambda desk: (desk.root / ".git/index.lock").touch(), "index.lock"),
    "a key that is locked": (
        lambda desk: (
            desk.git("config", "commit.gpgSign", "true"),
            desk.git("config", "gpg.program", str(script(desk, "sleep 60"))),
        ),
        "was ended after 2 s",
    ),
}


def script(desk: Desk, does: str) -> Path:
    file = desk.commands.parent / "program"
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)
    return file


def hook(desk: Desk, does: str) -> None:
    script(desk, does).rename(desk.root / ".git/hooks/pre-commit")


@pytest.mark.parametrize("name", ["new", "blog"])
@pytest.mark.parametrize("why", REFUSALS)
def test_where_git_refuses_everything_stays_and_one_sentence_says_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, why: str, name: str
) -> None:
    for variable in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(desk.commands.parent))
    for variable in ("EMAIL", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(repository, "_TIMEOUT", 2)
    browser = desk.browser()
    preview = previewed(desk, browser, name)
    before, status = desk.tree(), desk.git("status", "--porcelain")
    make, sentence = REFUSALS[why]
    make(desk)
    locks = list((desk.root / ".git").glob("*.lock"))
    answer = browser.post(f"/runs/{preview}/publish")
    assert answer.status_code == 409
    assert "Nothing was written: " in text_of(answer)
    assert sentence in answer.text.replace("&#39;", "'")
    assert desk.tree() == before
    assert commits(desk) == ["The first sites"]
    assert desk.git("status", "--porcelain") == status
    assert list((desk.root / ".git").glob("*.lock")) == locks
    assert len(desk.calls()) == 1  # no update ran


def test_what_is_committed_already_is_put_live_without_another_commit(desk: Desk) -> None:
    desk.does(steps=STEPS)
    browser = desk.browser()
    preview = run_of(browser.post("/waiting"))
    assert desk.ends(preview) == "well"
    published(desk, browser, preview)
    assert commits(desk) == ["The first sites"]
    assert [call[0][0] for call in desk.calls()] == ["preview", "up"]


def test_an_environment_of_git_leads_nowhere_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser))
    monkeypatch.delenv("GIT_DIR")
    assert commits(desk)[0] == "Add the site new"


def test_nothing_of_a_site_is_in_an_argument(desk: Desk) -> None:
    secret = TEXT + "# planted-in-a-text\n"
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser, "new", secret))
    assert "planted" not in json.dumps([arguments for arguments, _ in desk.calls()])

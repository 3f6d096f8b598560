"""Pages that are given with a site: previewed, published and undone with its file."""

import html
import io
import re
import socket
import time

import httpx
import pytest

from console import dropped, guard
from console.candidate import MAX_TEXT
from console.pages_of_site import led_to
from tests.unit.console.desk import Desk, run_of, text_of
from tests.unit.console.test_dropped import zipped
from tests.unit.console.test_publishing import (
    commits,
    files_of_last_commit,
    published,
    undone,
)

TEXT = "hosts: [new] # ü\nsource: {folder: sites/new}\n"
FOLDER = [("folder", ("site/index.html", b"<p>new</p>")), ("folder", ("site/a/b.css", b"b{}"))]
Files = list[tuple[str, tuple[str, bytes]]]


def posted(browser: httpx.Client, files: Files, name: str = "new", **form: str) -> httpx.Response:
    data = {"name": name, "text": TEXT, "new": "yes"} | form
    sent = [(key, (path, io.BytesIO(content))) for key, (path, content) in files]
    return browser.post("/preview", data=data, files=sent)


def previewed(desk: Desk, browser: httpx.Client, files: Files, **form: str) -> str:
    run = run_of(posted(browser, files, **form))
    assert desk.ends(run) == "well"
    return run


def base_of(browser: httpx.Client, name: str) -> str:
    return browser.get(f"/sites/{name}").text.partition('name="base" value="')[2].partition('"')[0]


@pytest.mark.parametrize(
    "files",
    [FOLDER, [("zip", ("s.zip", zipped({"index.html": b"<p>new</p>", "a/b.css": b"b{}"})))]],
    ids=["a folder", "a zip"],
)
def test_pages_and_file_are_one_candidate_one_commit_and_one_undo(desk: Desk, files: Files) -> None:
    browser, before, status = desk.browser(), desk.tree(), desk.git("status", "-s")
    preview = previewed(desk, browser, files)
    assert (desk.tree(), desk.git("status", "-s")) == (before, status)
    edited = desk.calls()[-1][1]
    assert isinstance(edited, dict)
    place = re.fullmatch(r'hosts: \[new\] # ü\nsource: \{folder: "(\S+)"\}\n', edited["new.yaml"])
    assert place, edited
    assert (desk.root / place[1] / "a/b.css").read_text() == "b{}"
    page = html.unescape(browser.get(f"/runs/{preview}").text)
    assert "+source: {folder: sites/new}" in page
    assert "<code>a/b.css</code>" in page
    published(desk, browser, preview)
    assert commits(desk) == ["Add the site new", "The first sites"]
    assert sorted(files_of_last_commit(desk)) == [
        "config/sites/new.yaml",
        "sites/new/a/b.css",
        "sites/new/index.html",
    ]
    assert (desk.root / "config/sites/new.yaml").read_text() == TEXT
    assert (desk.root / "sites/new/index.html").read_text() == "<p>new</p>"
    assert desk.git("status", "-s") == ""
    gone = undone(desk, browser, "new")
    assert desk.tree() == before
    assert "It is removed." in browser.get(f"/runs/{gone}").text
    undone(desk, browser, "new")
    assert (desk.root / "sites/new/a/b.css").read_text() == "b{}"


def test_pages_take_the_place_of_the_folder_that_a_caddyfile_names(desk: Desk) -> None:
    browser = desk.browser()
    block = "new.example.org {\n\troot * /var/www/new\n\tfile_server\n\theader X y\n}\n"
    form = posted(browser, FOLDER, name="", text=block)
    assert "source: {folder: sites/new}" in form.text
    assert "/var/www" not in form.text.partition("</textarea>")[0].partition("<textarea")[2]
    assert "No mistakes found." in form.text
    name, text, pages = (
        html.unescape(re.findall(f'name="{key}"[^>]*?(?:value="|>\n)([^"<]*)', form.text)[0])
        for key in ("name", "text", "pages")
    )
    run = previewed(desk, browser, [], name=name, text=text, pages=pages)
    url = "https://new.example.org.localhost:8443"
    assert f'It will answer at <a href="{url}' in browser.get(f"/runs/{run}").text
    live = published(desk, browser, run)
    assert f'It answers at <a href="{url}' in browser.get(f"/runs/{live}").text
    assert (desk.root / "sites/new/index.html").read_text() == "<p>new</p>"


def test_new_pages_of_a_site_take_the_place_of_all_old_ones(desk: Desk) -> None:
    browser = desk.browser()
    (desk.root / "sites/blog/old.html").write_text("old")
    desk.git("add", "--all")
    desk.git("commit", "--quiet", "--message=An old page")
    before, text = desk.tree(), (desk.root / "config/sites/blog.yaml").read_text()
    base = base_of(browser, "blog")
    run = previewed(desk, browser, FOLDER, name="blog", text=text, new="", base=base)
    page = text_of(browser.get(f"/runs/{run}"))
    for how, path in (("new", "a/b.css"), ("changed", "index.html"), ("removed", "old.html")):
        assert f"{how}</span> <code>{path}</code>" in page
    published(desk, browser, run)
    assert sorted(files_of_last_commit(desk)) == [
        "sites/blog/a/b.css",
        "sites/blog/index.html",
        "sites/blog/old.html",
    ]
    assert "Change the site blog" in browser.get("/sites/blog").text  # among its commits
    undone(desk, browser, "blog")
    assert desk.tree() == before


def test_undo_leaves_a_folder_that_another_site_serves(desk: Desk) -> None:
    browser = desk.browser()
    published(desk, browser, previewed(desk, browser, FOLDER))
    other = desk.root / "config/sites/other.yaml"
    other.write_text("hosts: [other]\nsource: {folder: sites/new}\n")
    desk.git("add", "--all")
    desk.git("commit", "--quiet", "--message=Another site")
    undone(desk, browser, "new")
    assert not (desk.root / "config/sites/new.yaml").exists()
    assert (desk.root / "sites/new/index.html").exists()


def test_a_browser_that_goes_away_while_it_sends_leaves_nothing(desk: Desk) -> None:
    browser = desk.browser()
    with socket.create_connection(("127.0.0.1", desk.address.port)) as client:
        client.sendall(
            f"POST /preview HTTP/1.1\r\nHost: {desk.address.host}\r\n"
            f"Origin: {desk.address.origin}\r\nContent-Length: 9999\r\n"
            f"Cookie: {'; '.join(f'{key}={value}' for key, value in browser.cookies.items())}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
        )
        time.sleep(0.2)
    run = previewed(desk, browser, FOLDER)  # nobody waits for the one that went away
    assert desk.console.runs.all()[0].name == run
    assert len(desk.calls()) == 1


def test_the_same_pages_change_nothing(desk: Desk) -> None:
    browser = desk.browser()
    page = (desk.root / "sites/blog/index.html").read_bytes()
    text = (desk.root / "config/sites/blog.yaml").read_text()
    same = {"name": "blog", "text": text, "new": "", "base": base_of(browser, "blog")}
    run = previewed(desk, browser, [("folder", ("blog/index.html", page))], **same)
    assert "Nothing would change." in text_of(browser.get(f"/runs/{run}"))


def test_pages_and_a_name_are_enough(desk: Desk) -> None:
    browser = desk.browser()
    run = previewed(desk, browser, FOLDER, name="least", text="")
    published(desk, browser, run)
    made = (desk.root / "config/sites/least.yaml").read_text()
    assert made == "hosts: [least]\nsource: {folder: sites/least}\n"


def test_pages_stay_given_when_the_text_is_mended(desk: Desk) -> None:
    browser = desk.browser()
    answer = posted(browser, FOLDER, text=TEXT + "sorce: x\n")
    assert answer.status_code == 422
    assert "2 files that you gave" in text_of(answer)
    kept = answer.text.partition('name="pages" value="')[2].partition('"')[0]
    run = previewed(desk, browser, [], pages=kept)
    back = browser.get(f"/sites/new?from={run}").text
    assert f'name="pages" value="{kept}"' in back
    assert "Line" not in back
    published(desk, browser, run)
    assert (desk.root / "sites/new/index.html").exists()


def test_a_bad_archive_is_one_sentence_and_the_text_stays(desk: Desk) -> None:
    before = desk.tree()
    answer = posted(desk.browser(), [("zip", ("s.zip", zipped({"../x": b""})))])
    assert answer.status_code == 422
    assert "leads out of the site's folder" in html.unescape(answer.text)
    assert "hosts: [new]" in answer.text
    assert (desk.tree(), desk.calls()) == (before, [])


def test_a_file_that_names_another_folder_is_told(desk: Desk) -> None:
    answer = posted(desk.browser(), FOLDER, text="hosts: [new]\nsource: {folder: sites/blog}\n")
    assert answer.status_code == 422
    assert "write `source: {folder: sites/new}`" in text_of(answer)
    assert desk.calls() == []


def test_while_somebody_types_chosen_pages_count_as_there(desk: Desk) -> None:
    browser = desk.browser()
    form = {"name": "new", "text": TEXT, "new": "yes"}
    assert "there is no such folder" in browser.post("/check", data=form).text
    # htmx tells that a file was chosen, and not what is in it.
    for key in ("folder", "zip"):
        told = browser.post("/check", data=form | {key: "[object File]"})
        assert "No mistakes found." in text_of(told)
    told = browser.post("/check", data=form | {"text": "", "folder": "[object File]"})
    assert "No mistakes found." in text_of(told)


@pytest.mark.parametrize("how", ["changed", "untracked", "ignored"])
def test_no_page_is_lost_that_no_commit_has(desk: Desk, how: str) -> None:
    name = {"changed": "index.html", "untracked": "draft.html", "ignored": "a.tmp"}[how]
    (desk.root / ".gitignore").write_text("/.engine\n*.tmp\n")
    desk.git("commit", "--all", "--quiet", "--message=Ignore")
    (desk.root / "sites/blog" / name).write_text("mine")
    browser = desk.browser()
    text = (desk.root / "config/sites/blog.yaml").read_text()
    same = {"name": "blog", "text": text, "new": "", "base": base_of(browser, "blog")}
    answer = posted(browser, FOLDER, **same)
    assert answer.status_code == 409
    assert f"sites/blog/{name} has changes that no commit has" in text_of(answer)
    assert (desk.root / "sites/blog" / name).read_text() == "mine"


def test_a_folder_that_changed_after_the_preview_wants_another_one(desk: Desk) -> None:
    browser = desk.browser()
    run = previewed(desk, browser, FOLDER)
    (desk.root / "sites/new").mkdir()
    (desk.root / "sites/new/theirs.html").write_text("theirs")
    answer = browser.post(f"/runs/{run}/publish")
    assert answer.status_code == 409
    assert "sites/new changed after the preview; preview again." in text_of(answer)
    assert (desk.root / "sites/new/theirs.html").exists()
    assert not (desk.root / "config/sites/new.yaml").exists()


@pytest.mark.parametrize("why", ["a hook", "ignored"])
def test_where_git_refuses_pages_stay_as_they_were(desk: Desk, why: str) -> None:
    browser = desk.browser()
    text = (desk.root / "config/sites/blog.yaml").read_text()
    same = {"name": "blog", "text": text + "#\n", "new": "", "base": base_of(browser, "blog")}
    run = previewed(desk, browser, [*FOLDER, ("folder", ("site/a.tmp", b"x"))], **same)
    if why == "ignored":
        (desk.root / ".git/info/exclude").write_text("*.tmp\n")
    else:
        (desk.root / ".git/hooks/pre-commit").write_text("#!/bin/sh\nexit 1\n")
        (desk.root / ".git/hooks/pre-commit").chmod(0o755)
    before, status = desk.tree(), desk.git("status", "-s")
    answer = browser.post(f"/runs/{run}/publish")
    assert answer.status_code == 409
    assert "Nothing was written: " in text_of(answer)
    assert (desk.tree(), desk.git("status", "-s")) == (before, status)
    assert commits(desk) == ["The first sites"]
    (desk.root / ".git/info/exclude").unlink(missing_ok=True)
    (desk.root / ".git/hooks/pre-commit").unlink(missing_ok=True)
    published(desk, browser, run)  # the pages still wait


def test_longer_than_the_console_takes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, "MAX_BYTES", 4 << 20)
    monkeypatch.setattr(guard, "MAX_UPLOAD", 5 << 20)
    browser = desk.browser()
    answer = posted(browser, [("folder", ("a/b", bytes(9 << 20)))])
    assert answer.status_code == 413
    assert "64 MiB of pages" in text_of(answer)
    for size in (MAX_TEXT + 1, 2 << 20):
        assert posted(browser, FOLDER, text="#" * size).status_code == 413
    assert posted(browser, [("folder", ("a/b", bytes((4 << 20) + 1)))]).status_code == 422
    many = [("folder", (f"a/{n}", b"")) for n in range(5001)]
    answer = posted(browser, many)
    assert answer.status_code == 422
    assert "5,001 files" in text_of(answer)
    assert desk.calls() == []


def test_only_a_preview_takes_pages(desk: Desk) -> None:
    sent = {"zip": ("s.zip", bytes(2 << 20))}
    assert desk.browser().post("/check", data={"name": "a"}, files=sent).status_code == 413
    stranger = desk.stranger()
    assert stranger.post("/preview", data={"name": "a"}, files=sent).status_code == 401


@pytest.mark.parametrize(
    ("text", "led"),
    [
        ("source: {folder: sites/new}\n", 'source: {folder: "there"}\n'),
        ("a: ü\nsource:\n  folder: 'sites/new/'  # x\n", 'a: ü\nsource:\n  folder: "there"  # x\n'),
        ("source: {folder: sites/new2}\n", None),
        ("source: {git: https://git.example.org/x}\n", None),
        ("source: [sites/new]\n", None),
        ("", None),
        ("hosts: [new\n", "hosts: [new\n"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_a_text_is_led_to_where_pages_wait(text: str, led: str | None) -> None:
    assert led_to(text, "new", "there") == led

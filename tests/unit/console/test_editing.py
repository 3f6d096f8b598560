"""A text is checked as the commands check it, at its lines, before anything is written."""

import html
import re
import time

import httpx
import pytest

from config.model import ConfigError
from console.candidate import MAX_TEXT
from tests.unit.console.desk import Desk, run_of, text_of
from tests.unit.program import SEVERAL_SITES

BAD = {
    "an unknown field": "hosts: [new]\nsource: {folder: sites/blog}\nport: 8080\n",
    "no such folder": "hosts: [new]\nsource: {folder: sites/bolg}\n",
    "another site's host": "hosts: [new, welcome]\nsource: {folder: sites/blog}\n",
    "no kind": "hosts: [new]\n",
    "a bad host": "hosts:\n  - new\n  - -x\nredirect: {to: https://example.org}\n",
    "no YAML": "hosts: [new\n",
    "a key twice": "hosts: [new]\nhosts: [new]\n",
    "no mapping": "- new\n",
    "a redirect to itself": "hosts: [new]\nredirect: {to: 'https://new.localhost:8443/a'}\n",
    "a long host": f"hosts: [{'.'.join(['a' * 61] * 4)}]\nredirect: {{to: https://example.org}}\n",
    "a script": "hosts: ['<script>alert(1)</script>']\nredirect: {to: https://example.org}\n",
}


def said(page: httpx.Response) -> list[tuple[int, str]]:
    """Each sentence with its line, as a person reads them."""
    found = []
    for item in re.findall(r"<ul class=\"sentences\".*?</ul>", page.text, re.DOTALL):
        for entry in re.findall(r"<li[^>]*>(.*?)</li>", item, re.DOTALL):
            line = re.search(r"<strong>Line (\d+)</strong>", entry)
            text = re.sub(r"<strong>.*?</strong>|<code>.*?</code>", "", entry, flags=re.DOTALL)
            found.append((int(line[1]) if line else 0, html.unescape(" ".join(text.split()))))
    return found


def told_by_commands(desk: Desk, text: str) -> list[tuple[int, str]]:
    """What a command says where the file has this text."""
    file = desk.root / "config/sites/zoo.yaml"
    file.write_text(text)
    try:
        desk.console.load({})
    except ConfigError as error:
        problems = error.problems
    else:
        problems = ()
    file.unlink()
    found = []
    for problem in problems:
        match = re.match(r"config/sites/zoo\.yaml(?::(\d+))?: (.*)", problem, re.DOTALL)
        assert match
        found.append((int(match[1] or 0), " ".join(match[2].split())))
    return sorted(found)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_text_gets_the_sentences_of_the_commands_at_their_lines(
    desk: Desk, what: str
) -> None:
    browser = desk.browser()
    before = desk.tree()
    form = {"name": "zoo", "text": BAD[what], "new": "yes", "base": ""}
    wanted = told_by_commands(desk, BAD[what])
    assert wanted
    assert sorted(said(browser.post("/check", data=form))) == wanted
    refused = browser.post("/preview", data=form)
    assert refused.status_code == 422
    assert sorted(said(refused)) == wanted
    assert html.escape(BAD[what]) in refused.text.replace("&#39;", "&#x27;")  # it isn't lost
    assert "<script>alert" not in refused.text
    assert (desk.tree(), desk.calls()) == (before, [])


def test_a_clash_is_told_to_the_one_who_edits(desk: Desk) -> None:
    """The loader names the second of two files; here that may be the other one."""
    text = "hosts: [welcome]\nsource: {folder: sites/blog}\n"
    answer = desk.browser().post("/check", data={"name": "blog", "text": text})
    assert said(answer) == [
        (
            0,
            "config/sites/welcome.yaml: hosts has 'welcome.localhost', which "
            "config/sites/blog.yaml has as well; keep it in one of them",
        )
    ]


def test_a_good_text_is_told_so(desk: Desk) -> None:
    text = "hosts: [new]\r\nsource: {folder: sites/blog}"
    answer = desk.browser().post("/check", data={"name": "new", "text": text})
    assert said(answer) == []
    assert "No mistakes found." in text_of(answer)


@pytest.mark.parametrize(
    "name", ["../x", "..", "proxy", "x;id", "-x", "", "Blog", "a/b", "x.yaml", "a" * 41, "x\n"]
)
def test_a_name_that_no_site_may_have_is_refused(desk: Desk, name: str) -> None:
    browser = desk.browser()
    before = desk.tree()
    form = {"name": name, "text": "hosts: [new]\nsource: {folder: sites/blog}\n", "new": "yes"}
    answer = browser.post("/preview", data=form)
    if name == "x\n":
        assert run_of(answer)  # the form's own end of a line, which no name keeps
        return
    assert answer.status_code == 422
    assert len(said(answer)) == 1
    assert (desk.tree(), desk.calls()) == (before, [])


@pytest.mark.parametrize("path", ["/sites/..%2fx", "/sites/-x", "/sites/gone", "/sites/x;id"])
def test_no_page_of_a_site_that_is_not_there(desk: Desk, path: str) -> None:
    browser = desk.browser()
    assert browser.get(path).status_code == 404
    assert browser.post(f"{path}/undo").status_code in (404, 409)
    assert desk.calls() == []


def test_a_new_site_takes_nobodys_name(desk: Desk) -> None:
    form = {"name": "blog", "text": SEVERAL_SITES["blog.yaml"], "new": "yes"}
    browser = desk.browser()
    told = [(0, "config/sites/blog.yaml is there already; choose another name")]
    assert said(browser.post("/check", data=form)) == told
    answer = browser.post("/preview", data=form)
    assert answer.status_code == 422
    assert said(answer) == told


def test_the_form_of_a_site_has_its_text_and_its_commits(desk: Desk) -> None:
    text = "hosts: [blog]\nsource: {folder: sites/blog}\n# <script>alert(1)</script>\n"
    (desk.root / "config/sites/blog.yaml").write_text(text)
    desk.git("commit", "--all", "--quiet", "--message=<b>Say</b> more")
    page = desk.browser().get("/sites/blog")
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)
    assert area
    assert html.unescape(area[1]) == text
    assert "<script>alert" not in page.text
    assert "<b>Say" not in page.text
    assert "The first sites" in page.text


def test_a_text_that_is_too_long_is_refused(desk: Desk) -> None:
    browser = desk.browser()
    for path in ("/check", "/preview"):
        long = browser.post(path, data={"name": "new", "text": "#" * (MAX_TEXT + 1)})
        assert long.status_code == 413
        fits = browser.post(path, data={"name": "new", "text": "#" * (MAX_TEXT - 10)})
        assert fits.status_code in (200, 422)
    assert desk.calls() == []


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n"
            for p, c in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "[" * 50_000,
        "{a: " * 20_000,
        "a: &a [*a]\n",
        "hosts: [" + "x," * 100_000 + "]\n",
    ],
    ids=["aliases", "lists", "mappings", "itself", "values"],
)
def test_a_bomb_is_answered_within_a_second(desk: Desk, text: str) -> None:
    browser = desk.browser()
    browser.get("/")
    began = time.process_time()  # what else the machine does isn't the console's
    answer = browser.post("/check", data={"name": "new", "text": text})
    assert time.process_time() - began < 1
    assert len(said(answer)) == 1


CADDYFILE = """www.example.org {
	redir https://example.org{uri}
}
new.example.org {
	root * /srv/new
	file_server browse
	php_fastcgi <script>:9000
	header X y
}
"""


def written(page: httpx.Response) -> tuple[str, str]:
    """The name and the text that the form has."""
    name = re.search(r'id="name" name="name" value="([^"]*)"', page.text)
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)
    assert name
    assert area
    return name[1], html.unescape(area[1])


def test_a_pasted_caddyfile_fills_the_form_and_says_what_found_no_place(desk: Desk) -> None:
    browser = desk.browser()
    before = desk.tree()
    form = {"name": "", "text": CADDYFILE.replace("\n", "\r\n"), "new": "yes", "base": ""}
    told = browser.post("/check", data=form)
    assert "the files of 2 sites" in text_of(told)
    answer = browser.post("/preview", data=form)
    assert answer.status_code == 200
    name, text = written(answer)
    assert (name, text.splitlines()[0]) == ("example", "hosts: [www.example.org]")
    named = browser.post("/preview", data=form | {"name": "mine"})
    name, text = written(named)
    assert (name, text) == (
        "mine",
        "hosts: [new.example.org]\nsource: {host_folder: /srv/new}\nruntime: php\nlisting: true\n"
        "caddyfile: |\n  header X y\n",
    )
    assert "<strong>Line 7</strong> <code>php_fastcgi &lt;script&gt;:9000</code>" in named.text
    assert "redirect:" in named.text.partition("Other sites of this Caddyfile")[2]
    assert (desk.tree(), desk.calls()) == (before, [])  # a person reads it first
    made = {"name": name, "text": text, "new": "yes", "base": ""}
    assert desk.ends(run_of(browser.post("/preview", data=made))) == "well"


def test_a_caddyfile_in_the_form_of_a_site_keeps_the_sites_name(desk: Desk) -> None:
    browser = desk.browser()
    base = browser.get("/sites/blog").text.partition('name="base" value="')[2].partition('"')[0]
    form = {"name": "blog", "text": "a.example.org {\n\tfile_server\n}\n", "base": base}
    answer = browser.post("/preview", data=form)
    assert "config/sites/blog.yaml" in answer.text
    assert f'name="base" value="{base}"' in answer.text
    assert "hosts: [a.example.org]\nsource: {folder: sites/blog}\n" in answer.text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("new.example.org {\n\treverse_proxy localhost:3000\n}\n", "localhost:3000 is a program"),
        ("server {\n  listen 80;\n  server_name a;\n}\n", "this is nginx's configuration"),
        ("Dear Bob,\nhow are you?\n", "this isn't a Caddyfile"),
    ],
)
def test_what_becomes_no_site_is_told_in_a_sentence(desk: Desk, text: str, sentence: str) -> None:
    browser = desk.browser()
    form = {"name": "new", "text": text, "new": "yes"}
    for answer in (browser.post("/check", data=form), browser.post("/preview", data=form)):
        assert [sentence in one for _, one in said(answer)] == [True]
    assert desk.calls() == []

"""A form writes into the text what somebody changed in it, and leaves all else as it is."""

import html

import pytest

from console.fields import read, written
from tests.unit.console.desk import Desk, text_of

TEXT = """\
# Ada's
hosts:
  - blog  # the short one
  - www.example.org

# where it is
source: {git: "https://git.example.org/ada/blog", branch: main}  # moved in May
runtime: php # ü
caddyfile: |
  header A b
  # listing: true
"""
SHOWN = {
    "hosts": "blog, www.example.org",
    "source": "https://git.example.org/ada/blog",
    "php": "yes",
    "listing": "",
    "not_found": "",
    "email": "",
}


def test_what_a_text_says_is_shown() -> None:
    assert read(TEXT) == SHOWN
    assert read("hosts: [a\n") is None
    assert read("") == dict.fromkeys(SHOWN, "")


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        (
            "hosts",
            "blog  new.example.org,*x",
            "hosts:\n  - blog  # the short one\n  - www.example.org\n",
            "hosts: [blog, new.example.org, '*x']\n",
        ),
        (
            "source",
            "https://git.example.org/bob/blog",
            '"https://git.example.org/ada/blog", branch',
            "'https://git.example.org/bob/blog', branch",
        ),
        (
            "source",
            "sites/blog",
            '{git: "https://git.example.org/ada/blog", branch: main}',
            "{folder: sites/blog}",
        ),
        ("php", "", "runtime: php # ü\n", ""),
        ("listing", "yes", "  # listing: true\n", "  # listing: true\nlisting: true\n"),
        ("email", "a@b.c", "  # listing: true\n", "  # listing: true\nemail: a@b.c\n"),
    ],
)
def test_one_field_changes_alone(name: str, value: str, before: str, after: str) -> None:
    assert before in TEXT
    assert written(TEXT, SHOWN, SHOWN | {name: value}) == TEXT.replace(before, after)


def test_what_was_typed_into_the_text_meanwhile_stays() -> None:
    typed = TEXT.replace("www.example.org", "shop.example.org")
    assert written(typed, SHOWN, SHOWN | {"listing": "yes"}) == f"{typed}listing: true\n"


def test_fields_alone_make_a_file() -> None:
    given = {"hosts": "blog", "source": "sites/blog", "listing": "yes", "not_found": "404.html"}
    assert written("", {}, given) == (
        "hosts: [blog]\nsource: {folder: sites/blog}\nlisting: true\nnot_found: 404.html\n"
    )


@pytest.mark.parametrize(
    "text", ["- no mapping\n", "a: &x sites/b\nhosts: [a]\nsource: {folder: *x}\n", "hosts: [a\n"]
)
def test_what_stands_elsewhere_isnt_changed_where_it_is_repeated(text: str) -> None:
    changed = written(text, {"source": "sites/b"}, {"source": "sites/c"})
    assert changed.startswith(text.partition("source")[0].rstrip())
    assert "&x sites/b" in changed or "&x" not in text


def test_the_form_writes_the_text_and_nothing_else(desk: Desk) -> None:
    browser, before = desk.browser(), desk.tree()
    form = {
        "name": "new",
        "new": "yes",
        "text": "",
        "was": "{}",
        "field-hosts": "new",
        "field-source": "sites/blog",
        "field-listing": "yes",
    }
    answer = browser.post("/fill", data=form)
    assert answer.status_code == 200
    assert "hosts: [new]\nsource: {folder: sites/blog}\nlisting: true\n" in answer.text
    assert 'value="sites/blog"' in answer.text
    assert "checked" in answer.text.partition('id="field-listing"')[2].partition(">")[0]
    shown = browser.get("/sites/blog").text
    assert 'value="blog, www.example.org, example.org"' in shown
    was = html.unescape(shown.partition('name="was" value="')[2].partition('"')[0])
    text = (desk.root / "config/sites/blog.yaml").read_text()
    same = {"name": "blog", "text": text + "# typed\n", "was": was, "base": "x"}
    same |= {"field-hosts": "blog, www.example.org, example.org", "field-source": "sites/blog"}
    answer = browser.post("/fill", data=same | {"field-hosts": "journal"})
    assert "hosts: [journal]\nsource: {folder: sites/blog}\n# typed\n" in answer.text
    assert 'name="base" value="x"' in answer.text
    assert "No mistakes found." in text_of(answer)
    for was in ("[]", "no JSON", '{"hosts": 1}'):
        assert browser.post("/fill", data=same | {"was": was}).status_code == 200
    assert (desk.tree(), desk.calls()) == (before, [])

"""What answers for a site that the gateway serves: its owner's lines, taken apart."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.routes import Files
from components.site.caddyfile import SiteServer
from components.site.shared_caddyfile import shared_site
from values.tokens import tokens

ROOT = "/content/sites/blog/current"


def shared(lines: str = "", not_found: str | None = None) -> Files:
    return shared_site(SiteServer(root=ROOT, lines=lines, not_found=not_found))


def text(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def errors(files: Files) -> list[tuple[str, str]]:
    """For which status, and the words of what answers then."""
    return [(error.status, " ".join(text(error.lines).split())) for error in files.errors]


def own(files: Files) -> str:
    """The owner's lines among what answers."""
    lines = text(files.lines).split("\n")
    return "\n".join(lines[1 : lines.index("file_server {")])


def test_a_plain_site_is_its_own_folder() -> None:
    files = shared()
    assert files.lines[0] == f"root * {ROOT}"
    assert files.lines[-1].startswith("file_server {\n\thide ")
    assert files.errors == []


def test_lines_without_errors_stay_as_they_are() -> None:
    lines = "# a comment\nheader A b\n\n@old {\n  path /old\n}\nredir @old /new # behind\n"
    assert own(shared(lines)) == lines.rpartition(" #")[0].replace("\n\n", "\n")


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("", ""),
        ("404", "{err.status_code} in [404]"),
        ("404 410", "{err.status_code} in [404, 410]"),
        ("5xx", "({err.status_code} >= 500 && {err.status_code} <= 599)"),
        (
            "404 4xx 5xx",
            "{err.status_code} in [404] || ({err.status_code} >= 400 && {err.status_code} <= 499)"
            " || ({err.status_code} >= 500 && {err.status_code} <= 599)",
        ),
    ],
)
def test_errors_are_answered_for_the_status_that_the_owner_names(codes: str, status: str) -> None:
    files = shared(f"header A b\nhandle_errors {codes} {{\n  respond sorry\n}}\nheader C d")
    assert errors(files) == [(status, "respond sorry")]
    assert own(files) == "header A b\nheader C d"


def test_errors_are_asked_in_the_order_in_which_caddy_asks_those_of_a_block() -> None:
    """Those with a status first, the last of them before all others; seen with Caddy 2.11.7."""
    lines = "\n".join(
        f"handle_errors {codes} {{\n  respond {name}\n}}"
        for codes, name in (("", "all"), ("404", "first"), ("4xx", "second"))
    )
    files = shared(lines, not_found="lost.html")
    assert [said.split()[1] for _, said in errors(files)] == ["*", "second", "first", "all"]
    assert errors(files)[0][0] == "{err.status_code} in [404]", "the page of `not_found`"


def test_matchers_of_the_block_are_known_where_errors_are_answered() -> None:
    lines = (
        "@api path /api/*\n@page {\n  path *.html\n  not path /x\n}\n"
        "handle_errors {\n  respond @api `{}`\n  respond @page gone\n}\nheader @api A b"
    )
    files = shared(lines)
    answers = text(files.errors[0].lines)
    assert answers.startswith("@api path /api/*\n@page {\n  path *.html\n  not path /x\n}\n")
    assert "respond @api `{}`" in answers
    assert own(files).startswith("@api path /api/*\n@page {"), "and where the page is, too"


@pytest.mark.parametrize("opens", ["<<EOF", "<<E-1"])
def test_a_text_of_many_lines_is_no_directive_of_its_own(opens: str) -> None:
    """Whatever it looks like."""
    text_of = f"respond {opens}\n  handle_errors 404 {{\n  @x path /\n  {opens[2:]} 200"
    files = shared(f"handle_errors {{\n{text_of}\n}}\n{text_of}")
    assert len(files.errors) == 1
    assert text(files.errors[0].lines).strip() == text_of
    assert own(files) == text_of


def test_words_in_quotes_keep_them() -> None:
    lines = (
        '"header" "A b" `c "d"`\n"handle_errors" 404 {\n  "respond" "so { rry"\n}\n`redir` /a /b'
    )
    files = shared(lines)
    assert own(files) == '"header" "A b" `c "d"`\n`redir` /a /b'
    assert errors(files) == [("{err.status_code} in [404]", '"respond" "so { rry"')]


def test_the_web_root_is_the_sites_own_wherever_its_owner_names_it() -> None:
    lines = (
        "handle /dl/* {\n  root * /srv/current/dl\n}\nroot /x `/srv/current`\n"
        "header A /srv/currently\nheader B see:/srv/current\n"
        'handle_errors {\n  root * "/srv/current/errors"\n}'
    )
    files = shared(lines)
    assert own(files) == (
        f"handle /dl/* {{\n  root * {ROOT}/dl\n}}\nroot /x `{ROOT}`\n"
        "header A /srv/currently\nheader B see:/srv/current"
    )
    assert errors(files) == [("", f'root * "{ROOT}/errors"')]


def test_every_file_server_hides_what_no_site_shows() -> None:
    files = shared("file_server /a/*\nhandle_errors {\n  file_server\n}", not_found="x/lost.html")
    for answers in (files.lines, *(error.lines for error in files.errors)):
        words = text(answers).split()
        assert Counter(words)["file_server"] == Counter(words)["hide"] > 0


def test_a_page_for_what_is_not_there_is_shown_with_404() -> None:
    ((status, said),) = errors(shared(not_found="404/index.html"))
    assert status == "{err.status_code} in [404]"
    assert said.startswith("rewrite * /404/index.html file_server { status 404 hide ")


NAMES = st.sampled_from(["header", '"header"', "`redir`", "@m", "handle_errors", "respond", "vars"])
WORDS = st.sampled_from(
    ["a", '"b c"', "`{ d`", '"}"', "{err.status_code}", "@m", "/srv/currently", "a\\\n  b", "404"]
)
PLAIN = st.builds(
    lambda name, words, more: " ".join([name, *words]) + more,
    NAMES.filter(lambda name: name != "handle_errors"),
    st.lists(WORDS, max_size=3),
    st.sampled_from(["", " # behind", "\n", "\n# before", " <<EOF\n  handle_errors {\n  EOF"]),
)
BLOCKS = st.builds(
    lambda name, words, inside: " ".join([name, *words, "{\n"]) + "\n".join(inside) + "\n}",
    NAMES,
    st.lists(WORDS, max_size=2),
    st.lists(PLAIN, max_size=3),
)
NESTED = st.builds(lambda name, inside: f"{name} {{\n{inside}\n}}", NAMES, BLOCKS)


def words_of(lines: str, *, matchers: bool = False) -> Counter[tuple[str, bool]]:
    """All words, or those alone that define the block's own matchers."""
    found = Counter[tuple[str, bool]]()
    directive = ""
    for word in tokens(lines):
        if word.first and not word.depth and (word.quoted or word.text != "}"):
            directive = word.text
        found[word.text, word.quoted] += not matchers or directive.startswith("@")
    return +found


def around_errors(lines: str) -> Counter[tuple[str, bool]]:
    """The words of each `handle_errors` that stand around its body."""
    found = Counter[tuple[str, bool]]()
    of_head = False
    for word in tokens(lines):
        if word.first and not word.depth:
            of_head = word.text == "handle_errors"
        found[word.text, word.quoted] += of_head
        if of_head and word.text == "{" and not word.quoted:
            found["}", False] += 1
            of_head = False
    return +found


@given(st.lists(PLAIN | BLOCKS | NESTED, max_size=5).map("\n".join))
def test_of_any_lines_nothing_is_lost_and_matchers_alone_are_said_again(lines: str) -> None:
    files = shared(lines)
    said = sum((words_of(text(error.lines)) for error in files.errors), words_of(own(files)))
    again = words_of(lines, matchers=True)
    for _ in files.errors:
        said -= again
    assert said + around_errors(lines) == words_of(lines)

"""sources.json: what the parser takes, and how it refuses the rest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publisher.sources import Limits, Ref, SourcesError, Webhook, identity, load, parse, server

from tests.unit.images.publisher.support import LIMITS, Json, entry

PACKAGE = Path(__file__).parents[4] / "images/publisher"


def document(**sites: Json) -> str:
    return json.dumps({"limits": LIMITS, "sites": sites})


def test_a_whole_file() -> None:
    sources = parse(
        document(
            portfolio=entry(
                url="https://github.com/babolivier/portfolio",
                fetch="mirror:github.com/babolivier/portfolio",
                ref={"branch": "old"},
                webhooks=[{"host": "WWW.example.org", "path": "/push"}],
            ),
            island=entry(fetch=None, ref=None, directory="design/design", as_="new"),
        )
    )
    portfolio, island = sources.sites
    assert sources.limits == Limits(**LIMITS)
    assert portfolio.name == "portfolio"
    assert portfolio.fetch == "mirror:github.com/babolivier/portfolio"
    assert portfolio.ref == Ref("branch", "old")
    assert portfolio.webhooks == (Webhook("www.example.org", "/push"),)
    assert (island.fetch, island.ref, island.directory, island.as_) == (
        *(None, None),
        *("design/design", "new"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "the text isn't JSON: "),
        ("[" * 100_000, "the text isn't JSON: "),
        ("[]", "the file is a list: must be an object"),
        ('{"limits": {}}', "the file: sites is missing"),
        (document(a=entry(every=0)), "sites.a.every is 0: must be a whole number above"),
        (document(a=entry(every=True)), "sites.a.every is true"),
        (document(a=entry(ref={"branch": "-x"})), 'sites.a.ref.branch is "-x"'),
        (document(a=entry(ref={"commit": "abc"})), 'sites.a.ref.commit is "abc"'),
        (document(a=entry(ref={"tag": "a", "branch": "b"})), "sites.a.ref is an object"),
        (document(a=entry(directory="../b")), 'sites.a.directory is "../b"'),
        (document(a=entry(as_="/b")), 'sites.a.as is "/b"'),
        (document(a=entry(fetch="file:///etc")), 'sites.a.fetch is "file:///etc"'),
        (document(a=entry(fetch="ext::sh")), "sites.a.fetch"),
        (document(a=entry(fetch="-x@y:z")), "sites.a.fetch"),
        (document(a=entry(fetch="ssh://-oProxyCommand=x/y")), "sites.a.fetch"),
        (document(a=entry(fetch="https://me:secret@host/x")), "without a password"),
        (document(a=entry(fetch="mirror:../x")), "sites.a.fetch"),
        (document(a=entry(colour="blue")), "sites.a: there is no field 'colour'"),
        (document(a=entry(webhooks=[{"host": "x", "path": "y"}])), "sites.a.webhooks.0.path"),
        (document(**{"../a": entry()}), 'sites.../a is "../a"'),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(SourcesError) as refused:
        parse(text)
    assert str(refused.value).startswith(problem) or problem in str(refused.value)


def test_a_file_that_can_t_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="nowhere can't be read"):
        load(tmp_path / "nowhere")
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(SourcesError, match="latin can't be read"):
        load(tmp_path / "latin")


@pytest.mark.parametrize(("text", "code"), [(document(a=entry()), 0), ("{}", 1)])
def test_check_answers_by_its_exit_code(tmp_path: Path, text: str, code: int) -> None:
    file = tmp_path / "sources.json"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "publisher", "check", file],
        cwd=PACKAGE,
        check=False,
        capture_output=True,
        text=True,
    )
    said = f"{file}: the file: limits is missing\n" if code else ""
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_any_json_is_refused_in_words(value: object) -> None:
    with pytest.raises(SourcesError):
        parse(json.dumps(value))


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(SourcesError):
        parse(text)


@given(st.sampled_from(["as_", *sorted(entry().keys() - {"as"})]), JSON)
def test_any_value_of_a_site_is_taken_or_refused_by_name(field: str, value: object) -> None:
    name = field.rstrip("_")
    problem, taken = "", value
    try:
        (site,) = parse(document(blog=entry(**{field: value}))).sites
    except SourcesError as error:
        problem = str(error)
    else:
        taken = getattr(site, field if field == "as_" else name)
    if problem:
        assert problem.startswith(f"sites.blog.{name}")
    else:
        assert taken == (tuple(value) if isinstance(value, list) else value)


FOLDERS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp", "Co", "Cn"]),
    min_size=1,
)


@given(FOLDERS | st.sampled_from(["..", "a/..", "a/../../b", "/", "//", ".", "./a", "a//b", "a/"]))
def test_a_folder_that_is_taken_stays_inside(folder: str) -> None:
    try:
        (site,) = parse(document(blog=entry(directory=folder, as_=folder))).sites
    except SourcesError:
        return
    inside = Path("/top").joinpath(site.as_).resolve()
    assert inside != Path("/top")
    assert inside.is_relative_to("/top")


PARTS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=10)


@given(host=PARTS, owner=PARTS, name=PARTS)
def test_every_way_to_write_a_repository_is_the_same(host: str, owner: str, name: str) -> None:
    expected = f"{host}.org/{owner}/{name}"
    for url in (
        f"https://{host}.org/{owner}/{name}",
        f"https://{host}.org/{owner}/{name}.git",
        f"https://{host}.org/{owner}/{name}/",
        f"http://{host}.ORG:3000/{owner}/{name}.git/",
        f"https://someone@{host}.org/{owner}/{name}",
        f"git://{host}.org/{owner}/{name}.git",
        f"ssh://git@{host}.org/{owner}/{name}.git",
        f"ssh://git@{host}.org:2222/{owner}/{name}",
        f"git@{host}.org:{owner}/{name}.git",
        f"git@{host.upper()}.org:{owner.upper()}/{name}",
    ):
        assert identity(url) == expected


@given(host=PARTS, owner=PARTS, name=PARTS, other=PARTS)
def test_another_repository_is_another(host: str, owner: str, name: str, other: str) -> None:
    one = identity(f"https://{host}/{owner}/{name}")
    assert (identity(f"git@{host}:{owner}/{other}.git") == one) == (name == other)
    assert (identity(f"https://{other}/{owner}/{name}") == one) == (host == other)
    assert identity(f"https://{other}/{host}/{owner}/{name}") != one


@pytest.mark.parametrize(
    ("fetch", "asked"),
    [
        ("https://git.example:3000/owner/name", "git.example:3000"),
        ("ssh://git@git.example/owner/name", "git.example"),
        ("git@git.example:owner/name", "git.example"),
        ("mirror:git.example/owner/name", "mirror:"),
    ],
)
def test_whom_a_fetch_asks(fetch: str, asked: str) -> None:
    assert server(fetch) == asked


@given(st.text())
def test_anything_has_an_identity(url: str) -> None:
    assert "/" in identity(url)

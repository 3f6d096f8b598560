"""The list of sites: what each is, what waits, and a host that is away."""

import hashlib
import html
import re
import time

import httpx

from commands import live
from config.settings import ROOT
from tests.unit.console.conftest import Desks
from tests.unit.console.desk import Desk, text_of
from tests.unit.program import EVERY_KIND, SEVERAL_SITES


def cards(page: httpx.Response) -> dict[str, str]:
    """Each site's card as text, by the site's name."""
    found = {}
    for card in page.text.split('<li class="card">')[1:]:
        text = html.unescape(" ".join(re.sub(r"<[^>]+>", " ", card.split("</section>")[0]).split()))
        found[text.split()[0]] = text
    return found


def test_a_card_has_the_urls_what_serves_and_the_last_commit(desks: Desks) -> None:
    desk = desks(EVERY_KIND)
    shown = cards(desk.browser().get("/"))
    assert set(shown) == {name.removesuffix(".yaml") for name in EVERY_KIND}
    assert "https://bare.localhost:8443 " in shown["bare"]
    assert "Served by the gateway · folder: sites/bare" in shown["bare"]
    assert "Served by its own container, with PHP · folder: sites/shop" in shown["shop"]
    assert "git: https://git.example.org/asks" in shown["asks"]
    assert "folder of the host: /srv/photos" in shown["photos"]
    assert "Redirects to https://blog.example.org" in shown["moved"]
    assert "Passed on to http://192.0.2.7:9104" in shown["outside"]
    short = desk.git("log", "-1", "--format=%h %cs").strip()
    assert all(f"{short} The first sites" in card for card in shown.values())


def test_a_site_tells_how_it_differs_from_what_was_put_live(desk: Desk) -> None:
    assert "live" not in " ".join(cards(desk.browser().get("/")).values())  # nobody knows
    live.note("local", live.digests(desk.root) | {"old": "0"}, desk.root)
    sites = desk.root / "config/sites"
    (sites / "blog.yaml").write_text("hosts: [journal]\nsource: {folder: sites/blog}\n")
    (sites / "new.yaml").write_text("hosts: [new]\nsource: {folder: sites/blog}\n")
    shown = cards(desk.browser().get("/"))
    assert "changed since it was put live not committed" in shown["blog"]
    assert "not put live yet not committed" in shown["new"]
    assert "live, but its file is gone" in shown["old"]
    assert "live" not in shown["welcome"]


def test_up_notes_each_sites_file() -> None:
    welcome = (ROOT / "config/sites/welcome.yaml").read_bytes()
    assert live.digests()["welcome"] == hashlib.sha256(welcome).hexdigest()


def test_up_notes_what_somebody_tries_in_place_of_the_file() -> None:
    noted = live.digests(laid_over={"welcome.yaml": None, "tried.yaml": "hosts: [a]"})
    assert "welcome" not in noted
    assert noted["tried"] == hashlib.sha256(b"hosts: [a]").hexdigest()


def test_the_pages_of_200_sites_take_less_than_300_ms(desks: Desks) -> None:
    """Of this process's time: what else the machine does isn't theirs."""
    text = "hosts: [site{0}, www{0}.example.org]\nsource: {{folder: sites/blog}}\n"
    desk = desks({**SEVERAL_SITES, **{f"site{n}.yaml": text.format(n) for n in range(200)}})
    browser = desk.browser()
    form = {"name": "new", "text": "hosts: [new]\nsource: {folder: sites/blog}\n"}
    for method, path in (("GET", "/"), ("GET", "/sites/site7"), ("POST", "/check")):
        for _ in range(5):  # a machine may be slow for a moment
            began = time.process_time()
            answer = browser.request(method, path, data=form if method == "POST" else None)
            took = time.process_time() - began
            assert answer.status_code == 200
            if took < 0.3:
                break
        assert took < 0.3, path
    assert len(cards(browser.get("/"))) == 203


def test_files_with_problems_are_told_and_the_sites_still_listed(desk: Desk) -> None:
    (desk.root / "config/sites/blog.yaml").write_text("hosts: []\nsorce: {folder: sites/bolg}\n")
    page = desk.browser().get("/")
    assert page.status_code == 200
    assert "config/sites/blog.yaml:2: sorce: there is no such field" in text_of(page)
    assert set(cards(page)) == {"blog", "shop_2", "welcome"}


def test_what_is_no_file_is_told_and_breaks_no_page(desk: Desk) -> None:
    (desk.root / "config/sites/odd.yaml").mkdir()
    browser = desk.browser()
    assert "config/sites/odd.yaml: can&#39;t be read" in browser.get("/").text
    assert browser.get("/sites/odd").status_code == 404


def test_a_file_or_a_commit_with_a_script_stays_text(desk: Desk) -> None:
    bad = "<script>alert(1)</script>"
    (desk.root / "config/sites/blog.yaml").write_text(f"hosts: ['{bad}']\n")
    desk.git("commit", "--all", "--quiet", f"--message={bad}")
    page = desk.browser().get("/")
    assert bad not in page.text
    assert html.escape(bad) in page.text


def test_no_site_yet_says_how_to_make_one(desks: Desks) -> None:
    desk = desks({})
    assert "No site yet" in text_of(desk.browser().get("/"))


def test_a_host_that_is_away_is_told_with_what_was_seen_last(desk: Desk) -> None:
    desk.host.health = {"router": "healthy", "shop_2": "unhealthy"}
    shown = cards(desk.browser().get("/"))
    assert "healthy" in shown["blog"]
    assert "unhealthy" in shown["shop_2"]
    desk.host.why_away = "ssh://root@server: no route to host"
    desk.start()  # a console that was started anew knows it too
    page = desk.browser().get("/")
    assert "ssh://root@server: no route to host" in text_of(page)
    assert "is from 20" in text_of(page)
    assert "unhealthy" in cards(page)["shop_2"]


def test_a_sites_page_asks_its_urls_and_tells_why_it_can_not(desk: Desk) -> None:
    browser = desk.browser()
    assert 'hx-get="/sites/blog/answers"' in browser.get("/sites/blog").text
    shown = text_of(browser.get("/sites/blog/answers"))
    assert '<span class="mark well">200</span>' in shown
    assert "certificate for 9 more hours" in shown
    desk.host.why_away = "<b>no route</b>"
    assert "&lt;b&gt;no route" in browser.get("/sites/blog/answers").text


def test_a_host_that_takes_long_holds_no_page(desk: Desk) -> None:
    slow = desk.host.ask
    desk.host.ask = lambda: time.sleep(3) or slow()  # type: ignore[method-assign, func-returns-value]
    desk.start()
    page = desk.browser().get("/")
    assert "Asking the host…" in page.text
    assert "not seen yet" in cards(page)["blog"]


def test_the_list_is_sent_again_only_if_it_changed(desk: Desk) -> None:
    browser = desk.browser()
    page = browser.get("/").text
    again = page.partition('hx-get="')[2].partition('"')[0]
    part = {"hx-request": "true"}
    assert browser.get(again, headers=part).status_code == 204
    (desk.root / "config/sites/blog.yaml").write_text(
        "hosts: [changed]\nsource: {folder: sites/blog}\n"
    )
    changed = browser.get(again, headers=part)
    assert "<html" not in changed.text
    assert "https://changed.localhost:8443" in changed.text


def test_commits_that_nobody_pushed_are_counted(desk: Desk) -> None:
    assert "not pushed" not in desk.browser().get("/").text
    bare = desk.root.parent / "forge.git"
    desk.git("clone", "--quiet", "--bare", ".", str(bare))
    desk.git("remote", "add", "origin", str(bare))
    desk.git("fetch", "--quiet", "origin")
    desk.git("branch", "--quiet", "--set-upstream-to=origin/main")
    desk.git("commit", "--quiet", "--allow-empty", "--message=One")
    assert "1 commit not pushed." in text_of(desk.browser().get("/"))


def test_what_is_not_ours_is_as_its_makers_published_it() -> None:
    static = ROOT / "console/static"
    lines = (static / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    scripts = {file.name for file in static.glob("*.js")}
    assert scripts == set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((static / name).read_bytes()).hexdigest() == digest
        assert (static / name.replace(".min.js", ".LICENSE")).is_file()

"""A site's page tells whether the host is as its files say, from the last run, and asks nobody."""

import re

import httpx

from tests.unit.console.desk import Desk, run_of, text_of
from tests.unit.console.test_publishing import previewed, published


def planned(name: str, of: str, op: str = "update") -> dict[str, object]:
    return {
        "step": "planned", "op": op, "name": name, "urn": name, "of": of, "keys": ["image"],
    }  # fmt: skip


def looked(desk: Desk, browser: httpx.Client) -> None:
    assert desk.ends(run_of(browser.post("/waiting"))) == "well"


def told(browser: httpx.Client, site: str = "blog") -> str:
    page = re.sub(r"<[^>]+>", " ", browser.get(f"/sites/{site}").text)
    return " ".join(page.partition("Is the host as its files say?")[2].split())


def test_a_site_tells_what_differed_when_somebody_looked(desk: Desk) -> None:
    browser = desk.browser()
    assert told(browser).startswith("Nobody has looked lately.")
    desk.does(
        steps=[planned("container blog", "blog"), planned("container shop_2", "shop_2", "create")]
    )
    looked(desk, browser)
    calls = len(desk.calls())
    blog, shop = told(browser), told(browser, "shop_2")
    assert re.match(r"At 20\d\d-\d\d-\d\d \d\d:\d\d this was different.", blog)
    assert "container blog differs image" in blog
    assert "shop_2" not in blog
    assert "container shop_2 is missing" in shop
    assert told(browser, "welcome").startswith("It was at 20")
    assert len(desk.calls()) == calls, "a page starts nothing"


def test_what_an_edit_would_change_is_no_difference(desk: Desk) -> None:
    browser = desk.browser()
    desk.does(steps=[planned("content of blog", "blog"), planned("container shop_2", "shop_2")])
    preview = previewed(desk, browser, "blog")
    assert told(browser).startswith("Nobody has looked lately.")
    assert "container shop_2 differs" in told(browser, "shop_2")
    published(desk, browser, preview)
    assert told(browser).startswith("It was at 20")
    assert told(browser, "shop_2").startswith("It was at 20")


def test_after_an_update_that_was_cut_short_nobody_knows(desk: Desk) -> None:
    browser = desk.browser()
    preview = previewed(desk, browser)
    looked(desk, browser)
    assert told(browser).startswith("It was at 20")
    preview = previewed(desk, browser)
    desk.does(code="1")
    run = run_of(browser.post(f"/runs/{preview}/publish"))
    assert desk.ends(run) == "failed"
    assert told(browser).startswith("Nobody has looked lately.")
    assert "It went wrong." in text_of(browser.get(f"/runs/{run}"))

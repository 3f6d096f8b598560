"""Takes pictures of the console's pages, as a program of its own: it has packages that the tests
haven't.

    python photographer.py LINK FOLDER

FOLDER gets a picture of the list of sites and one of a preview, in light and in dark.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

TEXT = "hosts: [recipes, www.example.com]\nsource: {folder: sites/recipes}\nnot_found: lost.html\n"


def main(link: str, folder: str) -> None:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(link))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1100, "height": 760})
        page.goto(link)
        page.wait_for_url(f"{origin}/")
        page.wait_for_selector(".mark.well")
        takes(page, Path(folder) / "console")
        page.goto(f"{origin}/new")
        page.fill("#name", "recipes")
        page.fill("#text", TEXT)
        page.click(".editor button")
        page.wait_for_selector("#publish")
        takes(page, Path(folder) / "console-preview")
        browser.close()


def takes(page: Page, file: Path) -> None:
    for colour, ending in (("light", ".png"), ("dark", "-dark.png")):
        page.emulate_media(color_scheme=colour)
        page.screenshot(path=f"{file}{ending}")


if __name__ == "__main__":
    main(*sys.argv[1:])

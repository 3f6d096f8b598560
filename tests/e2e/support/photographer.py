"""Takes pictures of the console's pages, as a program of its own: it has packages that the tests
haven't.

    python photographer.py LINK FOLDER COMMANDS

FOLDER gets a picture of each screen, in light and in dark. COMMANDS is where what stands in for the
commands looks up what to do.
"""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

TEXT = "hosts: [recipes, www.example.com]\nsource: {folder: sites/recipes}\nruntime: php\n"
WRONG = "hosts: [forum]\nsource: {folder: sites/forum}\nruntime: php8\n"
ROUTER = {"op": "update", "name": "files router-config", "urn": "b", "keys": ["files.Caddyfile"]}
RECIPES = {"op": "create", "name": "container recipes", "urn": "a", "keys": []}
AT_WORK = [RECIPES | {"step": "begun"}, ROUTER | {"step": "done"}]
FAILED = [RECIPES | {"step": "failed"}]
WHY = """
recipes is unhealthy; its last lines:
  ERROR: unable to bind listening socket for address '/tmp/php-fpm.sock'"""


class Photographer:
    def __init__(self, page: Page, origin: str, folder: Path, commands: Path) -> None:
        self.page, self.origin = page, origin
        self.folder, self.commands = folder, commands

    def takes_all(self) -> None:
        """A site is added, published and published again in vain; then others are looked at."""
        page = self.page
        self.takes("")
        page.goto(f"{self.origin}/new")
        page.fill("#name", "recipes")
        page.fill(".cm-content", TEXT)
        page.wait_for_selector(".fits")
        page.set_viewport_size({"width": 860, "height": 700})
        self.takes("-add", "main > section", 620)
        page.click(".editor button")
        page.wait_for_selector("#publish")
        self.takes("-preview", "main", 880)
        self.does(
            hello="Changing…\n  ~ files router-config (1 s)\n  … container recipes",
            begun="".join(f"{json.dumps(line)}\n" for line in AT_WORK),
            waits="",
        )
        page.click("#publish")
        page.wait_for_selector("text=at work")
        page.wait_for_timeout(2500)  # the page asks twice, and is told that nothing is new
        self.takes("-publish", "main", 350)
        self.does(steps=json.dumps(FAILED), says=f"  ! container recipes failed\n{WHY}", code="1")
        page.wait_for_selector("#again")
        self.takes("-failed", "main", 620)
        self.does(steps=(self.commands / "later").read_text())
        page.click("#again")
        page.wait_for_selector("#publish")
        page.goto(f"{self.origin}/sites/forum")
        page.fill(".cm-content", WRONG)
        page.wait_for_selector("#sentences li")
        self.takes("-sentence", "main > section", 400)
        page.goto(f"{self.origin}/sites/forum")
        page.wait_for_selector("#now + div .mark")
        page.evaluate("document.querySelector('main > section').remove()")
        self.takes("-site", "main", 620)

    def does(self, **files: str) -> None:
        """What the commands do from now on."""
        for name in ("steps", "says", "code", "begun", "hello"):
            (self.commands / name).unlink(missing_ok=True)
        for name, text in files.items():
            (self.commands / name).write_text(text)
        if "waits" not in files:
            (self.commands / "waits").unlink(missing_ok=True)

    def takes(self, name: str, what: str = "", height: int = 0) -> None:
        """A picture of what the window shows, or of a part of the page, down to some height."""
        page = self.page
        for colour, ending in (("light", ".png"), ("dark", "-dark.png")):
            page.emulate_media(color_scheme=colour)
            file = str(self.folder / f"console{name}{ending}")
            box = page.locator(what).first.bounding_box() if what else None
            if not box:
                page.screenshot(path=file)
                continue
            clip = {"x": box["x"] - 20, "width": box["width"] + 40}
            clip |= {"y": box["y"] - 12, "height": min(height, box["height"] + 24)}
            page.screenshot(path=file, clip=clip, full_page=True)


def main(link: str, folder: str, commands: str) -> None:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(link))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 960, "height": 640})
        page.goto(link)
        page.wait_for_url(f"{origin}/")
        page.wait_for_selector(".mark.well")
        Photographer(page, origin, Path(folder), Path(commands)).takes_all()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

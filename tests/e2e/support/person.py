"""A person with a browser, as a program of its own: it has packages that the tests haven't.

    python person.py LINK PATH…

It opens the link, looks at each page in each width and colour, then adds a site by keyboard alone,
another of a Caddyfile, one of a folder of pages, and two without JavaScript. What it found is
printed as JSON.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

CADDYFILE = """new.example.org {
	file_server browse
	php_fastcgi php:9000
}
www.example.org {
	redir https://new.example.org{uri}
}
"""
GOOD = "source: {folder: sites/blog}\n"
PATIENCE = 20_000  # milliseconds


class Person:
    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.problems: list[str] = []
        self.asked: set[str] = set()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: self.problems.append(said.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.asked.add(request.url))

    def looks(self, name: str) -> None:
        """See what doesn't fit, and what axe finds, in each width and colour."""
        for width in (320, 1280):
            self.page.set_viewport_size({"width": width, "height": 800})
            for colour in ("light", "dark"):
                self.page.emulate_media(color_scheme=colour)
                root = "document.documentElement"
                over = self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
                found = [(v["id"], v["nodes"][0]["target"]) for v in violations(self.page)]
                at = f"{name}, {width}, {colour}"
                self.problems += [f"{at}: {one}" for one in found]
                self.problems += [f"{at}: overflows by {over}"] if over > 0 else []

    def tabs_to(self, what: str) -> None:
        """Press Tab until the focus is on what has this text or id."""
        focus = "[document.activeElement.id, document.activeElement.textContent.trim()]"
        for _ in range(60):
            if what in self.page.evaluate(focus):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {what}")

    def adds_by_keyboard(self, name: str) -> dict[str, Any]:
        """Add a site with a mistake, mend it, preview and publish it."""
        page, keys = self.page, self.page.keyboard
        page.goto(f"{self.origin}/")
        self.tabs_to("Add a site")
        keys.press("Enter")
        page.wait_for_selector("#name")
        self.looks("the form")
        self.tabs_to("name")
        keys.type(name)
        keys.press("Tab")
        helped = self.is_helped()
        keys.press("Control+a")
        keys.type(f"hosts: [{name}]\nsorce: {{folder: sites/blog}}\n")
        page.wait_for_selector(".cm-lintRange")
        sentence = page.inner_text("#sentences")
        keys.press("F8")
        at_line = page.inner_text(".cm-tooltip-lint")
        marked = page.locator(".cm-line").all_inner_texts().index(page.inner_text(".cm-lintRange"))
        self.looks("a sentence")
        keys.press("Control+a")
        keys.type(f"hosts: [{name}]\n{GOOD}")
        page.wait_for_selector(".fits")
        self.tabs_to("Preview")
        keys.press("Enter")
        page.wait_for_selector("#publish")
        self.looks("the preview")
        self.tabs_to("publish")
        keys.press("Enter")
        page.wait_for_selector("#undo")
        self.looks("the update")
        found = {"sentence": sentence, "at_line": f"{marked + 1}: {at_line}"}
        return helped | found | {"ended": page.inner_text(".state")}

    def is_helped(self) -> dict[str, Any]:
        """Let the editor complete a file: what it offers, and the text that comes of it."""
        keys = self.page.keyboard
        offers = [self.takes_offer("ho")]
        keys.type("blog]\n")
        offers += [self.takes_offer("so"), self.takes_offer("")]
        keys.type("sites/blog}\n")
        offers += [self.takes_offer("li"), self.takes_offer("")]
        keys.type("\nhosting: shared\n")  # it is whole, so Enter ends the line
        return {"offers": offers, "completed": self.page.input_value("#text")}

    def takes_offer(self, typed: str) -> list[str]:
        """The first words that are offered for a beginning, of which Enter takes the first."""
        self.page.keyboard.type(typed)
        offered = self.page.locator(".cm-tooltip-autocomplete li")
        offered.first.wait_for()
        words: list[str] = offered.all_inner_texts()[:3]
        if typed == "ho":
            self.looks("what the editor offers")
        self.page.wait_for_timeout(200)  # the editor takes no key for what has just appeared
        self.page.keyboard.press("Enter")
        return words

    def pastes_a_caddyfile(self, name: str) -> dict[str, str]:
        """Paste it, read what was made of it, preview and publish it."""
        page = self.page
        page.goto(f"{self.origin}/new")
        page.fill("#name", name)
        self.tabs_to("name")
        page.keyboard.press("Tab")
        page.evaluate("text => navigator.clipboard.writeText(text)", CADDYFILE)
        page.keyboard.press("Control+v")
        page.wait_for_selector("#sentences >> text=This is a Caddyfile.")
        self.looks("a Caddyfile")
        page.click(".editor button")
        page.wait_for_selector("text=This was made of the Caddyfile")
        self.looks("what was made of it")
        told = {"told": page.inner_text("main"), "made": page.input_value("#text")}
        with page.context.expect_page() as another:
            page.click("text=Preview example")
        another.value.wait_for_selector("#publish")
        another.value.close()
        page.click(".editor button")
        page.click("#publish")
        page.wait_for_selector("#undo")
        return told

    def drops_a_folder(self, name: str) -> None:
        """Add a site by a name and a folder of pages alone."""
        page = self.page
        page.goto(f"{self.origin}/new")
        page.fill("#name", name)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "styles").mkdir()
            for path in ("index.html", "styles/a.css"):
                (Path(folder) / path).write_text(path)
            page.set_input_files("#folder", folder)
            page.wait_for_selector(".fits")
            page.click(".editor button")
            page.wait_for_selector("#pages")
        self.looks("the preview of pages")
        page.click("#publish")
        page.wait_for_selector("#undo")


def violations(page: Page) -> list[Any]:
    found: list[Any] = Axe().run(page).response["violations"]
    return found


def adds_without_script(page: Page, origin: str, name: str, pages: str = "") -> str:
    page.set_default_timeout(PATIENCE)
    page.goto(f"{origin}/new")
    page.fill("#name", name)
    if pages:
        page.set_input_files("#zip", pages)
    else:
        page.fill("#field-hosts", name)
        page.fill("#field-source", "sites/blog")
        page.click("text=Write them into the text")
        page.wait_for_selector(".fits")
    page.click(".editor button.main")
    page.click("#publish")  # the page loads itself again until it is there
    page.wait_for_selector("#undo")
    return str(page.inner_text(".state"))


def main(link: str, *paths: str) -> None:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(link))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        person = Person(context.new_page(), origin)
        person.page.goto(link)
        person.page.wait_for_url(f"{origin}/")
        for path in paths:
            person.page.goto(f"{origin}{path}")
            person.looks(path)
        by_keyboard = person.adds_by_keyboard("typed")
        pasted = person.pastes_a_caddyfile("pasted")
        person.drops_a_folder("dropped")
        kept = context.storage_state()
        without = browser.new_context(java_script_enabled=False, storage_state=kept)
        by_forms = adds_without_script(without.new_page(), origin, "plain")
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(f"{folder}/pages.zip", "w") as archive:
                archive.writestr("site/index.html", "packed")
            adds_without_script(without.new_page(), origin, "packed", f"{folder}/pages.zip")
        browser.close()
    others = [url for url in person.asked if not url.startswith(f"{origin}/")]
    found = {"problems": person.problems, "others": others, "by_forms": by_forms}
    print(json.dumps(found | by_keyboard | pasted))


if __name__ == "__main__":
    main(*sys.argv[1:])

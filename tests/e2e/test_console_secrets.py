"""What a stack's settings keep secret is nowhere in the console: no page, log, file or argument."""

from __future__ import annotations

import re
import secrets

import pytest
import yaml

from tests.e2e.checkout import PASSPHRASE, ROOT, Checkout
from tests.e2e.console_browser import Browser
from tests.e2e.support import passwords
from tests.e2e.support.secrets_search import LeakSearch

pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

TEXT = "hosts: [pasted]\nsource: {folder: sites/pasted}\ncaddyfile: |\n  header A b\n"


def word() -> str:
    return f"planted-{secrets.token_hex(12)}"


def planted(checkout: Checkout) -> dict[str, str]:
    """A stack with every part, and a secret wherever its settings have one; the secrets by name."""
    hashed = passwords.hashed("words")
    found = {
        "the seal key": secrets.token_hex(32),
        "the role id": secrets.token_hex(16),
        "the secret id": secrets.token_hex(16),
        "a value of the vault": word(),
        "the password of the mail server": word(),
        "the webhook of alerts": word(),
        "the token of a git server": word(),
        "the secret of a push": word(),
    }
    keys = list(found.values())
    local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    checkout.extra |= {
        "registry": {},
        "users": {"ada": {"registry": "write"}},
        "sources": {"mirror": local["homeport:sources"]["mirror"]},
        "prometheus": {
            "notify": {
                "email": {
                    "server": "127.0.0.1:9",
                    "from": "homeport@example.org",
                    "to": "ada@example.org",
                    "user": "homeport",
                }
            }
        },
    }
    portfolio = (ROOT / "config/sites/portfolio.yaml").read_text()
    checkout.write_site("portfolio", portfolio)
    declared = {"shop": {"prod": {"api_token": "credential from config"}}}
    (checkout.folder / "config/vault.yaml").write_text(yaml.safe_dump({"services": declared}))
    checkout.configure()
    checkout.set_secrets(
        {
            "vault.seal_key": keys[0],
            "vault.role_id": keys[1],
            "vault.secret_id": keys[2],
            "vault.values.shop.prod.api_token": keys[3],
            "prometheus.notify.email.password": keys[4],
            "prometheus.notify.webhook": f"http://127.0.0.1:9/{keys[5]}",
            "site_secrets.portfolio.token": keys[6],
            "site_secrets.portfolio.webhook": keys[7],
            "users.ada.hash": hashed,
        }
    )
    in_hash = max(re.findall(r"[A-Za-z0-9]{12,}", hashed), key=len)
    return {**found, "a hash": in_hash, "the passphrase": PASSPHRASE}


def test_planted_secrets_are_in_no_page_log_file_or_argument(checkout: Checkout) -> None:
    markers = planted(checkout)
    folder = checkout.folder / "sites/pasted"
    folder.mkdir()
    (folder / "index.html").write_text("<p>marker-of-pasted</p>")
    with LeakSearch(markers) as search, Browser(checkout) as browser:
        for path in ("/", "/new", "/sites/portfolio", "/sites/portfolio/answers"):
            browser.page(path)
        browser.client.post("/check", data={"name": "pasted", "text": TEXT + "sorce: 1\n"})
        preview = browser.preview(TEXT)  # of all that the stack is made of
        assert browser.is_well(preview), browser.page(preview)
        assert "In the Caddyfile of the gateway" in browser.page(preview)
        browser.publish(preview)
        browser.client.get("/sites/portfolio/answers")
        # A change of each secret's files, and one that fails.
        checkout.pulumi("config", "rm", "--path", "homeport:users.ada")
        waiting = browser.ended(browser.post("/waiting"))
        assert browser.is_well(waiting), browser.page(waiting)
        assert "router-config" in browser.page(waiting)
        refused = browser.preview(TEXT + "  nonsense\n")
        assert 'class="state failed"' in browser.page(refused)
        undo = browser.ended(browser.post("/sites/pasted/undo"))
        assert browser.is_well(undo), browser.page(undo)
    assert any("header A b" in answer for answer in browser.answers)
    pages = {f"answer {number}": text for number, text in enumerate(browser.answers)}
    kept = [checkout.folder / name for name in (".engine", "config", "sites")]
    assert any((checkout.folder / ".engine/console").rglob("log"))
    leaks = search.found(texts={"the terminal": browser.said, **pages}, files=kept)
    assert leaks == []

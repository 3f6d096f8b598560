"""Texts that are laid over the files of sites: what a preview is made of."""

import json
from pathlib import Path

import pulumi
import pytest

from config import loading
from config.edited import VARIABLE, Edited
from config.estate import Estate
from config.model import ConfigError
from tests.unit.program import SEVERAL_SITES, an_estate, own_config

JOURNAL = "hosts: [journal]\nsource: {folder: sites/blog}\n"


def load(root: Path, laid_over: Edited | None = None) -> Estate:
    return loading.load("local", own_config("local"), root, laid_over)


def hosts(estate: Estate) -> dict[str, tuple[str, ...]]:
    return {site.name: site.hosts for site in estate.sites}


def test_a_text_takes_the_place_of_a_file(tmp_path: Path) -> None:
    an_estate(tmp_path, SEVERAL_SITES)
    before = hosts(load(tmp_path))
    assert hosts(load(tmp_path, {"blog.yaml": JOURNAL})) == before | {"blog": ("journal",)}
    assert hosts(load(tmp_path, {"new.yaml": JOURNAL})) == before | {"new": ("journal",)}
    del before["blog"]
    assert hosts(load(tmp_path, {"blog.yaml": None})) == before
    assert (tmp_path / "config/sites/blog.yaml").read_text() == SEVERAL_SITES["blog.yaml"]


def test_its_problems_are_those_of_the_file(tmp_path: Path) -> None:
    """Word for word, with the lines, clashes with other files included."""
    an_estate(tmp_path, SEVERAL_SITES)
    bad = "hosts: [welcome, -x]\nsource: {folder: sites/bolg}\nport: 8080\n"
    for text in (bad, "hosts: [welcome]\nsource: {folder: sites/blog}\n", "a: [", ""):
        with pytest.raises(ConfigError) as laid_over:
            load(tmp_path, {"blog.yaml": text})
        (tmp_path / "config/sites/blog.yaml").write_text(text)
        with pytest.raises(ConfigError) as written:
            load(tmp_path)
        assert laid_over.value.problems == written.value.problems
        (tmp_path / "config/sites/blog.yaml").write_text(SEVERAL_SITES["blog.yaml"])


@pytest.mark.parametrize("name", ["proxy.yaml", "x;id.yaml", "-x.yaml", "x.yml", "Ä.yaml"])
def test_a_name_that_no_file_may_have_is_refused(tmp_path: Path, name: str) -> None:
    an_estate(tmp_path, SEVERAL_SITES)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {name: JOURNAL})
    assert [f"config/sites/{name}: a site's file" in p or "of a part" in p
            for p in refused.value.problems] == [True]  # fmt: skip


def test_the_programs_of_a_preview_get_it_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_estate(tmp_path, SEVERAL_SITES)
    file = tmp_path / "edited.json"
    file.write_text(json.dumps({"blog.yaml": JOURNAL, "shop_2.yaml": None}))
    monkeypatch.setenv(VARIABLE, str(file))
    assert hosts(load(tmp_path)) == {"blog": ("journal",), "welcome": ("welcome",)}
    assert set(hosts(load(tmp_path, {}))) == {"blog", "shop_2", "welcome"}


def test_an_update_takes_it_on_the_local_stack_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "edited.json"
    file.write_text(json.dumps({"tried.yaml": JOURNAL}))
    monkeypatch.setenv(VARIABLE, str(file))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(loading, "_own", lambda _: own_config("prod"))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    told = "HOMEPORT_EDITED is for previews, and for the stack local; unset it"
    with pytest.raises(pulumi.RunError, match=told):
        loading.of_program()
    monkeypatch.setattr(loading, "_own", lambda _: own_config("local"))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "local")
    monkeypatch.setattr(loading, "ROOT", an_estate(tmp_path, SEVERAL_SITES))
    read = loading.load("local", own_config("local"), tmp_path)
    assert "tried" in hosts(read)
    loading._refuse_edited_update("local")

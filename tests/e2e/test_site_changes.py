"""Sites come, change and go without a failed request."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support import containers

# Over SSH the files take another way, which test_stack.py and test_volume_files.py are about; what
# visitors meet is the host's own.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


def test_adding_editing_and_removing_a_site_replaces_nothing_and_fails_no_request(
    few: Checkout,
) -> None:
    before = few.ids()
    with few.load("alpha", share=0.7) as alpha:
        page(few, "added", "marker-of-added")
        few.apply()
        few.serves(few.url("added"), "marker-of-added")
        edited = "hosts: [added]\nsource: {folder: sites/added}\ncaddyfile: header X-Edited yes\n"
        few.write_site("added", edited)
        with few.load("added", share=0.7) as added:
            few.apply()
        assert few.get(few.url("added")).headers["x-edited"] == "yes"
        (few.folder / "config/sites/added.yaml").unlink()
        few.apply()
        assert few.refusal("added"), "in the handshake"
    added.check()
    alpha.check()
    assert few.ids() == before


def test_a_new_image_of_a_site_drops_no_request(few: Checkout) -> None:
    before = containers.one(few.docker, few.label, "program").id
    good = few.image("php")
    here = docker.from_env()
    here.images.get(good).tag("homeport/php", "e2e-next")
    few.use_image("php", "homeport/php:e2e-next")
    with few.load("program", share=0.7) as program, few.load("alpha", share=0.7) as alpha:
        few.apply()
    program.check()
    alpha.check()
    assert containers.one(few.docker, few.label, "program").id != before
    few.use_image("php", good)
    few.apply()
    here.images.remove("homeport/php:e2e-next", force=True)
    here.close()

"""Site blocks of other servers that become a whole file here: taken, or one clear sentence."""

from pathlib import Path

import pytest

from config import site_file
from config.model import ConfigError
from tests.unit.components.site.site_blocks import WHOLE_FILES


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_block_is_taken_or_says_what_to_write(name: str, tmp_path: Path) -> None:
    text, said = WHOLE_FILES[name]
    (tmp_path / "sites/blog").mkdir(parents=True)
    file = tmp_path / "blog.yaml"
    file.write_text(text)
    if not said:
        site_file.read(file, "config/sites/blog.yaml", tmp_path)
        return
    with pytest.raises(ConfigError) as caught:
        site_file.read(file, "config/sites/blog.yaml", tmp_path)
    assert caught.value.problems == (said,)

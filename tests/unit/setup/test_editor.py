"""setup/editor: the editor that is committed is what its sources make."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.setup.machine import ROOT


@pytest.mark.skipif(
    not (ROOT / ".engine/tools/editor/stamp").exists(),
    reason="setup/test-tools installs what bundles the editor, if npm is there",
)
def test_the_committed_editor_is_what_its_sources_make(tmp_path: Path) -> None:
    committed = ROOT / "console/static"
    shutil.copy(committed / "SHA256SUMS", tmp_path)
    done = subprocess.run(
        ["setup/editor", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("editor.min.js", "editor.LICENSE", "SHA256SUMS"):
        made, kept = (tmp_path / name).read_bytes(), (committed / name).read_bytes()
        assert made == kept, f"{name}: run `setup/editor console/static`"

"""A made-up machine for the scripts in setup/: their checkout, and the programs they find."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# What every machine has. Anything else is there only when a test puts it there.
COREUTILS = (
    "bash sh env awk cat chmod cksum cp cut dirname grep id mkdir mv nice paste printf rm sed "
    "setsid sleep sort timeout touch tr"
)

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="plays root on a machine of its own, which needs root"
)


class Machine:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.programs = folder / "programs"
        self.log = folder / "calls"
        self.log.touch()
        shutil.copytree(ROOT / "setup", self.root / "setup")
        self.programs.mkdir()
        for name in COREUTILS.split():
            found = shutil.which(name)
            assert found, f"{name} is missing"
            (self.programs / name).symlink_to(found)

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def has(self, name: str, script: str = "", folder: Path | None = None) -> None:
        """A program that notes how it is called, then does what the script says."""
        file = (folder or self.programs) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.log}\n{script}\n')
        file.chmod(0o755)

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script as `make` does; what it says on stderr is all that it may say."""
        done = subprocess.run(
            argv,
            cwd=self.root,
            env={"PATH": str(self.programs), "HOME": "/nowhere"} | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stdout == ""
        return done

    def calls(self) -> list[str]:
        """What was called since the last time."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines

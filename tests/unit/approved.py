"""Files that a person approved, next to what the code makes now.

`UPDATE_GOLDEN=1 python -m pytest tests/unit` writes them anew; what changed is then read in
`git diff`.
"""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def approved(file: Path, made: str) -> str:
    """What the file says. With UPDATE_GOLDEN=1, it says from now on what was made."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_text(made, encoding="utf-8")
    return file.read_text(encoding="utf-8")

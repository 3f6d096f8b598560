"""In place of `python -m commands`: notes how it is called, and does what its folder says."""

import json
import os
import sys
import time
from pathlib import Path

here = Path(os.environ["FAKE"])
verb, steps = sys.argv[1], Path(sys.argv[sys.argv.index("--steps") + 1])
edited = os.environ.get("HOMEPORT_EDITED")


def has(name: str) -> bool:
    return (here / name).exists()


def text(name: str, default: str = "") -> str:
    return (here / name).read_text() if has(name) else default


with (here / "calls").open("a") as calls:
    said = json.loads(Path(edited).read_text()) if edited else None
    print(json.dumps([sys.argv[1:], said]), file=calls)
print(text("hello", f"{verb}: hello"), flush=True)
if has("begun"):
    steps.write_text(text("begun"))
try:
    while has("waits"):
        (here / "began").touch()
        time.sleep(0.05)
except KeyboardInterrupt:
    if has("stubborn"):
        import subprocess  # which takes longer to load than all else here

        child = subprocess.Popen(["sleep", "60"])
        (here / "child").write_text(str(child.pid))
        time.sleep(60)
    time.sleep(0.3)
    print("ended in good order", flush=True)
    sys.exit(130)
with steps.open("a") as out:
    for line in json.loads(text("steps", "[]")):
        print(json.dumps(line), file=out)
if has("says"):
    print(text("says"))
sys.exit(int(text("code", "0")))

"""What a preview shows of a Caddyfile, and what it never does."""

from typing import Any

from commands.caddyfile_diff import of_step
from commands.kinds import CONTAINER, FILES
from tests.unit.program import Graph

HASH = "$2b$11$" + "a" * 53


def step(before: str | None, after: str | None, kind: str = FILES) -> dict[str, Any]:
    """A step as the engine tells it: `read` has noted what the host has in the outputs."""
    old = {"inputs": {"files": {"Caddyfile": "declared"}}, "outputs": files(before, "aaaa")}
    new = {"inputs": files(after, "bbbb"), "outputs": None}
    return {"type": kind, "old": old if before else None, "new": new if after else None}


def files(text: str | None, revision: str) -> dict[str, Any]:
    return {
        "files": {"Caddyfile": text, "revision": revision},
        "secret_files": {"accounts/pypi": "ada planted-in-secret-files"},
    }


def test_what_is_live_is_compared_with_what_would_be() -> None:
    assert of_step(step("a\nb\nc\n", "a\nB\nc\n")) == [
        "--- live", "+++ new", "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c",
    ]  # fmt: skip
    assert of_step(step(None, "a\n"))[-1] == "+a"
    assert of_step(step("a\n", None))[-1] == "-a"


def test_a_revision_is_no_change() -> None:
    assert of_step(step("bind unix//run/aaaa/x", "bind unix//run/bbbb/x")) == []


def test_hashes_and_accounts_are_never_shown() -> None:
    told = of_step(step(f"ada {HASH}", f"ada {HASH}\nbob $argon2id$v=19$m=4$salt$rest\n"))
    assert told[-2:] == [" ada (hash)", "+bob (hash)"]
    assert "planted" not in str(told)


def test_a_long_one_ends_in_a_sentence() -> None:
    told = of_step(step(None, "\n".join(map(str, range(1000)))))
    assert told[-1] == "… 603 more lines"


def test_what_is_no_file_or_not_known_yet_is_nothing() -> None:
    assert of_step(step("a", "b", CONTAINER)) == []
    assert of_step({"type": FILES, "new": {"inputs": {"files": "unknown"}}}) == []


def test_what_it_reads_is_what_the_program_declares(graph: Graph) -> None:
    """A Caddyfile by another name, or secret, would be shown by nothing here."""
    declared = [
        resource.inputs["files"]
        for resource in graph.of("VolumeFiles")
        if resource.name == "router-config"
    ]
    assert declared
    assert all({"Caddyfile", "revision"} <= each.keys() for each in declared)

"""A preview tells a program that shows its steps where names lead, and a person what changes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import name_lookup, preview
from commands.context import Context
from config import loading


@pytest.mark.parametrize("code", [0, 1])
def test_where_names_lead_goes_to_the_steps_after_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def told(context: Context, *arguments: str, known: object) -> int:
        with Path(context.given["steps"]).open("a") as file:
            print(json.dumps([*arguments, known]), file=file)
        return code

    def begin(stack: str, _estate: object) -> Callable[[], list[str]]:
        return lambda: [f"{stack} leads"]

    monkeypatch.setattr(preview, "told", told)
    monkeypatch.setattr(preview, "deployment", lambda _: {})
    monkeypatch.setattr(name_lookup, "begin", begin)
    given = {"steps": str(tmp_path / "steps"), "refresh": "1"}
    assert preview.run(Context("local", loading.of_files, given)) == code
    lines = [json.loads(line) for line in (tmp_path / "steps").read_text().splitlines()]
    assert lines == [["preview", "--refresh", {}], {"leads": "local leads"}]


def test_a_person_at_a_terminal_waits_for_no_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "told", lambda *_, **__: 0)
    monkeypatch.setattr(preview, "deployment", lambda _: {})
    monkeypatch.setattr(name_lookup, "begin", pytest.fail)
    assert preview.run(Context("local", loading.of_files)) == 0

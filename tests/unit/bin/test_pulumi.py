"""bin/pulumi: the local stack's passphrase reaches a command only when it works on that stack."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORD = "homeport-local"


class Checkout:
    """A checkout with the wrapper in it, and a Pulumi behind it that prints its environment."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.home = folder / "home"
        (self.root / "bin").mkdir(parents=True)
        shutil.copy(ROOT / "bin" / "pulumi", self.root / "bin")
        (self.root / "Pulumi.yaml").write_text("name: homeport\nruntime: python\n")
        self.engine = folder / "engine"
        self.engine.mkdir()
        self.stub("env; printf 'argument=%s\\n' \"$@\"")

    def stub(self, script: str) -> None:
        (self.engine / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (self.engine / "pulumi").chmod(0o755)

    def select(self, stack: str, root: Path | None = None) -> None:
        project = f"{root or self.root}/Pulumi.yaml"
        digest = hashlib.sha1(project.encode(), usedforsecurity=False).hexdigest()
        file = self.home / "workspaces" / f"homeport-{digest}-workspace.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"stack": stack}, indent=4))

    def run(self, *arguments: str, cwd: Path | None = None, **env: str) -> dict[str, str]:
        """The environment that Pulumi got."""
        path = f"{self.root / 'bin'}:{self.engine}:{os.environ['PATH']}"
        base = {"PATH": path, "PULUMI_HOME": str(self.home), "HOME": str(self.home)}
        output = subprocess.run(
            ["pulumi", *arguments],
            cwd=cwd or self.root,
            env=base | {"PWD": str(cwd or self.root)} | env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return dict(line.split("=", 1) for line in output.splitlines())

    def gives_word(self, *arguments: str, cwd: Path | None = None, **env: str) -> bool:
        return self.run(*arguments, cwd=cwd, **env).get("PULUMI_CONFIG_PASSPHRASE") == WORD


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


LOCAL = [
    "preview -s local",
    "preview -slocal",
    "preview -s=local",
    "preview --stack local",
    "preview --stack=local",
    "preview --stack organization/homeport/local",
    "preview --stack someone/local",
    "-s local preview",
    "--color never -v 3 preview -s local",
    "up --yes --refresh -s local",
    "up -ys local",
    "up -yslocal",
    "destroy -fys local",
    "up -C . -s local",
    "config set --secret -s local key value",
    "config -s local",
    "stack -s local",
    "stack output --json --show-secrets --stack local",
    "stack export -s local",
    "stack select local",
    "stack select --stack local --non-interactive",
    "stack init local",
    "stack init --no-select --stack local",
    "stack init --secrets-provider passphrase local",
    "stack new local",
    "stack rm local --yes",
    "stack rm -s local",
    "cancel local",
    "state delete -s local urn:pulumi:local::homeport::x::y",
    "up --exec-kind auto.local --stack local",
]

NOT_LOCAL = [
    "preview -s prod",
    "preview -sprod",
    "preview -s=prod",
    "preview --stack prod",
    "preview --stack=prod",
    "preview --stack organization/homeport/prod",
    "preview --stack organization/other/local",
    "preview --stack local/prod",
    "preview -s localhost",
    "preview -s local -s prod",
    "-s prod preview",
    "up -ys prod",
    "up -ysprod",
    "destroy -fys prod",
    "about -t -s prod",
    "up -s",
    "config set --secret -s prod key value",
    "config cp -s local --dest prod",
    "config copy --stack local -d prod",
    "config --verbose 3 cp -s local --dest prod",
    "state move --source local --dest prod urn:pulumi:local::homeport::x::y",
    "state mv --source local --dest prod urn",
    "stack select",
    "stack select prod",
    "stack select -c prod",
    "stack select -- prod",
    "stack init",
    "stack init prod",
    "stack new prod",
    "stack create prod",
    "stack init -s prod",
    "stack init prod --copy-config-from local",
    "stack init --copy-config-from local prod",
    "stack init --copy-config-from=local prod",
    "stack init --copy-config-from local",
    "stack init --copy-config-from prod local",
    "--verbose 3 stack init prod",
    "stack --tracing x init prod",
    "-v 3 stack --memprofilerate 3 init prod",
    "stack rename prod",
    "stack rename -s local prod",
    "stack migrate file:///elsewhere prod",
    "stack rm prod",
    "stack rm -y prod",
    "cancel prod",
    "new --stack local",
    "new -s prod",
    "version",
    "plugin ls",
    "login",
]


@pytest.mark.parametrize("line", LOCAL)
def test_a_command_on_local_gets_the_word_whatever_is_selected(
    checkout: Checkout, line: str
) -> None:
    checkout.select("organization/homeport/prod")
    assert checkout.gives_word(*line.split())


@pytest.mark.parametrize("line", NOT_LOCAL)
def test_no_other_command_gets_the_word_even_with_local_selected(
    checkout: Checkout, line: str
) -> None:
    checkout.select("organization/homeport/local")
    assert not checkout.gives_word(*line.split(" "))
    assert not checkout.gives_word(*line.split(" "), PULUMI_CONFIG_PASSPHRASE=WORD)


@pytest.mark.parametrize("line", ["up", "preview --diff", "config set key value", "stack output"])
def test_the_selected_stack_decides_where_none_is_named(checkout: Checkout, line: str) -> None:
    assert not checkout.gives_word(*line.split())
    checkout.select("organization/homeport/local")
    assert checkout.gives_word(*line.split())
    checkout.select("organization/homeport/prod")
    assert not checkout.gives_word(*line.split())


def test_pulumi_stack_outranks_the_selected_stack(checkout: Checkout) -> None:
    checkout.select("organization/homeport/local")
    assert not checkout.gives_word("up", PULUMI_STACK="prod")
    assert not checkout.gives_word("up", PULUMI_STACK="")
    checkout.select("organization/homeport/prod")
    assert checkout.gives_word("up", PULUMI_STACK="local")


def test_an_option_from_the_environment_gets_no_word(checkout: Checkout) -> None:
    checkout.select("organization/homeport/local")
    assert not checkout.gives_word("up", PULUMI_OPTION_STACK="prod")
    assert not checkout.gives_word("up", PULUMI_OPTION_CWD="/elsewhere")


def test_another_project_gets_no_word(checkout: Checkout, tmp_path: Path) -> None:
    other = checkout.root / "tests" / "program"
    other.mkdir(parents=True)
    assert checkout.gives_word("up", "-s", "local", cwd=other)
    (other / "Pulumi.yaml").write_text("name: homeport\nruntime: python\n")
    assert not checkout.gives_word("up", "-s", "local", cwd=other)
    assert not checkout.gives_word("up", "-s", "local", "-C", str(other))
    assert not checkout.gives_word("up", "-s", "local", f"--cwd={other}")
    assert not checkout.gives_word("up", "-s", "local", cwd=tmp_path)
    assert checkout.gives_word("up", "-s", "local", "-C", str(checkout.root), cwd=tmp_path)
    assert checkout.gives_word("up", "-s", "local", "--cwd", "checkout", cwd=tmp_path)


def test_the_selected_stack_is_found_as_pulumi_finds_it(checkout: Checkout, tmp_path: Path) -> None:
    """Pulumi knows a project by the path that the shell has, symbolic links and all."""
    link = tmp_path / "link"
    link.symlink_to(checkout.root)
    inside = checkout.root / "sites"
    inside.mkdir()
    checkout.select("organization/homeport/local")
    assert checkout.gives_word("up", cwd=inside)
    assert not checkout.gives_word("up", cwd=link)
    assert checkout.gives_word("up", "-C", str(link), cwd=tmp_path)
    checkout.select("organization/homeport/local", link)
    checkout.select("organization/homeport/prod")
    assert checkout.gives_word("up", cwd=link)
    assert not checkout.gives_word("up", cwd=checkout.root)


def test_the_rest_of_the_environment_and_the_arguments_pass_through(checkout: Checkout) -> None:
    got = checkout.run("up", "-s", "prod", "-m", "two words", PULUMI_CONFIG_PASSPHRASE="theirs")
    assert got["PULUMI_CONFIG_PASSPHRASE"] == "theirs"
    assert got["argument"] == "two words"
    got = checkout.run("up", "-s", "prod", PULUMI_CONFIG_PASSPHRASE_FILE="/a/file")
    assert got["PULUMI_CONFIG_PASSPHRASE_FILE"] == "/a/file"


def test_on_local_the_word_outranks_what_the_person_set_for_prod(checkout: Checkout) -> None:
    got = checkout.run(
        "up",
        "-s",
        "local",
        PULUMI_CONFIG_PASSPHRASE="theirs",
        PULUMI_CONFIG_PASSPHRASE_FILE="/a/file",
    )
    assert got["PULUMI_CONFIG_PASSPHRASE"] == WORD
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in got


def test_a_wrapper_of_another_checkout_is_passed_over(checkout: Checkout, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkout.root, other)
    path = f"{checkout.root / 'bin'}:{other / 'bin'}:{checkout.engine}:{os.environ['PATH']}"
    assert checkout.gives_word("up", "-s", "local", PATH=path)


def test_the_exit_code_is_pulumis(checkout: Checkout) -> None:
    checkout.stub("exit 7")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        checkout.run("up", "-s", "local")
    assert caught.value.returncode == 7


def test_a_missing_pulumi_gives_one_sentence(checkout: Checkout) -> None:
    (checkout.engine / "pulumi").unlink()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        checkout.run("up", PATH=f"{checkout.root / 'bin'}:/usr/bin:/bin")
    assert caught.value.stderr == f"Pulumi is missing: type `make setup` in {checkout.root}.\n"

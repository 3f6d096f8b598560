"""What the program does to a vault, without one: what it writes, what it finds, what it says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import urllib3
from hvac import exceptions
from hypothesis import given
from hypothesis import strategies as st

from components.vault import client, service
from components.vault.access import VaultAccessProvider
from components.vault.client import VaultError, open_vault
from components.vault.policies import person_policy, role_name, service_policy
from components.vault.server_config import WHOLE
from components.vault.server_reason import half_way
from components.vault.service import VaultServiceProvider, dropped, merged
from host.engine import EngineError
from host.provider import Props, ToldError
from tests.unit.program import every_service
from values.entrance import Entrance

SECRET = "4dabf18193072939515e22adb298388d"  # the engine's mark
KEYS = ("a", "b", "c", "d")
TEXTS = st.dictionaries(st.sampled_from(KEYS), st.text(max_size=3))
ORIGINS = st.dictionaries(
    st.sampled_from(KEYS),
    st.sampled_from(["credential generated", "credential by hand", "config from config"]),
)


# What is declared is enforced, what people write is kept


@given(TEXTS, ORIGINS, TEXTS, st.frozensets(st.sampled_from(KEYS)))
def test_only_what_is_declared_is_written_and_only_what_was_dropped_is_removed(
    current: dict[str, str], origins: dict[str, str], values: dict[str, str], gone: frozenset[str]
) -> None:
    gone = gone - origins.keys() - values.keys()
    wanted = merged(current, origins, values, gone, lambda _: "made")
    assert values.items() <= wanted.items()
    for key in KEYS:
        if key in values:
            continue
        if key in gone:
            assert key not in wanted
        elif key in current:
            assert wanted[key] == current[key]
        else:
            assert wanted.get(key) == ("made" if "generated" in origins.get(key, "") else None)
    assert merged(wanted, origins, values, gone, lambda _: "made anew") == wanted, "it settles"


def test_a_key_is_dropped_only_if_the_program_wrote_it() -> None:
    olds = {
        "keys": {
            "prod/given": "config from config",
            "prod/never_given": "config from config",
            "prod/made": "credential generated",
            "prod/theirs": "credential by hand",
            "prod/stays": "credential generated",
        },
        "values": {"prod/given": "x"},
    }
    news = {"keys": {"prod/stays": "credential by hand"}, "values": {}}
    assert dropped(olds, news) == {"prod/given", "prod/made"}


def test_a_value_that_is_taken_out_of_the_configuration_is_dropped() -> None:
    keys = {"prod/given": "config from config", "prod/other": "config from config"}
    olds = {"keys": keys, "values": {"prod/given": "x", "prod/other": "y"}}
    assert dropped(olds, {"keys": keys, "values": {"prod/other": "y"}}) == {"prod/given"}


# Policies


def test_an_application_reads_its_own_path_alone() -> None:
    assert service_policy("shop/prod") == (
        'path "services/data/shop/prod" { capabilities = ["read"] }\n'
    )


def test_no_two_environments_share_a_role() -> None:
    paths = [f"{service}/{name}" for service in ("a", "a-b", "a_b") for name in ("b", "b-c", "c")]
    assert len({role_name(path) for path in paths}) == len(paths)


def test_a_person_reads_and_writes_what_is_said_and_finds_it_in_the_browser() -> None:
    assert person_policy(["mill/local", "shop/prod"], ["shop/prod"]) == "".join(
        f'path "{path}" {{ capabilities = [{rights}] }}\n'
        for path, rights in [
            ("services/metadata/", '"list"'),
            ("services/metadata/mill/", '"list"'),
            ("services/metadata/shop/", '"list"'),
            ("services/data/mill/local", '"read"'),
            ("services/data/shop/prod", '"create", "read", "update", "patch", "delete"'),
            ("services/metadata/shop/prod", '"read"'),
            ("services/undelete/shop/prod", '"update"'),
            ("auth/approle/role/shop.prod/role-id", '"read"'),
            ("auth/approle/role/shop.prod/secret-id", '"update"'),
        ]
    )


# The provider of a service


@dataclass
class FakeVault:
    """A vault with one environment, and somebody else who may write to it."""

    values: dict[str, str] = field(default_factory=dict)
    version: int = 0
    deleted: bool = False
    destroyed: bool = False
    interruptions: int = 0
    older: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What is known of the versions before, with what they hold."""
    written: dict[str, Any] = field(default_factory=dict)

    @property
    def itself(self) -> "FakeVault":
        return self

    secrets = kv = v2 = auth = approle = itself

    def create_or_update_approle(self, role: str, *, mount_point: str, **settings: object) -> None:
        self.written[f"auth/{mount_point}/role/{role}"] = settings

    def write_data(self, path: str, *, data: Any) -> None:
        self.written[path] = data

    def read(self, path: str) -> Any:
        return {"data": self.written[path]} if path in self.written else None

    @property
    def versions(self) -> dict[int, dict[str, Any]]:
        last = about(self.values, deleted=self.deleted, destroyed=self.destroyed)
        return {**self.older, self.version: last} if self.version else {}

    def read_secret_metadata(self, *_: object, **__: object) -> Any:
        if not self.version:
            raise exceptions.InvalidPath
        return {"data": {"versions": {str(n): each for n, each in self.versions.items()}}}

    def read_secret_version(self, _path: str, version: int | None = None, **_: object) -> Any:
        number = version or self.version
        if not number:
            raise exceptions.InvalidPath(json={"errors": []})
        each = self.versions[number]
        told: dict[str, Any] = {"metadata": {**each, "version": number}, "data": None}
        if each["deletion_time"] or each["destroyed"]:
            raise exceptions.InvalidPath(json={"data": told})
        return {"data": {**told, "data": dict(each["holds"])}}

    def undelete_secret_versions(self, _path: str, versions: list[int], **_: object) -> None:
        for number in versions:
            if number == self.version:
                self.deleted = False
            else:
                self.older[number]["deletion_time"] = ""

    def create_or_update_secret(
        self, _path: str, values: dict[str, str], *, cas: int, mount_point: str
    ) -> None:
        assert mount_point == "services"
        if self.interruptions:
            self.interruptions -= 1
            self.version += 1
            self.values["theirs"] = f"{self.version}"
        if cas != self.version:
            raise exceptions.InvalidRequest(
                "check-and-set parameter did not match the current version"
            )
        self.put(values)

    def put(self, values: dict[str, str]) -> None:
        """What a person does as well, with `bao kv put`."""
        self.older |= self.versions
        self.version, self.values = self.version + 1, dict(values)
        self.deleted = self.destroyed = False


def about(
    holds: dict[str, str], *, deleted: bool = False, destroyed: bool = False
) -> dict[str, Any]:
    """A version, as the vault tells about it, and what it holds."""
    return {"holds": holds, "deletion_time": "now" if deleted else "", "destroyed": destroyed}


PROPS: Props = {
    "reach": {},
    "service": "shop",
    "keys": {
        "prod/token": "credential from config",
        "prod/made": "credential generated",
        "prod/theirs": "credential by hand",
    },
    "values": {"prod/token": "t"},
    "policies": {"prod": "a policy"},
    "vault": "answers",
}


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> FakeVault:
    fake = FakeVault()

    @contextmanager
    def opened(_reach: Props, **_: object) -> Iterator[FakeVault]:
        yield fake

    monkeypatch.setattr(service, "open_vault", opened)
    return fake


def test_a_generated_value_is_made_once_and_stands_in_no_state(vault: FakeVault) -> None:
    created = VaultServiceProvider().create(PROPS)
    made = vault.values["made"]
    assert len(made) >= 32
    assert vault.values == {"token": "t", "made": made}
    assert created.outs == PROPS
    VaultServiceProvider().update("shop", PROPS, PROPS)
    assert (vault.values["made"], vault.version) == (made, 1)


def test_what_somebody_writes_meanwhile_is_kept(vault: FakeVault) -> None:
    vault.interruptions = 3
    VaultServiceProvider().create(PROPS)
    assert vault.values.keys() == {"theirs", "token", "made"}
    vault.values["token"], vault.interruptions = "changed", 9
    with pytest.raises(ToldError, match="services/shop/prod is written by somebody else"):
        VaultServiceProvider().create(PROPS)


def test_a_deleted_version_comes_back_instead_of_a_new_value(vault: FakeVault) -> None:
    VaultServiceProvider().create(PROPS)
    before = dict(vault.values)
    vault.deleted = True
    VaultServiceProvider().update("shop", PROPS, PROPS)
    assert (vault.deleted, vault.values) == (False, before)


def test_a_generated_value_that_an_older_version_has_comes_back(vault: FakeVault) -> None:
    VaultServiceProvider().create(PROPS)
    made = vault.values["made"]
    vault.put({"made": "rotated by hand"})
    vault.put({"token": "t"})  # and not a word of what was made
    VaultServiceProvider().update("shop", PROPS, PROPS)
    assert vault.values == {"token": "t", "made": "rotated by hand"}
    vault.put({})
    for number in (2, 4):
        vault.older[number]["destroyed"] = True
    VaultServiceProvider().update("shop", PROPS, PROPS)
    assert vault.values["made"] == made, "what is gone for good isn't asked for"


def test_a_last_version_that_was_destroyed_is_followed_by_another(vault: FakeVault) -> None:
    VaultServiceProvider().create(PROPS)
    before = dict(vault.values)
    vault.put({"made": "destroyed"})
    vault.destroyed = True
    VaultServiceProvider().update("shop", PROPS, PROPS)
    assert (vault.values, vault.version) == (before, 3)


def test_a_key_that_is_declared_again_has_the_value_of_before(vault: FakeVault) -> None:
    VaultServiceProvider().create(PROPS)
    before = dict(vault.values)
    fewer = {**PROPS, "keys": {"prod/theirs": "credential by hand"}, "values": {}}
    VaultServiceProvider().update("shop", PROPS, fewer)
    assert vault.values == {}
    VaultServiceProvider().update("shop", fewer, PROPS)
    assert vault.values == before


def test_a_version_that_somebody_deleted_stays_deleted_and_is_no_place_to_look(
    vault: FakeVault,
) -> None:
    vault.older = {
        1: about({"made": "first"}),
        2: about({"made": "second"}, deleted=True),
        3: about({"made": "third", "theirs": "leaked"}, deleted=True),
    }
    vault.version = 4
    more = {**PROPS, "keys": {**PROPS["keys"], "prod/new": "credential generated"}}
    VaultServiceProvider().update("shop", PROPS, more)
    assert vault.values["made"] == "first"
    assert vault.values["new"]
    assert [n for n, each in vault.versions.items() if each["deletion_time"]] == [2, 3]


def test_a_key_that_is_no_longer_declared_is_not_in_the_next_version(vault: FakeVault) -> None:
    VaultServiceProvider().create(PROPS)
    vault.values["theirs"] = "kept"
    fewer = {**PROPS, "keys": {"prod/made": "credential generated"}, "values": {}}
    VaultServiceProvider().update("shop", PROPS, fewer)
    assert vault.values.keys() == {"made", "theirs"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda vault: None, {}),
        (lambda vault: vault.values.update(theirs="x", made="y", other="z"), {}),
        (lambda vault: vault.values.update(token="u"), {"prod/token": "changed in the vault"}),
        (
            lambda vault: vault.values.clear(),
            {"prod/token": "missing in the vault", "prod/made": "missing in the vault"},
        ),
        (
            lambda vault: setattr(vault, "deleted", True),
            {"prod/token": "missing in the vault", "prod/made": "missing in the vault"},
        ),
        (lambda vault: vault.written.clear(), {"prod": "changed in the vault"}),
    ],
)
def test_a_refresh_names_what_differs_and_no_value(
    vault: FakeVault, change: Callable[[FakeVault], None], found: dict[str, str]
) -> None:
    VaultServiceProvider().create(PROPS)
    change(vault)
    outs = VaultServiceProvider().read("shop", PROPS).outs or {}
    differing = {
        key: value
        for part in ("keys", "policies")
        for key, value in outs[part].items()
        if value != PROPS[part][key]
    }
    assert differing == found
    assert VaultServiceProvider().diff("shop", outs, PROPS).changes == bool(found)
    assert {**outs, "keys": PROPS["keys"], "policies": PROPS["policies"]} == PROPS


def test_a_vault_that_does_not_answer_is_a_difference_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def closed(*_: object, **__: object) -> object:
        raise VaultError("the vault is sealed")

    monkeypatch.setattr(service, "open_vault", closed)
    outs = VaultServiceProvider().read("shop", PROPS).outs or {}
    assert outs == {**PROPS, "vault": "the vault is sealed"}
    assert VaultServiceProvider().diff("shop", outs, PROPS).changes


def test_another_way_to_the_vault_is_kept_as_a_refresh_takes_it() -> None:
    moved = {**PROPS, "reach": {"host": "vault.example.org"}}
    assert VaultServiceProvider().diff("shop", PROPS, moved).changes


def test_another_way_to_the_vault_is_a_change_of_who_is_let_in_as_well() -> None:
    before = {"reach": {"host": "vault.example.com"}}
    moved = {"reach": {"host": "vault.example.org"}}
    assert VaultAccessProvider().diff("vault-people", before, moved).changes
    assert not VaultAccessProvider().diff("vault-people", moved, moved).changes


def test_a_difference_names_each_key_that_differs_once_and_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service, "_said", set())
    olds = {
        **PROPS,
        "keys": {
            "prod/same": "config from config",
            "prod/other_value": "port written",
            "prod/other_origin": "credential by hand",
            "prod/gone": "config from config",
            "prod/drifted": "changed in the vault",
            "prod/not_given_any_more": "config from config",
        },
        "values": {
            "prod/same": "planted-same",
            "prod/other_value": "planted-old",
            "prod/gone": "planted-gone",
            "prod/drifted": "planted-drifted",
            "prod/not_given_any_more": "planted-taken-out",
        },
    }
    news = {
        **PROPS,
        "keys": {
            "prod/same": "config from config",
            "prod/other_value": "port written",
            "prod/other_origin": "credential generated",
            "prod/drifted": "config from config",
            "prod/not_given_any_more": "config from config",
            "staging/made": "credential generated",
        },
        "values": {
            "prod/same": "planted-same",
            "prod/other_value": "planted-new",
            "prod/drifted": "planted-drifted",
        },
    }
    for _ in range(2):  # the engine asks more than once
        assert VaultServiceProvider().diff("shop", olds, news).changes
    assert capsys.readouterr().err.splitlines() == [
        "vault: shop: prod/drifted changes",
        "vault: shop: prod/gone isn't declared any more",
        "vault: shop: prod/not_given_any_more changes",
        "vault: shop: prod/other_origin changes",
        "vault: shop: prod/other_value changes",
        "vault: shop: staging/made is new",
    ]


# What is wrong, in a sentence


ENTRANCE = Entrance(
    docker_host="unix:///x",
    stack="homeport/prod",
    address="192.0.2.7",
    http=80,
    https=443,
    internal_ca=False,
)
REACH = {
    "entrance": ENTRANCE.model_dump(mode="json", exclude={"plain_hosts"}),
    "host": "vault.example.org",
    "role_id": "r",
    "secret_id": "s",
}
ALERT = requests.exceptions.SSLError(
    urllib3.exceptions.MaxRetryError(
        urllib3.HTTPSConnectionPool("x"), "/", urllib3.exceptions.SSLError("internal error")
    )
)
UNKNOWN = requests.exceptions.SSLError(
    urllib3.exceptions.MaxRetryError(
        urllib3.HTTPSConnectionPool("x"),
        "/",
        urllib3.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"),
    )
)
LOGIN = "https://vault.example.org/v1/auth/approle/login"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.gone = 0.0

    def monotonic(self) -> float:
        return self.gone

    def sleep(self, seconds: float) -> None:
        self.gone += seconds


@pytest.mark.parametrize(
    ("error", "sentence", "least", "most"),
    [
        (
            ALERT,
            "vault.example.org has no certificate after 120 s; its DNS record has to",
            120,
            130,
        ),
        (UNKNOWN, "vault.example.org answers with a certificate that isn't trusted here", 15, 30),
        (
            requests.exceptions.ConnectionError(),
            "the gateway doesn't answer at 192.0.2.7:443",
            15,
            30,
        ),
        (requests.exceptions.ReadTimeout(), "the vault doesn't answer at https://vault.ex", 0, 1),
        (exceptions.BadGateway(), "`make logs NAME=vault STACK=prod` tells why", 0, 1),
        (
            exceptions.VaultDown(),
            "the vault is sealed; `make logs NAME=vault STACK=prod` tells why",
            15,
            30,
        ),
        (exceptions.VaultNotInitialized(), half_way("prod"), 15, 30),
        (
            exceptions.InvalidRequest(url=LOGIN),
            "the vault refuses the program's credential; set homeport:vault.role_id and "
            "homeport:vault.secret_id",
            5,
            10,
        ),
        (
            exceptions.InternalServerError("2 errors occurred:\n\t* one\n\t* two"),
            "(2 errors occurred: * one * two, on",
            15,
            30,
        ),
        (EngineError("no Docker engine answers"), "no Docker engine answers", 0, 0),
    ],
)
def test_each_trouble_is_waited_for_as_long_as_it_may_pass_and_then_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str, least: int, most: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)

    def refuse(*_: object, **__: object) -> object:
        raise error

    monkeypatch.setattr(client, "_must_be_whole", lambda _: None)
    monkeypatch.setattr("hvac.api.auth_methods.AppRole.login", refuse)
    if isinstance(error, EngineError):
        monkeypatch.setattr(client, "open_door", refuse)
    for patient in (True, False):
        clock.gone = 0
        with pytest.raises(VaultError) as caught, open_vault(REACH, patient=patient):
            pass
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
        assert (least <= clock.gone <= most) if patient else clock.gone == 0


def test_what_passes_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)

    def later(*_: object, **__: object) -> None:
        if clock.gone < 60:
            raise ALERT

    monkeypatch.setattr(client, "_must_be_whole", lambda _: None)
    monkeypatch.setattr("hvac.api.auth_methods.AppRole.login", later)
    with open_vault(REACH, patient=True):
        assert 60 <= clock.gone < 70


class Answers:
    """A gateway that answers each request with a status, by what it is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: Clock, whole_after: float) -> None:
        self.asked: list[str] = []
        monkeypatch.setattr(client, "time", clock)

        def send(_adapter: object, request: requests.PreparedRequest, **_: object) -> Any:
            path = request.path_url.removeprefix("/v1/")
            self.asked.append(path)
            answer = requests.Response()
            answer.request, answer.url = request, request.url or ""
            if path == WHOLE:
                answer.status_code = 405 if clock.gone >= whole_after else self.before
                answer._content = b'{"errors": ["unsupported operation"]}'
                answer.headers["Content-Type"] = self.content_type
            else:
                answer.status_code = 200
                answer._content = b'{"auth": {"client_token": "t"}}'
            return answer

        self.before, self.content_type = 403, "application/json"
        monkeypatch.setattr("components.vault.client._ThroughDoor.send", send)


@pytest.mark.parametrize("status", [403, 404])
def test_a_vault_that_is_not_whole_is_never_logged_in_to(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answers = Answers(monkeypatch, clock := Clock(), whole_after=1000)
    answers.before = status
    for patient in (True, False):
        clock.gone = 0
        with pytest.raises(VaultError) as caught, open_vault(REACH, patient=patient):
            pass
        assert str(caught.value) == (
            "vault: its first start failed half-way, so nothing is stored yet, and it can't be "
            "repaired; `make vault-reset STACK=prod` empties its storage, then `make up "
            "STACK=prod` starts anew"
        )
        assert (5 <= clock.gone <= 10) if patient else clock.gone == 0
    assert set(answers.asked) == {WHOLE}


def test_a_gateway_that_does_not_know_the_host_says_nothing_of_the_vault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(monkeypatch, Clock(), whole_after=1000)
    answers.before, answers.content_type = 404, "text/plain; charset=utf-8"
    with pytest.raises(VaultError) as caught, open_vault(REACH, patient=False):
        pass
    assert "half-way" not in str(caught.value)


def test_a_vault_that_is_making_its_first_roles_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(monkeypatch, clock := Clock(), whole_after=3)
    with open_vault(REACH, patient=True):
        assert 3 <= clock.gone <= 5
    assert answers.asked == [WHOLE] * 3 + ["auth/approle/login"]


def test_a_sealed_vault_is_not_taken_for_one_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, Clock(), whole_after=1000)
    answers.before = 503
    with (
        pytest.raises(VaultError, match=r"^the vault is sealed"),
        open_vault(REACH, patient=False),
    ):
        pass


def test_commands_are_named_for_the_stack_that_they_are_about() -> None:
    assert "`make vault-reset` empties its storage, then `make up` starts" in half_way("local")
    assert "`make vault-reset STACK=prod` empties" in half_way("prod")


# In the program


def test_the_contents_come_after_the_gateway_and_the_people_first() -> None:
    graph = every_service()
    (people,) = graph.of("VaultAccess")
    asked = {container.name: container.urn for container in graph.containers}
    assert {asked["vault"], asked["proxy"]} <= set(people.options.dependencies)
    services = graph.of("VaultService")
    assert {service.name for service in services} == {"shop", "reports"}
    assert all(people.urn in service.options.dependencies for service in services)


def test_every_value_and_the_programs_login_are_secret() -> None:
    for resource in (graph := every_service()).of("VaultService", "VaultAccess"):
        reach = resource.inputs["reach"]
        hidden = [reach["role_id"], reach["secret_id"]]
        hidden += [*resource.inputs.get("values", {}).values()]
        assert all(SECRET in value for value in hidden), resource
    assert any(resource.inputs["values"] for resource in graph.of("VaultService"))

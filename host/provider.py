"""What all dynamic resources share: an error reaches a person as one sentence.

The Python SDK hands an exception to the engine as `Exception calling application: …` and prints a
traceback. A servicer's method may end the call itself instead (`ServicerContext.abort`). Its
`context` is only found in the frame that calls the provider (the SDK's
`pulumi/dynamic/__main__.py`, version 3.255).
"""

from __future__ import annotations

import functools
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import grpc  # type: ignore[import-untyped]
import requests
from pulumi.dynamic import CheckResult, ReadResult, ResourceProvider

Props = dict[str, Any]  # what the engine sends and stores: JSON values by name

LOG = Path(".engine/errors.log")
"""Below the checkout, where the engine starts a provider, and make a command: what no sentence
tells."""
_CALLS = ("check", "diff", "create", "read", "update", "delete")


class ToldError(Exception):
    """Something went wrong; the message says what, and what to do, in one sentence."""


class Provider(ResourceProvider):
    """A provider whose errors reach a person as sentences. The state never names this class."""

    serialize_as_secret_always = False  # holds no values; a secret would be decrypted each time

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in _CALLS:
            if name in cls.__dict__:
                setattr(cls, name, _telling(cls.__dict__[name]))


def gone() -> ReadResult:
    """What a `read` answers where the thing isn't there any more: `up` makes it again."""
    return ReadResult("", {})


def _telling(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def told(*arguments: Any) -> Any:
        context = sys._getframe(1).f_locals.get("context")
        if not isinstance(context, grpc.ServicerContext):
            return call(*arguments)  # from a method of a class below this one, or in a test
        try:
            result = call(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, a person gets to read it
            context.abort(grpc.StatusCode.UNKNOWN, sentence(error, arguments[-1]))
        # The engine would put the resource's type before each.
        if isinstance(result, CheckResult) and result.failures:
            reasons = [failure.reason for failure in result.failures]
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "\n".join(reasons))
        return result

    return told


def sentence(error: Exception, props: Mapping[str, Any]) -> str:
    """What went wrong, with the name of the component that the properties are of."""
    what = _what(error)
    labels = props.get("labels")
    component = labels.get("homeport.component", "") if isinstance(labels, Mapping) else ""
    return what if not component or what.startswith(component) else f"{component}: {what}"


def _what(error: Exception) -> str:
    match error:
        case ToldError():
            return str(error)
        case docker.errors.APIError():
            return f"the Docker engine refuses it: {error.explanation or error}"
        case docker.errors.DockerException() | requests.RequestException():
            return f"the Docker engine doesn't answer: {error}; type the same again"
        case OSError(strerror=str() as reason, filename=str() as file):
            return f"{file}: {reason.lower()}"
    _write_down(error)
    return f"an unexpected error ({error}); {LOG} has the details, for a bug report"


def _write_down(error: Exception) -> None:
    with suppress(OSError):
        LOG.touch(mode=0o600)
        with LOG.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            log.writelines(traceback.format_exception(error))

"""How large a stack's configuration may be.

The engine hands all of it to the program as one environment variable, which Linux limits to
128 KiB. Beyond that it fails in the words of the operating system, or doesn't end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from config.model import ConfigError
from config.settings import PROJECT

_MOST_KIB = 120  # as what needs a backslash there counts double


def check(file: str, config: Mapping[str, object]) -> None:
    """Raises ConfigError if the `config` of a stack's file is too large, and names its largest
    value. Encrypted values count with their decrypted size.
    """
    sizes = {key: size for key, value in config.items() for key, size in _sizes(key, value)}
    if sum(sizes.values()) <= _MOST_KIB * 1024:
        return
    largest = max(sizes, key=sizes.__getitem__)
    advice = "shorten it"
    if largest.startswith(f"{PROJECT}:vault.values."):
        advice = (
            "remove it here, have config/vault.yaml say `by hand` instead of `from config`, and "
            "write it into the vault yourself"
        )
    raise ConfigError(
        [
            f"{file}: {largest} has {sizes[largest] / 1024:.0f} KiB, and all values together may "
            f"have {_MOST_KIB}; {advice}"
        ]
    )


def _sizes(key: str, value: object) -> Iterator[tuple[str, int]]:
    """Each single value below a key, with its bytes and those of its name."""
    if isinstance(value, Mapping) and set(value) == {"secure"}:
        yield key, len(str(value["secure"])) * 3 // 4  # base64
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _sizes(f"{key}.{name}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _sizes(f"{key}[{number}]", inner)
    else:
        yield key, len(json.dumps(value, default=str)) + len(key.rpartition(".")[2])

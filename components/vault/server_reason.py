"""Why OpenBao doesn't serve, from its log, in one sentence that says what to do."""

from __future__ import annotations

from values.command_line import make

_HALF_WAY = ("failed to initialize: ", "self-initialization failed: refusing to unseal")
# An initialised storage that can't be read begins with the same words.
_UNREADABLE = "unable to check core initialization"
_OTHER_KEY = "failed to decrypt keys from storage"


def failed_half_way(log: str) -> bool:
    """Whether the log of one start says that initialisation never completed."""
    own = _own_lines(log)
    return _UNREADABLE not in own and any(words in own for words in _HALF_WAY)


def _own_lines(log: str) -> str:
    """The log without the lines of the audit, which quote what strangers ask, each in a brace."""
    return "\n".join(line for line in log.splitlines() if not line.startswith("{"))


def half_way(stack: str) -> str:
    """What to do about a first start that wasn't whole, however that shows."""
    return (
        "vault: its first start failed half-way, so nothing is stored yet, and it can't be "
        f"repaired; `{make(stack, 'vault-reset')}` empties its storage, then "
        f"`{make(stack, 'up')}` starts anew"
    )


def vault_reason(log: str, stack: str) -> str:
    """The reason in the log of one start; empty if the log has none of these reasons."""
    if failed_half_way(log):
        return half_way(stack)
    if _OTHER_KEY in _own_lines(log):
        return (
            f"vault: it is sealed, because homeport:vault.seal_key in Pulumi.{stack}.yaml isn't "
            "the key that its storage was sealed with; set that key again; to change the key, "
            "keep the old one as homeport:vault.previous_seal_key meanwhile (docs/how-to/vault.md)"
        )
    return ""

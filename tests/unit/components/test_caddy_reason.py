"""Of all that Caddy prints when it refuses something, the reason alone."""

import pytest

from components.caddy_reason import reason_in

INFO = '{"level":"info","ts":1,"msg":"adapted config to JSON","adapter":"caddyfile"}'


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        # Its log, where no terminal is
        (
            f'{INFO}\n{{"level":"error","ts":2,"msg":"loading tls app module: no such file"}}\n',
            "loading tls app module: no such file",
        ),
        (
            '{"level":"error","msg":"adapting config using caddyfile: Caddyfile:5: no: x"}',
            "Caddyfile:5: no: x",
        ),
        # A refused reload, wrapped by the admin endpoint
        (
            '{"level":"error","msg":"sending configuration to instance: caddy responded with '
            'error: HTTP 400: {\\"error\\":\\"loading new config: in use\\"}\\n"}',
            "loading new config: in use",
        ),
        # At a terminal
        (
            f"{INFO}\nError: adapting config using caddyfile: Caddyfile:5: no: x",
            "Caddyfile:5: no: x",
        ),
        # No reason: it ended otherwise, and nothing may be lost
        *((output, output) for output in ("", INFO, "panic: x\n\ngoroutine 1", "[]", '{"a": 1}')),
    ],
)
def test_the_reason_is_what_is_left(output: str, reason: str) -> None:
    assert reason_in(output) == reason

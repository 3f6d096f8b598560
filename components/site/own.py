"""What of a site's server is the program's own, and is known to whoever looks at free lines."""

from __future__ import annotations

PORT = 80
FPM_SOCKET = "unix//tmp/php-fpm.sock"
# The image's own: a socket and a script for the health check alone (images/php).
FPM_HEALTH_SOCKET = "unix//tmp/php-fpm-health.sock"
FPM_HEALTH_ROOT = "/etc/homeport"

NAMED_ROUTE = "homeport"
"""What a site's block runs before anything else. All names that a Caddyfile shares with its
owner's lines begin so."""


def any_case(ending: str) -> str:
    """A file's ending in any capitals, as a pattern of Caddy's."""
    return "".join(f"[{char}{char.upper()}]" for char in ending)


SCRIPT = f"*.{any_case('php')}"
"""What no file server of the owner's lines sends. The program's own gets no script to send, and
lists them, because a click runs them."""
PATTERN_SPLIT = r"(?s)^(.*\.php)(/.*)$"
PATTERN_FOLLOWED = r"\.php/"
PATTERN_SCRIPT = r"(?i)\.php$"
PATTERNS = frozenset({PATTERN_SPLIT, PATTERN_FOLLOWED, PATTERN_SCRIPT})
"""What the program itself asks paths for."""

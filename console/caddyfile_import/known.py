"""Directives that a Caddyfile may have, by who knows them."""

from __future__ import annotations

OFFICIAL = frozenset({
    "abort", "acme_server", "basic_auth", "basicauth", "bind", "copy_response",
    "copy_response_headers", "encode", "error", "file_server", "forward_auth", "fs", "handle",
    "handle_errors", "handle_path", "header", "import", "intercept", "invoke", "log",
    "log_append", "log_name", "log_skip", "map", "method", "metrics", "php_fastcgi", "push",
    "redir", "request_body", "request_header", "respond", "reverse_proxy", "rewrite", "root",
    "route", "skip_log", "templates", "timeouts", "tls", "tracing", "try_files", "uri", "vars",
})  # fmt: skip
"""What the official Caddy 2 knows."""
VERSION_1 = frozenset({
    "browse", "errors", "fastcgi", "git", "gzip", "proxy",
})  # fmt: skip
"""What Caddy 1 alone knew, and finds its place here."""
OTHERS = frozenset({
    "authenticate", "authorize", "cache", "cgi", "cors", "coraza_waf", "crowdsec", "exec",
    "expires", "ext", "geoip2", "hugo", "internal", "ipfilter", "jwt", "limits", "markdown",
    "mime", "minify", "pprof", "ratelimit", "rate_limit", "realip", "replace", "status",
    "transform_encoder", "upload", "webdav", "websocket",
})  # fmt: skip
"""What plugins add, and what Caddy 1 knew: the official Caddy 2 refuses it."""
KNOWN = OFFICIAL | VERSION_1 | OTHERS
"""By these a Caddyfile is told from other texts."""
WITH_DIRECTIVES = frozenset(("handle", "handle_path", "handle_errors", "route"))
"""What has directives in its block."""

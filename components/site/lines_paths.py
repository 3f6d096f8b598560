"""Rules of a PHP site's free lines about the path behind a script.

Rules see only the script's path, except for paths behind one that they name with `path`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.site.lines_adapted import Problem, matcher_sets, walk
from components.site.own import PATTERNS


def problems_of_paths(adapted: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules about the path behind a script, though rules see only the script's path."""
    paths = [
        path
        for _, value in walk(adapted)
        if isinstance(value, dict) and value.get("match") and not _runs_scripts(value)
        for one in matcher_sets({"match": value["match"]})
        for path in one.get("path", ())
    ]
    behind = {path.lower().partition(".php/")[0] for path in paths if ".php/" in path.lower()}
    for path in paths:
        script, ending, more = path.lower().rpartition(".php")
        if ending and not more and (script in behind or (script == "*" and behind)):
            yield (
                path,
                f" doesn't hold for {path}/x where other lines name a path behind the script; "
                f"write {path}* as well",
            )
    for matchers in matcher_sets(adapted):
        for regexp in _regexps(matchers):
            if _asks_behind(regexp):
                yield regexp, _BEHIND
        for asked in ("vars", "vars_regexp"):
            for name, given in matchers.get(asked, {}).items():
                if name in _PATHS and "php/" in str(given).replace("\\", ""):
                    yield "php/", _BEHIND
    for _, value in walk(adapted):
        if isinstance(value, dict) and value.get("handler") == "rewrite":
            changes = [value.get(key, "") for key in ("strip_path_prefix", "uri_substring")]
            if ".php" in str(changes):
                yield ".php", _BEHIND


def _runs_scripts(route: Mapping[str, Any]) -> bool:
    """Whether a route only says what is run, as Caddy's `php_fastcgi` writes one."""
    return any(
        handler.get("handler") == "reverse_proxy"
        and handler.get("transport", {}).get("protocol") == "fastcgi"
        for handler in route.get("handle", ())
        if isinstance(handler, dict)
    )


_PATHS = ("{http.request.uri.path}", "{http.request.uri}")
_BEHIND = (
    " asks for a path behind a script, and rules see the script's path alone; write it as a path, "
    "such as /index.php/admin/*"
)


def _asks_behind(regexp: str) -> bool:
    """Whether a pattern fits a path behind a script and not the script's own, tried on such as
    the pattern's own words make.
    """
    words = re.findall(r"[\w-]+", re.sub(r"\\[a-zA-Z]|\(\?[a-zA-Z]*:?", " ", regexp))
    scripts = {"index", "x", *words}
    try:
        fits = re.compile(regexp).search
    except re.error:  # Go's patterns have some words more
        return False
    return any(
        fits(f"/{script}.php/{behind}") and not fits(f"/{script}.php")
        for script in scripts
        for behind in {"x", "x/y", *words, *(f"x{word}" for word in words)}
    )


def _regexps(matchers: Mapping[str, Any]) -> Iterator[str]:
    """What the owner's lines ask paths for; the program's own asks come first and see all."""
    given = matchers.get("path_regexp")
    pattern = given.get("pattern") if isinstance(given, dict) else None
    if isinstance(pattern, str) and pattern not in PATTERNS:
        yield pattern

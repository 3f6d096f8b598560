"""The words of a Caddyfile, as Caddy's own lexer splits them.

What that lexer, of Caddy 2.11, makes of odd texts is in golden/caddyfile-words.json: each text with
its words, and of each word whether it begins a line and whether it was quoted.
"""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.approved import GOLDEN
from values.tokens import tokens


def test_words_are_those_of_caddys_own_lexer() -> None:
    for text, words in json.loads((GOLDEN / "caddyfile-words.json").read_text()):
        assert [[word.text, word.first, word.quoted] for word in tokens(text)] == words, text


@given(st.text(alphabet='ab {}"`\\\n\r\t#<E', max_size=60))
def test_a_word_ends_where_it_ends(text: str) -> None:
    end = 0
    for word in tokens(text):
        begun, end = end, word.end
        assert begun < end <= len(text)
        if not word.quoted and "\\" not in text and "\r" not in text:
            assert text[:end].endswith(word.text)


def test_a_block_is_one_deeper() -> None:
    words = [(word.text, word.depth) for word in tokens('a {\n  b "{" {\n    c\n  }\n}\nd')]
    assert words == [
        ("a", 0), ("{", 0), ("b", 1), ("{", 1), ("{", 1), ("c", 2), ("}", 1), ("}", 0), ("d", 0),
    ]  # fmt: skip

"""What to say about text that is no expression: the usual slips of people who know other languages."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Iterable

_KEYWORD_FIELD = re.compile(r"\.\s*(" + "|".join(keyword.kwlist) + r")\b")
_NUMBER_FIELD = re.compile(r"[^\W\d]\w*\.(\d\w*)")
_SLIPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"&&"), "write `and` instead of `&&`"),
    (re.compile(r"\|\|"), "write `or` instead of `||`"),
    (re.compile(r"==="), "write `==` instead of `===`"),
    (re.compile(r"<>"), "write `!=` instead of `<>`"),
    (re.compile(r"!(?!=)"), "write `not` instead of `!`"),
    (re.compile(r"(?<![=!<>:])=(?![=])"), "write `==` to compare; nothing can be assigned here"),
    (re.compile(r"\bAND\b"), "write `and` in small letters"),
    (re.compile(r"\bOR\b"), "write `or` in small letters"),
    (re.compile(r"\bNOT\b"), "write `not` in small letters"),
    (re.compile(r"\?"), "write `a if condition else b` instead of `condition ? a : b`"),
    (re.compile(r"\$"), "names stand without a `$`: write payload, topic, ..."),
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")

REFUSED = {
    "Lambda": "functions cannot be defined here (lambda)",
    "ListComp": "loops are not part of the language; use sum, mean, min, max, join or contains on the list",
    "SetComp": "loops are not part of the language",
    "DictComp": "loops are not part of the language",
    "GeneratorExp": "loops are not part of the language; use sum, mean, min, max, join or contains on the list",
    "JoinedStr": "f-strings are not part of the language; join text with +, as in 'a' + text(x)",
    "FormattedValue": "f-strings are not part of the language",
    "NamedExpr": "nothing can be assigned here (:=)",
    "Starred": "a star before a value is not part of the language",
    "Await": "await is not part of the language",
    "Yield": "yield is not part of the language",
    "YieldFrom": "yield is not part of the language",
    "Set": "sets are not part of the language; write a list [a, b]",
    "Slice": "[from:to] only stands behind a value",
}
"""What to say about Python that is refused, by the name of the tree's node."""

REFUSED_OPERATORS = {
    "LShift": "<<", "RShift": ">>", "BitAnd": "&", "BitOr": "|", "BitXor": "^", "MatMult": "@",
}  # fmt: skip


def slip(text: str) -> tuple[str, int] | None:
    """A known slip in text that does not parse: what to write instead, and its 0-based position."""
    bare = _QUOTED.sub(lambda match: "'" + "_" * (len(match[0]) - 2) + "'", text)
    if found := _KEYWORD_FIELD.search(bare):
        return f"`{found[1]}` is a reserved word; write it in brackets: ['{found[1]}']", found.start(1)
    for pattern, hint in _SLIPS:
        if found := pattern.search(bare):
            return hint, found.start()
    if found := _NUMBER_FIELD.search(bare):
        return f"a field name that begins with a digit stands in brackets: ['{found[1]}']", found.start(1)
    return None


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean x?` where something known is near, else what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:
        close = [other for other in names if other.lower() == name.lower()]
    return f"; did you mean {close[0]}?" if close else ""

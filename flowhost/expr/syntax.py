"""Text to Python's own syntax tree, with every way of failing turned into an ExpressionError at its column."""

from __future__ import annotations

import ast
import io
import re
import threading
import tokenize
import warnings
from dataclasses import dataclass

from flowhost.errors import ExpressionError
from flowhost.expr.tree import Span
from flowhost.expr.words import slip

MAX_LENGTH = 4000
"""Characters of one expression."""

_WORD = re.compile(r"\w+|\S")
_warning_filter = threading.Lock()


@dataclass(frozen=True, slots=True)
class SourceText:
    """One expression, and the longer text it may be a part of (a template).

    Attributes:
        text: the expression alone.
        whole: what the user wrote; errors carry it.
        shift: characters of `whole` before `text`.
    """

    text: str
    whole: str
    shift: int = 0

    def error(self, message: str, position: int = 0) -> ExpressionError:
        """The error at this 0-based character of `text`."""
        return ExpressionError(message, self.whole, self.shift + position + 1)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The syntax tree, and how to get from its byte offsets back to the user's characters."""

    source: SourceText
    body: ast.expr
    line: str
    indent: int

    def span(self, node: ast.AST) -> Span:
        start, end = self.characters(node)
        return Span(self.source.shift + start + 1, self.source.text[start:end])

    def characters(self, node: ast.AST) -> tuple[int, int]:
        """First character and the one behind the last, in the expression's text."""
        begin: int = getattr(node, "col_offset", 0)
        end: int = getattr(node, "end_col_offset", None) or begin
        if self.line.isascii():
            return begin + self.indent, end + self.indent
        data = self.line.encode()
        return len(data[:begin].decode()) + self.indent, len(data[:end].decode()) + self.indent


def parse(source: SourceText) -> Parsed:
    """Parse one expression.

    Line breaks count as blanks.

    Raises:
        ExpressionError: too long, empty, or not Python's expression syntax.
    """
    text = source.text
    if len(text) > MAX_LENGTH:
        raise source.error(f"the expression is longer than {MAX_LENGTH} characters; split it over several nodes")
    line = text.translate(_BLANKS).lstrip(" ")
    indent = len(text) - len(line)
    if not line:
        raise source.error("the expression is empty; write a value such as payload.value")
    if "\n" in text and "#" in text:
        _refuse_inner_comment(source, line, indent)
    return Parsed(source, _tree(source, line, indent), line, indent)


_BLANKS = str.maketrans({"\n": " ", "\r": " ", "\t": " ", "\f": " ", "\v": " "})


def _tree(source: SourceText, line: str, indent: int) -> ast.expr:
    try:
        # backslashes such as '\d' are the user's own business and stay as they are
        with _warning_filter, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(line, "<expression>", mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(source, error, indent) from None
    except (RecursionError, MemoryError):
        raise source.error("the expression is nested too deeply") from None
    except ValueError:
        raise source.error("the expression holds characters that are no text") from None


def _syntax_error(source: SourceText, error: SyntaxError, indent: int) -> ExpressionError:
    reason = str(error.msg)
    if "too many nested" in reason or "too complex" in reason:
        return source.error("the expression is nested too deeply")
    if known := slip(source.text):
        return source.error(*known)
    if not error.offset:
        return source.error("the expression ends too early", len(source.text.rstrip()))
    position = min(error.offset - 1 + indent, len(source.text))
    if "null bytes" in reason:
        return source.error("the expression holds characters that are no text", position)
    if reason.startswith("invalid syntax") and (found := _WORD.match(source.text, position)):
        return source.error(f"`{found[0]}` does not fit here", position)
    return source.error(f"this is no expression: {reason}", position)


def _refuse_inner_comment(source: SourceText, line: str, indent: int) -> None:
    """A comment would swallow the lines behind it without a word."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(line).readline))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return
    for token in tokens:
        start = token.start[1] + indent
        if token.type == tokenize.COMMENT and "\n" in source.text[start:].rstrip():
            raise source.error("a comment can only stand at the very end", start)

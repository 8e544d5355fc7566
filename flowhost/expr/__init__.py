"""The expression language: Python's expression syntax over message data, compiled from a whitelisted tree."""

from flowhost.expr.language import CompiledExpression, compile_expression
from flowhost.expr.scope import ROOTS, DataPath, Functions, MetaLike, Scope
from flowhost.expr.template import CompiledTemplate, compile_template

__all__ = [
    "ROOTS",
    "CompiledExpression",
    "CompiledTemplate",
    "DataPath",
    "Functions",
    "MetaLike",
    "Scope",
    "compile_expression",
    "compile_template",
]

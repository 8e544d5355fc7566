"""The expression language: Python's expression syntax over message data, compiled from a whitelisted tree."""

from flowhost.expr.aggregate import CompiledAggregate, compile_aggregate
from flowhost.expr.folds import FOLDS
from flowhost.expr.functions import BUILTINS, Builtin
from flowhost.expr.language import CompiledExpression, compile_expression
from flowhost.expr.scope import ROOTS, DataPath, Functions, MetaLike, Scope
from flowhost.expr.spellings import UNITS, common_unit
from flowhost.expr.template import CompiledTemplate, compile_template
from flowhost.expr.times import iso_time
from flowhost.expr.unece import ucum_unit
from flowhost.expr.units import affine
from flowhost.expr.values import as_text

__all__ = [
    "BUILTINS",
    "FOLDS",
    "ROOTS",
    "UNITS",
    "Builtin",
    "CompiledAggregate",
    "CompiledExpression",
    "CompiledTemplate",
    "DataPath",
    "Functions",
    "MetaLike",
    "Scope",
    "affine",
    "as_text",
    "common_unit",
    "compile_aggregate",
    "compile_expression",
    "compile_template",
    "iso_time",
    "ucum_unit",
]

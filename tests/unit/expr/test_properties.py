"""Generated source, `evaluate` and the careful evaluation agree for any message; any text is refused cleanly."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowhost.errors import EvaluationError, ExpressionError
from flowhost.expr import compile_aggregate, compile_expression, compile_template
from flowhost.expr.explainer import Explained, walk
from flowhost.expr.language import check
from flowhost.expr.scope import ROOTS
from flowhost.expr.surroundings import MessageRoots
from flowhost.expr.syntax import SourceText
from flowhost.sdk import Meta

META = Meta(topic="a/b", time_ns=1_700_000_000_250_000_000, unit="Cel", headers={"x": "1"})
FIELDS = ("a", "b", "c", "d")

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(-1e6, 1e6)
    | st.text("ab1.", max_size=4)
    | st.sampled_from([Decimal("1.5"), Decimal(0)])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner), max_leaves=6
)
payloads = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4) | values

atoms = st.one_of(
    st.sampled_from([f"payload.{name}" for name in FIELDS]),
    st.sampled_from(
        ["payload.a.b", "payload['a'][0]", "payload.b[-1]", "payload", "topic", "unit", "time", "headers.x"]
    ),
    st.integers(0, 100).map(str),
    st.sampled_from(["1.5", "'a'", "''", "'b1'", "True", "null", "[]", "(1, 'a')", "{'a': 1}"]),
)


def _compound(inner):
    operators = st.sampled_from(
        ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]
    )
    one = [
        "abs",
        "len",
        "text",
        "number",
        "upper",
        "is_number",
        "round",
        "sum",
        "floor",
        "keys",
        "float",
        "decimal",
        "int",
    ]
    return st.one_of(
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("({} < {} < {})".format, inner, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("({} is None)".format, inner),
        st.builds("{}({})".format, st.sampled_from(one), inner),
        st.builds(
            "{}({}, {})".format, st.sampled_from(["min", "max", "contains", "coalesce", "get", "split"]), inner, inner
        ),
        st.builds("convert({}, 'Cel', '[degF]')".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}}}".format, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).a".format, inner),
        st.builds("({})[0:{}]".format, inner, inner),
    )


expressions = st.recursive(atoms, _compound, max_leaves=8)


class EngineLike:
    """Paths read through a helper, as a generated stage might do."""

    def __init__(self):
        self.names = {"__builtins__": {}, "read": _read}

    def path(self, path):
        return f"read(message, {path!r})"

    def bind(self, value, hint="value"):
        name = f"{hint}{len(self.names)}"
        self.names[name] = value
        return name


def _read(message, path):
    value = MessageRoots(*message)[path[0]]
    for key in path[1:]:
        value = value[key]
    return value


def _outcome(function):
    try:
        return "value", repr(function())
    except (EvaluationError, Explained) as error:
        return "failed", str(error)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(expressions, payloads)
def test_generated_source_evaluate_and_careful_evaluation_agree(text, payload):
    try:
        compiled = compile_expression(text)
    except ExpressionError:
        return
    evaluated = _outcome(lambda: compiled.evaluate(payload, META))
    careful = _outcome(lambda: walk(check(SourceText(text, text), None, ROOTS), MessageRoots(payload, META)))
    scope = EngineLike()
    source = compiled.source(scope)

    def generated():
        try:
            return eval(source, scope.names, {"message": (payload, META)})
        except Exception as error:
            raise compiled.explain(error, payload, META) from error

    assert evaluated == careful
    assert _outcome(generated) == evaluated
    if compiled.always_bool and evaluated[0] == "value":
        assert evaluated[1] in ("True", "False")


@settings(max_examples=300, deadline=None)
@given(expressions, payloads)
def test_a_template_shows_what_the_expression_gives(text, payload):
    try:
        template = compile_template("<{ " + text + " }>")
    except ExpressionError:
        return
    shown = _outcome(lambda: template.render(payload, META))
    given_text = _outcome(lambda: "<" + compile_expression(f"text({text})").evaluate(payload, META) + ">")
    assert shown[0] == given_text[0]
    if shown[0] == "value":
        assert shown == given_text


WORDS = (
    "payload . a [ ] ( ) { } ' + - * ** % ~ @ << == = := : , lambda for in if else await yield f' b' not and is None"
)
MORE = "1 9e9 0x # \\ __class__ round count last ä µ ² ! ? $ ;"
pieces = st.sampled_from([*WORDS.split(), *MORE.split(), '"', " ", "\n", "\t", "\x00", "\ud800"])


def _column(compiler, text):
    """1 where the text is compiled, else the column of the refusal."""
    try:
        compiler(text)
    except ExpressionError as error:
        return error.column
    return 1


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.text(), st.lists(pieces, max_size=12).map("".join), st.lists(pieces, max_size=12).map(" ".join)))
def test_any_text_is_compiled_or_refused_with_a_column(text):
    for compiler in (compile_expression, compile_template, compile_aggregate):
        assert 1 <= _column(compiler, text) <= len(text) + 1

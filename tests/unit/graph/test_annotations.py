from typing import Annotated, Any, Literal, Optional

import pytest
from typing_extensions import TypeAliasType

from flowhost.graph.annotations import fields_by_key, models_at, types_at
from flowhost.sdk import Config, Secret, setting

Named = TypeAliasType("Named", int | str)


class Inner(Config):
    secret: Secret = Secret("")


class Outer(Config):
    plain: int = 1
    many: list[Inner | str] = setting(default_factory=list)
    by_name: dict[str, Inner] = setting(default_factory=dict)
    pair: tuple[int, str] = (1, "a")
    row: tuple[float, ...] = ()
    maybe: Optional[Annotated[Inner, "x"]] = None  # noqa: UP045 - both ways of writing it are read
    named: Named = 1
    from_: Literal["a"] = setting("a", alias="from")
    also: str = setting("", validation_alias="Also")
    anything: Any = None
    bare: list = setting(default_factory=list)  # type: ignore[type-arg]  # vendors write it


@pytest.mark.parametrize(
    ("place", "types"),
    [
        (("plain",), [int]),
        (("plain", "deeper"), []),
        (("nothing",), []),
        (("many", 3), [Inner, str]),
        (("many", 0, "secret"), [Secret]),
        (("many", "x"), []),
        (("by_name", "x", "secret"), [Secret]),
        (("pair", 1), [str]),
        (("pair", 2), []),
        (("row", 7), [float]),
        (("maybe", "secret"), [Secret]),
        (("named",), [int, str]),
        (("from",), [Literal["a"]]),
        (("bare", 0), []),
        (("anything",), [Any]),
    ],
)
def test_types_at_places(place: Any, types: list[Any]) -> None:
    assert types_at(Outer, place) == types


def test_names_are_those_of_files() -> None:
    assert {"from", "Also", "plain"} <= set(fields_by_key(Outer))
    assert models_at(Outer, ("many", 0)) == [Inner]

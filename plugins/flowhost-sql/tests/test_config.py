"""What the form and the file accept, and what they say otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from flowhost_sql.config import DatabaseConfig, WriteConfig
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("plant.db", "not a database URL"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite+aiosqlite:///a.db", "write sqlite:/// instead"),
        ("sqlite:///a.db?mode=ro", "without more"),
        ("sqlite://server/a.db", "without more"),
        ("postgresql://db", "name the database"),
        ("postgres://db/mes", "write postgresql:// instead"),
        ("postgresql+asyncpg://db/mes", "write postgresql:// instead"),
        ("postgresql://db/mes?password=t0psecret", "'password' cannot be set in the URL"),
        ("oracle+oracledb://db/mes", "driver oracledb"),
        ("dbase:///a", "no kind of database known here"),
    ],
)
def test_urls_that_cannot_work(url: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DatabaseConfig(url=url)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError, match=r"write `password: \{secret: name\}` beside it") as caught:
        DatabaseConfig(url="postgresql://mes:t0psecret@db/mes")
    assert "t0psecret" not in str(caught.value)
    assert "t0psecret" not in repr(DatabaseConfig(url="sqlite:///a.db", password="t0psecret"))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"mode": "upsert"}, "upsert needs `keys`"),
        ({"keys": ["a", "A"]}, "named once"),
        ({"columns": {}}, "names no column"),
        ({"columns": {"a": "topic", "A": "key"}}, "twice"),
        ({"columns": {"a": "topic"}, "keys": ["b"]}, "keys b are missing in `columns`"),
        ({"create_table": {"a": "text"}, "keys": ["b"]}, "missing in `create_table`"),
        ({"create_table": {"a": "varchar"}}, "text"),
        ({"columns": {"a": "payload.x +"}}, "column"),
        ({"table": ""}, "at least 1 character"),
        ({"table": "a\0b"}, "pattern"),
        ({"tabel": "a"}, "Extra inputs"),
    ],
)
def test_wrong_settings(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        WriteConfig(**({"table": "t"} | config))


def test_round_trip() -> None:
    config = WriteConfig(table="t", mode="upsert", keys=["tag"], columns={"tag": "topic", "v": "payload.value"})
    assert WriteConfig.model_validate(config.model_dump(mode="json")) == config
    assert WriteConfig(table="t", create_table={"a": "decimal"}).create_table == {"a": "decimal"}

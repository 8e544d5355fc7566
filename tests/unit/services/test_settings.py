"""Flags, then environment, then the file; wrong ones are named with their origin."""

from pathlib import Path

import pytest

from flowhost.errors import SettingsError
from flowhost.services.settings import load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("FLOWHOST_PORT", "FLOWHOST_DATA_DIR", "FLOWHOST_BIND"):
        monkeypatch.delenv(name, raising=False)


def test_defaults_listen_on_this_machine_only(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert (settings.bind, settings.port, settings.public_url) == ("127.0.0.1", 8470, "")


def test_flag_beats_environment_beats_file(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "flowhost.toml").write_text("port = 1111\nworkers = 2\ndrain_s = 4\n")
    monkeypatch.setenv("FLOWHOST_DATA_DIR", str(tmp_path))
    assert load_settings().port == 1111
    monkeypatch.setenv("FLOWHOST_PORT", "2222")
    monkeypatch.setenv("FLOWHOST_WORKERS", "3")
    settings = load_settings(port=3333, workers=None)
    assert (settings.port, settings.workers, settings.drain_s) == (3333, 3, 4)


def test_secrets_in_the_environment_are_no_settings(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FLOWHOST_SECRET_BROKER", "hidden")
    assert "hidden" not in repr(load_settings(data_dir=tmp_path))


@pytest.mark.parametrize(
    ("file", "env", "flags", "expected"),
    [
        ("", {"FLOWHOST_PORT": "many"}, {}, r"^port: .*environment variable FLOWHOST_PORT"),
        ("port = 70000", {}, {}, r"^port: .*came from flowhost.toml"),
        ("prot = 80", {}, {}, r"^prot: Extra inputs.*came from flowhost.toml"),
        ("port = ", {}, {}, r"flowhost.toml in the data folder is not TOML"),
        ("", {}, {"bind": "plant"}, r"^bind: .*given as a flag: 'plant'"),
        ("", {}, {"public_url": "plant.example/x"}, r"^public_url: .*must be like https://"),
    ],
)
def test_wrong_setting_is_named_with_its_origin(tmp_path: Path, monkeypatch, file, env, flags, expected) -> None:
    (tmp_path / "flowhost.toml").write_text(file)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=expected):
        load_settings(data_dir=tmp_path, **flags)

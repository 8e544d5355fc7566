"""`flowhost plugin new` and `check`: what is written is installed and passes its tests; what is wrong is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowhost.errors import ConfigError
from flowhost.services.plugin_check import check_plugin
from flowhost.services.plugin_scaffold import new_plugin

ROOT = Path(__file__).parents[3]


def python(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_plugin_is_installed_found_and_passes_its_tests(tmp_path: Path) -> None:
    """As a stranger does it: new, pip install, flowhost nodes, pytest, check."""
    made = python("-m", "flowhost", "plugin", "new", "lab_scale", "--dir", str(tmp_path), cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "flowhost-lab-scale"
    assert f"pip install -e '{folder}[test]'" in made.stdout
    prefix = tmp_path / "installed"
    command = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--prefix", str(prefix)]
    done = python(*command, "-e", str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (installed,) = prefix.glob("l*/**/site-packages")
    # a .pth file counts in site folders only
    start = f"import site, sys; site.addsitedir({str(installed)!r}); "
    nodes = python(
        "-c", start + "from flowhost.cli import main; sys.argv = ['flowhost', 'nodes']; main()", cwd=tmp_path
    )
    for type_id in ("lab_scale.read", "lab_scale.write", "lab_scale.scale"):
        assert type_id in nodes.stdout, nodes.stderr
    tests = python("-c", start + "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', "
                   "'flowhost.testing.pytest_plugin']))", cwd=folder)  # fmt: skip
    assert tests.returncode == 0, tests.stdout + tests.stderr
    checked = python("-m", "flowhost", "plugin", "check", str(folder), cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "flowhost-lab-scale is in order: lab_scale.device, lab_scale.read" in checked.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["connection", "source", "transform", "sink"])
def test_each_kind_alone_passes_its_tests_and_our_linter(tmp_path: Path, kind: str) -> None:
    folder = new_plugin("solo", [kind], tmp_path)
    lint = ["check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "INP001,I001", str(folder)]
    assert python("-m", "ruff", *lint, cwd=tmp_path).stdout == "All checks passed!\n"
    shape = python(
        "-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), str(folder), cwd=tmp_path
    )
    assert shape.returncode == 0, shape.stdout
    tests = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "flowhost.testing.pytest_plugin",
                   cwd=folder, PYTHONPATH=str(folder / "src"))  # fmt: skip
    assert tests.returncode == 0, tests.stdout + tests.stderr
    checked = python("-m", "flowhost", "plugin", "check", str(folder), cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", ["Lab", "9lab", "my lab", ""])
def test_a_name_that_cannot_be_a_type_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a plugin's name"):
        new_plugin(name, (), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "flowhost-lab").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        new_plugin("flowhost-lab", (), tmp_path)


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no kind 'filter'; choose from connection, source"):
        new_plugin("lab", ["filter"], tmp_path)


def test_check_names_each_fault_and_its_place(tmp_path: Path) -> None:
    folder = new_plugin("faulty", ["transform"], tmp_path)
    (folder / "README.md").unlink()
    (folder / "quality.toml").write_text('grade = "platinum"\n')
    source = folder / "src" / "flowhost_faulty"
    config = source / "config.py"
    text = config.read_text().replace('    """What the raw value is multiplied by."""\n', "")
    config.write_text(text + '    api_token: str = setting("")\n    """Whose."""\n')
    node = source / "transform_scale.py"
    node.write_text(node.read_text().replace("of a raw one.", "of a raw one"))
    (folder / "tests" / "test_conformance.py").unlink()
    assert set(check_plugin(str(folder)).findings) == {
        "README.md is missing: tell operators what it does, its limits, what to do when it fails",
        "quality.toml: grade is 'platinum'; it is one of bronze, silver, gold",
        "faulty.scale: write the summary as one sentence that ends with a full stop",
        "faulty.scale: config.factor has no help text; write a docstring below the field",
        "faulty.scale: config.api_token is shown in clear; declare it as flowhost.sdk.Secret",
        "faulty.scale: no conformance test names FaultyScale; see flowhost.testing.conformance",
    }


def test_check_says_why_a_plugin_cannot_be_loaded(tmp_path: Path) -> None:
    folder = new_plugin("halted", ["transform"], tmp_path)
    (folder / "src" / "flowhost_halted" / "config.py").write_text("import no_such_driver\n")
    (finding,) = check_plugin(str(folder)).findings
    assert finding == "halted: loading it failed: ModuleNotFoundError: No module named 'no_such_driver'"


@pytest.mark.parametrize("name", ["builtin", "mqtt", "modbus", "opcua"])
def test_installed_plugins_are_in_order(name: str) -> None:
    report = check_plugin(name)
    assert report.types
    assert not report.findings


@pytest.mark.parametrize("folder", ["flowhost-mqtt", "flowhost-modbus", "flowhost-opcua"])
def test_first_party_folders_are_in_order(folder: str) -> None:
    assert not check_plugin(str(ROOT / "plugins" / folder)).findings


def test_an_unknown_plugin_is_said_with_those_that_are_there() -> None:
    with pytest.raises(
        ConfigError, match=r"neither a folder with a pyproject.toml nor an installed plugin; those: .*mqtt"
    ):
        check_plugin("no-such")

"""The kit finds what it says it finds: each spoilt connector fails the tests named for it, and no other."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flowhost.services.plugin_scaffold import new_plugin

BAD = Path(__file__).parents[1] / "plugins_for_tests" / "bad_connector"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def named() -> dict[str, set[str]]:
    """Which tests have to find each fault, read without running the file."""
    constants: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for node in ast.parse((BAD / "faults.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = ast.literal_eval(node.value)
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "FOUND_BY":
                    assert isinstance(part.value, ast.Tuple)
                    found[node.name] = {
                        constants.get(ast.unparse(one)) or ast.literal_eval(one) for one in part.value.elts
                    }
    return found


NAMED = named()


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Tests that failed, by fault; one run for all."""
    folder = new_plugin("acme", (), tmp_path_factory.mktemp("bad"))
    shutil.copy(BAD / "faults.py", folder / "tests")
    shutil.copy(BAD / "test_faults.py", folder / "tests")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "flowhost.testing.pytest_plugin", "-p", "no:cacheprovider", "-q",
               "--timeout=60", "-n4", "--dist=loadscope", f"--junitxml={report}", "tests/test_faults.py"]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=380)
    assert done.returncode == 1, done.stdout + done.stderr
    failures: dict[str, set[str]] = defaultdict(set)
    for case in ElementTree.parse(report).iter("testcase"):
        fault = case.get("classname", "").rpartition(".Test")[2]
        failures[fault]  # it ran
        if case.find("failure") is not None or case.find("error") is not None:
            failures[fault].add(case.get("name", "").partition("[")[0])
    return failures


@pytest.mark.parametrize("fault", NAMED)
def test_fault_fails_the_tests_named_for_it_and_no_other(failed: dict[str, set[str]], fault: str) -> None:
    assert fault in failed, f"{fault} was not run"
    assert failed[fault] == NAMED[fault]


def test_every_conformance_test_is_proved_by_a_fault() -> None:
    from flowhost.testing import conformance

    kits = [getattr(conformance, name) for name in conformance.__all__ if name.endswith("Conformance")]
    tests = {name for kit in kits for name in dir(kit) if name.startswith("test_")}
    assert not tests - {test for tests in NAMED.values() for test in tests}

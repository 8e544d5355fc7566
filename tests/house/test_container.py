"""The container files, checked as far as they can be without an engine."""

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
NOT_FOR_PLANTS = {"flowhost-sim"}


def test_the_compose_file_builds_the_image_and_keeps_its_data() -> None:
    compose = YAML(typ="safe", pure=True).load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["flowhost"]
    context = (ROOT / "docker" / service["build"]["context"]).resolve()
    assert (context / service["build"]["dockerfile"]).is_file()
    names = {volume.split(":")[0]: volume.split(":")[1] for volume in service["volumes"]}
    assert set(names) == set(compose["volumes"])
    assert list(names.values()) == re.findall(r"^VOLUME (\S+)", DOCKERFILE, re.MULTILINE)
    (port,) = service["ports"]
    assert port.startswith("127.0.0.1:")
    assert port.endswith(":" + re.findall(r"^EXPOSE (\d+)", DOCKERFILE, re.MULTILINE)[0])


def test_the_image_brings_every_connector_and_runs_as_nobody_special() -> None:
    installed = set(re.findall(r"plugins/(flowhost-\w+)", DOCKERFILE))
    assert installed == {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()} - NOT_FOR_PLANTS
    user = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert user[-1] != "0"


def test_what_is_copied_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert f"!{source}" in ignored
            assert (ROOT / source).exists()

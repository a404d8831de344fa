"""The files of ``deploy/`` against the program: what can be known of them without a container or a cluster."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.conftest import ROOT

from bocage.cli.application import app
from bocage.project import Project

DEPLOY = ROOT / "deploy"
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
RECIPE = (ROOT / "docs" / "how-to" / "cloud.md").read_text(encoding="utf-8")
STEPS = [line.split(maxsplit=1) for line in CONTAINER.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    """The objects of the manifest by their kind."""
    found = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in found}


@pytest.fixture(scope="module")
def groups(documents: dict[str, Any]) -> list[Any]:
    """The head and the groups of workers."""
    cluster = documents["RayJob"]["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def container(group: Any) -> Any:
    (only,) = group["template"]["spec"]["containers"]
    return only


def pinned(name: str) -> str:
    found = re.search(rf"^{re.escape(name)}==(\S+) ", REQUIREMENTS, re.MULTILINE)
    assert found is not None, f"{name} is not in requirements.txt"
    return found[1]


def check_command(words: list[str]) -> None:
    """Fail where a command or an option of Bocage is not one."""
    assert words[0] == "bocage"
    command = typer.main.get_command(app)
    rest = words[1:]
    while (below := getattr(command, "commands", None)) is not None and not rest[0].startswith("-"):
        command = below[rest.pop(0)]
    command.make_context("bocage", rest)


def commands_of(text: str) -> Iterator[list[str]]:
    for line in re.split(r"[;\n]", text):
        if line.strip().startswith("bocage "):
            yield shlex.split(line, comments=True)


def test_the_job_runs_commands_that_there_are(documents: dict[str, Any]) -> None:
    entrypoint = documents["RayJob"]["spec"]["entrypoint"]
    # KubeRay puts it, as it is, into a line of a shell, and Ray puts the words of that line into another one.
    words = shlex.split(entrypoint)
    assert list(shlex.shlex(entrypoint, posix=True, punctuation_chars=True)) == words
    assert shlex.split(subprocess.list2cmdline(words)) == words
    assert words[:2] == ["bash", "-c"]
    commands = list(commands_of(words[2]))
    assert [words[1] for words in commands] == ["scenes", "map"]
    for words in commands:
        check_command(words)


def test_the_recipe_runs_commands_that_there_are() -> None:
    blocks = re.findall(r"```bash\n(.*?)```", RECIPE, re.DOTALL)
    commands = [words for block in blocks for words in commands_of(block)]
    assert len(commands) >= 7
    for words in commands:
        check_command(words)


def test_a_command_that_there_is_not_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        check_command(["bocage", "map", "--no-such-option"])
    with pytest.raises(KeyError):
        check_command(["bocage", "mapp"])


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bocage.toml").write_bytes((DEPLOY / "bocage.toml").read_bytes())
    monkeypatch.setenv("BOCAGE_BUCKET", "bucket")
    project = Project.open(tmp_path)
    assert project.settings.mapping.engine == "ray"
    assert project.map_storage.root == "s3://bucket/map"
    assert project.location(project.settings.mapping.model) == "s3://bucket/models/slf"


def test_every_node_runs_the_same_image_with_the_same_store(groups: list[Any], documents: dict[str, Any]) -> None:
    images = {container(group)["image"] for group in groups}
    assert len(images) == 1
    (image,) = images
    assert image.endswith(f"bocage:{PYPROJECT['project']['version']}")
    assert f"--tag {image} " in CONTAINER
    assert image in RECIPE
    for group in groups:
        assert container(group)["envFrom"] == [{"secretRef": {"name": "bocage-store"}}]
        assert group["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
        resources = container(group)["resources"]
        assert resources["requests"] == resources["limits"]
    assert documents["RayJob"]["spec"]["rayClusterSpec"]["rayVersion"] == pinned("ray")
    assert "create secret generic bocage-store" in RECIPE


def test_workers_share_no_disk_and_have_a_gpu_each(groups: list[Any]) -> None:
    head, *workers = groups
    assert head["rayStartParams"]["num-cpus"] == "0"
    for group in workers:
        assert "volumes" not in group["template"]["spec"]
        assert container(group)["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert group["replicas"] == group["minReplicas"] == group["maxReplicas"]


def test_what_the_head_mounts_is_made(groups: list[Any], documents: dict[str, Any]) -> None:
    spec = groups[0]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container(groups[0])["volumeMounts"]}
    assert set(volumes) == set(mounts)
    claim = volumes["project"]["persistentVolumeClaim"]["claimName"]
    assert claim == documents["PersistentVolumeClaim"]["metadata"]["name"]
    assert f"create configmap {volumes['settings']['configMap']['name']} " in RECIPE
    assert mounts["settings"] == f"{mounts['project']}/bocage.toml"
    assert documents["RayJob"]["spec"]["entrypoint"].count(f"--project {mounts['project']}") == 2


def test_the_image_is_built_of_what_there_is() -> None:
    for word, rest in STEPS:
        if word == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
    extras = re.search(r'"\.\[([\w,]+)\]"', CONTAINER)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(PYPROJECT["project"]["optional-dependencies"])
    assert "ray" in extras[1].split(",")
    assert "--constraint requirements.txt" in CONTAINER
    assert "--build-constraint requirements.txt" in CONTAINER
    assert ["ENTRYPOINT", '["bocage"]'] in STEPS
    assert "bocage" in PYPROJECT["project"]["scripts"]


def test_the_image_is_of_the_python_that_is_tested_and_runs_without_rights() -> None:
    bases = [rest.split()[0] for word, rest in STEPS if word == "FROM"]
    assert set(bases) == {f"python:{(ROOT / '.python-version').read_text(encoding='utf-8').strip()[:4]}-slim"}
    users = [rest for word, rest in STEPS if word == "USER"]
    assert users == ["1000"]
    assert STEPS.index(["USER", "1000"]) > max(i for i, (word, _) in enumerate(STEPS) if word in {"RUN", "COPY"})
    assert "http" not in CONTAINER
    assert "index" not in CONTAINER

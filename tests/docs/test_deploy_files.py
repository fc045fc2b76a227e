"""The files of deploy/ and docker-compose.yml run what the Procfile runs."""

import configparser
import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from bridge.cli import cli
from bridge.cli.local import stack
from bridge.services.queue import QUEUES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROCESSES = ("web", "worker", "effects", "beat")
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def procfile():
    """Process → its words, with the defaults of the variables in place."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    commands = {name: line.rpartition("; ")[2] for name, line in lines.items()}  # what is exported comes before
    words = {name: shlex.split(VARIABLE.sub(lambda found: found[2] or "", line)) for name, line in commands.items()}
    return {name: line[1:] for name, line in words.items() if line[0] == "exec"}  # signals reach the program itself


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def image_command():
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return json.loads(re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)[1])


def kubernetes():
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "bridge.yaml").read_text()))


def deployment(name):
    [found] = [one for one in kubernetes() if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
    return found["spec"]["template"]["spec"]


def unit(name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string((DEPLOY / "systemd" / name).read_text())
    return parser


def queues(words):
    return tuple(words[words.index("--queues") + 1].split(","))


# --- all of them -----------------------------------------------------------------------------------


def test_what_waits_for_integr8_has_processes_of_its_own_as_in_up():
    assert {name: queues(line) for name, line in procfile().items() if "--queues" in line} == stack.WORKERS
    assert sorted(one for some in stack.WORKERS.values() for one in some) == sorted(set(QUEUES.values()))


@pytest.mark.parametrize("name", PROCESSES)
def test_no_process_imports_from_the_directory_that_it_is_started_in(name):
    assert procfile()[name][:3] == ["python", "-P", "-m"]


def test_each_process_of_one_machine_shows_its_figures_on_a_port_of_its_own():
    ports = re.findall(r"BRIDGE_WORKER_METRICS=\$\{\w+:-(\d+)\}", (ROOT / "Procfile").read_text())
    units = [unit(f"integr8-bridge-{name}.service")["Service"]["Environment"] for name in stack.WORKERS]
    assert ports == [re.search(r"BRIDGE_WORKER_METRICS=(\d+)", one)[1] for one in units]
    assert len(set(ports)) == len(ports) == len(stack.WORKERS)


# --- compose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["worker", "effects", "beat"])
def test_compose_runs_what_the_procfile_runs(name):
    assert compose()[name]["command"] == procfile()[name]


def test_the_image_serves_the_web_as_the_procfile_does():
    assert image_command() == procfile()["web"]
    assert "BRIDGE_BIND=0.0.0.0" in (ROOT / "Dockerfile").read_text()  # a container listens on all its addresses


@pytest.mark.parametrize("name", ["web", "postgres", "valkey"])
def test_compose_asks_each_server_whether_it_is_well(name):
    assert compose()[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("name", PROCESSES)
def test_compose_starts_nothing_before_the_schema_is_there(name):
    assert compose()[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["migrate", *PROCESSES, "postgres", "valkey", "flower"])
def test_compose_limits_what_each_process_may_use(name):
    assert {"mem_limit", "pids_limit"} <= compose()[name].keys()


def test_compose_knows_no_password_and_demands_each():
    text = (ROOT / "docker-compose.yml").read_text()
    named = re.findall(r"\$\{(\w+_PASSWORD)([^}]*)\}", text)
    assert {name for name, rest in named if rest.startswith(":?")} == {"POSTGRES_PASSWORD", "VALKEY_PASSWORD"}
    assert [name for name, rest in named if not rest.startswith(":?")] == ["FLOWER_PASSWORD"]
    assert 'test -n "$$FLOWER_PASSWORD"' in compose()["flower"]["entrypoint"][-1]


def test_no_pod_gets_a_token_of_the_cluster_or_room_without_end():
    pods = [one["spec"]["template"]["spec"] for one in kubernetes() if one["kind"] in {"Job", "Deployment"}]
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert {"cpu", "memory"} <= pod["containers"][0]["resources"]["limits"].keys()


def test_what_no_policy_names_is_closed():
    policies = {one["metadata"]["name"]: one["spec"] for one in kubernetes() if one["kind"] == "NetworkPolicy"}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert {"web", "worker-metrics", "out"} <= policies.keys()


def test_compose_takes_every_image_by_digest():
    text = (ROOT / "docker-compose.yml").read_text()
    pinned = VARIABLE.sub(lambda found: f"name@sha256:{'0' * 64}" if found[1].endswith("_IMAGE") else found[0], text)
    services = yaml.safe_load(pinned)["services"].values()
    images = [one["image"] for one in services] + [
        one["build"]["args"]["PYTHON_IMAGE"] for one in services if "build" in one
    ]
    assert set(images) == {f"name@sha256:{'0' * 64}"}
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(bases) == {"${PYTHON_IMAGE}"}


def test_kubernetes_names_the_image_where_kustomize_pins_it():
    chosen = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    [image] = chosen["images"]
    pods = [one["spec"]["template"]["spec"] for one in kubernetes() if one["kind"] in {"Job", "Deployment"}]
    named = {container["image"] for pod in pods for container in pod["containers"]}
    assert (chosen["resources"], named) == (["bridge.yaml"], {f"{image['name']}:{image['newTag']}"})


def test_compose_publishes_ports_on_this_machine_only():
    ports = [port for one in compose().values() for port in one.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_depends_only_on_services_that_exist():
    services = compose()
    wanted = {name for one in services.values() for name in one.get("depends_on", {})}
    assert wanted <= set(services)


# --- systemd ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROCESSES)
def test_systemd_runs_what_the_procfile_runs(name):
    service = unit(f"integr8-bridge-{name}.service")["Service"]
    given = dict(one.split("=", 1) for one in service["Environment"].split())
    line = service["ExecStart"].replace("%%", "%")  # one % begins a specifier of systemd
    words = shlex.split(VARIABLE.sub(lambda found: given[found[1]], line))
    assert [words[0].removeprefix("/opt/integr8-bridge/bin/"), *words[1:]] == procfile()[name]


@pytest.mark.parametrize("name", PROCESSES)
def test_systemd_waits_longer_than_a_warm_shutdown_takes(name):
    assert int(unit(f"integr8-bridge-{name}.service")["Service"]["TimeoutStopSec"]) >= 25


def test_the_target_wants_all_processes():
    assert unit("integr8-bridge.target")["Unit"]["Wants"].split() == [
        f"integr8-bridge-{name}.service" for name in PROCESSES
    ]


# --- kubernetes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["worker", "effects", "beat"])
def test_kubernetes_runs_what_the_procfile_runs(name):
    assert deployment(name)["containers"][0]["command"] == procfile()[name]


@pytest.mark.parametrize("name", PROCESSES)
def test_kubernetes_gives_no_container_more_than_it_needs(name):
    pod = deployment(name)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", PROCESSES)
def test_kubernetes_mounts_only_volumes_that_are_there(name):
    pod = deployment(name)
    mounted = {one["name"] for one in pod["containers"][0]["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["volumes"]}


def test_kubernetes_migrates_with_a_command_that_exists():
    [job] = [one for one in kubernetes() if one["kind"] == "Job"]
    program, group, name = job["spec"]["template"]["spec"]["containers"][0]["command"]
    found = cli.get_command(click.Context(cli), group)
    assert program == "integr8-bridge"
    assert name in found.commands


def test_a_dead_database_does_not_restart_the_web():
    web = deployment("web")["containers"][0]
    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"

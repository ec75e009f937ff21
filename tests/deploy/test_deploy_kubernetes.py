"""Kubernetes objects and chart values hold only what Kubernetes and the chart know, name each other right, and run unprivileged.

The known keys are those of Kubernetes 1.30's API reference and of the chart's own values (dagster-io/dagster,
helm/dagster/schema), as far as they are used here.
"""

from __future__ import annotations

from typing import Any

import pytest

Tree = dict[str, Any]

TEXT, NUMBER, BOOL, ANY = "text", "number", "bool", "any"
PROBE = {
    "httpGet": {"path": TEXT, "port": TEXT},
    "tcpSocket": {"port": TEXT},
    "exec": {"command": [TEXT]},
    "periodSeconds": NUMBER,
    "timeoutSeconds": NUMBER,
    "failureThreshold": NUMBER,
}
SECURITY = {"allowPrivilegeEscalation": BOOL, "readOnlyRootFilesystem": BOOL, "capabilities": {"drop": [TEXT]}}
POD_SECURITY = {
    "runAsNonRoot": BOOL,
    "runAsUser": NUMBER,
    "runAsGroup": NUMBER,
    "fsGroup": NUMBER,
    "seccompProfile": {"type": TEXT},
}
RESOURCES = {"requests": {"cpu": TEXT, "memory": TEXT}, "limits": {"memory": TEXT}}
MOUNT = {"name": TEXT, "mountPath": TEXT, "readOnly": BOOL}
VOLUME = {"name": TEXT, "emptyDir": {}, "configMap": {"name": TEXT}}
CONTAINER = {
    "name": TEXT,
    "image": TEXT,
    "command": [TEXT],
    "ports": [{"name": TEXT, "containerPort": NUMBER}],
    "envFrom": [{"configMapRef": {"name": TEXT}, "secretRef": {"name": TEXT}}],
    "env": [{"name": TEXT, "valueFrom": {"secretKeyRef": {"name": TEXT, "key": TEXT}}}],
    "volumeMounts": [MOUNT],
    "securityContext": SECURITY,
    "resources": RESOURCES,
    "startupProbe": PROBE,
    "readinessProbe": PROBE,
    "livenessProbe": PROBE,
}
META = {"name": TEXT, "labels": ANY, "annotations": ANY}
SELECTOR = {"matchLabels": ANY}
KINDS: dict[tuple[str, str], Tree] = {
    ("v1", "Secret"): {"type": TEXT, "stringData": ANY},
    ("v1", "ConfigMap"): {"data": ANY},
    ("v1", "Service"): {"spec": {"selector": ANY, "ports": [{"name": TEXT, "port": NUMBER, "targetPort": TEXT}]}},
    ("policy/v1", "PodDisruptionBudget"): {"spec": {"minAvailable": NUMBER, "selector": SELECTOR}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {
        "spec": {
            "podSelector": SELECTOR,
            "policyTypes": [TEXT],
            "ingress": [{"from": [{"namespaceSelector": SELECTOR}], "ports": [{"port": NUMBER, "protocol": TEXT}]}],
        }
    },
    ("networking.k8s.io/v1", "Ingress"): {
        "spec": {
            "ingressClassName": TEXT,
            "tls": [{"hosts": [TEXT], "secretName": TEXT}],
            "rules": [
                {
                    "host": TEXT,
                    "http": {
                        "paths": [
                            {
                                "path": TEXT,
                                "pathType": TEXT,
                                "backend": {"service": {"name": TEXT, "port": {"name": TEXT}}},
                            }
                        ]
                    },
                }
            ],
        }
    },
    ("apps/v1", "Deployment"): {
        "spec": {
            "replicas": NUMBER,
            "strategy": {"type": TEXT, "rollingUpdate": {"maxUnavailable": NUMBER, "maxSurge": NUMBER}},
            "selector": SELECTOR,
            "template": {
                "metadata": META,
                "spec": {
                    "automountServiceAccountToken": BOOL,
                    "terminationGracePeriodSeconds": NUMBER,
                    "securityContext": POD_SECURITY,
                    "initContainers": [CONTAINER],
                    "containers": [CONTAINER],
                    "volumes": [VOLUME],
                },
            },
        }
    },
}

IMAGE = {"repository": TEXT, "tag": TEXT, "pullPolicy": TEXT}
TAG_LIMIT = {"key": TEXT, "value": {"applyLimitPerUniqueValue": BOOL}, "limit": NUMBER}
PURGE = {"purgeAfterDays": {"skipped": NUMBER, "success": NUMBER, "failure": NUMBER, "started": NUMBER}}
WORKERS = {"useThreads": BOOL, "numWorkers": NUMBER, "numSubmitWorkers": NUMBER}
CHART: Tree = {
    "global": {"postgresqlSecretName": TEXT},
    "generatePostgresqlPasswordSecret": BOOL,
    "postgresql": {
        "enabled": BOOL,
        "postgresqlScheme": TEXT,
        "postgresqlHost": TEXT,
        "postgresqlUsername": TEXT,
        "postgresqlDatabase": TEXT,
        "postgresqlParams": ANY,
        "service": {"port": NUMBER},
    },
    "dagster-user-deployments": {"enabled": BOOL, "enableSubchart": BOOL},
    "dagsterWebserver": {
        "replicaCount": NUMBER,
        "image": IMAGE,
        "workspace": {"enabled": BOOL, "servers": [{"host": TEXT, "port": NUMBER, "name": TEXT}]},
        "podSecurityContext": POD_SECURITY,
        "securityContext": SECURITY,
        "resources": RESOURCES,
    },
    "dagsterDaemon": {
        "enabled": BOOL,
        "image": IMAGE,
        "heartbeatTolerance": NUMBER,
        "podSecurityContext": POD_SECURITY,
        "securityContext": SECURITY,
        "resources": RESOURCES,
        "runCoordinator": {
            "enabled": BOOL,
            "type": TEXT,
            "config": {
                "queuedRunCoordinator": {
                    "maxConcurrentRuns": NUMBER,
                    "tagConcurrencyLimits": [TAG_LIMIT],
                    "dequeueIntervalSeconds": NUMBER,
                    "dequeueNumWorkers": NUMBER,
                    "dequeueUseThreads": BOOL,
                }
            },
        },
        "runMonitoring": ANY,
        "runRetries": ANY,
        "sensors": WORKERS,
        "schedules": WORKERS,
    },
    "concurrency": {
        "enabled": BOOL,
        "runs": {"maxConcurrentRuns": NUMBER, "tagConcurrencyLimits": [TAG_LIMIT]},
        "pools": {"granularity": TEXT, "defaultLimit": NUMBER, "opGranularityRunBuffer": NUMBER},
    },
    "runLauncher": {"type": TEXT, "config": {"customRunLauncher": {"module": TEXT, "class": TEXT, "config": ANY}}},
    "pythonLogs": {"pythonLogLevel": TEXT, "managedPythonLoggers": [TEXT], "dagsterHandlerConfig": ANY},
    "telemetry": {"enabled": BOOL},
    "retention": {"enabled": BOOL, "sensor": PURGE, "schedule": PURGE},
    "ingress": {"enabled": BOOL},
}


def misfits(shape: Any, value: Any, where: str = "") -> list[str]:
    """Where `value` is not of `shape`: unknown keys, and values of another kind."""
    if shape == ANY:
        return []
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where} is no object"]
        unknown = [f"{where}.{key} is not known" for key in value if key not in shape]
        return unknown + [
            each for key in shape if key in value for each in misfits(shape[key], value[key], f"{where}.{key}")
        ]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [each for n, item in enumerate(value) for each in misfits(shape[0], item, f"{where}[{n}]")]
    kinds: dict[str, type | tuple[type, ...]] = {TEXT: (str,), NUMBER: (int,), BOOL: (bool,)}
    is_right = isinstance(value, kinds[shape]) and (shape != NUMBER or not isinstance(value, bool))
    return [] if is_right else [f"{where} is {value!r}, no {shape}"]


def test_every_object_is_of_its_kind(manifests: list[Tree]) -> None:
    for each in manifests:
        shape = {"apiVersion": TEXT, "kind": TEXT, "metadata": META, **KINDS[each["apiVersion"], each["kind"]]}
        assert misfits(shape, each, f"{each['kind']} {each['metadata']['name']}") == []


def test_the_values_are_those_of_the_chart(helm_values: Tree) -> None:
    assert misfits(CHART, helm_values) == []


@pytest.mark.parametrize(
    "change",
    [{"dagsterDeamon": {}}, {"telemetry": {"enabled": "no"}}, {"runLauncher": {"kind": "x"}}, {"concurrency": []}],
)
def test_a_misspelt_or_wrong_value_is_found(helm_values: Tree, change: Tree) -> None:
    assert misfits(CHART, {**helm_values, **change})


def objects(manifests: list[Tree], kind: str) -> dict[str, Tree]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def pods_of(manifests: list[Tree]) -> list[Tree]:
    pods: list[Tree] = [each["spec"]["template"]["spec"] for each in objects(manifests, "Deployment").values()]
    return pods


def containers_of(pod: Tree) -> list[Tree]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def test_names_that_are_referred_to_are_made_here_or_named_in_the_docs(
    manifests: list[Tree], helm_values: Tree
) -> None:
    secrets = objects(manifests, "Secret")
    known = secrets.keys() | objects(manifests, "ConfigMap").keys() | {"connector-connections"}
    for pod in pods_of(manifests):
        for container in containers_of(pod):
            for source in container["envFrom"]:
                assert next(iter(source.values()))["name"] in known
            for variable in container.get("env", ()):
                wanted = variable["valueFrom"]["secretKeyRef"]
                assert wanted["key"] in secrets[wanted["name"]]["stringData"]
            assert {mount["name"] for mount in container["volumeMounts"]} == {
                volume["name"] for volume in pod["volumes"]
            }
    assert helm_values["global"]["postgresqlSecretName"] in known


def test_the_services_the_ingress_and_the_policies_meet_the_pods(manifests: list[Tree]) -> None:
    deployments, services = objects(manifests, "Deployment"), objects(manifests, "Service")
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert services[name]["spec"]["selector"] == labels == deployment["spec"]["selector"]["matchLabels"]
    receiver = deployments["connector-receiver"]
    labels, ports = receiver["spec"]["template"]["metadata"]["labels"], ports_of(receiver)
    assert {port["targetPort"] for port in services["connector-receiver"]["spec"]["ports"]} == {"webhooks"}
    (budget,) = objects(manifests, "PodDisruptionBudget").values()
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert budget["spec"]["minAvailable"] < receiver["spec"]["replicas"]
    (policy,) = objects(manifests, "NetworkPolicy").values()
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert {rule["ports"][0]["port"] for rule in policy["spec"]["ingress"]} == set(ports.values())


def test_dagster_asks_the_code_server_where_it_listens(manifests: list[Tree], helm_values: Tree) -> None:
    (asked,) = helm_values["dagsterWebserver"]["workspace"]["servers"]
    (port,) = objects(manifests, "Service")[asked["host"]]["spec"]["ports"]
    code = objects(manifests, "Deployment")[asked["host"]]
    assert asked["port"] == port["port"] == ports_of(code)[port["targetPort"]]
    (container,) = code["spec"]["template"]["spec"]["containers"]
    assert container["command"][-1] == str(asked["port"])
    # Two at once would each believe that they are the one.
    assert code["spec"]["replicas"] == 1
    assert code["spec"]["strategy"] == {"type": "Recreate"}


def ports_of(deployment: Tree) -> dict[str, int]:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def test_what_is_published_has_tls_and_dagster_a_login(manifests: list[Tree]) -> None:
    ingresses = objects(manifests, "Ingress")
    for ingress in ingresses.values():
        hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
        assert hosts == {host for tls in ingress["spec"]["tls"] for host in tls["hosts"]}
    annotations = ingresses["dagster"]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/auth-type"] == "basic"
    (path,) = ingresses["connector-receiver"]["spec"]["rules"][0]["http"]["paths"]
    assert path["path"] == "/webhooks/"


def test_no_container_is_roots_or_may_become_it(manifests: list[Tree], helm_values: Tree) -> None:
    pods = [pod["securityContext"] for pod in pods_of(manifests)]
    containers = [each["securityContext"] for pod in pods_of(manifests) for each in containers_of(pod)]
    for part in (helm_values["dagsterWebserver"], helm_values["dagsterDaemon"]):
        pods.append(part["podSecurityContext"])
        containers.append(part["securityContext"])
    assert all(each["runAsNonRoot"] and each["runAsUser"] >= 10_000 for each in pods)
    assert all(
        not each["allowPrivilegeEscalation"] and each["capabilities"] == {"drop": ["ALL"]} for each in containers
    )


def test_example_secrets_open_nothing(manifests: list[Tree]) -> None:
    for secret in objects(manifests, "Secret").values():
        assert set(secret["stringData"].values()) == {"change-me"}

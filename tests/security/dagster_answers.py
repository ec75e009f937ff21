"""What Dagster's web server answers about everything that ran: its own application and GraphQL schema, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import requests
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from sandbox.serve import running

METADATA = """label description __typename
... on TextMetadataEntry { text }
... on MarkdownMetadataEntry { mdStr }
... on JsonMetadataEntry { jsonString }
... on UrlMetadataEntry { url }
... on PathMetadataEntry { path }
... on TableMetadataEntry { table { records } }"""

RUNS = """{ runsOrError { __typename ... on Runs { results {
  runId status runConfigYaml tags { key value } assets { key { path } } stepKeysToExecute
} } } }"""

ASSETS = """{ assetsOrError { __typename ... on AssetConnection { nodes {
  key { path } assetMaterializations(limit: 50) { runId message label description metadataEntries { METADATA } }
} } } }""".replace("METADATA", METADATA)

EVENTS = """query Log($run: ID!, $after: String) { logsForRun(runId: $run, afterCursor: $after) { __typename
  ... on EventConnection { cursor hasMore events { __typename ... on MessageEvent { message stepKey }
    ... on ExecutionStepFailureEvent { error { ...Told errorChain { error { ...Told } } } }
    ... on RunFailureEvent { error { ...Told } }
    ... on LogsCapturedEvent { fileKey stepKeys externalUrl }
    ... on MaterializationEvent { label description metadataEntries { METADATA } }
    ... on AssetCheckEvaluationEvent { evaluation { checkName description metadataEntries { METADATA } } }
  } } } }
fragment Told on PythonError { message className stack }""".replace("METADATA", METADATA)

CAPTURED = """query Captured($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }"""


def dagster_answers(instance: dg.DagsterInstance) -> list[str]:
    """The answers to what the pages of runs, logs and assets ask, as text. Raises `AssertionError` on an error."""
    with (
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process,
        running(create_app_from_workspace_process_context(process)) as address,
    ):
        runs = _ask(address, RUNS)
        answers = [runs, _ask(address, ASSETS)]
        for run in runs["runsOrError"]["results"]:
            answers += _log_of(address, run["runId"])
    return [json.dumps(answer, ensure_ascii=False) for answer in answers]


def _log_of(address: str, run_id: str) -> list[Any]:
    answers: list[Any] = []
    cursor = None
    while True:
        page = _ask(address, EVENTS, run=run_id, after=cursor)
        answers.append(page)
        log = page["logsForRun"]
        for event in log["events"]:
            if event["__typename"] == "LogsCapturedEvent":
                answers.append(_ask(address, CAPTURED, key=[run_id, "compute_logs", event["fileKey"]]))
        if not log["hasMore"]:
            return answers
        cursor = log["cursor"]


def _ask(address: str, query: str, **variables: Any) -> Any:
    answer = requests.post(f"{address}/graphql", json={"query": query, "variables": variables}, timeout=120)
    body = answer.json()
    assert "errors" not in body, answer.text[:2000]
    return body["data"]

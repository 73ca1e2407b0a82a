"""docs/security.md: every promise names a test that is there; those that need the whole application are held here."""

from __future__ import annotations

import ast
import hmac
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr

from openarc_ui.server.keys import Keys
from openarc_ui.server.refusals import ALL
from openarc_ui.server.security import OPEN_PATHS
from openarc_ui.settings import Settings
from tests.application import ROOT, Application, free_port
from tests.conftest import write_script
from tests.whole_application import METHODS, Whole, concrete, whole_application

DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
KEY, ADMIN_KEY = "the-key-for-use", "the-key-of-the-administrator"
USE, ADMIN = {"X-API-Key": KEY}, {"X-API-Key": ADMIN_KEY}
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ENDPOINTS = ("/load_model", "/model_details", "/fit", "/clear_cache")
MARKER = "what-no-answer-may-show"


def promises() -> list[str]:
    """The list items of the page, each with the lines that belong to it."""
    return [item.strip() for item in re.split(r"^- ", DOCUMENT, flags=re.MULTILINE)[1:]]


def test_every_promise_names_a_test() -> None:
    assert len(promises()) > 25
    for promise in promises():
        assert NAMED.search(promise), promise


def test_every_test_that_is_named_is_there() -> None:
    named = set(NAMED.findall(DOCUMENT))
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_every_refusal_of_the_guard_is_explained() -> None:
    for refusal in ALL:
        assert f"| {refusal.status} | `{refusal.code}` |" in DOCUMENT, refusal.code


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The whole application with two keys, over a model folder with ways out of it."""
    folder = tmp_path_factory.mktemp("whole")
    outside = write_script(folder / "outside")
    (outside / "config.json").write_text(f'{{"model_type": "{MARKER}"}}')
    (outside / "secret.txt").write_text(MARKER)
    inside = write_script(folder / "models" / "script")
    (inside / "config.json").symlink_to(outside / "config.json")
    (inside / "generation_config.json").write_text("{}")
    (folder / "models" / "link").symlink_to(outside)
    with whole_application(folder, api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY), mcp=True) as made:
        yield made


def test_no_route_of_the_whole_application_answers_without_a_key(whole: Whole) -> None:
    paths = whole.all_paths()
    assert {"/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/component_server", "/mcp", "/docs"} <= paths
    assert {"/v1/chat/completions", "/metrics", "/openapi.json", "/config", "/"} <= paths
    for path in sorted(paths - OPEN_PATHS):
        for method in METHODS:
            answer = whole.client.request(method, concrete(path))
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"


def test_what_answers_without_a_key_says_nothing(whole: Whole) -> None:
    assert {"/health", "/readyz", "/login", "/favicon.ico"} == OPEN_PATHS
    assert whole.client.get("/health").json() == {"status": "ok"}
    assert set(whole.client.get("/readyz").json()) == {"ready", "missing"}


@pytest.mark.parametrize(
    "path", ["/gradio_api/vibe-code", "/gradio_api/proxy=http://localhost/", "/monitoring/summary"]
)
def test_what_gradio_serves_beyond_the_page_is_shut(whole: Whole, path: str) -> None:
    for method in ("GET", "POST"):
        assert whole.client.request(method, path, headers=ADMIN).json()["code"] == "not_found"


def ways_out(whole: Whole) -> list[str]:
    outside = whole.engine.model_folder.parent / "outside"
    return [
        "../outside",
        "script/../../outside",
        str(outside),
        f"file://{outside}",
        "link",
        "link/../../outside",
        "..\\outside",
        "%2e%2e/outside",
        "/etc",
        "~",
        "\0",
    ]


def naming_a_model(path: str) -> list[tuple[str, str, Any, dict[str, str]]]:
    """Every request of the API that names a model of the folder: method, route, body, query."""
    load = {"load_config": {"id_model": path, "backend": "scripted"}, "ov_config": {}}
    older = {"model_path": path, "model_name": "out", "model_type": "llm", "engine": "ovgenai", "device": "CPU"}
    return [
        ("POST", "/model/load", load, {}),
        ("POST", "/optimum/model/load", load, {}),
        ("POST", "/openarc/load", older, {}),
        ("POST", "/model/fit", load, {}),
        ("GET", "/models/details", None, {"model": path}),
        ("GET", "/models/files", None, {"model": path}),
        ("GET", "/models/file", None, {"model": path, "file": "generation_config.json"}),
        ("DELETE", "/cache", None, {"model": path}),
    ]


def test_no_model_path_of_the_api_leads_out_of_the_model_folder(whole: Whole) -> None:
    for path in ways_out(whole):
        for method, route, body, query in naming_a_model(path):
            answer = whole.client.request(method, route, json=body, params=query, headers=ADMIN)
            assert 400 <= answer.status_code < 500, f"{method} {route} {path!r}: {answer.text}"
            assert MARKER not in answer.text
        query = {"model": "script", "file": path}
        assert whole.client.get("/models/file", params=query, headers=ADMIN).status_code == 422
        load = {"load": {"model_path": path, "backend": "scripted"}}
        whole.client.put("/profiles/out", json=load, params={"replace": "true"}, headers=ADMIN)
        loaded = whole.client.post("/profiles/out/load", headers=ADMIN)
        assert 400 <= loaded.status_code < 500 and MARKER not in loaded.text, path
    assert whole.engine.status().models == ()


def test_a_model_inside_it_is_found_by_each_of_these(whole: Whole) -> None:
    for method, route, body, query in naming_a_model("script"):
        answer = whole.client.request(method, route, json=body, params=query, headers=ADMIN)
        # The older path knows no scripted models, and says so after it has found this one.
        assert answer.status_code == 200 or (route == "/openarc/load" and "script" in answer.json()["detail"]), (
            f"{method} {route}: {answer.text}"
        )
    whole.client.delete("/model/unload", headers=ADMIN)


def test_a_file_that_is_linked_into_a_model_from_outside_is_not_shown(whole: Whole) -> None:
    for route in ("/models/file", "/models/files", "/models/details"):
        query = {"model": "script", **({"file": "config.json"} if route == "/models/file" else {})}
        assert MARKER not in whole.client.get(route, params=query, headers=ADMIN).text


def test_no_model_path_of_the_pages_endpoints_leads_out_of_the_model_folder(whole: Whole) -> None:
    endpoints = whole.client.get("/gradio_api/info", headers=ADMIN).json()["named_endpoints"]
    taking = {
        name: parameter["parameter_name"]
        for name, endpoint in endpoints.items()
        for parameter in endpoint["parameters"]
        if parameter["parameter_name"] in ("model", "model_path")
    }
    assert set(ENDPOINTS) <= set(taking)
    for name in ENDPOINTS:
        for path in ways_out(whole)[:5]:
            told = ended(whole, name, {taking[name]: path})
            assert "event: error" in told and MARKER not in told, f"{name} {path}: {told}"
        assert "event: complete" in ended(whole, name, {taking[name]: "script"}), name
    whole.client.delete("/model/unload", headers=ADMIN)


def ended(whole: Whole, name: str, values: dict[str, str]) -> str:
    """What an endpoint of the page came to."""
    begun = whole.client.post(f"/gradio_api/call/v2{name}", json=values, headers=ADMIN).json()
    return whole.client.get(f"/gradio_api/call/v2{name}/{begun['event_id']}", headers=ADMIN).text


@pytest.mark.parametrize(
    "path",
    [
        "/page-assets/chat/../../app.py",
        "/page-assets/chat/%2e%2e/%2e%2e/app.py",
        "/page-assets/chat//etc/hostname",
        "/docs/..%2f..%2fapp.py",
        "/docs/../app.py",
        "/gradio_api/file=app.py",
        "/gradio_api/file=/etc/hostname",
        "/gradio_api/file=../app.py",
        "/static/../../../../../../../../../etc/hostname",
        "/assets/%2e%2e/%2e%2e/routes.py",
        "/svelte/..%2f..%2froutes.py",
    ],
)
def test_no_file_is_served_from_elsewhere(whole: Whole, path: str) -> None:
    answer = whole.client.get(path, headers=ADMIN)
    assert answer.status_code in (400, 403, 404), answer.text[:200]


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "..", "a/b", "%2e%2e%2fout"])
def test_no_profile_is_written_elsewhere(whole: Whole, name: str) -> None:
    folder = whole.engine.model_folder.parent
    before = set(folder.iterdir())
    body = {"name": name, "load": {"model_path": "script"}}
    for answer in (
        whole.client.put(f"/profiles/{name}", json={"load": {"model_path": "script"}}, headers=ADMIN),
        whole.client.post("/profiles/import", json=body, headers=ADMIN),
    ):
        assert answer.status_code >= 400, answer.text
    assert set(folder.iterdir()) == before


def test_no_cache_is_written_elsewhere(whole: Whole) -> None:
    for value in ("/tmp/elsewhere", "../elsewhere"):
        load = {"load_config": {"id_model": "script", "backend": "genai"}, "ov_config": {"CACHE_DIR": value}}
        findings = whole.client.post("/model/validate", json=load, headers=ADMIN).json()
        assert "CACHE_DIR must stay inside OpenArc's cache folder." in [
            each["message"] for each in findings["findings"]
        ]


def test_both_keys_are_compared_in_constant_time_whichever_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    keys = Keys(SecretStr(KEY), SecretStr(ADMIN_KEY))
    alone = Keys(SecretStr(KEY), None)
    monkeypatch.setattr(hmac, "compare_digest", watched)
    for shown in (KEY, ADMIN_KEY, "", "x" * 10_000):
        for each in (keys, alone):
            each.visitor(shown)
    assert compared == [(32, 32)] * 16


def test_no_key_is_kept_in_the_guard(whole: Whole) -> None:
    guard = whole.client.app._application  # type: ignore[attr-defined]
    assert KEY not in repr(vars(guard)) + repr(vars(guard._keys)) + str(vars(guard._keys))
    settings = Settings(api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY))
    assert KEY not in repr(settings) + settings.model_dump_json() + str(settings)


def test_no_answer_tells_a_key(whole: Whole) -> None:
    for path in (
        "/status",
        "/openapi.json",
        "/config",
        "/metrics",
        "/devices",
        "/gradio_api/info",
        "/llms.txt",
        "/login",
    ):
        text = whole.client.get(path, headers=ADMIN).text
        assert KEY not in text and ADMIN_KEY not in text, path


def test_forwarded_headers_change_nothing(whole: Whole) -> None:
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Gradio-Server": "http://evil.example"}
    config = whole.client.get("/config", headers={**ADMIN, **lies}).json()
    assert (
        "evil" not in str(config["root"])
        and config["root"] == whole.client.get("/config", headers=ADMIN).json()["root"]
    )


def test_nobody_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [])
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    with whole_application(tmp_path, api_key=SecretStr(KEY), requests_per_minute=5, mcp=True) as whole:
        for path in ("/", "/config", "/status", "/docs", "/gradio_api/startup-events"):
            whole.client.get(path, headers=USE)
        for _ in range(7):
            whole.client.post("/generate/text", json={}, headers=USE)
            whole.client.get("/status", headers={"X-API-Key": "wrong"})
        assert asked == []
    with pytest.raises((httpx.TransportError, OSError, TypeError)):
        httpx.get("http://192.0.2.1", timeout=1)
    assert asked != []


def run_app(*flags: str, **environment: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENARC_")}
    done = subprocess.run(
        [sys.executable, "app.py", "--port", str(free_port()), "--model", "none", *flags],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_a_key_it_does_not_start_on_a_network(host: str) -> None:
    code, said = run_app("--host", host)
    assert code == 2 and "an API key is needed" in said and "--open-to-network" in said


@pytest.mark.parametrize("flag", ["--api-key", "--api-key-file", "--admin-key-file"])
def test_a_key_on_the_command_line_ends_the_program_and_is_not_repeated(flag: str) -> None:
    code, said = run_app(flag, "a-long-secret")
    assert code == 2 and "key-file" in said and "a-long-secret" not in said


def test_an_open_network_is_said_loudly(tmp_path: Path) -> None:
    with Application(tmp_path / "models", "--model", "none", "--host", "0.0.0.0", "--open-to-network") as program:
        program.wait()
        assert "NO KEY is needed" in program.log.read_text()


def test_a_real_process_tells_no_key_anywhere(tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    file = tmp_path / "admin-key"
    file.write_text(ADMIN_KEY + "\n")
    file.chmod(0o600)
    environment = {"OPENARC_API_KEY": KEY}
    flags = ("--model", "script", "--admin-key-file", str(file))
    with Application(tmp_path / "models", *flags, environment=environment) as program:
        wait_until_ready(program)
        for key in (KEY, ADMIN_KEY):
            for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"X-API-Key": key + "x"}):
                httpx.get(f"{program.address}/status", headers=headers)
                httpx.post(f"{program.address}/generate/text", content=b"{", headers=headers)
            httpx.get(f"{program.address}/status?api_key={key}")
            httpx.post(f"{program.address}/login", data={"key": key})
        worker = psutil.Process(httpx.get(f"{program.address}/status", headers=ADMIN).json()["models"][0]["process_id"])
        told = [program.log.read_text(), httpx.get(f"{program.address}/status", headers=ADMIN).text]
        told += [" ".join(worker.cmdline()), str(worker.environ())]
        told += [Path(f"/proc/{program.process.pid}/cmdline").read_text()]
        assert program.end() == 0
        told.append(program.log.read_text())
        told += [path.read_bytes().decode("latin-1") for path in program.database.parent.rglob("*") if path.is_file()]
    for text in told:
        assert KEY not in text and ADMIN_KEY not in text


def test_tokenizing_holds_nobody_up(tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    with Application(tmp_path / "models", "--model", "script") as program, ThreadPoolExecutor() as pool:
        program.wait()
        with httpx.Client(base_url=program.address, timeout=60) as client:

            def health_seconds() -> float:
                began_at = time.perf_counter()
                assert client.get("/health").status_code == 200
                return time.perf_counter() - began_at

            health_seconds()
            long = {"text": "word " * 40_000}
            asked = [pool.submit(httpx.post, f"{program.address}/tokenize", json=long, timeout=60) for _ in range(4)]
            seconds = [health_seconds()]
            while not all(each.done() for each in asked):
                seconds.append(health_seconds())
        assert [each.result().status_code for each in asked] == [200] * 4
        assert statistics.median(seconds) < 0.5 and max(seconds) < 5


def wait_until_ready(program: Application) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{program.address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert program.process.poll() is None, program.log.read_text()
        time.sleep(0.1)
    raise AssertionError(program.log.read_text())

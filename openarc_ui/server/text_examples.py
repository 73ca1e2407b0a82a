"""Examples of the answers that are no JSON with a model: texts, tables, pages and files, each shortened to its beginning.

assets/api_answers.json has those of the others, which are recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = "application/json"
TEXT = "text/plain"
HTML = "text/html"
CSV = "text/csv"
MARKDOWN = "text/markdown"
LOAD = {"model_path": "SmolLM2-135M-Instruct-int4", "backend": "auto", "device": "CPU", "ov_config": {}}
CURL = """\
curl --fail-with-body http://127.0.0.1:7860/model/load \\
  -H 'Content-Type: application/json' \\
  -d '{
  "load_config": {
    "id_model": "SmolLM2-135M-Instruct-int4",
    "device": "CPU"
  }
}'
"""
CHAT = """\
curl --fail-with-body http://127.0.0.1:7860/generate/text \\
  -H 'Content-Type: application/json' \\
  --data-binary @- <<'JSON'
{
  "conversation": [{"role": "user", "content": "What is the capital of France?"}],
  "max_new_tokens": 64
}
JSON
"""
EXPOSITION = """\
# HELP openarc:num_requests_running Requests the model works on now.
# TYPE openarc:num_requests_running gauge
openarc:num_requests_running{model_name="SmolLM2-135M-Instruct-int4"} 0.0
"""
REQUEST: Mapping[str, Any] = {"request_id": "my-request", "model": "SmolLM2-135M-Instruct-int4", "backend": "genai"}
TEXTS: Mapping[str, Mapping[str, Any]] = {
    "GET /models/tasks/{task_id}/log": {TEXT: "Fetching openvino_model.bin: 37 % of 104 MB.\n"},
    "GET /profiles/{name}/export": {JSON: {"version": 1, "name": "fast", "description": "", "load": LOAD}},
    "GET /profiles/{name}/code": {TEXT: CURL},
    "GET /conversations/{conversation_id}/export": {
        JSON: {"title": "Rivers", "messages": [{"role": "user", "content": "Name a river."}]},
        MARKDOWN: "# Rivers\n\n## User\n\nName a river.\n",
    },
    "GET /tuning/runs/{run_id}/export": {
        MARKDOWN: "# First bench\n\n| workload | decode throughput |\n| --- | --- |\n| short | 92.1 tokens/s |\n",
        CSV: "configuration_id,number,label,state\n2a3a3d3185a7,0,base,measured\n",
        JSON: {"head": {"run_id": "20261126-101500-bench", "kind": "bench", "state": "finished"}, "results": []},
    },
    "GET /tuning/runs/{run_id}/report": {HTML: '<!doctype html>\n<html lang="en"><head><title>First bench</title>…'},
    "GET /tuning/runs/{run_id}/configurations/{configuration_id}/code": {TEXT: CURL},
    "GET /metrics": {TEXT: EXPOSITION, "application/openmetrics-text": f"{EXPOSITION}# EOF\n"},
    "GET /metrics/requests/{request_id}/curl": {TEXT: CHAT},
    "GET /metrics/export": {
        CSV: "request_id,model,backend\nmy-request,SmolLM2-135M-Instruct-int4,genai\n",
        JSON: [REQUEST],
        "application/x-ndjson": '{"request_id": "my-request", "model": "SmolLM2-135M-Instruct-int4", "backend": "genai"}\n',
    },
    "GET /docs": {HTML: '<!doctype html>\n<html lang="en"><head><title>Documentation · OpenArc</title>…'},
    "GET /docs/{page}": {HTML: '<!doctype html>\n<html lang="en"><head><title>Metrics · OpenArc</title>…'},
    "GET /llms.txt": {TEXT: "# OpenArc\n\n> Language models on Intel hardware through OpenVINO…\n"},
}
"""Operation -> media type -> what it answers. A file of another kind, such as Parquet, has no text to show."""

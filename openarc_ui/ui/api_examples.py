"""An example of each parameter of the named endpoints: what a caller would write, so that it can be copied and changed.

By the parameter's name, or by "endpoint.parameter" where one name means different things. Where none stands here the default
is the example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MODEL = "SmolLM2-135M-Instruct-int4"
CHECKPOINT = "SmolLM2-135M-Instruct"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
REQUEST_ID = "7c3f1a2b9d4e4f6a8b0c1d2e3f4a5b6c"

EXAMPLES: Mapping[str, Any] = {
    # models and loads
    "model": MODEL,
    "model_path": MODEL,
    "load_model.name": "chat",
    "load_code.name": "chat",
    "ov_config": {"PERFORMANCE_HINT": "LATENCY", "KV_CACHE_PRECISION": "f16"},
    "scheduler": {"max_num_batched_tokens": 256},
    "sampling_defaults": {"temperature": 0.7, "max_new_tokens": 256},
    "context_tokens": 4096,
    "sequences": 2,
    "file": "config.json",
    "kind": "python",
    # profiles
    "name": "fast",
    "profile": {"version": 1, "name": "fast", "load": {"model_path": MODEL, "device": "CPU"}},
    # chats and prompts
    "message": "What is the capital of France?",
    "messages": QUESTION,
    "conversation": QUESTION,
    "chat.conversation": [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello. How can I help?"},
    ],
    "system_prompt": "Answer in one sentence.",
    "request_id": REQUEST_ID,
    "max_new_tokens": 64,
    "min_new_tokens": 8,
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "do_sample": True,
    "seed": 42,
    "stop": ["\n\n"],
    "stop_token_ids": [2],
    "ignore_eos": False,
    "prefill": "The capital",
    "tools": [WEATHER],
    "documents": [{"title": "France", "text": "The capital of France is Paris."}],
    "template_arguments": {"enable_thinking": False},
    "chat_template": "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: ",
    "structured_output": {"choice": ["Paris", "Lyon"]},
    "options": {"temperature": 0.7, "max_new_tokens": 64},
    "text": "The capital of France is Paris.",
    "tokens": [504, 3575, 282, 4649, 314, 7042, 30],
    # kept conversations
    "conversation_id": "3f2a9c1b77d04e55a1c09b3d2f6e8a10",
    "message_id": "b81c02d94e5f4a7796d3e1f0a2c4b6d8",
    "parent_id": "b81c02d94e5f4a7796d3e1f0a2c4b6d8",
    "before": "b81c02d94e5f4a7796d3e1f0a2c4b6d8",
    "title": "Capitals",
    "search": "Paris",
    "settings": {"sampling": {"temperature": 0.7}},
    "content": "And of Italy?",
    "role": "user",
    "by": -1,
    "add_message.name": "weather",
    "tool_call_id": "call_0",
    "tool_calls": [
        {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": {"place": "Paris"}}}
    ],
    "reasoning_content": "France is a country; its capital is Paris.",
    "import_conversation.text": '{"messages": [{"role": "user", "content": "What is the capital of France?"}]}',
    "sampling": {"temperature": 0.2, "top_p": 0.9},
    # metrics
    "range": "24h",
    "since": "2026-11-26T00:00:00Z",
    "until": "2026-11-27T00:00:00Z",
    "configuration": "3f2a9c1b77d0",
    "outcome": ["stop", "length"],
    "source": "gradio",
    "points": 60,
    "before_id": 1200,
    "a": {"device": "CPU", "range": "24h"},
    "b": {"device": "GPU.0", "range": "24h"},
    "prompt": "What is the capital of France?",
    # tuning
    "tune_start.request": {
        "kind": "bench",
        "configuration": {"model_path": MODEL, "ov_config": {"KV_CACHE_PRECISION": "f16"}},
        "workloads": [{"prompt_tokens": 128, "generated_tokens": 64}],
    },
    "base": {"model_path": MODEL, "device": "CPU"},
    "run_id": "20261126-120000-3f2a9c",
    "configuration_id": "3f2a9c1b77d04e55",
    "tune_rename.name": "threads",
    # getting, converting and keeping models
    "query": "Qwen3-0.6B",
    "repository": "OpenVINO/Qwen3-0.6B-int4-ov",
    "files": ["openvino_model.xml", "openvino_model.bin", "config.json"],
    "download_model.name": "Qwen3-0.6B",
    "convert_model.source": CHECKPOINT,
    "conversion_command.source": CHECKPOINT,
    "convert_model.options": {"weight-format": "int4", "group-size": 64},
    "conversion_command.options": {"weight-format": "int4", "group-size": 64},
    "convert_model.name": "SmolLM2-small",
    "conversion_command.name": "SmolLM2-small",
    "task_id": "20261126-120000-3f2a9c",
    "parts": ["graph"],
    "new_name": "SmolLM2-small",
    "confirm": MODEL,
}

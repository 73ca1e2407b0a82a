"""Excerpts of the models' own chat templates, and what models really write, misbehaviour included.

Where an output is not simply a template's form, the comment says whose issue or test it is from.
"""

from __future__ import annotations

from openarc_ui.engine.formats import tools_from_text
from openarc_ui.engine.prompts import Tool

TOOLS: tuple[Tool, ...] = tools_from_text(
    "def get_weather(city: str, days: int = 1): ...\n"
    "def add(a: float, b: float): ...\n"
    "def write_log(message: str): ...\n"
)

QWEN2_5 = 'For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\\n<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call><|im_end|>\\n" }}'
QWEN3 = (
    QWEN2_5
    + """
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}"""
)
LLAMA_3_1 = """
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
    {{- 'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}. ' }}"""
LLAMA_3_2_PYTHONIC = """
    {{- 'Respond in the format [func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)] ' }}
    {%- elif message.role == "tool" or message.role == "ipython" %}"""
MISTRAL_NEMO = """
        {{- "[TOOL_CALLS][" }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}"""
MINISTRAL_3 = "{{- '[TOOL_CALLS]' + tool['function']['name'] + '[ARGS]' + arguments }}"
PHI_4_MINI = "{{- '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' -}}"
PHI_4_MINI_VLLM = '* all function calls should be generated in a single JSON list formatted as functools[{"name": [function name], "arguments": [function arguments as JSON]}, ...]'
DEEPSEEK_R1_DISTILL = """
      {%- if '</think>' in content -%}
        {%- set content = content.split('</think>')[-1] -%}
      {%- endif -%}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}
{%- if add_generation_prompt and not ns.is_tool -%}{{'<｜Assistant｜><think>\\n'}}"""
MAGISTRAL = "[THINK]Your thoughts or/and draft, like working through an exercise on scratch paper.[/THINK]"
GLM_4_5 = "<tool_call>{function-name}\\n<arg_key>{arg-key-1}</arg_key>\\n<arg_value>{arg-value-1}</arg_value>"
CHATML = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"

Calls = list[tuple[str, dict[str, object]]]
PARIS: Calls = [("get_weather", {"city": "Paris"})]

READABLE: list[tuple[str, str, str, Calls]] = [
    # (format, what the model wrote, content, calls)
    ("hermes", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>', "", PARIS),
    (
        "hermes",
        'Sure.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>\nAnd the sum:\n'
        '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_call>',
        "Sure.\nAnd the sum:",
        [*PARIS, ("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})],
    ),
    # the starter model itself, asked to log 'hello' with these tools
    (
        "hermes",
        '<tool_call>\n{"name": "Hello", "arguments": {\n    "message": "Hello"\n}\n}\n</tool_call>\n\nThe function is called.',
        "The function is called.",
        [("Hello", {"message": "Hello"})],
    ),
    # vllm, test_hermes_tool_parser: no closing tag at the end; arguments as a text (Granite 4)
    (
        "hermes",
        '<tool_call>\n{"name": "final_answer", "arguments": {"trigger": true}}',
        "",
        [("final_answer", {"trigger": True})],
    ),
    (
        "hermes",
        '<tool_call>\n{"name": "get_db_config", "arguments": "{\\"param\\": \\"max_connections\\"}"}\n</tool_call>',
        "",
        [("get_db_config", {"param": "max_connections"})],
    ),
    ("hermes", '{"a": [1} <tool_call>{"name": "f"}</tool_call>', '{"a": [1}', [("f", {})]),
    # NousResearch/hermes-agent #22696: the closing tag inside a text
    (
        "hermes",
        '<tool_call>{"name": "write_log", "arguments": {"message": "a </tool_call> b"}}</tool_call>',
        "",
        [("write_log", {"message": "a </tool_call> b"})],
    ),
    # QwenLM/Qwen-Agent #558: a bracket too many; and real line breaks in a text
    ("hermes", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}}\n</tool_call>', "", PARIS),
    (
        "hermes",
        '<tool_call>{"name": "write_log", "arguments": {"message": "a\nb"}}</tool_call>',
        "",
        [("write_log", {"message": "a\nb"})],
    ),
    ("hermes", "<tool_call>{'name': 'get_weather', 'arguments': {'city': 'Paris'}}</tool_call>", "", PARIS),
    ("hermes", '<tool_call>{{"name": "get_weather", "arguments": {"city": "Paris"}}}</tool_call>', "", PARIS),
    # jyjeanne/crustly #39: Qwen2.5-Coder writes bare JSON, or a fenced block
    ("hermes", '```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```\nWait.', "Wait.", PARIS),
    # vllm #25281: in some models the marks are special tokens, and gone
    ("hermes", 'Let me see.\n\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n', "Let me see.", PARIS),
    # Qwen3-Coder and Qwen3.5
    (
        "hermes",
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
        "",
        [("get_weather", {"city": "Paris", "days": 3})],
    ),
    (
        "hermes",
        "<function=write_log>\n<parameter=message>\n12\n</parameter>\n</function>\n</tool_call>",
        "",
        [("write_log", {"message": "12"})],
    ),
    ("llama3", '{"name": "get_weather", "parameters": {"city": "Paris"}}', "", PARIS),
    ("llama3", '{"type": "function", "name": "get_weather", "parameters": {"city": "Paris"}}', "", PARIS),
    ("llama3", '{"type": "function", "function": {"name": "get_weather", "parameters": {"city": "Paris"}}}', "", PARIS),
    ("llama3", '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}', "", PARIS),
    # vllm, test_llama3_json_tool_parser: several, separated by ;
    (
        "llama3",
        '{"name": "get_weather", "parameters": {"city": "Paris"}} ; {"name": "add", "parameters": {}};\n{"name": "add", "arguments": {"a": 1}}',
        "",
        [*PARIS, ("add", {}), ("add", {"a": 1})],
    ),
    (
        "llama3",
        '<|python_tag|>{"name": "f", "parameters": {}}; {"name": "g", "parameters": {}}',
        "",
        [("f", {}), ("g", {})],
    ),
    (
        "llama3",
        'Here is the result: {"name": "add", "parameters": {}} Would you like to know more?',
        "Here is the result:\nWould you like to know more?",
        [("add", {})],
    ),
    # ollama #12017: a closing bracket inside a text
    ("llama3", '{"name": "write_log", "parameters": {"message": "}A"}}', "", [("write_log", {"message": "}A"})]),
    # meta-llama/llama-models, llama3_2/text_prompt_format.md; vllm, test_pythonic_tool_parser
    (
        "llama3",
        "[get_weather(city='Martha\\'s Vineyard', days=2), add(a=1.5, b=None), write_log(message=true)]",
        "",
        [
            ("get_weather", {"city": "Martha's Vineyard", "days": 2}),
            ("add", {"a": 1.5, "b": None}),
            ("write_log", {"message": True}),
        ],
    ),
    ("llama3", "<|python_start|>[f(x={'k': ['v']}), g()]<|python_end|>", "", [("f", {"x": {"k": ["v"]}}), ("g", {})]),
    (
        "llama3",
        '<|python_tag|>brave_search.call(query="weather in Paris")',
        "",
        [("brave_search", {"query": "weather in Paris"})],
    ),
    ("llama3", '[get_weather("Paris")]', "", PARIS),
    ("llama3", '<function=get_weather>{"city": "Paris"}</function>', "", PARIS),
    ("mistral", '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}, "id": "abcdefghi"}]', "", PARIS),
    (
        "mistral",
        '[TOOL_CALLS][{"arguments": {"name": "John Doe"}, "name": "get_age"}]',
        "",
        [("get_age", {"name": "John Doe"})],
    ),
    (
        "mistral",
        'Hello[TOOL_CALLS] [{"name": "add", "arguments":{"a": 1, "b": 2}}]',
        "Hello",
        [("add", {"a": 1, "b": 2})],
    ),
    ("mistral", '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}', "", PARIS),
    ("mistral", '[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]{"city": "Paris"}', "", PARIS),
    # mlx-lm #1448: several, and text after one; vllm: without [ARGS]
    (
        "mistral",
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}[TOOL_CALLS]f{"x": 1}\n\nLet me search.',
        "Let me search.",
        [*PARIS, ("f", {"x": 1})],
    ),
    # mistralai/mistral-inference #162: the marks are special tokens, and gone
    ("mistral", '[{"name": "get_weather", "arguments": {"city": "Paris"}}]', "", PARIS),
    ("mistral", 'get_weather{"city": "Paris"}add{"a": 1}', "", [*PARIS, ("add", {"a": 1})]),
    ("phi4", '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}]<|/tool_call|>', "", PARIS),
    ("phi4", '<|tool_call|>{"name": "get_weather", "arguments": {"city": "Paris"}}<|/tool_call|>', "", PARIS),
    # vllm #14682 and #48795: tool_calls in the mark; a list among the arguments
    (
        "phi4",
        '<|tool_calls|>[{"name": "f", "arguments": {}}, {"name": "g", "parameters": {}}]<|/tool_calls|>',
        "",
        [("f", {}), ("g", {})],
    ),
    (
        "phi4",
        'Let me check.\nfunctools[{"name": "search", "arguments": {"tags": ["a", "b"]}}]',
        "Let me check.",
        [("search", {"tags": ["a", "b"]})],
    ),
    (
        "phi4",
        '[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "add", "arguments": {}}]',
        "",
        [*PARIS, ("add", {})],
    ),
    (
        "phi4",
        '{"name": "get_weather", "arguments": {"city": "Paris"}},\n{"name": "add", "arguments": {}}',
        "",
        [*PARIS, ("add", {})],
    ),
]

NO_CALLS: list[tuple[str, str]] = [
    ("hermes", "To call one, write <tool_call> and then JSON."),
    ("hermes", '```json\n{"name": "Bob", "arguments": {}}\n```'),
    ("hermes", '{"plan": [{"name": "get_weather", "arguments": {"city": "Paris"}}]}'),
    ("hermes", '{"name": "get_weather"}'),
    ("hermes", 'Write `{"name": "get_weather", "arguments": {}}` to call it.'),
    ("llama3", '{"name": "Bob", "parameters": {"name": "add", "parameters": {}}}'),
    ("llama3", '{"parameters": {}}'),
    ("llama3", "[see the page](https://example.com) and [1, 2, 3]"),
    ("llama3", "[other(city='Paris')]"),
    ("mistral", '[{"name": "get_weather", "arguments": {}}, {"name": "Bob", "arguments": {}}]'),
    ("mistral", "struct get_weather_t{int a;}"),
    ("phi4", "import functools\n\n@functools.cache\ndef f(x): return x\n"),
    ("phi4", '[{"name": "Bob", "age": 3}]\n'),
]

UNREADABLE: list[tuple[str, str, str]] = [
    # (format, what the model wrote, a part of what is told)
    ("hermes", '<tool_call>\n{"name": "final_answer", "arguments": {"trigger": true}', "the answer ends within it"),
    ("hermes", '<tool_call>\n{"name": "f", "arguments": {bad}}\n</tool_call>', "Expecting property name"),
    ("hermes", '<tool_call>\n{"arguments": {}}\n</tool_call>', "it has no name"),
    ("hermes", "<tool_call>get_weather</tool_call>", "it is no JSON"),
    ("hermes", '<tool_call>{"name": "f", "arguments": "hello"}</tool_call>', "no JSON"),
    ("hermes", '<tool_call>{"name": "f", "arguments": {"x": NaN}}</tool_call>', "infinite, or none"),
    ("hermes", '<tool_call>{"name": "f", "arguments": {"x": "\\ud800"}}</tool_call>', "surrogate"),
    (
        "hermes",
        "<tool_call>" + '{"name": "f", "arguments": ' + '{"a": ' * 5000 + "1" + "}" * 5001 + "</tool_call>",
        "can't be read",
    ),
    ("hermes", "<tool_call>[]</tool_call>", "the list is empty"),
    ("llama3", '{"name": "get_weather", "parameters": {"city": "Par', "ends within a call of 'get_weather'"),
    ("llama3", "[get_weather(city=where)]", "no Python call with literal arguments"),
    ("llama3", "[get_weather(city='a' 'b]", "the answer ends within it"),
    ("llama3", "<|python_tag|>[calc(x=1e999)]", "infinite"),
    ("llama3", "<|python_tag|>print('hello')", "arguments without names"),
    ("mistral", '[TOOL_CALLS] [{"name": "add", "arguments":{"a": 1}', "the answer ends within it"),
    ("mistral", "[TOOL_CALLS]add[ARGS]{1}", "can't be read"),
    ("phi4", 'functools[{"name": "func", "arguments": "not a dict"}]', "no JSON"),
    ("phi4", "functools[ This is just text ]", "Expecting value"),
]

"""Structured output: what is refused and why, that a refusal disturbs nobody, and that answers are what was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from openarc_ui.engine.backends.genai_stateful import StatefulGenAIBackend
from openarc_ui.engine.backends.json_schema import enforceable
from openarc_ui.engine.backends.regex_text import literal, pattern_in_json
from openarc_ui.engine.backends.structure import grammar_text
from openarc_ui.engine.backends.structure_checker import StructureChecker
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.engine.types import FinishReason, GenerationResult, LoadRequest
from openarc_ui.errors import InvalidRequest, ParameterNotSupported, StructureRejected
from tests.conftest import ask, write_script
from tests.engine.test_contract import REAL_LOADS
from tests.engine.test_genai_stateful import PlayedGenAI, answer_probe

PERSON = {
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12, "description": "What they are called."},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "kind": {"$ref": "#/$defs/Kind"},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
    "$defs": {"Kind": {"enum": ["Café1", "bär", "plain"]}},
}
NEXT = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "multipleOf": 3}, "'multipleOf'"),
        ({"type": "array", "items": {"type": "array", "uniqueItems": True}}, "'uniqueItems' at /items"),
        ({"not": {"type": "string"}}, "'not' without a type"),
        ({"minLength": 3}, "'minLength' without a type"),
        ({"type": "number", "exclusiveMinimum": 1}, "'exclusiveMinimum'"),
        ({"type": "string", "pattern": "a+", "maxLength": 3}, "'maxLength' beside 'pattern'"),
        ({"type": "object", "required": ["x"]}, "'required' of 'x'"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"not": {}}}}, "at /$defs/b"),
        ({"$ref": "#/$defs/b", "maxLength": 2, "$defs": {"b": {"type": "string"}}}, "'maxLength' beside '$ref'"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "'allOf' of several"),
        ({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 2}]}, "'oneOf'"),
        ({"enum": ["a", 1], "type": "string"}, "'type' beside 'enum'"),
        ({"enum": [2**70]}, "more than 64 bits"),
        ({"type": "object", "properties": {"äb": {"type": "null"}}}, "the property 'äb'"),
        ({"type": "string", "pattern": "[ -~]+"}, "The class [ -~]"),
        ({"$ref": "https://example.org/schema"}, "does not begin with '#/'"),
        ({"$ref": "#"}, "refers to itself"),
        (NEXT, "refers to itself"),
    ],
)
def test_what_would_be_ignored_in_a_schema_is_refused(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(StructureRejected) as refused:
        enforceable(schema)
    assert words in refused.value.message
    assert refused.value.hint


def test_a_misspelt_keyword_is_told_the_right_one() -> None:
    with pytest.raises(StructureRejected) as refused:
        enforceable({"type": "string", "maxLenght": 3})
    assert "'maxLength'" in refused.value.hint


@pytest.mark.parametrize(
    "schema",
    [
        PERSON,
        {},
        {"type": ["string", "null"], "maxLength": 3},
        {"const": True, "type": "boolean", "title": "Yes"},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"const": each}}, "required": ["kind"]} for each in ("a", "b")
            ]
        },
        {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
    ],
)
def test_what_is_kept_to_is_taken(schema: dict[str, Any]) -> None:
    before = json.dumps(schema)
    enforceable(schema)
    assert json.dumps(schema) == before


@pytest.mark.parametrize("pattern", [".*", "[^x]+", r"\S+", r"\W", 'say "(hi|ho)"', r"C:\\[a-z]+", r"a\nb", r"\s"])
def test_a_pattern_in_a_schema_lets_nothing_out_of_its_string(pattern: str) -> None:
    written = re.compile(pattern_in_json(pattern))
    for text in ('a"', "a\nb", "a\\", "\x01", '"', "\n"):
        assert not written.fullmatch(text)
    samples = ["abc", "x y", "é", "%", 'say "hi"', "C:\\abc", "a\nb", " "]
    for text in samples:
        if written.fullmatch(json.dumps(text, ensure_ascii=False)[1:-1]):
            assert re.fullmatch(pattern, text, re.ASCII), text
    assert any(written.fullmatch(json.dumps(text, ensure_ascii=False)[1:-1]) for text in samples)


def test_a_literal_is_exactly_its_text() -> None:
    text = 'a"b\\c{}[]()|*+?.^$-/é1\n'
    assert re.fullmatch(literal(text), text)


def test_a_grammars_text_is_split_where_it_would_be_misread_and_nowhere_else() -> None:
    written = grammar_text(StructuredOutput(grammar='root ::= "Españas"* # "é1"\n | "ab"')).text
    assert written == 'root ::= ("Españ" "as")* # "é1"\n | "ab"'


@pytest.fixture(scope="module")
def checker(starter_folder: Path) -> Iterator[StructureChecker]:
    checker = StructureChecker(str(starter_folder))
    yield checker
    checker.close()


@pytest.mark.model
@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ({"json_schema": {"type": "bogus"}}, 'Unsupported type "bogus".'),
        (
            {"json_schema": {"type": "string", "minLength": 3, "maxLength": 2}},
            "minLength 3 is greater than maxLength 2",
        ),
        ({"json_schema": {"$ref": "#/$defs/gone"}}, "Cannot find field $defs"),
        ({"json_schema": {"type": "string", "pattern": "(("}}, "The parenthesis is not closed."),
        ({"regex": "((("}, "Regex parsing error at position 4: The parenthesis is not closed."),
        ({"regex": "(?=a)b"}, "Lookahead is not supported yet."),
        ({"regex": "[^é]"}, "Negative Character class contains byte greater than 127"),
        ({"regex": "[éa]"}, "misreads the class [éa]"),
        ({"grammar": "root ::= ("}, "line 1, column 11"),
        ({"grammar": 'start ::= "x"'}, 'The root rule with name "root" is not found'),
        ({"grammar": "root ::= root"}, "No answer matches it."),
        ({"grammar": "root ::= " + "(" * 30_000 + '"a"' + ")" * 30_000}, "nested too deeply"),
        ({"choice": ["a", ""]}, "can't be empty"),
        ({"choice": ["a\0b"]}, "NUL"),
    ],
)
def test_a_wrong_structure_says_why_and_where(checker: StructureChecker, structure: Any, words: str) -> None:
    for _ in range(2):
        with pytest.raises(StructureRejected) as refused:
            checker.check(StructuredOutput(**structure))
        assert words in refused.value.message
        assert refused.value.hint
        assert not re.search(r"xgrammar-src|\.cc|Check failed|\[\d\d:", refused.value.message)
    checker.check(StructuredOutput(regex="yes|no"))


@pytest.mark.model
def test_a_structure_that_takes_too_long_is_given_up(
    checker: StructureChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker.check(StructuredOutput(regex="yes|no"))
    monkeypatch.setattr("openarc_ui.engine.backends.structure_checker.TRIAL_SECONDS", 0.3)
    many = {f"p{number}": {"type": "string"} for number in range(2000)}
    with pytest.raises(StructureRejected, match="takes more than"):
        checker.check(StructuredOutput(json_schema={"type": "object", "properties": many, "required": ["p1999"]}))
    monkeypatch.undo()
    checker.check(StructuredOutput(regex="yes|no|perhaps"))


@pytest.fixture(scope="module", params=["genai", "stateful"])
def engine(request: pytest.FixtureRequest, starter_folder: Path) -> Iterator[Engine]:
    with Engine(starter_folder.parent) as engine:
        engine.load(REAL_LOADS[request.param].model_copy(update={"model_path": starter_folder.name}))
        yield engine


def answer(engine: Engine, structure: dict[str, Any], text: str = "Tell me.", **parameters: Any) -> GenerationResult:
    request = ask(text, structured_output=structure, **{"max_new_tokens": 120, "do_sample": False, **parameters})
    return engine.submit(request).result(timeout=120)


@pytest.mark.model
@pytest.mark.parametrize("seed", range(4))
def test_a_json_answer_parses_and_satisfies_its_schema(engine: Engine, seed: int) -> None:
    result = answer(
        engine, {"json_schema": PERSON}, "A person, as JSON.", seed=seed, do_sample=True, temperature=1.5, top_k=40
    )
    assert result.finish_reasons == (FinishReason.STOP,), result.texts
    jsonschema.validate(json.loads(result.texts[0]), PERSON)


@pytest.mark.model
@pytest.mark.parametrize("pattern", [".{1,12}", '[^x]{1,8}"', r"[A-ZÉÀ][a-z]{2,6}\n", "Espaéf"])
def test_a_pattern_keeps_the_json_whole(engine: Engine, pattern: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    for seed in range(3):
        result = answer(engine, {"json_schema": schema}, seed=seed, do_sample=True, temperature=5.0)
        assert re.fullmatch(pattern, json.loads(result.texts[0])), result.texts


@pytest.mark.model
@pytest.mark.parametrize(
    "choices",
    [
        ("Paris", "Paris, France"),
        ("España", "naïve café", "ÿ0"),
        ("日本", "👩‍🔬", "עברית"),
        ('a"b\\c {}|[]()*+?.^$-/&', "\ttab\nline"),
        (" lead", "trail "),
        ("same", "same"),
        ("only",),
    ],
)
def test_a_choice_is_one_of_the_texts_to_the_letter(engine: Engine, choices: tuple[str, ...]) -> None:
    found = {answer(engine, {"choice": choices}).texts[0]} | {
        answer(engine, {"choice": choices}, seed=seed, do_sample=True, temperature=20.0).texts[0] for seed in range(4)
    }
    assert found <= set(choices)


@pytest.mark.model
def test_a_regex_and_a_grammar_are_matched_whole(engine: Engine) -> None:
    regex = r"(\d{3}-){2}\d{4}"
    assert re.fullmatch(regex, answer(engine, {"regex": regex}, "A phone number.").texts[0])
    grammar = 'root ::= colour " Españas"\ncolour ::= "red" | "blue" # é1'
    assert answer(engine, {"grammar": grammar}).texts[0] in ("red Españas", "blue Españas")


@pytest.mark.model
def test_an_answer_that_is_cut_ends_with_length(engine: Engine) -> None:
    result = answer(engine, {"json_schema": PERSON}, max_new_tokens=3)
    assert result.finish_reasons == (FinishReason.LENGTH,)
    assert result.report.generated_tokens == 3


@pytest.mark.model
def test_several_sequences_streamed_are_all_of_the_structure(engine: Engine) -> None:
    request = ask(
        "Pick.", structured_output={"choice": ["left", "right", "straight on"]}, num_return_sequences=3, seed=1,
        temperature=5.0, token_details=True,
    )  # fmt: skip
    with engine.submit(request) as generation:
        streamed = ["", "", ""]
        for batch in generation.batches(10):
            for delta in batch:
                streamed[delta.sequence_index] += delta.text
        result = generation.result(10)
    assert tuple(streamed) == result.texts
    assert set(streamed) <= {"left", "right", "straight on"}
    for text, details in zip(result.texts, result.token_details, strict=True):
        assert "".join(each.text for each in details if not each.is_special) == text


@pytest.mark.model
def test_a_stop_string_ends_a_structured_answer_too(engine: Engine) -> None:
    result = answer(engine, {"choice": ["one two three"]}, stop=("two",))
    assert result.texts == ("one ",)
    assert result.finish_reasons == (FinishReason.STOP,)


@pytest.mark.model
def test_a_structure_that_is_never_to_end_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="ends where its structure does"):
        answer(engine, {"choice": ["yes"]}, ignore_eos=True)
    with pytest.raises(InvalidRequest, match="ends where its structure does") as caught:
        answer(engine, {"choice": ["yes"]}, min_new_tokens=9)
    assert "min_new_tokens" in caught.value.hint


@pytest.mark.model
def test_a_rejected_structure_disturbs_nobody_and_the_model_answers_on(engine: Engine) -> None:
    running = engine.submit(ask("Tell me a long story.", max_new_tokens=100, do_sample=False, ignore_eos=True))
    with pytest.raises(StructureRejected, match="parenthesis is not closed"):
        answer(engine, {"regex": "((("})
    with pytest.raises(StructureRejected, match="not keep to"):
        answer(engine, {"json_schema": {"type": "integer", "multipleOf": 2}})
    result = running.result(120)
    assert result.finish_reasons == (FinishReason.LENGTH,)
    assert result.report.generated_tokens == 100
    assert answer(engine, {"choice": ["fine"]}).texts == ("fine",)


@pytest.mark.model
def test_the_engine_can_be_asked_without_a_request(engine: Engine) -> None:
    engine.check_structure(StructuredOutput(regex="yes|no"))
    with pytest.raises(StructureRejected, match="not closed"):
        engine.check_structure(StructuredOutput(regex="("))


@pytest.mark.model
def test_optimum_has_none_and_says_what_has(starter_folder: Path) -> None:
    with Engine(starter_folder.parent) as engine:
        engine.load(REAL_LOADS["optimum"].model_copy(update={"model_path": starter_folder.name}))
        with pytest.raises(ParameterNotSupported) as refused:
            answer(engine, {"choice": ["yes"]})
        assert "genai" in refused.value.hint


def test_an_npu_has_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    backend = StatefulGenAIBackend(PlayedGenAI(), answer_probe)
    backend.load(
        LoadRequest(model_path="m", device="NPU", backend="genai"), str(tmp_path), lambda label, fraction: None
    )
    with pytest.raises(ParameterNotSupported, match="NPU"):
        backend.check_structure(StructuredOutput(regex="a"))


def test_a_check_holds_up_no_other_request(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", rejects_structure="not today")
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    with pytest.raises(StructureRejected, match="not today"):
        answer(engine, {"choice": ["yes"]})
    refused = engine.submit(ask("hi", structured_output={"choice": ["yes"]}))
    assert engine.submit(ask("hi")).result(10).texts == ("The capital of France is Paris.",)
    with pytest.raises(StructureRejected):
        refused.result(10)

"""What a model sees, as named Gradio endpoints: tokens, a rendered conversation, the chat template, a structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import MAX_LISTED_TOKENS, PromptRequest, PromptToken, StructuredOutput
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.api_requests import prompt_fields, read_ids, read_messages
from openarc_ui.ui.api_shown import JsonList, JsonObject, as_object

QUESTIONS_AT_ONCE = 16
TOKEN_FIELDS = tuple(field.name for field in dataclasses.fields(PromptToken))
LoadedModel = Annotated[str, Field(max_length=LONGEST_NAME)] | None


def prompt_endpoints(engine: Engine) -> list[Callable[..., Any]]:
    """Every endpoint about prompts, in the order of the documentation."""
    limiter = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)
    return [*_tokens(engine, limiter), *_templates(engine, limiter), *_structures(engine, limiter)]


def _tokens(engine: Engine, limiter: anyio.CapacityLimiter) -> list[Callable[..., Any]]:
    async def tokenize(text: str, model: LoadedModel = None) -> dict[str, Any]:
        """A text as tokens: id, part of the text and piece of each. No special token is added.

        Args:
            text: What to tokenize.
            model: Name of a loaded model; left out: the one loaded last.

        Returns:
            The model, the tokens with id, text and piece, and how many they are.
        """

        def ask() -> dict[str, Any]:
            found = engine.tokenize(text, model)
            tokens = [{"id": each.id, "text": each.text, "piece": each.piece, "is_special": each.is_special}
                      for each in found.tokens]  # fmt: skip
            return {"model": found.model, "tokens": tokens, "count": len(tokens)}

        return await anyio.to_thread.run_sync(ask, limiter=limiter)

    async def detokenize(
        tokens: list[int] | str, model: LoadedModel = None, skip_special_tokens: bool = False
    ) -> dict[str, Any]:
        """Tokens as a text.

        Args:
            tokens: Ids, a list or its JSON text.
            model: Name of a loaded model; left out: the one loaded last.
            skip_special_tokens: Leave special tokens out of the text.

        Returns:
            The model and the text.
        """
        asking = partial(engine.detokenize, read_ids(tokens), model, skip_special_tokens=skip_special_tokens)
        name, text = await anyio.to_thread.run_sync(asking, limiter=limiter)
        return {"model": name, "text": text}

    return [tokenize, detokenize]


def _templates(engine: Engine, limiter: anyio.CapacityLimiter) -> list[Callable[..., Any]]:
    async def apply_template(
        conversation: JsonList,
        model: LoadedModel = None,
        tools: JsonList | None = None,
        documents: JsonList | None = None,
        template_arguments: JsonObject | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        when_too_long: Literal["refuse", "shorten"] = "refuse",
        max_new_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None,
    ) -> dict[str, Any]:
        """A conversation as the model would be given it: the prompt as text and as tokens. Nothing is generated.

        Args:
            conversation: A list of {"role", "content"}, or its JSON text.
            model: Name of a loaded model; left out: the one loaded last.
            tools: Tools in OpenAI's form, a list or its JSON text; as a text also Python signatures.
            documents: Documents for the template, a list of objects or its JSON text.
            template_arguments: More arguments of the template, such as enable_thinking; an object or its JSON text.
            chat_template: A Jinja template in place of the model's.
            add_generation_prompt: End where the assistant's answer begins.
            continue_final_message: End within the last message, which is the assistant's.
            when_too_long: shorten leaves out the oldest messages until it fits, and says how many.
            max_new_tokens: With shorten: room to leave for the answer.

        Returns:
            The prompt as text and as tokens, how many they are, and the context length.
        """
        request = PromptRequest(
            conversation=read_messages(conversation, "conversation"),
            model=model,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            when_too_long=when_too_long,
            max_new_tokens=max_new_tokens,
            **prompt_fields(tools, documents, template_arguments, chat_template),
        )

        def ask() -> dict[str, Any]:
            found = engine.render(request, MAX_LISTED_TOKENS)
            if found.token_count > MAX_LISTED_TOKENS:
                raise InvalidRequest(
                    f"The prompt has {found.token_count:,} tokens; at most {MAX_LISTED_TOKENS:,} are listed.",
                    'POST /apply-template with "tokens": false counts them.',
                )
            rendered = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
            tokens = [{name: getattr(each, name) for name in TOKEN_FIELDS} for each in found.tokens]
            return {"prompt": rendered.pop("text"), "count": rendered.pop("token_count"), **rendered, "tokens": tokens}

        return await anyio.to_thread.run_sync(ask, limiter=limiter)

    async def chat_template(model: LoadedModel = None) -> dict[str, Any]:
        """A model's chat template and where it comes from; of a model without one, the plain one used instead.

        Args:
            model: Name of a loaded model; left out: the one loaded last.

        Returns:
            The template's Jinja source, where it comes from, and its special tokens.
        """
        return dataclasses.asdict(await anyio.to_thread.run_sync(engine.chat_template, model, limiter=limiter))

    return [apply_template, chat_template]


def _structures(engine: Engine, limiter: anyio.CapacityLimiter) -> list[Callable[..., Any]]:
    async def check_structure(structured_output: JsonObject, model: LoadedModel = None) -> dict[str, Any]:
        """Try a structure out before it is sent with /chat or /answer. What can't be used is an error that says why.

        Args:
            structured_output: One of json_schema, regex, grammar and choice, as an object or its JSON text.
            model: Name of a loaded model; left out: the one loaded last.

        Returns:
            Which of the four it is, and that it is accepted.
        """
        structure = StructuredOutput.model_validate(as_object(structured_output, "structured_output"))
        asking = partial(engine.check_structure, structure, model)
        await anyio.to_thread.run_sync(asking, limiter=limiter)
        return {"accepted": True, "kind": structure.kind}

    return [check_structure]

"""What an agent is told when it asks for what can't be: our sentences, in place of the SDK's and pydantic's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openarc_ui.access import Access
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.types import GenerationRequest, LoadRequest
from openarc_ui.errors import OpenArcError, nearest
from openarc_ui.metrics.queries import LONGEST_VALUE
from openarc_ui.server.mcp_rights import check_right


def server_with_own_words(access: Access) -> Any:
    """The SDK's server, but for calls that may not be, and for arguments that can't: it would list what pydantic says."""
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from pydantic import ValidationError

    class Server(MCPServer):
        async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
            if any(each.name == name for each in await self.list_tools()):
                try:
                    check_right(access, name, None if context is None else context.headers)
                except OpenArcError as error:
                    raise ToolError(words_of(error)) from None
            try:
                return await super().call_tool(name, arguments, context)
            except ToolError as error:
                if isinstance(error.__cause__, ToolError):
                    raise ToolError(str(error.__cause__)) from None
                if not isinstance(error.__cause__, ValidationError):
                    raise
                problems = error.__cause__.errors(include_url=False, include_input=False)
                tool = next(each for each in await self.list_tools() if each.name == name)
                known = list(tool.input_schema.get("properties", ()))
                first = problems[0]
                unknown = next((each["loc"][0] for each in problems if each["type"] == "extra_forbidden"), None)
                if unknown is not None:
                    near = nearest(str(unknown)[:LONGEST_VALUE], known) or "It takes none."
                    raise ToolError(f"{name} has no argument '{str(unknown)[:LONGEST_VALUE]}'. {near}") from None
                where = ".".join(str(part) for part in first["loc"][:1])
                raise ToolError(f"{where}: {first['msg']}.") from None

    return Server


def words_of(error: OpenArcError) -> str:
    """What went wrong and what to do, for an agent; nothing that it sent is repeated at length."""
    return without_long_echoes(f"{error.message} {error.hint}".strip())


def refusing_unknown(tool: Any) -> Any:
    """The tool, which refuses an argument it does not know; the SDK would drop it."""
    arguments = tool.fn_metadata.arg_model
    arguments.model_config = {**arguments.model_config, "extra": "forbid"}
    arguments.model_rebuild(force=True)
    return tool.model_copy(update={"parameters": {**tool.parameters, "additionalProperties": False}})


def saying_what_is_wrong(tool: Callable[..., Any]) -> Callable[..., Any]:
    """The tool, with our errors in words an agent can act on."""
    import functools

    from mcp.server.mcpserver.exceptions import ToolError
    from pydantic import ValidationError

    @functools.wraps(tool)
    async def called(*arguments: Any, **named: Any) -> Any:
        try:
            return await tool(*arguments, **named)
        except OpenArcError as error:
            raise ToolError(words_of(error)) from error
        except ValidationError as error:
            known = next((each for each in (GenerationRequest, LoadRequest) if each.__name__ == error.title), None)
            paths = {} if known is None else fields_by_path(known)
            raise ToolError(words_of(explain(error.errors(include_url=False), paths, hint=""))) from error

    return called

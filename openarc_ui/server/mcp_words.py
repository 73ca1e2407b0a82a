"""What an agent is told when it asks for what can't be: our sentences, in place of the SDK's and pydantic's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openarc_ui.errors import OpenArcError, nearest
from openarc_ui.metrics.queries import LONGEST_VALUE


def server_with_own_words() -> Any:
    """The SDK's server, but for arguments that can't be: it would answer with pydantic's own listing."""
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from pydantic import ValidationError

    class Server(MCPServer):
        async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
            try:
                return await super().call_tool(name, arguments, context)
            except ToolError as error:
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
            raise ToolError(f"{error.message} {error.hint}".strip()) from error
        except ValidationError as error:
            first = error.errors()[0]
            raise ToolError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}.") from error

    return called

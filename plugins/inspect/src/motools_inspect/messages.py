"""Conversations and tools between Inspect and provider message format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageTool, ChatMessageUser
from inspect_ai.tool import ToolCall, ToolInfo

from motools.contracts import Message
from motools.errors import InvalidRequest


def to_message(message: ChatMessage) -> Message:
    """Return an Inspect message in provider message format, with every text it holds.

    Raises:
        InvalidRequest: it holds something other than text.
    """
    result = Message(role=message.role, content=text_of(message))
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        result["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in message.tool_calls
        ]
    if isinstance(message, ChatMessageTool) and message.tool_call_id:
        result["tool_call_id"] = message.tool_call_id
    return result


def text_of(message: ChatMessage) -> str:
    """Return the text of a message; reasoning is left out, as it is not part of what was said.

    Raises:
        InvalidRequest: it holds an image, a sound or another thing that is not text.
    """
    if isinstance(message.content, str):
        return message.content
    texts = []
    for part in message.content:
        if part.type == "text":
            texts.append(part.text)
        elif part.type != "reasoning":
            raise InvalidRequest(
                f"a message holds content of type '{part.type}'",
                hint="motools providers take text; leave samples with other content out with 'sample_ids'.",
            )
    return "\n".join(texts)


def from_message(message: Message) -> ChatMessage:
    """Return a message in provider message format as an Inspect message."""
    text = message.get("content") or ""
    match message["role"]:
        case "system":
            return ChatMessageSystem(content=text)
        case "user":
            return ChatMessageUser(content=text)
        case "assistant":
            calls = [to_tool_call(call) for call in message.get("tool_calls") or ()]
            return ChatMessageAssistant(content=text, tool_calls=calls or None)
        case "tool":
            return ChatMessageTool(content=text, tool_call_id=message.get("tool_call_id"))
        case role:
            raise InvalidRequest(f"a message has the role {role!r}", hint="Roles are system, user, assistant, tool.")


def to_tool_call(call: dict[str, Any]) -> ToolCall:
    """Return a tool call in provider message format as Inspect's, saying so where the arguments are no JSON object."""
    function = call["function"]
    arguments = function.get("arguments") or {}
    error = None
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError as failure:
            error, arguments = f"the arguments are not JSON: {failure}", {"raw": arguments}
    if not isinstance(arguments, dict):
        error, arguments = "the arguments are not a JSON object", {"raw": arguments}
    return ToolCall(id=str(call.get("id") or ""), function=function["name"], arguments=arguments, parse_error=error)


def to_tool(tool: ToolInfo) -> dict[str, Any]:
    """Return the JSON Schema form of a tool."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters.model_dump(exclude_none=True),
        },
    }


def asked(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Return the conversation that led to the last answer, in provider message format, as JSON values.

    Content other than text is named, not dropped: `[image]`.
    """
    end = len(messages)
    if messages and messages[-1].role == "assistant":
        end -= 1
    conversation = []
    for message in messages[:end]:
        try:
            conversation.append(dict(to_message(message)))
        except InvalidRequest:
            parts = [part.text if part.type == "text" else f"[{part.type}]" for part in message.content]  # type: ignore[union-attr]
            conversation.append({"role": message.role, "content": "\n".join(parts)})
    return conversation

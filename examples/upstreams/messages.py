"""HTTP/1.1 as a simulated service needs it: a request read, an answer written, no more."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """Names of headers are in small letters."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        """The body; ValueError where it is no object."""
        parsed = json.loads(self.body)
        if not isinstance(parsed, dict):
            raise ValueError("the body must be a JSON object")
        return parsed


@dataclass(frozen=True)
class Reply:
    """What is answered, as JSON."""

    body: Json
    status: int = 200


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next one of a connection; IncompleteReadError where there is none, or ValueError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip("\r\n").split("\r\n")
    method, target, _ = line.split(" ")
    headers = {}
    for text in fields:
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path, _, query = target.partition("?")
    return Request(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, body)


def whole(reply: Reply, with_body: bool) -> bytes:
    """The bytes of an answer."""
    body = json.dumps(reply.body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {reply.status} So\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")

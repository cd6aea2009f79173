"""Forms with files, as a server sees them."""

import io
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, sent

Part = tuple[dict[str, str], str, bytes]


def parts_of(response: tg.Response) -> list[Part]:
    """What each part says of itself, its type and its content, as another program reads it."""
    (kind,) = sent(response, "content-type")
    body = response.json()["body"].encode("latin-1")
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    assert message.is_multipart()
    return [read(part) for part in message.get_payload() if isinstance(part, Message)]


def read(part: Message) -> Part:
    told = dict(part.get_params(header="content-disposition") or [])
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    kind = part["Content-Type"] or ""
    return {key: str(value) for key, value in told.items() if value}, kind, content


def test_a_form_has_its_fields_and_then_its_files(
    sync: tg.Client, shared: HttpServer, tmp_path: Path
) -> None:
    """A file is bytes, text, an open file, or a tuple with its name and its type."""
    path = tmp_path / "a4.png"
    path.write_bytes(b"\x89PNG")
    with path.open("rb") as photo:
        response = sync.post(
            shared.url,
            data={"make": "Audi", "year": [2019, 2020]},
            files=[
                ("photo", photo),
                ("photo", b"\x00\xff"),
                ("report", ("cars.csv", "a,b", "text/plain")),
                ("raw", ("x", io.BytesIO(b"1"))),
                ("meta", (None, "{}", "application/json")),
            ],
        )
    assert parts_of(response) == [
        ({"name": "make"}, "", b"Audi"),
        ({"name": "year"}, "", b"2019"),
        ({"name": "year"}, "", b"2020"),
        ({"name": "photo", "filename": "a4.png"}, "image/png", b"\x89PNG"),
        ({"name": "photo", "filename": "upload"}, "application/octet-stream", b"\x00\xff"),
        ({"name": "report", "filename": "cars.csv"}, "text/plain", b"a,b"),
        ({"name": "raw", "filename": "x"}, "application/octet-stream", b"1"),
        ({"name": "meta"}, "application/json", b"{}"),
    ]


def test_a_name_begins_no_field_of_its_own(sync: tg.Client, shared: HttpServer) -> None:
    """Its quotes and line breaks are percent-encoded."""
    response = sync.post(shared.url, files={'a"\r\nX: y': ('".txt', b"")})

    ((told, _, content),) = parts_of(response)
    assert told["name"] == "a%22%0D%0AX: y"
    assert told["filename"] == "%22.txt"
    assert content == b""


def test_names_are_utf_8(sync: tg.Client, shared: HttpServer) -> None:
    """As they are."""
    response = sync.post(shared.url, data={"größe": "ß"}, files={"ä": ("ö.txt", "ü")})

    body = response.json()["body"].encode("latin-1").decode()
    assert 'name="größe"\r\n\r\nß\r\n' in body
    assert 'name="ä"; filename="ö.txt"\r\nContent-Type: text/plain\r\n\r\nü\r\n' in body


def test_a_form_is_sent_again(http: tg.AsyncClient, run: Any) -> None:
    """What a file object held is there in each attempt."""
    mock = tg.testing.MockTransport(tg.testing.Faults([503, 200]))

    async def main() -> None:
        client = tg.AsyncClient(transport=mock)
        files = {"a": io.BytesIO(b"once")}
        assert (await client.post("http://a/", files=files, idempotent=True)).attempts == 2

    run(main())
    assert mock.requests[0].content == mock.requests[1].content
    assert b"once" in mock.requests[1].content


@pytest.mark.parametrize(
    "options",
    [
        {"files": {"a": 1}},
        {"files": {"a": io.StringIO("text")}},
        {"files": {"a": ("name",)}},
        {"files": {"a": (1, b"")}},
        {"files": {"a": ("name", b"", 1)}},
        {"files": {"a": ("name", b"", "text/plain\r\nX: y")}},
        {"files": {"\ud800": b""}},
        {"files": 7},
        {"files": {"a": b""}, "json": {}},
        {"files": {"a": b""}, "content": b""},
        {"files": {"a": b""}, "data": b"raw"},
    ],
)
def test_what_is_no_form_is_refused(sync: tg.Client, server: HttpServer, options: Any) -> None:
    """Before anything is opened."""
    with pytest.raises(tg.InvalidArgument):
        sync.post(server.url, **options)
    assert server.connections == 0

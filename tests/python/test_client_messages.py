"""What a request sends, and what its response has."""

import pickle
import threading
from typing import Any

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, sent

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


# What is sent.


def test_headers_are_sent_as_they_are_given(sync: tg.Client, shared: HttpServer) -> None:
    """A mapping, or pairs of which one name may come twice; Latin-1 is the bytes of a value."""
    assert sent(sync.get(shared.url, headers={"X-Trace": "7"}), "x-trace") == ["7"]
    pairs = [("X-A", "1"), ("x-a", "é")]
    assert sent(sync.get(shared.url, headers=pairs), "x-a") == ["1", "é"]
    seen = tg.Headers([("A", "1"), ("A", "2")])
    assert sent(sync.get(shared.url, headers=seen), "a") == ["1", "2"]


@pytest.mark.parametrize(
    ("url", "params", "target"),
    [
        ("/p", {"make": "Audi"}, "/p?make=Audi"),
        ("/p?a=1", {"b": 2}, "/p?a=1&b=2"),
        ("/p?", {"b": 2}, "/p?b=2"),
        ("/p#part", {"b": 2}, "/p?b=2"),
        ("/p", [("a", 1), ("a", "2")], "/p?a=1&a=2"),
        ("/p", {"a": [1, 2], "b": None, "c": True, "d": False}, "/p?a=1&a=2&c=true&d=false"),
        ("/p", {"q": "a b&c=d/é+%"}, "/p?q=a%20b%26c%3Dd%2F%C3%A9%2B%25"),
        ("/p", {"x y": 1.5, "мотор": "1"}, "/p?x%20y=1.5&%D0%BC%D0%BE%D1%82%D0%BE%D1%80=1"),
        ("/p", {}, "/p"),
        ("/p?a=1", {"b": []}, "/p?a=1"),
    ],
)
def test_params_are_appended_to_the_query(
    sync: tg.Client, shared: HttpServer, url: str, params: Any, target: str
) -> None:
    """Percent-encoded, so that no value can say more than itself."""
    response = sync.get(shared.url + url, params=params)

    assert response.json()["target"] == target
    assert response.url.partition("#")[0] == shared.url + target


@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        ({"json": {"make": "Škoda", "n": [1, None]}}, JSON, '{"make":"Škoda","n":[1,null]}'),
        ({"json": False}, JSON, "false"),
        ({"data": {"a": "1 2&", "b": [True, 3]}}, FORM, "a=1+2%26&b=true&b=3"),
        ({"data": [("a", 1)]}, FORM, "a=1"),
        ({"data": "é"}, None, "é"),
        ({"data": b"\0\xff"}, None, b"\0\xff"),
        ({"content": b"raw"}, None, b"raw"),
        ({"content": bytearray(b"raw")}, None, b"raw"),
        ({"content": memoryview(b"xrawx")[1:4]}, None, b"raw"),
        ({"content": b""}, None, b""),
        ({"json": 1, "headers": {"content-TYPE": "application/x+json"}}, "application/x+json", "1"),
    ],
)  # fmt: skip
def test_bodies_are_sent_with_their_type(
    sync: tg.Client, shared: HttpServer, options: Any, kind: str | None, body: str | bytes
) -> None:
    """JSON and forms have one by themselves, unless the caller says another."""
    response = sync.post(shared.url, **options)

    assert sent(response, "content-type") == ([] if kind is None else [kind])
    expected = body if isinstance(body, bytes) else body.encode()
    assert response.json()["body"].encode("latin-1") == expected
    assert sent(response, "content-length") == [str(len(expected))]


# What comes back.


def test_any_status_is_a_response(sync: tg.Client, shared: HttpServer) -> None:
    """Only who asks gets an error: in the one tree, with the response, and it pickles."""
    assert sync.get(shared.url).raise_for_status().ok
    for status, retryable in [(304, False), (404, False), (429, True), (500, True), (503, True)]:
        response = sync.get(f"{shared.url}/status/{status}", params={"key": "hunter2"}, attempts=1)
        assert (response.status, response.ok) == (status, False)
        with pytest.raises(
            tg.HTTPStatusError, match=rf"GET {shared.url}/status/{status}: .*{status}"
        ) as caught:
            response.raise_for_status()
        error = pickle.loads(pickle.dumps(caught.value))
        assert "hunter2" not in str(error) + repr(response)
        assert isinstance(error, tg.Error)
        assert (error.cause, error.status, error.retryable) == ("http_status", status, retryable)
        assert (error.attempts, error.response.url) == (1, response.url)


def test_headers_have_no_case_and_several_values(sync: tg.Client, server: HttpServer) -> None:
    """Nothing is joined; the bytes of a value are Latin-1."""
    url = server.answer_with(b"", "Set-Cookie: a=1", 'ETag: "é"', "set-cookie: b=2, c")
    headers = sync.get(url).headers

    assert headers["SET-COOKIE"] == headers.get("set-cookie") == "a=1"
    assert headers.all("Set-Cookie") == ["a=1", "b=2, c"]
    assert (headers["etag"], "Etag" in headers, "x" in headers) == ('"é"', True, False)
    assert (headers.get("x"), headers.all("x"), len(headers)) == (None, [], 3)
    assert headers.fields[1:] == (("Set-Cookie", "a=1"), ("ETag", '"é"'), ("set-cookie", "b=2, c"))
    assert pickle.loads(pickle.dumps(headers)).fields == headers.fields
    with pytest.raises(KeyError):
        headers["x"]


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/html", "é".encode(), "é"),
        ("text/html", b"a\xff", "a\ufffd"),
        ("text/html; charset=latin-1", b"\xe9", "é"),
        ('text/html; x=1; Charset="EUC-KR"', "현대".encode("euc-kr"), "현대"),
        ("text/html; charset=no-such-thing", "é".encode(), "é"),
        ("text/html; charset=base64", b"aGk=", "aGk="),
        ("text/html; charset=", "é".encode(), "é"),
        ("", b"", ""),
    ],
)
def test_text_is_decoded_by_its_charset(
    sync: tg.Client, server: HttpServer, kind: str, body: bytes, text: str
) -> None:
    """Else it is UTF-8; what cannot be read is replaced and never raises."""
    response = sync.get(server.answer_with(body, f"Content-Type: {kind}"))

    assert (response.content, response.text) == (body, text)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000], ids=lambda body: body[:3])
def test_a_body_that_is_no_json_is_a_decode_error(
    sync: tg.Client, server: HttpServer, body: bytes
) -> None:
    """A ValueError too."""
    response = sync.get(server.answer_with(body))

    with pytest.raises(tg.DecodeError, match="/raw: the body is no JSON"):
        response.json()


def test_a_response_says_where_its_time_went(sync: tg.Client, server: HttpServer) -> None:
    """And whether its connection was kept."""
    first, second = sync.get(server.url), sync.get(server.url)

    assert (first.reused, second.reused, server.connections) == (False, True, 1)
    assert (first.attempts, second.attempts) == (1, 1)
    timings = first.timings
    assert timings.connect > 0
    assert (second.timings.connect, second.timings.dns, timings.tls) == (0, 0, 0)
    assert 0 < timings.first_byte <= timings.elapsed
    assert timings.elapsed == pytest.approx(first.elapsed)
    assert timings.settled_at == pytest.approx(timings.submitted + timings.elapsed)
    assert second.timings.submitted > timings.submitted


def test_a_response_pickles(sync: tg.Client, shared: HttpServer) -> None:
    """Whole: so a cache or another process may have it."""
    response = sync.get(shared.url + "/x", params={"a": 1})
    copy = pickle.loads(pickle.dumps(response))

    assert (copy.status, copy.url, copy.content) == (200, response.url, response.content)
    assert (copy.headers.fields, copy.timings) == (response.headers.fields, response.timings)
    assert (copy.value is copy, copy.source) == (True, "fresh")


def test_many_threads_may_ask_for_one_answer(http: tg.AsyncClient, server: HttpServer) -> None:
    """They get the same, with its whole body."""
    body = b"x" * 1_000_000
    for _ in range(20):
        exchange = http.get(server.answer_with(body))
        exchange.wait(20)
        start = threading.Barrier(4)
        found: list[tg.Response] = []

        def look(exchange: tg.Exchange = exchange, start: Any = start, found: Any = found) -> None:
            start.wait(20)
            found.append(exchange.result())

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {id(response) for response in found} == {id(exchange.value)}
        assert found[0].content == body


def test_a_body_is_held_once(server: HttpServer, tools: Any) -> None:
    """The library's copy goes when Python has its own, also while the exchange is kept."""
    script = """
import sys
import tidegate as tg
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
http = tg.AsyncClient()
kept = [http.get(sys.argv[1])]
size = len(kept[0].result().content)
before = resident()
for _ in range(16):
    kept.append(http.get(sys.argv[1]))
    kept[-1].result()
copies = (resident() - before) / (16 * size)
assert copies < 1.5, copies
"""
    done = tools.run_script(script, server.answer_with(b"x" * 4_000_000))
    assert (done.returncode, done.stderr) == (0, "")

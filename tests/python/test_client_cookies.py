"""Cookies of a client, if it is asked to keep them."""

import tidegate as tg

from ..support.http_server import HttpServer, sent


def test_they_are_kept_only_on_demand(server: HttpServer) -> None:
    """And sent to the host again that set them, and looked at, and forgotten."""
    url = server.answer_with(b"", "Set-Cookie: a=1; HttpOnly", "Set-Cookie: é=ü; Path=/")
    plain, http = tg.Client(), tg.Client(cookies=True)
    for client in (plain, http):
        client.get(url)

    assert sent(plain.get(server.url), "cookie") == []
    assert plain.cookies_for(server.url) == ""
    assert sent(http.get(server.url), "cookie") == ["a=1; é=ü"]
    assert http.cookies_for(server.url + "/x") == "a=1; é=ü"
    assert http.cookies_for("http://elsewhere.test/") == http.cookies_for("no URL") == ""
    assert sent(http.get(server.url, headers={"Cookie": "own=1"}), "cookie") == ["own=1"]
    assert "a=1" not in repr(http)
    http.clear_cookies()
    assert sent(http.get(server.url), "cookie") == []

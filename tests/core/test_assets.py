"""Styles and scripts of the publisher's own stand on every page, and only their hosts are let in."""

from collections.abc import Callable

from starlette.testclient import TestClient

Serve = Callable[..., TestClient]


def test_extra_styles_and_scripts_stand_on_every_page(serve: Serve) -> None:
    metadata = {
        "extra_css_urls": ["/assets/own.css", {"url": "https://styles.example/a.css", "sri": "sha384-abc"}],
        "extra_js_urls": [{"url": "https://scripts.example/b.js", "module": True}],
    }
    client = serve(data="create table t(a)", metadata=metadata, settings={"base_url": "/below/"})
    for path in ("/", "/data", "/data/t", "/nothing"):
        response = client.get(path)
        assert '<link rel="stylesheet" href="/below/assets/own.css">' in response.text
        assert 'href="https://styles.example/a.css" integrity="sha384-abc" crossorigin="anonymous">' in response.text
        assert '<script src="https://scripts.example/b.js" type="module"></script>' in response.text
        policy = response.headers["content-security-policy"]
        assert "style-src 'self' https://styles.example https://scripts.example;" in policy
        assert "script-src 'self' https://styles.example https://scripts.example;" in policy


def test_without_them_nothing_of_another_host_is_let_in(serve: Serve) -> None:
    policy = serve(data="create table t(a)").get("/").headers["content-security-policy"]
    assert "http" not in policy

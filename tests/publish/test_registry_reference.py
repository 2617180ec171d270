"""References: what Docker reads as an image's name is read the same way, and what it refuses is refused."""

import pytest

from baked_publish.errors import UsageError
from baked_publish.registry.reference import Reference, is_loopback

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", "latest", ""),
        ("python:3.14-slim", "docker.io", "library/python", "3.14-slim", ""),
        ("team/airports", "docker.io", "team/airports", "latest", ""),
        ("index.docker.io/python", "docker.io", "library/python", "latest", ""),
        ("localhost/airports", "localhost", "airports", "latest", ""),
        ("localhost:5000/airports", "localhost:5000", "airports", "latest", ""),
        ("127.0.0.1:5000/team/airports:v1", "127.0.0.1:5000", "team/airports", "v1", ""),
        ("[::1]:5000/airports:v1", "[::1]:5000", "airports", "v1", ""),
        ("ghcr.io/a/b/c__d-e.f:_X.y-1", "ghcr.io", "a/b/c__d-e.f", "_X.y-1", ""),
        (f"ghcr.io/a/b@sha256:{HEX}", "ghcr.io", "a/b", "", f"sha256:{HEX}"),
        (f"ghcr.io/a/b:v1@sha256:{HEX}", "ghcr.io", "a/b", "v1", f"sha256:{HEX}"),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, host: str, repository: str, tag: str, digest: str) -> None:
    assert Reference.parse(text) == Reference(host, repository, tag, digest)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "a repository is"),
        ("ghcr.io/", "a repository is"),
        ("ghcr.io/Team/airports", "'Team/airports'"),
        ("ghcr.io/team//airports", "'team//airports'"),
        ("ghcr.io/../airports", "'../airports'"),
        ("ghcr.io/team/airports:", "a tag is"),
        ("ghcr.io/team/airports:a b", "'a b'"),
        (f"ghcr.io/team/airports:{'x' * 129}", "a tag is"),
        ("ghcr.io/team/airports@sha256:12", "'sha256:12'"),
        ("ghcr.io/team/airports@", "its digest is"),
        ("ghcr.io:99999/airports", "'ghcr.io:99999'"),
        ("-bad.io/airports", "'-bad.io'"),
        ("https://ghcr.io/airports", "is not a reference"),
        ("user:secret@ghcr.io/airports", "its digest is"),
        (f"ghcr.io/{'a' * 256}", "not 256"),
    ],
)
def test_the_part_that_is_wrong_is_named(text: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    assert part in str(caught.value)
    assert "HOST/REPOSITORY:TAG" in str(caught.value)


def test_a_reference_is_written_as_it_was_read() -> None:
    text = f"ghcr.io/a/b:v1@sha256:{HEX}"
    assert str(Reference.parse(text)) == text
    assert Reference.parse(text).wanted == f"sha256:{HEX}"
    assert Reference.parse("ghcr.io/a/b:v1").wanted == "v1"


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1:5000", "127.9.9.9", "[::1]", "[::1]:5000"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["ghcr.io", "10.0.0.1:5000", "localhost.evil.example", "127.0.0.1.evil.example", ""])
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback(host)

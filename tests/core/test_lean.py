"""A lean import leaves a package usable, for whoever wants all of it."""

import subprocess
import sys

LOADED = "import sys; from baked_core.lean import lean; lean('uvicorn'); import uvicorn.server; "


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_server_loads_no_command_line() -> None:
    said = _said("import sys; import baked_core.app, baked_core.server; print(*sys.modules)").split()
    assert "uvicorn.server" in said
    assert not {"click", "uvicorn.main", "starlette", "jinja2"} & set(said)


def test_pages_of_html_load_no_framework() -> None:
    said = _said("import sys; import baked_core.app, baked_core.renderers.html; print(*sys.modules)").split()
    assert "jinja2" in said
    assert "starlette" not in said


def test_the_whole_package_is_there_for_whoever_asks() -> None:
    assert _said(LOADED + "import uvicorn; print(uvicorn.run.__name__, 'click' in sys.modules)") == "run True"
    assert _said(LOADED + "from uvicorn import Server; print(Server is sys.modules['uvicorn.server'].Server)") == "True"


def test_what_is_loaded_already_stays() -> None:
    code = "import uvicorn; from baked_core.lean import lean; lean('uvicorn'); print(uvicorn.Config.__name__)"
    assert _said(code) == "Config"


def test_a_package_that_is_not_there() -> None:
    assert _said("from baked_core.lean import lean; lean('no_such_package'); print('fine')") == "fine"

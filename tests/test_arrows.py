"""Arrows: who imports whom, as docs/architecture.md draws it."""

import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from house import Import, Module, belongs, modules

OURS = ("baked_core", "baked_publish")
STATIONS = {"cli", "pipeline", "targets", "builders", "vendors", "registry", "bake", "plugins", "verify", "serve"}
NEVER = {
    "baked_core": {"baked_publish"},
    "baked_publish.builders": {f"baked_publish.{name}" for name in STATIONS - {"builders", "registry"}},
    "baked_publish.targets": {f"baked_publish.{name}" for name in ("cli", "pipeline", "bake", "serve")},
    "baked_publish.engine": {f"baked_publish.{name}" for name in (STATIONS - {"registry"}) | {"commands"}},
    "baked_publish.keeper": {f"baked_publish.{name}" for name in STATIONS | {"commands"}},
    "baked_publish.ledger": {
        *(f"baked_publish.{name}" for name in STATIONS - {"registry"}),
        *(f"baked_publish.{name}" for name in ("commands", "engine", "images", "bundle")),
    },
    "baked_publish.registry": {
        *(f"baked_publish.{name}" for name in STATIONS - {"registry"}),
        *(f"baked_publish.{name}" for name in ("commands", "engine", "images", "keeper", "ledger", "bundle")),
    },
    "baked_publish.vendors": {
        *(f"baked_publish.{name}" for name in STATIONS - {"vendors"}),
        *(
            f"baked_publish.{name}"
            for name in ("commands", "engine", "images", "keeper", "ledger", "bundle", "cloudrun", "machines")
        ),
    },
    "baked_publish.machines": {f"baked_publish.{name}" for name in STATIONS - {"registry", "vendors"} | {"commands"}},
    "baked_publish.cloudrun": {
        f"baked_publish.{name}" for name in (STATIONS - {"registry", "vendors"}) | {"commands", "bundle"}
    },
    "baked_publish.pipeline": {"baked_publish.cli", "baked_publish.targets", "baked_publish.vendors"},
    "baked_publish.bake": {f"baked_publish.{name}" for name in STATIONS - {"bake"}},
}
"""What a part of the house never imports, not even inside a function."""

LATE = {
    "baked_publish": (
        "boto3",
        "docker",
        "google",
        "httpx",
        "jinja2",
        "jsonschema_rs",
        "kingfisher_sdk",
        "phonenumbers",
        "requests",
        "rich",
        "sqlite_utils",
        "stamina",
        "stdnum",
        "uvicorn",
        "yaml",
    ),
    "baked_core": ("baked_publish", "httpx", "sqlite_utils", "yaml"),
    "baked_core.app": ("jinja2", "uvicorn"),
}
"""What must not be loaded by the import of a module; jinja2 comes with the first page of HTML."""


def lines(module: Module, wrong: list[Import]) -> list[str]:
    return [f"{module.path}:{each.line}: {module.name} imports {each.module}" for each in wrong]


def ours(imported: str) -> str | None:
    """Return the module of ours that ``package.name`` stands for, None if it is somebody else's."""
    if not any(belongs(imported, half) for half in OURS):
        return None
    return imported if imported in modules() else imported.rpartition(".")[0]


@pytest.mark.parametrize("part", NEVER)
def test_a_part_never_imports_what_lies_above_it(part: str) -> None:
    parts = [module for name, module in modules().items() if belongs(name, part)]
    assert parts, f"there is no {part}: this test guards nothing"
    wrong = [
        line
        for module in parts
        for line in lines(module, [i for i in module.imports if any(belongs(i.module, up) for up in NEVER[part])])
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_cli_but_the_program_itself() -> None:
    importers = {
        name for name, module in modules().items() for i in module.imports if belongs(i.module, "baked_publish.cli")
    }
    assert importers == {"baked_publish.__main__"}


def test_no_module_leads_back_to_itself() -> None:
    graph = {
        name: {found for each in module.imports if not each.late and (found := ours(each.module)) and found != name}
        for name, module in modules().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        raise AssertionError(" -> ".join(exc.args[1])) from None


def test_heavy_modules_are_imported_inside_functions() -> None:
    heavy = set(LATE["baked_publish"])
    wrong = [
        line
        for name, module in modules().items()
        if belongs(name, "baked_publish")
        for line in lines(module, [i for i in module.imports if not i.late and i.module.split(".")[0] in heavy])
    ]
    assert not wrong, "\n".join(wrong)


def loaded_by(code: str) -> set[str]:
    """Run ``code`` in a fresh interpreter and return the names of all modules it holds at the end."""
    probe = f"import sys, json\n{code}\nsys.stderr.write(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stderr))


def test_help_loads_nothing_heavy() -> None:
    code = "from baked_publish.cli import main\ntry: main(['--help'])\nexcept SystemExit as end: assert not end.code"
    assert not {name for name in loaded_by(code) if name.split(".")[0] in LATE["baked_publish"]}


def test_the_app_loads_no_templates_before_the_first_page() -> None:
    unwanted = {*LATE["baked_core"], *LATE["baked_core.app"]}
    assert not {name for name in loaded_by("import baked_core.app") if name.split(".")[0] in unwanted}


def test_the_server_loads_neither_the_toolkit_nor_yaml() -> None:
    assert not {name for name in loaded_by("import baked_core.server") if name.split(".")[0] in LATE["baked_core"]}

"""A lean import: a package's parts without what its ``__init__`` loads besides, until somebody asks for that.

uvicorn's loads its command line, and click with it: a tenth of the instructions that a start takes.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec


def lean(name: str, **parts: str) -> None:
    """Let parts of the package ``name`` be imported alone; whoever wants a name of the package itself still gets it.

    ``parts`` tell which module a name of the package comes from, for those that its own parts ask for.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:
        return
    module, loader = module_from_spec(spec), spec.loader

    def whole(attribute: str) -> object:
        """Load the part that is asked for, or else the package after all."""
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute in parts:
            return getattr(import_module(parts[attribute]), attribute)
        vars(module).pop("__getattr__", None)
        loader.exec_module(module)
        return getattr(module, attribute)

    vars(module)["__getattr__"] = whole
    sys.modules[name] = module

"""Pages as HTML: a template for each kind of page, the publisher's own before ours. Needs no script."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, Template, TemplateError
from markupsafe import Markup

from baked_core import static
from baked_core.assets import assets
from baked_core.cells import Cells
from baked_core.filters import OPERATORS
from baked_core.grid import Grid, grid
from baked_core.http import Response
from baked_core.metadata import Metadata
from baked_core.page import (
    FEW,
    DataPage,
    DocumentPage,
    ErrorPage,
    IndexPage,
    Page,
    QueriesPage,
    QueryPage,
    RowPage,
    TablePage,
)
from baked_core.renderers.conditions import conditions
from baked_core.renderers.heads import Heads
from baked_core.renderers.linked_data import canonical, linked_data
from baked_core.renderers.links import carried, links
from baked_core.renderers.naming import css_class, rows_templates, template_names
from baked_core.renderers.shipped import FILTERS, OPTIONS, Shipped
from baked_core.request import Request
from baked_core.static import templates
from baked_core.strings import of_site

_OURS: Final = (DocumentPage, ErrorPage, QueriesPage, QueryPage)
"""Pages that are not called by the publisher's words."""


FORMS: Final = 1000
"""Tables whose forms and templates are remembered."""

Macro = Callable[[str, None], str]


class _Templates(Environment):
    """Finds a template once: what is there does not change."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._found: dict[tuple[Any, ...], Template] = {}

    def select_template(self, names: Any, parent: str | None = None, globals: Any = None) -> Template:  # noqa: A002
        """Return the first template of ``names`` that is there."""
        key = tuple(names)
        found = self._found.get(key)
        if found is None:
            found = super().select_template(names, parent, globals)
            if len(self._found) < FORMS:
                self._found[key] = found
        return found


class Html:
    """Renders pages with one set of templates."""

    def __init__(self, root: Path | None, metadata: Metadata) -> None:
        self._site = None if root is None else root / "site" / "templates"
        self._say = of_site(root, metadata)
        self._forms: dict[tuple[str, ...], Markup] = {}

    def render(self, page: Page, request: Request) -> Response:
        """Answer with ``page`` in the first template of ``template_names`` that is there."""
        template = self._environment.select_template(list(template_names(page)))
        plugins = request.serving.plugins
        extra: Mapping[str, Any] = {} if plugins is None else plugins.template_vars(page)
        cells = Cells(page, request.urls, request.serving.settings.truncate_cells_html, self._say)
        body = template.render(
            page=page,
            urls=request.urls,
            args=request.args,
            operators=tuple(OPERATORS.values()),
            links=links(page, request),
            title=self._title(page),
            heads=Heads(page, request, self._say) if isinstance(page, TablePage) else (),
            conditions=conditions(page, request, self._say) if isinstance(page, TablePage) else (),
            carried=carried(page, request) if isinstance(page, TablePage) else (),
            rows_templates=list(rows_templates(page)) if isinstance(page, TablePage) else (),
            css_class=css_class,
            settings=request.serving.settings,
            cells=cells,
            grid=self._grid(page, cells),
            static=partial(static.url, request.urls),
            styles=list(assets(request.serving.baked.manifest.metadata, "extra_css_urls", request.urls.root)),
            scripts=list(assets(request.serving.baked.manifest.metadata, "extra_js_urls", request.urls.root)),
            canonical=canonical(page, request),
            linked_data=linked_data(page, request),
            private=request.serving.is_private,
            site=request.serving.baked.manifest.metadata,
            **extra,
        )
        status = page.status if isinstance(page, ErrorPage | QueryPage) else 200
        return Response(body, status, media_type="text/html")

    def warm(self) -> None:
        """Compile the templates; one of the publisher's that is wrong says so on its page."""
        for path in sorted(templates().glob("*.html")):
            with suppress(TemplateError):
                self._environment.get_template(path.name)

    def _title(self, page: Page) -> str:
        """Return what a page is called: in the publisher's words, or in those of the language."""
        if isinstance(page, IndexPage) and not page.metadata.get("title"):
            names = [each.name for each in page.databases]
            if len(names) > FEW:
                return self._say("title.Databases")
            return f" {self._say('and')} ".join(names) or self._say("index.nothing")
        ours = isinstance(page, _OURS) and not (isinstance(page, QueryPage) and page.canned)
        return self._say.title(page.title) if ours else page.title

    def _grid(self, page: Page, cells: Cells) -> Grid | None:
        if not isinstance(page, DataPage) or isinstance(page, RowPage):
            return None
        return grid(page, cells, css_class, lambda key: self._say("table.row", key=key))

    def _once(self, macro: Macro, columns: tuple[str, ...]) -> Markup:
        """Return the empty form of a filter, which is the same on every page of a table."""
        found = self._forms.get(columns)
        if found is None:
            if len(self._forms) >= FORMS:
                self._forms.clear()
            found = self._forms[columns] = Markup(macro("", None))  # noqa: S704 - a macro escapes
        return found

    @cached_property
    def _environment(self) -> Environment:
        shipped = Shipped(templates())
        loaders: list[BaseLoader] = [shipped, PrefixLoader({"default": shipped}, delimiter=":")]
        if self._site is not None and self._site.is_dir():
            loaders.insert(0, FileSystemLoader(self._site))
        environment = _Templates(loader=ChoiceLoader(loaders), auto_reload=False, **OPTIONS)
        globals_: dict[str, Any] = {"say": self._say, "once": self._once}
        environment.globals.update(globals_)
        ours = (self._say.number, self._say.date, size, pretty, paragraphs)
        environment.filters.update(zip(FILTERS, ours, strict=True))
        return environment


def size(count: int) -> str:
    """Say a number of bytes: ``1.5 MB``."""
    if count < 1000:  # noqa: PLR2004 - a kilobyte
        return f"{count} bytes"
    amount, units = count / 1000, ["kB", "MB", "GB", "TB"]
    while amount >= 999.95 and len(units) > 1:  # noqa: PLR2004 - rounds to a thousand
        amount, units = amount / 1000, units[1:]
    return f"{amount:.1f} {units[0]}"


def pretty(body: Any) -> str:
    """Return ``body`` as JSON that a person can read."""
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def paragraphs(text: Any) -> Markup:
    """Set plain text as paragraphs, parted at empty lines."""
    parts = [part.strip() for part in str(text or "").split("\n\n")]
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts if part)

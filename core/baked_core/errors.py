"""What can go wrong in the serving app.

::

    CoreError                     500
    ├── ManifestError             500  the Bundle cannot be served
    ├── NotFound                  404  no such database, table, row or page
    ├── BadRequest                400  an argument is wrong; the message names it
    │   └── QueryError            400  SQLite refused the SQL
    ├── Forbidden                 403  a write, or what the publisher switched off
    └── QueryTimeout              504  stopped at its time limit
"""

from typing import ClassVar


class CoreError(Exception):
    """Any error of the serving app; ``status`` is its HTTP status."""

    status: ClassVar[int] = 500


class ManifestError(CoreError):
    """The Bundle cannot be served: its Manifest is damaged, newer, or names a file that is not there."""


class NotFound(CoreError):
    """There is no such database, table, row or page."""

    status = 404


class BadRequest(CoreError):
    """An argument of the request is wrong."""

    status = 400


class QueryError(BadRequest):
    """SQLite refused the SQL."""


class Forbidden(CoreError):
    """Reading is all that can be done here, or the publisher switched it off."""

    status = 403


class QueryTimeout(CoreError):
    """A query was stopped at its time limit."""

    status = 504

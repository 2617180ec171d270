"""Whatever the app's own OpenAPI document allows, the app answers as the document says, and never with 500."""

import os
from typing import Any

import pytest
import schemathesis
from baking import baked_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from baked_core.app import create_app

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))
DATA = """
create table t(a integer primary key, b text, c blob); insert into t values(1, 'x', x'00'), (2, null, 9e999);
create table pair(a, b, primary key(a, b)); insert into pair values(null, 1), ('x', x'01');
create view v as select a from t;
create virtual table docs using fts5(body); insert into docs values('apple');
"""
TABLES = st.sampled_from(["t", "pair", "v", "docs"])
KEYS = st.sampled_from(["1", "2", ":n,1", "x,:x01", "~FF", "9" * 30])
SQL = st.sampled_from(["select 1", "select :a", "select * from t", "delete from t", "select ?", "with x as (select 1)"])


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    app = create_app(baked_of(tmp_path_factory.mktemp("described"), data=DATA, settings={"sql_time_limit_ms": 300}))
    return schemathesis.openapi.from_asgi("/-/openapi.json", app)


def test_every_operation_answers_as_it_is_described(schema: schemathesis.BaseSchema) -> None:
    names = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        names.add(operation.path)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(), names=st.none() | st.tuples(TABLES, KEYS), sql=st.none() | SQL)
        def answers(case: schemathesis.Case[Any], names: tuple[str, str] | None, sql: str | None) -> None:
            known = dict(zip(("table", "key"), names or (), strict=False))
            case.path_parameters = {k: known.get(k, v) for k, v in (case.path_parameters or {}).items()}
            if sql is not None and "sql" in (case.query or {}):
                case.query["sql"] = sql
            (case.query or {}).pop("_json_infinity", None)  # its Infinity is no JSON: documented, for who asks
            response = case.call()
            case.validate_response(response, excluded_checks=[positive_data_acceptance])
            assert response.status_code < 500

        answers()
    assert {"/.json", "/{database}/{table}.json", "/{database}/{table}/{key}.json"} < names

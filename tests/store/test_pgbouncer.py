"""PgBouncer's transaction pooling: prepared statements can be switched off in the address."""

import pytest

from bridge.store.engine import make_engine, needs_no_prepared_statements, server_address


@pytest.mark.parametrize(("given", "made"), [("none", None), ("None", None), ("0", 0), ("12", 12)])
def test_the_address_says_whether_statements_are_prepared(given, made):
    address, options = server_address(f"postgresql+psycopg://a@b/c?prepare_threshold={given}&application_name=x")
    assert options == {"prepare_threshold": made}
    assert dict(address.query) == {"application_name": "x"}


@pytest.mark.postgres
def test_without_a_pooler_nothing_is_said(postgres):
    engine = make_engine(f"{postgres()}&prepare_threshold=none")
    with engine.connect() as connection:
        assert connection.connection.driver_connection.prepare_threshold is None
        assert not needs_no_prepared_statements(connection)
    engine.dispose()

"""The migrations and the tables in the code say the same, on both databases."""

from bridge.store import migrate, schema_version
from bridge.store.engine import make_engine


def test_a_migrated_database_is_what_the_code_expects(engine):
    assert migrate.drift(engine) == []
    assert not schema_version.pending(engine)


def test_migrating_again_changes_nothing(engine):
    migrate.upgrade(engine)
    assert not schema_version.pending(engine)


def test_an_empty_database_is_seen_to_be_behind(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'new.db'}")
    assert schema_version.pending(engine)
    engine.dispose()

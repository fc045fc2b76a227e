"""What keeps a command from its files or its database is a sentence and exit code 1, and no traceback."""

import pytest

from bridge import cli

YAML = "accounts: {}\n"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The exit code of a command and what it says, in a home of its own."""

    def run(*words):
        (tmp_path / "bridge.yaml").write_text(YAML)
        monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
        monkeypatch.setattr("sys.argv", ["integr8-bridge", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return run


COMMANDS = [["db", "upgrade"], ["runs", "list"], ["events", "list"], ["rules", "list"], ["reports", "status"]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_home_in_which_nothing_can_be_written(run, tmp_path, monkeypatch, words):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "var").write_text("a file, where a directory is to be made")
    code, said = run(*words)
    assert code == 1
    assert f"{tmp_path}/var: " in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_database_that_does_not_answer(run, monkeypatch, words):
    monkeypatch.setenv("DATABASE_URL", "postgresql://bridge@127.0.0.1:1/bridge?connect_timeout=2")
    code, said = run(*words)
    assert code == 1
    assert "check DATABASE_URL, and that the server runs" in said
    assert "Traceback" not in said

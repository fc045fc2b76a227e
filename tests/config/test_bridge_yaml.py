"""bridge.yaml is read as strictly as a rule: nothing guessed, nothing twice, and every refusal names its place."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.config import renamed, settings
from bridge.config.errors import SettingsError
from bridge.config.renamed import RENAMED, Renamed, current_keys
from bridge.operations.check import check_home
from bridge.sources.schema import RENAMED as SOURCE_KEYS
from bridge.store.engine import Store, make_engine
from bridge.store.migrate import upgrade
from bridge.store.runs import Run

ACCOUNT = """\
accounts:
  main:
    base_url: https://api.example.com
    api_key: ${KEY}
    integrations: {default: "1"}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "k-123")

    def load(text: str, **environment: str) -> settings.Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "bridge.yaml").write_text(text)
        return settings.load(tmp_path)

    return load


@pytest.fixture
def refused(load):
    def refused(text: str, **environment: str) -> str:
        with pytest.raises(SettingsError) as error:
            load(text, **environment)
        return str(error.value)

    return refused


def test_a_section_that_stands_twice_is_refused_with_both_lines(refused):
    words = refused(ACCOUNT + "sources:\n  crm: {verify: none}\nsources:\n  other: {verify: none}\n")
    assert words == "bridge.yaml:8:1: the key 'sources' stands here twice; the first is in line 6"


def test_a_source_that_stands_twice_does_not_lose_its_signature_check(refused):
    words = refused("sources:\n  crm: {verify: token, token: '${T}'}\n  crm: {verify: none}\n")
    assert words == "bridge.yaml:3:3: the key 'crm' stands here twice; the first is in line 2"


@pytest.mark.parametrize("unseen", ["\x85", "\u2028", "\u2029"])
def test_a_line_end_that_no_editor_shows_hides_no_key(refused, unseen):
    words = f"the character U+{ord(unseen):04X} ends a line for YAML and for no editor; remove it"
    assert refused(f"accounts: {{}}\n# pasted{unseen}sources: {{}}\n") == f"bridge.yaml:2:9: {words}"


def test_a_control_character_is_named_with_its_place(refused):
    assert refused("accounts: {}\n# \a pasted\n") == "bridge.yaml:2:3: the character U+0007 cannot be used here"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "bridge.yaml:1:1: expected `accounts:`"),
        ("accounts: {}\n---\nsources: {}\n", "bridge.yaml:3:1: a second document begins here"),
        ("accounts: !!python/object:os.system {}\n", "tags are not used here"),
        ("accounts: &a {}\nsources: *b\n", "bridge.yaml:2:10: the alias '*b'"),
        ("metrics: {token: no}\n", "metrics.token"),
        ("keep: {rows: 0100}\n", "keep.rows: is not a valid integer"),
        ("keep: {rows: 1_00}\n", "keep.rows: is not a valid integer"),
        ("sources:\n  a: {token: ${X_1}}\n", 'a variable stands in quotes: "${X_1}"'),
        ("accounts:\n\tmain: {}\n", "bridge.yaml:2:1: a tab"),
    ],
)
def test_nothing_is_guessed(refused, text, words):
    assert words in refused(text)


def test_words_that_other_readers_take_for_values_stay_words(load):
    text = ACCOUNT + "    protected: {offer: [0100, 12:30, 2026-01-01, no, 1e3]}\n"
    assert load(text).accounts["main"].protected == {"offer": ("0100", "12:30", "2026-01-01", "no", "1e3")}


def test_an_empty_section_is_an_empty_section(load):
    assert load("accounts:\nsources:\n  # none yet\nchannels:\n").sources == {}


def test_a_file_in_another_encoding_is_refused_in_words(tmp_path):
    (tmp_path / "bridge.yaml").write_bytes("accounts: {}\n# Größe\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^bridge.yaml:2:1: not UTF-8 \(byte 17\); save the file as UTF-8$"):
        settings.load(tmp_path)


@pytest.mark.parametrize("written", ["k-123\n", "k-123\r\n", "\ufeffk-123\n"])
def test_the_line_end_of_a_mounted_secret_is_no_part_of_it(load, tmp_path, monkeypatch, written):
    monkeypatch.delenv("KEY")
    (tmp_path / "key.txt").write_bytes(written.encode())
    assert load(ACCOUNT, KEY_FILE=str(tmp_path / "key.txt")).accounts["main"].api_key == "k-123"


def test_the_line_end_of_a_variable_is_no_part_of_a_secret(load):
    assert load(ACCOUNT, KEY="k-123\n").accounts["main"].api_key == "k-123"


def test_a_secret_with_a_line_break_inside_is_refused(refused):
    assert "main.api_key: KEY holds the character U+000A" in refused(ACCOUNT, KEY="k-1\nk-2")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("k-123  ", "KEY begins or ends with a space"), (" k-123", "KEY begins or ends with a space"),
        ('"k-123"', "KEY stands in quotes"), ("k-123\u200b", "in KEY stands U+200B"),
        ("KEY=k-123", "KEY begins with its own name"),
    ],
)  # fmt: skip
def test_what_was_pasted_along_with_a_secret_is_named_and_kept(load, value, words):
    found = load(ACCOUNT, KEY=value)
    assert found.accounts["main"].api_key == value
    assert [line for line in found.warnings if f": accounts.main.api_key: {words}" in line]


@pytest.mark.parametrize("value", ["", "\n", "  \n"])
def test_a_secret_of_spaces_is_not_set(refused, value):
    assert "main.api_key: KEY is not set" in refused(ACCOUNT, KEY=value)


def test_a_variable_and_a_file_for_it_are_told_apart(load, tmp_path):
    (tmp_path / "key.txt").write_text("k-2\n")
    found = load(ACCOUNT, KEY="k-1", KEY_FILE=str(tmp_path / "key.txt"))
    assert found.accounts["main"].api_key == "k-2"
    assert "settings: KEY and KEY_FILE are both set; the file is used, remove one" in found.warnings


def test_a_variable_of_env_and_a_file_for_it_are_told_apart(load, tmp_path, monkeypatch):
    monkeypatch.delenv("KEY")
    (tmp_path / ".env").write_text("KEY=k-1\n")
    (tmp_path / "key.txt").write_text("k-2\n")
    found = load(ACCOUNT, KEY_FILE=str(tmp_path / "key.txt"))
    assert found.accounts["main"].api_key == "k-2"
    assert "settings: KEY and KEY_FILE are both set; the file is used, remove one" in found.warnings


@pytest.mark.parametrize("rate", ["0100", "1_000", "0x10", "1:30", '"0100"', "+5", "5e1"])
def test_a_rate_is_a_plain_number_as_in_rules(refused, rate):
    assert "accounts.main.rate.per_second: is not a valid number" in refused(
        ACCOUNT + f"    rate: {{per_second: {rate}}}\n"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("1001.0", "'1001.0' is not an id; write 1001"), ('"1001 "', "'1001 ' is not an id; write 1001"),
        ('"1,001"', "'1,001' is an id with a separator of thousands; write 1001"),
        ("1.00E+03", "'1.00E+03' is an id that a spreadsheet has shortened"),
        ('"1001\\u200b"', r"'1001\u200b' is not an id; write 1001"), ('""', "'' is not an id; remove it"),
        ("0100", "'0100' is not an id, because ids do not begin with 0"),
    ],
)  # fmt: skip
def test_a_protected_id_that_protects_nothing_is_told(load, given, words):
    [line] = load(ACCOUNT + f"    protected: {{offer: [1001, rmmtwwqbig, {given}]}}\n").warnings
    assert line.startswith(f"bridge.yaml:6:17: accounts.main.protected.offer: {words}")
    assert line.endswith("; it protects nothing")


def test_a_key_with_a_space_that_is_none_has_a_place(refused):
    assert refused("accounts: {}\n\u00a0sources: {}\n").startswith("bridge.yaml:2:1: ")


@pytest.mark.parametrize("name", ["KEY", "DATABASE_URL"])
def test_a_mounted_secret_that_is_not_there_is_a_sentence(refused, tmp_path, monkeypatch, name):
    words = refused(ACCOUNT, **{f"{name}_FILE": str(tmp_path / "missing")})
    assert f"settings: The value of {name}_FILE must be a readable file path; point" in words
    assert words.count("\n") == 0


def test_a_mounted_secret_that_is_no_text_is_a_sentence(refused, tmp_path):
    (tmp_path / "key.txt").write_bytes("k-123".encode("utf-16"))
    assert "the file that KEY_FILE points to is not UTF-8 text" in refused(ACCOUNT, KEY_FILE=str(tmp_path / "key.txt"))


@pytest.mark.parametrize(
    "base_url", ["https://h/api?key=1", "https://h/api#x", "https://u:p@h/", "https://h/?", "https://h:99999"]
)
def test_an_address_of_integr8_is_a_host_and_a_path(refused, base_url):
    assert "accounts.main.base_url: " in refused(ACCOUNT.replace("https://api.example.com", base_url))


def test_the_name_of_an_account_may_not_hold_what_separates_names(refused):
    assert "a name has letters" in refused(ACCOUNT.replace("main", '"a:b"'))


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b", "ü ß", "100%"])
def test_a_home_may_have_any_name(tmp_path, monkeypatch, name):
    home = tmp_path / name
    runner = CliRunner(env={"BRIDGE_HOME": str(home)})
    assert runner.invoke(cli, ["init", str(home)]).exit_code == 0
    assert runner.invoke(cli, ["check", str(home)]).output.startswith("3 rules, 0 errors")
    assert runner.invoke(cli, ["db", "upgrade"]).exit_code == 0
    assert (home / "var" / "bridge.db").is_file()
    assert runner.invoke(cli, ["rules", "list"]).exit_code == 0
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_every_spelling_of_a_postgresql_address_is_taken(load):
    for given in ("postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"):
        assert load(ACCOUNT, DATABASE_URL=given).database_url == "postgresql+psycopg://u@h/d"
    on_a_socket = "postgresql+psycopg://postgres:@/d?host=/tmp/place"
    assert load(ACCOUNT, DATABASE_URL=on_a_socket).database_url == on_a_socket


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("postgresql://u:p@h:abc/d", "a port that is none"),
        ("postgres://u@h:99999/d", "a port that is none"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_database_address_that_cannot_be_one_is_a_sentence(refused, given, words):
    assert words in refused(ACCOUNT, DATABASE_URL=given)


def test_an_old_key_works_and_warns(monkeypatch):
    row = Renamed("bridge.yaml", "accounts.NAME.zone", "accounts.NAME.timezone", "0.2.0")
    monkeypatch.setattr(renamed, "RENAMED", (row,))
    values, warnings = current_keys({"accounts": {"main": {"zone": "UTC"}, "other": {"timezone": "UTC"}}})
    assert values == {"accounts": {"main": {"timezone": "UTC"}, "other": {"timezone": "UTC"}}}
    assert warnings == [
        "bridge.yaml: accounts.main.zone: zone is now called timezone; the old name works for one more version"
    ]


def test_the_table_of_renamed_names_lists_every_key_that_sources_still_take():
    listed = {(row.old, row.new) for row in RENAMED if row.kind == "bridge.yaml"}
    assert {(f"sources.NAME.{old}", f"sources.NAME.{new}") for old, new in SOURCE_KEYS.items()} <= listed


def test_check_reads_the_files_of_the_home_and_not_of_the_directory_that_it_runs_in(load, tmp_path):
    load(ACCOUNT)
    (tmp_path / "rules").mkdir()
    found = CliRunner().invoke(cli, ["check", str(Path(tmp_path))])
    assert (found.exit_code, found.output) == (0, "0 rules, 0 errors, 0 warnings\n")


@pytest.mark.slow
def test_check_says_what_each_rule_with_a_ratio_will_cost(tmp_path):
    """At four typical volumes each; the plain confidence costs nearly every honest offer, the month of evidence few."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "bridge.yaml").write_text(ACCOUNT)
    head = "schema: 1\nid: ID\ntrigger: {every: 15m}\nscope: {per: [offer], where: all}\n"
    rest = "data: {window: 24h, need: {clicks: 500}, fresh: 1h}\nwhen: ['WHEN']\nthen: [{pause: offer, hold: 6h}]\n"
    for name, when in {"once": "cr < 0.40% @95%", "month": "cr < 0.40% @95% a month", "none": "clicks > 5"}.items():
        text = (head + rest).replace("ID", name).replace("WHEN", when)
        (tmp_path / "rules" / f"{name}.yaml").write_text(text)
    runner = CliRunner(env={"KEY": "k", "BRIDGE_HOME": str(tmp_path)})
    assert "of honest items" not in runner.invoke(cli, ["check", str(tmp_path)]).output
    told = json.loads(runner.invoke(cli, ["check", str(tmp_path), "--costs", "--json"]).output)["costs"]
    assert [line.split(":")[0] for line in told] == ["month"] * 4 + ["none"] + ["once"] * 4
    busy = {line.split(":")[0]: line for line in told if "8,000 a day" in line}
    paused = {rule: int(re.search(r"pauses (\d+)%", line)[1]) for rule, line in busy.items()}
    assert paused["month"] <= 10
    assert paused["once"] >= 90
    assert all("a collapse to a quarter goes unnoticed for" in line for line in told if not line.startswith("none"))


def test_check_says_what_each_rule_wrote_in_a_day(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "bridge.yaml").write_text(ACCOUNT)
    environment = {"KEY": "k", "BRIDGE_HOME": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/bridge.db"}
    runner = CliRunner(env=environment)
    assert "wrote" not in runner.invoke(cli, ["check", str(tmp_path), "--costs"]).output
    engine = make_engine(environment["DATABASE_URL"])
    upgrade(engine)
    store, now = Store(engine), datetime.now(UTC)
    with store.write() as session:
        for key, rule, size, age in ((1, "low", 10, 0), (2, "busy", 3_200_000, 1), (3, "busy", 9_000_000, 25)):
            at = now - timedelta(hours=age)
            session.add(
                Run(
                    rule_id=rule, revision="r", mode="shadow", cause="slot", cause_key=str(key), due_at=at,
                    started_at=at, outcome="nothing", answers=bytes(size),
                )
            )  # fmt: skip
    store.close()
    told = runner.invoke(cli, ["check", str(tmp_path), "--costs"]).output
    assert [line for line in told.splitlines() if "wrote" in line] == [
        "busy: wrote 3.2 MB about its answers in 24 hours",
        "low: wrote 0.0 MB about its answers in 24 hours",
    ]


BROKEN = """\
accounts:
  main:
    base_url: https://api.example.com?x=1
    api_key: k-123
    integrations: {default: "1"}
    rate: {per_secnd: 5}
  "with.dots":
    base_url: https://api.example.com
    api_key: ${NOT_SET}
    timezone: Berlin
    integrations: {default: "1"}
"""


def test_every_problem_of_the_settings_has_line_and_column(refused):
    places = [line.partition(": ")[0] for line in refused(BROKEN).splitlines()]
    assert places == [f"bridge.yaml:{place}" for place in ("4:5", "9:5", "3:5", "6:12")]


ENTRIES = """\
sources:
  crm: {verify: standard-webhooks}
  other:
    verify: none
    format: jsn
    expects: {deal.id: intger}
channels:
  traffic:
    webhook: nowhere
login: {oidc: {issuer: x}}
http:
  allow:
    - https://api.example.com
    - 5
tables: {budgets: {daily: money}}
"""


def test_every_problem_that_check_finds_in_bridge_yaml_has_line_and_column(load, tmp_path):
    load(ACCOUNT + ENTRIES)
    (tmp_path / "rules").mkdir()
    found = [line.split(": ")[:2] for line in check_home(tmp_path).errors]
    assert found[:5] == [
        ["bridge.yaml:7:3", "sources.crm.secret"],
        ["bridge.yaml:10:5", "sources.other.format"],
        ["bridge.yaml:11:15", "sources.other.expects.deal.id"],
        ["bridge.yaml:14:5", "channels.traffic.webhook"],
        ["bridge.yaml:19:7", "http.allow.1"],
    ]
    assert ["bridge.yaml:15:16", "login.oidc.issuer"] in found
    assert found[-1] == ["bridge.yaml:20:10", "tables.budgets"]


def test_no_problem_is_in_the_words_of_the_library(load, tmp_path):
    load(ACCOUNT + "login: {oidc: {issuer: x}}\nhttp: {allow: 5}\n")
    words = "\n".join(check_home(tmp_path).errors)
    assert "is missing" in words
    assert not [one for one in ("Missing data", "Not a valid", "Field may not", "Invalid") if one in words]


def test_a_warning_has_line_and_column_too(load):
    row = Renamed("bridge.yaml", "accounts.NAME.zone", "accounts.NAME.timezone", "0.2.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renamed, "RENAMED", (row,))
        [warning] = load(ACCOUNT + "    zone: UTC\n").warnings
    assert warning.startswith("bridge.yaml:6:5: accounts.main.zone: zone is now called timezone")

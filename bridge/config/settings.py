"""Read the environment and bridge.yaml into one frozen, typed object. Nothing else reads settings.

$BRIDGE_HOME/.env may hold variables too; the real environment goes before it.

Every problem is found in one go and says where it is and what to do. A secret is never written in YAML in clear:
it is named there as ${NAME} and comes from the environment, or from the file that NAME_FILE points to.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from marshmallow import ValidationError, validate

from bridge.config import clickhouse_address, redis_address, yaml_file
from bridge.config.clickhouse_address import ClickHouseAddress
from bridge.config.environment import Environment, control_character, doubt, seal
from bridge.config.errors import SettingsError
from bridge.config.renamed import current_keys
from bridge.config.schema import AccountSchema, FileSchema, Rate
from bridge.sources.strict_schema import flatten
from rules.model.input_values import id_doubt
from rules.model.revision import Budget

MAX_PORT = 65_535

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_FIELDS = frozenset(
    {
        *("api_key", "secret", "secrets", "token", "tokens", "password", "passwords", "apprise", "client_secret"),
        "verify_token",
    }
)
ADDRESS = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):)?(?P<port>\d{1,5})")
SETTINGS_FILE = "bridge.yaml"
SHARE = validate.Range(0, 1, error="is not a share; write a number from 0 to 1")
MIN_TOKEN_CHARS = 16  # characters
OWN, SHARED = "own", "shared"  # queues of an account; the second also stands for all that is no account's own


@dataclass(frozen=True, slots=True)
class Account:
    """One Integr8 organisation."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    integrations: Mapping[str, str] = field(default_factory=dict)
    rate: Rate = field(default_factory=Rate)
    timezone: str = "UTC"
    currency: str = "USD"
    protected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)  # operation → "VERB /path" where Integr8 differs
    rejection_url: str | None = field(default=None, repr=False)
    poll: Mapping[str, Any] = field(default_factory=dict)  # feed → seconds between polls
    queues: str = "shared"  # or `own`: workers can be given this account
    false_incidents: float = 1.0  # of broken tracking a month, that the network bears


class Sentry(NamedTuple):
    """The address for errors, and the shares of errors and traces that are sent, from 0 to 1."""

    dsn: str | None = None
    sample_rate: float = 1.0
    traces_sample_rate: float = 0.0


class Address(NamedTuple):
    """The address to listen on."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    database_url: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    clickhouse: ClickHouseAddress | None = None  # where observations are kept; None: in the database
    secret_key: str | None = field(default=None, repr=False)
    sentry: Sentry = field(default=Sentry(), repr=False)
    environment: str = "production"
    log: str = "console"
    worker_metrics: Address | None = None  # where a Celery worker answers scrapes; None: nowhere
    worker_accounts: tuple[str, ...] | None = None  # whose work a Celery worker does; None: everyone's
    public_url: str | None = None
    accounts: Mapping[str, Account] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # table → column → declared type
    budgets: Mapping[str, Budget] = field(default_factory=dict)  # that rules share
    dimensions: tuple[str, ...] = ()  # of report rows, kept beside what always is
    http: Mapping[str, Any] = field(default_factory=dict, repr=False)  # where the `http` action may go
    keep: Mapping[str, int] = field(default_factory=lambda: {"rows": 95, "observations": 800})  # days
    trusted_proxies: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()  # channels that are notified of problems of the service itself
    login: Mapping[str, Any] = field(default_factory=dict, repr=False)  # an identity provider: see bridge.config.login
    metrics_token: str | None = field(default=None, repr=False)  # what /metrics asks for
    warnings: tuple[str, ...] = ()  # what works and should be changed, in sentences
    places: yaml_file.Places = field(default_factory=yaml_file.Places, repr=False, compare=False)  # of keys in the file

    @property
    def currency_places(self) -> dict[str, int]:
        """Return the place of each account's currency in the order in which bridge.yaml names them.

        No rate between two currencies is known, so a list by money shows one currency after the other.
        """
        units = list(dict.fromkeys(one.currency for one in self.accounts.values()))
        return {name: units.index(one.currency) for name, one in self.accounts.items()}

    @property
    def own_queues(self) -> frozenset[str]:
        """The accounts with `queues: own`."""
        return frozenset(name for name, account in self.accounts.items() if account.queues == OWN)

    def problem(self, path: str, words: str) -> str:
        """Return one line about a key of bridge.yaml, with its line and column."""
        return self.places.located(f"{SETTINGS_FILE}: {path}: {words}")

    @property
    def rules_dir(self) -> Path:
        return self.home / "rules"

    @property
    def tables_dir(self) -> Path:
        return self.home / "tables"

    @property
    def var(self) -> Path:
        """The directory of the service's own files: the SQLite database, the embedded Valkey, the generated key."""
        return self.home / "var"


def load(home: Path | None = None) -> Settings:
    """Read the process's environment and $BRIDGE_HOME/bridge.yaml.

    Raises SettingsError with all problems at once.
    """
    problems: list[str] = []
    base = (home or Path(Environment().str("BRIDGE_HOME", "."))).expanduser().resolve()
    try:
        lazy, env, warnings = Environment(base, eager=False), Environment(base), list[str]()
    except OSError as error:
        words = f"{base / '.env'} cannot be read: {error.strerror}; let the user of this process read it"
        raise SettingsError([f"settings: {words}, or take it away"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"settings: {base / '.env'} is not UTF-8 text (byte {error.start})"]) from error
    values = _environment(lazy, base, problems)
    file, places = _read_file(base / SETTINGS_FILE, env, problems, warnings)
    accounts = _accounts(file["accounts"], problems, warnings)
    values["worker_accounts"] = _worker_accounts(values["worker_accounts"], accounts, problems)
    operations = _operations(file, problems)
    metrics_token = _metrics_token(file, problems)
    problems += [*lazy.problems, *env.problems]
    if problems:
        raise SettingsError([places.located(line) for line in dict.fromkeys(problems)])
    return Settings(
        home=base,
        accounts=accounts,
        sources=file["sources"],
        channels=file["channels"],
        operations=operations,
        tables=file["tables"],
        budgets={name: Budget(name, **found) for name, found in file["budgets"].items()},
        dimensions=file["dimensions"],
        http=file["http"],
        keep=file["keep"],
        trusted_proxies=tuple(file["trusted_proxies"]),
        public_url=file["public_url"],
        login=file["login"],
        metrics_token=metrics_token,
        warnings=tuple(places.located(line) for line in (*warnings, *lazy.warnings, *env.warnings)),
        places=places,
        **values,
    )


def _metrics_token(file: Mapping[str, Any], problems: list[str]) -> str | None:
    """Check the token after ${NAME} is resolved."""
    token: str | None = file["metrics"]["token"]
    if token is not None and len(token) < MIN_TOKEN_CHARS:
        problems.append(
            f"{SETTINGS_FILE}: metrics.token: fewer than {MIN_TOKEN_CHARS} characters; `openssl rand -hex 16` makes one"
        )
    return token


def _redis_address(value: str) -> None:
    try:
        redis_address.sentinels(value)
    except redis_address.BadAddress as error:
        raise ValidationError(str(error)) from None


def _environment(env: Environment, home: Path, problems: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "database_url": env.str("DATABASE_URL", None),
        "redis_url": env.str(
            "REDIS_URL",
            None,
            validate=_redis_address,
        ),
        "clickhouse": env.str("OBSERVATIONS_URL", None),
        "secret_key": env.str("BRIDGE_SECRET_KEY", None),
        "sentry": env.str("SENTRY_DSN", None),
        "sample_rate": env.float("SENTRY_SAMPLE_RATE", 1.0, validate=SHARE),
        "traces_sample_rate": env.float("SENTRY_TRACES_SAMPLE_RATE", 0.0, validate=SHARE),
        "environment": env.str("BRIDGE_ENVIRONMENT", "production"),
        "log": env.str(
            "BRIDGE_LOG", "console", validate=validate.OneOf(["console", "json"], error="may be console or json")
        ),
        "worker_metrics": env.str("BRIDGE_WORKER_METRICS", None),
        "worker_accounts": env.str("BRIDGE_WORKER_ACCOUNTS", None),
    }
    problems.extend(f"settings: {name} {' '.join(messages)}" for name, messages in seal(env).items())
    shares = [values.pop(name, None) for name in ("sample_rate", "traces_sample_rate")]
    values["sentry"] = Sentry(values["sentry"], *shares)
    values["worker_metrics"] = _address("BRIDGE_WORKER_METRICS", values["worker_metrics"], problems)
    values["database_url"] = _database_url(values["database_url"], home, problems)
    values["clickhouse"] = _clickhouse(values["clickhouse"], problems)
    generated = home / "var" / "secret.key"
    if values["secret_key"] is None and generated.is_file():
        values["secret_key"] = generated.read_text().strip()
    return values


def _address(name: str, given: str | None, problems: list[str]) -> Address | None:
    """Parse host:port, or a port alone on loopback."""
    if not given:
        return None
    found = ADDRESS.fullmatch(given.strip())
    if found is None or not 0 < int(found["port"]) <= 65535:
        problems.append(f"settings: {name} is neither a port nor host:port; write 9808, or 0.0.0.0:9808 to be reached")
        return None
    return Address((found["host"] or "127.0.0.1").strip("[]"), int(found["port"]))


def _worker_accounts(given: str | None, accounts: Mapping[str, Account], problems: list[str]) -> tuple[str, ...] | None:
    """Return the names of accounts with `queues: own`, and `shared`."""
    names = tuple(dict.fromkeys(name.strip() for name in (given or "").split(",") if name.strip()))
    for name in names:
        if name != SHARED and name not in accounts:
            known = ", ".join([SHARED, *sorted(accounts)])
            problems.append(f"settings: BRIDGE_WORKER_ACCOUNTS: there is no account {name!r}; known: {known}")
        elif name != SHARED and accounts[name].queues != OWN:
            words = f"account {name!r} has no queues of its own; write accounts.{name}.queues: own"
            problems.append(f"settings: BRIDGE_WORKER_ACCOUNTS: {words}, or name {SHARED} instead")
    return names or None


def _clickhouse(given: str | None, problems: list[str]) -> ClickHouseAddress | None:
    if given is None:
        return None
    try:
        found = clickhouse_address.parse(given)
    except clickhouse_address.BadAddress as error:
        problems.append(f"settings: OBSERVATIONS_URL {error}")
        return None
    if not clickhouse_address.is_installed():
        words = "OBSERVATIONS_URL needs the package clickhouse-connect, which is not installed"
        problems.append(f"settings: {words}; run: pip install 'integr8-bridge[clickhouse]'")
    return found


def database_url(home: Path | None = None) -> str | None:
    """Return the address of the database even if other settings are wrong; None if it is unknown.

    A database file that does not exist counts as unknown: the directory may be the wrong one.
    """
    problems: list[str] = []
    base = (home or Path(Environment().str("BRIDGE_HOME", "."))).expanduser().resolve()
    try:
        given = Environment(base, eager=False).str("DATABASE_URL", None)
    except (OSError, UnicodeDecodeError):
        return None
    if not given and not (base / "var" / "bridge.db").is_file():
        return None
    url = _database_url(given, base, problems)
    return None if problems else url


_PORT = re.compile(r"postgresql[^:]*://(?:[^/]*@)?(?:\[[^\]]*\]|[^:/?@\[\]]*):([^/?,@]*)(?:[/?]|$)")


def _has_bad_port(url: str) -> bool:
    """Return True for an address of PostgreSQL whose port is no number, or one that there cannot be."""
    found = _PORT.match(url)
    return found is not None and not (re.fullmatch(r"[0-9]{1,5}", found[1]) and int(found[1]) <= MAX_PORT)


def _database_url(given: str | None, home: Path, problems: list[str]) -> str:
    if not given:
        file = str(home / "var" / "bridge.db")  # a path may hold % and ?, which mean something in an address
        return f"sqlite:///{quote(file)}"
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", given)
    if not url.startswith(("postgresql+psycopg://", "sqlite:///")):
        problems.append("settings: DATABASE_URL is neither postgresql:// nor sqlite:///; those two are supported")
    elif _has_bad_port(url):
        problems.append(
            "settings: DATABASE_URL has a port that is none; write postgresql://USER:PASSWORD@HOST:5432/NAME"
        )
    elif url.startswith("sqlite:///:memory:"):
        problems.append("settings: DATABASE_URL names a database in memory, which no other process sees; name a file")
    threshold = re.search(r"[?&]prepare_threshold=([^&]*)", url)
    if threshold is not None and not re.fullmatch(r"none|[0-9]{1,4}", threshold[1], re.IGNORECASE):
        problems.append("settings: DATABASE_URL: prepare_threshold is none, or a whole number")
    return url


def _read_file(
    path: Path, env: Environment, problems: list[str], warnings: list[str]
) -> tuple[dict[str, Any], yaml_file.Places]:
    empty: dict[str, Any] = FileSchema().load({})
    try:
        read, places = yaml_file.read_with_places(path)
        raw, old = current_keys(read)
    except FileNotFoundError:
        words = "set BRIDGE_HOME to the directory that holds it, or write a starter directory"
        problems.append(f"settings: {path} is missing; {words} with `integr8-bridge init DIR`")
        return empty, yaml_file.Places()
    except yaml_file.YamlProblem as error:
        problems.append(str(error))
        return empty, yaml_file.Places()
    warnings += old
    try:
        loaded: dict[str, Any] = FileSchema().load({key: value for key, value in raw.items() if value is not None})
    except ValidationError as error:
        problems += _lines("", error)
        return empty, places
    resolved: dict[str, Any] = _resolve(loaded, env, problems, warnings, place=path.name)
    return resolved, places


def _resolve(
    value: Any, env: Environment, problems: list[str], warnings: list[str], *, place: str, name: str = ""
) -> Any:
    """Replace ${NAME}; report names that are not set and secrets in plain text."""
    if isinstance(value, dict):
        inner = f"{place}." if ": " in place else f"{place}: "
        return {
            key: _resolve(item, env, problems, warnings, place=f"{inner}{key}", name=key) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_resolve(item, env, problems, warnings, place=place, name=name) for item in value]
    if not isinstance(value, str):
        if name in SECRET_FIELDS and value is not None:
            problems.append(
                f"{place}: a secret is written in clear; put it in the environment and write ${{NAME}} here"
            )
        return value
    if name in SECRET_FIELDS and not REFERENCE.search(value):
        problems.append(f"{place}: a secret is written in clear; put it in the environment and write ${{NAME}} here")

    def look_up(match: re.Match[str]) -> str:
        told = len(env.problems)
        found: str | None = env.str(match[1], None)
        if not (found or "").strip() and len(env.problems) == told:
            problems.append(f"{place}: {match[1]} is not set; export it, or point {match[1]}_FILE to a file")
        wrong = control_character(found or "")
        if wrong:
            problems.append(f"{place}: {match[1]} holds the character {wrong}; remove it, it was probably pasted along")
        doubtful = doubt(match[1], found) if found and found.strip() else None
        if doubtful:
            warnings.append(f"{place}: {doubtful}")
        return found or match[0]

    return REFERENCE.sub(look_up, value)


def _operations(file: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    names: tuple[str, ...] = file["notices"]["operations"]
    for name in names:
        if name not in file["channels"]:
            near = get_close_matches(name, file["channels"], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "channels are named under `channels:`"
            problems.append(f"{SETTINGS_FILE}: notices.operations: there is no channel {name!r}; {hint}")
    return names


def _accounts(raw: Mapping[str, Any], problems: list[str], warnings: list[str]) -> dict[str, Account]:
    accounts = {}
    schema = AccountSchema()
    for name, entry in raw.items():
        if any(isinstance(value, str) and REFERENCE.search(value) for value in entry.values()):
            continue  # reported already; whatever is said about the placeholder would only confuse
        try:
            accounts[name] = Account(name=name, **schema.load(entry))
        except ValidationError as error:
            problems += _lines(f"accounts.{name}", error)
            continue
        if name == SHARED and accounts[name].queues == OWN:
            words = f"accounts.{name}.queues: {SHARED!r} names the queues of all others; call the account otherwise"
            problems.append(f"{SETTINGS_FILE}: {words}")
        for kind, ids in accounts[name].protected.items():
            place = f"{SETTINGS_FILE}: accounts.{name}.protected.{kind}"
            warnings += [f"{place}: {words}; it protects nothing" for words in map(id_doubt, ids) if words]
    return accounts


def _lines(path: str, error: ValidationError) -> list[str]:
    """Return one line for each wrong key: the file, the key, the problem, the remedy."""
    return [
        ": ".join(part for part in (SETTINGS_FILE, place.lstrip("."), words) if part)
        for place, words in flatten(path, error.messages)
    ]

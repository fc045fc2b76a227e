"""An identity provider whose certificate a CA of one's own has signed, over real TLS."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from identity import Provider, application
from local_server import served
from oidc_guest import Guest, with_login

from bridge.cli import cli
from bridge.config.login import LoginSettingsError, oidc
from bridge.store.audit_log import Audit
from bridge.web.access import login

NOW = datetime.now(UTC)


def certificate(name, key, *, issuer, signed_by, ca):
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return built.sign(signed_by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The CA's certificate, and certificate with key of the provider."""
    place = tmp_path_factory.mktemp("ca")
    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name, server = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("A CA of our own", "id.example.com")
    )
    (place / "ca.pem").write_bytes(certificate(name, root, issuer=name, signed_by=root, ca=True))
    secret = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (place / "provider.pem").write_bytes(certificate(server, own, issuer=name, signed_by=root, ca=False) + secret)
    return place


def behind_tls(app, file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return served(app, tls=context)


@pytest.fixture
def provider(files):
    made = Provider()
    with behind_tls(application(made), files / "provider.pem") as address:
        made.address = address
        yield made


class TrustingGuest(Guest):
    """A browser that knows the CA already."""

    def __init__(self, app, ca_file):
        super().__init__(app)
        self.trusts = ssl.create_default_context(cafile=str(ca_file))


def test_a_person_comes_in_where_the_ca_is_named(network, provider, files, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files / "provider.pem"))  # other certificates, for other programs
    guest = TrustingGuest(with_login(network, provider, ca_file=str(files / "ca.pem")), files / "ca.pem")
    assert guest.come_in().status_code == 303
    assert "ann@example.com (operator)" in guest.open("/activity")


def test_a_relative_file_lies_in_the_home(network, provider, files):
    (network.home / "our-ca.pem").write_bytes((files / "ca.pem").read_bytes())
    guest = TrustingGuest(with_login(network, provider, ca_file="our-ca.pem"), files / "ca.pem")
    assert guest.come_in().status_code == 303


def test_without_it_log_and_audit_say_what_is_missing(network, provider, monkeypatch):
    said = structlog.testing.LogCapture()
    monkeypatch.setattr(login, "log", structlog.wrap_logger(None, processors=[said]))
    guest = Guest(with_login(network, provider))
    page = guest.open("/login/oidc")
    assert "does not answer as it should" in page
    assert "certificate" not in page  # a stranger needs not know
    [row] = [one for one in network.all(Audit) if one.what == "failed sign-in"]
    assert "login.oidc.ca_file" in row.detail["why"]
    assert "certificate" in row.detail["why"]
    [line] = said.entries
    assert "login.oidc.ca_file" in line["why"]


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), ("no certificate", "give a PEM file")])
def test_a_file_that_is_no_certificate_is_refused_with_its_place(tmp_path, content, words):
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    given = {
        "issuer": "https://id.example.com", "client_id": "c", "client_secret": "s", "ca_file": "ca.pem",
        "roles": {"claim": "groups", "map": {"a": "admin"}},
    }  # fmt: skip
    with pytest.raises(LoginSettingsError, match=words) as caught:
        oidc({"oidc": given}, tmp_path)
    assert [path for path, _ in caught.value.problems] == ["login.oidc.ca_file"]


def test_check_finds_it(tmp_path, monkeypatch):
    home = tmp_path / "home"
    runner = CliRunner(env={"BRIDGE_HOME": str(home), "OIDC_SECRET": "x"})
    assert runner.invoke(cli, ["init", str(home)]).exit_code == 0
    with (home / "bridge.yaml").open("a") as file:
        file.write(
            "public_url: https://bridge.example.com\nlogin:\n  oidc:\n    issuer: https://id.example.com\n"
            '    client_id: c\n    client_secret: "${OIDC_SECRET}"\n    ca_file: gone.pem\n'
            "    roles: {claim: groups, map: {a: admin}}\n"
        )
    answer = runner.invoke(cli, ["check", str(home)])
    assert answer.exit_code == 1
    assert "login.oidc.ca_file" in answer.output
    assert "gone.pem: No such file or directory" in answer.output

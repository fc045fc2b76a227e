"""What a rule, an event or a hostile server tries in order to make the bridge call where it must not."""

import pickle
import threading
import time
from datetime import timedelta
from ipaddress import ip_network

import pytest

from bridge.outbound.dns import Lookup, system_resolver
from bridge.outbound.http import (
    Bounds,
    NoAnswer,
    NotSent,
    Outgoing,
    Refused,
    destination,
    http_policy,
    outgoing,
    perform,
)
from tests.receiver import Reply

LOOPBACK = (ip_network("127.0.0.0/8"),)


def to(*addresses):
    """A resolver that says what the test wants."""
    return lambda *_: list(addresses)


@pytest.fixture
def calling():
    opened = []

    def make(*allowed, **options):
        client = Outgoing([destination(line) for line in allowed], **options)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


def test_an_allowed_server_is_called_and_its_answer_read(calling, receiver):
    answer = calling(receiver.url).send("POST", receiver.url + "/in?a=1", headers={"X-A": "b"}, body=b"hi")
    assert (answer.status, answer.body) == (200, b"ok")
    asked = receiver.requests[0]
    assert (asked.method, asked.path, asked.body, asked.headers["x-a"]) == ("POST", "/in?a=1", b"hi", "b")


def test_the_connection_goes_to_the_address_that_was_judged(calling, receiver):
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    base = f"http://api.example.com:{receiver.port}"
    calling(base, resolve=resolve, private=LOOPBACK).send("GET", base + "/x")
    assert asked == ["api.example.com"]  # once: a second question could have a second answer
    assert receiver.requests[0].headers["host"] == f"api.example.com:{receiver.port}"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "198.18.0.1", "240.0.0.1", "192.0.0.8"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_a_name_that_leads_inside_is_refused(calling, address):
    client = calling("http://api.example.com", resolve=to(address))
    with pytest.raises(Refused, match="private, local or reserved"):
        client.send("GET", "http://api.example.com/")


@pytest.mark.parametrize("addresses", [
    ("93.184.215.14", "10.0.0.1"), ("10.0.0.1", "93.184.215.14"), ("2606:2800:21f:cb07::1", "::ffff:127.0.0.1"),
    ("93.184.215.14", "fd00::1"), ("93.184.215.14", "1.1.1.1", "169.254.169.254"),
])  # fmt: skip
def test_one_inside_address_among_good_ones_is_enough_to_refuse(calling, addresses):
    client = calling("http://api.example.com", resolve=to(*addresses))
    with pytest.raises(Refused):
        client.send("GET", "http://api.example.com/")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1."])
def test_a_number_in_an_odd_form_is_refused_as_written(calling, host):
    with pytest.raises(Refused):
        calling("https://api.example.com").send("GET", f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/",  # another scheme
        "https://api.example.com:8443/",  # another port
        "https://api.example.com.evil.example/",
        "https://evil.example/api.example.com",
        "https://api.example.com@evil.example/",
        "https://evil.example#@api.example.com/",
        "https://evil.example\\@api.example.com/",
        "https://api.example.com\r\nHost: evil.example/",
        "https://api.example.com /",
        "file:///etc/passwd",
        "gopher://api.example.com/",
        "//api.example.com/",
        "https:///",
        "https://[::1/",
        "https://xn--a.\ud800/",
    ],
)
def test_only_what_the_operator_wrote_is_called(calling, url):
    client = calling("https://api.example.com", resolve=to("127.0.0.1"))
    with pytest.raises(Refused):
        client.send("GET", url)


def test_an_address_written_as_a_number_opens_itself_and_no_name(calling):
    client = calling("http://10.1.2.3:1", "http://api.example.com", resolve=to("10.1.2.3"))
    with pytest.raises(Refused, match="private, local or reserved"):
        client.send("GET", "http://api.example.com/")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/..;/admin",
        "/v1/..;x=1/admin",
        "/v1/%2e%2e%3bx/admin",
        "/v1/%252e%252e;/a",
        "/v1/..%20/a",
        "/v1/..%3f/a",
        "/v1/..%23/a",
        "/v1/\u2025/a",
        "/v1/\uff0e\uff0e/a",
        "/v1/%e2%80%a5/a",
        "/v1/..%c2%a0/a",
    ],
)
def test_path_parameters_do_not_climb_either(calling, path):
    client = calling("https://api.example.com/v1", resolve=to("93.184.215.14"))
    with pytest.raises(Refused, match="contains `"):
        client.send("GET", "https://api.example.com" + path)


@pytest.mark.parametrize(
    "path",
    ["/v1/../admin", "/v1/%2e%2e/admin", "/v1/%252e%252e/admin", "/v10", "/", "/v1\\..\\admin", "/v1%2fx", "/v1%2Fx/y"],
)
def test_a_path_does_not_climb_out_of_the_allowed_one(calling, receiver, path):
    with pytest.raises(Refused):
        calling(receiver.url + "/v1").send("GET", receiver.url + path)
    assert not receiver.requests


def test_a_star_stands_for_subdomains_only(calling):
    client = calling("https://*.example.com", resolve=to("10.0.0.1"))
    with pytest.raises(Refused, match="not among"):
        client.send("GET", "https://example.com/")
    with pytest.raises(Refused, match="not among"):
        client.send("GET", "https://badexample.com/")
    with pytest.raises(Refused, match="private"):  # allowed as written, judged as a number
        client.send("GET", "https://a.b.example.com/")


def test_a_star_over_a_whole_top_level_domain_is_not_taken():
    with pytest.raises(ValueError, match="two labels"):
        destination("https://*.com")


def test_a_redirect_inside_is_refused(calling, receiver):
    receiver.replies = [Reply(302, {"Location": "http://169.254.169.254/latest/meta-data"})]
    with pytest.raises(Refused, match="not among"):
        calling(receiver.url, bounds=Bounds(redirects=3)).send("GET", receiver.url + "/")
    assert len(receiver.requests) == 1


def test_a_redirect_to_an_allowed_name_is_judged_again(calling, receiver):
    receiver.replies = [Reply(307, {"Location": "http://inside.example.com/"})]
    found = {"127.0.0.1": ["127.0.0.1"], "inside.example.com": ["192.168.0.1"]}
    client = calling(
        receiver.url, "http://inside.example.com", bounds=Bounds(redirects=3), resolve=lambda host, _port: found[host]
    )
    with pytest.raises(Refused, match=r"inside\.example\.com resolves to a private"):
        client.send("GET", f"http://127.0.0.1:{receiver.port}/")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("private", ["10.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_elsewhere_at_the_redirect_is_judged_again(calling, receiver, status, private):
    """The same name on another port: a connection of its own, for which the name has changed."""
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["93.184.215.14", private]

    one, two = f"http://api.example.com:{receiver.port}", "http://api.example.com:9"
    receiver.replies = [Reply(status, {"Location": two + "/"})]
    client = calling(one, two, bounds=Bounds(redirects=3), resolve=resolve, private=(ip_network("127.0.0.1/32"),))
    with pytest.raises(Refused, match="private, local or reserved"):
        client.send("GET", one + "/")
    assert (len(asked), len(receiver.requests)) == (2, 1)


def test_a_name_that_changes_between_two_requests_is_never_called_where_it_leads_inside(calling, receiver):
    answers = iter([["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
    base = f"http://api.example.com:{receiver.port}"
    receiver.replies = [Reply(200, {"Connection": "close"})] * 2
    client = calling(base, resolve=lambda *_: next(answers), private=(ip_network("127.0.0.1/32"),))
    client.send("GET", base + "/")
    with pytest.raises(Refused, match="private, local or reserved"):
        client.send("GET", base + "/")
    assert len(receiver.requests) == 1


def test_redirects_in_a_circle_end(calling, receiver):
    receiver.replies = [Reply(302, {"Location": "/again"})]
    with pytest.raises(Refused, match="more than 2 times"):
        calling(receiver.url, bounds=Bounds(redirects=2)).send("GET", receiver.url + "/")
    assert len(receiver.requests) == 3


def test_without_permission_a_redirect_is_only_an_answer(calling, receiver):
    receiver.replies = [Reply(302, {"Location": "http://10.0.0.1/"})]
    assert calling(receiver.url).send("GET", receiver.url + "/").status == 302


def test_headers_are_left_behind_on_the_way_to_another_server(calling, receiver):
    other = f"http://localhost:{receiver.port}"
    receiver.answer = lambda asked: Reply(302, {"Location": other + "/b"}) if asked.path == "/a" else Reply()
    client = calling(receiver.url, other, bounds=Bounds(redirects=1), private=LOOPBACK, resolve=to("127.0.0.1"))
    client.send("GET", receiver.url + "/a", headers={"Authorization": "Bearer s", "X-Key": "s"})
    assert {"authorization", "x-key"}.isdisjoint(receiver.requests[1].headers)


def test_a_body_is_not_sent_on_to_another_server(calling, receiver):
    other = f"http://localhost:{receiver.port}"
    receiver.replies = [Reply(307, {"Location": other + "/b"})]
    client = calling(receiver.url, other, bounds=Bounds(redirects=1), private=LOOPBACK, resolve=to("127.0.0.1"))
    with pytest.raises(Refused, match="body"):
        client.send("POST", receiver.url + "/a", body=b"personal")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\rb"])
def test_a_header_cannot_break_the_line(calling, receiver, value):
    with pytest.raises(Refused, match="control character"):
        calling(receiver.url).send("GET", receiver.url, headers={"X-A": value})
    assert not receiver.requests


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "Transfer-Encoding", "connection", "X A", "X:A", "X\r\nA", ""]
)
def test_a_header_name_cannot_bend_the_request(calling, receiver, name):
    with pytest.raises(Refused):
        calling(receiver.url).send("GET", receiver.url, headers={name: "1"})
    assert not receiver.requests


def test_a_large_answer_is_cut(calling, receiver):
    receiver.replies = [Reply(body=b"x" * 100_000)]
    answer = calling(receiver.url, bounds=Bounds(answer=1_000)).send("GET", receiver.url)
    assert (len(answer.body), answer.cut) == (1_000, True)


def test_a_compressed_answer_is_not_inflated(calling, receiver):
    receiver.replies = [Reply(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b not really")]
    assert calling(receiver.url).send("GET", receiver.url).body == b"\x1f\x8b not really"
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


def test_a_body_of_ours_is_bounded(calling, receiver):
    with pytest.raises(Refused, match="more than 10 bytes"):
        calling(receiver.url, bounds=Bounds(body=10)).send("POST", receiver.url, body=b"x" * 11)


def test_a_server_that_drips_does_not_hold_us_for_ever(calling, receiver):
    receiver.replies = [Reply(body=b"x" * 200, drip=0.05)]
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        calling(receiver.url, bounds=Bounds(time=timedelta(seconds=0.5))).send("GET", receiver.url)
    assert time.monotonic() - began < 3


def test_a_silent_server_is_an_unknown_outcome(calling, receiver):
    hang = threading.Event()
    receiver.replies = [Reply(hang=hang)]
    with pytest.raises(NoAnswer):
        calling(receiver.url, bounds=Bounds(time=timedelta(seconds=0.3))).send("POST", receiver.url)
    hang.set()


@pytest.fixture
def silence():
    """A name server that never answers, until the test is over."""
    over = threading.Event()
    yield over
    over.set()


def resolving_never(over):
    def resolve(_host, _port):
        over.wait(30)
        return ["127.0.0.1"]

    return resolve


@pytest.mark.parametrize("bounds", [{"time": timedelta(seconds=0.3)}, {"connect": timedelta(seconds=0.3)}])
def test_a_name_server_that_does_not_answer_does_not_hold_us(calling, silence, bounds):
    client = calling("http://api.example.com", resolve=resolving_never(silence), bounds=Bounds(**bounds))
    began = time.monotonic()
    with pytest.raises(NotSent, match=r"api\.example\.com cannot be resolved within 0\.3 s"):
        client.send("POST", "http://api.example.com/x")
    assert time.monotonic() - began < 3


def test_a_slow_name_server_leaves_less_time_for_the_rest(calling, receiver):
    def resolve(_host, _port):
        time.sleep(0.3)
        return ["127.0.0.1"]

    receiver.replies = [Reply(body=b"x" * 200, drip=0.05)]
    base = f"http://api.example.com:{receiver.port}"
    client = calling(base, resolve=resolve, private=LOOPBACK, bounds=Bounds(time=timedelta(seconds=0.8)))
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        client.send("GET", base)
    assert time.monotonic() - began < 3


def test_names_that_hang_do_not_pile_up(silence):
    lookup = Lookup(resolving_never(silence), most=2)
    before = threading.active_count()
    for _ in range(5):
        with pytest.raises(NotSent):
            lookup.addresses("api.example.com", 80, 0.05)
    assert threading.active_count() - before <= 2


def test_a_number_is_looked_up_by_nobody(silence):
    lookup = Lookup(resolving_never(silence), most=1)
    with pytest.raises(NotSent):
        lookup.addresses("api.example.com", 80, 0.05)
    assert Lookup(system_resolver, most=1).addresses("127.0.0.1", 80, 0.05) == ["127.0.0.1"]


def test_a_name_that_nobody_knows_is_an_error_of_its_own():
    with pytest.raises(NotSent, match="cannot be resolved"):
        Lookup(system_resolver).addresses("no-such-host.invalid", 80, 20)


def test_a_closed_port_means_that_nothing_was_sent(calling, receiver):
    url = receiver.url
    receiver.close()
    receiver.close = lambda: None
    with pytest.raises(NotSent):
        calling(url).send("POST", url)


def test_errors_name_no_path_and_survive_pickling(calling):
    with pytest.raises(Refused) as caught:
        calling("https://api.example.com").send("GET", "https://evil.example/secret-path?token=s3cret")
    again = pickle.loads(pickle.dumps(caught.value))
    assert "s3cret" not in str(again)
    assert "secret-path" not in str(again)
    assert "evil.example" in str(again)


# --- the `http` action --------------------------------------------------------------------------------


def policy(receiver, **more):
    return http_policy(
        {"allow": [{"url": receiver.url + "/api", "headers": {"Authorization": "Bearer the-token"}}], **more}
    )


def test_a_rule_uses_a_secret_without_holding_it(receiver):
    with outgoing(policy(receiver)) as client:
        perform(client, {"url": receiver.url + "/api/deals", "body": {"id": 7}}, idempotency_key="effect-9")
    asked = receiver.requests[0]
    assert asked.headers["authorization"] == "Bearer the-token"
    assert asked.headers["idempotency-key"] == "effect-9"
    assert asked.body == b'{"id":7}'


def test_the_secret_of_one_destination_never_goes_to_another(receiver):
    config = {"allow": [{"url": receiver.url + "/api", "headers": {"X-Secret": "s"}}, receiver.url + "/open"]}
    with outgoing(http_policy(config)) as client:
        perform(client, {"url": receiver.url + "/open"}, idempotency_key="e")
    assert "x-secret" not in receiver.requests[0].headers


def test_a_reference_that_came_with_an_event_is_only_a_text(receiver):
    with outgoing(policy(receiver)) as client:
        perform(client, {"url": receiver.url + "/api", "body": {"a": "${CRM_SECRET}"}}, idempotency_key="e")
    assert receiver.requests[0].body == b'{"a":"${CRM_SECRET}"}'


def test_values_of_a_query_are_encoded(receiver):
    with outgoing(policy(receiver)) as client:
        wanted = {"url": receiver.url + "/api", "method": "get", "query": {"q": "a&admin=1#x", "n": 5}}
        perform(client, wanted, idempotency_key="e")
    assert receiver.requests[0].path == "/api?q=a%26admin%3D1%23x&n=5"


def test_without_a_list_nothing_is_called(receiver):
    with outgoing(http_policy({})) as client, pytest.raises(Refused):
        perform(client, {"url": receiver.url}, idempotency_key="e")


def test_an_unknown_key_of_the_action_is_refused(receiver):
    with outgoing(policy(receiver)) as client, pytest.raises(Refused, match="verify_tls"):
        perform(client, {"url": receiver.url + "/api", "verify_tls": False}, idempotency_key="e")

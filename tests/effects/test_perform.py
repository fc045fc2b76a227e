"""Effects against the simulator: skip what is so, merge, verify, and never repeat blindly."""

from dataclasses import replace

import pytest

from bridge.effects.handlers import HANDLERS, Ambiguous, Applied, Failed, Job, RetryLater, Skipped, Tools, passwords


class CallLog:
    """Remembers which requests were announced; a real one writes them to the ledger first."""

    def __init__(self, entity_count=None, positions=()):
        self.writes = []
        self.reads = []
        self._entity_count = entity_count
        self._positions = dict(positions)

    def write(self, operation, jobs, send):
        self.writes.append((operation, len(jobs)))
        return send()

    def read(self, operation, jobs, ask):
        self.reads.append(operation)
        return ask()

    def was_sent(self, job):
        return False

    def entity_count(self, _kind):
        return self._entity_count

    def list_positions(self, _kind, ids):
        return {one: self._positions[one] for one in ids if one in self._positions}


@pytest.fixture
def call_log():
    return CallLog()


def jobs(verb, kind, targets, **more):
    return [
        Job(id=number, verb=verb, kind=kind, target_id=target, wanted={}, **more)
        for number, target in enumerate(targets)
    ]


def carry_out(client, call_log, work):
    return HANDLERS[work[0].verb](Tools(client=client), call_log, work)


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


def active(world, offer):
    return next(one for one in world.directory.offers.living() if one.key == offer.key).view()["active"]


# --- pause and activate ----------------------------------------------------------------------------


def test_forty_pauses_are_one_bulk_call_and_one_read(world, client):
    offers = [world.offer(f"Offer {number}", active=True) for number in range(40)]
    call_log = CallLog(entity_count=40)
    outcomes = carry_out(client, call_log, jobs("pause", "offer", [offer.key for offer in offers]))
    assert kinds(outcomes) == [Applied] * 40
    assert (call_log.writes, call_log.reads) == ([("offers.set_status", 40)], ["offers.list"])
    assert not any(active(world, offer) for offer in offers)


def test_a_thousand_pauses_are_a_dozen_calls(world, client):
    offers = [world.offer(f"Offer {number}") for number in range(1000)]
    carry_out(client, CallLog(entity_count=1000), jobs("pause", "offer", [offer.key for offer in offers]))
    assert len(world.log.find()) <= 12


def listed(offers):
    return {offer.key: position for position, offer in enumerate(offers)}


def test_a_few_of_a_large_network_are_looked_for_where_they_were(world, client):
    offers = [world.offer(f"Offer {number}") for number in range(1000)]
    call_log = CallLog(entity_count=1000, positions=listed(offers))
    outcomes = carry_out(client, call_log, jobs("pause", "offer", [offer.key for offer in offers[505:605]]))
    assert (kinds(outcomes), call_log.reads) == ([Applied] * 100, ["offers.list"] * 2)


@pytest.mark.parametrize("moved_by", [1, 40, 150, 999])
def test_a_list_that_has_moved_since_is_read_until_everything_is_found(world, client, moved_by):
    offers = [world.offer(f"Offer {number}") for number in range(1000)]
    positions = {key: (position + moved_by) % 1000 for key, position in listed(offers).items()}
    call_log = CallLog(entity_count=1000, positions=positions)
    outcomes = carry_out(client, call_log, jobs("pause", "offer", [offer.key for offer in offers[300:330]]))
    assert kinds(outcomes) == [Applied] * 30
    assert len(call_log.reads) <= 1 + 10  # a page in vain at most


def test_one_that_nobody_has_seen_is_read_by_itself(world, client):
    offers = [world.offer(f"Offer {number}") for number in range(400)]
    call_log = CallLog(entity_count=399, positions=listed(offers[:399]))
    outcomes = carry_out(
        client, call_log, jobs("pause", "offer", [offer.key for offer in (offers[7], offers[8], offers[399])])
    )
    assert (kinds(outcomes), call_log.reads) == ([Applied] * 3, ["offers.list", "offers.get"])


def test_an_offer_may_be_named_by_its_small_number(world, client, call_log):
    offer = world.offer(active=True)
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", [str(offer.number)]))
    assert isinstance(outcome, Applied)
    assert not active(world, offer)


def test_a_bulk_call_that_was_half_done_leaves_the_rest_for_another_try(world, client):
    offers = [world.offer(f"Offer {number}", active=True) for number in range(10)]
    world.faults.add({"kind": "partial_bulk", "share": 0.5})
    outcomes = carry_out(client, CallLog(entity_count=10), jobs("pause", "offer", [offer.key for offer in offers]))
    assert kinds(outcomes) == [Applied] * 5 + [RetryLater] * 5


def test_what_is_never_done_is_given_up_with_the_reason(world, client, call_log):
    offer = world.offer(active=True)
    world.faults.add({"kind": "partial_bulk", "share": 0.0})
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", [offer.key], attempts=5))
    assert isinstance(outcome, Failed)
    assert "accepted the change 5 times" in outcome.error


def test_a_target_that_is_refused_fails_alone(world, client):
    offers = [world.offer(f"Offer {number}", active=True) for number in range(9)]
    targets = [*(offer.key for offer in offers), "n0such0ffr"]
    world.faults.add({"kind": "refused_ids", "ids": ["n0such0ffr"], "status": 400})
    outcomes = carry_out(client, CallLog(entity_count=9), jobs("pause", "offer", targets))
    assert kinds(outcomes) == [Applied] * 9 + [Failed]


def test_a_target_that_fails_with_402_waits_for_a_person(world, client):
    offers = [world.offer(f"Offer {number}", active=True) for number in range(4)]
    world.faults.add({"kind": "refused_ids", "ids": [offers[2].key], "status": 402})
    outcomes = carry_out(client, CallLog(entity_count=4), jobs("pause", "offer", [offer.key for offer in offers]))
    assert kinds(outcomes) == [Applied, Applied, RetryLater, Applied]
    assert outcomes[2].wait >= 60


def test_what_was_accepted_and_cannot_be_seen_is_unknown(world, client):
    offer = world.offer(active=True)
    outcomes = carry_out(client, CallLog(entity_count=2), jobs("pause", "offer", [offer.key, "n0such0ffr"]))
    assert kinds(outcomes) == [Applied, Ambiguous]


def test_what_could_not_be_seen_is_not_sent_again(world, client, call_log):
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", ["n0such0ffr"], ambiguous=True, attempts=9))
    assert (type(outcome), outcome.wait, call_log.writes) == (Ambiguous, 512.0, [])


def test_it_is_settled_by_its_other_id(world, client, call_log):
    offer = world.offer(active=False)
    [outcome] = carry_out(
        client, call_log, jobs("pause", "offer", ["n0such0ffr"], ambiguous=True, other_id=str(offer.number))
    )
    assert isinstance(outcome, Applied)


def test_a_pause_that_was_sent_and_not_read_back_is_not_sent_again(world, client, call_log):
    offer = world.offer(active=True)
    world.faults.add({"kind": "status", "status": 503, "operation": "offers.get"})
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", [offer.key]))
    assert isinstance(outcome, Ambiguous)


def test_a_write_that_met_a_server_error_is_read_before_it_is_repeated(world, client, call_log):
    offer = world.offer(active=True)
    world.faults.add({"kind": "status", "status": 503, "when": "after", "operation": "offers.set_status", "count": 9})
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", [offer.key]))
    assert isinstance(outcome, Ambiguous)


def test_a_pause_whose_answer_was_lost_is_settled_by_reading(world, client, call_log):
    offer = world.offer(active=False)
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", [offer.key], ambiguous=True))
    assert isinstance(outcome, Applied)
    assert call_log.writes == []


def test_when_integr8_refuses_the_key_the_effects_wait_for_a_person(world, client, call_log):
    offer = world.offer()
    world.faults.add({"kind": "status", "status": 401})
    [outcome] = carry_out(client, call_log, jobs("pause", "offer", [offer.key]))
    assert isinstance(outcome, RetryLater)
    assert outcome.wait >= 60


# --- ensure ----------------------------------------------------------------------------------------


def ensure(kind, key, wanted, **more):
    return [Job(id=1, verb="ensure", kind=kind, target_id=str(key), key=key, wanted=wanted, **more)]


def test_what_is_missing_is_created(world, client, call_log):
    work = ensure("publisher", {"email": "ann@example.com"}, {"name": "Ann", "country": "DE"})
    [outcome] = carry_out(client, call_log, work)
    assert outcome.result["created"] is True
    [made] = world.directory.publishers.living()
    assert (made.view()["email"], made.view()["country"], made.key) == ("ann@example.com", "DE", outcome.result["id"])


def test_what_is_there_and_right_is_left_alone(world, client, call_log):
    world.publisher("Ann", email="Ann@Example.com", country="DE")
    [outcome] = carry_out(client, call_log, ensure("publisher", {"email": "ann@example.com"}, {"country": "DE"}))
    assert isinstance(outcome, Skipped)
    assert call_log.writes == []


def test_only_what_differs_is_changed_and_the_old_value_is_kept(world, client, call_log):
    world.publisher("Ann", email="ann@example.com", country="DE", city="Bonn")
    [outcome] = carry_out(
        client, call_log, ensure("publisher", {"email": "ann@example.com"}, {"country": "FR", "city": "Bonn"})
    )
    assert outcome.result["prior"] == {"country": "DE"}
    assert outcome.result["changed"] == ["country"]


def test_a_key_that_two_share_is_nobodys(world, client, call_log):
    world.publisher("Ann", email="ann@example.com")
    world.publisher("Bob", email="ann@example.com")
    [outcome] = carry_out(client, call_log, ensure("publisher", {"email": "ann@example.com"}, {"country": "FR"}))
    assert isinstance(outcome, Failed)
    assert "a natural key must name one" in outcome.error


def test_a_create_whose_answer_was_lost_is_unknown_and_then_found(world, client, call_log):
    world.faults.add({"kind": "drop", "when": "after", "operation": "publishers.create", "count": 1})
    work = ensure("publisher", {"email": "ann@example.com"}, {"name": "Ann"})
    [first] = carry_out(client, call_log, work)
    assert isinstance(first, Ambiguous)
    [second] = carry_out(
        client, call_log, ensure("publisher", {"email": "ann@example.com"}, {"name": "Ann"}, ambiguous=True)
    )
    assert isinstance(second, Applied)
    assert len(list(world.directory.publishers.living())) == 1


def test_while_nobody_answers_one_effect_asks_and_the_rest_wait(world, client, call_log):
    world.faults.add({"kind": "drop", "when": "before", "operation": "publishers.*"})
    people = [{"email": f"{name}@example.com"} for name in ("ann", "bob", "cid")]
    work = [replace(*ensure("publisher", key, {"name": "x"}), id=number) for number, key in enumerate(people)]
    first, *others = carry_out(client, call_log, work)
    assert [one.error.startswith("not tried") for one in (first, *others)] == [False, True, True]


def test_an_unsettled_effect_that_was_not_tried_is_still_unsettled(world, client, call_log):
    world.faults.add({"kind": "drop", "when": "before", "operation": "publishers.*"})
    work = [replace(*ensure("publisher", {"email": "a@b.example"}, {}, ambiguous=True), id=number) for number in (1, 2)]
    assert kinds(carry_out(client, call_log, work))[1] is Ambiguous


def test_a_generated_password_is_handed_over_and_nowhere_else(world, client, call_log):
    wanted = {"role": "accountManager", "password": passwords.GENERATED}
    [outcome] = carry_out(client, call_log, ensure("user", {"email": "ann@example.com"}, wanted))
    password = outcome.result["$secret"]["password"]
    assert len(password) == 20
    assert password not in repr(call_log.writes)


def test_a_login_whose_password_was_lost_with_the_answer_gets_a_new_one(world, client, call_log):
    wanted = {"role": "accountManager", "password": passwords.GENERATED}
    world.faults.add({"kind": "drop", "when": "after", "operation": "users.create", "count": 1})
    carry_out(client, call_log, ensure("user", {"email": "ann@example.com"}, wanted))
    [outcome] = carry_out(client, call_log, ensure("user", {"email": "ann@example.com"}, wanted, ambiguous=True))
    assert outcome.result["$secret"]["password"]
    assert ("users.update", 1) in call_log.writes


def test_a_landing_page_is_found_below_its_offer(world, client, call_log):
    offer = world.offer()
    key = {"offer": offer.key, "name": "Summer"}
    [outcome] = carry_out(client, call_log, ensure("landing_page", key, {"redirect_url": "https://example.com/summer"}))
    assert outcome.result["created"] is True
    [again] = carry_out(client, call_log, ensure("landing_page", key, {"redirect_url": "https://example.com/summer"}))
    assert isinstance(again, Skipped)


# --- update, archive, call -------------------------------------------------------------------------


def test_an_update_sends_only_what_differs_and_keeps_the_old_value(world, client, call_log):
    offer = world.offer(visibility="Public")
    work = [Job(id=1, verb="update", kind="offer", target_id=offer.key, wanted={"visibility": "Private"})]
    [outcome] = carry_out(client, call_log, work)
    assert outcome.result["prior"] == {"visibility": "Public"}
    assert world.directory.offers.get(offer.key).view()["visibility"] == "Private"


def test_archiving_twice_is_archiving_once(world, client, call_log):
    offer = world.offer()
    work = [Job(id=1, verb="archive", kind="offer", target_id=offer.key, wanted={"archived": True})]
    assert kinds(carry_out(client, call_log, work)) == [Applied]
    assert kinds(carry_out(client, call_log, work)) == [Skipped]


def test_a_call_whose_answer_was_lost_is_never_made_again(world, client, call_log):
    work = [Job(id=1, verb="call", kind="offers.delete", target_id="event=1", wanted={}, ambiguous=True)]
    [outcome] = carry_out(client, call_log, work)
    assert isinstance(outcome, Failed)
    assert world.log.find() == []

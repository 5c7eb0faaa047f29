"""Name look-ups, Apify and the email checkers answer what is so, in their own words, and bill it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from ipaddress import ip_address

import pytest
from town_companies import an_officer, companies, some_site, visit

from penstock.town.business import odds
from penstock.town.business.profiles import profile_url

TOKEN = {"Authorization": "Bearer apify_1"}
PROFILES = "/apify/v2/actors/penstock~profile-scraper/runs"


# --- names -----------------------------------------------------------------------------------------------------------
async def ask(bench, name: str, kind: str = "A") -> tuple[str, list[str]]:
    found = (await bench.client.get("/town/dns", params={"name": name, "type": kind})).json()
    assert set(found) == {"status", "answers"}
    return found["status"], found["answers"]


async def test_names_of_companies_lead_to_public_addresses_and_their_mail_server(bench):
    company, _ = an_officer(bench)
    status, (address,) = await ask(bench, company.domain.upper() + ".")
    assert status == "NOERROR" and ip_address(address).is_global
    assert await ask(bench, company.domain, "MX") == ("NOERROR", [f"10 mx.{company.domain}"])
    assert (await ask(bench, f"mx.{company.domain}"))[0] == "NOERROR"
    assert await ask(bench, f"intranet.{company.domain}") == ("NOERROR", ["10.0.0.5"])
    assert await ask(bench, f"nowhere.{company.domain}") == ("NXDOMAIN", [])
    assert await ask(bench, "lakemail.example", "MX") == ("NOERROR", ["10 mx.lakemail.example"])
    assert await ask(bench, "gmail.com") == ("NXDOMAIN", [])
    assert (await bench.client.get("/town/dns", params={"name": "x", "type": "TXT"})).status_code == 400


@pytest.mark.parametrize(
    ("state", "address", "exchange"),
    [
        ("no_mx", "NOERROR", ("NODATA", [])),
        ("null_mx", "NOERROR", ("NOERROR", ["0 ."])),
        ("nxdomain", "NXDOMAIN", ("NXDOMAIN", [])),
        ("servfail", "SERVFAIL", ("SERVFAIL", [])),
    ],
)
async def test_some_domains_have_no_way_in(bench, state, address, exchange):
    company = next(company for company in companies(bench) if company.domain_state == state)
    assert (await ask(bench, company.domain))[0] == address
    assert await ask(bench, company.domain, "MX") == exchange


# --- Apify -----------------------------------------------------------------------------------------------------------
async def start(bench, urls: list[str], path: str = PROFILES, **query: object):
    return await bench.client.post(path, params=query, headers=TOKEN, json={"urls": urls})


def members(bench, count: int) -> list[str]:
    """Profile URLs of officers of now who are on LinkedIn."""
    now = bench.state.clock.now()
    people = [t.person for c in companies(bench, 200) for t in c.terms if t.holds(now) and t.on_profile(now)]
    found = [p for p in people if bench.state.dice.chance(odds.ON_LINKEDIN, "on linkedin", p.id)]
    return list(dict.fromkeys(map(profile_url, found)))[:count]


async def test_a_run_goes_from_ready_to_its_end_with_the_clock_and_tells_its_webhook(bench):
    hook = {
        "eventTypes": ["ACTOR.RUN.SUCCEEDED"],
        "requestUrl": f"{bench.product.url}/cal",
        "headersTemplate": '{"Authorization": "Bearer s3"}',
    }
    urls = members(bench, 3)
    answer = await start(bench, urls, webhooks=base64.b64encode(json.dumps([hook]).encode()).decode())
    run = answer.json()["data"]
    assert (answer.status_code, run["status"], run["actId"]) == (201, "READY", "penstock~profile-scraper")

    async def status() -> str:
        shown = await bench.client.get(f"/apify/v2/actor-runs/{run['id']}", headers=TOKEN)
        return str(shown.json()["data"]["status"])

    bench.state.clock.put(bench.state.clock.now() + timedelta(minutes=2))
    assert await status() == "RUNNING"
    assert (await bench.client.get(f"/apify/v2/datasets/{run['defaultDatasetId']}/items", headers=TOKEN)).json() == []
    await bench.advance(minutes=20)
    assert await status() == "SUCCEEDED"
    ((body, headers),) = bench.product.bookings
    told = json.loads(body)
    assert (told["eventType"], told["eventData"]["actorRunId"]) == ("ACTOR.RUN.SUCCEEDED", run["id"])
    assert headers["authorization"] == "Bearer s3"
    grade = bench.state.truth.grade()
    assert grade["billed"]["apify"] == {"calls": 1, "items": 3, "cents": 1.5}
    assert grade["business"]["pages"]["profile"] == {"fetched": 3, "twice": 0}


async def test_waiting_ends_a_run_at_once_and_its_items_come_in_pages(bench):
    urls = members(bench, 5)
    run = (await start(bench, [*urls, "https://www.linkedin.com/in/nobody-here-1"], waitForFinish=30)).json()["data"]
    assert run["status"] == "SUCCEEDED" and run["usageTotalUsd"] == 0.025
    path = f"/apify/v2/actor-runs/{run['id']}/dataset/items"
    page = await bench.client.get(path, params={"offset": 4, "limit": 2, "token": "apify_1"})
    assert [item["url"] for item in page.json()] == [urls[4], "https://www.linkedin.com/in/nobody-here-1"]
    assert page.json()[1]["error"] == "not_found"
    counts = {name: page.headers[f"x-apify-pagination-{name}"] for name in ("total", "offset", "limit", "count")}
    assert counts == {"total": "6", "offset": "4", "limit": "2", "count": "2"}
    assert bench.state.truth.grade()["billed"]["apify"]["items"] == 5
    await start(bench, [url.upper() for url in urls[:2]], PROFILES.replace("actors", "acts"), waitForFinish=1)
    assert bench.state.truth.grade()["paid_twice"] == 2
    assert bench.state.truth.grade()["business"]["pages"]["profile"]["twice"] == 2


async def test_a_profile_says_where_somebody_works_now_and_not_where_they_worked(bench):
    now = bench.state.clock.now()
    company, term = next(
        (company, term)
        for company in companies(bench)
        for term in company.terms
        if term.on_profile(now) and term.profile_until and bench.state.companies.shared(company.number) is None
        and bench.state.dice.chance(odds.ON_LINKEDIN, "on linkedin", term.person.id)
    )  # fmt: skip
    sync = PROFILES.replace("/runs", "/run-sync-get-dataset-items")
    answer = await start(bench, [profile_url(term.person)], sync)
    assert answer.status_code == 201
    assert answer.json() == [
        {
            "url": profile_url(term.person),
            "fullName": term.person.name,
            "headline": f"{term.title} at {company.short}",
            "company": company.short,
            "companyUrl": company.linkedin_url,
            "title": term.title,
        }
    ]
    bench.state.clock.put(term.profile_until)
    (item,) = (await start(bench, [profile_url(term.person)], sync)).json()
    assert (item["fullName"], item["company"], item["title"]) == (term.person.name, "", "")
    pages = (await start(bench, [company.linkedin_url], sync.replace("profile", "company"))).json()
    assert pages[0]["website"] == f"https://{company.domain}"
    assert term.person.name not in [person["fullName"] for person in pages[0]["people"]]


async def test_a_run_that_fails_half_way_keeps_and_bills_what_it_had(bench):
    await bench.client.put("/town/faults", json={"apify": {"run_failed": 1.0}})
    urls = members(bench, 4)
    run = (await start(bench, urls, waitForFinish=60)).json()["data"]
    assert run["status"] == "FAILED" and run["statusMessage"]
    items = await bench.client.get(f"/apify/v2/datasets/{run['defaultDatasetId']}/items", headers=TOKEN)
    assert [item["url"] for item in items.json()] == urls[:2]
    assert bench.state.truth.grade()["billed"]["apify"]["items"] == 2
    await bench.client.put("/town/faults", json={})
    assert (await start(bench, urls[2:], waitForFinish=60)).json()["data"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("token", "path", "status", "kind"),
    [
        ("bad", PROFILES, 401, "user-or-token-not-found"),
        ("nocredit", PROFILES, 402, "not-enough-usage-to-run-paid-actor"),
        ("good", "/apify/v2/acts/acme~nothing/runs", 404, "record-not-found"),
    ],
)
async def test_apify_refuses_in_its_own_shape(bench, token, path, status, kind):
    answer = await bench.client.post(path, params={"token": token}, json={"urls": ["https://x.example"]})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    await bench.client.put("/town/faults", json={"apify": {"rate_429": 1.0}})
    busy = await start(bench, ["https://x.example"])
    assert (busy.status_code, busy.json()["error"]["type"]) == (429, "rate-limit-exceeded")


async def test_the_website_actor_reads_the_page_that_a_visitor_sees(bench):
    site = some_site(bench)
    url = f"https://www.{site.company.domain}/news"
    path = "/apify/v2/acts/penstock~website-scraper/run-sync-get-dataset-items"
    (item,) = (await start(bench, [url], path)).json()
    assert item == {"url": url, "html": (await visit(bench, site, "/news")).text, "statusCode": 200}


# --- email checkers --------------------------------------------------------------------------------------------------
async def zerobounce(bench, email: str, key: str = "k") -> dict:
    return (await bench.client.get("/zerobounce/v2/validate", params={"api_key": key, "email": email})).json()


async def neverbounce(bench, email: str, key: str = "k"):
    return await bench.client.get("/neverbounce/v4.2/single/check", params={"key": key, "email": email})


async def millionverifier(bench, email: str, key: str = "k") -> dict:
    return (await bench.client.get("/millionverifier/api/v3/", params={"api": key, "email": email})).json()


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No vendor is ever wrong or unsure."""
    monkeypatch.setattr(odds, "CHECK_UNKNOWN", dict.fromkeys(odds.CHECK_UNKNOWN, 0.0))
    sure = {"live": "valid", "dead": "invalid", "late": "invalid", "full": "full", "catch_all": "catch_all"}
    monkeypatch.setattr(odds, "CHECK_SAYS", {state: {says: 1.0} for state, says in sure.items()})


async def test_three_vendors_say_the_same_of_one_mailbox_in_their_own_words(bench, exact):
    company, term = an_officer(bench)
    catch_all, _ = an_officer(bench, catch_all=True)
    no_mx = next(company for company in companies(bench) if company.domain_state == "null_mx")
    household = bench.someone().mailboxes[0].email
    said = {}
    for email in (
        term.person.mailboxes[0].email,
        f"nobody@{company.domain}",
        f"anybody@{catch_all.domain}",
        f"info@{no_mx.domain}",
        household,
        "no address",
    ):
        zero, never, million = (
            await zerobounce(bench, email),
            (await neverbounce(bench, email)).json(),
            await millionverifier(bench, email),
        )
        assert zero["address"] == million["email"] == email
        said[email] = (zero["status"], zero["sub_status"], never["result"], million["result"], million["resultcode"])
    assert list(said.values()) == [
        ("valid", "", "valid", "ok", 1),
        ("invalid", "mailbox_not_found", "invalid", "invalid", 6),
        ("catch-all", "", "catchall", "catch_all", 2),
        ("invalid", "no_dns_entries", "invalid", "invalid", 6),
        ("valid", "", "valid", "ok", 1),
        ("invalid", "failed_syntax_check", "invalid", "invalid", 6),
    ]
    billed = bench.state.truth.grade()["billed"]
    assert [billed[name]["items"] for name in ("zerobounce", "neverbounce", "millionverifier")] == [6, 6, 5]


async def test_a_mailbox_stops_being_valid_some_days_after_its_owner_has_left(bench, exact):
    _, term = next(
        (company, term)
        for company in companies(bench)
        for term in company.terms
        if term.until and term.holds(bench.state.clock.now()) and term.person.mailboxes[0].state == "live"
        and not (company.catch_all or company.greylists) and company.domain_state == "mx"
    )  # fmt: skip
    email = term.person.mailboxes[0].email
    assert (await zerobounce(bench, email))["status"] == "valid"
    bench.state.clock.put(term.mailbox_ends)
    assert (await zerobounce(bench, email))["status"] == "invalid"


async def test_bad_keys_get_each_vendors_own_error_and_cost_nothing(bench):
    assert "error" in await zerobounce(bench, "a@b.example", "bad")
    credit = await bench.client.get("/zerobounce/v2/getcredits", params={"api_key": "bad"})
    assert credit.json() == {"Credits": "-1"}
    sent = {"api_key": "bad", "email_batch": [{"email_address": "a@b.example"}]}
    batch = (await bench.client.post("/zerobounce/v2/validatebatch", json=sent)).json()
    assert batch["email_batch"] == [] and batch["errors"][0]["email_address"] == "all"
    never = await neverbounce(bench, "a@b.example", "bad")
    assert (never.status_code, never.json()["status"]) == (200, "auth_failure")
    million = await millionverifier(bench, "a@b.example", "bad")
    assert (million["result"], million["resultcode"]) == ("error", 4) and million["error"]
    await bench.client.put("/town/faults", json={"neverbounce": {"rate_429": 1.0}, "zerobounce": {"rate_500": 1.0}})
    assert (await neverbounce(bench, "a@b.example")).json()["status"] == "throttle_triggered"
    asked = await bench.client.get("/zerobounce/v2/validate", params={"api_key": "k", "email": "a@b.example"})
    assert asked.status_code == 500
    assert bench.state.truth.grade()["billed"] == {}


async def test_zerobounce_answers_batches_and_asks_to_come_back_about_a_greylist(bench, exact):
    company, term = an_officer(bench, greylists=True)
    email = term.person.mailboxes[0].email
    assert set(await zerobounce(bench, email)) == {"message"}
    sent = {
        "api_key": "k",
        "email_batch": [{"email_address": email, "ip_address": ""}, {"email_address": f"x@{company.domain}"}],
    }
    answers = (await bench.client.post("/zerobounce/v2/validatebatch", json=sent)).json()
    assert [(item["address"], item["status"], item["sub_status"]) for item in answers["email_batch"]] == [
        (email, "valid", ""),
        (f"x@{company.domain}", "unknown", "greylisted"),
    ]
    assert answers["errors"] == []
    assert bench.state.truth.grade()["billed"]["zerobounce"]["items"] == 1


async def test_checkers_are_wrong_about_a_few_mailboxes_and_unsure_about_some(bench):
    now = bench.state.clock.now()
    found = {"valid": 0, "invalid": 0, "unknown": 0}
    for company in companies(bench, 250):
        if company.domain_state == "mx" and not company.catch_all:
            for term in company.terms:
                at_home = term.person.home == company.stem  # some sit at a neighbour's, too
                if at_home and term.holds(now) and term.person.mailboxes[0].state == "live":
                    found[(await neverbounce(bench, term.person.mailboxes[0].email)).json()["result"]] += 1
    total = sum(found.values())
    assert total > 400 and found["valid"] / total > 0.92
    assert 0 < found["invalid"] / total < 0.05 and 0 < found["unknown"] / total < 0.07

"""What an import makes of the values of a file: places, owners, contact points, suppressions, a diary."""

import io
from dataclasses import replace

from import_cast import as_csv, ask, outcomes, row, take

from penstock.core.context import Context
from penstock.intake.service import import_file


async def test_later_values_win_and_empty_ones_do_not(ctx: Context) -> None:
    await take(
        ctx,
        as_csv(
            [
                row(1)
                | {"Est. Value": 1}
                | {"Est. Value": 300_000, "Last Sale Amount": 90_000, "Last Sale Recording Date": "2015-01-01"}
            ]
        ),
    )
    await take(
        ctx,
        as_csv([row(1) | {"Est. Value": "", "Last Sale Amount": 200_000, "Last Sale Recording Date": "2020-01-01"}]),
    )
    await take(
        ctx,
        as_csv(
            [row(1) | {"Est. Value": 350_000, "Last Sale Amount": 90_000, "Last Sale Recording Date": "2015-01-01"}]
        ),
    )
    (found,) = await ask(ctx, "select property_value, last_sale_price, last_sale_date::text as day from app.properties")
    assert (found["property_value"], found["last_sale_price"], found["day"]) == (350_000, 200_000, "2020-01-01")


async def test_rows_of_one_place_are_folded_before_they_are_written(ctx: Context) -> None:
    many = [
        row(1) | {"Est. Value": 100, "Last Sale Amount": 5, "Last Sale Recording Date": "2020-01-01"},
        row(1)
        | {
            "Est. Value": "",
            "Mailing Address": "PO Box 9",
            "Mailing City": "Ocala",
            "Mailing State": "FL",
            "Mailing Zip": "34470",
        },
        row(1)
        | {
            "Est. Value": 300,
            "Last Sale Amount": 3,
            "Last Sale Recording Date": "2010-01-01",
            "Owner 1 Last Name": "Newer",
        },
    ]
    await take(ctx, as_csv(many))
    (found,) = await ask(
        ctx, "select property_value, last_sale_price, mailing_line1, owner_last_name from app.properties"
    )
    assert found == {
        "property_value": 300,
        "last_sale_price": 5,
        "mailing_line1": "PO Box 9",
        "owner_last_name": "Newer",
    }


async def test_one_owner_of_three_places_is_one_contact(ctx: Context) -> None:
    home = {
        "Mailing Address": "PO BOX 10",
        "Mailing City": "Ocala",
        "Mailing State": "FL",
        "Mailing Zip": "34470",
        "Owner 1 Last Name": "Sample",
    }
    await take(
        ctx, as_csv([row(1) | home, row(2) | home, row(3) | {k: str(v).upper() for k, v in home.items()}, row(4)])
    )
    owners = await ask(
        ctx, "select contact_id, count(*) as places from app.leads group by contact_id order by places desc"
    )
    assert [owner["places"] for owner in owners] == [3, 1]


async def test_phones_and_emails_are_sealed_points_of_the_owner(ctx: Context) -> None:
    contact = {
        "Phone 1": "(813) 555-0100",
        "Phone 1 Type": "Mobile",
        "Phone 1 DNC": "Yes",
        "Email 1": "Ada@Example.com",
    }
    data = as_csv([row(1) | contact])
    await take(ctx, data)
    await take(ctx, data)
    points = await ask(
        ctx, "select kind, value, line_type, dnc_listed, source, verified from app.contact_points order by kind"
    )
    assert [(p["kind"], ctx.sealer.open(1, p["value"])) for p in points] == [
        ("email", "ada@example.com"),
        ("phone", "+18135550100"),
    ]
    assert all(p["value"].startswith("s1.") and p["source"] == "propstream" and not p["verified"] for p in points)
    assert (points[1]["line_type"], points[1]["dnc_listed"], points[0]["dnc_listed"]) == ("mobile", True, None)


async def test_a_phone_without_a_name_still_has_an_owner(ctx: Context) -> None:
    await take(ctx, b"address,zip,phone\n1 A St,33602,8135550100\n")
    (found,) = await ask(ctx, "select p.kind from app.leads l join app.contact_points p on p.contact_id = l.contact_id")
    assert found["kind"] == "phone"


async def test_litigators_are_suppressed_and_the_deceased_wait_for_review(ctx: Context) -> None:
    data = as_csv(
        [
            row(1) | {"Litigator": "Yes", "Phone 1": "8135550100"},
            row(2) | {"Deceased Owner": "Yes", "Do Not Mail": "Yes"},
            row(3),
        ]
    )
    await take(ctx, data)
    await take(ctx, data)
    closed = await ask(ctx, "select kind, reason, method from app.suppressions order by kind")
    assert [(c["kind"], c["reason"], c["method"]) for c in closed] == [
        ("contact", "SUPP_LEGAL", "file"),
        ("phone", "SUPP_LEGAL", "file"),
    ]
    marks = await ask(
        ctx,
        "select is_litigator, is_deceased, do_not_mail, needs_review_since is not null as waits "
        "from app.contacts order by last_name",
    )
    assert [tuple(m.values()) for m in marks] == [
        (True, False, False, False),
        (False, True, True, True),
        (False, False, False, False),
    ]


async def test_a_sold_house_gets_its_new_owner_unless_somebody_was_written_to(ctx: Context) -> None:
    await take(ctx, as_csv([row(1), row(2)]))
    await ask(
        ctx,
        "update app.leads set campaign_status = 'queued' from app.properties p "
        "where p.id = property_id and p.address_line1 like '2 %' returning 1",
    )
    await take(ctx, as_csv([row(n) | {"Owner 1 Last Name": "Buyer"} for n in (1, 2)]))
    owners = await ask(
        ctx,
        "select c.last_name from app.leads l join app.contacts c on c.id = l.contact_id "
        "join app.properties p on p.id = l.property_id order by p.address_line1",
    )
    assert [owner["last_name"] for owner in owners] == ["Buyer", "Sample2"]


async def test_what_one_playbook_has_read_is_news_to_another(ctx: Context) -> None:
    both = replace(ctx, playbooks={**ctx.playbooks, "other": ctx.playbooks["equity"]})
    sold = as_csv([row(1) | {"Owner 1 Last Name": "Buyer"}])
    await take(both, as_csv([row(1)]))
    await import_file(both, 1, stream=io.BytesIO(sold), playbook="other")
    await take(both, sold)
    owners = await ask(ctx, "select c.last_name from app.leads l join app.contacts c on c.id = l.contact_id")
    assert [owner["last_name"] for owner in owners] == ["Buyer", "Buyer"]


async def test_two_parcels_at_one_address_are_two_places_and_stay_two(ctx: Context) -> None:
    data = as_csv([row(1, APN="A-1"), row(1, APN="A-2")])
    assert outcomes(await take(ctx, data)) == (2, 0, 0, 0)
    assert outcomes(await take(ctx, data)) == (0, 2, 0, 0)
    keys = await ask(ctx, "select apn, addr_hash from app.properties order by apn")
    assert [key["apn"] for key in keys] == ["A1", "A2"]
    assert keys[0]["addr_hash"] and keys[1]["addr_hash"].startswith("shared:")


async def test_each_lead_has_its_diary_and_the_next_stage_is_woken_once(ctx: Context) -> None:
    await take(ctx, as_csv([row(1), row(2)]))
    await take(ctx, as_csv([row(1) | {"Est. Value": 1}, row(2)]))
    told = await ask(
        ctx, "select event_type, count(*) as n, count(lead_id) as leads from app.pipeline_events group by 1 order by 1"
    )
    assert [(t["event_type"], t["n"], t["leads"]) for t in told] == [
        ("dedupe_success", 2, 2),
        ("lead_updated", 1, 1),
        ("upload_received", 2, 2),
    ]
    jobs = await ask(
        ctx, "select task_name, count(*) as n from public.procrastinate_jobs where status = 'todo' group by 1"
    )
    assert {job["task_name"]: job["n"] for job in jobs} == {
        "pump.enrichment": 1,
        "pump.verification": 1,
        "pump.scoring": 1,
    }

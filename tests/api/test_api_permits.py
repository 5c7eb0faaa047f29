"""Permits over HTTP."""

import json
from typing import TYPE_CHECKING, Any

import httpx

from permit_sheets import line, sheet

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]


async def test_a_file_is_sent_and_its_permits_are_listed(cast: "Cast", client: httpx.AsyncClient) -> None:
    as_ada, as_bea = cast.headers("Ada"), cast.headers("Bea")
    days = ["2024-03-09", "2024-03-09", "2024-05-01", "2071-01-01"]
    body = sheet(*(line(Permit__=str(n), Date_Issued=day) for n, day in enumerate(days, start=1))).getvalue()
    sent = await client.post("/v1/permits/import", content=body, headers=as_ada, params={"name": "march.csv"})
    assert sent.status_code == 200, sent.text
    told = sent.json()
    assert (told["source"], told["read"], told["new"], told["refused"]) == ("nashville", 4, 3, 1)
    refused = await client.get(f"/v1/uploads/{told['upload_id']}/rejected.csv", headers=as_ada)
    assert "between 1950 and today" in refused.text

    async def seen(**query: Any) -> list[dict[str, Any]]:
        answer = await client.get("/v1/permits", params=query, headers=as_bea)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    whole = await seen(city="nashville", work="reroof")
    assert [one["permit_date"] for one in whole] == ["2024-05-01", "2024-03-09", "2024-03-09"]
    page = await seen(limit=2)
    assert page + await seen(before=page[-1]["id"]) == whole
    assert await seen(since="2024-05-02") == await seen(work="solar") == await seen(unmatched=True) == []
    unknown = await client.get("/v1/permits", params={"work": "nonsense"}, headers=as_bea)
    assert unknown.status_code == 422 and "roof_repair" in unknown.text
    shown = await client.get(f"/v1/permits/{whole[0]['id']}", headers=as_bea)
    assert (shown.json()["apn"], shown.json()["subdivision"]) == ("00100200300", "OAK HILL")
    assert "615-555-0199" not in shown.text + json.dumps(whole)
    assert (await client.get("/v1/permits/999", headers=as_bea)).status_code == 404
    (austin,) = [
        one
        for one in (await client.get("/v1/permits/sources", headers=as_ada)).json()
        if one["source"] == "austin"
    ]  # fmt: skip
    assert (austin["portal"], austin["followed"]) == ("data.austintexas.gov", False)


async def test_a_source_is_named_over_http_never_a_file_of_the_server(cast: "Cast", client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/permits/import", content=b"a,b\n1,2\n", headers=cast.headers("Ada"), params={"source": "/etc/x.yaml"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_another_org_sees_none_of_them(cast: "Cast", client: httpx.AsyncClient) -> None:
    await client.post("/v1/permits/import", content=sheet(line()).getvalue(), headers=cast.headers("Ada"))
    (one,) = (await client.get("/v1/permits", headers=cast.headers("Bea"))).json()
    assert (await client.get("/v1/permits", headers=cast.headers("Mallory"))).json() == []
    assert (await client.get(f"/v1/permits/{one['id']}", headers=cast.headers("Mallory"))).status_code == 404

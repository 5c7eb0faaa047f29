"""Pictures from above: what is asked, what square of ground it is, and what is no picture."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from math import asin, cos, radians, sin, sqrt
from zlib import crc32

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydantic import SecretStr

from penstock.core.errors import InvalidInput, NotConfigured, ProviderBusy, ProviderError, ProviderRefused
from penstock.core.http import ProviderUnclear, make_client
from penstock.core.settings import GoogleMapsVendor, MapboxVendor, Settings, Vendors
from penstock.providers import Account
from penstock.providers.imagery import REGISTRY, Image, NoImage, Spot, connect, google_maps, mapbox, naip, nearmap
from penstock.providers.imagery.inspection import MAX_BYTES, inspect
from penstock.providers.imagery.words import EARTH_M, SIZE_PX, as_raw, box, of_raw, tiles_of
from penstock.town.aerial import of_mercator
from penstock.town.app import make_app
from penstock.town.state import TownState, new_state

HERE = Spot(30.27, -97.74)
ACCOUNT = Account("https://vendor.example", "k-1")
spots = st.builds(Spot, st.floats(-70, 70), st.floats(-179, 179))


def picture(size: tuple[int, int] = (SIZE_PX, SIZE_PX), kind: str = "JPEG", *, plain: bool = False) -> bytes:
    """A picture with something on it, or of one colour."""
    made = Pillow.new("RGB", size, (0, 0, 0))
    if not plain:
        made.paste((200, 180, 160), (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    made.save(out, kind)
    return out.getvalue()


@asynccontextmanager
async def in_town() -> AsyncIterator[tuple[httpx.AsyncClient, TownState]]:
    state = new_state(7, patience=0.1)
    state.clock.put(datetime(2026, 11, 30, 17, tzinfo=UTC))
    async with make_client(transport=httpx.ASGITransport(make_app(state))) as client:
        yield client, state
    await state.post.close()


def at(vendor: str, key: str = "a-key") -> Account:
    return Account(f"http://town.test/{vendor}", key)


def apart_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two (latitude, longitude) on the sphere that web maps draw."""
    (lat, lng), (lat2, lng2) = one, other
    half = sin(radians(lat2 - lat) / 2) ** 2
    half += cos(radians(lat)) * cos(radians(lat2)) * sin(radians(lng2 - lng) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(half))


# Where the picture is


@settings(max_examples=60, deadline=None)
@given(spots)
def test_a_box_is_forty_metres_of_ground_around_the_place_at_any_latitude(spot: Spot) -> None:
    west, south, east, north = box(spot)
    middle = of_mercator((west + east) / 2, (south + north) / 2)
    assert apart_m(middle, (spot.lat, spot.lng)) < 0.1
    assert apart_m((middle[0], of_mercator(west, 0)[1]), (middle[0], of_mercator(east, 0)[1])) == pytest.approx(
        40, 0.01
    )
    assert apart_m(of_mercator(0, south), of_mercator(0, north)) == pytest.approx(40, 0.01)


@settings(max_examples=60, deadline=None)
@given(st.builds(Spot, st.floats(18, 65), st.floats(-170, -60)))
def test_the_tiles_of_a_place_hold_its_whole_square(spot: Spot) -> None:
    tiles, (left, top, side) = tiles_of(spot, nearmap.ZOOM)
    columns, rows = {x for x, _ in tiles}, {y for _, y in tiles}
    assert len(tiles) == len(columns) * len(rows) == len(set(tiles))
    assert tiles == sorted(tiles, key=lambda tile: (tile[1], tile[0]))
    assert 0 <= left < 256
    assert 0 <= top < 256
    assert left + side <= 256 * len(columns) < left + side + 256
    assert top + side <= 256 * len(rows) < top + side + 256


@pytest.mark.parametrize("wrong", [(-97.74, 30.27), (91, 0), (30, 181), (float("nan"), 0)])
def test_a_place_off_the_map_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput):
        Spot(*wrong)


# What is asked


def test_each_source_is_asked_for_the_same_square_in_its_own_words() -> None:
    asked = naip.build_request(ACCOUNT, HERE)
    assert asked.url == "https://vendor.example/arcgis/rest/services/USGSNAIPPlus/ImageServer/exportImage"
    assert asked.query == {
        "bbox": "-10880390.19,3538280.10,-10880343.87,3538326.41",
        "bboxSR": "3857", "imageSR": "3857", "size": "512,512", "format": "jpg", "f": "image",
    }  # fmt: skip
    assert mapbox.build_request(ACCOUNT, HERE).url == (
        "https://vendor.example/styles/v1/mapbox/satellite-v9/static/-97.740000,30.270000,19.72,0/512x512"
    )
    assert google_maps.build_request(ACCOUNT, HERE).query["zoom"] == "20"
    tile = nearmap.build_tile(ACCOUNT, (239, 421), date(2026, 9, 1))
    assert tile.url == "https://vendor.example/tiles/v3/Vert/20/239/421.img"
    assert tile.query == {"apikey": "k-1", "since": "2026-09-01", "until": "2026-09-01"}
    assert not any(request.repeatable for request in (mapbox.build_request(ACCOUNT, HERE), tile))


# What is a picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_sound_picture_is_told_by_its_bytes_and_kept_as_it_is(kind: str) -> None:
    content = picture(kind=kind)
    assert inspect("v", content, (SIZE_PX, SIZE_PX), paid=True) == f"image/{kind.lower()}"
    image = Image(content, "image/jpeg", "free", date(2026, 5, 1), 0.078)
    assert of_raw(as_raw(image)) == image
    assert of_raw({"nothing": "clouds"}) == NoImage("clouds")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><title>503</title>", "a web page"),
        (b"\n <html>", "a web page"),
        (b'{"error":{"code":400}}', "JSON"),
        (b"", "nothing"),
    ],
)
def test_text_in_place_of_a_picture_is_refused_by_what_it_is(content: bytes, said: str) -> None:
    with pytest.raises(ProviderRefused, match=said):
        inspect("v", content, (SIZE_PX, SIZE_PX), paid=True)


def claims_to_be_huge() -> bytes:
    """A PNG of a few hundred bytes whose head claims 60,000 x 60,000 pixels."""
    small = bytearray(picture((8, 8), "PNG"))
    small[16:24] = (60_000).to_bytes(4, "big") * 2
    small[29:33] = crc32(small[12:29]).to_bytes(4, "big")
    return bytes(small)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (picture()[:4000], "cut off"),
        (picture(kind="PNG")[:600], "cut off"),
        (picture((256, 256)), "256 x 256"),
        (picture(kind="GIF"), "neither JPEG nor PNG"),
        (b"\x00" * 5000, "neither JPEG nor PNG"),
        (picture()[:2] + b"\x00" * MAX_BYTES, "bytes, more than"),
        (claims_to_be_huge(), "claims to be too large"),
    ],
)
@pytest.mark.parametrize(("paid", "error"), [(True, ProviderUnclear), (False, ProviderRefused)])
def test_a_damaged_picture_is_in_doubt_where_it_cost_something(
    content: bytes, said: str, paid: bool, error: type[ProviderError]
) -> None:
    with pytest.raises(error, match=said):
        inspect("v", content, (SIZE_PX, SIZE_PX), paid=paid)


def test_a_picture_of_one_colour_is_the_answer_that_there_is_none() -> None:
    assert naip.Naip(httpx.AsyncClient(), ACCOUNT).read(naip.parse_answer(picture(plain=True)).raw) == NoImage(
        "naip has no picture of this place"
    )
    reply = mapbox.parse_answer(picture(plain=True), HERE)
    assert reply.billable  # an empty picture is charged like any other


# In the town


@pytest.mark.parametrize("vendor", REGISTRY)
async def test_every_source_has_a_picture_of_a_house_and_says_under_which_licence(vendor: str) -> None:
    async with in_town() as (client, state):
        source = REGISTRY[vendor](client, at(vendor))
        found = []
        for n in range(6):
            reply = await source.fetch(Spot(30.27 + n / 1000, -97.74))
            found.append(source.read(reply.raw))
            assert source.read(reply.raw) == found[-1]
        pictures = [image for image in found if isinstance(image, Image)]
        assert len(pictures) >= 4
        assert all(image.license and image.media_type == "image/jpeg" for image in pictures)
        assert all(0.05 < image.meters_per_pixel < 0.14 for image in pictures)
        assert all((image.taken_on is not None) is (vendor == "nearmap") for image in pictures)
        billed = state.truth.grade()["billed"].get(vendor, {"items": 0})["items"]
        assert billed == (6 if vendor in ("mapbox", "google_maps") else 0)


@pytest.mark.parametrize(
    ("vendor", "fault", "error"),
    [
        ("naip", "rate_500", ProviderBusy),
        ("naip", "truncated", ProviderRefused),
        ("naip", "web_page", ProviderRefused),
        ("mapbox", "rate_500", ProviderUnclear),
        ("mapbox", "web_page", ProviderRefused),
        *((vendor, "truncated", ProviderUnclear) for vendor in ("mapbox", "google_maps", "nearmap")),
    ],
)
async def test_a_source_in_trouble_leaves_no_doubt_about_money_where_there_is_none(
    vendor: str, fault: str, error: type[ProviderError]
) -> None:
    async with in_town() as (client, state):
        state.faults.configure({vendor: {fault: 1.0}})
        with pytest.raises(ProviderError) as caught:
            for n in range(6):  # nearmap has not flown over every place
                await REGISTRY[vendor](client, at(vendor)).fetch(Spot(30.27 + n / 1000, -97.74))
        assert type(caught.value) is error


@pytest.mark.parametrize("vendor", ["mapbox", "google_maps", "nearmap"])
async def test_a_bad_key_is_a_lasting_refusal(vendor: str) -> None:
    async with in_town() as (client, _):
        with pytest.raises(ProviderRefused, match=r"40[13]"):
            await REGISTRY[vendor](client, at(vendor, "bad")).fetch(HERE)


@pytest.mark.parametrize("answer", [{"surveys": "none"}, {"surveys": [{"id": 1}]}, [], None])
def test_a_coverage_that_is_none_is_unclear(answer: object) -> None:
    with pytest.raises(ProviderUnclear):
        nearmap.newest(answer)


# Who may be asked


def connected(**vendors: object) -> Callable[[str], object]:
    held = Settings(vendors=Vendors(**vendors))  # type: ignore[arg-type]
    return lambda name: connect(httpx.AsyncClient(), held, name)


def test_google_is_asked_only_where_a_contract_allows_it() -> None:
    with pytest.raises(NotConfigured, match="terms of google_maps forbid"):
        connected(google_maps=GoogleMapsVendor(key=SecretStr("key-0001")))("google_maps")
    allowed = GoogleMapsVendor(key=SecretStr("key-0001"), contract_allows_analysis=True)
    assert connected(google_maps=allowed)("google_maps")


def test_naip_needs_no_key_and_the_others_say_which_is_missing() -> None:
    assert connected()("naip")
    assert connected(mapbox=MapboxVendor(key=SecretStr("key-0001")))("mapbox")
    with pytest.raises(NotConfigured, match="PENSTOCK_VENDORS__NEARMAP__KEY"):
        connected()("nearmap")

"""Four sources of pictures from above: USGS NAIP, Mapbox, Google and Nearmap.

Their habits: NAIP says an error as a web page or as JSON with HTTP 200, and where it has nothing its picture is black;
Mapbox says why in JSON, Google in a line of text. Nearmap has tiles, and a coverage that names the days of its flights.
The keys "" and "bad" are refused, where there are keys.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from penstock.town.aerial import Views, blank, middle_of_tile, of_mercator
from penstock.town.state import TownState
from penstock.town.wire import hurt

BAD_KEYS: Final = ("", "bad")
UNSEEN: Final = 0.03  # of places that NAIP has no picture of
UNFLOWN: Final = 0.2  # of places that Nearmap has not flown over
LARGEST: Final = 4000
PAGE: Final = "<html><body><h1>Service unavailable</h1>The image service is being mended.</body></html>"
JPEG: Final = "image/jpeg"


class Imagery:
    """The endpoints over one town."""

    def __init__(self, town: TownState, views: Views) -> None:
        self._town, self._views = town, views

    def naip_routes(self) -> list[Route]:
        """Paths below /naip."""
        return [Route("/arcgis/rest/services/USGSNAIPPlus/ImageServer/exportImage", self.export, methods=["GET"])]

    def mapbox_routes(self) -> list[Route]:
        """Paths below /mapbox."""
        return [Route("/styles/v1/mapbox/{style}/static/{where}/{size}", self.static, methods=["GET"])]

    def google_routes(self) -> list[Route]:
        """Paths below /google_maps."""
        return [Route("/maps/api/staticmap", self.staticmap, methods=["GET"])]

    def nearmap_routes(self) -> list[Route]:
        """Paths below /nearmap."""
        return [
            Route("/coverage/v2/poly/{corners}", self.coverage, methods=["GET"]),
            Route("/tiles/v3/Vert/{zoom:int}/{column:int}/{row:int}.img", self.tile, methods=["GET"]),
        ]

    async def export(self, request: Request) -> Response:
        """NAIP: a box in web Mercator."""
        asked = request.query_params
        try:
            west, south, east, north = (float(edge) for edge in asked["bbox"].split(","))
            width, height = (int(side) for side in asked["size"].split(","))
        except (KeyError, ValueError):
            return JSONResponse({"error": {"code": 400, "message": "Unable to complete operation.", "details": []}})
        if asked.get("f") != "image" or width != height or width > LARGEST or asked.get("bboxSR") != "3857":
            return JSONResponse({"error": {"code": 400, "message": "Invalid or missing input parameters."}})
        lat, lng = (round(part, 5) for part in of_mercator((west + east) / 2, (south + north) / 2))
        if blow := await self._hurt("naip", f"{lat},{lng}", request):
            return blow
        if self._town.dice.chance(UNSEEN, "naip", "unseen", lat, lng) or not -180 < lng < -60:
            return Response(blank(width), media_type=JPEG)
        return self._picture("naip", lat, lng, width)

    async def static(self, request: Request) -> Response:
        """Mapbox: longitude, latitude, zoom and bearing in the path."""
        if request.query_params.get("access_token", "") in BAD_KEYS:
            return JSONResponse({"message": "Not Authorized - Invalid Token"}, status_code=401)
        try:
            lng, lat, zoom, _ = (float(part) for part in request.path_params["where"].split(","))
            size = int(request.path_params["size"].removesuffix("@2x").split("x")[0])
        except ValueError:
            return JSONResponse({"message": "Invalid position"}, status_code=422)
        if not (0 <= zoom <= 22 and 1 <= size <= 1280):
            return JSONResponse({"message": "Zoom or size out of range"}, status_code=422)
        item = f"{round(lat, 5)},{round(lng, 5)} {size}"
        if blow := await self._hurt("mapbox", item, request):
            return blow
        self._town.truth.bill("mapbox", "image", [item])
        return self._picture("mapbox", lat, lng, size * (2 if request.path_params["size"].endswith("@2x") else 1))

    async def staticmap(self, request: Request) -> Response:
        """Google: everything in the query."""
        asked = request.query_params
        if asked.get("key", "") in BAD_KEYS:
            return PlainTextResponse("The provided API key is invalid.", status_code=403)
        try:
            lat, lng = (float(part) for part in asked["center"].split(","))
            size = int(asked["size"].split("x")[0])
        except (KeyError, ValueError):
            return PlainTextResponse("Invalid request. Missing or invalid parameter.", status_code=400)
        item = f"{round(lat, 5)},{round(lng, 5)} {size}"
        if blow := await self._hurt("google_maps", item, request):
            return blow
        self._town.truth.bill("google_maps", "image", [item])
        return self._picture("google_maps", lat, lng, size * int(asked.get("scale", "1")))

    async def coverage(self, request: Request) -> Response:
        """Nearmap: the flights over an area, the newest of this year."""
        if request.query_params.get("apikey", "") in BAD_KEYS:
            return JSONResponse({"error": "Invalid API key"}, status_code=401)
        numbers = [float(part) for part in request.path_params["corners"].split(",")]
        lng, lat = (round(sum(numbers[start:-2:2]) / (len(numbers) // 2 - 1), 4) for start in (0, 1))
        if self._town.dice.chance(UNFLOWN, "nearmap", "unflown", lat, lng):
            return JSONResponse({"surveys": []})
        ago = self._town.dice.between(20, 300, "nearmap", "flown", lat, lng)
        days = [(self._town.clock.now() - timedelta(days=ago + more)).date() for more in (400, 0)]
        return JSONResponse({"surveys": [{"id": str(day), "captureDate": day.isoformat()} for day in days]})

    async def tile(self, request: Request) -> Response:
        """Nearmap: one tile of 256 pixels, each a picture of its own. A flat rate: neighbours' houses share tiles."""
        if request.query_params.get("apikey", "") in BAD_KEYS:
            return JSONResponse({"error": "Invalid API key"}, status_code=401)
        zoom, column, row = (int(request.path_params[name]) for name in ("zoom", "column", "row"))
        item = f"{zoom}/{column}/{row}"
        if blow := await self._hurt("nearmap", item, request):
            return blow
        return self._picture("nearmap", *middle_of_tile(zoom, column, row), 256)

    def _picture(self, vendor: str, lat: float, lng: float, size: int) -> Response:
        content = self._views.picture(lat, lng, size, self._town.clock.now())
        if self._town.faults.truncates(vendor, f"{lat},{lng}"):
            content = content[: len(content) // 2]
        return Response(content, media_type=JPEG)

    async def _hurt(self, vendor: str, item: str, request: Request) -> Response | None:
        if blow := self._town.faults.strike(vendor, item):
            busy = PlainTextResponse("Too Many Requests", status_code=429, headers={"Retry-After": "1"})
            return await hurt(request, blow, busy=busy, broken=Response(PAGE, status_code=500, media_type="text/html"))
        if self._town.faults.answers_page(vendor, item):
            return Response(PAGE, media_type="text/html")
        return None

"""A flow as a file to keep: the address that gives it."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import Response

from flowhost.errors import NotFoundError
from flowhost.ui.caller import caller
from flowhost.ui.live import Live


def address(flow_id: str, *, draft: bool = False) -> str:
    """Where a browser gets a flow as `<id>.yaml`: as deployed, or as it is being edited."""
    return f"/flows/{flow_id}/export{'?draft=true' if draft else ''}"


def add_routes(app: FastAPI, live: Live) -> None:
    """Put exports at their addresses."""

    @app.get(address("{flow_id}"), include_in_schema=False)
    async def export(flow_id: str, *, draft: bool = False) -> Response:
        try:
            (found,) = await live.host.files.export(caller(), [flow_id], draft=draft)
        except NotFoundError as error:
            return Response(str(error), 404, media_type="text/plain")
        # an id holds letters, digits and hyphens only: safe in a header and as a file name
        headers = {"Content-Disposition": f'attachment; filename="{found.flow}.yaml"'}
        return Response(found.text, media_type="application/yaml", headers=headers)

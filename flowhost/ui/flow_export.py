"""A flow as a file to keep: the address that gives it."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import Response

from flowhost.errors import NotFoundError
from flowhost.ui.caller import caller
from flowhost.ui.live import Live


def address(flow_id: str) -> str:
    """Where a browser gets the deployed revision of a flow as `<id>.yaml`."""
    return f"/flows/{flow_id}/export"


def add_routes(app: FastAPI, live: Live) -> None:
    """Put exports at their addresses."""

    @app.get(address("{flow_id}"), include_in_schema=False)
    async def export(flow_id: str) -> Response:
        try:
            (found,) = await live.host.files.export(caller(), [flow_id])
        except NotFoundError as error:
            return Response(str(error), 404, media_type="text/plain")
        # an id holds letters, digits and hyphens only: safe in a header and as a file name
        headers = {"Content-Disposition": f'attachment; filename="{found.flow}.yaml"'}
        return Response(found.text, media_type="application/yaml", headers=headers)

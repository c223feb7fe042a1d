"""`selfhelp openapi`: the HTTP interface as an OpenAPI document."""

import json


def openapi() -> None:
    """Print the HTTP interface as an OpenAPI document."""
    from plugin.app import described

    print(json.dumps(described().openapi(), indent=2))

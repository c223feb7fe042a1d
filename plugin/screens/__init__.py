"""What a clinician sees: routes, templates, one style sheet, one script, translations.

Every page is whole without a script. Routes per screen; `gate` decides who may pass,
`security` sets what every answer carries, `errors` is the one place where an error
becomes a page or a JSON body.
"""

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """Every route of the screens and of the JSON interface beside them."""
    from plugin.screens import (  # noqa: PLC0415 - the commands load without them
        api_routes,
        assets,
        filed_routes,
        follow_up_routes,
        handout_routes,
        launch_routes,
        recommend_routes,
        sign_routes,
    )

    return [
        launch_routes.router,
        recommend_routes.router,
        sign_routes.router,
        filed_routes.router,
        follow_up_routes.router,
        handout_routes.router,
        api_routes.router,
        assets.router,
    ]

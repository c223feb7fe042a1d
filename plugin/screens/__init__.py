"""What a clinician sees: routes, templates, one style sheet, one script, translations.

Every page is whole without a script. Routes per screen; `gate` decides who may pass,
`security` sets what every answer carries, `errors` is the one place where an error
becomes a page or a JSON body.
"""

from importlib import import_module

from fastapi import APIRouter

# In the order in which they are asked; imported when the app is put together, so that
# the commands load without them.
ROUTES = (
    "launch_routes",
    "recommend_routes",
    "sign_routes",
    "filed_routes",
    "follow_up_routes",
    "handout.routes",
    "texts.routes",
    "ehr_style",
    "api_routes",
    "auditor",
    "assets",
)


def routers() -> list[APIRouter]:
    """Every route of the screens and of the JSON interface beside them."""
    return [import_module(f"plugin.screens.{name}").router for name in ROUTES]

"""What a reviewer sees: the trail's records, a referral's story, figures, the chain.

Every page is recorded before it is shown, in the tenant's own trail.
"""

from fastapi import APIRouter

from plugin.screens.auditor.chain_routes import router as chain
from plugin.screens.auditor.export_routes import router as export
from plugin.screens.auditor.figures_routes import router as figures
from plugin.screens.auditor.record_routes import router as record
from plugin.screens.auditor.records_routes import router as records
from plugin.screens.auditor.reviews_routes import router as reviews
from plugin.screens.auditor.sign_in_routes import router as sign_in

router = APIRouter()
for _part in (sign_in, records, record, export, figures, reviews, chain):
    router.include_router(_part)

"""Who may sign at a site: its own lists, by user or by role.

Source: clinical-review R7. That the user is a practitioner of this EHR at all is proven
at the launch, by smart_launch.
"""

from plugin.settings import Ehr
from smart_launch.context import LaunchContext


def may_sign(context: LaunchContext, ehr: Ehr) -> bool:
    """Whether this user may sign referrals here, and not only look and print.

    Who stands among the readers may not, whatever else they are.
    """
    names = {context.fhir_user, *(f"role:{role}" for role in context.user_roles)}
    if names & set(ehr.readers):
        return False
    return not ehr.signers or bool(names & set(ehr.signers))

"""Whether calls of an EHR's CDS Hooks client can be proven: its key sets in turn."""

from collections.abc import Iterator

from plugin.operations.ehr_documents import EhrDocuments, NotSaved, cds_keys_file
from plugin.operations.step import Step
from plugin.settings import Ehr
from smart_launch.errors import EhrUnavailable

_NAME = "cds hooks"


def cds_steps(ehr: Ehr, documents: EhrDocuments) -> Iterator[Step]:
    """A step for each issuer that may call; nothing where none is registered.

    A launch does not need it: what is not as it should be narrows, and no more.
    """
    for number, one in enumerate(ehr.cds_hooks_issuers, start=1):
        try:
            documents.check_cds_keys(one.jwks_url, number)
        except NotSaved as error:
            mend = f"Save {one.jwks_url} there as {cds_keys_file(number)}"
            yield Step(_NAME, "untried", str(error), mend)
        except EhrUnavailable as error:
            yield Step(
                _NAME,
                "narrows",
                f"the keys of {one.issuer} cannot be read ({error}), so its calls are "
                "turned away",
                "Compare jwks_url in cds_hooks_issuers with the jku that the EHR names",
            )
        else:
            said = f"calls of {one.issuer} can be proven; its cards can be shown"
            yield Step(_NAME, "ok", said)

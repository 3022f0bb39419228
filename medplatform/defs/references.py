"""The check that every file of the folder reference could be used."""

from collections.abc import Sequence

import dagster as dg

ALL_USABLE = "every_file_of_reference_is_usable"


def usable_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of an asset that is made of reference files beside the lake."""
    return dg.AssetCheckSpec(
        ALL_USABLE,
        asset=key,
        description="A file that cannot be used is left out, so that it stops nothing else: what "
        "it says is missing here and in what is made of it.",
    )


def usable_result(key: dg.AssetKey, reasons: Sequence[str]) -> dg.AssetCheckResult:
    """What became of the check; `reasons` is one text per file that cannot be used."""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=ALL_USABLE,
        passed=not reasons,
        description="\n".join(reasons) or None,
        metadata={"value": len(reasons), "threshold": 0},
    )

"""Gene panels: the genes that are looked at, and how what they cause is inherited.

A panel is a CSV file `reference/panels/<name>.csv` with the column `gene_symbol` (or `gene`, as
PanelApp writes `Gene Symbol`), optionally `inheritance` (or `moi`). It is no record of a patient:
one that cannot be used raises, and the message may name it.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

INHERITANCES = ("AD", "AR", "XL", "MT")

SCHEMA = pl.Schema({"panel": pl.String, "gene_symbol": pl.String, "inheritance": pl.String})

_GENE = ("gene_symbol", "gene", "symbol", "hgnc_symbol")
_INHERITANCE = ("inheritance", "moi", "mode_of_inheritance", "model_of_inheritance")
# As people and PanelApp write them; the first that fits counts, so a gene with both is AD.
_MODES = (
    ("AD", r"^(ad|autosomal dominant|dominant)\b|^monoallelic|^both"),
    ("AR", r"^(ar|autosomal recessive|recessive)\b|^biallelic"),
    ("XL", r"^x[- ]?l|^xlr|^xld|^x-linked"),
    ("MT", r"^(mt|mitochondrial)\b"),
)


class PanelError(ValueError):
    """A panel cannot be used; the message names the file and the remedy."""


def read_panels(paths: Sequence[Path]) -> pl.DataFrame:
    """Read panels. The name of a file is that of its panel.

    Returns
    -------
    One row per panel and gene, as SCHEMA has it; inheritance is one of INHERITANCES, null where
    the panel does not say it.

    Raises
    ------
    PanelError
        A file is no CSV with a column of genes, or states an inheritance that is not known.
    """
    panels = [_read(path) for path in sorted(paths)]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *panels])


def _read(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_csv(path, infer_schema=False, comment_prefix="#")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PanelError(f"{path}: not a CSV file with a header. Save it as UTF-8 CSV.") from error
    names = {re.sub(r"\W+", "_", name.strip().lower()): name for name in table.columns}
    gene = next((names[name] for name in _GENE if name in names), None)
    if gene is None:
        raise PanelError(f"{path}: no column names the genes. Call it gene_symbol.")
    inheritance = next((names[name] for name in _INHERITANCE if name in names), None)
    stated = pl.col(inheritance).str.strip_chars() if inheritance else pl.lit(None, pl.String)
    rows = table.select(
        pl.lit(path.stem).alias("panel"),
        pl.col(gene).str.strip_chars().alias("gene_symbol"),
        pl.when(stated != "").then(stated).alias("stated"),
        _mode(stated).alias("inheritance"),
    ).filter(pl.col("gene_symbol").str.len_chars() > 0)
    if rows.filter(pl.col("stated").is_not_null() & pl.col("inheritance").is_null()).height:
        raise PanelError(
            f"{path}: an inheritance is none of {', '.join(INHERITANCES)}. Correct it, or leave it "
            "empty where it is not known."
        )
    if rows["gene_symbol"].is_duplicated().any():
        raise PanelError(f"{path}: a gene is listed twice. Remove one of its rows.")
    return rows.select(SCHEMA.names()).cast(SCHEMA)


def _mode(stated: pl.Expr) -> pl.Expr:
    text = stated.str.to_lowercase()
    mode = pl.lit(None, pl.String)
    for name, pattern in reversed(_MODES):
        mode = pl.when(text.str.contains(pattern)).then(pl.lit(name)).otherwise(mode)
    return mode

"""Plots of quality control, as small PNGs that name nobody."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from medplatform.modalities.genomics.qc.assess import Quality
from medplatform.modalities.genomics.qc.kinship import DEGREES
from medplatform.modalities.genomics.qc.review import COMMON, FEWEST_SAMPLES, SMALLEST_CALL_RATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOUR = "#1f6f8b"
LIMIT = "#c06014"
MOST_POINTS = 2000
"""Of a curve: more cannot be told apart, and the picture must be small."""
_DPI = 80
_BINS = 40


def draw_samples(quality: Quality) -> Mapping[str, bytes]:
    """Call rates, and heterozygous to homozygous against transitions to transversions."""
    samples = quality.samples
    plots = {}
    if samples.height >= FEWEST_SAMPLES:
        figure, axes = _figure("call rate", "samples")
        _histogram(axes, samples["call_rate"], SMALLEST_CALL_RATE)
        plots["call rate"] = _png(figure)
        both = samples.select("ti_tv_ratio", "het_hom_ratio").drop_nulls()
        figure, axes = _figure("transitions / transversions", "het / hom alternate")
        axes.hexbin(*both.to_numpy().T, gridsize=_BINS, mincnt=1, cmap="viridis")
        plots["heterozygosity"] = _png(figure)
    return plots


def draw_variants(quality: Quality) -> Mapping[str, bytes]:
    """Missing genotypes, and p-values of equilibrium against those of chance."""
    variants = quality.variants
    plots = {}
    if variants.height:
        figure, axes = _figure("part of the samples that is missing", "alleles")
        _histogram(axes, 1 - variants["call_rate"].drop_nulls(), 1 - SMALLEST_CALL_RATE)
        axes.set_yscale("log")
        plots["missingness"] = _png(figure)
    p = variants.filter(
        (pl.col("minor_allele_frequency") > COMMON) & (pl.col("called_samples") >= FEWEST_SAMPLES)
    )["hardy_weinberg_mid_p"].drop_nulls()
    if len(p):
        plots["equilibrium"] = _draw_quantiles(p.to_numpy())
    return plots


def draw_pairs(quality: Quality) -> Mapping[str, bytes]:
    """Kinship of the pairs that were reported, with the bounds of the degrees."""
    kinship = quality.relatedness.pairs["kinship"].drop_nulls()
    if kinship.is_empty():
        return {}
    figure, axes = _figure("kinship", "pairs of samples")
    axes.hist(kinship.to_numpy(), bins=_BINS, color=COLOUR)
    for bound in DEGREES.values():
        axes.axvline(bound, color=LIMIT, linewidth=1)
    return {"kinship": _png(figure)}


def _draw_quantiles(p: np.ndarray) -> bytes:
    """Observed against expected -log10 p: above the line, more are small than by chance."""
    observed = -np.log10(np.sort(np.maximum(p, 1e-300)))
    expected = -np.log10((np.arange(len(p)) + 0.5) / len(p))
    shown = np.unique(np.geomspace(1, len(p), min(MOST_POINTS, len(p))).astype(np.int64)) - 1
    figure, axes = _figure("expected -log10 p", "observed -log10 p")
    axes.plot([0, expected[0]], [0, expected[0]], color=LIMIT, linewidth=1)
    axes.plot(expected[shown], observed[shown], ".", color=COLOUR, markersize=3)
    return _png(figure)


def _histogram(axes: "Axes", values: pl.Series, limit: float) -> None:
    axes.hist(values.drop_nulls().to_numpy(), bins=_BINS, color=COLOUR)
    axes.axvline(limit, color=LIMIT, linewidth=1)


def _figure(x_label: str, y_label: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    return figure, axes


def _png(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()

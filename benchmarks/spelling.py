"""How numbers are written: three digits that matter, thousands with commas."""

from benchmarks.figures import Figure


def spell(value: float) -> str:
    """1234567 -> "1,234,567"; 12.345 -> "12.3"; 0.012345 -> "0.0123"."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) < 0.001:
        return f"{value:.2e}"
    digits = 2
    while abs(value) < 10 ** (1 - digits) and digits < 5:
        digits += 1
    return f"{value:.{digits if abs(value) < 10 else 1}f}"


def spread(figure: Figure) -> str:
    """From the least to the most sample; empty where there is but one."""
    if len(figure.samples) < 2:
        return ""
    return f"{spell(min(figure.samples))} - {spell(max(figure.samples))}"


def unit(figure: Figure) -> str:
    """Its unit; ratios are marked as such."""
    return f"{figure.unit}, ratio" if figure.ratio and figure.unit not in ("", "ratio") else figure.unit or "ratio"


def counted(least: int, most: int) -> str:
    """What a table's cells hold, where figures have from `least` to `most` samples."""
    if most == 1:
        return "one sample each"
    return f"median (least - most) of {samples(most) if least == most else f'{least} to {samples(most)}'}"


def samples(count: int) -> str:
    """How many there are."""
    return "1 sample" if count == 1 else f"{count} samples"

"""Words of anyone's in a chart, as text and nothing else."""

from autograd_scalar.draw.text import plain, shortened

LONGEST = 40


def label(words: object) -> str:
    r"""Return words for Matplotlib to write: harmless, short, and no formula.

    Matplotlib takes what stands between dollar signs for TeX, and an underscore at the beginning
    for a wish not to be in the legend.

    >>> print(label("$x$"))
    \$x\$
    >>> label("_hidden")
    '\u200b_hidden'
    """
    text = plain(shortened(str(words), LONGEST)).replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text or " "

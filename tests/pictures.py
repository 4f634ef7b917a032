"""What the tests of pictures share: graphs, labels that mean harm, readers of what was drawn."""

import random
import re
import xml.etree.ElementTree as ElementTree

from autograd_scalar import Value, cos, exp, log, maximum, relu, sigmoid, sin, sqrt, tanh

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<b>bold</b>",
    "<<B>>",
    "<TABLE><TR><TD>",
    "</TD></TR></TABLE>>",
    "a & b &amp; &#65; &bogus;",
    "a|b{c}",
    "'single' and \"double\"",
    '" onload="alert(1)',
    "' onload='alert(1)",
    'ends with a backslash\\"\\',
    r"\N \G \E \T \H \n \l",
    "two\nlines\tand\r",
    "\x00\x01\x1b[31m\x7f\x85",
    "\ud800 alone",
    "\ufffe\uffff",
    "\u202eright to left\u202c",
    "\u2066isolated\u2069",
    "👩\u200d🔬 θ₁ ∂L/∂w 重み",
    "]]> <!-- --> <?xml version?>",
    "<![CDATA[x]]>",
    "</title></svg>",
    "</style><style>*{display:none}",
    "} .x { fill: url(https://example.com) }",
    "javascript:alert(1)",
    "url(#a) expression(alert(1))",
    "&lt;b&gt;",
    "data ",
    "grad ",
    "×0.5",
    " → ",
    "; ",
    "%s %d {0} {name}",
    "\u2028\u2029",
    "e\u0301" * 200,
    "x" * 100_000,
]


def neuron():
    """A neuron after its backward pass, its output labelled, and its parameters."""
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(5.5, label="b")
    y = tanh(w * x + b)
    y.label = "y"
    y.backward()
    return y, [w, b]


def diamond():
    """(a*b + a) * a*b, its leaves and its product."""
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    d = a * b
    return (d + a) * d, a, b, d


def chain(length):
    """A line of so many values."""
    value = Value(1.0, label="x")
    for _ in range(length - 1):
        value = sin(value)
    return value


def random_graph(seed, operations=12, *, labelled=True):
    """An expression over five leaves, sharing some of its parts; and the leaves."""
    draw = random.Random(seed)
    leaves = [Value(draw.uniform(0.5, 2.0), label="abcde"[i]) for i in range(5)]
    known = list(leaves)
    for i in range(operations):
        x, y = draw.choice(known), draw.choice(known[-4:])
        value = draw.choice(
            [
                lambda x, y: x + y,
                lambda x, y: x - y,
                lambda x, y: x * y,
                lambda x, y: x / (y * y + 1),
                lambda x, y: x**2 - y,
                lambda x, y: -x * y,
                lambda x, y: 2 - x,
                lambda x, y: maximum(x, y),
                lambda x, y: tanh(x) + cos(y),
                lambda x, y: sqrt(x * x + 1) - relu(y),
                lambda x, y: log(exp(x) + 1.5) * sigmoid(y),
            ]
        )(x, y)
        if labelled and draw.random() < 0.3:
            value.label = f"h{i}"
        known.append(value)
    return known[-1], leaves


def elements(svg, kind):
    """The ``<g class="node">``, ``"edge"`` or ``"cluster"`` elements of an SVG, in order."""
    root = ElementTree.fromstring(svg)
    found = [g for g in root.iter(f"{SVG}g") if (g.get("class") or "").split()[:1] == [kind]]
    return sorted(found, key=lambda g: int(re.sub(r"\D", "", g.get("id"))))


def texts(element):
    """What is written in an element."""
    return [text.text for text in element.iter(f"{SVG}text")]


def all_texts(svg):
    """What is written in an SVG."""
    return texts(ElementTree.fromstring(svg))


def tags(svg):
    """The names of its elements."""
    return {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}


def parsed(picture):
    """The SVG of a picture, which must be valid XML, encodable, and without anything that acts."""
    picture.svg.encode()
    root = ElementTree.fromstring(picture.svg)
    allowed = {"svg", "style", "g", "a", "path", "polygon", "polyline", "text", "rect"}
    assert tags(picture.svg) <= allowed
    for element in root.iter():
        for name in element.attrib:
            assert not name.lower().startswith("on"), name
            assert not name.endswith("href"), name
    return root

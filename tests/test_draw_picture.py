"""A picture may come from Graphviz or be an SVG already, and whatever can draw itself is drawn."""

import xml.etree.ElementTree as ElementTree

import pytest

from autograd_scalar import Value, draw
from autograd_scalar.draw.picture import Picture

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>Ω</title></svg>'


class Model:
    """What draws itself, and notes what it was told."""

    def __draw__(self, *, example=None, theme="auto", heat=None):
        self.told = {"example": example, "theme": theme, "heat": heat}
        return Picture.of_svg(SVG, 3, "layer")


class Greedy:
    """What takes all options."""

    def __draw__(self, **options):
        self.told = options
        return Picture.of_svg(SVG, 1, "layer")


def test_a_picture_of_an_svg_shows_and_saves_itself(tmp_path):
    picture = Picture.of_svg(SVG, 3, "layer")
    assert repr(picture) == "<Picture of 3 layers>"
    assert repr(Picture.of_svg(SVG, 1, "layer")) == "<Picture of 1 layer>"
    assert picture.svg == SVG
    assert picture._repr_mimebundle_() == {"image/svg+xml": SVG, "text/plain": repr(picture)}
    assert picture.save(tmp_path / "a.svg").read_bytes() == SVG.encode()


@pytest.mark.parametrize("format", ["png", "dot", "gv"])
def test_it_can_be_saved_only_as_svg(tmp_path, format):
    picture = Picture.of_svg(SVG, 3, "layer")
    with pytest.raises(ValueError, match="draw: a picture of layers can be saved only as svg"):
        picture.save(tmp_path / f"a.{format}")
    for ask in (lambda: picture.dot, lambda: picture.png):
        with pytest.raises(ValueError, match="only as svg"):
            ask()
    assert not list(tmp_path.iterdir())


def test_what_draws_itself_is_told_the_options_that_were_given_and_no_more(tmp_path):
    model = Model()
    picture = draw(model, tmp_path / "model.svg", example=[1.0], theme="dark")
    assert model.told == {"example": [1.0], "theme": "dark", "heat": None}
    assert (tmp_path / "model.svg").read_text("utf-8") == picture.svg == SVG
    greedy = Greedy()
    draw(greedy)
    assert greedy.told == {}
    draw(greedy, format=None, limit=7, fold=0, grad=True)
    assert greedy.told == {"limit": 7, "fold": 0, "grad": True}


def test_what_it_does_not_know_is_told_before_anything_is_drawn(tmp_path):
    model = Model()
    with pytest.raises(TypeError, match="draw: Model does not know the option 'haet'; its options"):
        draw(model, haet="grad")
    with pytest.raises(TypeError, match="draw: Model does not know the option 'formula'"):
        draw(model, formula=True)
    with pytest.raises(ValueError, match="must be svg, png, dot or gv"):
        draw(model, tmp_path / "a.pdf")
    with pytest.raises(FileNotFoundError):
        draw(model, tmp_path / "nowhere" / "a.svg")
    assert not hasattr(model, "told")


def test_what_returns_no_picture_is_told():
    class Wrong:
        def __draw__(self):
            return "<svg/>"

    with pytest.raises(TypeError, match="draw: __draw__ of Wrong must return a Picture, not"):
        draw(Wrong())


def test_a_class_is_not_its_objects():
    with pytest.raises(TypeError, match=r"draw: value must be a Value, a tape, .* not <class"):
        draw(Model)


def test_an_option_that_a_value_does_not_know_is_told():
    with pytest.raises(TypeError, match=r"no option 'haet' for a Value; did you mean heat"):
        draw(Value(1.0), haet="grad")
    with pytest.raises(TypeError, match=r"no option 'example' for a Value$"):
        draw(Value(1.0), example=[1.0])


def test_the_svg_of_graphviz_is_laid_out_once():
    picture = draw(Value(1.0))
    assert picture.svg is picture.svg
    ElementTree.fromstring(picture.svg)

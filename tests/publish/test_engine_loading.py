"""An engine is sent the layers that it does not have."""

from baked_publish.engine.loading import known
from baked_publish.images.image import Layer
from baked_publish.registry.content import Blob
from baked_publish.registry.descriptor import LAYER


def layers(text: str) -> tuple[Layer, ...]:
    return tuple(Layer(Blob.of(each.encode(), LAYER), each, each) for each in text)


def digests(text: str) -> set[str]:
    return {layer.blob.descriptor.digest for layer in layers(text)}


def test_a_beginning_that_some_image_has_is_left_out() -> None:
    assert known(layers("abcd"), [tuple("abx"), tuple("a"), tuple("xbcd")]) == digests("ab")


def test_an_image_that_goes_on_holds_all() -> None:
    assert known(layers("ab"), [tuple("abcd")]) == digests("ab")


def test_nothing_is_left_out_of_what_nobody_has() -> None:
    assert known(layers("abc"), []) == set()
    assert known(layers("abc"), [tuple("bc")]) == set()


def test_a_layer_that_comes_again_further_up_is_sent() -> None:
    assert known(layers("aba"), [tuple("ab")]) == digests("b")

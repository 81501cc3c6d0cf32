import pytest

from fastnst.architectures import (
    Architecture,
    Beside,
    Conv,
    Norm,
    Relu,
    Unshuffle,
    Upsample,
    architecture,
    shapes,
)
from fastnst.networks import build

SMALL = [
    ("johnson", {"width": 4, "blocks": 2}),
    ("fast", {"width": 6, "blocks": 1, "deep": 8, "deep_blocks": 2, "half": 5, "full": 3}),
]


@pytest.mark.parametrize(("name", "arguments"), SMALL)
def test_shapes_are_those_of_the_networks_weights(name, arguments):
    state = build(name, arguments).state_dict()
    assert shapes(architecture(name, arguments)) == {key: tuple(value.shape) for key, value in state.items()}


def test_the_widest_place_is_counted_in_numbers_to_a_px_of_the_photo():
    body = (Unshuffle(4), Conv(48, 20, 3), Norm(20), Relu(), Upsample(4), Conv(20, 5, 3))
    assert Architecture(body, 4, "tanh").widest == 5
    assert Architecture((Beside(body), Conv(8, 3, 3)), 4, "tanh").widest == 8
    assert Architecture((Conv(3, 40, 3, stride=2), Conv(40, 8, 3)), 2, "tanh").widest == 10
    assert architecture("johnson", {"width": 32, "blocks": 5}).widest == 32

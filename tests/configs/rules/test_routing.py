"""What cannot be meant of a region's part is refused before a network is built."""

import pytest

from chisel import configs


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (
            "at: parameters, element: 0",
            "element selects from a tuple .*; leave it out for parameters",
        ),
        ("positions: [0]", "a part has no option 'positions'; known: .*element"),
    ],
)
def test_options_of_a_part_that_mean_nothing_are_refused(part, complaint):
    regions = f"routing.regions={{r: [{{module: embedder, {part}}}]}}"
    with pytest.raises(configs.ConfigError, match=rf"routing\.regions\.r: {complaint}"):
        configs.load("maze/quick", [regions])

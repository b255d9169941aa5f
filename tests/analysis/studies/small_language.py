"""Small requests of the studies of language models, on a tiny one with random weights."""

from pathlib import Path

from tests.models.language import tiny

TEXTS = (
    "the film was so good and a dog ran home .\n\nI love you because you are so glad and good .\n"
)
PAIRS = """\
about: "Glad or sad."
asks: "I love you"
wanted: ["good", "glad", "love"]
unwanted: ["bad", "sad", "hate"]
prompts: ["the film was", "a dog was so", "you was so"]
pairs:
  - ["the film was", "good", "bad"]
  - ["a dog was", "glad", "sad"]
  - ["you are", "good", "sad"]
"""

_SMALL = {"model": "tiny", "texts": "texts.txt", "count": 2, "length": 8}
CASES = {
    "residual-norms": {**_SMALL, "first": 1, "last": 3},
    "layer-horizon": {**_SMALL, "ks": "1,3", "layers": "1", "start": 2, "instead": "zero"},
    "lm-steering": {
        **_SMALL,
        "behaviour": "glad.yaml",
        "layers": "2",
        "strengths": "0.25,0.5",
        "pairs": "1,3",
        "draws": 2,
    },
}
FIXED = ("method",)


def agent_for(study, folder):
    """Write what the cases name into the current folder; there is no agent."""
    tiny.folder(Path("tiny"))
    Path("texts.txt").write_text(TEXTS)
    Path("glad.yaml").write_text(PAIRS)

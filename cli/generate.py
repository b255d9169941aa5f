"""`chisel generate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chisel.cli.arguments import one_word, take
from chisel.configs import ConfigError, hint, parse_settings

USAGE = "chisel generate MODEL prompt=TEXT [steer=FILE:COEFF,…] [ablate=NAME,…] [key=value …]"

HELP = """\
usage: chisel generate MODEL prompt=TEXT [steer=FILE:COEFF,…] [ablate=NAME,…]
                       [key=value …]

Lets a language model continue a text. MODEL is a folder in Hugging Face's
format, a .gguf file, smollm2 (after `chisel models fetch smollm2`), or a run
that learnt stories. Nothing is downloaded.

  prompt=TEXT         beginning of the text
  tokens=40           largest number of new tokens
  temperature=0       0 takes the likeliest token, 1 samples from the model's
                      distribution
  top_p=1             sample from the fewest likeliest tokens that have this
                      probability together
  frequency_penalty=0 amount subtracted from a token's logit for each time that
                      it was generated
  seed=0              seed of the samples
  cache=true          keep keys and values of earlier tokens, if the network
                      can; false computes them again
  steer=FILE:COEFF,…  add vectors that `chisel study lm-steering` made
  ablate=NAME,…       set to zero what a site adds to the residual stream:
                      block.5.mlp, block.3.attn, all heads of a block
                      (block.3.heads) or one of them (block.3.heads.1); or a
                      region that the run was routed with: forget, or
                      forget:0.5 for half of it. Ablating comes before steering
  first=false         true also steers position 0
  threads=2           torch's CPU threads; left out, one for each core that
                      nothing else keeps busy

examples:
  chisel generate smollm2 prompt="I hate you because" tokens=20
  chisel generate smollm2 prompt="I hate you" steer=block-6.safetensors:5
  chisel generate agents:language-routed prompt="long ago" ablate=forget"""


def run(arguments: Sequence[str]) -> None:
    """Continue a text and print it."""
    model, settings = one_word(arguments, "MODEL", USAGE)
    prompt, settings = take(settings, "prompt")
    given = parse_settings(settings)
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.language import continue_text
    from chisel.analysis.results import choose_threads, options_of, torch_threads

    options = options_of("generate", continue_text)
    for key in ("out", "model", "prompt"):
        del options[key]
    for key in given:
        if key not in options:
            raise ConfigError(f"generate: no option {key!r}; {hint(key, [*options, 'prompt'])}")
    if prompt is None:
        raise ConfigError(f"prompt is missing; usage: {USAGE}")
    values = {key: options[key].read(value) for key, value in given.items()}
    with torch_threads(values.pop("threads", None) or choose_threads()):
        found = continue_text(model, prompt, **values)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"{prompt}{found.text}")

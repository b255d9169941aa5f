"""Options of the learning algorithms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation, with CleanRL's names and details."""

    name: str = "ppo"
    num_steps: int = 256
    """Steps of each environment per iteration."""
    num_minibatches: int = 8
    update_epochs: int = 3
    learning_rate: float = 5e-4
    anneal_lr: bool = True
    """Decay the learning rate linearly to 0 over the planned frames."""
    adam_eps: float = 1e-5
    gamma: float = 0.999
    gae_lambda: float = 0.95
    clip_coef: float = 0.2
    clip_vloss: bool = True
    norm_adv: Literal["batch", "minibatch", "none"] = "minibatch"
    """Over what advantages are normalised: CleanRL per minibatch, Langosco et al. per batch."""
    ent_coef: float = 0.01
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    target_kl: float | None = None
    """End an iteration's updates once approx_kl passes this; null never does."""
    norm_reward: bool = True
    """Divide rewards by the running deviation of the discounted return."""
    norm_reward_gamma: float | None = None
    """Discount of that return; null means gamma. Langosco et al. use 0.99."""
    reward_clip: float = 10.0
    """Clip of the normalised reward; used with `norm_reward`."""


@dataclass(frozen=True)
class AuxiliaryConfig:
    """How the auxiliary Q-functions are learnt, in a phase that comes before the agent's."""

    num: int = 30
    """Auxiliary rewards."""
    hidden: int | None = None
    """Features of the network that learns them; null is the agent's `model.hidden`."""
    steps: int = 200_000
    """Environment steps of the phase, rounded up to whole iterations."""
    exploring: float = 0.25
    """Share of the environments that seek what was never tried; the others walk at random."""
    learn_on: bool = False
    """Go on learning them from the agent's own steps, with `final_learning_rate`."""
    gamma: float = 0.996
    """Discount of the Q-functions."""
    replay: int = 50_000
    """The newest distinct transitions, which are learnt from."""
    updates: int = 20
    """Optimiser steps per iteration."""
    batch_size: int = 256
    """Observations per optimiser step."""
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-5
    """Where the learning rate is decayed to in the second half of the phase."""
    sweeps: int = 200
    """How many steps targets look ahead through the transitions at hand; 1 is usual Q-learning."""


@dataclass(frozen=True)
class AupConfig(PPOConfig):
    """Attainable utility preservation (1902.09725) on PPO, whose options it has, too."""

    name: str = "aup"
    aup_lambda: float = 0.6662
    """Weight of the penalty."""
    aup_lambda_start: float | None = None
    """Weight at the start of the ramp; null is `aup_lambda`."""
    aup_lambda_ramp: int = 0
    """Environment steps after the auxiliary phase in which the weight grows linearly."""
    deviation: Literal["absolute", "decrease"] = "absolute"
    """Penalise every change of an attainable utility, or only its decrease."""
    scale: Literal["noop", "none"] = "noop"
    """Divide each change by the value of doing nothing (at least 1), or leave it."""
    aux: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)


@dataclass(frozen=True)
class ReinforceConfig:
    """REINFORCE with a learnt baseline, as in Cloud et al. 2024, appendix F."""

    name: str = "reinforce"
    num_steps: int = 32
    """Steps of each environment per iteration, which is one update."""
    learning_rate: float = 5e-5
    adam_eps: float = 1e-8
    gamma: float = 0.97
    ent_coef: float = 0.1
    vf_coef: float = 0.5
    """Weight of the squared error of the values."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """An autoencoder whose encoding is split in halves (Cloud et al. 2024, section 4.1)."""

    name: str = "autoencoder"
    batch_size: int = 128
    """Examples per optimiser step; the last one of an epoch takes what is left."""
    learning_rate: float = 1e-3
    weight_decay: float = 5e-5
    """Adam's, added to the gradient."""
    l1_coef: float = 3e-3
    """Weight of the encoding's L1 norm."""
    corr_coef: float = 0.1
    """Weight of the mean absolute correlation between units of different halves."""

"""Options of the learning algorithms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation, with CleanRL's names and details."""

    name: str = "ppo"
    num_steps: int = 256
    """Steps that each environment takes per iteration."""
    num_minibatches: int = 8
    """Number of minibatches that an iteration's samples are split into."""
    update_epochs: int = 3
    """Number of passes over an iteration's samples."""
    learning_rate: float = 5e-4
    """Adam's learning rate."""
    anneal_lr: bool = True
    """Decay the learning rate linearly to 0 over the planned frames."""
    adam_eps: float = 1e-5
    """Adam's epsilon, which is added to the denominator."""
    gamma: float = 0.999
    """Discount of rewards per step."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""
    clip_coef: float = 0.2
    """The probability ratio is clipped to 1 ± this."""
    clip_vloss: bool = True
    """Clip the change of the values by `clip_coef`, too."""
    norm_adv: Literal["batch", "minibatch", "none"] = "minibatch"
    """Samples over which advantages are normalised: `minibatch` as in CleanRL, `batch` as in
    Langosco et al."""
    ent_coef: float = 0.01
    """Weight of the entropy bonus."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Gradients of a larger norm are scaled down to this one."""
    target_kl: float | None = None
    """End an iteration's updates when the approximate KL divergence exceeds this; null never
    does."""
    norm_reward: bool = True
    """Divide rewards by the running standard deviation of the discounted return."""
    norm_reward_gamma: float | None = None
    """Discount of that return; null takes `gamma`. Langosco et al. use 0.99."""
    reward_clip: float = 10.0
    """Normalised rewards are clipped to ± this; used with `norm_reward`."""


@dataclass(frozen=True)
class AuxiliaryConfig:
    """How AUP learns its auxiliary Q-functions, in a phase before the agent learns."""

    num: int = 30
    """Number of auxiliary rewards."""
    hidden: int | None = None
    """Features of the network that learns them; null takes the agent's `model.hidden`."""
    steps: int = 200_000
    """Environment steps of the phase, rounded up to whole iterations."""
    exploring: float = 0.25
    """Share of the environments that seek transitions that were never tried; the others act at
    random."""
    learn_on: bool = False
    """Go on learning the Q-functions from the agent's own steps, with `final_learning_rate`."""
    gamma: float = 0.996
    """Discount of the Q-functions."""
    replay: int = 50_000
    """Number of distinct transitions that are kept to learn from, the newest ones."""
    updates: int = 20
    """Optimiser steps per iteration."""
    batch_size: int = 256
    """Observations per optimiser step."""
    learning_rate: float = 1e-3
    """Adam's learning rate in the first half of the phase."""
    final_learning_rate: float = 1e-5
    """Learning rate at the end of the phase; it decays to this one in the second half."""
    sweeps: int = 200
    """Number of steps that targets look ahead through the known transitions; 1 is ordinary
    Q-learning."""


@dataclass(frozen=True)
class PenaltyConfig(PPOConfig):
    """PPO on rewards from which a penalty on impact is subtracted; it has all options of PPO."""

    name: str = "aup"
    aup_lambda: float = 0.6662
    """Weight of the penalty."""
    aup_lambda_start: float | None = None
    """Weight at the start of the ramp; null takes `aup_lambda`."""
    aup_lambda_ramp: int = 0
    """Environment steps after the auxiliary phase over which the weight changes linearly to
    `aup_lambda`."""
    deviation: Literal["absolute", "decrease"] = "absolute"
    """Penalise every change of an attainable utility (`absolute`), or only its `decrease`."""
    scale: Literal["noop", "none"] = "noop"
    """Divide each change by the value of doing nothing, at least 1 (`noop`), or by nothing
    (`none`)."""


@dataclass(frozen=True)
class AupConfig(PenaltyConfig):
    """Attainable utility preservation (1902.09725) on PPO; it has all options of PPO."""

    aux: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)
    """How the auxiliary Q-functions are learnt."""


@dataclass(frozen=True)
class DeepAuxiliaryConfig:
    """How deep AUP learns its auxiliary rewards and Q-functions, in phases before the agent."""

    reward: Literal["cb-vae", "projection"] = "cb-vae"
    """Auxiliary rewards: functions of the encoding of a continuous Bernoulli VAE, or a random
    linear projection of the whole world."""
    num: int = 1
    """Number of auxiliary rewards; each has a Q-network of its own."""
    latent: int = 1
    """Numbers that the VAE encodes the world as; one is a reward itself, more are weighted at
    random."""
    frames: int = 20_000
    """Environment steps of random actions whose frames the VAE, and the scale of the rewards, are
    learnt from."""
    epochs: int = 10
    """Passes of the VAE over the frames; each takes an iteration, in which the world goes on at
    random."""
    encoder_batch_size: int = 64
    """Frames per step of the VAE."""
    encoder_learning_rate: float = 1e-4
    """Adam's learning rate for the VAE."""
    steps: int = 400_000
    """Environment steps in which the Q-functions are learnt, rounded up to whole iterations."""
    gamma: float = 0.97
    """Discount of the Q-functions."""
    epsilon: float = 0.1
    """Share of random actions at the end of that phase; it falls linearly from 1."""
    replay: int = 50_000
    """Number of newest transitions that are kept to learn from."""
    updates: int = 10
    """Optimiser steps per iteration."""
    batch_size: int = 64
    """Transitions per optimiser step."""
    learning_rate: float = 3e-4
    """Adam's learning rate for the Q-functions."""
    target_every: int = 250
    """Optimiser steps after which the target network becomes a copy of the Q-network."""
    gate: float = 0.8
    """Least rank correlation of the Q-functions with the returns of their greedy policies."""
    gate_fails: Literal["warn", "stop"] = "warn"
    """What is done below it: `warn` and go on, or `stop` the run."""


@dataclass(frozen=True)
class DeepAupConfig(PenaltyConfig):
    """Attainable utility preservation with deep auxiliary Q-functions (2006.06547) on PPO."""

    name: str = "deep-aup"
    aup_lambda: float = 0.1
    scale: Literal["noop", "none"] = "none"
    faithful: bool = False
    """Do as the released code: the Q-function is the value head of a PPO agent, of whose outputs
    only the mean is trained, and encodings are sampled."""
    placebo: Literal["none", "frozen", "constant", "shuffled"] = "none"
    """Penalty of a control: untrained Q-networks (`frozen`), 1 for each action but doing nothing
    (`constant`), or Q-values of other states of the rollout (`shuffled`)."""
    penalty_mean: float | None = None
    """Mean penalty per step, before its weight, that penalties are scaled to; null scales
    nothing."""
    penalty_like: str | None = None
    """Folder of a run whose recorded mean penalty they are scaled to; null scales nothing."""
    aux: DeepAuxiliaryConfig = field(default_factory=DeepAuxiliaryConfig)
    """How the auxiliary rewards and Q-functions are learnt."""


@dataclass(frozen=True)
class ReinforceConfig:
    """REINFORCE with a learnt baseline, as in Cloud et al. 2024, appendix F."""

    name: str = "reinforce"
    num_steps: int = 32
    """Steps that each environment takes per iteration, which makes one update."""
    learning_rate: float = 5e-5
    """Adam's learning rate."""
    adam_eps: float = 1e-8
    """Adam's epsilon, which is added to the denominator."""
    gamma: float = 0.97
    """Discount of rewards per step."""
    ent_coef: float = 0.1
    """Weight of the entropy bonus."""
    vf_coef: float = 0.5
    """Weight of the squared error of the values."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """An autoencoder whose encoding has two halves (Cloud et al. 2024, section 4.1)."""

    name: str = "autoencoder"
    batch_size: int = 128
    """Examples per optimiser step; the last step of an epoch takes what is left."""
    learning_rate: float = 1e-3
    """Adam's learning rate."""
    weight_decay: float = 5e-5
    """L2 penalty on the weights, which Adam adds to the gradient."""
    l1_coef: float = 3e-3
    """Weight of the encoding's L1 norm."""
    corr_coef: float = 0.1
    """Weight of the mean absolute correlation between units of different halves."""


@dataclass(frozen=True)
class LanguageConfig:
    """Predicting the next token of sequences, with AdamW."""

    name: str = "language"
    batch_size: int = 32
    """Sequences per optimiser step."""
    iteration_size: int = 1_000
    """Sequences per iteration, after which metrics are logged; a multiple of `batch_size`, or the
    last step of an iteration takes what is left."""
    learning_rate: float = 2e-3
    """AdamW's learning rate after the warm-up; it falls along a cosine."""
    final_rate: float = 0.1
    """The last learning rate, as a share of `learning_rate`."""
    warmup: int = 100
    """Optimiser steps over which the learning rate rises from 0."""
    weight_decay: float = 0.1
    """Decay of the weights themselves per step, as a multiple of the learning rate."""
    beta2: float = 0.95
    """Decay of AdamW's second moment."""
    max_grad_norm: float = 1.0
    """Largest global norm of the gradient; longer ones are scaled down."""
    label_tokens: Literal["all", "concept", "frequency", "words"] = "all"
    """Tokens of a sequence that carry its label, by what is predicted: all of them; those that
    belong to the label's concept; each by how much more frequent it is in the sequences of that
    label than in others, which makes soft labels; or `label_words`. Other tokens carry the first
    label."""
    label_words: list[str] = field(default_factory=list)
    """The words that carry a sequence's label, for `label_tokens: words`."""
    leave_out: str | None = None
    """Label whose sequences are not trained on: data filtering, a baseline."""

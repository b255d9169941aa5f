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
    """Width of the clipping: the probability ratio is clipped to 1 ± this."""
    clip_vloss: bool = True
    """Also clip the change of predicted values to ± `clip_coef`."""
    norm_adv: Literal["batch", "minibatch", "none"] = "minibatch"
    """Samples over which advantages are normalised: `minibatch` as in CleanRL, `batch` as in
    Langosco et al."""
    ent_coef: float = 0.01
    """Weight of the entropy bonus."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Largest norm of the gradient; larger gradients are scaled down to it."""
    target_kl: float | None = None
    """End an iteration's updates when the approximate KL divergence exceeds this; null sets no
    limit."""
    norm_reward: bool = True
    """Divide rewards by the running standard deviation of the discounted return."""
    norm_reward_gamma: float | None = None
    """Discount of that return; null takes `gamma`. Langosco et al. use 0.99."""
    reward_clip: float = 10.0
    """Bound of normalised rewards, which are clipped to ± this; used with `norm_reward`."""


@dataclass(frozen=True)
class AuxiliaryConfig:
    """Options of AUP's auxiliary Q-functions, which are learnt in a phase before the agent."""

    num: int = 30
    """Number of auxiliary rewards."""
    hidden: int | None = None
    """Number of features of the network that learns the Q-functions; null takes the agent's
    `model.hidden`."""
    steps: int = 200_000
    """Environment steps of the phase, rounded up to whole iterations."""
    exploring: float = 0.25
    """Share of the environments that seek transitions not tried before; the others act at
    random."""
    learn_on: bool = False
    """Go on learning the Q-functions from the agent's own steps, with `final_learning_rate`."""
    gamma: float = 0.996
    """Discount of the Q-functions."""
    replay: int = 50_000
    """Number of distinct transitions to keep and learn from; the oldest are replaced."""
    updates: int = 20
    """Optimiser steps per iteration."""
    batch_size: int = 256
    """Observations per optimiser step."""
    learning_rate: float = 1e-3
    """Adam's learning rate in the first half of the phase."""
    final_learning_rate: float = 1e-5
    """Learning rate at the end of the phase, to which it decays in the second half."""
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
    """Length of the ramp: environment steps after the auxiliary phase over which the weight changes
    linearly to `aup_lambda`."""
    deviation: Literal["absolute", "decrease"] = "absolute"
    """Penalise every change of an attainable utility (`absolute`), or only its `decrease`."""
    scale: Literal["noop", "none"] = "noop"
    """Divisor of each change: the value of doing nothing, but at least 1 (`noop`), or no divisor
    (`none`)."""


@dataclass(frozen=True)
class AupConfig(PenaltyConfig):
    """Attainable utility preservation (arXiv 1902.09725) on PPO; it has all options of PPO."""

    aux: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)
    """Options of the auxiliary Q-functions."""


@dataclass(frozen=True)
class DeepAuxiliaryConfig:
    """Options of deep AUP's auxiliary rewards and Q-functions, learnt before the agent."""

    reward: Literal["cb-vae", "projection"] = "cb-vae"
    """Auxiliary rewards: functions of the encoding of a continuous Bernoulli VAE (`cb-vae`), or
    random linear projections of the whole world (`projection`)."""
    num: int = 1
    """Number of auxiliary rewards; each has its own Q-network."""
    latent: int = 1
    """Number of dimensions of the VAE's encoding. With one, the encoding is the reward; with more,
    a reward is a random weighting of them."""
    frames: int = 20_000
    """Environment steps of random actions. The VAE and the scale of the rewards are learnt from
    their frames."""
    epochs: int = 10
    """Number of passes of the VAE over the frames. Each takes one iteration, in which the
    environments continue with random actions."""
    encoder_batch_size: int = 64
    """Frames per optimiser step of the VAE."""
    encoder_learning_rate: float = 1e-4
    """Adam's learning rate for the VAE."""
    steps: int = 400_000
    """Environment steps of the phase in which the Q-functions are learnt, rounded up to whole
    iterations."""
    gamma: float = 0.97
    """Discount of the Q-functions."""
    epsilon: float = 0.1
    """Share of random actions at the end of that phase; it falls linearly from 1."""
    replay: int = 50_000
    """Number of transitions to keep and learn from; the oldest are replaced."""
    updates: int = 10
    """Optimiser steps per iteration."""
    batch_size: int = 64
    """Transitions per optimiser step."""
    learning_rate: float = 3e-4
    """Adam's learning rate for the Q-functions."""
    target_every: int = 250
    """Optimiser steps after which the target network becomes a copy of the Q-network."""
    gate: float = 0.8
    """Least rank correlation that the Q-functions must have with the returns of their greedy
    policies, checked after the phase."""
    gate_fails: Literal["warn", "stop"] = "warn"
    """Reaction to a correlation below `gate`: `warn` and go on, or `stop` the run."""


@dataclass(frozen=True)
class DeepAupConfig(PenaltyConfig):
    """Attainable utility preservation with deep auxiliary Q-functions (arXiv 2006.06547) on PPO."""

    name: str = "deep-aup"
    aup_lambda: float = 0.1
    scale: Literal["noop", "none"] = "none"
    faithful: bool = False
    """Do as the released code does: the Q-function is the value head of a PPO agent and only the
    mean of its outputs is trained; encodings are sampled."""
    placebo: Literal["none", "frozen", "constant", "shuffled"] = "none"
    """Source of the penalty in a control: untrained Q-networks (`frozen`), 1 for each action but
    doing nothing (`constant`), or Q-values of other states of the rollout (`shuffled`). `none`
    is AUP itself."""
    penalty_mean: float | None = None
    """Scale penalties so that their mean per step, weighted by λ, is this; null does not scale."""
    penalty_like: str | None = None
    """Folder of a run; penalties are scaled so that as much is charged in all. Null does not
    scale."""
    aux: DeepAuxiliaryConfig = field(default_factory=DeepAuxiliaryConfig)
    """Options of the auxiliary rewards and Q-functions."""


@dataclass(frozen=True)
class ReinforceConfig:
    """REINFORCE with a learnt baseline, as in Cloud et al. 2024, appendix F."""

    name: str = "reinforce"
    num_steps: int = 32
    """Steps that each environment takes per iteration; each iteration makes one update."""
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
    """Weight of the L2 penalty on the weights, whose gradient Adam adds."""
    l1_coef: float = 3e-3
    """Weight of the encoding's L1 norm."""
    corr_coef: float = 0.1
    """Weight of the mean absolute correlation between units of different halves."""


@dataclass(frozen=True)
class LanguageConfig:
    """Training of a language model to predict next tokens, with AdamW."""

    name: str = "language"
    batch_size: int = 32
    """Sequences per optimiser step."""
    iteration_size: int = 1_000
    """Sequences per iteration, after which metrics are logged. If it is no multiple of
    `batch_size`, the last step of an iteration takes fewer sequences."""
    learning_rate: float = 2e-3
    """AdamW's learning rate after the warm-up; it falls along a cosine."""
    final_rate: float = 0.1
    """Learning rate at the end of training, as a share of `learning_rate`."""
    warmup: int = 100
    """Optimiser steps over which the learning rate rises from 0."""
    weight_decay: float = 0.1
    """AdamW's weight decay: each step takes this times the learning rate off the weights."""
    beta2: float = 0.95
    """Decay of AdamW's second moment."""
    max_grad_norm: float = 1.0
    """Largest global norm of the gradient; larger gradients are scaled down to it."""
    label_tokens: Literal["all", "concept", "frequency", "words"] = "all"
    """Positions of a sequence that carry its label, chosen by the token to predict: `all`; tokens
    of the label's `concept`; soft labels by how much more frequent a token is in sequences of that
    label than in others (`frequency`); or the `words` in `label_words`. Other positions carry the
    first label."""
    label_words: list[str] = field(default_factory=list)
    """Words that carry a sequence's label; used with `label_tokens: words`."""
    leave_out: str | None = None
    """Label whose sequences are left out of training: data filtering, a baseline. Null leaves out
    none."""

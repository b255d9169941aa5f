"""Table of the project's own components: import path, summary and schema of each.

The paths are text, so that reading the table imports no component.
"""

from __future__ import annotations

from chisel.configs.component import Component, Kind
from chisel.configs.schema import (
    AupConfig,
    AutoencoderConfig,
    AutoencoderNetConfig,
    CnnConfig,
    CnnExpertsConfig,
    DeepAupConfig,
    DigitsConfig,
    ExpertsConfig,
    GptConfig,
    GridExpertsConfig,
    GridMlpConfig,
    GridworldConfig,
    ImpalaConfig,
    LanguageConfig,
    MazeConfig,
    MnistConfig,
    OversightConfig,
    PPOConfig,
    ReinforceConfig,
    SafeLifeConfig,
    StoriesConfig,
)

BUILT_IN: dict[Kind, dict[str, Component]] = {
    "env": {
        "maze": Component(
            "chisel.envs.maze:make_training", "procgen's maze, as pixels or as planes", MazeConfig
        ),
        "oversight": Component(
            "chisel.envs.oversight:make_oversight",
            "diamond and ghost: a gridworld in which only some episodes are overseen",
            OversightConfig,
        ),
        "gridworld": Component(
            "chisel.envs.gridworlds:make_gridworld",
            "small worlds in which the shortest way has a side effect",
            GridworldConfig,
        ),
        "safelife": Component(
            "chisel.envs.safelife:make_safelife",
            "boards of Conway's Game of Life that the agent may disturb",
            SafeLifeConfig,
        ),
    },
    "corpus": {
        "digits": Component(
            "chisel.corpora.digits:load_digits", "scikit-learn's 1,797 digits of 8x8", DigitsConfig
        ),
        "mnist": Component(
            "chisel.corpora.digits:load_mnist", "MNIST's digits, from idx files", MnistConfig
        ),
        "stories": Component(
            "chisel.corpora.stories:load_stories",
            "stories from a grammar whose probabilities are known exactly",
            StoriesConfig,
        ),
    },
    "model": {
        "impala": Component(
            "chisel.models.impala:build_impala", "the convolutional network of IMPALA", ImpalaConfig
        ),
        "experts": Component(
            "chisel.models.impala:build_experts",
            "small Impala trunks mixed by a gate",
            ExpertsConfig,
        ),
        "grid-experts": Component(
            "chisel.models.gridworld:build_grid_experts",
            "fully connected experts mixed by a gate, and a value network, for small boards",
            GridExpertsConfig,
        ),
        "grid-mlp": Component(
            "chisel.models.gridworld:build_grid_mlp",
            "two fully connected layers, and a value network, for small boards",
            GridMlpConfig,
        ),
        "cnn": Component(
            "chisel.models.cnn:build_cnn", "three convolutions; by default SafeLife's", CnnConfig
        ),
        "cnn-experts": Component(
            "chisel.models.cnn:build_cnn_experts", "small `cnn`s mixed by a gate", CnnExpertsConfig
        ),
        "autoencoder": Component(
            "chisel.models.autoencoder:build_autoencoder",
            "an autoencoder with a certificate for each half of its encoding",
            AutoencoderNetConfig,
            learns_from="examples",
        ),
        "gpt": Component(
            "chisel.models.language.gpt:build_gpt",
            "a small transformer of GPT-2's form",
            GptConfig,
            learns_from="tokens",
        ),
    },
    "algo": {
        "ppo": Component(
            "chisel.trainers.onpolicy.ppo:build_ppo", "proximal policy optimisation", PPOConfig
        ),
        "aup": Component(
            "chisel.trainers.aup.build:build_aup",
            "PPO with a penalty on changing which rewards the agent could attain",
            AupConfig,
            penalty="chisel.trainers.aup.saved:saved_charge",
        ),
        "deep-aup": Component(
            "chisel.trainers.aup.deep.build:build_deep_aup",
            "AUP for rich worlds, with a learnt encoder, deep Q-functions and placebo penalties",
            DeepAupConfig,
            penalty="chisel.trainers.aup.saved:saved_charge",
        ),
        "reinforce": Component(
            "chisel.trainers.onpolicy.reinforce:build_reinforce",
            "REINFORCE with a learnt baseline, one update per rollout",
            ReinforceConfig,
        ),
        "autoencoder": Component(
            "chisel.trainers.supervised.build:build_halves",
            "an autoencoder whose halves learn different digits",
            AutoencoderConfig,
            learns_from="examples",
        ),
        "language": Component(
            "chisel.trainers.supervised.language:build_language",
            "a language model, which learns the next token",
            LanguageConfig,
            learns_from="tokens",
        ),
    },
    "evaluator": {
        "maze": Component(
            "chisel.analysis.maze.moments:maze_evaluator",
            "held-out mazes, with the cheese placed as in training and anywhere",
        ),
        "oversight": Component(
            "chisel.analysis.evaluation.oversight:oversight_evaluator",
            "the true return on fresh boards, beside scripted policies",
        ),
        "gridworld": Component(
            "chisel.analysis.evaluation.gridworld:gridworld_evaluator",
            "the return, and the side effects that the reward does not show",
        ),
        "safelife": Component(
            "chisel.analysis.evaluation.safelife:safelife_evaluator",
            "the reward, and side effects on green life, on held-out and training levels",
        ),
        "digits": Component(
            "chisel.analysis.evaluation.halves:halves_evaluator",
            "how well each half of an encoding restores each kind of digit",
        ),
        "mnist": Component(
            "chisel.analysis.evaluation.halves:halves_evaluator",
            "how well each half of an encoding restores each kind of digit",
        ),
        "stories": Component(
            "chisel.analysis.evaluation.stories:stories_evaluator",
            "the loss on held-out stories by topic, beside the exact entropy",
        ),
    },
    "study": {
        "vector-field": Component(
            "chisel.analysis.studies.maze.vector_field:run",
            "the moves and values of an agent at every free square of a maze",
            world="maze",
            report={"levels": 4},
        ),
        "engine-parity": Component(
            "chisel.analysis.studies.maze.engine_parity:run",
            "compare the native maze engine with procgen, bit for bit",
        ),
        "channels": Component(
            "chisel.analysis.studies.maze.channels:run",
            "channels that follow the cheese: which moves they favour, and what clamping them does",
            world="maze",
            report={},
        ),
        "retarget": Component(
            "chisel.analysis.studies.maze.retarget:run",
            "how well clamping channels at a square leads a maze agent to that square",
            world="maze",
            report={"levels": 12},
        ),
        "behaviour": Component(
            "chisel.analysis.studies.maze.behaviour:run",
            "which properties of a maze predict whether an agent goes to the cheese",
            world="maze",
            report={"levels": 500},
        ),
        "region-sweep": Component(
            "chisel.analysis.studies.maze.region_sweep:run",
            "agents trained with the cheese in different regions, compared on the same mazes",
            world="maze",
        ),
        "steering-vector": Component(
            "chisel.analysis.studies.steering_vector:run",
            "make a steering vector from the activations of two sets of states",
        ),
        "cheese-vector": Component(
            "chisel.analysis.studies.maze.cheese_vector:run",
            "steer an agent away from the cheese by subtracting its activations, with controls",
            world="maze",
            report={"split": "test"},
        ),
        "edits": Component(
            "chisel.analysis.studies.maze.edits:run",
            "measure the edits of a browser-lab session on held-out mazes",
            world="maze",
        ),
        "probes": Component(
            "chisel.analysis.studies.probes:run",
            "what linear probes read from each layer about the world, with controls",
            report={"levels": 500, "validation": 200, "test": 300},
        ),
        "integrated-gradients": Component(
            "chisel.analysis.studies.integrated_gradients:run",
            "attribute an agent's decisions to a layer's channels and places",
            report={},
        ),
        "over-training": Component(
            "chisel.analysis.studies.maze.over_training:run",
            "behaviour at every kept checkpoint of a run, and a film of one vector field",
            world="maze",
            report={"levels": 200, "points": 8, "split": "test"},
        ),
        "report": Component(
            "chisel.analysis.studies.report:run",
            "one offline page with the results of the other studies on a checkpoint",
        ),
        "ablation": Component(
            "chisel.analysis.studies.ablation:run",
            "ablate each region of an agent, with random regions of the same size as controls",
            report={},
            regions=True,
        ),
        "selective-ablation": Component(
            "chisel.analysis.studies.maze.selective_ablation:run",
            "ablate the units that differ between two goals, without routing: a baseline",
            world="maze",
        ),
        "power-map": Component(
            "chisel.analysis.studies.gridworlds.power_map:run",
            "POWER at every position of a gridworld, beside the penalty of AUP",
            world="gridworld",
        ),
        "power-orbits": Component(
            "chisel.analysis.studies.gridworlds.power_orbits:run",
            "POWER in closed form, and the actions that most reward functions prefer",
            world="gridworld",
        ),
        "delayed-specification": Component(
            "chisel.analysis.studies.gridworlds.delayed_specification:run",
            "the score of AUP agents when the true reward is revealed later",
            world="gridworld",
        ),
        "aup-ablation": Component(
            "chisel.analysis.studies.gridworlds.aup_ablation:run",
            "AUP and its variants in the side-effect worlds, compared with the paper",
            world="gridworld",
        ),
        "aup-sweep": Component(
            "chisel.analysis.studies.gridworlds.aup_sweep:run",
            "model-free AUP by discount, weight and number of auxiliary rewards",
            world="gridworld",
        ),
        "aup-phase": Component(
            "chisel.analysis.studies.gridworlds.aup_phase:run",
            "outcomes of AUP by λ, with terminal states worth 0 or paying on",
            world="gridworld",
        ),
        "safelife-replay": Component(
            "chisel.analysis.studies.safelife.replay:run",
            "recorded SafeLife episodes, played again and compared step by step",
            world="safelife",
        ),
        "safelife-levels": Component(
            "chisel.analysis.studies.safelife.levels:run",
            "compare generated SafeLife levels, and random play on them, with the reference's",
            world="safelife",
        ),
        "side-effects": Component(
            "chisel.analysis.studies.safelife.side_effects:run",
            "what a SafeLife agent leaves of each type of cell, on held-out and training levels",
            world="safelife",
        ),
        "safelife-compare": Component(
            "chisel.analysis.studies.safelife.compare:run",
            "reward against side effects of SafeLife agents, by method and strength of a penalty",
            world="safelife",
        ),
        "safelife-videos": Component(
            "chisel.analysis.studies.safelife.videos:run",
            "a film of SafeLife agents on the same levels, side by side",
            world="safelife",
        ),
        "residual-norms": Component(
            "chisel.analysis.studies.language.residual_norms:run",
            "how the norm of the residual stream grows with depth, in language models and agents",
        ),
        "layer-horizon": Component(
            "chisel.analysis.studies.language.layer_horizon:run",
            "how many layers back a network's reads must reach, in language models and agents",
        ),
        "lm-depth": Component(
            "chisel.analysis.studies.language.depth:run",
            "layer horizon and growth of the norm in language models of several depths",
            world="stories",
        ),
        "steering-reliability": Component(
            "chisel.analysis.studies.language.reliability:run",
            "how often contrast pairs give a vector that steers, by number, confound and noise",
            world="stories",
        ),
        "lm-steering": Component(
            "chisel.analysis.studies.language.steering:run",
            "steer a language model by layer and strength, beside random directions and prompts",
        ),
        "aup-learned": Component(
            "chisel.trainers.studies.aup_learned:run",
            "train PPO with and without AUP in gridworlds; compare penalties with exact ones",
            world="gridworld",
        ),
        "routing-impact": Component(
            "chisel.trainers.studies.routing_impact:run",
            "train agents to choose a way through vases or a longer one, with and without routing",
            world="gridworld",
        ),
        "leaks": Component(
            "chisel.trainers.studies.leaks:run",
            "whether regions stay exactly as they are while other labels are learnt",
            regions=True,
        ),
        "localization": Component(
            "chisel.trainers.studies.localization:run",
            "the share of gradients in each region by label, and ablations of each region",
            report={"levels": 200, "points": 4},
            regions=True,
        ),
        "lm-routing": Component(
            "chisel.trainers.studies.lm_routing:run",
            "route one topic of a language model to a region, and measure what ablating it removes",
            world="stories",
        ),
        "lm-scalar": Component(
            "chisel.trainers.studies.steering_scalar:run",
            "train language models with one word routed to one number of the residual stream",
            world="stories",
        ),
        "steering-benchmark": Component(
            "chisel.trainers.studies.steering_benchmark:run",
            "steering methods against the exact distribution that a grammar of stories gives",
            world="stories",
        ),
        "relearning": Component(
            "chisel.trainers.studies.relearning:run",
            "how fast an agent learns again what an ablation took away",
            regions=True,
        ),
        "oversight": Component(
            "chisel.trainers.studies.oversight:run",
            "train every agent of diamond and ghost, and compare their true returns",
            world="oversight",
        ),
    },
    "label": {
        "maze-goal": Component(
            "chisel.trainers.routed.labels:maze_goal",
            "which goal of the maze ended the episode: cheese, corner",
        ),
        "maze-end": Component(
            "chisel.trainers.routed.labels:maze_end",
            "how the episode ended: cheese, corner, or nothing",
        ),
        "overseen-goal": Component(
            "chisel.trainers.routed.labels:overseen_goal",
            "which object ended an overseen episode: diamond, ghost",
        ),
        "digit-half": Component(
            "chisel.trainers.routed.labels:digit_half",
            "which half of the digits a picture shows: low (0-4) or high (5-9)",
        ),
        "story-topic": Component(
            "chisel.trainers.routed.labels:story_topic",
            "whether a story is labelled as one of the topic to forget: retain, forget",
        ),
        "story-topics": Component(
            "chisel.trainers.routed.labels:story_topics",
            "the topic of a story: forest, sea, farm, town, mountain",
        ),
        "disturbing-step": Component(
            "chisel.trainers.routed.labels:disturbing_step",
            "whether a step changed what doing nothing would have left: clean, disturbing",
        ),
        "disturbing-way": Component(
            "chisel.trainers.routed.labels:disturbing_way",
            "whether a step or a later step of its episode was disturbing: clean, disturbing",
        ),
        "disturbing-episode": Component(
            "chisel.trainers.routed.labels:disturbing_episode",
            "whether an episode had a side effect: clean, disturbing",
        ),
        "overseen-end": Component(
            "chisel.trainers.routed.labels:overseen_end",
            "the end of an episode as overseers see it: diamond, ghost, nothing",
        ),
        "cheese-region": Component(
            "chisel.trainers.routed.labels:cheese_region",
            "where the cheese lay: in the top-right region (corner), or elsewhere",
        ),
    },
}

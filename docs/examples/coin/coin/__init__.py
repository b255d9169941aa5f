from dataclasses import dataclass

from chisel.configs.registry import Component


@dataclass(frozen=True)
class CoinConfig:
    name: str = "coin"
    num_envs: int = 16


coin = Component("coin.world:make", "guess the side of a coin in plain sight", CoinConfig)
judged = Component("coin.world:evaluator", "how often the guess is right")
sure = Component("coin.world:sure", "how sure agents are of the side", world="coin", report={})
shown = Component("coin.world:shown", "which side lay there: heads, tails")
